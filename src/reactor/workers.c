/* SPDX-License-Identifier: BSD-2-Clause */
#include "reactor/workers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "common/log.h"

#define THREADS_MAX 64
#define STACK_SIZE  (256u << 10)
#define PATIENCE    5 /* seconds at the end, before it is worth a log line */

enum { RESULT = 1, WAITS = 3 }; /* places in op->priv */

struct workers {
	int (*run)(struct op *op);
	struct log *log;
	int wake;
	pthread_t ids[THREADS_MAX];
	unsigned threads;

	pthread_mutex_t lock; /* of everything below, and of an op that is in one of the lists */
	pthread_cond_t more;
	struct list jobs, over;
	unsigned waiting, idle; /* jobs; threads that wait for one */
	bool ending;
};

/* The next job, or NULL at the end. Called with the lock. */
static struct op *next_job(struct workers *w)
{
	w->idle++;
	while (list_empty(&w->jobs) && !w->ending)
		pthread_cond_wait(&w->more, &w->lock);
	w->idle--;
	if (list_empty(&w->jobs))
		return NULL;
	struct op *op = list_first(&w->jobs, struct op, link);
	list_del(&op->link);
	op->priv[WAITS] = false;
	w->waiting--;
	return op;
}

static void *work(void *ctx)
{
	const uint64_t one = 1;
	struct workers *w = ctx;
	struct op *op;
	pthread_mutex_lock(&w->lock);
	while ((op = next_job(w))) {
		pthread_mutex_unlock(&w->lock);
		int res = w->run(op);
		pthread_mutex_lock(&w->lock);
		op->priv[RESULT] = (uint64_t)(int64_t)res;
		bool first = list_empty(&w->over);
		list_add_tail(&w->over, &op->link);
		/* A counter that is full wakes as well. */
		if (first && write(w->wake, &one, sizeof(one)) < 0 && errno != EAGAIN)
			abort();
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int workers_new(struct workers **out, int (*run)(struct op *op), int wake, struct log *log)
{
	struct workers *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->run = run;
	w->log = log;
	w->wake = wake;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	list_init(&w->jobs);
	list_init(&w->over);
	*out = w;
	return 0;
}

/* Signals are the reactor's. */
static int add_thread(struct workers *w)
{
	sigset_t all, before;
	pthread_attr_t attr;
	if (w->threads == THREADS_MAX)
		return -EAGAIN;
	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = pthread_create(&w->ids[w->threads], &attr, work, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	w->threads += !err;
	return -err;
}

int workers_submit(struct workers *w, struct op *op)
{
	pthread_mutex_lock(&w->lock);
	bool short_of_hands = w->waiting >= w->idle;
	pthread_mutex_unlock(&w->lock);
	if (short_of_hands && add_thread(w) && !w->threads)
		return -EAGAIN;
	pthread_mutex_lock(&w->lock);
	op->priv[WAITS] = true;
	list_add_tail(&w->jobs, &op->link);
	w->waiting++;
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
	return 0;
}

bool workers_withdraw(struct workers *w, struct op *op)
{
	pthread_mutex_lock(&w->lock);
	bool waits = op->priv[WAITS];
	if (waits) {
		list_del(&op->link);
		op->priv[WAITS] = false;
		w->waiting--;
	}
	pthread_mutex_unlock(&w->lock);
	return waits;
}

void workers_take(struct workers *w, struct list *list)
{
	pthread_mutex_lock(&w->lock);
	list_splice_tail(list, &w->over);
	pthread_mutex_unlock(&w->lock);
}

/* One that hangs in a dead device holds this up for as long: its memory is in the kernel's hands. */
static void join(struct workers *w, pthread_t thread)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE;
	if (pthread_timedjoin_np(thread, NULL, &until) == 0)
		return;
	log_warning(w->log, "waiting for a file or device to let go");
	pthread_join(thread, NULL);
}

void workers_free(struct workers *w)
{
	pthread_mutex_lock(&w->lock);
	list_init(&w->jobs);
	w->ending = true;
	pthread_cond_broadcast(&w->more);
	pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < w->threads; i++)
		join(w, w->ids[i]);
	pthread_cond_destroy(&w->more);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

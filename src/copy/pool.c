/* SPDX-License-Identifier: BSD-2-Clause */
#include "copy/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct io_pool {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct list waiting, over;
	unsigned threads, idle, most;
	bool ending;
	int ready, stop;
};

static void free_it(struct io_pool *p)
{
	close(p->ready);
	close(p->stop);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static void *thread(void *arg)
{
	struct io_pool *p = arg;
	const uint64_t one = 1;
	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (list_empty(&p->waiting) && !p->ending) {
			p->idle++;
			pthread_cond_wait(&p->work, &p->lock);
			p->idle--;
		}
		if (p->ending)
			break;
		struct io_job *job = list_first(&p->waiting, struct io_job, link);
		list_del(&job->link);
		pthread_mutex_unlock(&p->lock);
		job->err = job->run(job);
		pthread_mutex_lock(&p->lock);
		list_add_tail(&p->over, &job->link);
		if (write(p->ready, &one, sizeof(one)) < 0)
			continue; /* a counter that is full is readable, too */
	}
	bool last = !--p->threads;
	pthread_mutex_unlock(&p->lock);
	if (last)
		free_it(p);
	return NULL;
}

int io_pool_new(struct io_pool **out, unsigned most)
{
	struct io_pool *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->ready < 0 || p->stop < 0) {
		int err = -errno;
		if (p->ready >= 0)
			close(p->ready);
		free(p);
		return err;
	}
	p->most = most;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	list_init(&p->waiting);
	list_init(&p->over);
	*out = p;
	return 0;
}

void io_pool_free(struct io_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	bool none = !p->threads;
	p->ending = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	if (none)
		free_it(p);
}

static int one_more(struct io_pool *p)
{
	pthread_t id;
	sigset_t every, before;
	sigfillset(&every);
	pthread_sigmask(SIG_SETMASK, &every, &before);
	int err = pthread_create(&id, NULL, thread, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return -err;
	pthread_detach(id);
	p->threads++;
	return 0;
}

int io_pool_give(struct io_pool *p, struct io_job *job)
{
	int err = 0;
	pthread_mutex_lock(&p->lock);
	list_init(&job->link);
	if (!p->idle && p->threads < p->most)
		err = one_more(p);
	if (!p->threads) {
		pthread_mutex_unlock(&p->lock);
		return err;
	}
	list_add_tail(&p->waiting, &job->link);
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

int io_pool_fd(const struct io_pool *p)
{
	return p->ready;
}

void io_pool_reap(struct io_pool *p)
{
	struct list all;
	uint64_t count;
	if (read(p->ready, &count, sizeof(count)) < 0)
		return;
	list_init(&all);
	pthread_mutex_lock(&p->lock);
	list_splice_tail(&all, &p->over);
	pthread_mutex_unlock(&p->lock);
	while (!list_empty(&all)) {
		struct io_job *job = list_first(&all, struct io_job, link);
		list_del(&job->link);
		job->done(job, job->err);
	}
}

int io_pool_stop_fd(const struct io_pool *p)
{
	return p->stop;
}

void io_pool_stop(struct io_pool *p)
{
	const uint64_t one = 1;
	if (write(p->stop, &one, sizeof(one)) < 0)
		return; /* it is readable already */
}

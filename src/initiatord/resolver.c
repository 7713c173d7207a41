/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of hosts become addresses, on a thread for each: a name server may take its time. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "initiatord/initiatord.h"

struct question {
	struct mail mail;
	struct initiatord *d;
	struct word_resolve name;
	struct errand_out *e;
};

static void answered(struct mail *m)
{
	struct question *q = container_of(m, struct question, mail);
	courier_send(&q->d->courier, q->e);
	free(q);
}

static void *look_up(void *arg)
{
	struct question *q = arg;
	/* It asks the C library, and touches nothing of the reactor's. */
	q->e->order.resolved.count = net_resolve(q->d->r, q->name.host, q->name.port,
						 q->e->order.resolved.addrs, ORDER_ADDRESSES);
	reactor_post(q->d->r, &q->mail, answered);
	return NULL;
}

void resolver_ask(struct initiatord *d, const struct word *w)
{
	pthread_attr_t attr;
	pthread_t thread;
	struct question *q = calloc(1, sizeof(*q));
	struct errand_out *e = errand_out_new(ORDER_RESOLVED, courier_forget, NULL);
	if (!q || !e) {
		free(q);
		free(e);
		return; /* the login ends when its time is up */
	}
	q->d = d;
	q->e = e;
	q->name = w->resolve;
	e->order.session = w->session;
	e->order.resolved.query = w->resolve.query;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	int err = pthread_create(&thread, &attr, look_up, q);
	pthread_attr_destroy(&attr);
	if (err) {
		e->order.resolved.count = -err;
		courier_send(&d->courier, e);
		free(q);
	}
}

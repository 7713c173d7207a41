/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "daemon/child_priv.h"

/* --- orders come in */

static void arrived(struct mail *m)
{
	struct errand *e = container_of(m, struct errand, mail);
	int err = errand_run(e);
	if (err == ERRAND_LATER)
		child_say(e->child, &(struct word){.kind = WORD_LATER, .number = e->order.number});
	else if (err != ERRAND_GONE)
		errand_end(e, err);
}

/* The parent waits for answers, so there are never more than ORDERS_MOST on their way. */
static void *listen_to_parent(void *arg)
{
	struct child *c = arg;
	for (;;) {
		struct errand *e = calloc(1, sizeof(*e));
		int files[2] = {-1, -1};
		int n = e ? order_receive(c->end, &e->order, files) : -ENOMEM;
		if (n <= 0) {
			/* Nobody holds our disks' identities any more, nor could end us in order. */
			if (n < 0)
				log_error(c->o->log, "orders cannot be read: %s", strerror(-n));
			_exit(1);
		}
		e->child = c;
		e->file = files[0];
		e->store = files[1];
		reactor_post(c->r, &e->mail, arrived);
	}
	return NULL;
}

/* --- start */

static int start_reactors(struct child *c)
{
	int err = reactor_new_engine(&c->r, c->o->serving.engine, c->o->log);
	if (!err)
		err = target_new(&c->target, c->r, &c->o->serving.limits);
	unsigned others = err ? 0 : target_reactors(&c->o->serving) - 1;
	if (others)
		err = crew_new(&c->crew, others, reactor_engine_of(c->r), c->o->log);
	for (unsigned i = 0; !err && i < others; i++)
		err = target_add_reactor(c->target, crew_reactor(c->crew, i));
	return err;
}

static int start(struct child *c, char *why, size_t why_size)
{
	struct sandbox box = {
		.log = c->o->log,
		.user = c->o->user,
		.ends_with_parent = true,
		.parts = SANDBOX_ALL,
	};
	int err = sandbox_keep(&c->end, 1);
	if (!err && c->o->sandbox)
		err = sandbox_enter(&box, why, why_size);
	if (!err)
		err = start_reactors(c);
	if (err)
		return err;
	voice_init(&c->voice, c->r, c->end);
	err = -pthread_create(&c->listener, NULL, listen_to_parent, c);
	if (!err && c->o->sandbox)
		err = sandbox_seal(&box);
	if (!err)
		child_say(c, &(struct word){.kind = WORD_READY});
	return err;
}

/* Nothing is freed: the process ends, and operations of a store that was given up may still be out. */
int child_run(const struct child_options *o, int end)
{
	struct child c = {.o = o, .end = end};
	char why[512] = "";
	int err = start(&c, why, sizeof(why));
	if (err) {
		log_error(o->log, "the process that faces the network cannot start: %s%s%s",
			  why[0] ? why : strerror(-err), why[0] ? ": " : "",
			  why[0] ? strerror(-err) : "");
		return 1;
	}
	err = reactor_run(c.r);
	if (err)
		log_error(o->log, "the engine broke: %s", strerror(-err));
	return err ? 1 : c.result;
}

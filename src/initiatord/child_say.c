/* SPDX-License-Identifier: BSD-2-Clause */
/* What the process that faces the network says, one message after the other. */
#include <stdlib.h>
#include "initiatord/child_priv.h"
#include "reactor/net.h"

static void say_next(struct child *c)
{
	if (c->saying || list_empty(&c->sayings))
		return;
	struct saying *s = list_first(&c->sayings, struct saying, link);
	c->saying = true;
	c->say_iov = (struct iovec){&s->word, sizeof(s->word)};
	net_send(c->r, &c->say_op, c->end, &c->say_iov, 1);
}

static void said(struct op *op, int res)
{
	struct child *c = container_of(op, struct child, say_op);
	struct saying *s = list_first(&c->sayings, struct saying, link);
	c->saying = false;
	list_del(&s->link);
	free(s);
	if (res < 0)
		_exit(1); /* the parent has gone: nobody gives us anything any more */
	say_next(c);
}

void child_say_init(struct child *c)
{
	list_init(&c->sayings);
	c->say_op.done = said;
}

void child_say(struct child *c, const struct word *word)
{
	struct saying *s = malloc(sizeof(*s));
	if (!s) {
		/* Whoever waits for it would wait for ever. */
		log_error(c->o->log, "no memory for an answer to the parent: the process ends");
		_exit(1);
	}
	s->word = *word;
	list_add_tail(&c->sayings, &s->link);
	say_next(c);
}

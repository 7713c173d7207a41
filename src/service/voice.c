/* SPDX-License-Identifier: BSD-2-Clause */
#include "service/voice.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "reactor/net.h"

struct saying {
	struct list link;
	size_t size;
	_Alignas(max_align_t) uint8_t word[];
};

static void say_next(struct voice *v)
{
	if (v->busy || list_empty(&v->words))
		return;
	struct saying *s = list_first(&v->words, struct saying, link);
	v->busy = true;
	v->iov = (struct iovec){s->word, s->size};
	net_send(v->r, &v->op, v->end, &v->iov, 1);
}

static void said(struct op *op, int res)
{
	struct voice *v = container_of(op, struct voice, op);
	struct saying *s = list_first(&v->words, struct saying, link);
	v->busy = false;
	list_del(&s->link);
	free(s);
	if (res < 0)
		_exit(1);
	say_next(v);
}

void voice_init(struct voice *v, struct reactor *r, int end)
{
	*v = (struct voice){.r = r, .end = end};
	list_init(&v->words);
	v->op.done = said;
}

void voice_say(struct voice *v, const void *word, size_t size)
{
	struct saying *s = malloc(sizeof(*s) + size);
	if (!s) {
		log_error(reactor_log(v->r),
			  "no memory for an answer to the parent: the process ends");
		_exit(1);
	}
	s->size = size;
	memcpy(s->word, word, size);
	list_add_tail(&v->words, &s->link);
	say_next(v);
}

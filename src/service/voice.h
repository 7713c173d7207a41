/* SPDX-License-Identifier: BSD-2-Clause */
/* What the process that faces the network says to the one with rights: one word after the other. */
#ifndef LUNAR_SERVICE_VOICE_H
#define LUNAR_SERVICE_VOICE_H

#include "common/list.h"
#include "reactor/reactor.h"

struct voice {
	struct reactor *r;
	int end;
	struct list words; /* the first one is being said */
	struct op op;
	struct iovec iov;
	bool busy;
};

void voice_init(struct voice *v, struct reactor *r, int end);
/*
 * The word is copied; what was said before comes first. Without memory, or when the other process has gone, this
 * one ends: whoever waits for the word would wait for ever, and nobody has our disks and our rights any more.
 */
void voice_say(struct voice *v, const void *word, size_t size);

#endif

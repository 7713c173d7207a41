/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a daemon of two processes says from one to the other, on a SEQPACKET socket (sandbox/channel.h): orders on
 * their way to the process that faces the network, and what becomes of them. They go out in the order in which they
 * were given; each is answered once, also when that process ends before. Which orders and which words there are is
 * the daemon's own; here it is known only what they begin with. One thread, that of the reactor.
 */
#ifndef LUNAR_SERVICE_COURIER_H
#define LUNAR_SERVICE_COURIER_H

#include <stdbool.h>
#include "common/list.h"
#include "reactor/reactor.h"

/* Each order begins so. */
struct order_head {
	uint32_t number; /* the answer repeats it */
	uint32_t kind;
};

/* Each word, which is what that process says, begins so. All words of a daemon have one size. */
struct word_head {
	uint32_t kind, number;
};

/* The first kinds of words, of all daemons. */
enum {
	WORD_READY, /* it takes orders */
	WORD_LATER, /* order `number` is under way, and takes a while */
	WORD_DONE,  /* it is done */
	WORD_OTHERS,
};

/* An order on its way: part of whatever its giver remembers. */
struct sending {
	struct list link;
	struct order_head *order;
	size_t size; /* of it: so much goes over */
	int file;    /* goes along, and is closed when it has; -1: none */
	bool borrows; /* ... or stays open: it is somebody else's, who keeps it until the order is done */
	int second; /* goes along behind it, and is closed; -1: none */
	bool acknowledged;
};

struct courier;

struct courier_ops {
	size_t word_size;
	unsigned
		most; /* orders without an answer: then neither side ever waits for room in the socket */
	bool waits; /* for somebody to take an order; else it is answered at once when nobody is there */
	/* Whether it can be one of the daemon's: its size, its numbers, the ends of its texts. It comes from whom
	 * nobody believes. */
	bool (*check)(const struct word_head *word, size_t len);
	/* What it says of itself. False: that kind is an answer. */
	bool (*says)(void *ctx, const struct word_head *word);
	/* What was asked for, before the order is done. False: nothing was. */
	bool (*row)(struct sending *s, const struct word_head *word);
	/* By WORD_DONE; NULL: that process has ended before. It is the courier's no more. */
	void (*done)(struct sending *s, const struct word_head *word);
	/* It has ended, or says nonsense: everything is done. */
	void (*lost)(void *ctx, const char *why);
};

#define COURIER_WORD 8192 /* no word is larger */

struct courier {
	struct reactor *r;
	const struct courier_ops *ops;
	void *ctx;
	int end; /* -1: there is nobody */
	struct list waiting, out;
	size_t unacknowledged;
	uint32_t last;
	struct op op;
	struct iovec iov;
	bool reading;
	_Alignas(max_align_t) uint8_t word[COURIER_WORD];
};

void courier_init(struct courier *c, struct reactor *r, const struct courier_ops *ops, void *ctx);
/* Takes over `end`. */
void courier_begin(struct courier *c, int end);
void courier_post(struct courier *c, struct sending *s);
/* Closes the socket. Everything is done, what had to wait for a new process, too. */
void courier_end(struct courier *c);

/* A pair of sockets with room for all orders and words that may be on their way. 0 or -errno. */
int courier_pair(int ends[2]);
/*
 * For the other process: waits for an order of no more than `size` bytes. 1, with those of `files` >= 0 that came along;
 * 0: the other side has ended; -EBADMSG: its kind is not below `kinds`, or its length not `size_of` its kind.
 */
int order_take(int end, struct order_head *order, size_t size, uint32_t kinds,
	       size_t (*size_of)(uint32_t kind), int files[2]);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the process that faces the network may ask of the one that has its rights back: few things, each of
 * one size, naming what was configured by its number and nothing by a name. Whoever asks may have been
 * taken over by a peer, and is not believed; whoever answers is.
 */
#ifndef LUNAR_SANDBOX_CHANNEL_H
#define LUNAR_SANDBOX_CHANNEL_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CHANNEL_WHY 512

enum channel_kind {
	CHANNEL_READY = 1, /* it serves; `index` is 0; there is no answer */
	CHANNEL_REOPEN,    /* disk number `index` has gone: open it anew */
};

struct channel_request {
	uint32_t kind, index;
};

struct channel_answer {
	uint32_t index;
	int32_t err; /* 0, and a descriptor comes with it */
	char why[CHANNEL_WHY];
};

/* Two ends of sockets that keep messages apart. 0 or -errno. */
int channel_pair(int ends[2]);
/* One message. `file` goes along when it is not negative, and stays the caller's. Does not wait: -EAGAIN when
 * there is no room. */
int channel_send(int end, const void *message, size_t len, int file);
/* The same with as many as CHANNEL_FILES; `files` may have -1 among them, which take no place. */
#define CHANNEL_FILES 2
int channel_send_files(int end, const void *message, size_t len, const int *files, size_t count);
/* Waits for one unless `flags` (recvmsg(2)) say otherwise. Its length, with `*count` files that came along, in the
 * order in which they were sent, close-on-exec, and the caller's; 0: the other side has ended; -errno. */
ssize_t channel_receive_files(int end, void *message, size_t size, int files[CHANNEL_FILES],
			      size_t *count, int flags);

/* --- the end that is not believed */

enum channel_state { CHANNEL_IDLE, CHANNEL_ASKED, CHANNEL_ANSWERED };

/* Any thread may call: what comes for another one is kept for it. */
struct channel {
	int end;
	size_t count; /* disks */
	pthread_mutex_t lock;
	struct channel_slot {
		enum channel_state state;
		int file;
		struct channel_answer answer;
	} * slots;
};

/* Takes over `end`. 0 or -ENOMEM. */
int channel_open(struct channel *c, int end, size_t count);
void channel_close(struct channel *c);
int channel_ready(const struct channel *c);
/*
 * The descriptor; -EINPROGRESS: it has been asked for, and there is no answer yet; or -errno with `why`. Does
 * not wait.
 */
int channel_reopen(struct channel *c, uint32_t index, char *why, size_t why_size);

/* --- the end that answers */

/*
 * A request that is well-formed, and whose index is below `count`: 1. 0: the other side has ended.
 * -EAGAIN: nothing has come. -EBADMSG: what has come is not a request.
 */
int channel_take(int end, size_t count, struct channel_request *out);
/* As channel_send(). */
int channel_answer(int end, const struct channel_answer *answer, int file);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of `ring` share: see ring.c. One thread uses all of it. */
#ifndef LUNAR_BENCH_RING_H
#define LUNAR_BENCH_RING_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define MEMORY    (4u << 20)  /* bytes of run->memory, all that is read from and written to */
#define FILE_SIZE (64u << 20) /* of the file, all of which is in the page cache */
#define DEPTH_MAX 32u
#define WAYS_MAX  8 /* of a workload */

/* The ways to ask for an operation. */
enum {
	REG_FILE = 1 << 0,
	REG_BUFFER = 1 << 1,
	MULTISHOT = 1 << 2, /* one submission for all receives, into provided buffers */
	BUNDLE = 1 << 3,    /* several of them, and smaller ones, filled by one completion */
	COPY = 1 << 4,      /* data go on to where they are wanted */
	ZERO_COPY = 1 << 5,
	LITTLE = 1 << 7,  /* in flight: the socket's buffers have an end */
	NO_RING = 1 << 6, /* preadv2(RWF_NOWAIT), as the engine reads what the page cache has */
};

struct run;

struct workload {
	const char *name;
	int (*run)(struct run *r); /* -errno: what the kernel says to this way */
	uint32_t size;             /* bytes of data in one operation */
	unsigned depth;
	bool write, direct;
	const unsigned *ways; /* the first is what the others are compared with */
	unsigned count;
};

struct tally {
	uint64_t ops, completions, notified, copied;
};

/* One measurement: of this workload, asked for in this way. */
struct run {
	const struct workload *w;
	unsigned way;
	double seconds;
	uint8_t *memory;
	int file;          /* or -1: the file system does not do O_DIRECT */
	struct tally done; /* counted by the workload as long as run_goes_on() */
	clockid_t clock;
	uint64_t begin, end, cpu;
	/* The same of the thread at the other end of a socket, which a copy may be left to. */
	bool has_other;
	clockid_t other;
	uint64_t other_cpu;
	bool warm;
	struct tally before;
};

/* From here on CPU time and operations count, of this clock; first of all it warms up. */
void run_start(struct run *r, clockid_t clock);
/* False: time is up, and `done` and `cpu` are what was done within it. */
bool run_goes_on(struct run *r);
/* A ring as the engine's; what the way wants registered is at place 0: `fd`, all memory. */
int ring_open(struct io_uring *ring, const struct run *r, int fd);
/* Completes a submission. */
void ring_tag(struct io_uring_sqe *sqe, const struct run *r, uint64_t tag);
void pin_to(unsigned core);

int run_receive(struct run *r);
int run_send(struct run *r);
int run_file(struct run *r);

#endif

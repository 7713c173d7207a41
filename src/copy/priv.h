/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the parts of a copy. */
#ifndef LUNAR_COPY_PRIV_H
#define LUNAR_COPY_PRIV_H

#include "common/cleanup.h"
#include "common/list.h"
#include "copy/copy.h"
#include "copy/journal.h"
#include "copy/pool.h"

#define UNKNOWN_SIZE UINT64_MAX
#define EXTENTS      256 /* that are asked for at a time */

struct end;

struct extent {
	uint64_t end; /* first byte behind it; it begins where the one before ends */
	bool hole;    /* reads as zeroes */
};

enum op_kind { OP_READ, OP_WRITE, OP_ZERO, OP_FLUSH, OP_MAP };

/* A request to an end. `done` runs from copy_turn(), never from inside end_start(). */
struct op {
	enum op_kind kind;
	struct end *end;
	uint64_t offset, len; /* ZERO and MAP: any length; else that of a slot */
	uint8_t *buf;
	struct extent *extents; /* MAP: EXTENTS of them */
	void (*done)(struct op *op, int err);
	void *ctx;

	uint64_t got; /* READ of a stream: bytes; MAP: extents */

	/* the end's */
	struct io_job job;
	struct lunar_task task;
	struct iovec iov;
	uint64_t at; /* of ZERO: bytes that are done */
	unsigned how;
	uint8_t reply[4096];
};

enum end_kind { END_LUN, END_FILE, END_DEVICE, END_STREAM };

struct end {
	struct copy *c;
	enum end_kind kind;
	bool to;            /* it is written */
	const char *place;  /* as given, with secrets */
	char name[400];     /* for people */
	char identity[600]; /* what it has to be when a copy goes on */
	uint64_t size;      /* UNKNOWN_SIZE */
	uint64_t holds;     /* bytes of data in a file that has holes; else its size */
	uint32_t block;     /* offsets and lengths are multiples of that */
	uint32_t largest;   /* read or write */
	uint64_t zero_max;  /* bytes of one OP_ZERO */
	bool maps;          /* OP_MAP works */
	bool zeroes;        /* OP_ZERO is less work than a write */
	bool is_zero;       /* all that was not written reads as zeroes */
	bool can_lose; /* what was written and not flushed may be gone after a loss of the session */
	bool fua;      /* each write is flushed by itself */

	/* LUN */
	struct lunar_session *s;
	uint64_t lun;
	struct lunar_disk disk;
	unsigned zero_how; /* the first way that works */
	/* the others */
	int fd;
	bool made; /* a file that was not there before */
	uint64_t dev, ino;
	uint8_t *zero_block;
};

/* Where an end has holes, from a place on. */
struct map {
	struct end *end;
	struct extent extents[EXTENTS];
	size_t count, next;
	uint64_t from; /* of extents[next] */
	bool asking;
	struct op op;
};

struct slot {
	struct copy *c;
	struct op op, other; /* `other` reads the destination for a comparison */
	uint8_t *buf, *buf2;
	uint64_t offset;
	uint32_t len;     /* of the source */
	uint32_t run, at; /* what is being written of it */
	uint8_t pending;
	bool busy, ready; /* ready: waits for its turn on a stream */
	bool hole;        /* of a comparison: the source has zeroes there */
};

enum phase { PHASE_COPY, PHASE_LAST_FLUSH, PHASE_VERIFY, PHASE_OVER };

struct copy {
	struct copy_config config;
	struct lunar *l;
	struct io_pool *pool;
	struct end from, to;
	struct map from_map, to_map;
	struct slot *slots;
	unsigned busy;
	enum phase phase;
	uint32_t block, grain;
	uint64_t total; /* bytes to copy; UNKNOWN_SIZE */
	struct list
		refused;  /* ops that could not be begun: their `done` comes with the next turn */
	uint64_t next;    /* byte that no slot has yet */
	uint64_t out;     /* of a stream: byte that is written next */
	uint64_t differs; /* first byte that does; UINT64_MAX: none */
	uint64_t broken;  /* first byte that was begun and not finished; UINT64_MAX: none */

	/* what is durable */
	struct op flush;
	uint64_t flush_mark, durable, flushed_at, logins;
	struct journal journal;

	struct copy_result result;
	uint64_t began, ended, moved, stopping;
	struct copy_fault fault;

	bool reading, writing, stream_over; /* of streams: one at a time */
	bool flushing;
	bool rewind;   /* what was not flushed may be lost: it goes on at `durable` */
	bool last_try; /* what was copied before an error was flushed, or could not be */
};

/* --- copy.c */

uint64_t copy_now(void);
/* The first one counts; nothing new is begun after it. */
void copy_fail(struct copy *c, enum copy_end end, const char *fmt, ...) PRINTF(3, 4);
/* All bytes before this one are where they should be. */
uint64_t copy_mark(const struct copy *c);
bool copy_failed(const struct copy *c);

/* --- slot.c */

int slot_init(struct copy *c);
void slot_free_all(struct copy *c);
/* NULL: all are busy. */
struct slot *slot_take(struct copy *c, uint64_t offset, uint32_t len);
void slot_copy(struct slot *s);
/* The destination becomes zero there; any length. */
void slot_zero(struct slot *s, uint64_t len);
/* Zeroes for a stream. */
void slot_fill(struct slot *s);
/* Both are compared; `hole`: the source has zeroes there. */
void slot_compare(struct slot *s, bool hole);
/* To a stream, in order. */
void slot_write_next(struct copy *c);

/* --- extent.c */

void map_init(struct map *m, struct end *end);
void map_forget(struct map *m);
/* True: *out is the extent that `offset` is in; else it is being asked for. */
bool map_look(struct map *m, uint64_t offset, struct extent *out);

/* --- end.c */

/* -errno, and the fault is said. */
int end_open(struct copy *c);
/* What opening may not do before all is agreed: files are cut to their size. */
int end_prepare(struct copy *c);
void end_close(struct end *e);
void end_start(struct op *op);
/* An op has failed: what that means. */
void end_failed(struct op *op, int err);
/* "reading", for messages. */
const char *end_doing(const struct op *op);

/* --- end_lun.c, end_file.c */

int end_lun_open(struct end *e);
void end_lun_close(struct end *e);
int end_lun_start(struct op *op);
void end_lun_failed(struct op *op, int err);
int end_file_open(struct end *e);
int end_file_prepare(struct end *e, uint64_t total, bool resumed);
int end_file_start(struct op *op);
/* A file that was written as a stream ends where that ended. */
int end_file_finish(struct end *e, uint64_t size);

/* --- zero.c */

/* How many bytes from the beginning are all zero, or all not, by pieces of `grain`; *zero says which. */
uint32_t zero_run(const uint8_t *p, uint32_t len, uint32_t grain, bool *zero);

#endif

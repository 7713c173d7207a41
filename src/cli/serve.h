/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `lunar serve`: from options to a running target and back to nothing.
 *
 *   open    secrets, disks, identities, sockets: all that needs rights, in the process that has them
 *   split   another process for the rest, in the sandbox (sandbox/split.h)
 *   start   engine, LUs, the node, portals
 *   run     until a signal
 *   end     sessions are drained, what is at the stores returns, stores are flushed
 *
 * With --no-sandbox one process does it all.
 */
#ifndef LUNAR_CLI_SERVE_H
#define LUNAR_CLI_SERVE_H

#include <sys/signalfd.h>
#include "scsi/ending.h"
#include "scsi/lu_store.h"
#include "cli/secret.h"
#include "cli/serve_options.h"
#include "cli/serve_print.h"
#include "cli/terminal.h"
#include "iscsi/names.h"
#include "reactor/crew.h"
#include "sandbox/channel.h"
#include "sandbox/sandbox.h"
#include "sandbox/split.h"
#include "target/target.h"

struct counters {
	uint64_t ops, read_bytes, write_bytes;
};

struct serve_secrets {
	char ours[SECRET_SIZE], mutual[SECRET_SIZE];
};

/* The parent, as the opener of one disk. */
struct serve_opener {
	struct bs_opener opener;
	struct channel *channel;
	uint32_t disk;
};

/* The parent, as who makes the file of what is to outlive a LU. Its answer is looked for. */
struct serve_keeper {
	struct lu_store_opener opener;
	struct serve *s;
	size_t disk;
	struct lu_store *store; /* the LU's */
	struct timer timer;
};

struct serve {
	struct serve_options o;
	struct terminal term;
	char why[2048]; /* why the start failed */

	/* opened */
	struct reactor *opening;
	struct serve_secrets secrets;
	struct sandbox_user user;
	struct backstore *stores[SERVE_MAX_DISKS]; /* NULL: it is an LU's */
	uint8_t ids[SERVE_MAX_DISKS][16];
	int records
		[SERVE_MAX_DISKS]; /* what outlives their LUs; -1: it is the LU's, or there is nothing */
	size_t store_count;
	int socks[SERVE_MAX_PORTALS]; /* -1: it is the target's */
	struct net_addr portals[SERVE_MAX_PORTALS];
	size_t portal_count;
	struct serve_place place;
	char iqn[ISCSI_NAME_SIZE];
	char state_dir[512]; /* "": none */

	/* split */
	struct split split;
	struct channel channel;
	struct serve_opener openers[SERVE_MAX_DISKS];
	struct serve_keeper keepers[SERVE_MAX_DISKS];
	struct op told_op; /* of signals that the parent hands on */
	struct iovec told_iov;
	uint8_t told;

	/* started */
	struct reactor *r;
	struct crew *crew; /* the other reactors; NULL: none */
	struct target *target;
	struct target_node *node;
	struct scsi_lu *lus[SERVE_MAX_DISKS];
	size_t lu_count;

	int signals;
	struct op signal_op;
	struct iovec signal_iov;
	struct signalfd_siginfo signal;
	/* A terminal and a service manager tell both processes what they mean once: each counts for itself. */
	unsigned own_signals, told_signals;

	struct timer tick; /* the status line */
	struct counters last;

	bool ending;
	struct ending stores_ending;
	int result; /* exit code */
};

/* --- serve_open.c */
/* 0, or -errno with s->why; serve_close() is called in either case. */
int serve_open(struct serve *s);
/* Undoes it, but for what was passed on. With `discard` files that were made are removed: the start failed. */
void serve_close(struct serve *s, bool discard);
void serve_stop_listening(struct serve *s);
void serve_wipe_secrets(struct serve *s);

/* --- serve_record.c: what outlives LUs */
/* Opens that of disk `n`, if there is one. 0, or -errno with s->why. */
int serve_record_open(struct serve *s, size_t n);
/* Makes it: the handle, or -errno with `why`. */
int serve_record_make(struct serve *s, size_t n, char *why, size_t why_size);
void serve_record_close(struct serve *s);
/* Gives it to the LU. 0, or -errno with s->why. */
int serve_record_give(struct serve *s, size_t n);

/* --- serve_start.c */
/* 0, or -errno with s->why; serve_stop() is called in either case. */
int serve_start(struct serve *s);
/*
 * Frees everything that was started. Nothing is in flight: after a drain, or before anything ran. `discard`
 * as above.
 */
void serve_stop(struct serve *s, bool discard);

/* --- serve.c */
/* Writes s->why and returns `err`. */
int serve_fail(struct serve *s, int err, const char *fmt, ...) PRINTF(3, 4);
/* Watches for signals. 0, or -errno with s->why. */
int serve_watch_signals(struct serve *s);
/* From the first turn to the exit code. */
int serve_run(struct serve *s);
/* One of `*count` signals of one origin: the first one ends it in order, the second one at once. */
void serve_take_signal(struct serve *s, unsigned *count, int signal);

/* --- serve_split.c */
/* With two processes: in both, to the exit code. What was opened is closed. */
int serve_split(struct serve *s);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `lunar serve`: from options to a running target and back to nothing.
 *
 *   start   stores, identities, LUs, portals, the node; what fails undoes all of it
 *   run     until a signal
 *   end     sessions are drained, what is at the stores returns, stores are flushed
 */
#ifndef LUNAR_CLI_SERVE_H
#define LUNAR_CLI_SERVE_H

#include <sys/signalfd.h>
#include "cli/ending.h"
#include "cli/serve_options.h"
#include "cli/terminal.h"
#include "iscsi/names.h"
#include "reactor/crew.h"
#include "target/target.h"

struct counters {
	uint64_t ops, read_bytes, write_bytes;
};

struct serve {
	struct serve_options o;
	struct terminal term;
	struct reactor *r;
	struct crew *crew; /* the other reactors; NULL: none */
	struct target *target;
	struct target_node *node;
	struct scsi_lu *lus[SERVE_MAX_DISKS];
	uint8_t ids[SERVE_MAX_DISKS][16];
	size_t lu_count;
	struct net_addr portals[SERVE_MAX_PORTALS];
	size_t portal_count;
	char iqn[ISCSI_NAME_SIZE];
	char state_dir[512]; /* "": none */
	char why[2048];      /* why the start failed */

	int signals;
	struct op signal_op;
	struct iovec signal_iov;
	struct signalfd_siginfo signal;

	struct timer tick; /* the status line */
	struct counters last;

	bool ending;
	struct ending stores;
	int result; /* exit code */
};

/* 0, or -errno with s->why; serve_stop() is called in either case. */
int serve_start(struct serve *s);
/*
 * Frees everything. Nothing is in flight: after a drain, or before anything ran. With `discard` files
 * that were made are removed: the start failed.
 */
void serve_stop(struct serve *s, bool discard);

#endif

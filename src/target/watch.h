/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is there, and how to be rid of one. All calls on home's thread. */
#ifndef LUNAR_TARGET_WATCH_H
#define LUNAR_TARGET_WATCH_H

#include "target/target.h"

/* Text that came from the initiator is as it was sent, and checked no further than said here. */
struct target_session {
	uint16_t tsih; /* no other session has it now */
	bool discovery;
	bool ending;  /* its last answers are being sent */
	uint16_t tag; /* of the portal group; 0: discovery */
	uint16_t cid;
	uint8_t isid[6];
	char node[224];      /* "": discovery */
	char initiator[224]; /* a valid name */
	char alias[256];     /* its own; UTF-8, with any character: log_safe() */
	char user[256];      /* it has proved to be this; "": nobody asked */
	bool has_acl;
	bool header_digest, data_digest;
	struct net_addr peer, portal; /* portal: the address that it has come to */
	uint64_t since;               /* of the reactor's clock, ns */
	uint32_t commands;            /* delivered and not answered */
	uint64_t bytes_in, bytes_out; /* on its connection, headers and all */
	unsigned reactor;             /* on which it lives, from 0 */
};

/*
 * Asks each reactor for its sessions; `done` has them all, rising by TSIH, once, maybe from inside; the array is
 * freed when it returns. In bounded time. `err` is 0 or -ENOMEM. When target_free() comes first, `done` is called
 * by that.
 */
void target_sessions(struct target *t,
		     void (*done)(void *ctx, int err, const struct target_session *sessions,
				  size_t count),
		     void *ctx);

/* Ends one of them as the removal of an ACL does (target/node.h), and so is `done`. -ENOENT, -ENOMEM. */
int target_session_end(struct target *t, uint16_t tsih, uint32_t seconds, void (*done)(void *ctx),
		       void *ctx);

#endif

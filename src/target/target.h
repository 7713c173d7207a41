/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The target role: portals that listen, iSCSI target nodes with their LUNs, sessions of initiators.
 * All calls on the thread of one reactor, home, which is that of the LUs as well; connections may be spread
 * over others. The LUs are the caller's.
 */
#ifndef LUNAR_TARGET_TARGET_H
#define LUNAR_TARGET_TARGET_H

#include "config/schema.h"
#include "reactor/net.h"
#include "scsi/lu.h"

#define TARGET_BACKLOG 1024 /* connections that wait to be accepted */

struct target;
struct target_node;

#define TARGET_REACTORS_MAX   64
#define TARGET_REACTOR_MEMORY (32u << 20) /* bytes of memory_limit that each of them should have */

/* Limits and times are copied. */
int target_new(struct target **out, struct reactor *r, const struct config_limits *limits);

/*
 * Spreads connections over this reactor, too, which turns on a thread of its own. Before target_listen().
 * The memory limit is for all together, and TARGET_REACTOR_MEMORY not much for each. -ENOMEM, -E2BIG.
 */
int target_add_reactor(struct target *t, struct reactor *r);

/*
 * Frees everything but the LUs. The other reactors do not turn any more. Either target_drain() is done and no task is at a backstore any more
 * (scsi_lu_busy() is 0 for every LU), or the reactor's operations are dead (sim_crash()).
 */
void target_free(struct target *t);

/*
 * Listens on this address; port 0 takes a free one. `bound` (may be NULL) is the address with its
 * real port. 0 or -errno.
 */
int target_listen(struct target *t, const struct net_addr *addr, struct net_addr *bound);
/* The same on a socket that listens already and is this reactor's (net_take_listener()). It is the
 * target's when this succeeds. */
int target_listen_on(struct target *t, int sock, struct net_addr *bound);
/* No more, unless a portal group needs it (target/node.h). `done` (may be NULL) is called when the socket is closed,
 * so that the address may be had again, or stays with a group; maybe from inside. -ENOENT, and it is not called. */
int target_unlisten(struct target *t, const struct net_addr *addr, void (*done)(void *ctx),
		    void *ctx);

/* CHAP (RFC 7143 12.1.3). Strings are copied. */
struct target_auth {
	const char *user, *secret;               /* the initiator's; NULL: no authentication */
	const char *mutual_user, *mutual_secret; /* ours, when the initiator asks; may be NULL */
	unsigned algorithms;                     /* bit mask 1u << CHAP_A; 0: all that we know */
};

/*
 * The short way of `lunar serve`: a node with one portal group, tag 1, on all portals, open to everybody, with
 * the LUN map that its device was born with; more is in target/node.h. `name` is a valid, normalised iSCSI name
 * (iscsi/names.h). -EEXIST, -EINVAL, -ENOMEM.
 */
int target_node_open(struct target_node **out, struct target *t, const char *name,
		     const char *alias);
/* Of such a node. -EINVAL: an empty or too long name or secret, or one secret for both ways (RFC 7143 9.2.1). */
int target_node_set_auth(struct target_node *node, const struct target_auth *auth);
/* Authentication of discovery sessions, likewise. */
int target_set_discovery_auth(struct target *t, const struct target_auth *auth);
/* The SCSI device behind the node. */
struct scsi_device *target_node_device(struct target_node *node);

/*
 * Stops listening, asks every session to log out within `seconds` (RFC 7143 11.9.1, event 1), drops
 * what is left then, or at once with 0, and calls `done` when no connection is left. It is not called
 * from inside. What the backstores have taken is not waited for: see scsi_lu_busy(). A second call
 * only shortens the time.
 */
void target_drain(struct target *t, uint32_t seconds, void (*done)(void *ctx), void *ctx);

struct target_stats {
	size_t connections, sessions; /* now; sessions in full feature phase, without discovery */
	uint64_t logins, failed_logins, refused_connections, protocol_errors, digest_errors;
	size_t memory; /* bytes of task buffers in use */
};
void target_get_stats(const struct target *t, struct target_stats *out);

#endif

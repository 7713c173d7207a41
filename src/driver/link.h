/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session of the initiator on a reactor: connects, receives, sends, keeps the time. All calls on the reactor's
 * thread; the session (initiator/session.h) is used as it is, but for the driver's part, which is here.
 */
#ifndef LUNAR_DRIVER_LINK_H
#define LUNAR_DRIVER_LINK_H

#include "initiator/session.h"
#include "reactor/net.h"

#define INI_LINK_ADDRS 8 /* of a name, tried in turn */

struct ini_link;

struct ini_link_ops {
	/* As of struct ini_ops; NULL: nobody cares. */
	void (*state)(void *ctx, enum ini_state state, const struct ini_why *why);
	void (*event)(void *ctx, const struct ini_event *event);
	/*
	 * A name is to be resolved without the reactor's waiting for it: answered by ini_link_resolved(), also
	 * from inside, with the same `query`. It may be asked for the next one before: only the last one counts.
	 * NULL: the reactor waits (net_resolve()). Numeric addresses come here never.
	 */
	void (*resolve)(void *ctx, struct ini_link *link, uint32_t query, const char *host,
			uint16_t port);
};

/* 0 or -errno of ini_session_new(). `ops` and `ctx` live as long as the link. */
int ini_link_new(struct ini_link **out, struct reactor *r, const struct ini_config *config,
		 const struct ini_link_ops *ops, void *ctx);
/* Its session is INI_IDLE or INI_ENDED. From no callback. NULL is fine. */
void ini_link_free(struct ini_link *link);
/* The reactor's operations are dead (sim_crash()), or the reactor is about to be freed: no callback runs. */
void ini_link_abandon(struct ini_link *link);

/* Its connections come from there. Before it is started. */
void ini_link_set_from(struct ini_link *link, const struct net_from *from);
struct ini_session *ini_link_session(struct ini_link *link);
/* `count` addresses, or -errno. What answers another query than the one that is open is too late, and nothing. */
void ini_link_resolved(struct ini_link *link, uint32_t query, int count,
		       const struct net_addr *addrs);

/* The calls of session.h with the reactor's time. */
void ini_link_start(struct ini_link *link);
void ini_link_stop(struct ini_link *link, bool force);
int ini_link_submit(struct ini_link *link, struct ini_task *task);

#endif

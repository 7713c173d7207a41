/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of liblunar: sessions of the initiator (src/initiator) on sockets of a context's epoll descriptor.
 *
 *   context.c    waiting, and one turn after it; conn.c sockets: what the driver of a session does
 *   session.c    sessions as their owner has them; settings.c what can be set; url.c
 *   task.c       commands and functions; sync.c those that wait; discover.c
 *   guard.c      a LUN that becomes another disk gets nothing of what was for the one before
 *   prepare.c    CDBs; reply.c answers; result.c what an outcome means; disk.c, lun.c helpers that wait
 */
#ifndef LUNAR_LIBLUNAR_PRIV_H
#define LUNAR_LIBLUNAR_PRIV_H

#include <assert.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include "common/cleanup.h"
#include "common/list.h"
#include "device/facts.h"
#include "initiator/sense.h"
#include "initiator/session.h"
#include "liblunar/settings.h"
#include "lunar/lunar.h"

#define LUNAR_ADDRS 8 /* of a name, tried in turn */
#define LUNAR_WHY   400
#define NS_PER_MS   UINT64_C(1000000)

struct lunar {
	int epoll;
	uint64_t now; /* of this turn */
	bool busy;    /* a turn is under way: callbacks run */
	bool news; /* something was said since this was last cleared: who waits may have his answer */
	struct list sessions;
	struct list dirty; /* those that have something to send, or to connect, or to close */
	struct list
		dead; /* to be freed at the end of the turn: somebody may hold them until then */
};

struct found_list {
	struct lunar_found *of;
	size_t count, room, bad;
	char target[ISCSI_NAME_SIZE];
	bool no_memory;
};

/* Who the LUNs are that were used, and the question that is under way. */
struct guard {
	struct list luns;          /* struct guarded */
	struct guarded *last, *at; /* found last; asked just now */
	bool asking;
	unsigned step;
	struct lu_facts facts;
	struct ini_task task;
	struct iovec iov;
	uint8_t reply[1024];
};

struct lunar_session {
	struct lunar *l;
	struct list link, dirty, grave;
	struct settings set;
	struct ini_session *ini; /* NULL: it was never started */
	bool discovery;          /* as it was started */
	bool force_discovery;    /* for this once, whatever `target` says */
	unsigned inside;         /* calls of its own that are on the stack */
	bool doomed, torn;       /* to be freed; and it has ended for that */
	struct lunar_callbacks callbacks;
	void *user;
	enum lunar_reason reason;
	char why[LUNAR_WHY];

	/* its connection */
	int sock;
	bool wanted, connecting, closing, want_out;
	char address[ISCSI_ADDRESS_SIZE];
	struct sockaddr_storage addrs[LUNAR_ADDRS];
	socklen_t addr_lens[LUNAR_ADDRS];
	unsigned addr_count, addr_left, addr_next;
	int connect_err;

	struct guard guard;

	struct ini_text text;
	lunar_found_fn *found;
	void *found_user;
};

/* --- context.c */

uint64_t lunar_priv_now(const struct lunar *l);
/* Around what may run callbacks outside of a turn: they must not wait. */
bool lunar_priv_begin(struct lunar *l);
void lunar_priv_end(struct lunar *l, bool began);
void lunar_priv_mark(struct lunar_session *s);

/* --- conn.c */

extern const struct ini_ops lunar_priv_ops;
/* The descriptor of this session is ready. */
void lunar_priv_ready(struct lunar_session *s, uint32_t events);
/* Closes, connects, sends: whatever it has been marked for. */
void lunar_priv_pump(struct lunar_session *s);
void lunar_priv_drop_socket(struct lunar_session *s);

/* --- session.c */

void lunar_priv_say(struct lunar_session *s, enum lunar_reason reason, const char *fmt, ...)
	PRINTF(3, 4);
void lunar_priv_told(struct lunar_session *s, enum ini_state state, const struct ini_why *why);
void lunar_priv_happened(struct lunar_session *s, const struct ini_event *event);
/* Around every call of the session: one that is freed meanwhile ends with the last of them. */
void lunar_priv_enter(struct lunar_session *s);
void lunar_priv_leave(struct lunar_session *s);
void lunar_priv_free(struct lunar_session *s);
/* Why it has ended, as -errno. */
int lunar_priv_why_errno(const struct lunar_session *s);

/* It ends without a word; so does what waits, and what is under way. */
void lunar_priv_end_now(struct lunar_session *s);

/* --- guard.c */

void lunar_priv_guard_init(struct lunar_session *s);
void lunar_priv_guard_free(struct lunar_session *s);
/* All LUNs are asked who they are, and everything else waits for that. */
void lunar_priv_guard_all(struct lunar_session *s);
/* Before a command is submitted: 0, and it waits until its LUN has been asked; -ESTALE: it is another disk; -ENOMEM. */
int lunar_priv_guard(struct lunar_session *s, const struct ini_task *t);
/* Why commands of this LUN were failed: -ESTALE; -ENXIO: it is gone; or it does not say who it is. */
int lunar_priv_guard_errno(struct lunar_session *s, const uint8_t lun[ISCSI_LUN_LEN]);
/* -ESTALE: it had another identity when it was first used. */
int lunar_priv_guard_check(struct lunar_session *s, uint64_t lun, const char *id);
bool lunar_priv_guard_minds(uint16_t asc_ascq);

/* --- sync.c */

/* Turns until *over, which is so when it returns. 0, or why the session had to be ended for that. */
int lunar_priv_turn_until(struct lunar_session *s, const bool *over);

/* --- task.c */

int lunar_priv_lun_put(uint8_t out[ISCSI_LUN_LEN], uint64_t lun);
uint64_t lunar_priv_lun_get(const uint8_t lun[ISCSI_LUN_LEN]);

#endif

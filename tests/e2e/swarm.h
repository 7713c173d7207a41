/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of swarm.c have in common. */
#ifndef LUNAR_TESTS_SWARM_H
#define LUNAR_TESTS_SWARM_H

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include "iscsi/login.h"
#include "iscsi/rx.h"
#include "iscsi/serial.h"
#include "iscsi/tx.h"

#define SECTOR 512u
#define MSEC   UINT64_C(1000000)
#define SEC    (1000 * MSEC)
/* Besides the number of a peer, what an event of epoll may be of. */
#define EVENT_SIGNAL UINT32_MAX
#define EVENT_GONE   (UINT32_MAX - 1) /* a connection whose initiator has vanished */

struct options {
	uint32_t connections, first, luns, lun, depth, size, seconds;
	uint32_t login, within, logout; /* seconds that a login, a command, a logout may take */
	uint32_t ramp;                  /* logins at a time */
	uint32_t mischief;              /* per mille of the occasions */
	uint32_t retry;                 /* whoever loses the connection comes again */
	uint32_t hasty;                 /* logs out in the middle of its commands */
	uint32_t fua;                   /* writes are to be durable */
	uint32_t sync;                  /* and flushed before they are read */
	uint32_t once;                  /* it ends as soon as it has begun */
	uint32_t silent, seed;
};

struct slot {
	enum { IDLE, WRITING, SYNCING, READING } doing;
	bool unsynced, unread;    /* written to since it was flushed, read */
	uint32_t itt, cmdsn, got; /* of the command; bytes that came in */
	uint32_t floor, sent;     /* the last write that was acknowledged, that was sent */
	uint64_t since, not_before;
	uint8_t *buf;
};

/* Only while it lasts: there may be ten thousand peers. */
struct login {
	struct iscsi_login_initiator engine;
	uint8_t data[ISCSI_LOGIN_DATA_MAX];
};

struct peer {
	struct swarm *swarm;
	uint32_t number; /* of all, over several processes */
	enum { DOWN, CONNECTING, LOGIN, FULL, LOGOUT } state;
	int fd;
	bool sending; /* epoll tells when there is room */
	uint8_t life; /* of its ISID */
	uint64_t since, not_before;
	struct login *login;
	struct iscsi_params params;
	struct iscsi_rx rx;
	struct iscsi_tx tx;
	uint8_t stage[ISCSI_RX_STAGE_MIN], sense[32];
	uint32_t cmdsn, maxcmdsn, expstatsn, itt;
	struct slot *slots;
	struct {
		uint8_t function; /* 0: none */
		uint32_t itt;
		struct slot *slot;
		uint64_t since;
	} tmf;
};

struct counts {
	uint64_t logins, writes, reads, tmfs, pings, lost, refused, again;
	uint64_t slowest_login, slowest_command, slowest_logout;
};

struct swarm {
	struct options o;
	const char *iqn;
	struct sockaddr_in addr;
	int epoll, signals;
	struct peer *peers;
	uint32_t full, under_way, gone;
	uint64_t now, seed, begun, ended;
	bool up, ending;
	struct counts n;
};

/* --- swarm.c */

void __attribute__((noreturn, format(printf, 2, 3)))
fail(const struct peer *p, const char *fmt, ...);
uint32_t draw(struct swarm *s, uint32_t below);
/* Whatever there is to do for a session. */
void swarm_go(struct peer *p);

/* --- swarm_mischief.c */

void swarm_mischief(struct peer *p);

/* --- swarm_session.c */

void peer_dial(struct peer *p);
void peer_connected(struct peer *p);
void peer_receive(struct peer *p);
void peer_flush(struct peer *p);
/* Writes, or reads back what was written. */
void peer_begin(struct peer *p, struct slot *slot);
/* `slot`: whose command it is about, or NULL. */
void peer_manage(struct peer *p, uint8_t function, struct slot *slot);
void peer_log_out(struct peer *p);
void peer_drop(struct peer *p);
/* Its socket is somebody else's by now. */
void peer_cleaned(struct peer *p);
/* Nobody asked for this end. */
void peer_lost(struct peer *p, const char *why);
/* Nothing is under way, and everything that was written has been read back. */
bool peer_at_rest(const struct peer *p);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `lunar doctor`: from a URL to a disk, one step after the other, each with its time, what came of it, and what to do.
 *
 *   doctor.c         options, and which step comes when
 *   doctor_report.c  what is said of each, as text at once and as JSON in the end
 *   doctor_net.c     names and TCP connections
 *   doctor_login.c   discovery, and the login
 *   doctor_disk.c    LUNs, and what each says of itself
 *
 * One thread; no recovery: a session that is lost has failed.
 */
#ifndef LUNAR_CLI_DOCTOR_H
#define LUNAR_CLI_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>
#include "common/cleanup.h"
#include "initiator/discovery.h"
#include "lunar/lunar.h"

#define DOCTOR_ADDRESSES 8  /* of a name, that are tried */
#define DOCTOR_PORTALS   64 /* of what discovery tells */
#define DOCTOR_TEXT      600

struct doctor {
	/* as asked */
	const char *url, *user, *password_file;
	uint32_t seconds; /* for each step */
	bool json;

	struct lunar *lunar;
	struct lunar_session *session;
	char url_user[256];
	struct ini_address host;
	char target[ISCSI_NAME_SIZE];     /* "": none was given */
	uint64_t lun;                     /* LUNAR_NO_LUN: none was given */
	char address[ISCSI_ADDRESS_SIZE]; /* the one that answers, as a number */
	struct lunar_found *found;        /* what the host says that it has */
	size_t found_count;

	/* why the session ended before it was to */
	bool ending;
	enum lunar_reason reason;
	char why[DOCTOR_TEXT];

	/* the report */
	json_t *steps;
	const char *step;
	struct timespec began;
	unsigned warnings;
	int code; /* of the first step that has failed; 0: none has */
	char code_reason[32], message[DOCTOR_TEXT];
};

/* --- doctor_report.c */

void doctor_begin(struct doctor *d, const char *step);
/* Each of them ends the step. `facts` (taken over, may be NULL) are for programs, `advice` says what to do. */
void doctor_ok(struct doctor *d, json_t *facts, const char *fmt, ...) PRINTF(3, 4);
void doctor_warn(struct doctor *d, json_t *facts, const char *advice, const char *fmt, ...)
	PRINTF(4, 5);
/* The exit code, which goes with `reason` (lunar-attach(8)). */
int doctor_fail(struct doctor *d, const char *reason, json_t *facts, const char *advice,
		const char *fmt, ...) PRINTF(5, 6);
/* A line more of the step that has ended; not in JSON, where `facts` have it. */
void doctor_line(const struct doctor *d, const char *fmt, ...) PRINTF(2, 3);
/* The last words. The exit code. */
int doctor_end(struct doctor *d);

/* --- doctor_net.c */

struct doctor_peer {
	struct sockaddr_storage address;
	socklen_t len;
	int fd;
	const char *name; /* it was not resolved, which `err` says; else NULL */
	int err;          /* 0: it was reached; -ECONNREFUSED, -ETIMEDOUT, ... */
};
/* 0, -ENOENT: it has no address; -EAGAIN: nobody could be asked, or not within `seconds`; -ENOMEM, -EIO. */
int doctor_resolve(const struct ini_address *host, unsigned seconds, struct doctor_peer *out,
		   size_t max, size_t *count);
/* Connects to all of them at once, and closes again. */
void doctor_reach(struct doctor_peer *peers, size_t count, unsigned seconds);
/* "192.0.2.7:3260" */
void doctor_peer_text(const struct doctor_peer *peer, char out[ISCSI_ADDRESS_SIZE]);
/* A word of lunar-attach(8) for what a name or a connection came to. */
const char *doctor_net_reason(int err);
/* Steps; 0 or the exit code. */
int doctor_name_step(struct doctor *d, struct doctor_peer peers[DOCTOR_ADDRESSES], size_t *count);
int doctor_connect_step(struct doctor *d, struct doctor_peer *peers, size_t count);
/* Whether the portals that discovery has told can be reached. */
int doctor_portals_step(struct doctor *d);

/* --- doctor_login.c */

/* What to do about it; "" where nobody knows. */
const char *doctor_advice(const struct doctor *d, enum lunar_reason reason);
/* What the session has failed by, before it was asked to end because of that. */
enum lunar_reason doctor_reason(const struct doctor *d);
const char *doctor_why(const struct doctor *d);
/* A session that ends by itself is not to come back. */
void doctor_watch(struct doctor *d);
/* Steps; 0 or the exit code. That the host does not tell what it has is no fault where the target is known. */
int doctor_discovery_step(struct doctor *d);
int doctor_login_step(struct doctor *d);

/* --- doctor_disk.c */

/* Of a session that is up: LUNs, and the one that is asked for, or each. */
int doctor_disks_steps(struct doctor *d);

#endif

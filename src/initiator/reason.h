/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a connection, a login or a session ended. Each reason is one that a person acts on in a way of its own,
 * so each becomes a message and an exit code of its own.
 */
#ifndef LUNAR_INITIATOR_REASON_H
#define LUNAR_INITIATOR_REASON_H

#include <stdbool.h>
#include <stdint.h>

#define INI_WHY_SIZE 320

enum ini_reason {
	INI_NO_REASON,
	/* before there is a connection */
	INI_BAD_ADDRESS,     /* the text is no address */
	INI_UNRESOLVED,      /* the name has no address */
	INI_NO_NAME_SERVER,  /* nobody could say whether it has one */
	INI_UNREACHABLE,     /* no route, or the network or host says so */
	INI_REFUSED,         /* nobody listens there */
	INI_CONNECT_TIMEOUT, /* nobody answers there */
	/* before there is a session */
	INI_LOGIN_TIMEOUT,
	INI_WRONG_SECRET,      /* it does not believe who we are (status 0201) */
	INI_TARGET_UNPROVEN,   /* we do not believe who it is */
	INI_NO_AUTHENTICATION, /* one side wants what the other does not do */
	INI_FORBIDDEN,         /* this initiator may not (status 0202) */
	INI_NO_SUCH_TARGET,    /* statuses 0203, 0204 */
	INI_NOT_NOW,           /* statuses 03xx: it has trouble of its own */
	INI_LOGIN_REFUSED,     /* other statuses 02xx */
	INI_MOVED_TOO_OFTEN,   /* redirection without an end */
	INI_NO_AGREEMENT,      /* what it negotiates we cannot live with */
	/* of whatever time */
	INI_LOST,      /* the connection broke, or the target closed it */
	INI_NO_ANSWER, /* it does not answer a ping, a text, a logout */
	INI_DAMAGED,   /* a digest was wrong */
	INI_NONSENSE,  /* it speaks no iSCSI, or against the protocol */
	INI_STUCK,     /* a command does not end, and neither do the functions that abort it */
	INI_ASKED_OUT, /* it asked us to log out, or to negotiate anew (asynchronous message) */
	INI_DROPPED,   /* it said that it drops the connection or the session (likewise) */
	INI_STOPPED,   /* by ini_stop() */
	INI_NO_MEMORY,
	INI_REASONS,
};

struct ini_why {
	enum ini_reason reason;
	uint16_t status;         /* of the Login Response that said so; 0: none did */
	int err;                 /* of the socket, as -errno; 0: it was not that */
	char text[INI_WHY_SIZE]; /* a sentence for a person, safe to print */
};

/* What a reason means, in general. */
const char *ini_reason_text(enum ini_reason reason);
/* A word for programs: "refused", "wrong-secret". */
const char *ini_reason_word(enum ini_reason reason);
/* A first login that failed by this may succeed a little later without anybody's doing. */
bool ini_reason_may_pass(enum ini_reason reason);

#endif

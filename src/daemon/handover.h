/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon goes on as another program, the one that is installed now under its name, in the same process: what it
 * has open stays open. What listens is never closed, so whoever connects meanwhile waits; images stay locked; what
 * is in ramdisks stays there; the tree goes along as it is, saved or not.
 *
 *   handover_start()  the new program is asked whether it can read all this; if not, nothing has happened
 *                     the process that faces the network ends in order: what was answered was done
 *                     exec(), and the new one brings up what it was given (inherit.h)
 *
 * What goes along is a JSON document in a sealed memfd, whose number is in the environment.
 */
#ifndef LUNAR_DAEMON_HANDOVER_H
#define LUNAR_DAEMON_HANDOVER_H

#include <jansson.h>
#include <sys/types.h>
#include "common/buf.h"
#include "control/server.h"
#include "daemon/inherit.h"

struct daemon;

#define HANDOVER_FORMAT 1
/* The number of the memfd, for who takes over, and for who is only asked whether it could. */
#define HANDOVER_ENV       "LUNAR_HANDOVER"
#define HANDOVER_CHECK_ENV "LUNAR_HANDOVER_CHECK"

struct handover {
	enum { HANDOVER_NONE, HANDOVER_WAIT, HANDOVER_CHECK, HANDOVER_DRAIN, HANDOVER_GO } phase;
	struct control_call *call; /* who asked, until it is answered */
	char **argv;               /* of this program: the new one gets the same */
	char exe[512];             /* its path, as it was when this one was started */
	pid_t checker;
	uint64_t deadline;
	struct timer timer;
};

/* Before main() has done anything else: under which name this program was started. */
void handover_init(struct handover *h, char **argv);
/* `call` is answered when the new program has agreed, or refused with the reason; NULL: the log has it. */
void handover_start(struct daemon *d, struct control_call *call);
/* A child of ours has ended. True: it was one of these. */
bool handover_child_ended(struct daemon *d, pid_t pid, int status);
/* The process that faces the network has ended. True: which was waited for. Then the program is another one soon, or
 * the handover has failed and there is daemon_start_again(). */
bool handover_go(struct daemon *d);

/* --- on the other side: handover_read.c */

/* A descriptor that was handed over. */
struct handed {
	enum inherited_kind kind;
	const char *name; /* valid during the call */
	int fd, lock; /* numbers of descriptors, each once, no standard streams; lock -1: none */
	bool stays;
};
typedef void handover_file(void *ctx, const struct handed *h);

/* Reads the document: the configuration's text is added to `config`, and `handed` (may be NULL) hears of each
 * descriptor, after all of it was found to be right. Whether the numbers are open ones is not looked at. 0; -EBADMSG;
 * -EPROTONOSUPPORT: of another format; -ENOMEM; what buf_add() says. */
int handover_read(const char *text, size_t len, struct buf *config, handover_file *handed,
		  void *ctx);
/* The same from the memfd with this number, as it is in the environment, which it closes. Descriptors go to `in` (may
 * be NULL: they are left alone); those that are not open are left out. 0 or -errno with `why`. */
int handover_take(const char *number, struct buf *config, struct inheritance *in, char *why,
		  size_t why_size);

#endif

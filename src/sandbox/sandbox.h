/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process gives up before it faces the network: its user, its privileges, the file system, and
 * the system calls that it has no use for. Each of these holds if another one is missing or has a hole.
 *
 *   1. before threads and rings are made, which have what the process has:  sandbox_enter()
 *   2. when all rings have been made:                                       sandbox_seal()
 */
#ifndef LUNAR_SANDBOX_SANDBOX_H
#define LUNAR_SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "common/log.h"

/* Whom the process becomes. */
struct sandbox_user {
	char name[64];
	uid_t uid;
	gid_t gid;
	bool change; /* false: it stays who it is; only root can become another */
	bool asked;  /* for by name: then it must succeed */
};

/*
 * `name`, or with NULL what suits: the user "lunar" where there is one, else "nobody". Whoever is not
 * root stays who he is. Reads the system's lists of users: before sandbox_enter(). 0 or -errno with
 * `why`.
 */
int sandbox_find_user(struct sandbox_user *out, const char *name, char *why, size_t why_size);

enum sandbox_part {
	SANDBOX_USER = 1,     /* user, groups, capabilities, root directory; no new privileges */
	SANDBOX_LANDLOCK = 2, /* no file can be opened, no port bound, nobody connected to */
	SANDBOX_SYSCALLS = 4, /* a list of system calls, by seccomp */
	SANDBOX_ALL = 7,
};

struct sandbox {
	struct log *log;
	struct sandbox_user user;
	bool ends_with_parent; /* is killed when the parent ends */
	bool connects;         /* it makes TCP connections to whom it wants: an initiator does */
	unsigned parts;        /* SANDBOX_ALL but in tests of one part */
	unsigned held;         /* those that the kernel gave us: the result */
};

/*
 * For this process and every thread that it makes from now on; there is no way back. What the kernel does
 * not have is said in the log, one line each, and the rest is entered. -errno with `why`: something
 * failed that should not, and the process must not go on.
 */
int sandbox_enter(struct sandbox *s, char *why, size_t why_size);
/* No ring of io_uring can be made any more, by any thread. Does nothing without SANDBOX_SYSCALLS. */
int sandbox_seal(const struct sandbox *s);

/* There are secrets in this process, or will be: no core of it is dumped, nor of its children, and only who may trace
 * every process may look into its memory. Not in a build for LeakSanitizer, which has to look. */
void sandbox_keep_secrets(void);

/* Closes every descriptor but these, and standard output and error; standard input becomes empty. */
int sandbox_keep(const int *fds, size_t count);

#endif

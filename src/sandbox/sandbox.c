/* SPDX-License-Identifier: BSD-2-Clause */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include "sandbox/priv.h"

/* In this order: the system calls that enter a part are not on the list of the last one. */
static const struct part {
	enum sandbox_part part;
	int (*enter)(struct sandbox *s);
	const char *name;
	const char *without; /* what it means where the kernel does not have it; NULL: it must */
} parts[] = {
	{SANDBOX_USER, privileges_drop, "the change to the user", NULL},
	{SANDBOX_LANDLOCK, landlock_enter, "Landlock",
	 "whoever takes over the process that faces the network is kept from files by its user's "
	 "rights and the list of system calls only"},
	{SANDBOX_SYSCALLS, syscalls_enter, "system call filter (seccomp)",
	 "whoever takes over the process that faces the network can make every system call that "
	 "its user may"},
};

/* A kernel without it, one that was started without it, or a container that keeps it from us. */
static bool means_missing(int err)
{
	static const int missing[] = {-ENOSYS, -EOPNOTSUPP, -EINVAL, -EPERM};
	for (size_t i = 0; i < ARRAY_SIZE(missing); i++) {
		if (err == missing[i])
			return true;
	}
	return false;
}

static int enter_part(struct sandbox *s, const struct part *p, char *why, size_t why_size)
{
	int err = p->enter(s);
	if (err == LEFT_OUT)
		return 0;
	if (!err) {
		s->held |= p->part;
	} else if (p->without && means_missing(err)) {
		log_warning(s->log, "the kernel lets us have no %s (%s): %s", p->name,
			    strerror(-err), p->without);
	} else {
		snprintf(why, why_size,
			 "the sandbox cannot be entered: %s%s%s: %s; --no-sandbox does without",
			 p->name, p->without ? "" : " ", p->without ? "" : s->user.name,
			 strerror(-err));
		return err;
	}
	return 0;
}

int sandbox_enter(struct sandbox *s, char *why, size_t why_size)
{
	/* No program that would be started has more than we; the other parts ask for that. */
	int err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
	if (err)
		snprintf(why, why_size, "the sandbox cannot be entered: %s", strerror(-err));
	s->held = 0;
	for (size_t i = 0; !err && i < ARRAY_SIZE(parts); i++) {
		if (s->parts & parts[i].part)
			err = enter_part(s, &parts[i], why, why_size);
	}
	return err;
}

int sandbox_seal(const struct sandbox *s)
{
	return s->held & SANDBOX_SYSCALLS ? syscalls_no_more_rings() : 0;
}

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define LEAKS_ARE_LOOKED_FOR true
#else
#define LEAKS_ARE_LOOKED_FOR false
#endif

void sandbox_keep_secrets(void)
{
	if (!LEAKS_ARE_LOOKED_FOR)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int sandbox_keep(const int *fds, size_t count)
{
	int empty = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int *sorted = calloc(count + 1, sizeof(*sorted));
	if (!sorted || empty < 0 || dup2(empty, STDIN_FILENO) < 0) {
		int err = sorted ? -errno : -ENOMEM;
		free(sorted);
		return err;
	}
	if (count)
		memcpy(sorted, fds, count * sizeof(*fds));
	qsort(sorted, count, sizeof(*sorted), by_number);
	unsigned next = STDERR_FILENO + 1;
	for (size_t i = 0; i < count; i++) {
		unsigned fd = (unsigned)MAX(sorted[i], STDERR_FILENO);
		if (fd > next)
			close_range(next, fd - 1, 0);
		next = MAX(next, fd + 1);
	}
	free(sorted);
	return close_range(next, UINT_MAX, 0) ? -errno : 0;
}

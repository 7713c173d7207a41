/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Landlock: everything that it can forbid is forbidden, and no rule allows anything. What is open stays
 * usable, so descriptors must be there before or come from another process. The C library has no
 * wrappers for it, and its header may be older than the kernel: numbers are those of the kernel's
 * interface, which do not change.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "sandbox/priv.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self  446
#endif

#define GET_VERSION 1u /* LANDLOCK_CREATE_RULESET_VERSION */
#define BITS(n)     ((UINT64_C(1) << (n)) - 1)
#define BIND_TCP    UINT64_C(1)        /* LANDLOCK_ACCESS_NET_BIND_TCP */
#define CONNECT_TCP (UINT64_C(1) << 1) /* LANDLOCK_ACCESS_NET_CONNECT_TCP */

/* struct landlock_ruleset_attr; a kernel takes a shorter one, and a longer one that ends in zeroes. */
struct ruleset {
	uint64_t fs, net, scoped;
};

/* What each version of the interface added. */
static const struct {
	struct ruleset handled;
	const char *what;
} versions[] = {
	{{BITS(13), 0, 0}, "1 (Linux 5.13): execute, read, write, list, remove, make"},
	{{BITS(14), 0, 0}, "2 (5.19): link and rename to another directory"},
	{{BITS(15), 0, 0}, "3 (6.2): truncate"},
	{{BITS(15), BITS(2), 0}, "4 (6.7): bind and connect TCP sockets"},
	{{BITS(16), BITS(2), 0}, "5 (6.10): ioctl on devices that are opened from now on"},
	{{BITS(16), BITS(2), BITS(2)}, "6 (6.12): abstract Unix sockets and signals to others"},
};

int landlock_enter(struct sandbox *s)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, GET_VERSION);
	if (version < 1)
		return version < 0 ? -errno : -ENOSYS;
	size_t known = MIN((size_t)version, ARRAY_SIZE(versions));
	struct ruleset handled = versions[known - 1].handled;
	if (s->connects)
		handled.net &= ~(CONNECT_TCP | BIND_TCP);
	CLEANUP(fd)
	int fd = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);
	if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0))
		return -errno;
	log_debug(s->log, "Landlock %s", versions[known - 1].what);
	return 0;
}

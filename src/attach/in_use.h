/* SPDX-License-Identifier: BSD-2-Clause */
/* Who uses a block device: mounted, swap, below another device, held open. For messages: whether it is in use is
 * for the kernel to say (O_EXCL). */
#ifndef LUNAR_ATTACH_IN_USE_H
#define LUNAR_ATTACH_IN_USE_H

#include <stddef.h>

struct in_use_roots {
	const char *proc, *sys; /* "/proc", "/sys"; in tests others */
};
extern const struct in_use_roots in_use_system;

/*
 * Users of a device, "/dev/NAME", and of its partitions, as far as this process may see them, as text: "mounted
 * on /mnt, held by process 12 (fio)". Returns how many; `out` is "" for none. No user may mean that one hides:
 * in another mount namespace, for one.
 */
unsigned in_use_by(const struct in_use_roots *roots, const char *device, char *out, size_t size);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What a method needs of this host, and the words for what is missing. */
#ifndef LUNAR_ATTACH_PROBE_H
#define LUNAR_ATTACH_PROBE_H

#include <stdbool.h>
#include <stddef.h>

struct probe_path {
	const char *path, *what; /* "FUSE (modprobe fuse)" */
	bool is_sign;            /* it has to be there, and is not opened */
};

/* Whether this process may mount and configure devices (CAP_SYS_ADMIN), and open all of these for reading and
 * writing, but for signs. 0 or -errno with `why`. */
int probe_paths(const struct probe_path *paths, size_t count, char *why, size_t why_size);

#endif

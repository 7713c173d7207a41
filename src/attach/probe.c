/* SPDX-License-Identifier: BSD-2-Clause */
#include "attach/probe.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool has_capability(unsigned cap)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	if (syscall(SYS_capget, &header, data))
		return false;
	return data[cap / 32].effective & UINT32_C(1) << cap % 32;
}

int probe_paths(const struct probe_path *paths, size_t count, char *why, size_t why_size)
{
	for (size_t i = 0; i < count; i++) {
		if (!access(paths[i].path, paths[i].is_sign ? F_OK : R_OK | W_OK))
			continue;
		int err = -errno;
		if (err == -ENOENT)
			snprintf(why, why_size, "there is no %s: this kernel or container lacks %s",
				 paths[i].path, paths[i].what);
		else
			snprintf(why, why_size, "%s: %s", paths[i].path, strerror(-err));
		return err;
	}
	if (has_capability(CAP_SYS_ADMIN))
		return 0;
	snprintf(why, why_size, "it needs CAP_SYS_ADMIN: run as root");
	return -EPERM;
}

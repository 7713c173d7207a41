/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/manager.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define RAMDISK "ramdisk-"
#define LISTEN  "listen-"
#define CONTROL "control"
#define UNIT    "lunar-targetd.socket"

static bool begins(const char *name, const char *with)
{
	return !strncmp(name, with, strlen(with));
}

/* A socket of a name in the file system that listens; which name. */
static bool is_local(int fd, struct sockaddr_un *addr)
{
	*addr = (struct sockaddr_un){0};
	return inherit_listens(fd, (struct sockaddr *)addr, sizeof(*addr)) &&
	       addr->sun_family == AF_UNIX;
}

static int take(struct inheritance *in, const char *control_path, const char *name, int fd)
{
	struct sockaddr_un addr;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (begins(name, RAMDISK))
		return inherit_add(in, INHERITED_RAMDISK, name + strlen(RAMDISK), fd, -1, false);
	if (!is_local(fd, &addr))
		return inherit_add(in, INHERITED_LISTENER, name, fd, -1, !begins(name, LISTEN));
	if (!strcmp(name, CONTROL) || !strcmp(name, UNIT) || !strcmp(addr.sun_path, control_path))
		return inherit_add(in, INHERITED_CONTROL, name, fd, -1, true);
	close(fd);
	return -EINVAL;
}

int manager_take(struct inheritance *in, const char *control_path, struct log *log, char *why,
		 size_t why_size)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(true, &names);
	if (n < 0)
		snprintf(why, why_size,
			 "what the service manager passes (LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES) "
			 "cannot be used: %s",
			 strerror(-n));
	for (int i = 0; i < n; i++) {
		const char *name = names ? names[i] : "";
		int err = take(in, control_path, name, SD_LISTEN_FDS_START + i);
		if (err == -EINVAL)
			log_warning(log,
				    "the service manager has passed \"%s\", which is no socket of "
				    "ours: %s; a stream socket that listens at a portal's address, "
				    "or at %s, would be",
				    name, strerror(-err), control_path);
		if (names)
			free(names[i]);
	}
	free(names);
	return MIN(n, 0);
}

void manager_store(struct daemon *d, const char *name, int fd)
{
	char text[512];
	snprintf(text, sizeof(text), fd < 0 ? "FDSTOREREMOVE=1\nFDNAME=%s" : "FDSTORE=1\nFDNAME=%s",
		 name);
	if (fd < 0)
		sd_notify(0, text);
	else
		sd_pid_notify_with_fds(0, 0, text, &fd, 1);
}

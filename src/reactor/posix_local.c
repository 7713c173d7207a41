/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets with a name in the file system. The engines that have them number sockets as the kernel does. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "reactor/net.h"
#include "reactor/posix.h"

#define BACKLOG    1024 /* a handover may last, and whoever does not wait is refused when it is full */
#define GROUPS_MAX 65536 /* as many as the kernel lets a process have */

static int set_path(struct sockaddr_un *addr, const char *path)
{
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(addr->sun_path))
		return -ENAMETOOLONG;
	memcpy(addr->sun_path, path, strlen(path));
	return 0;
}

/* A socket whose process has gone, and nothing else. */
static bool is_left_over(const struct sockaddr_un *addr)
{
	struct stat st;
	if (lstat(addr->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	int sock = posix_stream_socket(AF_UNIX);
	if (sock < 0)
		return false;
	bool refused = connect(sock, (const struct sockaddr *)addr, sizeof(*addr)) != 0 &&
		       errno == ECONNREFUSED;
	close(sock);
	return refused;
}

/* Nobody else may connect, not for a moment. */
static int bind_closed(int sock, const struct sockaddr_un *addr)
{
	mode_t mask = umask(0177);
	int err = bind(sock, (const struct sockaddr *)addr, sizeof(*addr)) ? -errno : 0;
	umask(mask);
	return err;
}

static int bind_local(int sock, const struct sockaddr_un *addr, gid_t group)
{
	int err = bind_closed(sock, addr);
	if (err == -EADDRINUSE && is_left_over(addr)) {
		unlink(addr->sun_path);
		err = bind_closed(sock, addr);
	}
	if (err)
		return err;
	if (group != (gid_t)-1 &&
	    (chown(addr->sun_path, (uid_t)-1, group) || chmod(addr->sun_path, 0660)))
		err = -errno;
	if (!err && listen(sock, BACKLOG))
		err = -errno;
	if (err)
		unlink(addr->sun_path);
	return err;
}

int net_listen_local(struct reactor *r, const char *path, gid_t group)
{
	struct sockaddr_un addr;
	int err = set_path(&addr, path);
	int sock = err ? err : posix_stream_socket(AF_UNIX);
	if (sock < 0)
		return sock;
	err = bind_local(sock, &addr, group);
	if (!err)
		err = net_take_listener(r, sock);
	if (!err)
		return sock;
	close(sock);
	return err;
}

void net_unlisten_local(struct reactor *r, int sock, const char *path)
{
	unlink(path);
	net_close(r, sock);
}

static int is_in_group(int sock, gid_t group, bool *out)
{
	socklen_t len = GROUPS_MAX * sizeof(gid_t);
	gid_t *groups = malloc(len);
	if (!groups)
		return -ENOMEM;
	int err = getsockopt(sock, SOL_SOCKET, SO_PEERGROUPS, groups, &len) ? -errno : 0;
	for (size_t i = 0; !err && i < len / sizeof(gid_t); i++)
		*out |= groups[i] == group;
	free(groups);
	return err;
}

int net_local_peer(struct reactor *r, int sock, gid_t group, struct net_local_peer *out)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	*out = (struct net_local_peer){cred.pid, cred.uid, cred.gid, cred.gid == group};
	return out->in_group ? 0 : is_in_group(sock, group, &out->in_group);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors that were open before this program was started: the service manager's (sd_listen_fds(3)), or those of
 * the daemon that this one takes over from (handover.h). Whoever is about to open something asks here first.
 */
#ifndef LUNAR_DAEMON_INHERIT_H
#define LUNAR_DAEMON_INHERIT_H

#include <stdbool.h>
#include "common/list.h"
#include "common/log.h"
#include "reactor/net.h"

enum inherited_kind {
	INHERITED_LISTENER, /* found by its address */
	INHERITED_CONTROL,
	INHERITED_RAMDISK, /* `name`: the disk's wwn */
	INHERITED_DISK,    /* `name`: its path */
};

struct inheritance {
	struct list all;
};

void inherit_init(struct inheritance *in);
/* The socket listens; where, of no more than `size` bytes. */
bool inherit_listens(int fd, struct sockaddr *addr, socklen_t size);
/* Takes over the descriptors; `lock` is -1 but for INHERITED_DISK, where both may be. With `stays` it is the service
 * manager's, who has it again when we let go. 0; -ENOMEM, -EEXIST (it is there already), -EINVAL (it is no such thing): then they were closed. */
int inherit_add(struct inheritance *in, enum inherited_kind kind, const char *name, int fd,
		int lock, bool stays);
/* The descriptor, which is the caller's, or -1. */
int inherit_listener(struct inheritance *in, const struct net_addr *addr);
int inherit_control(struct inheritance *in, bool *stays);
int inherit_ramdisk(struct inheritance *in, const char *wwn, uint64_t size);
/* files[0] its handle, files[1] the lock of its identity. */
void inherit_disk(struct inheritance *in, const char *path, int files[2]);
/* All is brought up: what nobody asked for is closed, but for listening sockets of the service manager's. `unused`
 * hears of each before. */
void inherit_end(struct inheritance *in, struct log *log,
		 void (*unused)(void *ctx, enum inherited_kind kind, const char *name), void *ctx);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* An NBD server on a Unix socket. Whoever may connect to the socket may read and write the disk. */
#ifndef LUNAR_ATTACH_NBD_SERVER_H
#define LUNAR_ATTACH_NBD_SERVER_H

#include <sys/types.h>
#include "attach/nbd.h"

#define NBD_CONNECTIONS_MAX 16u

struct nbd_server {
	struct nbd_host host;
	const char *path; /* the caller's */
	int listener;     /* -1: closed */
	bool lent;        /* its name is the lender's */
	struct op accept;
	bool accepting;
	struct timer retry; /* after a failed accept */
	/* Nothing is left of it, after nbd_server_stop(). */
	void (*stopped)(struct nbd_server *s);
	struct deferred end;
};

/* Queue 0's reactor serves it. `group`: as for net_listen_local(); `listener` > 0: it listens already, and is taken
 * over. 0 or -errno with `why`. */
int nbd_server_start(struct nbd_server *s, struct disk *disk, const char *name, const char *path,
		     gid_t group, int listener, char *why, size_t why_size);
/* The socket's name goes, connections end; `stopped` comes later. */
void nbd_server_stop(struct nbd_server *s, void (*stopped)(struct nbd_server *s));

#endif

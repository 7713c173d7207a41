/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One asynchronous operation on a socket or a file. The caller owns the memory, which must live
 * until `done` has run; `done` runs exactly once, from the reactor's loop and never from inside the
 * call that submitted the operation. It may free the op or submit it again.
 */
#ifndef LUNAR_REACTOR_OP_H
#define LUNAR_REACTOR_OP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include "common/list.h"

enum op_kind {
	OP_ACCEPT,
	OP_CONNECT,
	OP_RECV,
	OP_SEND,
	OP_READ,
	OP_WRITE,
	OP_FDATASYNC,
	OP_FALLOCATE,
	OP_POLL,
};

#define OP_CACHED 1u /* the page cache may have it */

/* An IPv4 or IPv6 address with port, in network byte order as the socket calls take it. */
struct net_addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	};
};

/* Where a connection comes from. */
struct net_from {
	struct net_addr addr; /* AF_UNSPEC: any */
	char interface[16];   /* that it goes out by; "": any */
};

struct op {
	void (*done)(struct op *op, int res); /* res: >= 0, or -errno */

	/* What is asked for; filled in by the calls of net.h and file.h. */
	enum op_kind kind;
	int handle;        /* socket or file, as the engine numbers them */
	struct iovec *iov; /* owned by the caller, unchanged until done */
	unsigned iovcnt;
	uint64_t offset;             /* READ, WRITE, FALLOCATE: bytes */
	uint64_t length;             /* FALLOCATE: bytes */
	uint32_t flags;              /* READ: OP_CACHED; WRITE: RWF_DSYNC; FALLOCATE: its mode */
	bool may_block;              /* READ, WRITE: file_info.may_block */
	struct net_addr addr;        /* CONNECT: where to; ACCEPT: the peer, once done */
	const struct net_from *from; /* CONNECT; NULL: any */

	/* The engine's, from submission to done. */
	struct list link;
	struct msghdr msg;
	socklen_t addrlen;
	uint64_t priv[4];
};

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Stream sockets through the engine. Handles are small integers that only this engine understands. */
#ifndef LUNAR_REACTOR_NET_H
#define LUNAR_REACTOR_NET_H

#include "reactor/reactor.h"

/* "[2001:db8::1%eth0]:3260" and the like: what net_addr_format() may write, with its NUL. */
#define NET_ADDR_TEXT 80

/*
 * "ADDR", "ADDR:PORT", "[V6]", "[V6]:PORT", or a bare IPv6 address, all numeric. Without a port,
 * `default_port` is taken. Returns 0 or -EINVAL.
 */
int net_addr_parse(struct net_addr *out, const char *text, uint16_t default_port);
char *net_addr_format(char out[NET_ADDR_TEXT], const struct net_addr *addr);
/* Without the port, IPv6 in brackets: the form of TargetAddress (RFC 7143 13.8). Without the scope
 * too, which means nothing to another host (RFC 4007 11.2). */
char *net_addr_format_host(char out[NET_ADDR_TEXT], const struct net_addr *addr);
uint16_t net_addr_port(const struct net_addr *addr);
void net_addr_set_port(struct net_addr *addr, uint16_t port);
bool net_addr_equal_host(const struct net_addr *a, const struct net_addr *b);
bool net_addr_is_any(const struct net_addr *addr);
bool net_addr_is_loopback(const struct net_addr *addr);
bool net_addr_is_link_local(const struct net_addr *addr);
/* An IPv4-mapped IPv6 address becomes the IPv4 address it stands for. */
void net_addr_unmap(struct net_addr *addr);

/* A host name or number to at most `max` addresses. Blocks. Returns how many, or -errno: -ENOENT: it has
 * none; -EAGAIN: no name server could be asked. */
int net_resolve(struct reactor *r, const char *host, uint16_t port, struct net_addr *out,
		size_t max);

/* Returns the listening socket, or -errno. An IPv6 wildcard takes IPv6 only. */
int net_listen(struct reactor *r, const struct net_addr *addr, int backlog);
/* A listening socket that another reactor or process made is used here from now on. 0 or -errno. */
int net_take_listener(struct reactor *r, int sock);
/* Completes with the new socket (TCP_NODELAY and keepalive set); op->addr is the peer. */
void net_accept(struct reactor *r, struct op *op, int listener);
/* Completes with the new, connected socket. */
void net_connect(struct reactor *r, struct op *op, const struct net_addr *to);
/* Likewise, from there, which lives until it is done. -EADDRNOTAVAIL: this host has no such address; -ENODEV: no such
 * interface; -EAFNOSUPPORT: it is none to come from to there. In simulation it makes no difference. */
void net_connect_from(struct reactor *r, struct op *op, const struct net_from *from,
		      const struct net_addr *to);
/* Complete with the bytes moved, at least 1; a receive completes with 0 when the peer has ended. */
void net_recv(struct reactor *r, struct op *op, int sock, struct iovec *iov, unsigned iovcnt);
void net_send(struct reactor *r, struct op *op, int sock, struct iovec *iov, unsigned iovcnt);

/* What the socket takes at once, without a wait: bytes, or -errno, -EAGAIN among them. Nothing is being sent on
 * it. Costs a system call of its own, so it is for what is large. */
ssize_t net_send_now(struct reactor *r, int sock, const struct iovec *iov, unsigned iovcnt);

int net_local_addr(struct reactor *r, int sock, struct net_addr *out);
/* --- sockets with a name in the file system, on one machine: accepted, received and sent as above */

struct net_local_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	bool in_group; /* of those groups, its own or one more, that net_local_peer() was asked about */
};

/*
 * Listens on `path`, which takes the place of a socket there that nobody listens on any more; -EADDRINUSE:
 * somebody does, or it is no socket. Only the owner and, with `group` not (gid_t)-1, that group may connect.
 * The socket's name is removed by net_unlisten_local(). Not in simulation.
 */
int net_listen_local(struct reactor *r, const char *path, gid_t group);
void net_unlisten_local(struct reactor *r, int sock, const char *path);
/* Who has connected, as the kernel knows it. 0 or -errno. */
int net_local_peer(struct reactor *r, int sock, gid_t group, struct net_local_peer *out);

/* Ends both directions at once: what is in flight on it completes with an error or 0. */
void net_shutdown(struct reactor *r, int sock);
/* The caller has seen `done` of everything it submitted on this socket. */
void net_close(struct reactor *r, int sock);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "reactor/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "common/eai.h"
#include "common/self_connect.h"

int posix_resolve(struct engine *e, const char *host, uint16_t port, struct net_addr *out,
		  size_t max)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	size_t n = 0;
	int eai = getaddrinfo(host, NULL, &hints, &found);
	if (eai)
		return eai_errno(eai, errno);
	for (struct addrinfo *ai = found; ai && n < max; ai = ai->ai_next) {
		if (ai->ai_family != AF_INET && ai->ai_family != AF_INET6)
			continue;
		memset(&out[n], 0, sizeof(out[n]));
		memcpy(&out[n], ai->ai_addr, MIN(ai->ai_addrlen, sizeof(out[n])));
		net_addr_set_port(&out[n], port);
		n++;
	}
	freeaddrinfo(found);
	return n ? (int)n : -ENOENT;
}

socklen_t posix_addr_len(const struct net_addr *addr)
{
	return addr->sa.sa_family == AF_INET6 ? sizeof(addr->in6) : sizeof(addr->in4);
}

void posix_set_message(struct op *op)
{
	memset(&op->msg, 0, sizeof(op->msg));
	op->msg.msg_iov = op->iov;
	op->msg.msg_iovlen = op->iovcnt;
}

static int set_flag(int sock, int level, int option)
{
	int on = 1;
	return setsockopt(sock, level, option, &on, sizeof(on)) ? -errno : 0;
}

int posix_stream_socket(int family)
{
	int sock = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return sock < 0 ? -errno : sock;
}

void posix_tune_socket(int sock)
{
	/* Neither is worth a connection: one that has ended meanwhile refuses them. */
	set_flag(sock, IPPROTO_TCP, TCP_NODELAY);
	set_flag(sock, SOL_SOCKET, SO_KEEPALIVE);
}

static int set_from(int sock, const struct net_from *from, sa_family_t family)
{
	const struct net_addr *a = &from->addr;
	if (from->interface[0] && setsockopt(sock, SOL_SOCKET, SO_BINDTODEVICE, from->interface,
					     (socklen_t)strlen(from->interface) + 1))
		return -errno;
	if (a->sa.sa_family == AF_UNSPEC)
		return 0;
	if (a->sa.sa_family != family)
		return -EAFNOSUPPORT;
	return bind(sock, &a->sa, posix_addr_len(a)) ? -errno : 0;
}

int posix_connect_socket(const struct op *op)
{
	const sa_family_t family = op->addr.sa.sa_family;
	int sock = posix_stream_socket(family);
	if (sock < 0)
		return sock;
	posix_tune_socket(sock);
	int err = op->from ? set_from(sock, op->from, family) : 0;
	if (err)
		close(sock);
	return err ? err : sock;
}

/*
 * Who connects to a port of his own host may be given just that port to connect from, and then TCP takes it for a
 * simultaneous open (RFC 9293 3.5). Such a connection would keep the port from the target that is to come back.
 */
int posix_connected(int sock)
{
	return socket_met_itself(sock) ? -ECONNREFUSED : sock;
}

static int start_listening(int sock, const struct net_addr *addr, int backlog)
{
	int ret = set_flag(sock, SOL_SOCKET, SO_REUSEADDR);
	/* So that 0.0.0.0 and [::] can both be listened on, by us or by others. */
	if (ret == 0 && addr->sa.sa_family == AF_INET6)
		ret = set_flag(sock, IPPROTO_IPV6, IPV6_V6ONLY);
	if (ret)
		return ret;
	if (bind(sock, &addr->sa, posix_addr_len(addr)) || listen(sock, backlog))
		return -errno;
	return 0;
}

int posix_listen(struct engine *e, const struct net_addr *addr, int backlog)
{
	int sock = posix_stream_socket(addr->sa.sa_family);
	if (sock < 0)
		return sock;
	int ret = start_listening(sock, addr, backlog);
	if (ret) {
		close(sock);
		return ret;
	}
	return sock;
}

int posix_set_blocking(int fd, bool blocking)
{
	int flags = fcntl(fd, F_GETFL);
	int wanted = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
	return flags < 0 || fcntl(fd, F_SETFL, wanted) ? -errno : 0;
}

ssize_t posix_send_now(struct engine *e, int sock, const struct iovec *iov, unsigned iovcnt)
{
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = iovcnt};
	ssize_t n = sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

int posix_local_addr(struct engine *e, int sock, struct net_addr *out)
{
	socklen_t len = sizeof(*out);
	memset(out, 0, sizeof(*out));
	return getsockname(sock, &out->sa, &len) ? -errno : 0;
}

void posix_shutdown(struct engine *e, int sock)
{
	shutdown(sock, SHUT_RDWR);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session's socket: the driver's part of initiator/session.h. What is large goes between the socket and the
 * buffers of tasks; small PDUs come many at a time, and leave so.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include "common/eai.h"
#include "common/self_connect.h"
#include "initiator/discovery.h"
#include "liblunar/priv.h"

#define ROUNDS 16 /* receives of one session before the others have their turn */

static void watch(struct lunar_session *s, int op, bool out)
{
	struct epoll_event ev = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = s};
	s->want_out = out;
	/* Cannot fail but for memory, and then the time of the session's next step will be up. */
	epoll_ctl(s->l->epoll, op, s->sock, &ev);
}

void lunar_priv_drop_socket(struct lunar_session *s)
{
	if (s->sock >= 0)
		close(s->sock); /* and epoll forgets it */
	s->sock = -1;
	s->connecting = false;
}

/* --- connecting */

static int open_socket(struct lunar_session *s, unsigned i)
{
	int on = 1;
	int fd = socket(s->addrs[i].ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&s->addrs[i], s->addr_lens[i]) && errno != EINPROGRESS) {
		int err = -errno;
		close(fd);
		return err;
	}
	s->sock = fd;
	s->connecting = true;
	watch(s, EPOLL_CTL_ADD, true);
	return 0;
}

/* An attempt begins where the one before it has stopped: with the address after the one that was dead. */
static void try_next(struct lunar_session *s)
{
	while (s->addr_left) {
		s->addr_left--;
		s->connect_err = open_socket(s, s->addr_next++ % s->addr_count);
		if (!s->connect_err)
			return;
	}
	ini_connected(s->ini, s->connect_err, s->l->now);
}

static int take_addresses(struct lunar_session *s, const struct addrinfo *all)
{
	s->addr_count = 0;
	for (const struct addrinfo *a = all; a && s->addr_count < LUNAR_ADDRS; a = a->ai_next) {
		memcpy(&s->addrs[s->addr_count], a->ai_addr, a->ai_addrlen);
		s->addr_lens[s->addr_count++] = a->ai_addrlen;
	}
	return s->addr_count ? 0 : -ENOENT;
}

static int resolve(struct lunar_session *s)
{
	struct ini_address a;
	struct addrinfo *all = NULL;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	char port[8];
	if (ini_address_parse(&a, s->address))
		return -EINVAL;
	snprintf(port, sizeof(port), "%u", a.port);
	int err = getaddrinfo(a.host, port, &hints, &all);
	if (err)
		return eai_errno(err, errno);
	err = take_addresses(s, all);
	freeaddrinfo(all);
	return err;
}

static void begin_connect(struct lunar_session *s)
{
	int err = resolve(s);
	if (err) {
		ini_connected(s->ini, err, s->l->now);
		return;
	}
	s->addr_left = s->addr_count;
	try_next(s);
}

static void connect_ended(struct lunar_session *s)
{
	int err = 0;
	socklen_t len = sizeof(err);
	if (getsockopt(s->sock, SOL_SOCKET, SO_ERROR, &err, &len))
		err = errno;
	if (!err && socket_met_itself(s->sock))
		err = ECONNREFUSED;
	if (!err) {
		s->connecting = false;
		watch(s, EPOLL_CTL_MOD, false);
		ini_connected(s->ini, 0, s->l->now);
		return;
	}
	lunar_priv_drop_socket(s);
	s->connect_err = -err;
	try_next(s);
}

/* --- bytes */

static size_t sum(const struct iovec *iov, unsigned n)
{
	size_t all = 0;
	for (unsigned i = 0; i < n; i++)
		all += iov[i].iov_len;
	return all;
}

/* True: there may be more. */
static bool receive_once(struct lunar_session *s)
{
	struct iovec iov[INI_RECV_IOV];
	unsigned n = ini_want_recv(s->ini, iov, INI_RECV_IOV);
	if (!n)
		return false;
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};
	size_t all = sum(iov, n);
	ssize_t got = recvmsg(s->sock, &msg, MSG_DONTWAIT);
	if (got > 0) {
		ini_got(s->ini, (size_t)got, s->l->now);
		return (size_t)got == all;
	}
	if (got == 0 || (errno != EAGAIN && errno != EINTR))
		ini_lost(s->ini, got ? -errno : 0, s->l->now);
	return false;
}

static void full(struct lunar_session *s, bool out)
{
	if (out != s->want_out)
		watch(s, EPOLL_CTL_MOD, out);
}

static void send_all(struct lunar_session *s)
{
	struct iovec iov[INI_SEND_IOV];
	unsigned n;
	while (!s->closing && (n = ini_want_send(s->ini, iov, INI_SEND_IOV)) > 0) {
		struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};
		size_t all = sum(iov, n);
		ssize_t went = sendmsg(s->sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (went < 0 && errno != EAGAIN && errno != EINTR) {
			ini_lost(s->ini, -errno, s->l->now);
			return;
		}
		if (went > 0)
			ini_went(s->ini, (size_t)went, s->l->now);
		if (went != (ssize_t)all) {
			full(s, true);
			return;
		}
	}
	if (!s->closing)
		full(s, false);
}

static void receive(struct lunar_session *s)
{
	for (unsigned i = 0; i < ROUNDS && s->sock >= 0 && !s->closing; i++) {
		if (!receive_once(s))
			return;
		/* There is more to come; what the target is to do next, it can do meanwhile. */
		if (!s->closing)
			send_all(s);
	}
}

void lunar_priv_ready(struct lunar_session *s, uint32_t events)
{
	if (s->sock < 0 || s->closing)
		return;
	if (s->connecting) {
		if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
			connect_ended(s);
		return;
	}
	if (events & ~(uint32_t)EPOLLOUT)
		receive(s);
	if (events & EPOLLOUT)
		lunar_priv_mark(s);
}

void lunar_priv_pump(struct lunar_session *s)
{
	if (s->closing) {
		lunar_priv_drop_socket(s);
		s->closing = false;
		ini_closed(s->ini, s->l->now);
	} else if (s->wanted) {
		s->wanted = false;
		begin_connect(s);
	}
	if (s->sock >= 0 && !s->connecting && !s->closing)
		send_all(s);
}

/* --- what the session asks for */

static void op_connect(void *ctx, const char *address)
{
	struct lunar_session *s = ctx;
	if (strcmp(s->address, address) != 0)
		s->addr_next = 0;
	snprintf(s->address, sizeof(s->address), "%s", address);
	s->wanted = true;
	lunar_priv_mark(s);
}

static void op_close(void *ctx)
{
	struct lunar_session *s = ctx;
	s->closing = true;
	s->wanted = false;
	lunar_priv_mark(s);
}

static void op_wake(void *ctx)
{
	lunar_priv_mark(ctx);
}

static void op_random(void *ctx, void *out, size_t len)
{
	/* Up to 256 bytes, all or nothing; it waits only before the kernel has ever had entropy. */
	while (getrandom(out, len, 0) != (ssize_t)len)
		;
}

static void op_state(void *ctx, enum ini_state state, const struct ini_why *why)
{
	lunar_priv_told(ctx, state, why);
}

static void op_event(void *ctx, const struct ini_event *event)
{
	lunar_priv_happened(ctx, event);
}

const struct ini_ops lunar_priv_ops = {
	.connect = op_connect,
	.close = op_close,
	.wake = op_wake,
	.random = op_random,
	.state = op_state,
	.event = op_event,
};

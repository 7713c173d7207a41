/* SPDX-License-Identifier: BSD-2-Clause */
/* The real way to the target: loopback sockets, the target on an io_uring reactor in this process,
 * turned between looks at the tester's sockets. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include "wire.h"
#include "reactor/net.h"

#define TURN_NS (NSEC_PER_MSEC / 2) /* the target waits no longer than this before we look */

struct real_link {
	int fd;
	bool connecting;
};

static void ended(struct wire *w, int err)
{
	w->ended = true;
	w->error = err;
}

static socklen_t addr_len(const struct net_addr *addr)
{
	return addr->sa.sa_family == AF_INET6 ? sizeof(addr->in6) : sizeof(addr->in4);
}

static void real_connect(struct wire *w)
{
	struct real_link *l = calloc(1, sizeof(*l));
	const struct net_addr *to = &w->world->addr;

	assert_non_null(l);
	w->transport = l;
	l->fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || (connect(l->fd, &to->sa, addr_len(to)) && errno != EINPROGRESS))
		ended(w, -errno);
	else
		l->connecting = true;
}

static bool flush(struct wire *w, struct real_link *l)
{
	ssize_t n;

	if (w->out.len == 0 || w->ended)
		return false;
	n = send(l->fd, w->out.data, w->out.len, MSG_NOSIGNAL);
	if (n > 0)
		buf_consume(&w->out, (size_t)n);
	return n > 0;
}

static bool drink(struct wire *w, struct real_link *l)
{
	uint8_t bytes[16384];
	ssize_t n = recv(l->fd, bytes, sizeof(bytes), 0);

	if (n > 0)
		buf_add(&w->in, bytes, (size_t)n);
	else if (n == 0)
		ended(w, 0);
	else if (errno != EAGAIN)
		ended(w, -errno);
	return n >= 0;
}

static bool look(struct wire *w)
{
	struct real_link *l = w->transport;
	struct pollfd p = {.fd = l->fd, .events = POLLIN};
	int err = 0;
	socklen_t len = sizeof(err);
	bool some = false;

	if (l->fd < 0 || w->ended)
		return false;
	if (l->connecting || w->out.len)
		p.events |= POLLOUT;
	if (poll(&p, 1, 0) <= 0)
		return false;
	if (l->connecting) {
		getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &err, &len);
		l->connecting = false;
		if (err)
			ended(w, -err);
		else
			w->connected = true;
		return true;
	}
	if (p.revents & POLLOUT)
		some = flush(w, l);
	if ((p.revents & (POLLIN | POLLHUP | POLLERR)) && !w->deaf)
		some |= drink(w, l);
	return some;
}

static bool real_turn(struct wire_world *world, uint64_t until)
{
	uint64_t now = reactor_now(world->reactor);
	bool some = false;

	if (now >= until)
		return false;
	if (reactor_turn(world->reactor, MIN(until, now + TURN_NS)) < 0)
		wire_fail(world, "the engine broke");
	list_for_each (it, &world->wires)
		some |= look(list_entry(it, struct wire, link));
	return some || reactor_now(world->reactor) < until;
}

static void real_push(struct wire *w)
{
	struct real_link *l = w->transport;

	if (!l->connecting)
		flush(w, l);
}

static void real_hear(struct wire *w)
{
}

static void real_close(struct wire *w)
{
	struct real_link *l = w->transport;

	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

static void real_free(struct wire *w)
{
	real_close(w);
	free(w->transport);
}

/* Is this family there at all? */
static bool family_works(int family, const struct net_addr *addr)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && bind(fd, &addr->sa, addr_len(addr)) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool real_start(struct wire_world *world, struct net_addr *listen)
{
	const char *loopback = world->family == AF_INET6 ? "[::1]:0" : "127.0.0.1:0";

	if (net_addr_parse(listen, loopback, 0) || !family_works(world->family, listen))
		return false;
	return reactor_new_engine(&world->reactor, getenv("LUNAR_ENGINE"), &world->log) == 0;
}

static void real_stop(struct wire_world *world)
{
	reactor_free(world->reactor);
}

const struct wire_transport wire_real_transport = {
	.start = real_start,
	.stop = real_stop,
	.turn = real_turn,
	.connect = real_connect,
	.push = real_push,
	.hear = real_hear,
	.close = real_close,
	.free = real_free,
};

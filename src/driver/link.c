/* SPDX-License-Identifier: BSD-2-Clause */
#include "driver/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "initiator/discovery.h"

struct ini_link {
	struct reactor *reactor;
	struct ini_session *session;
	const struct ini_link_ops *ops;
	void *ctx;

	char address[ISCSI_ADDRESS_SIZE];
	bool wanted;    /* a connection, and nothing has been done for it yet */
	bool resolving; /* the owner looks for the name's addresses */
	uint32_t query; /* the last one that was asked */
	struct net_addr addrs[INI_LINK_ADDRS];
	unsigned addr_count, addr_left, addr_next;
	struct net_from from;

	int sock;
	bool connecting, receiving, sending, closing;
	struct op connect, recv, send;
	struct iovec recv_iov[INI_RECV_IOV], send_iov[INI_SEND_IOV];
	struct timer timer;
	struct deferred pump;
};

static uint64_t now(const struct ini_link *l)
{
	return reactor_now(l->reactor);
}

/* It only moves forward here; when it fires too early, it is set again. */
static void set_timer(struct ini_link *l)
{
	uint64_t at = ini_deadline(l->session);
	if (at != INI_NEVER && (!timer_is_set(&l->timer) || at < l->timer.deadline))
		timer_set(l->reactor, &l->timer, at);
}

static void fired(struct timer *t)
{
	struct ini_link *l = container_of(t, struct ini_link, timer);
	if (ini_deadline(l->session) <= now(l))
		ini_tick(l->session, now(l));
	set_timer(l);
}

/* --- bytes */

static void receive(struct ini_link *l)
{
	if (l->sock < 0 || l->receiving || l->closing)
		return;
	unsigned n = ini_want_recv(l->session, l->recv_iov, INI_RECV_IOV);
	if (!n)
		return;
	l->receiving = true;
	net_recv(l->reactor, &l->recv, l->sock, l->recv_iov, n);
}

static void send_some(struct ini_link *l)
{
	if (l->sock < 0 || l->sending || l->closing)
		return;
	unsigned n = ini_want_send(l->session, l->send_iov, INI_SEND_IOV);
	if (!n)
		return;
	l->sending = true;
	net_send(l->reactor, &l->send, l->sock, l->send_iov, n);
}

static void wake(struct ini_link *l)
{
	reactor_defer(l->reactor, &l->pump);
}

static void received(struct op *op, int res)
{
	struct ini_link *l = container_of(op, struct ini_link, recv);
	l->receiving = false;
	if (l->closing) {
		wake(l);
		return;
	}
	if (res > 0)
		ini_got(l->session, (size_t)res, now(l));
	else
		ini_lost(l->session, res, now(l));
	receive(l);
	set_timer(l);
}

static void sent(struct op *op, int res)
{
	struct ini_link *l = container_of(op, struct ini_link, send);
	l->sending = false;
	if (l->closing) {
		wake(l);
		return;
	}
	if (res > 0)
		ini_went(l->session, (size_t)res, now(l));
	else
		ini_lost(l->session, res ? res : -EPIPE, now(l));
	/* What has come up meanwhile leaves with the rest of this turn's. */
	wake(l);
}

/* --- a connection */

static void try_next(struct ini_link *l, int err)
{
	if (!l->addr_left) {
		ini_connected(l->session, err, now(l));
		set_timer(l);
		return;
	}
	l->addr_left--;
	l->connecting = true;
	net_connect_from(l->reactor, &l->connect, &l->from,
			 &l->addrs[l->addr_next++ % l->addr_count]);
}

static void connected(struct op *op, int res)
{
	struct ini_link *l = container_of(op, struct ini_link, connect);
	l->connecting = false;
	if (l->closing) {
		if (res >= 0)
			l->sock = res;
		wake(l);
	} else if (res >= 0) {
		l->sock = res;
		ini_connected(l->session, 0, now(l));
		receive(l);
		wake(l);
	} else {
		try_next(l, res);
	}
}

/* An attempt begins where the one before it has stopped: with the address after the one that was dead. */
static void use(struct ini_link *l, const struct net_addr *addrs, int count)
{
	if (count <= 0) {
		ini_connected(l->session, count ? count : -ENOENT, now(l));
		set_timer(l);
		return;
	}
	l->addr_count = MIN((unsigned)count, INI_LINK_ADDRS);
	l->addr_left = l->addr_count;
	memcpy(l->addrs, addrs, l->addr_count * sizeof(*addrs));
	try_next(l, -ENOENT);
}

static void resolve(struct ini_link *l)
{
	struct ini_address a;
	struct net_addr addrs[INI_LINK_ADDRS];
	if (net_addr_parse(&addrs[0], l->address, ISCSI_DEFAULT_PORT) == 0) {
		use(l, addrs, 1);
		return;
	}
	if (ini_address_parse(&a, l->address) != 0) {
		use(l, addrs, -EINVAL);
	} else if (l->ops->resolve) {
		l->resolving = true;
		l->ops->resolve(l->ctx, l, ++l->query, a.host, a.port);
	} else {
		use(l, addrs, net_resolve(l->reactor, a.host, a.port, addrs, INI_LINK_ADDRS));
	}
}

void ini_link_resolved(struct ini_link *l, uint32_t query, int count, const struct net_addr *addrs)
{
	if (!l->resolving || query != l->query)
		return;
	l->resolving = false;
	use(l, addrs, count);
}

static void close_when_quiet(struct ini_link *l)
{
	if (l->connecting || l->receiving || l->sending)
		return;
	if (l->sock >= 0)
		net_close(l->reactor, l->sock);
	l->sock = -1;
	l->closing = false;
	ini_closed(l->session, now(l));
}

/* All that has come up in this turn leaves with one send. */
static void pump(struct deferred *d)
{
	struct ini_link *l = container_of(d, struct ini_link, pump);
	if (l->closing) {
		close_when_quiet(l);
	} else if (l->wanted) {
		l->wanted = false;
		resolve(l);
	}
	send_some(l);
	set_timer(l);
}

/* --- what the session asks for */

static void op_connect(void *ctx, const char *address)
{
	struct ini_link *l = ctx;
	if (strcmp(l->address, address) != 0)
		l->addr_next = 0;
	snprintf(l->address, sizeof(l->address), "%s", address);
	l->wanted = true;
	wake(l);
}

static void op_close(void *ctx)
{
	struct ini_link *l = ctx;
	l->closing = true;
	l->wanted = l->resolving = false;
	if (l->connecting)
		reactor_cancel(l->reactor, &l->connect);
	if (l->sock >= 0)
		net_shutdown(l->reactor, l->sock);
	wake(l);
}

static void op_wake(void *ctx)
{
	wake(ctx);
}

static void op_random(void *ctx, void *out, size_t len)
{
	const struct ini_link *l = ctx;
	reactor_random(l->reactor, out, len);
}

static void op_state(void *ctx, enum ini_state state, const struct ini_why *why)
{
	const struct ini_link *l = ctx;
	if (l->ops->state)
		l->ops->state(l->ctx, state, why);
}

static void op_event(void *ctx, const struct ini_event *event)
{
	const struct ini_link *l = ctx;
	if (l->ops->event)
		l->ops->event(l->ctx, event);
}

static const struct ini_ops ops_of_link = {
	.connect = op_connect,
	.close = op_close,
	.wake = op_wake,
	.random = op_random,
	.state = op_state,
	.event = op_event,
};

/* --- the owner's side */

int ini_link_new(struct ini_link **out, struct reactor *r, const struct ini_config *config,
		 const struct ini_link_ops *ops, void *ctx)
{
	struct ini_link *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->reactor = r;
	l->ops = ops;
	l->ctx = ctx;
	l->sock = -1;
	l->connect.done = connected;
	l->recv.done = received;
	l->send.done = sent;
	timer_init(&l->timer, fired);
	deferred_init(&l->pump, pump);
	int err = ini_session_new(&l->session, config, &ops_of_link, l);
	if (err)
		free(l);
	else
		*out = l;
	return err;
}

static void free_link(struct ini_link *l, bool abandon)
{
	if (!l)
		return;
	timer_cancel(l->reactor, &l->timer);
	deferred_cancel(&l->pump);
	ini_session_free(l->session, abandon);
	free(l);
}

void ini_link_free(struct ini_link *l)
{
	free_link(l, false);
}

void ini_link_abandon(struct ini_link *l)
{
	free_link(l, true);
}

void ini_link_set_from(struct ini_link *l, const struct net_from *from)
{
	l->from = *from;
}

struct ini_session *ini_link_session(struct ini_link *l)
{
	return l->session;
}

void ini_link_start(struct ini_link *l)
{
	ini_start(l->session, now(l));
}

void ini_link_stop(struct ini_link *l, bool force)
{
	ini_stop(l->session, force, now(l));
}

int ini_link_submit(struct ini_link *l, struct ini_task *task)
{
	return ini_submit(l->session, task, now(l));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses of the simulated network, listeners, and how connections come to be. */
#include "reactor/sim_net.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include "common/endian.h"

#define SYN_RETRY   NSEC_PER_SEC
#define UNREACHABLE (3 * NSEC_PER_SEC)

/* --- addresses */

static int sim_family(const struct net_addr *a)
{
	return a->sa.sa_family;
}

static void loopback_addr(int family, struct net_addr *out)
{
	*out = (struct net_addr){0};
	out->sa.sa_family = (sa_family_t)family;
	if (family == AF_INET)
		out->in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		out->in6.sin6_addr = in6addr_loopback;
}

void sim_net_host_addr(const struct sim_host *host, int family, uint16_t port, struct net_addr *out)
{
	*out = (struct net_addr){0};
	out->sa.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		out->in4.sin_addr.s_addr = htonl(10u << 24 | host->number);
	} else {
		out->in6.sin6_addr.s6_addr[0] = 0xfd;
		put_be16(&out->in6.sin6_addr.s6_addr[14], host->number);
	}
	net_addr_set_port(out, port);
}

/* Who answers at this address, as seen from `from`; NULL: nobody. */
static struct sim_host *host_at(struct sim_host *from, const struct net_addr *addr)
{
	if (net_addr_is_loopback(addr) || net_addr_is_any(addr))
		return from;
	struct sim *sim = from->sim;
	uint16_t number = sim_family(addr) == AF_INET ? (uint16_t)ntohl(addr->in4.sin_addr.s_addr)
						      : get_be16(&addr->in6.sin6_addr.s6_addr[14]);
	if (!number || number > sim->host_count)
		return NULL;
	struct net_addr is;
	sim_net_host_addr(sim->hosts[number - 1], sim_family(addr), 0, &is);
	return net_addr_equal_host(&is, addr) ? sim->hosts[number - 1] : NULL;
}

static struct sim_listener *find_listener(struct sim_host *host, const struct net_addr *addr)
{
	struct sim_listener *any = NULL;
	list_for_each (it, &host->listeners) {
		struct sim_listener *l = list_entry(it, struct sim_listener, link);
		if (l->shut || sim_family(&l->addr) != sim_family(addr) ||
		    net_addr_port(&l->addr) != net_addr_port(addr))
			continue;
		if (net_addr_equal_host(&l->addr, addr))
			return l;
		if (net_addr_is_any(&l->addr))
			any = l;
	}
	return any;
}

static bool port_taken(struct sim_host *host, const struct net_addr *addr)
{
	list_for_each (it, &host->listeners) {
		struct sim_listener *l = list_entry(it, struct sim_listener, link);
		if (sim_family(&l->addr) == sim_family(addr) &&
		    net_addr_port(&l->addr) == net_addr_port(addr) &&
		    (net_addr_is_any(&l->addr) || net_addr_is_any(addr) ||
		     net_addr_equal_host(&l->addr, addr)))
			return true;
	}
	return false;
}

/* Gives `addr` a port of the ephemeral range. */
static void ephemeral(struct sim_host *host, struct net_addr *addr)
{
	do {
		net_addr_set_port(addr, host->next_port);
		host->next_port = host->next_port == UINT16_MAX ? 49152 : host->next_port + 1;
	} while (port_taken(host, addr));
}

int sim_net_resolve(struct engine *e, const char *name, uint16_t port, struct net_addr *out,
		    size_t max)
{
	struct sim *sim = sim_host_of(e)->sim;
	unsigned number;
	char rest;
	if (!max)
		return -EINVAL;
	if (!net_addr_parse(out, name, port))
		return 1;
	/* "node7" has both addresses, as a host with a good name has. */
	if (sscanf(name, "node%u%c", &number, &rest) != 1 || !number || number > sim->host_count)
		return -ENOENT;
	sim_net_host_addr(sim->hosts[number - 1], AF_INET6, port, &out[0]);
	if (max < 2)
		return 1;
	sim_net_host_addr(sim->hosts[number - 1], AF_INET, port, &out[1]);
	return 2;
}

/* --- connecting and accepting */

static void submit_connect(struct sim_host *host, struct op *op)
{
	struct sim *sim = host->sim;
	struct net_addr to = op->addr;
	net_addr_unmap(&to);
	if (sim_family(&to) != AF_INET && sim_family(&to) != AF_INET6) {
		sim_complete(op, -EAFNOSUPPORT);
		return;
	}
	struct sim_conn *conn = sim_conn_new(sim);
	struct sim_end *here = &conn->end[0], *there = &conn->end[1];
	if (net_addr_is_any(&to)) { /* as Linux has it */
		uint16_t port = net_addr_port(&to);
		loopback_addr(sim_family(&to), &to);
		net_addr_set_port(&to, port);
	}
	here->host = host;
	here->open = true;
	if (net_addr_is_loopback(&to))
		loopback_addr(sim_family(&to), &here->local);
	else
		sim_net_host_addr(host, sim_family(&to), 0, &here->local);
	ephemeral(host, &here->local);
	here->peer = there->local = to;
	there->peer = here->local;
	there->host = host_at(host, &to);
	conn->connect = op;
	op->priv[SIM_OP_PTR] = (uintptr_t)conn;
	list_add_tail(&host->connecting, &conn->connecting);

	if (there->host && there->host->first->reactor) {
		sim_packet_send_kind(conn, SYN, 1);
		return;
	}
	struct sim_packet *p = sim_packet_new(conn, REFUSED, 0);
	p->res = -EHOSTUNREACH;
	sim_schedule(sim, &p->ev, UNREACHABLE);
}

/* The client's side of a connection that did not come to be. */
static void connect_failed(struct sim_conn *conn, int res)
{
	struct op *op = conn->connect;
	conn->connect = NULL;
	list_del(&conn->connecting);
	conn->end[0].open = false;
	if (op)
		sim_complete(op, res);
}

static void leave_backlog(struct sim_conn *conn)
{
	if (conn->listener)
		conn->listener->pending--;
	conn->listener = NULL;
	list_del(&conn->backlog);
}

static void accept_run(struct sim_listener *l)
{
	while (!list_empty(&l->accepts) && !list_empty(&l->complete)) {
		struct op *op = pop_op(&l->accepts);
		struct sim_conn *conn = list_first(&l->complete, struct sim_conn, backlog);
		leave_backlog(conn);
		op->addr = conn->end[1].peer;
		sim_complete(op, sim_handle_new(l->host, SIM_STREAM, &conn->end[1]));
	}
}

static void submit_accept(struct sim_host *host, struct op *op)
{
	struct sim_listener *l = sim_handle_get(host, op->handle, SIM_LISTENER);
	if (!l || l->shut) {
		sim_complete(op, l ? -EINVAL : -EBADF);
		return;
	}
	list_add_tail(&l->accepts, &op->link);
	accept_run(l);
}

/* --- what arrives */

void sim_net_syn(struct sim_conn *conn, const struct sim_packet *p)
{
	struct sim_end *end = &conn->end[1];
	struct sim_listener *l = find_listener(end->host, &end->local);
	if (!l) {
		struct sim_packet *answer = sim_packet_new(conn, REFUSED, 0);
		answer->res = -ECONNREFUSED;
		sim_packet_send(answer);
		return;
	}
	if (l->pending >= l->backlog) { /* ignored, and tried again */
		sim_schedule(conn->sim, &sim_packet_new(conn, SYN, 1)->ev, SYN_RETRY);
		return;
	}
	l->pending++;
	conn->listener = l;
	list_add_tail(&l->handshakes, &conn->backlog);
	end->open = true;
	sim_packet_send_kind(conn, SYN_ACK, 0);
}

void sim_net_syn_ack(struct sim_conn *conn, const struct sim_packet *p)
{
	struct sim_end *end = &conn->end[0];
	struct op *op = conn->connect;
	if (!op) {
		sim_packet_send_kind(conn, RST, 1);
		return;
	}
	conn->connect = NULL;
	list_del(&conn->connecting);
	sim_complete(op, sim_handle_new(end->host, SIM_STREAM, end));
	sim_packet_send_kind(conn, ACK, 1);
}

void sim_net_refused(struct sim_conn *conn, const struct sim_packet *p)
{
	if (conn->connect)
		connect_failed(conn, p->res);
}

void sim_net_ack(struct sim_conn *conn, const struct sim_packet *p)
{
	struct sim_listener *l = conn->listener;
	if (!l) { /* closed in the meantime */
		sim_packet_send_kind(conn, RST, 0);
		return;
	}
	list_del(&conn->backlog);
	list_add_tail(&l->complete, &conn->backlog);
	accept_run(l);
}

bool sim_net_rst(struct sim_conn *conn, unsigned end)
{
	if (end == 0 && conn->connect) {
		connect_failed(conn, -ECONNRESET);
	} else if (end == 1 && conn->listener) { /* nobody has accepted it yet */
		leave_backlog(conn);
		conn->end[1].open = false;
	} else {
		return false;
	}
	return true;
}

/* --- the engine's calls */

void sim_net_submit(struct sim_host *host, struct op *op)
{
	static void (*const calls[])(struct sim_host *, struct op *) = {
		[OP_ACCEPT] = submit_accept,
		[OP_CONNECT] = submit_connect,
		[OP_RECV] = sim_stream_recv,
		[OP_SEND] = sim_stream_send,
	};
	calls[op->kind](host, op);
}

void sim_net_cancel(struct sim_host *host, struct op *op)
{
	if (op->kind == OP_CONNECT) {
		struct sim_conn *conn = (struct sim_conn *)(uintptr_t)op->priv[SIM_OP_PTR];
		connect_failed(conn, -ECANCELED);
		sim_conn_reap(conn);
		return;
	}
	list_del(&op->link);
	sim_complete(op, -ECANCELED);
}

int sim_net_listen(struct engine *e, const struct net_addr *addr, int backlog)
{
	struct sim_host *host = sim_host_of(e);
	struct net_addr at = *addr;
	if (sim_family(&at) != AF_INET && sim_family(&at) != AF_INET6)
		return -EAFNOSUPPORT;
	if (host_at(host, &at) != host)
		return -EADDRNOTAVAIL;
	if (!net_addr_port(&at))
		ephemeral(host, &at);
	if (port_taken(host, &at))
		return -EADDRINUSE;
	struct sim_listener *l = sim_alloc(sizeof(*l));
	l->host = host;
	l->addr = at;
	l->backlog = MAX(backlog, 1);
	list_init(&l->accepts);
	list_init(&l->handshakes);
	list_init(&l->complete);
	list_add_tail(&host->listeners, &l->link);
	return sim_handle_new(host, SIM_LISTENER, l);
}

int sim_net_local_addr(struct engine *e, int sock, struct net_addr *out)
{
	struct sim_host *host = sim_host_of(e);
	const struct sim_end *end = sim_handle_get(host, sock, SIM_STREAM);
	const struct sim_listener *l = sim_handle_get(host, sock, SIM_LISTENER);
	if (!end && !l)
		return -EBADF;
	*out = end ? end->local : l->addr;
	return 0;
}

/* Ends everybody who knocked and was not let in. */
static void listener_turn_away(struct sim_listener *l)
{
	while (!list_empty(&l->complete)) {
		struct sim_conn *conn = list_first(&l->complete, struct sim_conn, backlog);
		leave_backlog(conn);
		conn->end[1].open = false;
		sim_packet_send_kind(conn, RST, 0);
	}
	/* These are turned away when their last packet comes. */
	while (!list_empty(&l->handshakes)) {
		struct sim_conn *conn = list_first(&l->handshakes, struct sim_conn, backlog);
		leave_backlog(conn);
		conn->end[1].open = false;
	}
}

static void listener_close(struct sim_listener *l)
{
	listener_turn_away(l);
	list_del(&l->link);
	free(l);
}

void sim_net_shutdown(struct engine *e, int sock)
{
	struct sim_host *host = sim_host_of(e);
	struct sim_listener *l = sim_handle_get(host, sock, SIM_LISTENER);
	struct sim_end *end = sim_handle_get(host, sock, SIM_STREAM);
	if (l && !l->shut) {
		l->shut = true;
		sim_complete_all(&l->accepts, -EINVAL);
		listener_turn_away(l);
	}
	if (end && !end->shut)
		sim_stream_shutdown(end);
}

void sim_net_close(struct engine *e, int sock)
{
	struct sim_host *host = sim_host_of(e);
	struct sim_listener *l = sim_handle_get(host, sock, SIM_LISTENER);
	if (l) {
		assert(list_empty(&l->accepts));
		sim_handle_close(host, sock, SIM_LISTENER);
		listener_close(l);
		return;
	}
	struct sim_end *end = sim_handle_close(host, sock, SIM_STREAM);
	if (!end)
		return;
	assert(list_empty(&flow_to(end->conn, end->number)->receivers));
	assert(list_empty(&end->conn->flow[end->number].senders));
	sim_stream_close(end);
}

/* --- a process dies */

void sim_net_crash_connecting(struct sim_host *host)
{
	while (!list_empty(&host->connecting)) {
		struct sim_conn *conn = list_first(&host->connecting, struct sim_conn, connecting);
		sim_forget_op(conn->connect);
		conn->connect = NULL;
		connect_failed(conn, 0);
		sim_conn_reap(conn);
	}
}

void sim_net_crash_handle(struct sim_host *host, struct sim_handle *handle, bool power)
{
	if (handle->kind == SIM_STREAM) {
		sim_stream_crash(handle->ptr, power);
		return;
	}
	struct sim_listener *l = handle->ptr;
	sim_forget_all(&l->accepts);
	listener_close(l);
}
void sim_net_free(struct sim *sim)
{
	list_for_each_safe (it, &sim->conns)
		sim_conn_free(list_entry(it, struct sim_conn, link));
	for (size_t i = 0; i < sim->host_count; i++)
		list_for_each_safe (it, &sim->hosts[i]->listeners)
			free(list_entry(it, struct sim_listener, link));
}

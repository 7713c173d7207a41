/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams of the simulated network: packets under way, bytes in and out, and how streams end. */
#include "reactor/sim_net.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Bytes under way and unread in one direction; a power of two. */
#define WINDOW (256u << 10)
/* A sender that waits is woken when this much fits, so that windows do not become silly. */
#define WAKE       (WINDOW / 4)
#define SEGMENT    (64u << 10)
#define MAX_PIECES 16
/* When a host that lost power is up again, and answers old connections with a reset. */
#define REBOOT_MAX_US 1000000
/* One send in so many finds its socket busy for a while. */
#define STALL_ONE_IN 16

/* --- packets */

static void packet_fire(struct sim *sim, struct sim_event *ev);

struct sim_packet *sim_packet_new(struct sim_conn *conn, enum packet_kind kind, unsigned to)
{
	struct sim_packet *p = sim_alloc(sizeof(*p));
	p->ev.fire = packet_fire;
	p->conn = conn;
	p->kind = kind;
	p->to = (uint8_t)to;
	list_add_tail(&conn->packets, &p->link);
	return p;
}

/* Behind everything that is under way to the same end. */
void sim_packet_send(struct sim_packet *p)
{
	struct sim *sim = p->conn->sim;
	struct sim_flow *flow = flow_to(p->conn, p->to);
	uint64_t delay = sim_delay(sim, sim->faults.net_delay_max_us);
	sim->stats.delays += delay != 0;
	flow->last_arrival = MAX(flow->last_arrival, sim->now + SIM_NET_LATENCY + delay);
	sim_schedule(sim, &p->ev, flow->last_arrival - sim->now);
}

void sim_packet_send_kind(struct sim_conn *conn, enum packet_kind kind, unsigned to)
{
	sim_packet_send(sim_packet_new(conn, kind, to));
}

static void packet_free(struct sim_packet *p)
{
	sim_unschedule(p->conn->sim, &p->ev);
	list_del(&p->link);
	free(p);
}

static void drop_packets(struct sim_conn *conn, unsigned to)
{
	list_for_each_safe (it, &conn->packets) {
		struct sim_packet *p = list_entry(it, struct sim_packet, link);
		if (p->to == to)
			packet_free(p);
	}
}

/* --- connections */

static void stall_over(struct sim *sim, struct sim_event *ev);

struct sim_conn *sim_conn_new(struct sim *sim)
{
	struct sim_conn *conn = sim_alloc(sizeof(*conn));
	conn->sim = sim;
	list_add_tail(&sim->conns, &conn->link);
	list_init(&conn->connecting);
	list_init(&conn->backlog);
	list_init(&conn->packets);
	for (uint8_t i = 0; i < 2; i++) {
		list_init(&conn->flow[i].senders);
		list_init(&conn->flow[i].receivers);
		conn->flow[i].stall.fire = stall_over;
		conn->end[i].conn = conn;
		conn->end[i].number = i;
	}
	return conn;
}

void sim_conn_free(struct sim_conn *conn)
{
	list_for_each_safe (it, &conn->packets)
		packet_free(list_entry(it, struct sim_packet, link));
	for (int i = 0; i < 2; i++) {
		sim_unschedule(conn->sim, &conn->flow[i].stall);
		free(conn->flow[i].ring);
	}
	list_del(&conn->link);
	free(conn);
}

/* Frees it when neither a process nor a packet needs it any more. */
void sim_conn_reap(struct sim_conn *conn)
{
	if (!conn->end[0].open && !conn->end[1].open && list_empty(&conn->packets))
		sim_conn_free(conn);
}

unsigned sim_complete_all(struct list *ops, int res)
{
	unsigned n = 0;
	for (struct op *op; (op = pop_op(ops)); n++)
		sim_complete(op, res);
	return n;
}

static void reset_end(struct sim_end *end)
{
	struct sim_conn *conn = end->conn;
	if (!end->open || end->reset)
		return;
	end->reset = true;
	unsigned told = sim_complete_all(&flow_to(conn, end->number)->receivers, -ECONNRESET);
	told += sim_complete_all(&conn->flow[end->number].senders, -ECONNRESET);
	end->err = told ? 0 : -ECONNRESET;
}

void sim_forget_all(struct list *ops)
{
	for (struct op *op; (op = pop_op(ops));)
		sim_forget_op(op);
}

/* --- bytes */

static void ring_put(struct sim_flow *flow, struct sim_cursor *from, size_t len)
{
	if (!flow->ring)
		flow->ring = sim_alloc(WINDOW);
	while (len) {
		size_t at = flow->sent % WINDOW;
		size_t n = MIN(len, MIN(WINDOW - at, from->iov->iov_len - from->skip));
		if (n)
			memcpy(flow->ring + at, (uint8_t *)from->iov->iov_base + from->skip, n);
		flow->sent += n;
		len -= n;
		from->skip += n;
		if (from->skip == from->iov->iov_len)
			*from = (struct sim_cursor){.iov = from->iov + 1};
	}
}

static void ring_get(struct sim_flow *flow, const struct iovec *iov, size_t len)
{
	for (; len; iov++) {
		size_t want = MIN(len, iov->iov_len);
		for (size_t done = 0; done < want;) {
			size_t at = flow->read % WINDOW;
			size_t n = MIN(want - done, WINDOW - at);
			memcpy((uint8_t *)iov->iov_base + done, flow->ring + at, n);
			flow->read += n;
			done += n;
		}
		len -= want;
	}
}

/* One segment of the ring, from `start`, goes on its way: whole, or in pieces. */
static void send_segment(struct sim_conn *conn, unsigned to, uint64_t start, uint32_t len)
{
	struct sim *sim = conn->sim;
	bool cut = sim_chance(sim, sim->faults.net_cut);
	if (sim_chance(sim, sim->faults.net_flip)) {
		uint64_t at = start + sim_rand(sim, len);
		flow_to(conn, to)->ring[at % WINDOW] ^= (uint8_t)(1u << sim_rand(sim, 8));
		sim->stats.flips++;
		log_debug(sim->log, "sim: %" PRIu64 " a bit flips between nodes %u and %u",
			  sim->now, conn->end[!to].host->number, conn->end[to].host->number);
	}
	unsigned pieces = 1;
	if (len > 1 && sim_chance(sim, sim->faults.net_split)) {
		pieces = 2 + (unsigned)sim_rand(sim, MAX_PIECES - 1);
		sim->stats.splits++;
	}
	unsigned broken = (unsigned)sim_rand(sim, pieces);
	for (unsigned i = 0; i < pieces && len; i++) {
		uint32_t n = len;
		if (i + 1 < pieces) /* every other one a single byte */
			n = sim_rand(sim, 2) ? 1 : 1 + (uint32_t)sim_rand(sim, len);
		struct sim_packet *p = sim_packet_new(conn, DATA, to);
		p->len = n;
		p->cut = cut && (i == broken || n == len);
		sim_packet_send(p);
		len -= n;
	}
}

static void transmit(struct sim_conn *conn, unsigned from, struct op *op, size_t len)
{
	struct sim_flow *flow = &conn->flow[from];
	struct sim_cursor cursor = {.iov = op->iov};
	uint64_t start = flow->sent;
	ring_put(flow, &cursor, len);
	while (start < flow->sent) {
		uint32_t n = (uint32_t)MIN(flow->sent - start, (uint64_t)SEGMENT);
		send_segment(conn, !from, start, n);
		start += n;
	}
}

/* Takes from the senders what fits. `least`: as long as this much is free. */
static void senders_run(struct sim_end *end, size_t least)
{
	struct sim_conn *conn = end->conn;
	struct sim *sim = conn->sim;
	struct sim_flow *flow = &conn->flow[end->number];
	while (!list_empty(&flow->senders) && !flow->stall.index) {
		size_t room = WINDOW - (size_t)(flow->sent - flow->read);
		if (room < least)
			return;
		struct op *op = pop_op(&flow->senders);
		size_t len = MIN(room, sim_iov_total(op));
		if (len > 1 && sim_chance(sim, sim->faults.net_split))
			len = 1 + (size_t)sim_rand(sim, len);
		transmit(conn, end->number, op, len);
		sim_complete(op, (int)len);
	}
}

static void stall_over(struct sim *sim, struct sim_event *ev)
{
	struct sim_flow *flow = container_of(ev, struct sim_flow, stall);
	struct op *op =
		list_empty(&flow->senders) ? NULL : list_first(&flow->senders, struct op, link);
	if (op)
		senders_run((struct sim_end *)(uintptr_t)op->priv[SIM_OP_PTR], 1);
}

static void receivers_run(struct sim_end *end)
{
	struct sim_conn *conn = end->conn;
	struct sim_flow *flow = flow_to(conn, end->number);
	while (!list_empty(&flow->receivers) && flow->arrived > flow->read) {
		struct op *op = pop_op(&flow->receivers);
		size_t len = MIN(sim_iov_total(op), (size_t)(flow->arrived - flow->read));
		ring_get(flow, op->iov, len);
		sim_complete(op, (int)len);
	}
	if (flow->fin && flow->arrived == flow->read)
		sim_complete_all(&flow->receivers, 0);
	if (conn->end[!end->number].open)
		senders_run(&conn->end[!end->number], WAKE);
}

static int take_error(struct sim_end *end, int otherwise)
{
	int err = end->err ? end->err : otherwise;
	end->err = 0;
	return err;
}

void sim_stream_recv(struct sim_host *host, struct op *op)
{
	struct sim_end *end = sim_handle_get(host, op->handle, SIM_STREAM);
	if (!end) {
		sim_complete(op, -EBADF);
		return;
	}
	struct sim_flow *flow = flow_to(end->conn, end->number);
	op->priv[SIM_OP_PTR] = (uintptr_t)end;
	if (end->shut)
		sim_complete(op, 0);
	else if (end->reset && flow->arrived == flow->read)
		sim_complete(op, take_error(end, 0));
	else {
		list_add_tail(&flow->receivers, &op->link);
		receivers_run(end);
	}
}

void sim_stream_send(struct sim_host *host, struct op *op)
{
	struct sim_end *end = sim_handle_get(host, op->handle, SIM_STREAM);
	if (!end) {
		sim_complete(op, -EBADF);
		return;
	}
	struct sim *sim = host->sim;
	struct sim_flow *flow = &end->conn->flow[end->number];
	op->priv[SIM_OP_PTR] = (uintptr_t)end;
	if (end->shut || end->reset) {
		sim_complete(op, end->shut ? -EPIPE : take_error(end, -EPIPE));
		return;
	}
	bool first = list_empty(&flow->senders);
	list_add_tail(&flow->senders, &op->link);
	if (sim->faults.net_delay_max_us && !flow->stall.index && !sim_rand(sim, STALL_ONE_IN))
		sim_schedule(sim, &flow->stall, sim_delay(sim, sim->faults.net_delay_max_us));
	if (first)
		senders_run(end, 1);
}

ssize_t sim_net_send_now(struct engine *e, int sock, const struct iovec *iov, unsigned iovcnt)
{
	struct sim_host *host = sim_host_of(e);
	struct sim_end *end = sim_handle_get(host, sock, SIM_STREAM);
	if (!end || end->shut || end->reset)
		return -EPIPE;
	struct op op = {.iov = (struct iovec *)(uintptr_t)iov, .iovcnt = iovcnt};
	struct sim_flow *flow = &end->conn->flow[end->number];
	size_t room = WINDOW - (size_t)(flow->sent - flow->read);
	size_t len = MIN(room, sim_iov_total(&op));
	assert(list_empty(&flow->senders));
	if (!len || flow->stall.index)
		return -EAGAIN;
	if (sim_chance(host->sim, host->sim->faults.net_split))
		len = 1 + (size_t)sim_rand(host->sim, len);
	transmit(end->conn, end->number, &op, len);
	return (ssize_t)len;
}

/* --- what arrives */

/* Both sides are told, not at the same time. */
static void cut(struct sim_conn *conn, unsigned at)
{
	struct sim *sim = conn->sim;
	sim->stats.cuts++;
	log_debug(sim->log, "sim: %" PRIu64 " the connection of nodes %u and %u breaks", sim->now,
		  conn->end[0].host->number, conn->end[1].host->number);
	reset_end(&conn->end[at]);
	sim_schedule(sim, &sim_packet_new(conn, RST, !at)->ev,
		     SIM_NET_LATENCY + sim_delay(sim, MAX(sim->faults.net_delay_max_us,
							  sim->faults.net_late_max_us)));
}

static void on_data(struct sim_conn *conn, const struct sim_packet *p)
{
	struct sim_end *end = &conn->end[p->to];
	struct sim_flow *flow = flow_to(conn, p->to);
	if (end->reset)
		return;
	if (p->cut && end->open) {
		cut(conn, p->to);
		return;
	}
	flow->arrived += p->len;
	if (end->open && !end->shut) {
		receivers_run(end);
		return;
	}
	/* RFC 9293 3.10.7.1, RFC 1122 4.2.2.13: nobody will read this, so the peer is told. */
	if (!end->answered)
		sim_packet_send_kind(conn, RST, !p->to);
	end->answered = true;
}

static void on_fin(struct sim_conn *conn, const struct sim_packet *p)
{
	struct sim_end *end = &conn->end[p->to];
	flow_to(conn, p->to)->fin = true;
	if (end->open && !end->reset)
		receivers_run(end);
}

static void on_rst(struct sim_conn *conn, const struct sim_packet *p)
{
	if (!sim_net_rst(conn, p->to))
		reset_end(&conn->end[p->to]);
}

static void packet_fire(struct sim *sim, struct sim_event *ev)
{
	static void (*const on[])(struct sim_conn *, const struct sim_packet *) = {
		[SYN] = sim_net_syn,
		[SYN_ACK] = sim_net_syn_ack,
		[REFUSED] = sim_net_refused,
		[ACK] = sim_net_ack,
		[DATA] = on_data,
		[FIN] = on_fin,
		[RST] = on_rst,
	};
	struct sim_packet *p = container_of(ev, struct sim_packet, ev);
	struct sim_conn *conn = p->conn;
	list_del(&p->link);
	on[p->kind](conn, p);
	free(p);
	sim_conn_reap(conn);
}

/* --- how streams end */

void sim_stream_shutdown(struct sim_end *end)
{
	end->shut = true;
	sim_complete_all(&flow_to(end->conn, end->number)->receivers, 0);
	sim_complete_all(&end->conn->flow[end->number].senders, -EPIPE);
	if (!end->reset)
		sim_packet_send_kind(end->conn, FIN, !end->number);
}

/* As Linux closes: with bytes unread the peer gets a reset, behind what was sent to it. */
void sim_stream_close(struct sim_end *end)
{
	struct sim_conn *conn = end->conn;
	struct sim_flow *in = flow_to(conn, end->number);
	sim_unschedule(conn->sim, &conn->flow[end->number].stall);
	if (!end->reset && in->arrived > in->read)
		sim_packet_send_kind(conn, RST, !end->number);
	else if (!end->reset && !end->shut)
		sim_packet_send_kind(conn, FIN, !end->number);
	end->open = false;
	sim_conn_reap(conn);
}

void sim_stream_crash(struct sim_end *end, bool power)
{
	struct sim_conn *conn = end->conn;
	struct sim *sim = conn->sim;
	struct sim_flow *out = &conn->flow[end->number];
	sim_forget_all(&flow_to(conn, end->number)->receivers);
	sim_forget_all(&out->senders);
	sim_unschedule(sim, &out->stall);
	if (power)
		drop_packets(conn, !end->number);
	if (!end->reset && power)
		sim_schedule(sim, &sim_packet_new(conn, RST, !end->number)->ev,
			     SIM_NET_LATENCY + sim_delay(sim, REBOOT_MAX_US));
	else if (!end->reset)
		sim_packet_send_kind(conn, RST, !end->number);
	end->open = false;
	end->answered = true;
	sim_conn_reap(conn);
}

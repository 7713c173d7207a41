/* SPDX-License-Identifier: BSD-2-Clause */
/* The simulated way to the target: a node of its own, virtual time, a network that splits. */
#include <stdio.h>
#include "wire.h"
#include "reactor/net.h"

#define RECV_SIZE 2048

struct sim_link {
	struct wire *w;
	struct op connect, recv, send;
	struct iovec recv_iov, send_iov;
	uint8_t *sending; /* what `send` sends from; NULL when it does nothing */
	size_t left;
	int sock;
	bool connecting, receiving, closing, closed;
	uint8_t bytes[RECV_SIZE];
};

static void close_when_quiet(struct sim_link *l)
{
	if (!l->closing || l->closed || l->connecting || l->receiving || l->sending || l->sock < 0)
		return;
	l->closed = true;
	net_close(l->w->world->client, l->sock);
}

static void listen_on(struct sim_link *l)
{
	if (l->receiving || l->closing || l->sock < 0 || l->w->deaf || l->w->ended)
		return;
	l->receiving = true;
	l->recv_iov = (struct iovec){l->bytes, sizeof(l->bytes)};
	net_recv(l->w->world->client, &l->recv, l->sock, &l->recv_iov, 1);
}

static void send_some(struct sim_link *l)
{
	struct buf *out = &l->w->out;

	if (!l->sending) {
		if (out->len == 0 || l->sock < 0 || l->closing)
			return;
		l->sending = malloc(out->len);
		memcpy(l->sending, out->data, out->len);
		l->send_iov = (struct iovec){l->sending, out->len};
		l->left = out->len;
		buf_clear(out);
	}
	net_send(l->w->world->client, &l->send, l->sock, &l->send_iov, 1);
}

static void received(struct op *op, int res)
{
	struct sim_link *l = container_of(op, struct sim_link, recv);

	l->receiving = false;
	if (res <= 0) {
		l->w->ended = true;
		l->w->error = res;
	} else {
		buf_add(&l->w->in, l->bytes, (size_t)res);
		listen_on(l);
	}
	close_when_quiet(l);
}

static void sent(struct op *op, int res)
{
	struct sim_link *l = container_of(op, struct sim_link, send);

	if (res > 0 && (size_t)res < l->left && !l->closing) {
		l->left -= (size_t)res;
		l->send_iov.iov_base = (uint8_t *)l->send_iov.iov_base + res;
		l->send_iov.iov_len = l->left;
		send_some(l);
		return;
	}
	free(l->sending);
	l->sending = NULL;
	if (res > 0)
		send_some(l);
	close_when_quiet(l);
}

static void connected(struct op *op, int res)
{
	struct sim_link *l = container_of(op, struct sim_link, connect);

	l->connecting = false;
	if (res < 0) {
		l->w->ended = true;
		l->w->error = res;
		return;
	}
	l->sock = res;
	l->w->connected = true;
	listen_on(l);
	send_some(l);
	close_when_quiet(l);
}

static void sim_connect(struct wire *w)
{
	struct sim_link *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	w->transport = l;
	l->w = w;
	l->sock = -1;
	l->connect.done = connected;
	l->recv.done = received;
	l->send.done = sent;
	l->connecting = true;
	net_connect(w->world->client, &l->connect, &w->world->addr);
}

static void sim_push(struct wire *w)
{
	struct sim_link *l = w->transport;

	if (!l->sending)
		send_some(l);
}

static void sim_hear(struct wire *w)
{
	listen_on(w->transport);
}

static void sim_close(struct wire *w)
{
	struct sim_link *l = w->transport;

	if (l->closing)
		return;
	l->closing = true;
	if (l->sock >= 0)
		net_shutdown(w->world->client, l->sock);
	close_when_quiet(l);
}

static void sim_free_link(struct wire *w)
{
	struct sim_link *l = w->transport;

	free(l->sending);
	free(l);
}

static bool sim_start(struct wire_world *world, struct net_addr *listen)
{
	const char *seed = getenv("WIRE_SEED");

	world->sim = sim_new(seed ? strtoull(seed, NULL, 0) : 1, &world->log);
	if (!world->sim)
		return false;
	world->reactor = sim_node(world->sim);
	world->client = sim_node(world->sim);
	/* Whatever boundaries the network puts into the stream must not matter. */
	if (!world->config->calm)
		sim_set_faults(world->sim, &(struct sim_faults){.net_delay_max_us = 200,
								.net_split = 200000,
								.disk_delay_max_us = 100});
	sim_node_addr(world->sim, world->reactor, AF_INET, ISCSI_DEFAULT_PORT, listen);
	return true;
}

static void sim_stop(struct wire_world *world)
{
	sim_free(world->sim);
}

static bool sim_turn(struct wire_world *world, uint64_t until)
{
	return sim_step(world->sim, until);
}

const struct wire_transport wire_sim_transport = {
	.start = sim_start,
	.stop = sim_stop,
	.turn = sim_turn,
	.connect = sim_connect,
	.push = sim_push,
	.hear = sim_hear,
	.close = sim_close,
	.free = sim_free_link,
};

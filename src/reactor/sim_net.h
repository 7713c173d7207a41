/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the simulated network: streams and their packets (sim_stream.c); addresses,
 * listeners and how connections come to be (sim_net.c). Byte streams with the manners of TCP on
 * Linux. A connection is two flows; what is sent lies in the flow's ring until it is read, and
 * packets say when which part of it arrives. Packets of one flow do not overtake each other, a reset
 * after a cut does.
 */
#ifndef LUNAR_REACTOR_SIM_NET_H
#define LUNAR_REACTOR_SIM_NET_H

#include "reactor/sim_internal.h"

#define SIM_NET_LATENCY (10 * NSEC_PER_USEC)

struct sim_flow {
	uint8_t *ring; /* WINDOW bytes, from the first send on */
	/* Counted from the beginning: read <= arrived <= sent <= read + WINDOW. */
	uint64_t sent, arrived, read;
	uint64_t last_arrival;  /* of what is under way */
	struct list senders;    /* op.link, waiting for room */
	struct list receivers;  /* op.link, waiting for bytes */
	struct sim_event stall; /* scheduled: nothing is taken from senders until then */
	bool fin;               /* arrived: nothing follows */
};

struct sim_end {
	struct sim_host *host;
	struct net_addr local, peer;
	bool open;      /* a process has it, or will */
	bool shut;      /* here, both ways */
	bool reset;     /* the connection is no more */
	bool answered;  /* what came too late has been answered with a reset */
	uint8_t number; /* in conn->end: 0 connected, 1 accepted */
	int err;        /* told to the next operation, once */
	struct sim_conn *conn;
};

struct sim_conn {
	struct sim *sim;
	struct list link;       /* sim->conns */
	struct list connecting; /* in the host of end 0, while `connect` waits */
	struct op *connect;
	struct list backlog;           /* in the listener */
	struct sim_listener *listener; /* until accepted; NULL when that has closed */
	struct list packets;           /* struct sim_packet.link, under way */
	struct sim_flow flow[2];       /* by the number of the end that sends */
	struct sim_end end[2];
};

struct sim_listener {
	struct list link;
	struct sim_host *host;
	struct net_addr addr;
	bool shut;
	int backlog, pending;
	struct list accepts;    /* op.link */
	struct list handshakes; /* struct sim_conn.backlog */
	struct list complete;   /* struct sim_conn.backlog, to be accepted */
};

enum packet_kind { SYN, SYN_ACK, REFUSED, ACK, DATA, FIN, RST };

struct sim_packet {
	struct sim_event ev;
	struct list link;
	struct sim_conn *conn;
	enum packet_kind kind;
	uint8_t to; /* the end */
	bool cut;   /* DATA: the connection breaks here */
	uint32_t len;
	int res; /* REFUSED */
};

static inline struct sim_flow *flow_to(struct sim_conn *conn, unsigned end)
{
	return &conn->flow[!end];
}

/* The first operation of a list, or NULL. */
static inline struct op *pop_op(struct list *list)
{
	if (list_empty(list))
		return NULL;
	struct op *op = list_first(list, struct op, link);
	list_del(&op->link);
	return op;
}

/* --- sim_stream.c */

struct sim_conn *sim_conn_new(struct sim *sim);
/* Frees it when neither a process nor a packet needs it any more. */
void sim_conn_reap(struct sim_conn *conn);
void sim_conn_free(struct sim_conn *conn);

struct sim_packet *sim_packet_new(struct sim_conn *conn, enum packet_kind kind, unsigned to);
/* Behind everything that is under way to the same end. */
void sim_packet_send(struct sim_packet *p);
void sim_packet_send_kind(struct sim_conn *conn, enum packet_kind kind, unsigned to);

/* Returns how many there were. */
unsigned sim_complete_all(struct list *ops, int res);
void sim_forget_all(struct list *ops);

void sim_stream_recv(struct sim_host *host, struct op *op);
void sim_stream_send(struct sim_host *host, struct op *op);
void sim_stream_shutdown(struct sim_end *end);
void sim_stream_close(struct sim_end *end);
void sim_stream_crash(struct sim_end *end, bool power);

/* --- sim_net.c: what arrives while a connection is being made */

void sim_net_syn(struct sim_conn *conn, const struct sim_packet *p);
void sim_net_syn_ack(struct sim_conn *conn, const struct sim_packet *p);
void sim_net_refused(struct sim_conn *conn, const struct sim_packet *p);
void sim_net_ack(struct sim_conn *conn, const struct sim_packet *p);
/* Whether it was about a connection that this end had not got yet. */
bool sim_net_rst(struct sim_conn *conn, unsigned end);

#endif

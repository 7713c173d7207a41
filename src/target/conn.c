/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a connection: its socket, both machines, its timer, its end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "target/priv.h"

static void receive(struct conn *c);
static void received(struct op *op, int res);
static void sent(struct op *op, int res);
static void pump(struct deferred *d);
static void timer_fired(struct timer *timer);

void conn_uncount(struct target *t)
{
	atomic_fetch_sub(&t->home->conn_count, 1);
	atomic_fetch_sub(&t->load, 1);
}

/* It has said something, or never will. */
static void not_silent(struct conn *c)
{
	if (!list_empty(&c->silent_link))
		atomic_fetch_sub(&c->target->silent_count, 1);
	list_del(&c->silent_link);
}

/*
 * Connections that say nothing cost their peers nothing, so there may be any number of them. A newcomer takes
 * the place of the one that has been silent for longest, for an initiator speaks at once.
 */
static void make_room(struct target *t)
{
	if (atomic_load(&t->home->login_count) <= t->limits.max_login_connections)
		return;
	/* In a flood, no line of the log for each. */
	conn_drop(list_first(&t->silent, struct conn, silent_link), NULL);
	count_add(&t->stats.refused_connections, 1);
}

void conn_new(struct target *t, const struct net_addr *portal, int sock,
	      const struct net_addr *peer)
{
	struct conn *c = calloc(1, sizeof(*c));
	uint8_t *stage = malloc(TARGET_STAGE_LOGIN);
	if (!c || !stage)
		goto fail;
	c->target = t;
	c->sock = sock;
	c->peer = *peer;
	net_addr_unmap(&c->peer);
	net_addr_format(c->peer_text, &c->peer);
	if (net_local_addr(t->reactor, sock, &c->local))
		c->local = *portal;
	net_addr_unmap(&c->local);
	c->stage = stage;
	iscsi_rx_init(&c->rx, stage, TARGET_STAGE_LOGIN);
	iscsi_tx_init(&c->tx);
	c->recv.done = received;
	c->send.done = sent;
	list_init(&c->data_in);
	deferred_init(&c->pump, pump);
	timer_init(&c->timer, timer_fired);
	c->started = c->heard = c->taken = reactor_now(t->reactor);
	c->login_timeout = t->limits.login_timeout;
	if (login_start(c))
		goto fail;
	list_add_tail(&t->conns, &c->link);
	list_add_tail(&t->silent, &c->silent_link);
	atomic_fetch_add(&t->silent_count, 1);
	c->logging_in = true;
	conn_set_timer(c);
	receive(c);
	make_room(t);
	return;
fail:
	log_error(t->log, "no memory for a connection");
	free(stage);
	free(c);
	net_close(t->reactor, sock);
	atomic_fetch_sub(&t->home->login_count, 1);
	conn_uncount(t);
	target_check_drained(t);
}

/* --- the end */

/* No operation is in flight any more, so nothing refers to this memory. */
static void conn_free(struct conn *c)
{
	struct target *t = c->target;
	iscsi_tx_abandon(&c->tx);
	if (c->rx_task)
		task_unref(c->rx_task);
	login_free(c);
	iscsi_text_target_free(&c->text);
	timer_cancel(t->reactor, &c->timer);
	deferred_cancel(&c->pump);
	net_close(t->reactor, c->sock);
	list_del(&c->link);
	conn_uncount(t);
	free(c->stage);
	free(c);
	target_check_drained(t);
}

static void free_when_quiet(struct conn *c)
{
	if (c->state == CONN_DEAD && !c->receiving && !c->sending && !c->enrolling)
		conn_free(c);
}

/* An operation has returned. False: the connection is at its end, or is no more. */
static bool goes_on(struct conn *c, int res)
{
	if (c->state == CONN_DEAD)
		free_when_quiet(c);
	else if (res <= 0)
		conn_drop(c, res == 0 ? "closed by the initiator" : strerror(-res));
	else
		return true;
	return false;
}

void conn_logged_in(struct conn *c)
{
	if (c->logging_in)
		atomic_fetch_sub(&c->target->home->login_count, 1);
	c->logging_in = false;
}

/* No login without the end of its session. */
static void log_lost(const struct conn *c, const char *why)
{
	const struct session *s = c->session;
	log_info(c->target->log, "%s: session of %s%s%s ends without a logout: %s", c->peer_text,
		 s->initiator, s->node ? " with " : "", s->node ? s->node->name : "",
		 why ? why : "the connection ends");
}

void conn_drop(struct conn *c, const char *why)
{
	struct target *t = c->target;
	if (c->state == CONN_DEAD)
		return;
	if (c->session)
		log_lost(c, why);
	else if (why)
		log_info(t->log, "%s: connection closed: %s", c->peer_text, why);
	conn_logged_in(c);
	not_silent(c);
	c->state = CONN_DEAD;
	if (c->session)
		session_free(c->session);
	if (t->freeing) {
		c->receiving = c->sending = c->enrolling = false;
	} else {
		net_shutdown(t->reactor, c->sock);
		/* The last look is taken by the pump, so that no caller loses `c` under its feet. */
		timer_cancel(t->reactor, &c->timer);
		reactor_defer(t->reactor, &c->pump);
		return;
	}
	conn_free(c);
}

void conn_end(struct conn *c)
{
	if (c->state == CONN_DEAD)
		return;
	c->state = CONN_ENDING;
	c->ended = reactor_now(c->target->reactor);
	conn_set_timer(c);
	conn_wake(c);
}

void conn_end_later(struct conn *c, uint64_t delay)
{
	if (c->state == CONN_DEAD)
		return;
	c->held_until = delay ? reactor_now(c->target->reactor) + delay : 0;
	conn_end(c);
	c->ended += delay;
	conn_set_timer(c);
}

/* --- time */

/* What a connection waits for: it is looked at again then, and `why` it would end. */
struct deadline {
	uint64_t at;
	const char *why; /* NULL: it does not end, a ping is due */
};

static void until(struct deadline *d, const struct conn *c, uint64_t from, uint32_t seconds,
		  const char *why)
{
	uint64_t at = target_deadline(c->target, from, seconds);
	if (at < d->at)
		*d = (struct deadline){at, why};
}

static void login_deadline(struct deadline *d, const struct conn *c, bool midway)
{
	const struct config_limits *l = &c->target->limits;
	if (!c->any_pdu || midway)
		until(d, c, c->heard, l->silent_timeout, "silent before its login was complete");
	until(d, c, c->started, c->login_timeout, "login took too long");
}

/* Time in which we do not read is not the peer's. */
static void full_deadline(struct deadline *d, const struct conn *c, bool midway)
{
	const struct config_limits *l = &c->target->limits;
	const struct session *s = c->session;
	const struct patience *patience = s->patience;
	uint64_t alive = MAX(c->heard, c->taken);
	if (c->sending)
		until(d, c, c->taken, l->send_timeout, "what is sent to it is not taken");
	if (!s->node)
		until(d, c, c->started, l->discovery_timeout, "a discovery without an end");
	if (c->paused)
		return;
	if (midway) {
		until(d, c, c->heard, l->silent_timeout, "silent in the middle of a PDU");
		until(d, c, c->pdu_began, l->data_out_timeout, "a PDU without an end");
	}
	if (!list_empty(&s->held))
		until(d, c, s->gap_since, l->tmf_timeout, "a request before others does not come");
	if (c->owed)
		until(d, c, c->owed_heard, atomic_load(&patience->data_out),
		      "data that was asked for does not come");
	if (c->ping_sent)
		until(d, c, MAX(c->ping_sent, c->taken), atomic_load(&patience->nopin),
		      "no answer to a NOP-In");
	else if (!midway)
		until(d, c, alive, atomic_load(&patience->nopin_interval), NULL);
}

static struct deadline next_deadline(const struct conn *c)
{
	const struct config_limits *l = &c->target->limits;
	bool midway = iscsi_rx_in_pdu(&c->rx);
	struct deadline d = {REACTOR_NEVER, NULL};
	switch (c->state) {
	case CONN_LOGIN: login_deadline(&d, c, midway); break;
	case CONN_FULL: full_deadline(&d, c, midway); break;
	case CONN_ENDING:
		if (c->held_until)
			return (struct deadline){c->held_until, NULL};
		until(&d, c, MAX(c->ended, c->taken), l->silent_timeout,
		      "the last answers were not taken");
		until(&d, c, c->ended, l->send_timeout, "the last answers were not taken in time");
		break;
	case CONN_DEAD: break;
	}
	return d;
}

void conn_set_timer(struct conn *c)
{
	timer_set(c->target->reactor, &c->timer, next_deadline(c).at);
}

/* Deadlines move with every byte; the timer does not, it looks again when it fires. */
static void timer_fired(struct timer *timer)
{
	struct conn *c = container_of(timer, struct conn, timer);
	struct deadline d = next_deadline(c);
	if (d.at > reactor_now(c->target->reactor)) {
		conn_set_timer(c);
	} else if (d.why) {
		conn_drop(c, d.why);
	} else if (c->held_until) {
		c->held_until = 0;
		conn_wake(c);
		conn_set_timer(c);
	} else {
		conn_ping(c, true);
		conn_set_timer(c);
	}
}

/* --- receiving */

void conn_watch(struct conn *c)
{
	uint64_t deadline = next_deadline(c).at;
	if (!timer_is_set(&c->timer) || deadline < c->timer.deadline)
		timer_set(c->target->reactor, &c->timer, deadline);
}

static void watch_all_here(struct target *t)
{
	list_for_each (it, &t->conns) {
		struct conn *c = list_entry(it, struct conn, link);
		if (c->state == CONN_FULL)
			conn_watch(c);
	}
}

static void watch_all_there(struct mail *m)
{
	struct target *t = container_of(m, struct target, watch_mail);
	atomic_store(&t->watch_posted, false);
	watch_all_here(t);
}

void conn_watch_all(struct target *home)
{
	watch_all_here(home);
	for (unsigned i = 1; i < home->part_count; i++) {
		struct target *part = home->parts[i];
		if (!atomic_exchange(&part->watch_posted, true))
			reactor_post(part->reactor, &part->watch_mail, watch_all_there);
	}
}

static void receive(struct conn *c)
{
	if (c->state == CONN_DEAD || c->receiving || c->enrolling)
		return;
	bool resumed = c->paused;
	c->paused = c->tx.count > TARGET_TX_HIGH;
	if (c->paused)
		return;
	if (resumed)
		c->heard = c->pdu_began = c->owed_heard = reactor_now(c->target->reactor);
	unsigned n = iscsi_rx_want(&c->rx, c->recv_iov);
	c->receiving = true;
	net_recv(c->target->reactor, &c->recv, c->sock, c->recv_iov, n);
	conn_watch(c);
}

/* One event of the receive machine. False: take no more from this connection. */
static bool take_event(struct conn *c, enum iscsi_rx_event event)
{
	bool login = c->state == CONN_LOGIN;
	switch (event) {
	case ISCSI_RX_HEADER: return login ? login_header(c) : dispatch_header(c);
	case ISCSI_RX_PDU:
		c->any_pdu = true;
		not_silent(c);
		c->pdu_began = c->heard;
		return login ? login_pdu(c) : dispatch_pdu(c, false);
	case ISCSI_RX_DATA_DIGEST:
		count_add(&c->target->stats.digest_errors, 1);
		return dispatch_pdu(c, true);
	case ISCSI_RX_HEADER_DIGEST:
		/* RFC 7143 7.8: where the next PDU begins cannot be known. */
		count_add(&c->target->stats.digest_errors, 1);
		conn_drop(c, "header digest error");
		return false;
	case ISCSI_RX_TOO_LONG:
		count_add(&c->target->stats.protocol_errors, 1);
		conn_drop(c, "a data segment longer than MaxRecvDataSegmentLength");
		return false;
	case ISCSI_RX_MORE: break;
	}
	return false;
}

static void take_events(struct conn *c)
{
	c->at_work = true;
	/* A connection that is ending reads on only to notice that the peer has closed. */
	while (c->state != CONN_ENDING && c->state != CONN_DEAD && !c->enrolling) {
		enum iscsi_rx_event event = iscsi_rx_next(&c->rx);
		if (event == ISCSI_RX_MORE || !take_event(c, event))
			break;
	}
	c->at_work = false;
	if (c->state == CONN_ENDING)
		c->rx.start = c->rx.end = 0;
	receive(c);
}

void conn_resume(struct conn *c)
{
	if (c->at_work)
		return;
	if (c->state == CONN_DEAD)
		free_when_quiet(c);
	else
		take_events(c);
}

static void received(struct op *op, int res)
{
	struct conn *c = container_of(op, struct conn, recv);
	c->receiving = false;
	if (!goes_on(c, res))
		return;
	c->heard = reactor_now(c->target->reactor);
	if (!iscsi_rx_in_pdu(&c->rx))
		c->pdu_began = c->heard;
	c->bytes_in += (size_t)res;
	iscsi_rx_got(&c->rx, (size_t)res);
	take_events(c);
}

int conn_grow_stage(struct conn *c, size_t size)
{
	uint8_t *stage = realloc(c->stage, size);
	if (!stage)
		return -ENOMEM;
	c->stage = c->rx.stage = stage;
	c->rx.stage_size = size;
	return 0;
}

/* --- sending */

void conn_wake(struct conn *c)
{
	if (!c->sending)
		reactor_defer(c->target->reactor, &c->pump);
}

/* Everything that became ready in this turn of the loop leaves in one send. */
static void pump(struct deferred *d)
{
	struct conn *c = container_of(d, struct conn, pump);
	if (c->state == CONN_DEAD) {
		free_when_quiet(c);
		return;
	}
	if (c->sending || c->held_until)
		return;
	data_in_make(c);
	unsigned n = iscsi_tx_want(&c->tx, c->send_iov, TARGET_SEND_IOV);
	if (n) {
		c->sending = true;
		c->taken = reactor_now(c->target->reactor); /* so far, all of it */
		net_send(c->target->reactor, &c->send, c->sock, c->send_iov, n);
		conn_watch(c);
	} else if (c->state == CONN_ENDING) {
		conn_drop(c, NULL);
	}
}

void conn_send_now(struct conn *c)
{
	ssize_t went;
	do {
		data_in_make(c);
		unsigned n = iscsi_tx_want(&c->tx, c->send_iov, TARGET_SEND_IOV);
		went = n ? net_send_now(c->target->reactor, c->sock, c->send_iov, n) : 0;
		if (went > 0)
			iscsi_tx_went(&c->tx, (size_t)went);
	} while (went > 0 && c->state != CONN_DEAD);
}

static void sent(struct op *op, int res)
{
	struct conn *c = container_of(op, struct conn, send);
	c->sending = false;
	if (!goes_on(c, res))
		return;
	c->taken = reactor_now(c->target->reactor);
	c->bytes_out += (size_t)res;
	iscsi_tx_went(&c->tx, (size_t)res);
	if (c->paused)
		receive(c);
	pump(&c->pump);
}

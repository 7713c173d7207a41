/* SPDX-License-Identifier: BSD-2-Clause */
/* One initiator of the swarm: its connection, its login, its commands and what is answered. */
#include <netinet/tcp.h>
#include "iscsi/lun.h"
#include "swarm.h"

#define SEND_IOV   24
#define BUSY_PAUSE (50 * MSEC)

#define FUA 0x08 /* in byte 1 of a CDB */
enum status { GOOD = 0x00, CHECK = 0x02, BUSY = 0x08, SET_FULL = 0x28, ABORTED = 0x40 };

struct out {
	struct iscsi_tx_pdu pdu;
	uint8_t data[]; /* a copy: its slot may be used again before it is on its way */
};

static void note(uint64_t *slowest, uint64_t took)
{
	*slowest = MAX(*slowest, took);
}

/* --- what is on the disk */

static void fill(const struct peer *p, uint32_t slot, uint32_t sector, uint32_t write,
		 uint8_t out[SECTOR])
{
	for (uint32_t i = 0; i < SECTOR; i += 16) {
		put_be32(out + i, p->number);
		put_be32(out + i + 4, slot << 16 | sector);
		put_be32(out + i + 8, write);
		put_be32(out + i + 12, i);
	}
}

static void check(const struct peer *p, const struct slot *slot)
{
	static const uint8_t nothing[SECTOR];
	uint8_t expected[SECTOR];
	uint32_t place = (uint32_t)(slot - p->slots);
	if (slot->got != p->swarm->o.size)
		fail(p, "slot %u: %u bytes came instead of %u", place, slot->got, p->swarm->o.size);
	for (uint32_t i = 0; i < p->swarm->o.size / SECTOR; i++) {
		const uint8_t *is = slot->buf + (size_t)i * SECTOR;
		uint32_t write = get_be32(is + 8);
		fill(p, place, i, write, expected);
		if (!write)
			memcpy(expected, nothing, sizeof(expected));
		if (memcmp(is, expected, SECTOR))
			fail(p, "slot %u, sector %u: not what was ever written there", place, i);
		if (write < slot->floor || write > slot->sent)
			fail(p, "slot %u, sector %u: write %u is there, not one of %u to %u", place,
			     i, write, slot->floor, slot->sent);
	}
}

/* --- sending */

static void watch(struct peer *p, bool sending)
{
	struct epoll_event event = {
		.events = EPOLLIN | (sending ? EPOLLOUT : 0),
		.data.u64 = (uint64_t)(p - p->swarm->peers) << 32 | (uint32_t)p->fd,
	};
	if (p->sending != sending)
		epoll_ctl(p->swarm->epoll, EPOLL_CTL_MOD, p->fd, &event);
	p->sending = sending;
}

void peer_flush(struct peer *p)
{
	struct iovec iov[SEND_IOV];
	struct msghdr msg = {.msg_iov = iov};
	while ((msg.msg_iovlen = iscsi_tx_want(&p->tx, iov, SEND_IOV))) {
		ssize_t n = sendmsg(p->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0)
			break; /* an end is noticed by receiving */
		iscsi_tx_went(&p->tx, (size_t)n);
	}
	watch(p, !iscsi_tx_idle(&p->tx));
}

static void sent(struct iscsi_tx_pdu *pdu, int err)
{
	free(container_of(pdu, struct out, pdu));
}

/* ExpStatSN is at byte 28 of every request, CmdSN at byte 24. */
static void push(struct peer *p, const void *bhs, const void *data, uint32_t len)
{
	struct out *out = calloc(1, sizeof(*out) + len);
	if (!out)
		fail(p, "no memory");
	memcpy(&out->pdu.bhs, bhs, ISCSI_BHS_LEN);
	put_be32(out->pdu.bhs.specific + 8, p->expstatsn);
	if (len)
		memcpy(out->data, data, len);
	out->pdu.data = out->data;
	out->pdu.data_len = len;
	out->pdu.sent = sent;
	iscsi_tx_push(&p->tx, &out->pdu);
}

static const struct {
	uint8_t opcode, flags;
	const char *name;
} commands[] = {
	[WRITING] = {0x8a, ISCSI_COMMAND_WRITE, "write"},
	[SYNCING] = {0x91, 0, "flush"},
	[READING] = {0x88, ISCSI_COMMAND_READ, "read"},
};

/* The data of a write, and how much of it goes with the command. */
static uint32_t prepare(struct peer *p, struct slot *slot)
{
	const struct options *o = &p->swarm->o;
	slot->sent++;
	for (uint32_t i = 0; i < o->size / SECTOR; i++)
		fill(p, (uint32_t)(slot - p->slots), i, slot->sent, slot->buf + (size_t)i * SECTOR);
	if (!p->params.immediate_data)
		return 0;
	return MIN(o->size, MIN(p->params.first_burst, p->params.max_send_data));
}

void peer_begin(struct peer *p, struct slot *slot)
{
	const struct options *o = &p->swarm->o;
	uint32_t place = (uint32_t)(slot - p->slots), blocks = o->size / SECTOR, now = 0;
	struct iscsi_scsi_command bhs = {.opcode = ISCSI_SCSI_COMMAND};
	slot->doing = slot->unsynced ? SYNCING : slot->unread ? READING : WRITING;
	slot->itt = p->itt++;
	slot->cmdsn = p->cmdsn++;
	slot->got = 0;
	if (!slot->since)
		slot->since = p->swarm->now;
	if (slot->doing == WRITING)
		now = prepare(p, slot);
	else
		memset(slot->buf, 0xee, o->size);
	bhs.flags = ISCSI_FINAL | commands[slot->doing].flags;
	iscsi_lun_put(bhs.lun, o->lun + p->number % o->luns);
	put_be32(bhs.itt, slot->itt);
	put_be32(bhs.expected_length, commands[slot->doing].flags ? o->size : 0);
	put_be32(bhs.cmdsn, slot->cmdsn);
	bhs.cdb[0] = commands[slot->doing].opcode;
	bhs.cdb[1] = slot->doing == WRITING && o->fua ? FUA : 0;
	put_be64(bhs.cdb + 2, ((uint64_t)(p->number / o->luns) * o->depth + place) * blocks);
	put_be32(bhs.cdb + 10, blocks);
	push(p, &bhs, slot->buf, now);
}

void peer_manage(struct peer *p, uint8_t function, struct slot *slot)
{
	struct swarm *s = p->swarm;
	struct iscsi_tmf_request bhs = {
		.opcode = ISCSI_TMF_REQUEST | ISCSI_IMMEDIATE,
		.function = ISCSI_FINAL | function,
	};
	p->tmf.function = function;
	p->tmf.itt = p->itt++;
	p->tmf.slot = slot;
	p->tmf.since = s->now;
	iscsi_lun_put(bhs.lun, s->o.lun + p->number % s->o.luns);
	put_be32(bhs.itt, p->tmf.itt);
	put_be32(bhs.referenced_tag, slot ? slot->itt : ISCSI_RESERVED_TAG);
	put_be32(bhs.refcmdsn, slot ? slot->cmdsn : 0);
	put_be32(bhs.cmdsn, p->cmdsn);
	push(p, &bhs, NULL, 0);
}

void peer_log_out(struct peer *p)
{
	struct iscsi_logout_request bhs = {
		.opcode = ISCSI_LOGOUT_REQUEST | ISCSI_IMMEDIATE,
		.reason = ISCSI_FINAL | ISCSI_LOGOUT_SESSION,
	};
	put_be32(bhs.itt, p->itt++);
	put_be32(bhs.cmdsn, p->cmdsn);
	push(p, &bhs, NULL, 0);
	p->state = LOGOUT;
	p->since = p->swarm->now;
	p->swarm->full--;
	peer_flush(p);
}

/* --- the end of a connection */

/* Its commands may have been carried out or not. */
static void forget(struct slot *slot)
{
	slot->unread |= slot->doing == WRITING;
	slot->doing = IDLE;
	slot->since = 0;
}

void peer_cleaned(struct peer *p)
{
	struct swarm *s = p->swarm;
	iscsi_tx_abandon(&p->tx);
	if (p->login)
		iscsi_login_initiator_free(&p->login->engine);
	free(p->login);
	p->login = NULL;
	s->full -= p->state == FULL;
	s->under_way -= p->state == CONNECTING || p->state == LOGIN;
	if (p->state == FULL || p->state == LOGOUT)
		p->since = 0;
	for (uint32_t i = 0; i < s->o.depth; i++)
		forget(&p->slots[i]);
	p->tmf.function = 0;
	p->state = DOWN;
	p->fd = -1;
	p->sending = false;
	p->not_before = s->now + (s->o.silent ? SEC : 10 * MSEC) + draw(s, 200) * MSEC;
}

void peer_drop(struct peer *p)
{
	close(p->fd);
	peer_cleaned(p);
}

/* Nobody asked for this end. */
void peer_lost(struct peer *p, const char *why)
{
	p->swarm->n.lost++;
	if (!p->swarm->o.retry)
		fail(p, "the connection is lost: %s", why);
	peer_drop(p);
}

/* --- what comes in */

static struct slot *slot_of(struct peer *p, const uint8_t itt[4])
{
	for (uint32_t i = 0; i < p->swarm->o.depth; i++)
		if (p->slots[i].doing != IDLE && p->slots[i].itt == get_be32(itt))
			return &p->slots[i];
	return NULL;
}

static void again(struct peer *p, struct slot *slot, uint64_t later)
{
	uint64_t since = slot->since;
	p->swarm->n.again++;
	forget(slot);
	slot->since = since; /* its time goes on */
	slot->not_before = p->swarm->now + later;
}

static void finish(struct peer *p, struct slot *slot, uint8_t status)
{
	struct swarm *s = p->swarm;
	bool attention = status == CHECK && (p->sense[2 + 2] & 0x0f) == 6;
	if (attention || status == ABORTED) {
		again(p, slot, 0);
		return;
	}
	if (status == BUSY || status == SET_FULL) {
		again(p, slot, BUSY_PAUSE);
		return;
	}
	if (status != GOOD)
		fail(p, "a %s ends with status %02x, sense key %x, %02x%02x",
		     commands[slot->doing].name, status, p->sense[2 + 2] & 0x0f, p->sense[2 + 12],
		     p->sense[2 + 13]);
	note(&s->n.slowest_command, s->now - slot->since);
	if (slot->doing == READING) {
		check(p, slot);
		s->n.reads++;
		slot->unread = false;
	} else if (slot->doing == WRITING) {
		slot->floor = slot->sent;
		s->n.writes++;
		slot->unread = true;
		slot->unsynced = s->o.sync;
	} else {
		slot->unsynced = false;
	}
	slot->doing = IDLE;
	slot->since = 0;
}

static void take_response(struct peer *p)
{
	const struct iscsi_scsi_response *bhs = (const struct iscsi_scsi_response *)&p->rx.bhs;
	struct slot *slot = slot_of(p, bhs->itt);
	if (!slot)
		fail(p, "an answer to no command of ours");
	if (bhs->response)
		fail(p, "iSCSI response %02x", bhs->response);
	finish(p, slot, bhs->status);
}

static void take_data_in(struct peer *p)
{
	const struct iscsi_data_in *bhs = (const struct iscsi_data_in *)&p->rx.bhs;
	struct slot *slot = slot_of(p, bhs->itt);
	if (!slot || slot->doing != READING)
		fail(p, "data for no read of ours");
	slot->got += p->rx.data_len;
	if (bhs->flags & ISCSI_DATA_STATUS)
		finish(p, slot, bhs->status);
}

static void take_r2t(struct peer *p)
{
	const struct iscsi_r2t *r2t = (const struct iscsi_r2t *)&p->rx.bhs;
	struct slot *slot = slot_of(p, r2t->itt);
	uint32_t at = get_be32(r2t->buffer_offset), left = get_be32(r2t->desired_length);
	if (!slot || slot->doing != WRITING || at + left > p->swarm->o.size)
		fail(p, "data is asked for that is not ours to send");
	for (uint32_t datasn = 0; left; datasn++) {
		uint32_t len = MIN(left, p->params.max_send_data);
		struct iscsi_data_out bhs = {.opcode = ISCSI_DATA_OUT};
		bhs.flags = len == left ? ISCSI_FINAL : 0;
		memcpy(bhs.lun, r2t->lun, sizeof(bhs.lun));
		memcpy(bhs.itt, r2t->itt, sizeof(bhs.itt));
		memcpy(bhs.ttt, r2t->ttt, sizeof(bhs.ttt));
		put_be32(bhs.datasn, datasn);
		put_be32(bhs.buffer_offset, at);
		push(p, &bhs, slot->buf + at, len);
		at += len;
		left -= len;
	}
}

static void take_tmf(struct peer *p)
{
	const struct iscsi_tmf_response *bhs = (const struct iscsi_tmf_response *)&p->rx.bhs;
	struct slot *slot = p->tmf.slot;
	if (!p->tmf.function || get_be32(bhs->itt) != p->tmf.itt)
		fail(p, "an answer to no function of ours");
	bool known = !slot || slot->doing != IDLE;
	if (bhs->response != ISCSI_TMF_COMPLETE && (known || bhs->response != ISCSI_TMF_NO_TASK))
		fail(p, "function %u is answered %u", p->tmf.function, bhs->response);
	p->swarm->n.tmfs++;
	p->tmf.function = 0;
	/* Whatever was sent before it and has no answer by now will have none. */
	for (uint32_t i = 0; i < p->swarm->o.depth; i++)
		if (!slot || slot == &p->slots[i])
			forget(&p->slots[i]);
}

static void take_nop_in(struct peer *p)
{
	const struct iscsi_nop_in *bhs = (const struct iscsi_nop_in *)&p->rx.bhs;
	struct iscsi_nop_out out = {.opcode = ISCSI_NOP_OUT | ISCSI_IMMEDIATE,
				    .flags = ISCSI_FINAL};
	if (get_be32(bhs->ttt) == ISCSI_RESERVED_TAG)
		return;
	p->swarm->n.pings++;
	memcpy(out.lun, bhs->lun, sizeof(out.lun));
	memcpy(out.ttt, bhs->ttt, sizeof(out.ttt));
	put_be32(out.itt, ISCSI_RESERVED_TAG);
	put_be32(out.cmdsn, p->cmdsn);
	push(p, &out, NULL, 0);
}

static void take_logout(struct peer *p)
{
	struct swarm *s = p->swarm;
	if (p->state != LOGOUT)
		fail(p, "a logout that was not asked for");
	note(&s->n.slowest_logout, s->now - p->since);
	peer_drop(p);
}

static void take_async(struct peer *p)
{
	const struct iscsi_async_message *bhs = (const struct iscsi_async_message *)&p->rx.bhs;
	if (bhs->event == ISCSI_ASYNC_LOGOUT_REQUEST && p->state == FULL)
		peer_log_out(p);
}

static void take_reject(struct peer *p)
{
	fail(p, "a PDU is rejected, reason %02x",
	     ((const struct iscsi_reject *)&p->rx.bhs)->reason);
}

/* --- login */

static void random_bytes(void *ctx, void *out, size_t len)
{
	for (uint8_t *p = out; len--;)
		*p++ = (uint8_t)draw(ctx, 256);
}

static void ask(struct peer *p)
{
	struct iscsi_login_request bhs;
	const uint8_t *text;
	uint32_t len;
	if (iscsi_login_initiator_request(&p->login->engine, &bhs, &text, &len))
		fail(p, "%s", p->login->engine.why);
	put_be32(bhs.cmdsn, p->cmdsn);
	push(p, &bhs, text, len);
}

void peer_connected(struct peer *p)
{
	char name[64];
	struct swarm *s = p->swarm;
	struct iscsi_login_config config = {
		.initiator_name = name,
		.target_name = s->iqn,
		.tpgt = -1,
	};
	p->state = LOGIN;
	if (s->o.silent)
		return;
	p->login = malloc(sizeof(*p->login));
	if (!p->login)
		fail(p, "no memory");
	snprintf(name, sizeof(name), "iqn.2026-01.test.lunar:swarm-%u", p->number);
	config.isid[0] = 0x80;
	config.isid[5] = p->life;
	iscsi_offer_init(&config.offer);
	config.offer.want.max_recv_data = 256 << 10;
	/* With mischief, everything else is a mixture, too. */
	config.offer.want.immediate_data = !s->o.mischief || p->number % 2;
	config.offer.want.initial_r2t = !config.offer.want.immediate_data;
	config.offer.want.header_digest = s->o.mischief && p->number % 4 > 1;
	config.offer.want.data_digest = config.offer.want.header_digest;
	if (iscsi_login_initiator_init(&p->login->engine, &config, random_bytes, s))
		fail(p, "%s is not a name", s->iqn);
	p->cmdsn = 1;
	p->expstatsn = 0;
	ask(p);
}

static void logged_in(struct peer *p)
{
	struct swarm *s = p->swarm;
	p->params = p->login->engine.nego.params;
	iscsi_login_initiator_free(&p->login->engine);
	free(p->login);
	p->login = NULL;
	p->rx.max_data = p->params.max_recv_data;
	p->rx.header_digest = p->tx.header_digest = p->params.header_digest;
	p->rx.data_digest = p->tx.data_digest = p->params.data_digest;
	p->state = FULL;
	s->full++;
	s->under_way--;
	s->n.logins++;
	note(&s->n.slowest_login, s->now - p->since);
	if (!s->up && s->full == s->o.connections) {
		s->up = true;
		printf("up: %u sessions in %.2f s\n", s->full, (double)(s->now - s->begun) / SEC);
		fflush(stdout);
	}
}

static void take_login(struct peer *p)
{
	const struct iscsi_login_response *bhs = (const struct iscsi_login_response *)&p->rx.bhs;
	if (p->state != LOGIN)
		fail(p, "a Login Response after the login");
	switch (iscsi_login_initiator_response(&p->login->engine, bhs, p->login->data,
					       p->rx.data_len)) {
	case ISCSI_LOGIN_GOES_ON: ask(p); break;
	case ISCSI_LOGIN_FINISHED: logged_in(p); break;
	default: p->swarm->n.refused++; peer_lost(p, p->login->engine.why);
	}
}

void peer_dial(struct peer *p)
{
	struct swarm *s = p->swarm;
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT};
	const int on = 1;
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		fail(p, "socket: %s", strerror(errno));
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	p->state = CONNECTING;
	p->sending = true;
	if (!p->since)
		p->since = s->now;
	s->under_way++;
	iscsi_rx_init(&p->rx, p->stage, sizeof(p->stage));
	iscsi_tx_init(&p->tx);
	event.data.u64 = (uint64_t)(p - s->peers) << 32 | (uint32_t)p->fd;
	epoll_ctl(s->epoll, EPOLL_CTL_ADD, p->fd, &event);
	if (connect(p->fd, (const struct sockaddr *)&s->addr, sizeof(s->addr)) &&
	    errno != EINPROGRESS)
		peer_lost(p, strerror(errno));
}

/* --- receiving */

static const struct {
	void (*take)(struct peer *p);
	bool status; /* it has a StatSN that counts */
} answers[ISCSI_OPCODE_MASK + 1] = {
	[ISCSI_NOP_IN] = {take_nop_in, false},   [ISCSI_SCSI_RESPONSE] = {take_response, true},
	[ISCSI_TMF_RESPONSE] = {take_tmf, true}, [ISCSI_LOGIN_RESPONSE] = {take_login, true},
	[ISCSI_DATA_IN] = {take_data_in, false}, [ISCSI_LOGOUT_RESPONSE] = {take_logout, true},
	[ISCSI_R2T] = {take_r2t, false},         [ISCSI_ASYNC_MESSAGE] = {take_async, true},
	[ISCSI_REJECT] = {take_reject, true},
};

static void place(struct peer *p)
{
	const struct iscsi_data_in *bhs = (const struct iscsi_data_in *)&p->rx.bhs;
	uint32_t at = get_be32(bhs->buffer_offset);
	struct slot *slot = slot_of(p, bhs->itt);
	memset(p->sense, 0, sizeof(p->sense));
	if (p->login)
		iscsi_rx_place(&p->rx, p->login->data, sizeof(p->login->data));
	else if (iscsi_opcode(&p->rx.bhs) != ISCSI_DATA_IN)
		iscsi_rx_place(&p->rx, p->sense, sizeof(p->sense));
	else if (slot && at <= p->swarm->o.size)
		iscsi_rx_place(&p->rx, slot->buf + at, p->swarm->o.size - at);
}

static void take(struct peer *p)
{
	uint8_t opcode = iscsi_opcode(&p->rx.bhs);
	const struct iscsi_nop_in *bhs = (const struct iscsi_nop_in *)&p->rx.bhs;
	bool status = answers[opcode].status ||
		      (opcode == ISCSI_DATA_IN && bhs->flags & ISCSI_DATA_STATUS);
	if (!answers[opcode].take)
		fail(p, "opcode %02x", opcode);
	if (status)
		p->expstatsn = get_be32(bhs->statsn) + 1;
	p->maxcmdsn = get_be32(bhs->maxcmdsn);
	answers[opcode].take(p);
}

void peer_receive(struct peer *p)
{
	struct iovec iov[ISCSI_RX_IOV];
	struct msghdr msg = {.msg_iov = iov};
	while (p->state != DOWN) {
		msg.msg_iovlen = iscsi_rx_want(&p->rx, iov);
		ssize_t n = recvmsg(p->fd, &msg, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			peer_lost(p, n ? strerror(errno) : "closed by the target");
			return;
		}
		iscsi_rx_got(&p->rx, (size_t)n);
		enum iscsi_rx_event event = ISCSI_RX_PDU;
		while (p->state != DOWN && (event = iscsi_rx_next(&p->rx)) != ISCSI_RX_MORE) {
			if (event == ISCSI_RX_HEADER)
				place(p);
			else if (event == ISCSI_RX_PDU)
				take(p);
			else
				fail(p, "a PDU is damaged or too long");
		}
	}
	if (p->state == FULL)
		swarm_go(p);
	if (p->state != DOWN)
		peer_flush(p);
}

bool peer_at_rest(const struct peer *p)
{
	for (uint32_t i = 0; i < p->swarm->o.depth; i++)
		if (p->slots[i].doing != IDLE || p->slots[i].unread || !p->slots[i].floor)
			return false;
	return !p->tmf.function;
}

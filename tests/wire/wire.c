/* SPDX-License-Identifier: BSD-2-Clause */
/* Connections of the tester: PDUs to bytes and back, and waiting for what should come. */
#include <stdio.h>
#include "wire.h"
#include "common/crc32c.h"

#define STREAM_MAX (64u << 20)

static void show_text(const struct wire_pdu *pdu)
{
	char line[256];

	switch (iscsi_opcode(&pdu->bhs)) {
	case ISCSI_LOGIN_REQUEST:
	case ISCSI_LOGIN_RESPONSE:
	case ISCSI_TEXT_REQUEST:
	case ISCSI_TEXT_RESPONSE:
		for (uint32_t at = 0; at < pdu->data_len;) {
			const char *text = (const char *)pdu->data + at;
			size_t len = strnlen(text, pdu->data_len - at);

			fprintf(stderr, "\t%s\n", log_safe(line, sizeof(line), text, len));
			at += (uint32_t)len + 1;
		}
	}
}

static void trace(struct wire *w, const char *way, const struct wire_pdu *pdu)
{
	struct wire_world *world = w->world;
	const uint8_t *p = pdu->raw;
	char line[sizeof(world->trace[0])];

	snprintf(line, sizeof(line),
		 "%12.6f #%u %s %-16s %02x%02x%02x%02x itt %08x 20: %08x %08x %08x %08x 36: %08x "
		 "%u+%u",
		 (double)wire_now(world) / NSEC_PER_SEC, w->index, way, wire_opcode_name(p[0]),
		 p[0], p[1], p[2], p[3], get_be32(p + 16), get_be32(p + 20), get_be32(p + 24),
		 get_be32(p + 28), get_be32(p + 32), get_be32(p + 36), p[4] * 4, get_be24(p + 5));
	pthread_mutex_lock(&world->trace_lock);
	memcpy(world->trace[world->traced++ % WIRE_TRACE], line, sizeof(line));
	pthread_mutex_unlock(&world->trace_lock);
	if (!getenv("WIRE_TRACE"))
		return;
	fprintf(stderr, "%s\n", line);
	show_text(pdu);
}

void wire_fail(struct wire_world *world, const char *fmt, ...)
{
	char text[400];
	va_list ap;
	unsigned from = world->traced > WIRE_TRACE ? world->traced - WIRE_TRACE : 0;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (unsigned i = from; i < world->traced; i++)
		fprintf(stderr, "# %s\n", world->trace[i % WIRE_TRACE]);
	fail_msg("%s", text);
	abort(); /* fail_msg() does not return, but does not say so */
}

/* --- the world's clock */

static uint64_t deadline_in(struct wire_world *world, double seconds)
{
	return wire_now(world) + (uint64_t)(seconds * (double)NSEC_PER_SEC);
}

uint64_t wire_now(const struct wire_world *world)
{
	return world->sim ? sim_now(world->sim) : reactor_now(world->reactor);
}

static void answer_pings(struct wire_world *world);

void wire_run(struct wire_world *world, double seconds)
{
	uint64_t until = deadline_in(world, seconds);

	while (world->transport->turn(world, until))
		answer_pings(world);
}

void wire_run_until(struct wire_world *world, bool (*check)(struct wire_world *world),
		    const char *what)
{
	uint64_t until = deadline_in(world, WIRE_PATIENCE);

	while (!check(world))
		if (!world->transport->turn(world, until))
			wire_fail(world, "waited %d s for: %s", WIRE_PATIENCE, what);
}

/* --- connections */

struct wire *wire_open_async(struct wire_world *world)
{
	struct wire *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->world = world;
	w->index = world->wire_count++;
	w->cmdsn = w->cmdsn_top = 0x100 * w->index + 1;
	w->itt = 0x1000;
	put_be16(w->isid + 4, (uint16_t)w->index);
	w->isid[0] = 0x80; /* random format (RFC 7143 11.12.5) */
	w->max_recv = w->max_send = ISCSI_LOGIN_DATA_MAX;
	w->initial_r2t = w->immediate_data = w->judge_text = true;
	w->first_burst = 65536;
	w->max_burst = 262144;
	w->max_outstanding_r2t = 1;
	buf_init(&w->in, STREAM_MAX);
	buf_init(&w->out, STREAM_MAX);
	list_add_tail(&world->wires, &w->link);
	world->transport->connect(w);
	return w;
}

struct wire *wire_open(struct wire_world *world)
{
	struct wire *w = wire_open_async(world);
	uint64_t until = deadline_in(world, WIRE_PATIENCE);

	while (!w->connected && !w->ended)
		if (!world->transport->turn(world, until))
			break;
	if (!w->connected)
		wire_fail(world, "#%u cannot connect (%d)", w->index, w->error);
	return w;
}

void wire_close(struct wire *w)
{
	w->world->transport->close(w);
	w->ended = true;
}

void wire_hear(struct wire *w)
{
	w->deaf = false;
	w->world->transport->hear(w);
}

/* --- sending */

static bool carries_cmdsn(uint8_t opcode)
{
	switch (opcode & ISCSI_OPCODE_MASK) {
	case ISCSI_NOP_OUT:
	case ISCSI_SCSI_COMMAND:
	case ISCSI_TMF_REQUEST:
	case ISCSI_TEXT_REQUEST:
	case ISCSI_LOGOUT_REQUEST: return true;
	default: return false;
	}
}

struct wire_pdu wire_make(struct wire *w, uint8_t opcode)
{
	struct wire_pdu pdu = {0};

	pdu.bhs.opcode = opcode;
	pdu.bhs.flags = ISCSI_FINAL;
	put_be32(pdu.bhs.itt, w->itt++);
	/* ExpStatSN lies at the same place in everything an initiator sends. */
	put_be32(pdu.nop_out.expstatsn, w->expstatsn);
	if (carries_cmdsn(opcode))
		put_be32(pdu.nop_out.cmdsn, w->cmdsn);
	switch (opcode & ISCSI_OPCODE_MASK) {
	case ISCSI_NOP_OUT:
	case ISCSI_TEXT_REQUEST:
	case ISCSI_DATA_OUT:
	case ISCSI_SNACK_REQUEST: put_be32(pdu.nop_out.ttt, ISCSI_RESERVED_TAG);
	}
	return pdu;
}

void wire_set_data(struct wire_pdu *pdu, const void *data, size_t len)
{
	pdu->data = data;
	pdu->data_len = (uint32_t)len;
}

void wire_set_lun(uint8_t field[8], unsigned lun)
{
	memset(field, 0, 8);
	field[1] = (uint8_t)lun;
}

static uint8_t *add_digest(uint8_t *p, const uint8_t *from, bool bad)
{
	uint32_t crc = crc32c_final(crc32c_update(CRC32C_INIT, from, (size_t)(p - from)));

	put_le32(p, bad ? crc ^ 0x00010000 : crc);
	return p + ISCSI_DIGEST_LEN;
}

size_t wire_encode(struct wire *w, const struct wire_pdu *pdu, uint8_t **bytes)
{
	size_t max = ISCSI_BHS_LEN + pdu->ahs_len + pdu->data_len + 3 + 2 * ISCSI_DIGEST_LEN;
	uint8_t *start = wire_alloc(w->world, max), *p = start, *data;
	struct iscsi_bhs bhs = pdu->bhs;

	if (!pdu->keep_lengths) {
		bhs.total_ahs_length = (uint8_t)(pdu->ahs_len / 4);
		put_be24(bhs.data_segment_length, pdu->data_len);
	}
	memcpy(p, &bhs, sizeof(bhs));
	p += sizeof(bhs);
	memcpy(p, pdu->ahs, pdu->ahs_len);
	p += pdu->ahs_len;
	if (w->header_digest)
		p = add_digest(p, start, pdu->bad_header_digest);
	if (pdu->data_len) {
		data = p;
		memcpy(p, pdu->data, pdu->data_len);
		p += pdu->data_len;
		memset(p, pdu->padding, iscsi_pad(pdu->data_len));
		p += iscsi_pad(pdu->data_len);
		if (w->data_digest)
			p = add_digest(p, data, pdu->bad_data_digest);
	}
	*bytes = start;
	return (size_t)(p - start);
}

void wire_send_bytes(struct wire *w, const void *bytes, size_t len)
{
	assert_int_equal(buf_add(&w->out, bytes, len), 0);
	w->world->transport->push(w);
}

static void queue(struct wire *w, const struct wire_pdu *pdu)
{
	uint8_t *bytes;
	size_t len = wire_encode(w, pdu, &bytes);
	uint32_t cmdsn = get_be32(pdu->nop_out.cmdsn);

	trace(w, "->", pdu);
	if (carries_cmdsn(pdu->bhs.opcode) && !(pdu->bhs.opcode & ISCSI_IMMEDIATE)) {
		if (cmdsn == w->cmdsn)
			w->cmdsn++;
		if (!wire_sn_less(cmdsn, w->cmdsn_top))
			w->cmdsn_top = cmdsn + 1;
	}
	assert_int_equal(buf_add(&w->out, bytes, len), 0);
}

void wire_send(struct wire *w, const struct wire_pdu *pdu)
{
	queue(w, pdu);
	w->world->transport->push(w);
}

void wire_send_both(struct wire *w, const struct wire_pdu *first, const struct wire_pdu *second)
{
	queue(w, first);
	queue(w, second);
	w->world->transport->push(w);
}

/* --- receiving */

/* The length of the PDU that begins at `p`, with digests; 0 while that cannot be known. */
static size_t pdu_length(const struct wire *w, const uint8_t *p, size_t have)
{
	size_t len;
	uint32_t data;

	if (have < ISCSI_BHS_LEN)
		return 0;
	data = get_be24(p + 5);
	len = ISCSI_BHS_LEN + p[4] * 4u + (w->header_digest ? ISCSI_DIGEST_LEN : 0);
	if (data)
		len += data + iscsi_pad(data) + (w->data_digest ? ISCSI_DIGEST_LEN : 0);
	return len;
}

static void check_digest(struct wire *w, const uint8_t *from, size_t len, const char *what)
{
	uint32_t crc = crc32c_final(crc32c_update(CRC32C_INIT, from, len));

	if (get_le32(from + len) != crc)
		wire_fail(w->world, "#%u: %s digest is %08x, should be %08x", w->index, what,
			  get_le32(from + len), crc);
}

static void decode(struct wire *w, struct wire_pdu *pdu, size_t len)
{
	const uint8_t *p = w->in.data;
	size_t head;
	uint8_t *data;

	memset(pdu, 0, sizeof(*pdu));
	memcpy(pdu->raw, p, ISCSI_BHS_LEN);
	pdu->ahs_len = p[4] * 4u;
	pdu->data_len = get_be24(p + 5);
	head = ISCSI_BHS_LEN + pdu->ahs_len;
	memcpy(pdu->ahs, p + ISCSI_BHS_LEN, pdu->ahs_len);
	if (w->header_digest) {
		check_digest(w, p, head, "header");
		head += ISCSI_DIGEST_LEN;
	}
	if (pdu->data_len) {
		size_t padded = pdu->data_len + iscsi_pad(pdu->data_len);

		if (w->data_digest)
			check_digest(w, p + head, padded, "data");
		for (size_t i = pdu->data_len; i < padded; i++)
			if (p[head + i])
				wire_fail(w->world, "#%u: padding is not zero", w->index);
		data = wire_alloc(w->world, pdu->data_len + 1); /* a NUL ends it */
		memcpy(data, p + head, pdu->data_len);
		pdu->data = data;
	}
	trace(w, "<-", pdu);
	buf_consume(&w->in, len);
}

static void answer_ping(struct wire *w, const struct wire_pdu *ping)
{
	struct wire_pdu pong = wire_make(w, ISCSI_NOP_OUT | ISCSI_IMMEDIATE);

	put_be32(pong.nop_out.itt, ISCSI_RESERVED_TAG);
	memcpy(pong.nop_out.ttt, ping->nop_in.ttt, 4);
	memcpy(pong.nop_out.lun, ping->nop_in.lun, 8);
	wire_send(w, &pong);
}

/* A NOP-In of the target's own, which most tests do not want to see. */
static bool swallow(struct wire *w, const struct wire_pdu *pdu)
{
	if (w->show_nops || iscsi_opcode(&pdu->bhs) != ISCSI_NOP_IN ||
	    wire_itt(pdu) != ISCSI_RESERVED_TAG)
		return false;
	if (get_be32(pdu->nop_in.ttt) != ISCSI_RESERVED_TAG)
		answer_ping(w, pdu);
	return true;
}

/* While nobody looks at a connection: takes NOP-Ins that have nothing else before them. */
static void answer_pings(struct wire_world *world)
{
	list_for_each (it, &world->wires) {
		struct wire *w = list_entry(it, struct wire, link);
		size_t len = pdu_length(w, w->in.data, w->in.len);
		struct wire_pdu pdu;

		if (len == 0 || w->in.len < len || w->show_nops || w->ended ||
		    w->in.data[0] != ISCSI_NOP_IN ||
		    get_be32(w->in.data + 16) != ISCSI_RESERVED_TAG)
			continue;
		decode(w, &pdu, len);
		w->received++;
		wire_judge(w, &pdu);
		swallow(w, &pdu);
	}
}

static bool take(struct wire *w, struct wire_pdu *pdu)
{
	for (;;) {
		size_t len = pdu_length(w, w->in.data, w->in.len);

		if (len == 0 || w->in.len < len)
			return false;
		decode(w, pdu, len);
		w->received++;
		wire_judge(w, pdu);
		if (!swallow(w, pdu))
			return true;
	}
}

bool wire_try(struct wire *w, struct wire_pdu *pdu, double seconds)
{
	uint64_t until = deadline_in(w->world, seconds);

	while (!take(w, pdu)) {
		if (w->ended)
			return false;
		if (!w->world->transport->turn(w->world, until))
			return take(w, pdu);
	}
	return true;
}

void wire_recv(struct wire *w, struct wire_pdu *pdu)
{
	if (wire_try(w, pdu, WIRE_PATIENCE))
		return;
	if (w->ended)
		wire_fail(w->world, "#%u: the target closed (%d), a PDU was expected", w->index,
			  w->error);
	wire_fail(w->world, "#%u: no PDU for %d s", w->index, WIRE_PATIENCE);
}

void wire_expect(struct wire *w, enum iscsi_opcode opcode, struct wire_pdu *pdu)
{
	struct wire_pdu own, *p = pdu ? pdu : &own;

	wire_recv(w, p);
	if (iscsi_opcode(&p->bhs) != opcode)
		wire_fail(w->world, "#%u: got %s (byte 2: %02x, 3: %02x), expected %s", w->index,
			  wire_opcode_name(p->bhs.opcode), p->raw[2], p->raw[3],
			  wire_opcode_name(opcode));
}

void wire_expect_silence(struct wire *w, double seconds)
{
	struct wire_pdu pdu;

	if (wire_try(w, &pdu, seconds))
		wire_fail(w->world, "#%u: got %s, expected silence", w->index,
			  wire_opcode_name(pdu.bhs.opcode));
	if (w->ended)
		wire_fail(w->world, "#%u: the target closed (%d), expected silence", w->index,
			  w->error);
}

void wire_expect_closed_between(struct wire *w, double from, double to)
{
	struct wire_pdu pdu;
	uint64_t start = wire_now(w->world);
	double took;

	if (wire_try(w, &pdu, to))
		wire_fail(w->world, "#%u: got %s, expected the end", w->index,
			  wire_opcode_name(pdu.bhs.opcode));
	took = (double)(wire_now(w->world) - start) / (double)NSEC_PER_SEC;
	if (!w->ended)
		wire_fail(w->world, "#%u: still open after %.1f s", w->index, to);
	if (took < from)
		wire_fail(w->world, "#%u: closed after %.3f s, not %.1f", w->index, took, from);
}

void wire_expect_closed(struct wire *w, double within_seconds)
{
	wire_expect_closed_between(w, 0, within_seconds);
}

void wire_expect_end(struct wire *w, double within_seconds)
{
	struct wire_pdu pdu;
	uint64_t until = deadline_in(w->world, within_seconds);

	while (!w->ended && wire_now(w->world) < until)
		wire_try(w, &pdu, (double)(until - wire_now(w->world)) / (double)NSEC_PER_SEC);
	if (!w->ended)
		wire_fail(w->world, "#%u: still open after %.1f s", w->index, within_seconds);
}

void wire_expect_reject(struct wire *w, enum iscsi_reject_reason reason, const struct wire_pdu *bad)
{
	struct wire_pdu pdu;
	struct iscsi_bhs head;

	wire_expect(w, ISCSI_REJECT, &pdu);
	if (pdu.reject.reason != reason)
		wire_fail(w->world, "#%u: reject reason %02x, expected %02x", w->index,
			  pdu.reject.reason, reason);
	if (!bad)
		return;
	head = bad->bhs;
	if (!bad->keep_lengths) {
		head.total_ahs_length = (uint8_t)(bad->ahs_len / 4);
		put_be24(head.data_segment_length, bad->data_len);
	}
	/* RFC 7143 11.17.4: the header of the PDU in error, without its digest. */
	assert_memory_equal(pdu.data, &head, sizeof(head));
}

void wire_ping(struct wire *w)
{
	struct wire_pdu ping = wire_make(w, ISCSI_NOP_OUT), pong;

	wire_set_data(&ping, "are you there?", 14);
	wire_send(w, &ping);
	wire_expect(w, ISCSI_NOP_IN, &pong);
	assert_int_equal(wire_itt(&pong), wire_itt(&ping));
	assert_int_equal(pong.data_len, 14);
	assert_memory_equal(pong.data, "are you there?", 14);
}

uint32_t wire_itt(const struct wire_pdu *pdu)
{
	return get_be32(pdu->bhs.itt);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The receive and send machines against each other: whatever goes in comes out, however it is cut. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/crc32c.h"
#include "iscsi/rx.h"
#include "iscsi/tx.h"

#define STREAM_MAX (1 << 20)
#define PDUS       64
#define DATA_MAX   9000 /* of one PDU, less 5 */

/* A generator of our own, so that a failing seed can be told. */
static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

#define PIECES 12

/* Cuts a buffer, behind its first `skip` bytes that belong to nobody, into pieces, some of them empty. */
static void cut(struct iovec *iov, uint8_t *data, size_t len, size_t skip, uint32_t *seed)
{
	for (unsigned i = 0; i + 1 < PIECES; i++) {
		size_t part = next_random(seed) % 3 ? next_random(seed) % (len / 2 + 1) : 0;
		if (!i)
			part = MAX(part, MIN(skip, len));
		iov[i] = (struct iovec){data, part};
		data += part;
		len -= part;
	}
	iov[PIECES - 1] = (struct iovec){data, len};
}

struct sample {
	struct iscsi_tx_pdu pdu;
	struct iovec iov[PIECES];
	uint8_t data[DATA_MAX];
	int sent;
};

static void count_sent(struct iscsi_tx_pdu *pdu, int err)
{
	struct sample *s = container_of(pdu, struct sample, pdu);
	assert_int_equal(s->sent, 0);
	s->sent = err ? err : 1;
}

static void make_sample(struct sample *s, uint32_t *seed)
{
	memset(s, 0, sizeof(*s));
	s->pdu.bhs.opcode = ISCSI_DATA_IN;
	put_be32(s->pdu.bhs.itt, next_random(seed));
	s->pdu.bhs.total_ahs_length = next_random(seed) % 4 ? 0 : next_random(seed) % 66;
	for (unsigned i = 0; i < s->pdu.bhs.total_ahs_length * 4u; i++)
		s->pdu.after_bhs[i] = (uint8_t)next_random(seed);
	s->pdu.data_len = next_random(seed) % 3 ? next_random(seed) % (DATA_MAX - 5) : 0;
	for (unsigned i = 0; i < s->pdu.data_len; i++)
		s->data[i] = (uint8_t)next_random(seed);
	s->pdu.data = s->data;
	s->pdu.sent = count_sent;
}

/* Empties the queue into `out`, a few bytes at a time. */
static size_t drain(struct iscsi_tx *tx, uint8_t *out, uint32_t *seed)
{
	size_t len = 0;
	struct iovec iov[7];
	unsigned n;
	while ((n = iscsi_tx_want(tx, iov, ARRAY_SIZE(iov)))) {
		size_t all = 0, gone = 0;
		for (unsigned i = 0; i < n; i++)
			all += iov[i].iov_len;
		size_t take = 1 + next_random(seed) % all;
		for (unsigned i = 0; i < n && gone < take; i++) {
			size_t part = MIN(iov[i].iov_len, take - gone);
			memcpy(out + len + gone, iov[i].iov_base, part);
			gone += part;
		}
		len += gone;
		iscsi_tx_went(tx, gone);
	}
	return len;
}

/* Gives the machine what it wants, at most `max` bytes of the stream. */
static size_t feed(struct iscsi_rx *rx, const uint8_t *stream, size_t len, size_t max)
{
	struct iovec iov[5];
	unsigned n = max % 2 ? iscsi_rx_want(rx, iov) : iscsi_rx_want_many(rx, iov, 2 + max % 4);
	size_t got = 0;
	for (unsigned i = 0; i < n; i++) {
		size_t part = MIN(iov[i].iov_len, MIN(len, max) - got);
		memcpy(iov[i].iov_base, stream + got, part);
		got += part;
	}
	iscsi_rx_got(rx, got);
	return got;
}

static void check_header(const struct iscsi_rx *rx, const struct sample *s)
{
	assert_memory_equal(&rx->bhs, &s->pdu.bhs, ISCSI_BHS_LEN);
	assert_int_equal(rx->ahs_len, s->pdu.bhs.total_ahs_length * 4u);
	assert_memory_equal(rx->ahs, s->pdu.after_bhs, rx->ahs_len);
	assert_int_equal(rx->data_len, s->pdu.data_len);
}

static void push(struct iscsi_tx *tx, struct sample *s, bool pieces, uint32_t *seed)
{
	size_t skip = next_random(seed) % 5;
	if (!pieces || skip > s->pdu.data_len) {
		iscsi_tx_push(tx, &s->pdu);
		return;
	}
	/* From `skip` on: the bytes before are not this PDU's. */
	memmove(s->data + skip, s->data, s->pdu.data_len);
	cut(s->iov, s->data, s->pdu.data_len + skip, skip, seed);
	s->pdu.data = NULL;
	iscsi_tx_push_iov(tx, &s->pdu, s->iov, skip);
	s->pdu.data = s->data + skip;
}

static void round_trip(uint32_t seed, bool header_digest, bool data_digest, bool pieces,
		       size_t max_feed)
{
	struct sample *samples = calloc(PDUS, sizeof(*samples));
	uint8_t *stream = malloc(STREAM_MAX), place[DATA_MAX + 5];
	struct iovec iov[PIECES];
	uint8_t stage[ISCSI_RX_STAGE_MIN];
	struct iscsi_tx tx;
	struct iscsi_rx rx;

	iscsi_tx_init(&tx);
	tx.header_digest = header_digest;
	tx.data_digest = data_digest;
	for (unsigned i = 0; i < PDUS; i++) {
		make_sample(&samples[i], &seed);
		push(&tx, &samples[i], pieces, &seed);
	}
	assert_int_equal(tx.count, PDUS);
	size_t len = drain(&tx, stream, &seed), at = 0;
	assert_true(iscsi_tx_idle(&tx));
	assert_int_equal(len % 4, 0);

	iscsi_rx_init(&rx, stage, sizeof(stage));
	rx.max_data = DATA_MAX;
	rx.header_digest = header_digest;
	rx.data_digest = data_digest;
	unsigned seen = 0;
	uint32_t placed = 0;
	while (at < len || seen < PDUS) {
		enum iscsi_rx_event event = iscsi_rx_next(&rx);
		if (event == ISCSI_RX_MORE) {
			assert_true(at < len);
			at += feed(&rx, stream + at, len - at, 1 + next_random(&seed) % max_feed);
		} else if (event == ISCSI_RX_HEADER) {
			check_header(&rx, &samples[seen]);
			/* all of it, a part, or nothing */
			placed = next_random(&seed) % 3 ? rx.data_len : rx.data_len / 2;
			memset(place, 0xee, sizeof(place));
			if (pieces && placed > 5) {
				cut(iov, place, placed, 0, &seed);
				iscsi_rx_place_iov(&rx, iov, 0, placed);
			} else {
				iscsi_rx_place(&rx, placed ? place : NULL, placed);
			}
		} else {
			assert_int_equal(event, ISCSI_RX_PDU);
			assert_int_equal(samples[seen].sent, 1);
			assert_memory_equal(place, samples[seen].pdu.data, placed);
			if (placed < sizeof(place))
				assert_int_equal(place[placed], 0xee);
			seen++;
		}
	}
	assert_int_equal(at, len);
	assert_false(iscsi_rx_in_pdu(&rx));
	free(samples);
	free(stream);
}

static void round_trips(void **state)
{
	for (uint32_t seed = 1; seed <= 40; seed++) {
		round_trip(seed, seed & 1, seed & 2, seed & 4, 1 + seed * seed * 10);
		round_trip(seed, seed & 1, seed & 2, seed & 4, 64 * 1024);
	}
}

/* One PDU as bytes. */
static size_t one_pdu(uint8_t *out, struct sample *s, uint32_t data_len, bool digests)
{
	struct iscsi_tx tx;
	uint32_t seed = 7;
	iscsi_tx_init(&tx);
	tx.header_digest = tx.data_digest = digests;
	memset(s, 0, sizeof(*s));
	s->pdu.bhs.opcode = ISCSI_NOP_IN;
	s->pdu.data = s->data;
	s->pdu.data_len = data_len;
	s->pdu.sent = count_sent;
	iscsi_tx_push(&tx, &s->pdu);
	return drain(&tx, out, &seed);
}

static enum iscsi_rx_event last_event(const uint8_t *stream, size_t len, bool digests, uint32_t max)
{
	uint8_t stage[ISCSI_RX_STAGE_MIN];
	struct iscsi_rx rx;
	enum iscsi_rx_event event;
	iscsi_rx_init(&rx, stage, sizeof(stage));
	rx.header_digest = rx.data_digest = digests;
	rx.max_data = max;
	for (size_t at = 0;;) {
		while ((event = iscsi_rx_next(&rx)) == ISCSI_RX_HEADER)
			;
		if (event != ISCSI_RX_MORE || at == len)
			return event;
		at += feed(&rx, stream + at, len - at, len);
	}
}

/* Every single flipped bit is noticed, and said to be where it is. */
static void flips_are_found(void **state)
{
	static struct sample s;
	uint8_t stream[256];
	size_t len = one_pdu(stream, &s, 33, true);
	assert_int_equal(len, 48 + 4 + 36 + 4);
	assert_int_equal(last_event(stream, len, true, 8192), ISCSI_RX_PDU);
	for (size_t bit = 0; bit < len * 8; bit++) {
		stream[bit / 8] ^= (uint8_t)(1 << bit % 8);
		enum iscsi_rx_event event = last_event(stream, len, true, 8192);
		if (bit / 8 >= 52)
			assert_int_equal(event, ISCSI_RX_DATA_DIGEST);
		else if (bit / 8 != 4) /* a longer header: its digest has not come */
			assert_int_equal(event, ISCSI_RX_HEADER_DIGEST);
		else
			assert_int_not_equal(event, ISCSI_RX_PDU);
		stream[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void too_long_is_refused_at_its_header(void **state)
{
	static struct sample s;
	uint8_t stream[1024];
	one_pdu(stream, &s, 513, false);
	assert_int_equal(last_event(stream, 48, false, 512), ISCSI_RX_TOO_LONG);
	assert_int_equal(last_event(stream, 48, false, 513), ISCSI_RX_MORE);
}

/* Behind large data little is received into the stage, from where it would have to be copied; behind small data much. */
static void large_data_are_not_staged(void **state)
{
	enum { STAGE = 32 * 1024, LEN = 64 * 1024 };
	static uint8_t stage[STAGE], data[LEN];
	static const struct {
		uint32_t len;
		bool little;
	} pdus[] = {{512, false}, {LEN, true}, {0, true}, {LEN, true}, {4096, false}, {0, false}};
	struct iscsi_rx rx;
	struct iovec iov[4];
	iscsi_rx_init(&rx, stage, sizeof(stage));
	rx.max_data = LEN;
	for (size_t i = 0; i < ARRAY_SIZE(pdus); i++) {
		struct iscsi_bhs bhs = {.opcode = ISCSI_DATA_IN};
		put_be24(bhs.data_segment_length, pdus[i].len);
		feed(&rx, (const uint8_t *)&bhs, sizeof(bhs), sizeof(bhs));
		assert_int_equal(iscsi_rx_next(&rx), ISCSI_RX_HEADER);
		iscsi_rx_place(&rx, data, sizeof(data));
		unsigned n = iscsi_rx_want_many(&rx, iov, 4);
		assert_int_equal(n, pdus[i].len ? 2 : 1);
		assert_int_equal(iov[n - 1].iov_len, pdus[i].little ? ISCSI_RX_STAGE_MIN : STAGE);
		iscsi_rx_got(&rx, pdus[i].len);
		assert_int_equal(iscsi_rx_next(&rx), ISCSI_RX_PDU);
	}
}

/* A header may have 1020 bytes more, and a digest behind them; it comes in any pieces, and one bit of
 * it that is flipped is noticed. */
static void longest_headers(void **state)
{
	enum { AHS = ISCSI_AHS_MAX, HEAD = ISCSI_BHS_LEN + AHS };
	static uint8_t stream[HEAD + ISCSI_DIGEST_LEN];
	for (size_t i = 0; i < HEAD; i++)
		stream[i] = (uint8_t)(i * 31 + 7);
	stream[0] = ISCSI_SCSI_COMMAND;
	stream[4] = AHS / 4;
	memset(stream + 5, 0, 3);
	put_le32(stream + HEAD, crc32c_final(crc32c_update(CRC32C_INIT, stream, HEAD)));
	for (size_t max = 1; max <= sizeof(stream); max = max * 3 + 1) {
		uint8_t stage[ISCSI_RX_STAGE_MIN];
		struct iscsi_rx rx;
		enum iscsi_rx_event event;
		size_t at = 0;
		iscsi_rx_init(&rx, stage, sizeof(stage));
		rx.header_digest = true;
		while ((event = iscsi_rx_next(&rx)) == ISCSI_RX_MORE) {
			assert_true(at < sizeof(stream));
			at += feed(&rx, stream + at, sizeof(stream) - at, max);
		}
		assert_int_equal(at, sizeof(stream));
		assert_int_equal(event, ISCSI_RX_HEADER);
		assert_int_equal(rx.ahs_len, AHS);
		assert_memory_equal(&rx.bhs, stream, ISCSI_BHS_LEN);
		assert_memory_equal(rx.ahs, stream + ISCSI_BHS_LEN, AHS);
		assert_int_equal(iscsi_rx_next(&rx), ISCSI_RX_PDU);
	}
	for (size_t i = ISCSI_BHS_LEN + ISCSI_AHS_MAX_TX; i < sizeof(stream); i++) {
		stream[i] ^= 0x10;
		assert_int_equal(last_event(stream, sizeof(stream), true, 8192),
				 ISCSI_RX_HEADER_DIGEST);
		stream[i] ^= 0x10;
	}
}

/* RFC 7143 13.1: the CRC of 32 bytes of zeroes is aa 36 91 8a on the wire (RFC 3720 B.4). */
static void digest_is_the_standards(void **state)
{
	static struct sample s;
	uint8_t stream[128];
	static const uint8_t crc[] = {0xaa, 0x36, 0x91, 0x8a};
	size_t len = one_pdu(stream, &s, 32, true);
	assert_memory_equal(stream + len - 4, crc, 4);
}

static void abandoned_pdus_are_told(void **state)
{
	static struct sample samples[3];
	struct iscsi_tx tx;
	uint32_t seed = 3;
	struct iovec iov[9];
	iscsi_tx_init(&tx);
	for (unsigned i = 0; i < 3; i++) {
		make_sample(&samples[i], &seed);
		iscsi_tx_push(&tx, &samples[i].pdu);
	}
	assert_true(iscsi_tx_want(&tx, iov, ARRAY_SIZE(iov)) > 0);
	iscsi_tx_went(&tx, 10);
	iscsi_tx_abandon(&tx);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(samples[i].sent, -ECANCELED);
	assert_true(iscsi_tx_idle(&tx));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips),
		cmocka_unit_test(flips_are_found),
		cmocka_unit_test(too_long_is_refused_at_its_header),
		cmocka_unit_test(large_data_are_not_staged),
		cmocka_unit_test(longest_headers),
		cmocka_unit_test(digest_is_the_standards),
		cmocka_unit_test(abandoned_pdus_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

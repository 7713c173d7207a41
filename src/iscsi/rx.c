/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/rx.h"

#include <string.h>
#include "common/cleanup.h"
#include "common/crc32c.h"

#define LARGE (16 * 1024) /* data that is better received twice than copied */

void iscsi_rx_init(struct iscsi_rx *rx, uint8_t *stage, size_t stage_size)
{
	assert(stage_size >= ISCSI_RX_STAGE_MIN);
	memset(rx, 0, sizeof(*rx));
	rx->stage = stage;
	rx->stage_size = stage_size;
	rx->max_data = ISCSI_LOGIN_DATA_MAX;
}

static size_t staged(const struct iscsi_rx *rx)
{
	return rx->end - rx->start;
}

static const uint8_t *take(struct iscsi_rx *rx, size_t n)
{
	const uint8_t *p = rx->stage + rx->start;
	rx->start += n;
	if (rx->start == rx->end)
		rx->start = rx->end = 0;
	return p;
}

void iscsi_rx_place(struct iscsi_rx *rx, void *data, uint32_t len)
{
	assert(rx->phase == RX_DATA && rx->data_got == 0);
	rx->data = data;
	rx->place_len = data ? MIN(len, rx->data_len) : 0;
	rx->one = (struct iovec){data, rx->place_len};
	rx->place = &rx->one;
	rx->place_skip = 0;
}

void iscsi_rx_place_iov(struct iscsi_rx *rx, const struct iovec *iov, size_t skip, uint32_t len)
{
	assert(rx->phase == RX_DATA && rx->data_got == 0);
	rx->data = (uint8_t *)iov->iov_base + skip;
	rx->place_len = MIN(len, rx->data_len);
	rx->place = iov;
	rx->place_skip = skip;
}

/* Adds the places that are next, and leaves one vector for the stage. False: there are more of them. */
static bool add_places(struct iscsi_rx *rx, struct iovec *iov, unsigned max, unsigned *n)
{
	size_t left = rx->place_len - rx->data_got, skip = rx->place_skip;
	const struct iovec *v = rx->place;
	for (; left && *n + 1 < max; v++, skip = 0) {
		size_t part = MIN(v->iov_len - skip, left);
		if (part)
			iov[(*n)++] = (struct iovec){(uint8_t *)v->iov_base + skip, part};
		left -= part;
	}
	rx->direct = (uint32_t)(rx->place_len - rx->data_got - left);
	return !left;
}

unsigned iscsi_rx_want_many(struct iscsi_rx *rx, struct iovec *iov, unsigned max)
{
	unsigned n = 0;
	rx->direct = 0;
	if (rx->phase == RX_DATA && !staged(rx) && rx->data_got < rx->place_len &&
	    !add_places(rx, iov, max, &n))
		return n;
	/* Only a header in pieces is ever left here, so this moves little and rarely. */
	if (rx->start && rx->stage_size - rx->end < ISCSI_RX_STAGE_MIN / 2) {
		memmove(rx->stage, rx->stage + rx->start, staged(rx));
		rx->end -= rx->start;
		rx->start = 0;
	}
	size_t room = rx->stage_size - rx->end;
	if (rx->large && staged(rx) < ISCSI_RX_STAGE_MIN / 2)
		room = MIN(room, ISCSI_RX_STAGE_MIN);
	iov[n++] = (struct iovec){rx->stage + rx->end, room};
	return n;
}

unsigned iscsi_rx_want(struct iscsi_rx *rx, struct iovec *iov)
{
	return iscsi_rx_want_many(rx, iov, ISCSI_RX_IOV);
}

/* `n` bytes have their place: from `from`, or, NULL, they are there already. */
static void place(struct iscsi_rx *rx, const uint8_t *from, size_t n)
{
	rx->data_got += (uint32_t)n;
	while (n) {
		size_t part = MIN(rx->place->iov_len - rx->place_skip, n);
		uint8_t *to = (uint8_t *)rx->place->iov_base + rx->place_skip;
		if (from && part) {
			memcpy(to, from, part);
			from += part;
		}
		if (rx->data_digest)
			rx->crc = crc32c_update(rx->crc, to, part);
		rx->place_skip += part;
		if (rx->place_skip == rx->place->iov_len) {
			rx->place++;
			rx->place_skip = 0;
		}
		n -= part;
	}
}

void iscsi_rx_got(struct iscsi_rx *rx, size_t n)
{
	size_t direct = MIN(n, rx->direct);
	if (direct)
		place(rx, NULL, direct);
	rx->direct = 0;
	rx->end += n - direct;
	assert(rx->end <= rx->stage_size);
}

static enum iscsi_rx_event next_header(struct iscsi_rx *rx)
{
	const uint8_t *p = rx->stage + rx->start;
	if (staged(rx) < ISCSI_BHS_LEN)
		return ISCSI_RX_MORE;

	const struct iscsi_bhs *bhs = (const struct iscsi_bhs *)p;
	uint32_t ahs_len = bhs->total_ahs_length * 4u;
	size_t covered = ISCSI_BHS_LEN + ahs_len;
	size_t need = covered + (rx->header_digest ? ISCSI_DIGEST_LEN : 0);
	if (staged(rx) < need)
		return ISCSI_RX_MORE;
	take(rx, need);

	memcpy(&rx->bhs, p, sizeof(rx->bhs));
	memcpy(rx->ahs, p + ISCSI_BHS_LEN, ahs_len);
	rx->ahs_len = ahs_len;
	rx->data_len = iscsi_data_length(&rx->bhs);
	rx->data = NULL;
	rx->place_len = rx->data_got = 0;
	rx->crc = CRC32C_INIT;
	/* Of what follows large data most is probably data, too: with little room in the stage all but its beginning is
	 * received where it belongs, and not copied. Small PDUs want much room, to come many at a time. */
	if (rx->data_len)
		rx->large = rx->data_len >= LARGE;

	if (rx->header_digest &&
	    crc32c_final(crc32c_update(CRC32C_INIT, p, covered)) != get_le32(p + covered)) {
		rx->phase = RX_DEAD;
		return ISCSI_RX_HEADER_DIGEST;
	}
	if (rx->data_len > rx->max_data) {
		rx->phase = RX_DEAD;
		return ISCSI_RX_TOO_LONG;
	}
	rx->phase = RX_DATA;
	return ISCSI_RX_HEADER;
}

/* Takes what is staged of the data segment; true when the segment is whole. */
static bool take_data(struct iscsi_rx *rx)
{
	uint32_t n = (uint32_t)MIN(staged(rx), rx->data_len - rx->data_got);
	if (n) {
		const uint8_t *p = take(rx, n);
		uint32_t placed = rx->data_got < rx->place_len
					  ? (uint32_t)MIN(n, rx->place_len - rx->data_got)
					  : 0;
		if (placed)
			place(rx, p, placed);
		if (rx->data_digest)
			rx->crc = crc32c_update(rx->crc, p + placed, n - placed);
		rx->data_got += n - placed;
	}
	return rx->data_got == rx->data_len;
}

static enum iscsi_rx_event next_trailer(struct iscsi_rx *rx)
{
	/* RFC 7143 11.2.3: no data segment, no data digest; the digest covers the pad bytes, too.
	 */
	uint32_t pad = iscsi_pad(rx->data_len);
	bool digest = rx->data_digest && rx->data_len;
	size_t need = pad + (digest ? ISCSI_DIGEST_LEN : 0);
	if (staged(rx) < need)
		return ISCSI_RX_MORE;
	rx->phase = RX_BHS;
	if (!need)
		return ISCSI_RX_PDU;
	const uint8_t *p = take(rx, need);
	if (digest && crc32c_final(crc32c_update(rx->crc, p, pad)) != get_le32(p + pad))
		return ISCSI_RX_DATA_DIGEST;
	return ISCSI_RX_PDU;
}

enum iscsi_rx_event iscsi_rx_next(struct iscsi_rx *rx)
{
	switch (rx->phase) {
	case RX_BHS: return next_header(rx);
	case RX_DATA:
		if (!take_data(rx))
			return ISCSI_RX_MORE;
		rx->phase = RX_TRAILER;
		return next_trailer(rx);
	case RX_TRAILER: return next_trailer(rx);
	case RX_DEAD: break;
	}
	return ISCSI_RX_MORE;
}

int iscsi_rx_opcode_byte(const struct iscsi_rx *rx)
{
	return rx->phase == RX_BHS && staged(rx) ? rx->stage[rx->start] : -1;
}

bool iscsi_rx_in_pdu(const struct iscsi_rx *rx)
{
	return rx->phase != RX_BHS || staged(rx) > 0;
}

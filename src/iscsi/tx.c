/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/tx.h"

#include <errno.h>
#include <string.h>
#include "common/cleanup.h"
#include "common/crc32c.h"

void iscsi_tx_init(struct iscsi_tx *tx)
{
	memset(tx, 0, sizeof(*tx));
	list_init(&tx->queue);
}

static uint32_t data_crc(const struct iscsi_tx_pdu *pdu)
{
	uint32_t crc = CRC32C_INIT;
	if (!pdu->iov)
		return crc32c_update(crc, pdu->data, pdu->data_len);
	size_t skip = pdu->iov_skip, left = pdu->data_len;
	for (const struct iovec *v = pdu->iov; left; v++, skip = 0) {
		size_t part = MIN(v->iov_len - skip, left);
		crc = crc32c_update(crc, (const uint8_t *)v->iov_base + skip, part);
		left -= part;
	}
	return crc;
}

static void push(struct iscsi_tx *tx, struct iscsi_tx_pdu *pdu)
{
	uint8_t *head = (uint8_t *)&pdu->bhs;
	uint32_t pad = iscsi_pad(pdu->data_len);

	static_assert(offsetof(struct iscsi_tx_pdu, after_bhs) == ISCSI_BHS_LEN, "one piece");
	put_be24(pdu->bhs.data_segment_length, pdu->data_len);
	pdu->head_len = ISCSI_BHS_LEN + pdu->bhs.total_ahs_length * 4u;
	assert(pdu->head_len <= ISCSI_BHS_LEN + ISCSI_AHS_MAX_TX);
	if (tx->header_digest) {
		uint32_t crc = crc32c_update(CRC32C_INIT, head, pdu->head_len);
		put_le32(head + pdu->head_len, crc32c_final(crc));
		pdu->head_len += ISCSI_DIGEST_LEN;
	}

	memset(pdu->tail, 0, sizeof(pdu->tail));
	pdu->tail_len = (uint8_t)pad;
	if (tx->data_digest && pdu->data_len) {
		uint32_t crc = crc32c_update(data_crc(pdu), pdu->tail, pad);
		put_le32(pdu->tail + pad, crc32c_final(crc));
		pdu->tail_len += ISCSI_DIGEST_LEN;
	}
	list_add_tail(&tx->queue, &pdu->link);
	tx->count++;
}

void iscsi_tx_push(struct iscsi_tx *tx, struct iscsi_tx_pdu *pdu)
{
	pdu->iov = NULL;
	push(tx, pdu);
}

void iscsi_tx_push_iov(struct iscsi_tx *tx, struct iscsi_tx_pdu *pdu, const struct iovec *iov,
		       size_t skip)
{
	pdu->iov = iov;
	pdu->iov_skip = skip;
	push(tx, pdu);
}

static size_t pdu_len(const struct iscsi_tx_pdu *pdu)
{
	return (size_t)pdu->head_len + pdu->data_len + pdu->tail_len;
}

/* Adds one part of a PDU, less the bytes of it that are gone already. */
static unsigned add_part(struct iovec *iov, unsigned n, const void *p, size_t len, size_t *skip)
{
	if (*skip >= len) {
		*skip -= len;
		return n;
	}
	iov[n] = (struct iovec){(uint8_t *)(uintptr_t)p + *skip, len - *skip};
	*skip = 0;
	return n + 1;
}

/* As many of the buffers as fit. */
static unsigned add_buffers(struct iovec *iov, unsigned n, unsigned max,
			    const struct iscsi_tx_pdu *pdu, size_t *skip)
{
	size_t from = pdu->iov_skip, left = pdu->data_len;
	for (const struct iovec *v = pdu->iov; left && n < max; v++, from = 0) {
		size_t part = MIN(v->iov_len - from, left);
		n = add_part(iov, n, (const uint8_t *)v->iov_base + from, part, skip);
		left -= part;
	}
	return n;
}

unsigned iscsi_tx_want(const struct iscsi_tx *tx, struct iovec *iov, unsigned max)
{
	unsigned n = 0;
	size_t skip = tx->offset;
	list_for_each (it, &tx->queue) {
		const struct iscsi_tx_pdu *pdu = list_entry(it, struct iscsi_tx_pdu, link);
		if (n + 3 > max)
			break;
		n = add_part(iov, n, &pdu->bhs, pdu->head_len, &skip);
		if (pdu->iov)
			n = add_buffers(iov, n, max, pdu, &skip);
		else
			n = add_part(iov, n, pdu->data, pdu->data_len, &skip);
		if (n == max)
			break; /* there may be more of it */
		n = add_part(iov, n, pdu->tail, pdu->tail_len, &skip);
	}
	return n;
}

static void pop(struct iscsi_tx *tx, int err)
{
	struct iscsi_tx_pdu *pdu = list_first(&tx->queue, struct iscsi_tx_pdu, link);
	list_del(&pdu->link);
	tx->count--;
	pdu->sent(pdu, err);
}

void iscsi_tx_went(struct iscsi_tx *tx, size_t n)
{
	tx->offset += n;
	while (!list_empty(&tx->queue)) {
		size_t len = pdu_len(list_first(&tx->queue, struct iscsi_tx_pdu, link));
		if (tx->offset < len)
			return;
		tx->offset -= len;
		pop(tx, 0);
	}
	assert(tx->offset == 0);
}

void iscsi_tx_abandon(struct iscsi_tx *tx)
{
	while (!list_empty(&tx->queue))
		pop(tx, -ECANCELED);
	tx->offset = 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The send queue of one connection, sans I/O: PDUs in, vectors out. Many PDUs leave with one send;
 * data segments are sent from where they lie.
 */
#ifndef LUNAR_ISCSI_TX_H
#define LUNAR_ISCSI_TX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>
#include "common/list.h"
#include "iscsi/bhs.h"

/* A PDU on its way out. The owner fills the first part, and keeps it until `sent`. */
struct iscsi_tx_pdu {
	struct iscsi_bhs bhs; /* DataSegmentLength is set by iscsi_tx_push() */
	uint8_t after_bhs[ISCSI_AHS_MAX_TX + ISCSI_DIGEST_LEN]; /* AHS, then the digest */
	const uint8_t *data;
	uint32_t data_len;
	/* All of it was handed to the socket (err 0), or it never will be (-ECANCELED). */
	void (*sent)(struct iscsi_tx_pdu *pdu, int err);

	struct list link;
	const struct iovec
		*iov; /* the data instead, of iscsi_tx_push_iov(); NULL: they are at `data` */
	size_t iov_skip;
	uint32_t head_len;
	uint8_t tail_len;
	uint8_t tail[3 + ISCSI_DIGEST_LEN]; /* padding, then the digest */
};

struct iscsi_tx {
	bool header_digest, data_digest; /* of PDUs pushed from now on */
	struct list queue;
	size_t count;  /* PDUs in the queue */
	size_t offset; /* bytes of the first one that are gone */
};

void iscsi_tx_init(struct iscsi_tx *tx);

/* Queues it: fixes lengths, padding and digests, so nothing of it may change afterwards. The AHS,
 * if any, lies in after_bhs and bhs.total_ahs_length says how long it is. */
void iscsi_tx_push(struct iscsi_tx *tx, struct iscsi_tx_pdu *pdu);

/* The same with data that lie in several buffers, data_len bytes from `skip` bytes behind the beginning of
 * the first one on. The vector, too, stays as it is until `sent`. */
void iscsi_tx_push_iov(struct iscsi_tx *tx, struct iscsi_tx_pdu *pdu, const struct iovec *iov,
		       size_t skip);

/* Fills at most `max` vectors (>= 3) with what is to be sent next; 0 when there is nothing. */
unsigned iscsi_tx_want(const struct iscsi_tx *tx, struct iovec *iov, unsigned max);
/* `n` bytes of these went; `sent` runs for each PDU that is through. */
void iscsi_tx_went(struct iscsi_tx *tx, size_t n);
/* The connection is gone: `sent` runs with -ECANCELED for everything left. */
void iscsi_tx_abandon(struct iscsi_tx *tx);

static inline bool iscsi_tx_idle(const struct iscsi_tx *tx)
{
	return tx->count == 0;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The receive machine of one connection, sans I/O: bytes in, PDUs out.
 *
 *	iscsi_rx_want(rx, iov)   says where the next bytes of the stream go
 *	(the owner receives)
 *	iscsi_rx_got(rx, n)      tells how many came
 *	while (iscsi_rx_next(rx) != ISCSI_RX_MORE)
 *		...
 *
 * Many small PDUs come in with one receive, into the staging buffer. Of a large data segment, what
 * has not come with its header goes straight to the place that the owner named: no copy. The header
 * is judged before a byte of its data is accepted: its lengths are checked against the limits first,
 * then ISCSI_RX_HEADER lets the owner decide.
 */
#ifndef LUNAR_ISCSI_RX_H
#define LUNAR_ISCSI_RX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>
#include "iscsi/bhs.h"

#define ISCSI_RX_IOV       2
#define ISCSI_RX_STAGE_MIN 2048 /* the longest header with its digest fits several times */

enum iscsi_rx_event {
	ISCSI_RX_MORE,   /* nothing whole: receive more */
	ISCSI_RX_HEADER, /* rx->bhs and rx->ahs are there: iscsi_rx_place() may be called now */
	ISCSI_RX_PDU,    /* ... and the whole data segment, its digest good */
	ISCSI_RX_DATA_DIGEST,   /* ... likewise, its digest wrong (RFC 7143 7.8) */
	ISCSI_RX_HEADER_DIGEST, /* fatal: where the next PDU begins is not known */
	ISCSI_RX_TOO_LONG,      /* fatal: more data than max_data; rx->bhs holds the header */
};

struct iscsi_rx {
	/* The owner may change these between PDUs, when the negotiation says so. */
	uint32_t max_data; /* our MaxRecvDataSegmentLength */
	bool header_digest, data_digest;

	/* The PDU at hand, valid from ISCSI_RX_HEADER to the event that ends it. */
	struct iscsi_bhs bhs;
	uint32_t ahs_len; /* bytes */
	uint32_t data_len;
	uint8_t *data; /* where its data segment was placed; NULL: it is dropped */
	uint8_t ahs[ISCSI_AHS_MAX];

	/* private */
	enum { RX_BHS, RX_DATA, RX_TRAILER, RX_DEAD } phase;
	uint8_t *stage; /* bytes that came and are not yet taken: start..end */
	size_t stage_size, start, end;
	uint32_t place_len; /* of data_len, how much is placed */
	uint32_t data_got;
	struct iovec one;          /* what iscsi_rx_place() was given */
	const struct iovec *place; /* where the next byte of it goes ... */
	size_t place_skip;         /* ... behind so many of that buffer */
	uint32_t crc;
	uint32_t direct; /* of the last want: bytes of the vector that are data */
	bool large;      /* the last data were */
};

/* `stage` is the owner's, at least ISCSI_RX_STAGE_MIN bytes, and stays. */
void iscsi_rx_init(struct iscsi_rx *rx, uint8_t *stage, size_t stage_size);

/* The first `len` bytes of this PDU's data segment go to `data`, the rest is dropped. `data` stays
 * valid until the event that ends the PDU. */
void iscsi_rx_place(struct iscsi_rx *rx, void *data, uint32_t len);

/* The same into several buffers, which hold `len` bytes at least, from `skip` bytes behind the beginning of the
 * first one on. The vector, too, stays as it is. */
void iscsi_rx_place_iov(struct iscsi_rx *rx, const struct iovec *iov, size_t skip, uint32_t len);

/* Fills at most ISCSI_RX_IOV vectors, returns how many; the vectors stay valid until
 * iscsi_rx_got(). */
unsigned iscsi_rx_want(struct iscsi_rx *rx, struct iovec *iov);
/* ... at most `max` (>= 2): for those who place in several buffers. */
unsigned iscsi_rx_want_many(struct iscsi_rx *rx, struct iovec *iov, unsigned max);
void iscsi_rx_got(struct iscsi_rx *rx, size_t n);
enum iscsi_rx_event iscsi_rx_next(struct iscsi_rx *rx);

/* The first byte of a header that is not whole yet; -1: there is none. */
int iscsi_rx_opcode_byte(const struct iscsi_rx *rx);
/* Part of a PDU has come, the rest has not. */
bool iscsi_rx_in_pdu(const struct iscsi_rx *rx);

#endif

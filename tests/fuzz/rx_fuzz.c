/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes of a connection, in pieces, into the receive machine; additional header segments, too. */
#include "fuzz.h"
#include "iscsi/ahs.h"
#include "iscsi/rx.h"

#define MAX_DATA 4096

struct place {
	uint8_t *data;
	uint32_t len;
};

static void look_at_header(struct iscsi_rx *rx, struct place *place, uint8_t how)
{
	struct iscsi_ahs ahs;
	uint8_t *copy = copy_of(rx->ahs, rx->ahs_len);
	MUST(rx->data_len <= MAX_DATA);
	if (!iscsi_ahs_parse(copy, rx->ahs_len, &ahs) && ahs.cdb)
		MUST(ahs.cdb >= copy && ahs.cdb + ahs.cdb_len <= copy + rx->ahs_len);
	free(copy);
	free(place->data);
	/* All of the data, a part of it, or none. */
	place->len = how % 3 == 0 ? rx->data_len : how % 3 == 1 ? rx->data_len / 2 : 0;
	place->data = malloc(place->len ? place->len : 1);
	MUST(place->data);
	if (place->len)
		iscsi_rx_place(rx, place->data, place->len);
}

/* False: the connection is over. */
static bool events(struct iscsi_rx *rx, struct place *place, uint8_t how)
{
	for (;;) {
		switch (iscsi_rx_next(rx)) {
		case ISCSI_RX_MORE: return true;
		case ISCSI_RX_HEADER: look_at_header(rx, place, how); break;
		case ISCSI_RX_PDU:
		case ISCSI_RX_DATA_DIGEST: break;
		case ISCSI_RX_HEADER_DIGEST:
		case ISCSI_RX_TOO_LONG: return false;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	uint8_t stage[ISCSI_RX_STAGE_MIN];
	struct place place = {NULL, 0};
	struct iscsi_rx rx;
	uint8_t how = take_byte(&in);

	iscsi_rx_init(&rx, stage, sizeof(stage));
	rx.max_data = MAX_DATA;
	rx.header_digest = how & 0x40;
	rx.data_digest = how & 0x80;
	bool open = true;
	while (in.left && open) {
		struct iovec iov[ISCSI_RX_IOV];
		unsigned n = iscsi_rx_want(&rx, iov);
		size_t want = 1 + (how & 0x20 ? 4096 : take_byte(&in)), got = 0;
		for (unsigned i = 0; i < n && want; i++) {
			const uint8_t *p;
			size_t len = take_bytes(&in, MIN(want, iov[i].iov_len), &p);
			memcpy(iov[i].iov_base, p, len);
			want = len < iov[i].iov_len ? 0 : want - len;
			got += len;
		}
		iscsi_rx_got(&rx, got);
		open = events(&rx, &place, how);
	}
	free(place.data);
	return 0;
}

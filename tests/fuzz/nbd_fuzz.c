/* SPDX-License-Identifier: BSD-2-Clause */
/* What an NBD client says: a handshake in pieces of any size, then requests; nothing but in bounds reaches the
 * disk. The first byte says what the disk can. */
#include "attach/nbd.h"
#include "fuzz.h"

static struct disk_traits traits(uint8_t what)
{
	return (struct disk_traits){
		.size = UINT64_C(1) << (20 + (what & 1) * 40),
		.logical_block = what & 2 ? 4096 : 512,
		.physical_block = 4096,
		.read_only = what & 4,
		.write_cache = what & 8,
		.extents = what & 16,
		.discard_granularity = what & 32 ? 4096 : 0,
		.write_zeroes = what & 64,
		.model = "model",
	};
}

static void check_request(const struct disk *d, const uint8_t *data, bool allocation)
{
	struct nbd_request_header h;
	struct disk_request q;
	uint8_t reply[NBD_REPLY_ROOM];
	if (nbd_request_parse(&h, data))
		return;
	int err = nbd_request_translate(d, &h, allocation, &q);
	MUST(nbd_reply_header(reply, &h, allocation, err, q.length) <= sizeof(reply));
	if (err || q.op == DISK_FLUSH)
		return;
	MUST(q.offset < d->traits.size && q.length <= d->traits.size - q.offset);
	MUST(q.length && q.length % d->traits.logical_block == 0);
	MUST(!d->traits.read_only || q.op == DISK_READ || q.op == DISK_EXTENTS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct disk d = {.traits = traits(take_byte(&in))};
	const struct nbd_export export = {&d, "lun"};
	struct nbd_handshake h;
	struct buf out;
	const char *why = NULL;
	disk_init(&d);
	buf_init(&out, 1 << 20);
	nbd_handshake_begin(&h, &export, &out);
	/* All that has come so far, in memory that ends where it does. */
	size_t piece = take_byte(&in) + 1, known = 0;
	while (h.phase < NBD_TRANSMISSION && known < in.left) {
		known = MIN(known + piece, in.left);
		uint8_t *copy = copy_of(in.p, known);
		ssize_t n = nbd_handshake_step(&h, copy, known, &out, &why);
		free(copy);
		MUST(n <= (ssize_t)known);
		if (n < 0) {
			MUST(why);
			break;
		}
		in.p += n;
		in.left -= (size_t)n;
		known -= (size_t)n;
	}
	MUST(!out.err);
	for (; in.left >= NBD_REQUEST_SIZE; in.left -= NBD_REQUEST_SIZE, in.p += NBD_REQUEST_SIZE)
		check_request(&d, in.p, h.allocation);
	buf_free(&out);
	return 0;
}

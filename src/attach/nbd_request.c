/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include "attach/nbd.h"
#include "common/endian.h"

int nbd_request_parse(struct nbd_request_header *out, const uint8_t data[NBD_REQUEST_SIZE])
{
	if (get_be32(data) != NBD_REQUEST_MAGIC)
		return -EPROTO;
	*out = (struct nbd_request_header){
		.flags = get_be16(data + 4),
		.command = get_be16(data + 6),
		.cookie = get_be64(data + 8),
		.offset = get_be64(data + 16),
		.length = get_be32(data + 24),
	};
	return 0;
}

static const struct command {
	bool known;
	enum disk_op op;
	unsigned flags; /* it may have */
} commands[] = {
	[NBD_READ] = {true, DISK_READ, NBD_CMD_DF},
	[NBD_WRITE] = {true, DISK_WRITE, NBD_CMD_FUA},
	[NBD_FLUSH] = {true, DISK_FLUSH, 0},
	[NBD_TRIM] = {true, DISK_DISCARD, NBD_CMD_FUA},
	[NBD_WRITE_ZEROES] = {true, DISK_WRITE_ZEROES, NBD_CMD_FUA | NBD_CMD_NO_HOLE},
	[NBD_BLOCK_STATUS] = {true, DISK_EXTENTS, NBD_CMD_REQ_ONE},
};

int nbd_request_translate(const struct disk *d, const struct nbd_request_header *h, bool allocation,
			  struct disk_request *out)
{
	const struct command *c = h->command < ARRAY_SIZE(commands) ? &commands[h->command] : NULL;
	/* Some clients set FUA everywhere once they have been told of it. */
	unsigned harmless = d->traits.write_cache ? NBD_CMD_FUA : 0;
	if (!c || !c->known || h->flags & ~(c->flags | harmless) ||
	    (h->command == NBD_BLOCK_STATUS && !allocation))
		return -EINVAL;
	*out = (struct disk_request){
		.op = c->op,
		.fua = h->flags & c->flags & NBD_CMD_FUA,
		.keep = h->flags & NBD_CMD_NO_HOLE,
		.offset = h->offset,
		.length = h->length,
	};
	return disk_check(d, out);
}

/* Errors that the protocol knows, which have its numbers. */
static uint32_t error_number(int err)
{
	static const struct {
		int err;
		uint32_t nbd;
	} rows[] = {
		{0, 0},         {-EROFS, 1},       {-EPERM, 1},      {-ENOMEM, 12},
		{-EINVAL, 22},  {-ENOSPC, 28},     {-EOVERFLOW, 75}, {-EOPNOTSUPP, 95},
		{-ENODEV, 108}, {-ESHUTDOWN, 108},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].err == err)
			return rows[i].nbd;
	return 5; /* EIO */
}

static size_t put_chunk(uint8_t *out, const struct nbd_request_header *h, enum nbd_chunk type,
			size_t length)
{
	put_be32(out, NBD_STRUCTURED_REPLY);
	put_be16(out + 4, NBD_CHUNK_DONE);
	put_be16(out + 6, (uint16_t)type);
	put_be64(out + 8, h->cookie);
	put_be32(out + 16, (uint32_t)length);
	return 20;
}

static size_t put_simple(uint8_t *out, const struct nbd_request_header *h, int err)
{
	put_be32(out, NBD_SIMPLE_REPLY);
	put_be32(out + 4, error_number(err));
	put_be64(out + 8, h->cookie);
	return 16;
}

static size_t put_error(uint8_t *out, const struct nbd_request_header *h, int err)
{
	size_t n = put_chunk(out, h, NBD_CHUNK_ERROR, 6);
	put_be32(out + n, error_number(err));
	put_be16(out + n + 4, 0); /* no words */
	return n + 6;
}

size_t nbd_reply_header(uint8_t out[NBD_REPLY_ROOM], const struct nbd_request_header *h,
			bool structured, int err, size_t length)
{
	/* Only what has data must be structured, and the rest is shorter when it is not. */
	if (!structured || (h->command != NBD_READ && h->command != NBD_BLOCK_STATUS))
		return put_simple(out, h, err);
	if (err)
		return put_error(out, h, err);
	if (h->command == NBD_READ) {
		size_t n = put_chunk(out, h, NBD_CHUNK_OFFSET_DATA, 8 + length);
		put_be64(out + n, h->offset);
		return n + 8;
	}
	size_t n = put_chunk(out, h, NBD_CHUNK_BLOCK_STATUS, 4 + length);
	put_be32(out + n, NBD_ALLOCATION);
	return n + 4;
}

size_t nbd_reply_extents(uint8_t *data, const struct disk_extent *extents, uint32_t count,
			 const struct nbd_request_header *h)
{
	uint64_t left = h->length;
	uint32_t n = 0;
	/* The last one may reach further; the protocol allows it, and lengths have 32 bits. */
	for (; n < count && left; n++) {
		uint64_t length = MIN(extents[n].length, left);
		put_be32(data + 8 * (size_t)n, (uint32_t)length);
		put_be32(data + 8 * (size_t)n + 4, (extents[n].hole ? NBD_STATE_HOLE : 0) |
							   (extents[n].zero ? NBD_STATE_ZERO : 0));
		left -= length;
	}
	return 8 * (size_t)n;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "initiator/sense.h"

#include "common/endian.h"

static void read_fixed(struct ini_sense *out, const uint8_t *p, size_t len)
{
	out->key = p[2] & 0x0f;
	out->has_info = p[0] & 0x80 && len >= 7;
	if (out->has_info)
		out->info = get_be32(p + 3);
	if (len >= 14)
		out->asc_ascq = get_be16(p + 12);
}

/* SPC-4 4.5.2.2: descriptor 00h, of 12 bytes, has INFORMATION at its byte 4. */
static void read_descriptors(struct ini_sense *out, const uint8_t *p, size_t len)
{
	out->key = p[1] & 0x0f;
	out->asc_ascq = get_be16(p + 2);
	size_t end = len < 8 ? len : 8u + p[7];
	if (end > len)
		end = len;
	for (size_t at = 8; at + 2 <= end; at += 2u + p[at + 1])
		if (p[at] == 0 && p[at + 1] == 10 && at + 12 <= end && p[at + 2] & 0x80) {
			out->has_info = true;
			out->info = get_be64(p + at + 4);
		}
}

bool ini_sense_read(struct ini_sense *out, const uint8_t *sense, size_t len)
{
	*out = (struct ini_sense){0};
	if (len < 4)
		return false;
	uint8_t code = sense[0] & 0x7f;
	if (code < 0x70 || code > 0x73)
		return false;
	out->deferred = code & 1;
	if (code >= 0x72)
		read_descriptors(out, sense, len);
	else
		read_fixed(out, sense, len);
	return true;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/ahs.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include "common/cleanup.h"

/* AHSLength counts from byte 3 on, which both types reserve; what they hold begins behind it. */
#define HEAD       4u
#define TYPE_MASK  0x3fu /* the two bits above the code are reserved (11.2.2.1) */
#define CDB_REST   (ISCSI_CDB_MAX - ISCSI_CDB_LEN)
#define READ_FIELD 4u

_Static_assert(HEAD + CDB_REST + HEAD + READ_FIELD <= ISCSI_AHS_MAX_TX, "both fit");

static bool take_cdb(const uint8_t *body, uint32_t len, struct iscsi_ahs *out)
{
	if (out->cdb || len < 1 || len > CDB_REST)
		return false; /* 11.2.2.3: not for a CDB of 16 bytes or less */
	out->cdb = body;
	out->cdb_len = len;
	return true;
}

static bool take_read_length(const uint8_t *body, uint32_t len, struct iscsi_ahs *out)
{
	if (out->bidi || len != READ_FIELD)
		return false;
	out->bidi = true;
	out->bidi_read_length = get_be32(body);
	return true;
}

static bool (*const types[TYPE_MASK + 1])(const uint8_t *body, uint32_t len,
					  struct iscsi_ahs *out) = {
	[ISCSI_AHS_EXTENDED_CDB] = take_cdb,
	[ISCSI_AHS_BIDI_READ_LENGTH] = take_read_length,
};

int iscsi_ahs_parse(const uint8_t *ahs, uint32_t len, struct iscsi_ahs *out)
{
	*out = (struct iscsi_ahs){0};
	while (len) {
		uint32_t counted = len < HEAD ? 0 : get_be16(ahs);
		uint32_t whole = HEAD - 1 + counted;
		whole += iscsi_pad(whole);
		if (!counted || whole > len || !types[ahs[2] & TYPE_MASK] ||
		    !types[ahs[2] & TYPE_MASK](ahs + HEAD, counted - 1, out))
			return -EINVAL;
		ahs += whole;
		len -= whole;
	}
	return 0;
}

static uint32_t add(uint8_t *out, enum iscsi_ahs_type type, const void *body, uint32_t len)
{
	uint32_t whole = HEAD + len + iscsi_pad(len);
	memset(out, 0, whole);
	put_be16(out, (uint16_t)(len + 1));
	out[2] = (uint8_t)type;
	memcpy(out + HEAD, body, len);
	return whole;
}

uint32_t iscsi_ahs_build(const struct iscsi_ahs *in, uint8_t out[ISCSI_AHS_MAX_TX])
{
	uint8_t read_length[READ_FIELD];
	uint32_t len = 0;
	if (in->cdb) {
		assert(in->cdb_len >= 1 && in->cdb_len <= CDB_REST);
		len += add(out, ISCSI_AHS_EXTENDED_CDB, in->cdb, in->cdb_len);
	}
	put_be32(read_length, in->bidi_read_length);
	if (in->bidi)
		len += add(out + len, ISCSI_AHS_BIDI_READ_LENGTH, read_length, sizeof(read_length));
	return len;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Replies (SPC-4 6, 7; SBC-3 5). What src/device reads too is read by the same code. */
#include <string.h>
#include "common/endian.h"
#include "liblunar/priv.h"
#include "lunar/scsi.h"

bool lunar_parse_sense(struct lunar_sense *out, const void *sense, size_t len)
{
	struct ini_sense s;
	bool good = ini_sense_read(&s, sense, len);
	*out = (struct lunar_sense){s.key, s.asc_ascq, s.deferred, s.has_info, s.info};
	return good;
}

/* False, and type 0x1f: the reply is too short to be one. */
bool lunar_parse_inquiry(struct lunar_inquiry *out, const void *reply, size_t len)
{
	const uint8_t *p = reply;
	struct lu_facts f;
	lu_facts_init(&f);
	memset(out, 0, sizeof(*out));
	out->qualifier = 3;
	out->type = 0x1f;
	if (!lu_take_inquiry(&f, p, len))
		return false;
	out->qualifier = f.peripheral >> 5;
	out->type = f.peripheral & 0x1f;
	out->removable = p[1] & 0x80;
	out->version = p[2];
	out->tpgs = f.tpgs;
	memcpy(out->vendor, f.vendor, sizeof(out->vendor));
	memcpy(out->product, f.product, sizeof(out->product));
	memcpy(out->revision, f.revision, sizeof(out->revision));
	return true;
}

static void take_capacity(struct lunar_capacity *out, const struct lu_facts *f)
{
	*out = (struct lunar_capacity){
		.blocks = f->blocks,
		.block_size = f->block_size,
		.physical_block_size = f->block_size << MIN(f->physical_exponent, 15),
		.thin = f->thin,
		.reads_zeroes = f->reads_zeroes,
	};
	if (out->physical_block_size < out->block_size)
		out->physical_block_size = out->block_size;
}

/* The reply of READ CAPACITY (10) is the shorter one. */
bool lunar_parse_capacity(struct lunar_capacity *out, const void *reply, size_t len)
{
	struct lu_facts f;
	lu_facts_init(&f);
	memset(out, 0, sizeof(*out));
	if (len < 12 ? !lu_take_capacity10(&f, reply, len) : !lu_take_capacity16(&f, reply, len))
		return false;
	take_capacity(out, &f);
	return true;
}

/* SBC-3 5.5.2: eight bytes, then sixteen for each extent. */
size_t lunar_parse_lba_status(struct lunar_lba_status *out, size_t max, const void *reply,
			      size_t len)
{
	const uint8_t *p = reply;
	size_t n = 0;
	if (len < 8)
		return 0;
	len = MIN(len, (size_t)get_be32(p) + 4);
	for (size_t at = 8; at + 16 <= len; at += 16, n++)
		if (n < max)
			out[n] = (struct lunar_lba_status){get_be64(p + at), get_be32(p + at + 8),
							   p[at + 12] & 0x0f};
	return n;
}

size_t lunar_parse_luns(uint64_t *out, size_t max, size_t *took, const void *reply, size_t len)
{
	const uint8_t *p = reply;
	size_t listed = 0, came = 0;
	if (len >= 8) {
		listed = get_be32(p) / ISCSI_LUN_LEN;
		came = MIN(MIN(listed, (len - 8) / ISCSI_LUN_LEN), max);
	}
	for (size_t i = 0; i < came; i++)
		out[i] = lunar_priv_lun_get(p + 8 + ISCSI_LUN_LEN * i);
	*took = came;
	return listed;
}

static void take_ports(struct lunar_port_group *g, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(g->first_ports) && 4 * (i + 1) <= len; i++)
		g->first_ports[i] = get_be16(p + 4 * i + 2);
}

/* SPC-4 6.37: four bytes, then a descriptor of eight bytes and four for each port. */
size_t lunar_parse_port_groups(struct lunar_port_group *out, size_t max, const void *reply,
			       size_t len)
{
	const uint8_t *p = reply;
	size_t n = 0, size;
	if (len < 4)
		return 0;
	len = MIN(len, (size_t)get_be32(p) + 4);
	for (size_t at = 4; at + 8 <= len; at += size, n++) {
		const uint8_t *g = p + at;
		size = 8 + 4u * g[7];
		if (n >= max)
			continue;
		out[n] = (struct lunar_port_group){.group = get_be16(g + 2),
						   .access = g[0] & 0x0f,
						   .preferred = g[0] & 0x80,
						   .status = g[5],
						   .ports = g[7]};
		take_ports(&out[n], g + 8, MIN(size, len - at) - 8);
	}
	return n;
}

/* SPC-4 6.15.3. */
bool lunar_parse_reservation(struct lunar_reservation *out, const void *reply, size_t len)
{
	const uint8_t *p = reply;
	memset(out, 0, sizeof(*out));
	if (len < 8)
		return false;
	out->generation = get_be32(p);
	if (get_be32(p + 4) < 16)
		return true;
	if (len < 24)
		return false;
	out->held = true;
	out->key = get_be64(p + 8);
	out->type = p[21] & 0x0f;
	return true;
}

size_t lunar_parse_keys(uint64_t *out, size_t max, uint32_t *generation, const void *reply,
			size_t len)
{
	const uint8_t *p = reply;
	size_t n = 0;
	*generation = len >= 8 ? get_be32(p) : 0;
	if (len < 8)
		return 0;
	len = MIN(len, (size_t)get_be32(p + 4) + 8);
	for (size_t at = 8; at + 8 <= len; at += 8, n++)
		if (n < max)
			out[n] = get_be64(p + at);
	return n;
}

size_t lunar_parse_designators(struct lunar_designator *out, size_t max, const void *reply,
			       size_t len)
{
	const uint8_t *p = reply;
	size_t n = 0;
	if (len < 4 || p[1] != 0x83)
		return 0;
	len = MIN(len, (size_t)get_be16(p + 2) + 4);
	for (size_t at = 4; at + 4 <= len && len - at - 4 >= p[at + 3]; at += 4u + p[at + 3], n++) {
		const uint8_t *d = p + at;
		if (n >= max)
			continue;
		out[n] = (struct lunar_designator){.code_set = d[0] & 0x0f,
						   .association = d[1] >> 4 & 3,
						   .type = d[1] & 0x0f,
						   .len = d[3]};
		memcpy(out[n].id, d + 4, d[3]);
	}
	return n;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "device/facts.h"

#include <stdio.h>
#include <string.h>
#include "common/cleanup.h"
#include "common/endian.h"

void lu_facts_init(struct lu_facts *f)
{
	*f = (struct lu_facts){.peripheral = 0x7f, .rotational = true, .access = LU_OPTIMIZED};
}

bool lu_is_disk(const struct lu_facts *f)
{
	return f->peripheral == 0;
}

bool lu_has_page(const struct lu_facts *f, uint8_t page)
{
	return f->pages[page / 8] & 1 << page % 8;
}

/* What is printable of `len` bytes, without the blanks around it. */
static void take_text(char *out, size_t size, const uint8_t *p, size_t len)
{
	size_t n = 0;
	while (len > 0 && (*p == ' ' || *p == 0)) {
		p++;
		len--;
	}
	for (size_t i = 0; i < len && p[i] && n + 1 < size; i++)
		out[n++] = p[i] >= ' ' && p[i] <= '~' ? (char)p[i] : '?';
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

/* --- INQUIRY and vital product data (SPC-4 6.6, 7.8; SBC-3 6.6) */

bool lu_take_inquiry(struct lu_facts *f, const uint8_t *p, size_t len)
{
	if (len < 36)
		return false;
	f->peripheral = p[0];
	f->tpgs = p[5] >> 4 & 3;
	take_text(f->vendor, sizeof(f->vendor), p + 8, 8);
	take_text(f->product, sizeof(f->product), p + 16, 16);
	take_text(f->revision, sizeof(f->revision), p + 32, 4);
	return true;
}

/* The body of a VPD page that is the one asked for; NULL: it is not. */
static const uint8_t *page_body(const uint8_t *p, size_t *len, uint8_t page)
{
	if (*len < 4 || p[1] != page)
		return NULL;
	*len = MIN(*len - 4, get_be16(p + 2));
	return p + 4;
}

bool lu_take_pages(struct lu_facts *f, const uint8_t *p, size_t len)
{
	const uint8_t *body = page_body(p, &len, 0x00);
	if (!body)
		return false;
	memset(f->pages, 0, sizeof(f->pages));
	for (size_t i = 0; i < len; i++)
		f->pages[body[i] / 8] |= (uint8_t)(1 << body[i] % 8);
	return true;
}

bool lu_take_serial(struct lu_facts *f, const uint8_t *p, size_t len)
{
	const uint8_t *body = page_body(p, &len, 0x80);
	if (!body)
		return false;
	take_text(f->serial, sizeof(f->serial), body, len);
	if (!f->id[0] && f->serial[0])
		snprintf(f->id, sizeof(f->id), "S%s%s%s", f->vendor, f->product, f->serial);
	return true;
}

/* A designation descriptor (SPC-4 7.8.6.1). */
struct designator {
	uint8_t code_set, association, type;
	const uint8_t *id;
	size_t len;
};

/* The one at the front of `*p`, which moves past it; false: there is none that is whole. */
static bool next_designator(struct designator *d, const uint8_t **p, size_t *len)
{
	const uint8_t *at = *p;
	if (*len < 4 || *len - 4 < at[3])
		return false;
	*d = (struct designator){at[0] & 0x0f, at[1] >> 4 & 3, at[1] & 0x0f, at + 4, at[3]};
	*p += 4 + d->len;
	*len -= 4 + d->len;
	return true;
}

enum { CODE_BINARY = 1, CODE_ASCII = 2, CODE_UTF8 = 3 };
enum { OF_LU = 0, OF_PORT = 1 };
enum { DESIGNATOR_T10 = 1, DESIGNATOR_EUI64 = 2, DESIGNATOR_NAA = 3, DESIGNATOR_PORT_GROUP = 5 };

/* udev takes the first kind that is there, in this order; a lower rank is better. -1: it is none of these. */
static int rank_of(const struct designator *d)
{
	if (d->association != OF_LU || d->len == 0)
		return -1;
	switch (d->type) {
	case DESIGNATOR_NAA:
		switch (d->id[0] >> 4) {
		case 6: return 0;
		case 5: return 1;
		case 2: return 2;
		default: return 3;
		}
	case DESIGNATOR_EUI64: return 4;
	case DESIGNATOR_T10: return 5;
	case 0: return 6;
	default: return -1;
	}
}

static bool write_id(struct lu_facts *f, const struct designator *d)
{
	char out[LU_ID_SIZE];
	size_t n = (size_t)snprintf(out, sizeof(out), "%u%s%s", d->type, d->type ? "" : f->vendor,
				    d->type ? "" : f->product);
	size_t each = d->code_set == CODE_BINARY ? 2 : 1;

	if (n + each * d->len >= sizeof(out))
		return false;
	for (size_t i = 0; i < d->len; i++) {
		if (each == 2)
			n += (size_t)snprintf(out + n, 3, "%02x", d->id[i]);
		else if (d->id[i] >= ' ' && d->id[i] <= '~')
			out[n++] = (char)d->id[i];
		else if (d->id[i])
			return false;
	}
	out[n] = '\0';
	memcpy(f->id, out, n + 1);
	return true;
}

bool lu_take_identification(struct lu_facts *f, const uint8_t *p, size_t len)
{
	const uint8_t *body = page_body(p, &len, 0x83);
	struct designator d;
	int best = 99;

	if (!body)
		return false;
	while (next_designator(&d, &body, &len)) {
		int rank = rank_of(&d);
		if (rank >= 0 && rank < best && write_id(f, &d))
			best = rank;
		if (d.association == OF_PORT && d.type == DESIGNATOR_PORT_GROUP && d.len >= 4)
			f->port_group = get_be16(d.id + 2);
	}
	return true;
}

bool lu_take_limits(struct lu_facts *f, const uint8_t *p, size_t len)
{
	const uint8_t *body = page_body(p, &len, 0xb0);
	if (!body || len < 12)
		return false;
	p = body - 4; /* offsets as in the standard */
	f->max_transfer = get_be32(p + 8);
	f->optimal_transfer = get_be32(p + 12);
	if (len < 60)
		return true;
	f->max_unmap_blocks = get_be32(p + 20);
	f->max_unmap_descriptors = get_be32(p + 24);
	f->unmap_granularity = get_be32(p + 28);
	f->unmap_alignment = p[32] & 0x80 ? get_be32(p + 32) & 0x7fffffff : 0;
	f->max_write_same = get_be64(p + 36);
	return true;
}

bool lu_take_characteristics(struct lu_facts *f, const uint8_t *p, size_t len)
{
	const uint8_t *body = page_body(p, &len, 0xb1);
	if (!body || len < 2)
		return false;
	f->rotational = get_be16(body) != 1; /* 1: it does not turn; 0: not told */
	return true;
}

bool lu_take_provisioning(struct lu_facts *f, const uint8_t *p, size_t len)
{
	const uint8_t *body = page_body(p, &len, 0xb2);
	if (!body || len < 2)
		return false;
	f->unmaps = body[1] & 0x80;
	f->write_same_unmaps = body[1] & 0x40;
	f->reads_zeroes = body[1] & 0x04;
	return true;
}

/* --- capacity (SBC-3 5.15, 5.16) */

static bool take_size(struct lu_facts *f, uint64_t last, uint32_t block_size)
{
	bool sane = block_size >= 512 && block_size <= 65536 && !(block_size & (block_size - 1));
	if (!sane || last >= UINT64_MAX / block_size)
		return false;
	f->blocks = last + 1;
	f->block_size = block_size;
	return true;
}

bool lu_take_capacity10(struct lu_facts *f, const uint8_t *p, size_t len)
{
	return len >= 8 && take_size(f, get_be32(p), get_be32(p + 4));
}

bool lu_take_capacity16(struct lu_facts *f, const uint8_t *p, size_t len)
{
	if (len < 12 || !take_size(f, get_be64(p), get_be32(p + 8)))
		return false;
	if (len < 16)
		return true;
	f->physical_exponent = p[13] & 0x0f;
	f->thin = p[14] & 0x80;
	if (!(p[14] & 0x40))
		f->reads_zeroes = false;
	else if (f->thin)
		f->reads_zeroes = true;
	return true;
}

/* --- mode parameters (SPC-4 7.5; SBC-3 6.5.6 caching page) */

bool lu_take_mode(struct lu_facts *f, const uint8_t *p, size_t len)
{
	size_t at;
	if (len < 4)
		return false;
	len = MIN(len, p[0] + 1u);
	f->write_protected = p[2] & 0x80;
	f->dpofua = p[2] & 0x10;
	for (at = 4u + p[3]; at + 2 <= len; at += 2u + p[at + 1]) {
		if ((p[at] & 0x7f) == 0x08 && p[at + 1] >= 1 && at + 2 < len)
			f->write_cache = p[at + 2] & 0x04;
		if (p[at] & 0x40) /* a page with subpages has a longer length */
			break;
	}
	return true;
}

/* --- REPORT TARGET PORT GROUPS (SPC-4 6.37) */

bool lu_take_port_groups(struct lu_facts *f, const uint8_t *p, size_t len)
{
	size_t at = 4, end;
	if (len < 4)
		return false;
	end = MIN(len, (size_t)get_be32(p) + 4);
	while (at + 8 <= end) {
		const uint8_t *group = p + at;
		if (get_be16(group + 2) == f->port_group) {
			f->access = group[0] & 0x0f;
			f->preferred = group[0] & 0x80;
			return true;
		}
		at += 8 + 4u * group[7];
	}
	return false;
}

/* --- REPORT LUNS (SPC-4 6.33) */

size_t lu_list_luns(const uint8_t *p, size_t len, uint8_t (*luns)[8], size_t max, size_t *took)
{
	size_t listed, came;

	*took = 0;
	if (len < 8)
		return 0;
	listed = get_be32(p) / 8;
	came = MIN(listed, (len - 8) / 8);
	for (size_t i = 0; i < came && *took < max; i++)
		memcpy(luns[(*took)++], p + 8 + 8 * i, 8);
	return listed;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* INQUIRY (SPC-4 6.6): standard data, and vital product data pages (SPC-4 7.8, SBC-3 6.6). */
#include <string.h>
#include "common/cleanup.h"
#include "common/endian.h"
#include "scsi/lu_priv.h"
#include "scsi/sense.h"

#define NO_LU 0x7f /* peripheral qualifier 3: no LU here; device type 1Fh: unknown */

/* SPC-4 7.8.6.1: the first two bytes of a designator */
enum { ISCSI = 0x5 << 4, BINARY = 0x1, ASCII = 0x2, UTF8 = 0x3 };
enum { PIV = 0x80, OF_LU = 0x00, OF_PORT = 0x10, OF_DEVICE = 0x20 };
enum { T10_VENDOR = 0x1, NAA = 0x3, RELATIVE_PORT = 0x4, SCSI_NAME = 0x8, UUID = 0xa };

/* A page in the making, in the task's buffer, which is zero and SCSI_REPLY_MAX long. */
struct page {
	const struct scsi_lu *lu;
	const struct scsi_nexus *nexus;
	uint8_t *p;
	size_t len; /* with its header of four bytes */
};

/* Left-aligned ASCII, filled up with spaces (SPC-4 4.3.1). */
static void put_ascii(uint8_t *to, const char *text, size_t size)
{
	size_t n = strnlen(text, size);

	memcpy(to, text, n);
	memset(to + n, ' ', size - n);
}

/* SPC-4 6.6.2 */
static void standard_data(struct scsi_io *io)
{
	/* SAM-5, iSCSI, SPC-4, SBC-3; no revision of them is claimed. */
	static const uint16_t standards[] = {0x00a0, 0x0960, 0x0460, 0x04c0};
	const struct scsi_lu *lu = io->lu;
	uint8_t *d = io->data;

	d[0] = lu ? 0 : NO_LU;
	d[2] = 0x06; /* SPC-4 */
	d[3] = 0x12; /* HISUP, response data format 2 */
	d[4] = 96 - 5;
	d[5] = scsi_lu_features(lu) & SCSI_HAS_COPY ? 0x08 : 0; /* 3PC */
	d[7] = 0x02;                                            /* CMDQUE */
	put_ascii(d + 8, lu ? lu->vendor : "LUNAR", 8);
	put_ascii(d + 16, lu ? lu->options.product : "", 16);
	put_ascii(d + 32, lu ? lu->revision : "", 4);
	for (size_t i = 0; i < ARRAY_SIZE(standards); i++)
		put_be16(d + 58 + 2 * i, standards[i]);
	scsi_reply(io, 96);
}

/* --- 80h: unit serial number (SPC-4 7.8.15) */

static void serial_number(struct page *g)
{
	size_t n = strlen(g->lu->serial);

	memcpy(g->p + 4, g->lu->serial, n);
	g->len += n;
}

/* --- 83h: device identification (SPC-4 7.8.6) */

/* Room for `n` bytes of a designator, at most 252. */
static uint8_t *designator(struct page *g, uint8_t code_set, uint8_t type, size_t n)
{
	uint8_t *d = g->p + g->len;

	d[0] = code_set;
	d[1] = type;
	d[3] = (uint8_t)n;
	g->len += 4 + n;
	return d + 4;
}

/*
 * NAA 3, locally assigned: nobody gives these out, and 60 bits of the random identity make it unique
 * (SPC-4 7.8.6.6.4). It comes first, because initiators take the first of equals.
 */
static void naa(struct page *g)
{
	const struct scsi_lu *lu = g->lu;
	uint8_t *d = designator(g, BINARY, OF_LU | NAA, lu->naa_len ? lu->naa_len : 8);

	if (lu->naa_len) { /* it had one where it comes from */
		memcpy(d, lu->naa, lu->naa_len);
		return;
	}
	memcpy(d, lu->id, 8);
	d[0] = 0x30 | (d[0] & 0x0f);
}

static void t10_vendor(struct page *g)
{
	const struct scsi_lu *lu = g->lu;
	if (lu->t10_id[0]) {
		size_t n = strlen(lu->t10_id);
		memcpy(designator(g, ASCII, OF_LU | T10_VENDOR, n), lu->t10_id, n);
		return;
	}
	size_t n = 16 + strnlen(lu->serial, 252 - 8 - 16);
	uint8_t *d = designator(g, ASCII, OF_LU | T10_VENDOR, 8 + n);
	put_ascii(d, lu->vendor, 8);
	put_ascii(d + 8, lu->options.product, 16);
	memcpy(d + 24, lu->serial, n - 16);
}

/* SPC-5 7.7.6.11. The identity, with the marks of a random UUID (RFC 4122 4.4). */
static void uuid(struct page *g)
{
	uint8_t *d = designator(g, BINARY, OF_LU | UUID, 18);

	d[0] = 0x10;
	memcpy(d + 2, g->lu->id, 16);
	d[2 + 6] = 0x40 | (d[2 + 6] & 0x0f);
	d[2 + 8] = 0x80 | (d[2 + 8] & 0x3f);
}

static void relative_port(struct page *g)
{
	uint8_t *d = designator(g, ISCSI | BINARY, PIV | OF_PORT | RELATIVE_PORT, 4);

	put_be16(d + 2, g->nexus->rel_port);
}

/* Ends with at least one zero; its length is a multiple of four (SPC-4 7.8.6.11). */
static void scsi_name(struct page *g, uint8_t association, const char *name)
{
	size_t n = strnlen(name, 251);
	uint8_t *d = designator(g, ISCSI | UTF8, PIV | association | SCSI_NAME, (n + 4) & ~3UL);

	memcpy(d, name, n);
}

static void identification(struct page *g)
{
	naa(g);
	t10_vendor(g);
	uuid(g);
	relative_port(g);
	scsi_name(g, OF_PORT, g->nexus->target_port);
	scsi_name(g, OF_DEVICE, g->nexus->dev->name);
}

bool scsi_lu_is_named(const struct scsi_lu *lu, uint8_t code_set, uint8_t type, const uint8_t *d,
		      size_t len)
{
	uint8_t bytes[1024] = {0};
	struct page g = {.lu = lu, .p = bytes};

	naa(&g);
	t10_vendor(&g);
	uuid(&g);
	for (const uint8_t *of = bytes; of < bytes + g.len; of += 4 + of[3])
		if (of[0] == code_set && of[1] == type && of[3] == len && !memcmp(of + 4, d, len))
			return true;
	return false;
}

/* --- 8Fh: third-party copy (SPC-4 7.8.17) */

static void copies(struct page *g)
{
	g->len += scsi_copy_page(g->p + 4);
}

/* --- 86h: extended INQUIRY data (SPC-4 7.8.7) */

static void extended(struct page *g)
{
	g->p[5] = 0x07;                                 /* HEADSUP, ORDSUP, SIMPSUP */
	g->p[6] = g->lu->bs->volatile_cache ? 0x01 : 0; /* V_SUP */
	g->p[7] = 0x01;                                 /* LUICLR */
	g->p[13] = SCSI_SENSE_MAX;
	g->len = 64;
}

/* --- B0h: block limits (SBC-3 6.6.3) */

static uint32_t in_blocks(const struct scsi_lu *lu, uint64_t bytes)
{
	return (uint32_t)(bytes >> lu->block_shift);
}

static void unmap_limits(struct page *g, const struct scsi_lu *lu)
{
	const struct scsi_limits *set = &lu->options.limits;
	uint32_t grain = MAX(1, in_blocks(lu, lu->bs->unmap_granularity));

	if (scsi_lu_features(lu) & SCSI_HAS_UNMAP) {
		put_be32(g->p + 20, scsi_lu_unmap_max(lu));
		put_be32(g->p + 24, scsi_lu_unmap_ranges(lu));
	}
	put_be32(g->p + 28, set->unmap_granularity ? set->unmap_granularity : grain);
	put_be32(g->p + 32, 0x80000000 | set->unmap_alignment); /* UGAVALID */
}

/* SBC-4 6.6.4; alignment and granularity of a block need not be said. */
static void atomic_limits(struct page *g, const struct scsi_lu *lu)
{
	uint32_t unit = scsi_lu_atomic_unit(lu);

	put_be32(g->p + 44, scsi_lu_atomic_max(lu));
	put_be32(g->p + 48, unit > 1 ? unit : 0);
	put_be32(g->p + 52, unit > 1 ? unit : 0);
}

static void block_limits(struct page *g)
{
	const struct scsi_lu *lu = g->lu;
	uint32_t grain = MAX(1, in_blocks(lu, lu->bs->block_size));
	uint32_t most = in_blocks(lu, SCSI_TRANSFER_MAX), best = in_blocks(lu, SCSI_TRANSFER_BEST);
	uint32_t set = lu->options.limits.transfer;

	g->p[4] = 0x01; /* WSNZ */
	g->p[5] = (uint8_t)scsi_lu_compare_max(lu);
	put_be16(g->p + 6, (uint16_t)MIN(grain, UINT16_MAX));
	put_be32(g->p + 8, most);
	put_be32(g->p + 12, set ? MIN(set, most) : best);
	if (scsi_lu_thin(lu))
		unmap_limits(g, lu);
	put_be64(g->p + 36, scsi_lu_write_same_max(lu));
	if (scsi_lu_features(lu) & SCSI_HAS_ATOMIC)
		atomic_limits(g, lu);
	g->len = 64;
}

/* --- B1h: block device characteristics (SBC-3 6.6.2) */

static void characteristics(struct page *g)
{
	put_be16(g->p + 4, g->lu->bs->rotational ? 0 : 1); /* not reported, or none */
	g->len = 64;
}

/* --- B2h: logical block provisioning (SBC-3 6.6.4) */

static void provisioning(struct page *g)
{
	uint32_t features = scsi_lu_features(g->lu);

	g->p[5] = 0x04; /* LBPRZ */
	if (features & SCSI_HAS_UNMAP)
		g->p[5] |= 0x80; /* LBPU */
	if (features & SCSI_HAS_UNMAP_SAME)
		g->p[5] |= 0x60; /* LBPWS, LBPWS10 */
	g->p[6] = 0x02;          /* thin */
	g->len = 8;
}

/* --- the pages */

static void supported_pages(struct page *g);

static bool always(const struct scsi_lu *lu)
{
	return true;
}

static bool with_lu(const struct scsi_lu *lu)
{
	return lu != NULL;
}

static bool when_thin(const struct scsi_lu *lu)
{
	return lu && scsi_lu_thin(lu);
}

static bool when_copying(const struct scsi_lu *lu)
{
	return scsi_lu_features(lu) & SCSI_HAS_COPY;
}

static const struct vpd_page {
	uint8_t code;
	bool (*offered)(const struct scsi_lu *lu);
	void (*build)(struct page *g);
} pages[] = {
	{0x00, always, supported_pages},  {0x80, with_lu, serial_number},
	{0x83, with_lu, identification},  {0x86, with_lu, extended},
	{0x8f, when_copying, copies},     {0xb0, with_lu, block_limits},
	{0xb1, with_lu, characteristics}, {0xb2, when_thin, provisioning},
};

static void supported_pages(struct page *g)
{
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		if (pages[i].offered(g->lu))
			g->p[g->len++] = pages[i].code;
}

static void vital_product_data(struct scsi_io *io, const struct vpd_page *page)
{
	struct page g = {.lu = io->lu, .nexus = io->nexus, .p = io->data, .len = 4};

	page->build(&g);
	g.p[0] = io->lu ? 0 : NO_LU;
	g.p[1] = page->code;
	put_be16(g.p + 2, (uint16_t)(g.len - 4));
	scsi_reply(io, g.len);
}

void scsi_cmd_inquiry(struct scsi_io *io)
{
	bool evpd = io->cdb[1] & 0x01;
	uint8_t code = io->cdb[2];

	if (!evpd && code == 0) {
		standard_data(io);
		return;
	}
	for (size_t i = 0; evpd && i < ARRAY_SIZE(pages); i++) {
		if (pages[i].code == code && pages[i].offered(io->lu)) {
			vital_product_data(io, &pages[i]);
			return;
		}
	}
	/* A page code without EVPD, or a page that is not there. */
	scsi_sense_invalid_field_in_cdb(io, 2, -1);
	scsi_io_done(io);
}

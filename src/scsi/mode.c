/* SPDX-License-Identifier: BSD-2-Clause */
/* MODE SENSE and MODE SELECT (SPC-4 6.11 to 6.14, 7.5), from one table of pages. */
#include "scsi/mode.h"

#include <string.h>
#include "common/cleanup.h"
#include "common/endian.h"
#include "scsi/lu_priv.h"
#include "scsi/sense.h"

#define ALL_PAGES    0x3f
#define ALL_SUBPAGES 0xff
#define WCE          0x04 /* byte 2 of the caching page */
#define SPF          0x40 /* subpage format: four bytes of header instead of two */

enum page_control { PC_CURRENT, PC_CHANGEABLE, PC_DEFAULT, PC_SAVED };

struct mode_page {
	uint8_t code, subcode;
	uint8_t len; /* with its header */
	uint16_t at; /* in struct scsi_mode_pages */
};

#define PAGE(c, s, member)                                                                   \
	{                                                                                    \
		.code = (c), .subcode = (s), .at = offsetof(struct scsi_mode_pages, member), \
		.len = sizeof(((struct scsi_mode_pages *)0)->member)                         \
	}

/* In the order of MODE SENSE's reply: ascending (SPC-4 6.11.1). */
static const struct mode_page pages[] = {
	PAGE(0x01, 0x00, rw_recovery), PAGE(0x08, 0x00, caching),    PAGE(0x0a, 0x00, control),
	PAGE(0x0a, 0x01, control_ext), PAGE(0x1c, 0x00, exceptions),
};

static const struct scsi_mode_pages defaults = {
	.rw_recovery = {0x01, 0x0a},
	.caching = {0x08, 0x12, WCE},
	.control = {0x0a, 0x0a, 0x02 /* GLTSD */, 0x10 /* unrestricted reordering */, 0,
		    0x40 /* TAS */, 0, 0, 0xff, 0xff /* busy: as long as it takes */},
	.control_ext = {0x0a | SPF, 0x01, 0, 0x1c},
	.exceptions = {0x1c, 0x0a, 0, 0x06 /* MRIE: on request only */},
};

/* The bits MODE SELECT may change; the headers are there because MODE SENSE shows this as it is. */
static const struct scsi_mode_pages changeable = {
	.rw_recovery = {0x01, 0x0a},
	.caching = {0x08, 0x12, WCE},
	.control = {0x0a, 0x0a, 0x04 /* D_SENSE */, 0, 0x08 /* SWP */, 0x40 /* TAS */},
	.control_ext = {0x0a | SPF, 0x01, 0, 0x1c},
	.exceptions = {0x1c, 0x0a},
};

void scsi_mode_init(struct scsi_mode *m, bool volatile_cache)
{
	m->defaults = defaults;
	m->changeable = changeable;
	if (!volatile_cache) {
		m->defaults.caching[2] &= ~WCE;
		m->changeable.caching[2] &= ~WCE;
	}
	scsi_mode_reset(m);
}

/* The bits of the mask; both `byte` are in the same place. */
static void decide(uint8_t *byte, uint8_t *standard, uint8_t mask, uint8_t bits)
{
	*byte = (uint8_t)((*byte & ~mask) | bits);
	*standard = (uint8_t)((*standard & ~mask) | bits);
}

#define DECIDE(m, place, mask, bits) decide(&(m)->current.place, &(m)->defaults.place, mask, bits)

void scsi_mode_decide(struct scsi_mode *m, const struct scsi_lu_options *before,
		      const struct scsi_lu_options *to, bool volatile_cache)
{
	static const uint8_t interlock[] = {0x00, 0x20, 0x30};

	if (to->write_cache != before->write_cache && volatile_cache) {
		DECIDE(m, caching[2], WCE, to->write_cache ? WCE : 0);
		m->changeable.caching[2] = to->write_cache ? WCE : 0;
	}
	if (to->restricted != before->restricted)
		DECIDE(m, control[3], 0xf0, to->restricted ? 0x00 : 0x10);
	if (to->task_aborted != before->task_aborted)
		DECIDE(m, control[5], 0x40, to->task_aborted ? 0x40 : 0);
	if (to->ua_interlock != before->ua_interlock)
		DECIDE(m, control[4], 0x30, interlock[MIN(to->ua_interlock, 2)]);
}

void scsi_mode_reset(struct scsi_mode *m)
{
	m->current = m->defaults;
}

static const uint8_t *page_bytes(const struct scsi_mode_pages *p, const struct mode_page *page)
{
	return (const uint8_t *)p + page->at;
}

static const struct scsi_mode_pages *pages_of(const struct scsi_mode *m, enum page_control pc)
{
	switch (pc) {
	case PC_CHANGEABLE: return &m->changeable;
	case PC_DEFAULT: return &m->defaults;
	default: return &m->current;
	}
}

static uint32_t page_header(const uint8_t *p)
{
	return p[0] & SPF ? 4 : 2;
}

/* --- MODE SENSE */

static bool wanted(const struct mode_page *page, uint8_t code, uint8_t subcode)
{
	if (code != ALL_PAGES && code != page->code)
		return false;
	return subcode == ALL_SUBPAGES || subcode == page->subcode;
}

/* Points at what names no page; false when the CDB is good. */
static bool unknown_page(struct scsi_io *io, uint8_t code, uint8_t subcode)
{
	bool known = code == ALL_PAGES;

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		known |= pages[i].code == code;
		/* All pages come with subpages or without, not with one of them. */
		if (wanted(&pages[i], code, subcode) &&
		    (code != ALL_PAGES || subcode == 0 || subcode == ALL_SUBPAGES))
			return false;
	}
	if (known)
		scsi_sense_invalid_field_in_cdb(io, 3, -1);
	else
		scsi_sense_invalid_field_in_cdb(io, 2, 5);
	return true;
}

/* WP and DPOFUA (SBC-3 6.5.1), which says that all of these bits are taken. */
static uint8_t device_specific(const struct scsi_io *io)
{
	bool protected = scsi_io_readonly(io) || scsi_mode_swp(&io->lu->mode);

	return (protected ? 0x80 : 0) | (scsi_dpofua(scsi_lu_features(io->lu)) ? 0x10 : 0);
}

static uint32_t short_blocks(const struct scsi_lu *lu)
{
	return (uint32_t)MIN(lu->blocks, (uint64_t)UINT32_MAX);
}

/* SBC-3 6.5.2; returns its length. */
static uint8_t put_descriptor(const struct scsi_lu *lu, bool longlba, uint8_t *d)
{
	if (longlba) {
		put_be64(d, lu->blocks);
		put_be32(d + 12, lu->block_size);
		return 16;
	}
	put_be32(d, short_blocks(lu));
	put_be24(d + 5, lu->block_size);
	return 8;
}

void scsi_cmd_mode_sense(struct scsi_io *io)
{
	bool ten = io->cdb[0] == 0x5a, dbd = io->cdb[1] & 0x08;
	bool longlba = ten && !dbd && io->cdb[1] & 0x10; /* LLBAA */
	enum page_control pc = io->cdb[2] >> 6;
	uint8_t code = io->cdb[2] & 0x3f, subcode = io->cdb[3], d_len, *d = io->data;
	size_t header = ten ? 8 : 4, len;

	if (unknown_page(io, code, subcode)) {
		scsi_io_done(io);
		return;
	}
	if (pc == PC_SAVED) {
		scsi_sense_saving_not_supported(io);
		scsi_io_done(io);
		return;
	}
	d_len = dbd ? 0 : put_descriptor(io->lu, longlba, d + header);
	len = header + d_len;
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		if (!wanted(&pages[i], code, subcode))
			continue;
		memcpy(d + len, page_bytes(pages_of(&io->lu->mode, pc), &pages[i]), pages[i].len);
		len += pages[i].len;
	}
	/* MODE DATA LENGTH counts what follows it. */
	if (ten) {
		put_be16(d, (uint16_t)(len - 2));
		d[3] = device_specific(io);
		d[4] = longlba;
		put_be16(d + 6, d_len);
	} else {
		d[0] = (uint8_t)(len - 1);
		d[2] = device_specific(io);
		d[3] = d_len;
	}
	scsi_reply(io, len);
}

/* --- MODE SELECT */

/* The parameter list while it is judged. Everything is judged before anything changes. */
struct select {
	struct scsi_io *io;
	const uint8_t *list;
	uint32_t len, at;
	struct scsi_mode_pages pages; /* the values to be */
};

/* The block descriptor must say what is, or, in the number of blocks, "as it is" (SBC-3 6.5.2). */
static bool select_descriptor(struct select *s, uint32_t d_len, bool longlba)
{
	const uint8_t *d = s->list + s->at;
	uint64_t blocks = s->io->lu->blocks, all = longlba ? UINT64_MAX : UINT32_MAX;
	uint64_t number = longlba ? get_be64(d) : get_be32(d);
	uint32_t size = longlba ? get_be32(d + 12) : get_be24(d + 5);

	if (number != 0 && number != all &&
	    number != (longlba ? blocks : short_blocks(s->io->lu))) {
		scsi_sense_invalid_field_in_list(s->io, s->at, -1);
		return false;
	}
	if (size != s->io->lu->block_size) {
		scsi_sense_invalid_field_in_list(s->io, s->at + (longlba ? 12 : 5), -1);
		return false;
	}
	s->at += d_len;
	return true;
}

/* The header and the block descriptor. MODE DATA LENGTH and WP mean nothing here. */
static bool select_header(struct select *s, bool ten)
{
	uint32_t h_len = ten ? 8 : 4, d_len, d_good;
	bool longlba;

	if (s->len < h_len) {
		scsi_sense_parameter_list_length(s->io);
		return false;
	}
	if (s->list[ten ? 2 : 1]) { /* MEDIUM TYPE */
		scsi_sense_invalid_field_in_list(s->io, ten ? 2 : 1, -1);
		return false;
	}
	longlba = ten && s->list[4] & 0x01;
	d_len = ten ? get_be16(s->list + 6) : s->list[3];
	d_good = longlba ? 16 : 8;
	s->at = h_len;
	if (d_len == 0)
		return true;
	if (d_len != d_good) {
		scsi_sense_invalid_field_in_list(s->io, ten ? 6 : 3, -1);
		return false;
	}
	if (s->len < h_len + d_len) {
		scsi_sense_parameter_list_length(s->io);
		return false;
	}
	return select_descriptor(s, d_len, longlba);
}

static const struct mode_page *find_page(const uint8_t *p)
{
	uint8_t subcode = p[0] & SPF ? p[1] : 0;

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		if (pages[i].code == (p[0] & 0x3f) && pages[i].subcode == subcode)
			return &pages[i];
	return NULL;
}

/* Of two bytes that differ, the highest bit that does. */
static int highest_bit(uint8_t diff)
{
	return 31 - __builtin_clz(diff);
}

static bool select_page(struct select *s)
{
	const uint8_t *p = s->list + s->at;
	uint32_t left = s->len - s->at, header = page_header(p);
	const struct mode_page *page;
	const uint8_t *mask;
	uint8_t *to;

	if (left < header) {
		scsi_sense_parameter_list_length(s->io);
		return false;
	}
	page = find_page(p);
	if (!page) {
		scsi_sense_invalid_field_in_list(s->io, s->at, 5);
		return false;
	}
	if (header == 4 ? get_be16(p + 2) != page->len - 4U : p[1] != page->len - 2) {
		scsi_sense_invalid_field_in_list(s->io, s->at + (header == 4 ? 2 : 1), -1);
		return false;
	}
	if (left < page->len) {
		scsi_sense_parameter_list_length(s->io);
		return false;
	}
	to = (uint8_t *)&s->pages + page->at;
	mask = page_bytes(&s->io->lu->mode.changeable, page);
	for (uint32_t i = header; i < page->len; i++) {
		uint8_t bad = (p[i] ^ to[i]) & ~mask[i];

		if (bad) {
			scsi_sense_invalid_field_in_list(s->io, s->at + i, highest_bit(bad));
			return false;
		}
		to[i] = p[i];
	}
	s->at += page->len;
	return true;
}

static bool select_list(struct select *s, bool ten)
{
	if (!select_header(s, ten))
		return false;
	while (s->at < s->len)
		if (!select_page(s))
			return false;
	return true;
}

static void select_apply(struct scsi_io *io, const struct scsi_mode_pages *to)
{
	struct scsi_mode *m = &io->lu->mode;

	if (memcmp(to, &m->current, sizeof(*to)) != 0) {
		m->current = *to;
		scsi_ua_add_lu(io->lu, io->itl, SCSI_ASC_MODE_PARAMETERS_CHANGED);
	}
	scsi_good(io);
}

static void select_flushed(struct scsi_io *io, int err);

static void select_moved(struct scsi_io *io, int err)
{
	struct scsi_mode *m = &io->lu->mode;
	struct select s = {.io = io, .list = io->data, .len = io->out_len, .pages = m->current};
	bool caches, cached = scsi_mode_wce(m) && !io->write_through;

	if (!select_list(&s, io->cdb[0] == 0x55)) {
		scsi_io_done(io);
		return;
	}
	caches = s.pages.caching[2] & WCE;
	if (!cached || caches) {
		select_apply(io, &s.pages);
		return;
	}
	/*
	 * Whoever turns the cache off sends no SYNCHRONIZE CACHE for what it holds. Nothing more gets
	 * into it from here on, but the page changes when it is empty, or not at all.
	 */
	io->write_through = true;
	io->lu->write_through++;
	scsi_store_sync(io, select_flushed);
}

static void select_flushed(struct scsi_io *io, int err)
{
	if (err)
		scsi_store_error(io, err, 0);
	else /* another one may have changed pages meanwhile: the list is judged anew */
		select_moved(io, 0);
}

void scsi_cmd_mode_select(struct scsi_io *io)
{
	if (!(io->cdb[1] & 0x10)) { /* PF: the pages of SPC are all we know */
		scsi_sense_invalid_field_in_cdb(io, 1, 4);
		scsi_io_done(io);
	} else if (io->cdb[1] & 0x01) { /* SP */
		scsi_sense_invalid_field_in_cdb(io, 1, 0);
		scsi_io_done(io);
	} else if (io->out_len == 0) { /* no list is no error (SPC-4 6.11) */
		scsi_good(io);
	} else {
		scsi_move(io, select_moved);
	}
}

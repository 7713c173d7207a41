/* SPDX-License-Identifier: BSD-2-Clause */
/* LOG SENSE (SPC-4 6.7, 7.3). No page has anything that could be set, so there is no LOG SELECT. */
#include <string.h>
#include "common/cleanup.h"
#include "common/endian.h"
#include "scsi/lu_priv.h"
#include "scsi/sense.h"

#define SPF 0x40

/* Writes the page's body to `d` and returns its length. */
typedef size_t log_page_build(const struct scsi_lu *lu, uint8_t *d);

static log_page_build supported_pages, supported_subpages, exceptions;

static const struct log_page {
	uint8_t code, subcode;
	log_page_build *build;
} pages[] = {
	{0x00, 0x00, supported_pages},
	{0x00, 0xff, supported_subpages},
	{0x2f, 0x00, exceptions},
};

static size_t supported_pages(const struct scsi_lu *lu, uint8_t *d)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		if (pages[i].subcode == 0)
			d[n++] = pages[i].code;
	return n;
}

static size_t supported_subpages(const struct scsi_lu *lu, uint8_t *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		d[2 * i] = pages[i].code;
		d[2 * i + 1] = pages[i].subcode;
	}
	return 2 * ARRAY_SIZE(pages);
}

/* A store that lost acknowledged data once is no longer to be trusted. */
uint16_t scsi_lu_exception(const struct scsi_lu *lu)
{
	return lu->bs->sync_error ? SCSI_ASC_FAILURE_PREDICTED : SCSI_ASC_NONE;
}

/* Informational exceptions (SPC-4 7.3.10): parameter 0000h. */
static size_t exceptions(const struct scsi_lu *lu, uint8_t *d)
{
	d[2] = 0x03; /* a binary list parameter */
	d[3] = 4;
	put_be16(d + 4, scsi_lu_exception(lu));
	d[6] = 0xff; /* no temperature is known */
	return 8;
}

static const struct log_page *find_page(struct scsi_io *io, uint8_t code, uint8_t subcode)
{
	bool known = false;

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		if (pages[i].code != code)
			continue;
		if (pages[i].subcode == subcode)
			return &pages[i];
		known = true;
	}
	if (known)
		scsi_sense_invalid_field_in_cdb(io, 3, -1);
	else
		scsi_sense_invalid_field_in_cdb(io, 2, 5);
	return NULL;
}

void scsi_cmd_log_sense(struct scsi_io *io)
{
	uint8_t code = io->cdb[2] & 0x3f, subcode = io->cdb[3], *d = io->data;
	const struct log_page *page = find_page(io, code, subcode);
	size_t n;

	if (!page) {
		scsi_io_done(io);
		return;
	}
	if (io->cdb[1] & 0x01) { /* SP: nothing can be saved */
		scsi_sense_invalid_field_in_cdb(io, 1, 0);
		scsi_io_done(io);
		return;
	}
	/* PARAMETER POINTER: the lowest parameter code that is wanted, and we have but 0000h. */
	if (get_be16(io->cdb + 5) > 0) {
		scsi_sense_invalid_field_in_cdb(io, 5, -1);
		scsi_io_done(io);
		return;
	}
	n = page->build(io->lu, d + 4);
	d[0] = (subcode ? SPF : 0) | code;
	d[1] = subcode;
	put_be16(d + 2, (uint16_t)n);
	scsi_reply(io, 4 + n);
}

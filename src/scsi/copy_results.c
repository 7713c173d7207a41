/* SPDX-License-Identifier: BSD-2-Clause */
/* What is told of copies: RECEIVE COPY RESULTS (SPC-4 6.24 to 6.27), VPD page 8Fh (SPC-4 7.8.17). */
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "scsi/copy.h"

enum { IN_PROGRESS = 0, WITHOUT_ERRORS = 1, WITH_ERRORS = 2 };

/* --- of those that run, and those that have ended */

struct scsi_copy *scsi_copy_running(const struct scsi_itl *itl, uint8_t list_id)
{
	if (!itl)
		return NULL;
	list_for_each (it, &itl->lu->tasks) {
		const struct scsi_io *io = list_entry(it, struct scsi_io, task);

		if (io->itl != itl || io->state != SCSI_IO_COPYING)
			continue;
		if (scsi_copy_of(io)->tracked && scsi_copy_of(io)->list_id == list_id)
			return scsi_copy_of(io);
	}
	return NULL;
}

static struct scsi_copy_result *result_of(const struct scsi_itl *itl, uint8_t list_id)
{
	struct scsi_copy_log *log = itl ? itl->copied : NULL;

	for (unsigned i = 0; log && i < SCSI_COPY_HELD; i++)
		if (log->of[i].used && log->of[i].list_id == list_id)
			return &log->of[i];
	return NULL;
}

/* In the place of an older one with this identifier, else of the oldest. */
void scsi_copy_keep(const struct scsi_copy *copy)
{
	const struct scsi_io *io = copy->io;
	struct scsi_itl *itl = io->itl;
	struct scsi_copy_result *r;

	if (!itl || !copy->tracked || (!copy->hold && !copy->failed))
		return;
	if (!itl->copied && !(itl->copied = calloc(1, sizeof(*itl->copied))))
		return;
	r = result_of(itl, copy->list_id);
	if (!r)
		r = &itl->copied->of[itl->copied->next++ % SCSI_COPY_HELD];
	*r = (struct scsi_copy_result){.used = true,
				       .failed = copy->failed,
				       .list_id = copy->list_id,
				       .processed = copy->processed,
				       .total = copy->total,
				       .status = io->status,
				       .sense_len = io->sense_len};
	memcpy(r->sense, io->sense, sizeof(r->sense));
}

/* --- RECEIVE COPY STATUS(LID1) */

/* In the smallest unit in which it has room: bytes, KiB, MiB... (SPC-4 table 242). */
static void put_count(uint8_t *units, uint8_t *count, uint64_t bytes)
{
	while (bytes > UINT32_MAX) {
		bytes >>= 10;
		++*units;
	}
	put_be32(count, (uint32_t)bytes);
}

static void put_status(uint8_t *d, unsigned status, unsigned segments, uint64_t bytes)
{
	put_be32(d, 8);
	d[4] = (uint8_t)status; /* HDD 0: no data are held */
	put_be16(d + 5, (uint16_t)segments);
	put_count(d + 7, d + 8, bytes);
}

void scsi_cmd_copy_status(struct scsi_io *io)
{
	const struct scsi_copy *running = scsi_copy_running(io->itl, io->cdb[2]);
	struct scsi_copy_result *r = result_of(io->itl, io->cdb[2]);

	if (running) {
		put_status(io->data, IN_PROGRESS, running->processed, running->total);
	} else if (r) {
		put_status(io->data, r->failed ? WITH_ERRORS : WITHOUT_ERRORS, r->processed,
			   r->total);
		if (!r->failed) /* else FAILED SEGMENT DETAILS may be asked for */
			r->used = false;
	} else {
		scsi_sense_invalid_field_in_cdb(io, 2, -1);
		scsi_io_done(io);
		return;
	}
	scsi_reply(io, 12);
}

/* --- RECEIVE COPY FAILURE DETAILS(LID1) */

void scsi_cmd_copy_failure(struct scsi_io *io)
{
	struct scsi_copy_result *r = result_of(io->itl, io->cdb[2]);
	uint8_t *d = io->data;

	if (!r || !r->failed) { /* SPC-4 6.25: nothing is available */
		scsi_reply(io, 4);
		return;
	}
	d[56] = r->status;
	put_be16(d + 58, r->sense_len);
	memcpy(d + 60, r->sense, r->sense_len);
	put_be32(d, 60u + r->sense_len - 4);
	r->used = false;
	scsi_reply(io, 60u + r->sense_len);
}

/* --- limits */

static const uint8_t descriptors[] = {SCSI_COPY_BLOCK_TO_BLOCK, SCSI_COPY_IDENTIFICATION};

/* RECEIVE COPY OPERATING PARAMETERS */
void scsi_cmd_copy_parameters(struct scsi_io *io)
{
	uint8_t *d = io->data;

	put_be32(d, 44 + sizeof(descriptors) - 4);
	d[4] = 0x01; /* SNLID */
	put_be16(d + 8, SCSI_COPY_CSCDS);
	put_be16(d + 10, SCSI_COPY_SEGMENTS);
	put_be32(d + 12, SCSI_COPY_DESCRIPTORS);
	put_be32(d + 16, SCSI_COPY_SEGMENT_MAX);
	put_be16(d + 34, SCSI_COPY_CONCURRENT);
	d[36] = SCSI_COPY_CONCURRENT;
	d[37] = 9; /* DATA SEGMENT GRANULARITY: 512 bytes */
	d[43] = sizeof(descriptors);
	memcpy(d + 44, descriptors, sizeof(descriptors));
	scsi_reply(io, 44 + sizeof(descriptors));
}

/* The header of a third-party copy descriptor; what follows it has `n` bytes, filled up to a multiple of four. */
static uint8_t *third_party(uint8_t **end, uint16_t type, size_t n)
{
	uint8_t *d = *end;
	size_t len = (n + 3) & ~(size_t)3;

	put_be16(d, type);
	put_be16(d + 2, (uint16_t)len);
	*end = d + 4 + len;
	return d + 4;
}

size_t scsi_copy_page(uint8_t *p)
{
	/* Opcode, number of service actions, and these. */
	static const uint8_t commands[] = {0x83, 1, 0x00, 0x84, 3, 0x00, 0x03, 0x04};
	uint8_t *end = p, *d;

	d = third_party(&end, 0x0001, 1 + sizeof(commands)); /* supported commands */
	d[0] = sizeof(commands);
	memcpy(d + 1, commands, sizeof(commands));
	d = third_party(&end, 0x0004, 28); /* parameter data */
	put_be16(d + 4, SCSI_COPY_CSCDS);
	put_be16(d + 6, SCSI_COPY_SEGMENTS);
	put_be32(d + 8, SCSI_COPY_DESCRIPTORS);
	d = third_party(&end, 0x0008, 1 + sizeof(descriptors)); /* supported descriptors */
	d[0] = sizeof(descriptors);
	memcpy(d + 1, descriptors, sizeof(descriptors));
	d = third_party(&end, 0x8001, 32); /* general copy operations */
	put_be32(d, SCSI_COPY_CONCURRENT);
	put_be32(d + 4, SCSI_COPY_CONCURRENT);
	put_be32(d + 8, SCSI_COPY_SEGMENT_MAX);
	d[12] = 9; /* DATA SEGMENT GRANULARITY */
	return (size_t)(end - p);
}

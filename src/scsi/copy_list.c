/* SPDX-License-Identifier: BSD-2-Clause */
/* The parameter list of EXTENDED COPY (SPC-4 6.4.3 to 6.4.6). */
#include <string.h>
#include "common/cleanup.h"
#include "scsi/copy.h"

enum { USAGE_HOLD = 0, USAGE_RESERVED = 1, USAGE_NO_HOLD = 2, USAGE_NONE = 3 };

#define CSCD_NUL   0x20
#define SEGMENT_DC 0x02

static const uint8_t *cscd_at(const struct scsi_io *io, unsigned i)
{
	return io->data + SCSI_COPY_HEADER + (size_t)SCSI_COPY_CSCD_SIZE * i;
}

static const uint8_t *segment_at(const struct scsi_copy *copy, unsigned i)
{
	return cscd_at(copy->io, copy->cscd_count) + (size_t)SCSI_COPY_SEGMENT_SIZE * i;
}

static unsigned offset_of(const struct scsi_copy *copy, const uint8_t *p)
{
	return (unsigned)(p - copy->io->data);
}

static bool illegal(struct scsi_copy *copy, uint16_t asc_ascq)
{
	scsi_sense_code(copy->io, SCSI_KEY_ILLEGAL_REQUEST, asc_ascq);
	return false;
}

static bool aborted(struct scsi_copy *copy, uint16_t asc_ascq)
{
	scsi_sense_code(copy->io, SCSI_KEY_COPY_ABORTED, asc_ascq);
	return false;
}

static bool field(struct scsi_copy *copy, const uint8_t *p, int bit)
{
	scsi_sense_invalid_field_in_list(copy->io, offset_of(copy, p), bit);
	return false;
}

/* --- the header */

static bool list_id_ok(struct scsi_copy *copy)
{
	const uint8_t *d = copy->io->data;
	unsigned usage = d[1] >> 3 & 3;

	if (d[1] & 0xc0)
		return field(copy, d + 1, d[1] & 0x80 ? 7 : 6);
	if (usage == USAGE_RESERVED)
		return field(copy, d + 1, 4);
	copy->list_id = d[0];
	copy->tracked = usage != USAGE_NONE;
	copy->hold = usage == USAGE_HOLD;
	if (!copy->tracked && copy->list_id)
		return field(copy, d, -1);
	if (copy->tracked && scsi_copy_running(copy->io->itl, copy->list_id))
		return illegal(copy, SCSI_ASC_OPERATION_IN_PROGRESS);
	return true;
}

static bool lengths_ok(struct scsi_copy *copy)
{
	const uint8_t *d = copy->io->data;
	uint32_t cscds = get_be16(d + 2), segments = get_be32(d + 8), inlined = get_be32(d + 12);

	if (cscds % SCSI_COPY_CSCD_SIZE || segments > SCSI_COPY_DESCRIPTORS ||
	    cscds + segments > SCSI_COPY_DESCRIPTORS) {
		scsi_sense_parameter_list_length(copy->io);
		return false;
	}
	if (cscds > SCSI_COPY_CSCDS * SCSI_COPY_CSCD_SIZE)
		return illegal(copy, SCSI_ASC_TOO_MANY_CSCDS);
	if (segments > SCSI_COPY_SEGMENTS * SCSI_COPY_SEGMENT_SIZE)
		return illegal(copy, SCSI_ASC_TOO_MANY_SEGMENTS);
	if (inlined)
		return illegal(copy, SCSI_ASC_TOO_MUCH_INLINE_DATA);
	if (SCSI_COPY_HEADER + cscds + segments > copy->io->out_len) {
		scsi_sense_parameter_list_length(copy->io);
		return false;
	}
	copy->cscd_count = cscds / SCSI_COPY_CSCD_SIZE;
	return true;
}

/* --- CSCD descriptors */

/* By what VPD page 83h tells of the LU, and by nothing else. */
static bool is_named(const struct scsi_lu *lu, const uint8_t *d)
{
	return scsi_lu_is_named(lu, d[4] & 0x0f, d[5] & 0x3f, d + 8, d[7]);
}

/* A LU that does not offer copies is no part of one. */
static bool takes_part(const struct scsi_mapping *m, const uint8_t *d)
{
	return scsi_lu_features(m->lu) & SCSI_HAS_COPY && is_named(m->lu, d);
}

/*
 * Only in the inventory of this nexus: a LU that it is not shown is as unknown as one that does not exist. The
 * LUN that the command came by is looked at first.
 */
static const struct scsi_mapping *find(const struct scsi_io *io, const uint8_t *d)
{
	const struct scsi_map *map = io->nexus->map;
	const struct scsi_mapping *m;

	if (!map) /* the nexus is about to be lost */
		return NULL;
	m = scsi_map_look(map, scsi_io_lun(io));
	if (m && takes_part(m, d))
		return m;
	for (unsigned lun = 0; (m = scsi_map_next(map, lun)); lun = m->lun + 1u)
		if (takes_part(m, d))
			return m;
	return NULL;
}

static bool cscd_ok(struct scsi_copy *copy, unsigned i)
{
	const uint8_t *d = cscd_at(copy->io, i);
	struct scsi_copy_cscd *cscd = &copy->cscd[i];
	const struct scsi_mapping *m;
	uint32_t block_size = get_be24(d + 29);

	*cscd = (struct scsi_copy_cscd){0};
	if (d[0] != SCSI_COPY_IDENTIFICATION)
		return illegal(copy, SCSI_ASC_CSCD_TYPE);
	if (d[1] >> 6) /* LU ID TYPE: but 00b there is none */
		return field(copy, d + 1, 7);
	if (d[7] > 20)
		return field(copy, d + 7, -1);
	if (d[1] & CSCD_NUL) /* a null device: nobody can read it, and nobody write */
		return true;
	cscd->wrong_type = d[1] & 0x1f;
	m = find(copy->io, d);
	if (!m)
		return true; /* if a segment wants it, that is soon enough */
	if (block_size && block_size != m->lu->block_size)
		return field(copy, d + 29, -1);
	cscd->known = true;
	memcpy(cscd->lu_id, m->lu->id, sizeof(cscd->lu_id));
	cscd->lun = m->lun;
	cscd->block_shift = m->lu->block_shift;
	cscd->blocks = m->lu->blocks;
	return true;
}

/* --- segment descriptors */

static bool party_ok(struct scsi_copy *copy, const uint8_t *p)
{
	unsigned i = get_be16(p);

	if (i >= copy->cscd_count)
		return aborted(copy, SCSI_ASC_UNREACHABLE_CSCD);
	if (copy->cscd[i].wrong_type)
		return aborted(copy, SCSI_ASC_CSCD_DEVICE_TYPE);
	if (!copy->cscd[i].known)
		return aborted(copy, SCSI_ASC_CSCD_UNREACHABLE);
	return true;
}

static bool within(const struct scsi_copy_cscd *c, uint64_t lba, uint64_t bytes)
{
	uint64_t blocks = bytes >> c->block_shift;

	return lba <= c->blocks && blocks <= c->blocks - lba;
}

static uint64_t bytes_of(const struct scsi_copy *copy, const uint8_t *d)
{
	unsigned party = get_be16(d + (d[1] & SEGMENT_DC ? 6 : 4));

	return (uint64_t)get_be16(d + 10) << copy->cscd[party].block_shift;
}

static bool range_ok(struct scsi_copy *copy, const uint8_t *d)
{
	const struct scsi_copy_cscd *from = &copy->cscd[get_be16(d + 4)];
	const struct scsi_copy_cscd *to = &copy->cscd[get_be16(d + 6)];
	uint64_t bytes = bytes_of(copy, d), unit = UINT64_C(1)
						   << MAX(from->block_shift, to->block_shift);

	if (bytes > SCSI_COPY_SEGMENT_MAX)
		return field(copy, d + 10, -1);
	if (bytes % unit)
		return illegal(copy, SCSI_ASC_SEGMENT_GRANULARITY);
	if (!within(from, get_be64(d + 12), bytes) || !within(to, get_be64(d + 20), bytes))
		return aborted(copy, SCSI_ASC_NONE);
	return true;
}

static bool segment_ok(struct scsi_copy *copy, const uint8_t *d)
{
	if (d[1] & ~SEGMENT_DC & 0xff) /* CAT: there is no residue that could be carried on */
		return field(copy, d + 1, 31 - __builtin_clz(d[1] & ~SEGMENT_DC & 0xffu));
	return party_ok(copy, d + 4) && party_ok(copy, d + 6) && range_ok(copy, d);
}

static bool segments_ok(struct scsi_copy *copy)
{
	uint32_t left = get_be32(copy->io->data + 8);
	const uint8_t *d = segment_at(copy, 0);

	for (; left; left -= SCSI_COPY_SEGMENT_SIZE, d += SCSI_COPY_SEGMENT_SIZE) {
		if (d[0] != SCSI_COPY_BLOCK_TO_BLOCK)
			return illegal(copy, SCSI_ASC_SEGMENT_TYPE);
		if (left < SCSI_COPY_SEGMENT_SIZE) {
			scsi_sense_parameter_list_length(copy->io);
			return false;
		}
		if (get_be16(d + 2) != SCSI_COPY_SEGMENT_SIZE - 4)
			return field(copy, d + 2, -1);
		if (!segment_ok(copy, d))
			return false;
		copy->segment_count++;
	}
	return true;
}

bool scsi_copy_list_ok(struct scsi_copy *copy)
{
	if (copy->io->out_len < SCSI_COPY_HEADER) {
		scsi_sense_parameter_list_length(copy->io);
		return false;
	}
	if (!list_id_ok(copy) || !lengths_ok(copy))
		return false;
	for (unsigned i = 0; i < copy->cscd_count; i++)
		if (!cscd_ok(copy, i))
			return false;
	return segments_ok(copy);
}

/* Segments go one after the other; only the pieces of one go side by side, unless it moves within itself. */
void scsi_copy_segment(struct scsi_copy *copy, unsigned i)
{
	const uint8_t *d = segment_at(copy, i);
	bool overlaps;

	copy->segment = i;
	copy->source = &copy->cscd[get_be16(d + 4)];
	copy->destination = &copy->cscd[get_be16(d + 6)];
	copy->source_at = get_be64(d + 12) << copy->source->block_shift;
	copy->destination_at = get_be64(d + 20) << copy->destination->block_shift;
	copy->length = bytes_of(copy, d);
	copy->issued = copy->copied = 0;
	overlaps = !memcmp(copy->source->lu_id, copy->destination->lu_id,
			   sizeof(copy->source->lu_id)) &&
		   copy->source_at < copy->destination_at + copy->length &&
		   copy->destination_at < copy->source_at + copy->length;
	copy->slots = overlaps ? 1 : SCSI_COPY_SLOTS;
	copy->backwards = overlaps && copy->destination_at > copy->source_at;
}

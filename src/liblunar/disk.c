/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that wait for their answer. */
#include <errno.h>
#include <string.h>
#include "common/endian.h"
#include "liblunar/priv.h"
#include "lunar/scsi.h"

#define REPLY 4096

static int run(struct lunar_session *s, struct lunar_task *t)
{
	char text[160];
	int err = lunar_run(s, t);
	if (err == -EDEADLK)
		return err;
	int result = lunar_task_result(t, err);
	if (!result)
		return 0;
	if (result == -ESTALE && s->reason == LUNAR_OTHER_DISK)
		return result;
	lunar_task_text(t, err, text, sizeof(text));
	if (err && s->reason && s->why[0]) {
		char why[LUNAR_WHY];
		memcpy(why, s->why, sizeof(why));
		lunar_priv_say(s, s->reason, "%s: %.200s", text, why);
	} else {
		lunar_priv_say(s, LUNAR_COMMAND_FAILED, "%s", text);
	}
	return result;
}

static int nonsense(struct lunar_session *s, const char *what)
{
	lunar_priv_say(s, LUNAR_COMMAND_FAILED, "the reply to %s cannot be right", what);
	return -EPROTO;
}

/* All of a read has to come: what does not is not the medium's. */
static int whole(struct lunar_session *s, const struct lunar_task *t)
{
	if (t->got == t->in_len)
		return 0;
	lunar_priv_say(s, LUNAR_COMMAND_FAILED, "of %u bytes the target has sent %u", t->in_len,
		       t->got);
	return -EPROTO;
}

int lunar_test_unit_ready(struct lunar_session *s, uint64_t lun)
{
	struct lunar_task t = {0};
	lunar_prepare_test_unit_ready(&t, lun);
	return run(s, &t);
}

int lunar_inquiry(struct lunar_session *s, uint64_t lun, struct lunar_inquiry *out)
{
	struct lunar_task t = {0};
	uint8_t reply[96];
	lunar_prepare_inquiry(&t, lun, -1, reply, sizeof(reply));
	int err = run(s, &t);
	if (!err && !lunar_parse_inquiry(out, reply, t.got))
		err = nonsense(s, "INQUIRY");
	return err;
}

int lunar_vpd(struct lunar_session *s, uint64_t lun, uint8_t page, void *reply, uint16_t *len)
{
	struct lunar_task t = {0};
	lunar_prepare_inquiry(&t, lun, page, reply, *len);
	int err = run(s, &t);
	*len = err ? 0 : (uint16_t)t.got;
	return err;
}

int lunar_capacity(struct lunar_session *s, uint64_t lun, struct lunar_capacity *out)
{
	struct lunar_task t = {0};
	uint8_t reply[32];
	lunar_prepare_capacity(&t, lun, reply, sizeof(reply));
	int err = run(s, &t);
	if (err == -EOPNOTSUPP) {
		memset(t.cdb, 0, sizeof(t.cdb));
		t.cdb[0] = 0x25; /* READ CAPACITY (10) */
		t.one.iov_len = t.in_len = 8;
		err = run(s, &t);
	}
	if (!err && !lunar_parse_capacity(out, reply, t.got))
		err = nonsense(s, "READ CAPACITY");
	return err;
}

int lunar_read(struct lunar_session *s, uint64_t lun, uint64_t lba, uint32_t blocks,
	       uint32_t block_size, void *buf)
{
	struct lunar_task t = {0};
	struct iovec iov = {buf, (size_t)blocks * block_size};
	lunar_prepare_read(&t, lun, lba, blocks, block_size, &iov, 1, 0);
	int err = run(s, &t);
	return err ? err : whole(s, &t);
}

int lunar_write(struct lunar_session *s, uint64_t lun, uint64_t lba, uint32_t blocks,
		uint32_t block_size, const void *buf, unsigned flags)
{
	struct lunar_task t = {0};
	struct iovec iov = {(void *)(uintptr_t)buf, (size_t)blocks * block_size};
	lunar_prepare_write(&t, lun, lba, blocks, block_size, &iov, 1, flags);
	return run(s, &t);
}

int lunar_flush(struct lunar_session *s, uint64_t lun)
{
	struct lunar_task t = {0};
	lunar_prepare_flush(&t, lun, 0, 0);
	return run(s, &t);
}

int lunar_unmap(struct lunar_session *s, uint64_t lun, uint64_t lba, uint32_t blocks)
{
	struct lunar_task t = {0};
	lunar_prepare_unmap(&t, lun, lba, blocks);
	return run(s, &t);
}

int lunar_write_same(struct lunar_session *s, uint64_t lun, uint64_t lba, uint32_t blocks,
		     uint32_t block_size, const void *block, bool unmap)
{
	struct lunar_task t = {0};
	lunar_prepare_write_same(&t, lun, lba, blocks, block_size, block, unmap);
	return run(s, &t);
}

int lunar_compare_and_write(struct lunar_session *s, uint64_t lun, uint64_t lba, uint8_t blocks,
			    uint32_t block_size, const void *compare, const void *write,
			    uint64_t *at)
{
	struct lunar_task t = {0};
	struct lunar_sense sense;
	size_t len = (size_t)blocks * block_size;
	struct iovec iov[2] = {{(void *)(uintptr_t)compare, len}, {(void *)(uintptr_t)write, len}};
	lunar_prepare_compare_and_write(&t, lun, lba, blocks, block_size, iov, 2);
	int err = run(s, &t);
	if (err == -EILSEQ && at && lunar_parse_sense(&sense, t.sense, t.sense_len))
		*at = sense.has_info ? sense.info : 0;
	return err;
}

int lunar_lba_status(struct lunar_session *s, uint64_t lun, uint64_t lba,
		     struct lunar_lba_status *out, size_t max, size_t *count)
{
	struct lunar_task t = {0};
	uint8_t reply[REPLY];
	*count = 0;
	lunar_prepare_lba_status(&t, lun, lba, reply,
				 (uint32_t)MIN(sizeof(reply), 8 + 16 * MAX(max, (size_t)1)));
	int err = run(s, &t);
	if (err)
		return err;
	*count = MIN(lunar_parse_lba_status(out, max, reply, t.got), max);
	return *count ? 0 : nonsense(s, "GET LBA STATUS");
}

/* SPC-4 6.33: a list that is longer than the reply is asked for again, with room for what it was said to be. */
int lunar_report_luns(struct lunar_session *s, uint64_t **luns, size_t *count)
{
	size_t room = 256, took = 0, listed;
	int err;
	*luns = NULL;
	*count = 0;
	for (unsigned tries = 0;; tries++) {
		struct lunar_task t = {0};
		uint32_t size = (uint32_t)(8 + 8 * room);
		CLEANUP(free) uint8_t *reply = malloc(size);
		free(*luns);
		*luns = malloc(room * sizeof(**luns));
		if (!reply || !*luns) {
			err = -ENOMEM;
			break;
		}
		lunar_prepare_report_luns(&t, reply, size);
		err = run(s, &t);
		if (err)
			break;
		listed = lunar_parse_luns(*luns, room, &took, reply, t.got);
		*count = took;
		/* No more than there are numbers, whatever it says. */
		if (listed <= room || tries || room >= LUNAR_LUN_MAX + 1)
			return 0;
		room = MIN(listed, (size_t)LUNAR_LUN_MAX + 1);
	}
	free(*luns);
	*luns = NULL;
	*count = 0;
	return err;
}

int lunar_port_groups(struct lunar_session *s, uint64_t lun, struct lunar_port_group *out,
		      size_t max, size_t *count)
{
	struct lunar_task t = {0};
	uint8_t reply[REPLY];
	*count = 0;
	lunar_prepare_port_groups(&t, lun, reply, sizeof(reply));
	int err = run(s, &t);
	if (!err)
		*count = MIN(lunar_parse_port_groups(out, max, reply, t.got), max);
	return err;
}

int lunar_reservation(struct lunar_session *s, uint64_t lun, struct lunar_reservation *out)
{
	struct lunar_task t = {0};
	uint8_t reply[64];
	lunar_prepare_reserve_in(&t, lun, 1, reply, sizeof(reply));
	int err = run(s, &t);
	if (!err && !lunar_parse_reservation(out, reply, t.got))
		err = nonsense(s, "PERSISTENT RESERVE IN");
	return err;
}

int lunar_reserve(struct lunar_session *s, uint64_t lun, uint8_t action, uint8_t type, uint64_t key,
		  uint64_t service_key, bool persist)
{
	struct lunar_task t = {0};
	lunar_prepare_reserve_out(&t, lun, action, type, key, service_key, persist);
	return run(s, &t);
}

/* --- who it is */

static const struct page {
	uint8_t page;
	bool (*take)(struct lu_facts *f, const uint8_t *p, size_t len);
} pages[] = {
	{0x00, lu_take_pages},  {0x80, lu_take_serial},          {0x83, lu_take_identification},
	{0xb0, lu_take_limits}, {0xb1, lu_take_characteristics}, {0xb2, lu_take_provisioning},
};

/* What a LU says of itself may be missing, but the session has to be there. */
static bool is_the_lu(int err)
{
	return err == -EOPNOTSUPP || err == -EINVAL || err == -EIO || err == -EPROTO;
}

static int ask_pages(struct lunar_session *s, uint64_t lun, struct lu_facts *f)
{
	uint8_t reply[REPLY];
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		uint16_t len = sizeof(reply);
		if (pages[i].page && !lu_has_page(f, pages[i].page))
			continue;
		int err = lunar_vpd(s, lun, pages[i].page, reply, &len);
		if (!err)
			pages[i].take(f, reply, len);
		else if (!is_the_lu(err))
			return err;
	}
	return 0;
}

static int ask_mode(struct lunar_session *s, uint64_t lun, struct lu_facts *f)
{
	struct lunar_task t = {0};
	uint8_t reply[192];
	lunar_prepare_inquiry(&t, lun, -1, reply, sizeof(reply));
	memset(t.cdb, 0, sizeof(t.cdb));
	t.cdb[0] = 0x1a; /* MODE SENSE (6), the caching page */
	t.cdb[1] = 0x08; /* without block descriptors */
	t.cdb[2] = 0x08;
	t.cdb[4] = sizeof(reply);
	int err = run(s, &t);
	if (!err)
		lu_take_mode(f, reply, t.got);
	return is_the_lu(err) ? 0 : err;
}

static void take_facts(struct lunar_disk *out, const struct lu_facts *f)
{
	snprintf(out->id, sizeof(out->id), "%s", f->id);
	snprintf(out->serial, sizeof(out->serial), "%s", f->serial);
	out->read_only = f->write_protected;
	out->write_cache = f->write_cache;
	out->fua = f->dpofua;
	out->rotational = f->rotational;
	out->max_transfer = f->max_transfer;
	out->optimal_transfer = f->optimal_transfer;
	out->max_unmap_blocks = f->max_unmap_blocks;
	out->unmap_granularity = f->unmap_granularity;
	out->max_write_same = f->max_write_same;
	out->unmap = f->unmaps;
	out->write_same_unmap = f->write_same_unmaps;
	out->port_group = f->port_group;
}

int lunar_identify(struct lunar_session *s, uint64_t lun, struct lunar_disk *out)
{
	struct lu_facts f;
	memset(out, 0, sizeof(*out));
	lu_facts_init(&f);
	int err = lunar_inquiry(s, lun, &out->inquiry);
	if (err)
		return err;
	/* SPC-4 6.6.2: qualifiers 1 and 3: nothing is connected there. */
	if (out->inquiry.qualifier || out->inquiry.type) {
		bool there = !out->inquiry.qualifier;
		lunar_priv_say(s, LUNAR_COMMAND_FAILED,
			       there ? "the LU is no disk: device type 0x%02x"
				     : "there is no such LUN",
			       out->inquiry.type);
		return there ? -ENODEV : -ENXIO;
	}
	memcpy(f.vendor, out->inquiry.vendor, sizeof(f.vendor));
	memcpy(f.product, out->inquiry.product, sizeof(f.product));
	err = ask_pages(s, lun, &f);
	if (!err)
		err = ask_mode(s, lun, &f);
	if (!err)
		err = lunar_capacity(s, lun, &out->capacity);
	take_facts(out, &f);
	return err ? err : lunar_priv_guard_check(s, lun, out->id);
}

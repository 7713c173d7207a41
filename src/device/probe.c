/* SPDX-License-Identifier: BSD-2-Clause */
#include "device/probe.h"

#include <errno.h>
#include <string.h>
#include "common/cleanup.h"
#include "common/endian.h"
#include "initiator/sense.h"

struct question {
	bool (*wanted)(const struct lu_facts *f);
	void (*build)(uint8_t *cdb, uint8_t page);
	bool (*take)(struct lu_facts *f, const uint8_t *p, size_t len);
	uint16_t size;
	uint8_t ask, page;
	bool must; /* be answered */
};

/* --- CDBs */

static void inquiry(uint8_t *cdb, uint8_t page)
{
	cdb[0] = 0x12;
	put_be16(cdb + 3, 96);
}

/* Unit attentions are told to it, and not in the middle of what is asked: one that comes later is news. */
static void ready(uint8_t *cdb, uint8_t page)
{
	cdb[0] = 0x00; /* TEST UNIT READY */
}

static bool no_data(struct lu_facts *f, const uint8_t *p, size_t len)
{
	return true;
}

static void vital(uint8_t *cdb, uint8_t page)
{
	cdb[0] = 0x12;
	cdb[1] = 1; /* EVPD */
	cdb[2] = page;
	put_be16(cdb + 3, LU_REPLY_SIZE);
}

static void capacity16(uint8_t *cdb, uint8_t page)
{
	cdb[0] = 0x9e;
	cdb[1] = 0x10;
	put_be32(cdb + 10, 32);
}

static void capacity10(uint8_t *cdb, uint8_t page)
{
	cdb[0] = 0x25;
}

static void mode(uint8_t *cdb, uint8_t page)
{
	cdb[0] = 0x1a;
	cdb[1] = 0x08; /* DBD */
	cdb[2] = page;
	cdb[4] = 252;
}

static void port_groups(uint8_t *cdb, uint8_t page)
{
	cdb[0] = 0xa3;
	cdb[1] = 0x0a;
	put_be32(cdb + 6, LU_REPLY_SIZE);
}

/* --- when it makes sense to ask */

static bool always(const struct lu_facts *f)
{
	return true;
}

static bool is_disk(const struct lu_facts *f)
{
	return lu_is_disk(f);
}

static bool has_83(const struct lu_facts *f)
{
	return lu_is_disk(f) && lu_has_page(f, 0x83);
}

static bool has_80(const struct lu_facts *f)
{
	return lu_is_disk(f) && lu_has_page(f, 0x80);
}

static bool has_b0(const struct lu_facts *f)
{
	return lu_has_page(f, 0xb0);
}

static bool has_b1(const struct lu_facts *f)
{
	return lu_has_page(f, 0xb1);
}

static bool has_b2(const struct lu_facts *f)
{
	return lu_has_page(f, 0xb2);
}

static bool no_capacity(const struct lu_facts *f)
{
	return lu_is_disk(f) && f->block_size == 0;
}

static bool has_groups(const struct lu_facts *f)
{
	return lu_is_disk(f) && f->tpgs != 0;
}

static const struct question questions[] = {
	{always, ready, no_data, 0, LU_ASK_WHO, 0, false},
	{always, inquiry, lu_take_inquiry, 96, LU_ASK_WHO, 0, true},
	{is_disk, vital, lu_take_pages, LU_REPLY_SIZE, LU_ASK_WHO, 0x00, false},
	{has_83, vital, lu_take_identification, LU_REPLY_SIZE, LU_ASK_WHO, 0x83, false},
	{has_80, vital, lu_take_serial, LU_REPLY_SIZE, LU_ASK_WHO, 0x80, false},
	{is_disk, capacity16, lu_take_capacity16, 32, LU_ASK_CAPACITY, 0, false},
	{no_capacity, capacity10, lu_take_capacity10, 8, LU_ASK_CAPACITY, 0, true},
	{is_disk, mode, lu_take_mode, 252, LU_ASK_MODE, 0x08, false},
	{has_b0, vital, lu_take_limits, LU_REPLY_SIZE, LU_ASK_LIMITS, 0xb0, false},
	{has_b1, vital, lu_take_characteristics, LU_REPLY_SIZE, LU_ASK_LIMITS, 0xb1, false},
	{has_b2, vital, lu_take_provisioning, LU_REPLY_SIZE, LU_ASK_LIMITS, 0xb2, false},
	{has_groups, port_groups, lu_take_port_groups, LU_REPLY_SIZE, LU_ASK_ACCESS, 0, false},
};

static void ask_next(struct lu_probe *p);

static void end(struct lu_probe *p, int err)
{
	if (!err && p->ask & LU_ASK_WHO && !lu_is_disk(&p->facts))
		err = p->facts.peripheral >> 5 ? -ENXIO : -ENODEV; /* qualifier: nothing is there */
	p->done(p, err);
}

/* A refusal of what it may refuse is none. */
static int judge(const struct lu_probe *p, const struct question *question)
{
	struct ini_sense sense;

	if (p->task.status == SCSI_GOOD)
		return 0;
	if (p->task.status != SCSI_CHECK_CONDITION)
		return question->must ? -EAGAIN : 0; /* busy all the time, or reserved by another */
	ini_sense_read(&sense, p->task.sense, p->task.sense_len);
	if (sense.asc_ascq == SCSI_ASC_LUN_NOT_SUPPORTED)
		return -ENXIO;
	if (!question->must)
		return 0;
	return sense.key == SCSI_KEY_NOT_READY ? -EAGAIN : -EIO;
}

static void answered(struct ini_task *task, int err)
{
	struct lu_probe *p = container_of(task, struct lu_probe, task);
	const struct question *question = &questions[p->step];
	bool good = !err && task->status == SCSI_GOOD;

	if (!err)
		err = judge(p, question);
	if (!err && good && !question->take(&p->facts, p->reply, task->got) && question->must)
		err = -EIO;
	if (err) {
		end(p, err);
		return;
	}
	p->step++;
	ask_next(p);
}

/* The command is submitted, or there is no more to ask: 0 and 1; or -errno. */
static int submit_next(struct lu_probe *p)
{
	const struct question *question = questions;

	while (p->step < ARRAY_SIZE(questions)) {
		question = &questions[p->step];
		if (question->ask & p->ask && question->wanted(&p->facts))
			break;
		p->step++;
	}
	if (p->step == ARRAY_SIZE(questions))
		return 1;
	memset(p->task.cdb, 0, sizeof(p->task.cdb));
	memset(p->reply, 0, sizeof(p->reply));
	question->build(p->task.cdb, question->page);
	p->task.attr = SCSI_SIMPLE;
	p->task.flags = INI_RETRY | INI_AHEAD;
	p->iov = (struct iovec){p->reply, question->size};
	p->task.in = &p->iov;
	p->task.in_count = question->size ? 1 : 0;
	p->task.in_len = question->size;
	p->task.deadline = p->deadline;
	p->task.done = answered;
	return ini_submit(p->session, &p->task, reactor_now(p->reactor));
}

static void ask_next(struct lu_probe *p)
{
	int err = submit_next(p);
	if (err)
		end(p, err < 0 ? err : 0);
}

int lu_probe_start(struct lu_probe *p, struct ini_session *session, struct reactor *reactor,
		   const uint8_t lun[ISCSI_LUN_LEN], unsigned ask, uint64_t patience)
{
	int err;

	p->session = session;
	p->reactor = reactor;
	p->ask = ask;
	p->step = 0;
	p->deadline = reactor_now(reactor) + patience;
	memcpy(p->task.lun, lun, ISCSI_LUN_LEN);
	if (ask & LU_ASK_WHO)
		p->facts.id[0] = p->facts.serial[0] = '\0';
	if (ask & LU_ASK_CAPACITY)
		p->facts.block_size = 0;
	err = submit_next(p);
	return err > 0 ? -EINVAL : err; /* there is always something to ask */
}

bool lu_probe_begins(const struct lu_probe *p)
{
	return p->ask & LU_ASK_WHO && p->step == 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A LU on a store that answers when the test says so, two nexuses, and a transport for any number of
 * commands at a time whose data come when the test says so. The clock is the simulation's.
 */
#ifndef LUNAR_TESTS_UNIT_SCSI_HOLD_H
#define LUNAR_TESTS_UNIT_SCSI_HOLD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backstore/priv.h"
#include "common/cleanup.h"
#include "reactor/sim.h"
#include "scsi/lu_priv.h"

#define HOLD_BLOCKS 8192
#define HOLD_FENCE  (5 * NSEC_PER_SEC)

struct request {
	enum bs_op op;
	bool fua, atomic;
	uint64_t offset, length;
};

struct hold {
	struct sim *sim;
	struct reactor *reactor;

	struct backstore bs;
	uint8_t *mem;
	uint64_t size;             /* of `mem` */
	bool holding;              /* requests wait for hold_answer() */
	struct list pending;       /* bs_io.link, by arrival */
	int fail[8];               /* by bs_op: the error of each request */
	uint64_t chunk;            /* of hold_extent(), bytes */
	unsigned depth, max_depth; /* of requests made from inside the answer to others */
	struct request log[4096];
	size_t log_count;
	size_t tried; /* of what went past us */
	bool trying;  /* that waits for hold_end_try() */
	struct bs_io *trial;

	struct scsi_lu *lu;
	struct scsi_device *dev;
	struct scsi_nexus *a, *b;
	size_t done_count;
};

struct cmd {
	struct scsi_io io;
	struct hold *h;
	uint8_t *data;
	const uint8_t *out;
	uint32_t out_len;
	uint32_t expected; /* what the initiator says it has; 0: what the CDB calls for */
	bool move_later;   /* the data come by cmd_move() */
	bool abort_later;
	bool moving, move_aborted;
	bool done;
	size_t order;            /* the how manieth to be done, from 1 */
	struct scsi_nexus *lose; /* its end is that of this one */
};

/* --- the store */

static void hold_do(struct hold *h, struct bs_io *io, int err)
{
	if (!err)
		err = h->fail[io->op];
	if (!err && io->op == BS_READ)
		memcpy(io->buf, h->mem + io->offset, io->length);
	if (!err && io->op == BS_WRITE)
		memcpy(h->mem + io->offset, io->buf, io->length);
	if (!err && (io->op == BS_ZERO || io->op == BS_UNMAP))
		memset(h->mem + io->offset, 0, io->length);
	bs_finish(io, err);
}

/* The promise of the fences: an aborted write that may still land has the place to itself. */
static void hold_check_fences(struct hold *h, const struct bs_io *io)
{
	list_for_each (it, &h->pending) {
		const struct bs_io *old = list_entry(it, struct bs_io, link);

		if (old->op == BS_READ || old->op == BS_FLUSH || io->op == BS_FLUSH)
			continue;
		if (!container_of(old, struct scsi_io, bs)->aborted)
			continue;
		assert_true(old->offset + old->length <= io->offset ||
			    io->offset + io->length <= old->offset);
	}
}

/* That of the ranges: who has one has it for himself. An aborted read does no harm. */
static void hold_check_range(struct hold *h, const struct bs_io *bs)
{
	const struct scsi_io *io = container_of(bs, struct scsi_io, bs);

	if (bs->op == BS_FLUSH || !h->lu || list_empty(&h->lu->ranges) ||
	    (io->aborted && bs->op == BS_READ))
		return;
	list_for_each (it, &h->lu->ranges) {
		const struct scsi_io *owner = list_entry(it, struct scsi_io, range);

		if (owner != io)
			assert_true(bs->offset + bs->length <= owner->lba * 512 ||
				    (owner->lba + owner->blocks) * 512 <= bs->offset);
	}
}

static inline void hold_check_ranges(struct hold *h)
{
	list_for_each (it, &h->pending)
		hold_check_range(h, list_entry(it, struct bs_io, link));
}

static void hold_submit(struct backstore *bs, struct bs_io *io)
{
	struct hold *h = container_of(bs, struct hold, bs);

	hold_check_fences(h, io);
	hold_check_range(h, io);
	h->log[h->log_count++] =
		(struct request){io->op, io->fua, io->atomic, io->offset, io->length};
	assert_true(h->log_count < ARRAY_SIZE(h->log));
	if (h->holding) {
		list_add_tail(&h->pending, &io->link);
		return;
	}
	h->depth++;
	h->max_depth = MAX(h->max_depth, h->depth);
	hold_do(h, io, 0);
	h->depth--;
}

/* Past us, on the thread of a nexus that is away. */
static void hold_attempt(struct backstore *bs, struct reactor *r, struct bs_io *io)
{
	struct hold *h = container_of(bs, struct hold, bs);

	h->tried++;
	if (io->op == BS_READ)
		memcpy(io->buf, h->mem + io->offset, io->length);
	else
		memcpy(h->mem + io->offset, io->buf, io->length);
	if (h->trying)
		h->trial = io;
	else
		bs_tried(io, true);
}

static inline void hold_end_try(struct hold *h)
{
	struct bs_io *io = h->trial;

	h->trial = NULL;
	bs_tried(io, true);
}

/* Chunks that are all zero are holes. */
static int hold_extent(struct backstore *bs, uint64_t offset, bool *mapped, uint64_t *length)
{
	struct hold *h = container_of(bs, struct hold, bs);
	uint64_t end = (offset / h->chunk + 1) * h->chunk;

	*mapped = false;
	for (uint64_t i = end - h->chunk; i < end; i++)
		*mapped |= h->mem[i] != 0;
	*length = end - offset;
	return 0;
}

static void hold_set_size(struct backstore *bs, uint64_t size)
{
	bs->size = size;
}

static void hold_close(struct backstore *bs)
{
}

/* Answers the first request that waits; its task may end. */
static inline void hold_answer(struct hold *h, int err)
{
	struct bs_io *io;

	assert_false(list_empty(&h->pending));
	io = list_first(&h->pending, struct bs_io, link);
	list_del(&io->link);
	hold_do(h, io, err);
}

static inline size_t hold_pending(const struct hold *h)
{
	size_t n = 0;

	list_for_each (it, &h->pending)
		n++;
	return n;
}

/* --- the transport */

static void cmd_bring(struct cmd *c)
{
	c->moving = false;
	c->io.out_got = MIN(c->io.out_len, c->out_len);
	memset(c->io.data, 0, c->io.out_len);
	if (c->io.out_got)
		memcpy(c->io.data, c->out, c->io.out_got);
	scsi_io_moved(&c->io, 0);
}

static void cmd_data_move(struct scsi_io *io)
{
	struct cmd *c = container_of(io, struct cmd, io);

	assert_false(c->moving);
	c->moving = true;
	if (!c->move_later)
		cmd_bring(c);
}

static void cmd_end_abort(struct cmd *c)
{
	c->moving = false;
	c->io.out_got = 0;
	scsi_io_moved(&c->io, -ECANCELED);
}

static void cmd_move_abort(struct scsi_io *io)
{
	struct cmd *c = container_of(io, struct cmd, io);

	assert_true(c->moving);
	c->move_aborted = true;
	if (!c->abort_later)
		cmd_end_abort(c);
}

static void cmd_done(struct scsi_io *io)
{
	struct cmd *c = container_of(io, struct cmd, io);

	assert_false(c->done);
	c->done = true;
	c->order = ++c->h->done_count;
	if (c->lose)
		scsi_nexus_free(c->lose);
}

#define CDB(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

static inline struct cmd *cmd_new(struct hold *h, struct scsi_nexus *nexus, const uint8_t *cdb,
				  size_t cdb_len)
{
	static const struct scsi_port_ops port = {cmd_data_move, cmd_move_abort, cmd_done};
	struct cmd *c = malloc(sizeof(*c));

	memset(c, 0xa5, sizeof(*c));
	*c = (struct cmd){.h = h};
	memset(&c->io, 0xa5, sizeof(c->io));
	c->io.port = &port;
	c->io.nexus = nexus;
	memset(c->io.lun, 0, sizeof(c->io.lun));
	memset(c->io.cdb, 0, sizeof(c->io.cdb));
	memcpy(c->io.cdb, cdb, cdb_len);
	c->io.cdb_len = 16;
	c->io.attr = SCSI_SIMPLE;
	c->io.tag = 0;
	c->io.heard = 0;
	return c;
}

static inline void cmd_out(struct cmd *c, const void *out, uint32_t len)
{
	c->out = out;
	c->out_len = len;
}

static inline void cmd_start(struct cmd *c)
{
	scsi_decode(&c->io);
	/* As long as it was asked for, so that the sanitizer sees more; as aligned as a page. */
	if (c->io.buf_len) {
		size_t size = (c->io.buf_len + 4095) & ~4095UL;

		c->data = (uint8_t *)aligned_alloc(4096, size);
		memset(c->data, 0xa5, size);
	}
	c->io.data = c->data;
	c->io.expected_out = c->expected ? c->expected : c->io.out_len;
	scsi_submit(&c->io);
}

static inline void cmd_free(struct cmd *c)
{
	assert_true(c->done);
	free(c->data);
	free(c);
}

/* Started with these 16 bytes of CDB and this much data, not waited for. */
static inline struct cmd *cmd_go(struct hold *h, struct scsi_nexus *nexus, const uint8_t *cdb,
				 size_t cdb_len, const void *out, uint32_t out_len)
{
	struct cmd *c = cmd_new(h, nexus, cdb, cdb_len);

	cmd_out(c, out, out_len);
	cmd_start(c);
	return c;
}

static inline void hold_turn(struct hold *h)
{
	for (int i = 0; i < 10; i++)
		sim_step(h->sim, sim_now(h->sim));
}

static inline void hold_sleep(struct hold *h, uint64_t ns)
{
	sim_run(h->sim, sim_now(h->sim) + ns);
}

/* To completion. */
static inline struct cmd *cmd_run(struct hold *h, struct scsi_nexus *nexus, const uint8_t *cdb,
				  size_t cdb_len, const void *out, uint32_t out_len)
{
	struct cmd *c = cmd_go(h, nexus, cdb, cdb_len, out, out_len);

	for (int i = 0; i < 10000 && !c->done; i++)
		sim_step(h->sim, sim_now(h->sim));
	assert_true(c->done);
	return c;
}

/* What became of it; frees it. */
static inline uint8_t cmd_status(struct cmd *c)
{
	uint8_t status = c->io.status;

	cmd_free(c);
	return status;
}

/* Fixed format sense: key << 16 | ASC << 8 | ASCQ; 0 for a status that is not CHECK CONDITION. */
static inline uint32_t cmd_sense(const struct cmd *c)
{
	assert_true(c->done);
	if (c->io.status != SCSI_CHECK_CONDITION)
		return 0;
	assert_int_equal(c->io.sense[0] & 0x7f, 0x70);
	return (uint32_t)c->io.sense[2] << 16 | get_be16(c->io.sense + 12);
}

/* Ends with this sense; frees it. */
static inline void cmd_expect(struct cmd *c, uint32_t sense)
{
	assert_int_equal(cmd_sense(c), sense);
	if (!sense)
		assert_int_equal(c->io.status, SCSI_GOOD);
	cmd_free(c);
}

/* The INFORMATION field. */
static inline uint32_t cmd_info(const struct cmd *c)
{
	assert_true(c->io.sense[0] & 0x80);
	return get_be32(c->io.sense + 3);
}

/* The sense key specific bytes. */
static inline uint32_t cmd_field(const struct cmd *c)
{
	return get_be24(c->io.sense + 15);
}

#define READ10(lba, n)                                                                            \
	0x28, 0, (lba) >> 24, ((lba) >> 16) & 0xff, ((lba) >> 8) & 0xff, (lba)&0xff, 0, (n) >> 8, \
		(n)&0xff, 0
#define WRITE10(lba, n)                                                                           \
	0x2a, 0, (lba) >> 24, ((lba) >> 16) & 0xff, ((lba) >> 8) & 0xff, (lba)&0xff, 0, (n) >> 8, \
		(n)&0xff, 0
#define TUR 0, 0, 0, 0, 0, 0

/* --- setting up */

static inline struct scsi_nexus *hold_nexus(struct hold *h, const char *name)
{
	struct scsi_nexus *n = scsi_nexus_new(scsi_device_map_of(h->dev), name,
					      "iqn.2026-11.org.example:store,t,0x0001", 1);

	assert_non_null(n);
	return n;
}

/* Its POWER ON, out of the way. */
static inline void hold_ready(struct hold *h, struct scsi_nexus *n)
{
	cmd_expect(cmd_run(h, n, CDB(TUR), NULL, 0), 0x062900);
	cmd_expect(cmd_run(h, n, CDB(TUR), NULL, 0), 0);
}

static inline struct hold *hold_open(void)
{
	static const struct backstore_ops ops = {
		.kind = "hold",
		.submit = hold_submit,
		.attempt = hold_attempt,
		.extent = hold_extent,
		.set_size = hold_set_size,
		.close = hold_close,
	};
	struct hold *h = calloc(1, sizeof(*h));
	static char path[] = "hold";

	h->sim = sim_new(1, NULL);
	h->reactor = sim_node(h->sim);
	h->size = HOLD_BLOCKS * 512;
	h->chunk = 65536;
	h->mem = calloc(1, h->size);
	list_init(&h->pending);
	h->bs = (struct backstore){.ops = &ops,
				   .reactor = h->reactor,
				   .path = path,
				   .size = h->size,
				   .block_size = 512,
				   .buf_align = 512,
				   .unmap_granularity = 65536,
				   .volatile_cache = true};
	return h;
}

static inline void hold_start(struct hold *h, const struct scsi_lu_config *with)
{
	struct scsi_lu_config config =
		with ? *with : (struct scsi_lu_config){.block_size = 512, .thin = true};
	char why[256];

	config.fence_hold = HOLD_FENCE;
	assert_int_equal(scsi_lu_new(&h->lu, &h->bs, &config, NULL, why, sizeof(why)), 0);
	h->dev = scsi_device_new("iqn.2026-11.org.example:store");
	assert_int_equal(scsi_device_map(h->dev, 0, h->lu), 0);
	h->a = hold_nexus(h, "a");
	h->b = hold_nexus(h, "b");
	hold_ready(h, h->a);
	hold_ready(h, h->b);
}

static inline int hold_setup(void **state)
{
	struct hold *h = hold_open();

	hold_start(h, NULL);
	*state = h;
	return 0;
}

static inline int hold_teardown(void **state)
{
	struct hold *h = *state;

	scsi_nexus_free(h->a);
	scsi_nexus_free(h->b);
	while (!list_empty(&h->pending))
		hold_answer(h, 0);
	hold_turn(h);
	assert_int_equal(scsi_lu_busy(h->lu), 0);
	assert_true(list_empty(&h->lu->tasks));
	assert_true(list_empty(&h->lu->orphans));
	assert_int_equal(h->lu->fences, 0);
	assert_int_equal(h->lu->strict, 0);
	assert_int_equal(h->lu->waiting, 0);
	assert_int_equal(h->lu->wanted, 0);
	assert_int_equal(h->lu->held_count, 0);
	assert_true(list_empty(&h->lu->ranges));
	if (scsi_device_find(h->dev, 0))
		scsi_device_unmap(h->dev, 0);
	hold_turn(h);
	assert_true(scsi_device_is_quiet(h->dev));
	scsi_device_free(h->dev);
	scsi_lu_free(h->lu);
	sim_free(h->sim);
	free(h->mem);
	free(h);
	return 0;
}

#define HOLD_TEST(f) cmocka_unit_test_setup_teardown(f, hold_setup, hold_teardown)

/* --- commands that differ in one thing */

static inline struct cmd *at_lun(struct hold *h, uint8_t b0, uint8_t b1, const uint8_t *cdb,
				 size_t len)
{
	struct cmd *c = cmd_new(h, h->a, cdb, len);

	c->io.lun[0] = b0;
	c->io.lun[1] = b1;
	cmd_start(c);
	return c;
}

static inline struct scsi_itl *itl(struct scsi_nexus *n)
{
	return n->itls[0];
}

static inline struct cmd *with_attr(struct hold *h, struct scsi_nexus *n, enum scsi_task_attr attr,
				    uint32_t lba)
{
	struct cmd *c = cmd_new(h, n, CDB(READ10(lba, 1)));

	c->io.attr = attr;
	cmd_start(c);
	return c;
}

/* --- what is written, and what the store saw of it */

#define BLOCK 512u

static inline uint8_t pattern_at(uint64_t i)
{
	return (uint8_t)(i * 7 + i / 251 + 1);
}

static inline uint8_t *pattern(size_t len)
{
	uint8_t *p = malloc(len);

	for (size_t i = 0; i < len; i++)
		p[i] = pattern_at(i);
	return p;
}

static inline void fill(struct hold *h)
{
	for (uint64_t i = 0; i < h->size; i++)
		h->mem[i] = pattern_at(i);
}

static inline void expect_log(struct hold *h, size_t i, enum bs_op op, bool fua, uint64_t lba,
			      uint64_t blocks)
{
	assert_true(i < h->log_count);
	assert_int_equal(h->log[i].op, op);
	assert_int_equal(h->log[i].fua, fua);
	assert_int_equal(h->log[i].offset, lba * BLOCK);
	assert_int_equal(h->log[i].length, blocks * BLOCK);
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device with one LU in memory, two nexuses to it, and a transport that runs one command at a time:
 * what the tests of the device server's replies stand on. Commands go the whole way, through the
 * command table, so a test sees what an initiator would.
 */
#ifndef LUNAR_TESTS_UNIT_SCSI_RIG_H
#define LUNAR_TESTS_UNIT_SCSI_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "reactor/reactor.h"
#include "reactor/sim.h"
#include "scsi/lu_priv.h"

#define RIG_BLOCKS 131072

struct rig {
	struct sim *sim;
	struct reactor *reactor;
	struct backstore *bs; /* the LU's */
	struct scsi_lu *lu;
	struct scsi_device *dev;
	struct scsi_nexus *nexus, *other;

	/* The last command. `data` is as long as the command asked for, so that ASan sees more. */
	struct scsi_io io;
	uint8_t *data;
	const uint8_t *out;
	uint32_t out_len;
	bool done;
};

static const uint8_t rig_id[16] = {0x9a, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f, 0x60, 0x71,
				   0x82, 0x93, 0xa4, 0xb5, 0xc6, 0xd7, 0xe8, 0xf9};

static void rig_data_move(struct scsi_io *io)
{
	struct rig *rig = container_of(io, struct rig, io);

	io->out_got = MIN(io->out_len, rig->out_len);
	memset(io->data, 0, io->out_len);
	if (io->out_got)
		memcpy(io->data, rig->out, io->out_got);
	scsi_io_moved(io, 0);
}

static void rig_move_abort(struct scsi_io *io)
{
	fail();
}

static void rig_done(struct scsi_io *io)
{
	struct rig *rig = container_of(io, struct rig, io);

	assert_false(rig->done);
	rig->done = true;
}

/* Sends a command with `out` as its data. */
static inline void rig_begin(struct rig *rig, struct scsi_nexus *nexus, uint16_t lun,
			     const uint8_t *cdb, size_t cdb_len, const void *out, uint32_t out_len)
{
	static const struct scsi_port_ops port = {rig_data_move, rig_move_abort, rig_done};

	free(rig->data);
	rig->data = NULL;
	memset(&rig->io, 0xa5, sizeof(rig->io));
	rig->io = (struct scsi_io){.port = &port, .nexus = nexus, .cdb_len = 16};
	rig->io.attr = SCSI_SIMPLE;
	rig->io.since = reactor_now(rig->reactor);
	scsi_lun_encode(rig->io.lun, lun);
	memcpy(rig->io.cdb, cdb, cdb_len);
	rig->out = out;
	rig->out_len = out_len;
	rig->done = false;
	scsi_decode(&rig->io);
	if (rig->io.buf_len) {
		rig->data = malloc(rig->io.buf_len);
		memset(rig->data, 0xa5, rig->io.buf_len);
		rig->io.data = rig->data;
	}
	scsi_submit(&rig->io);
}

/* The same, to completion. Returns the status. */
static inline uint8_t rig_send(struct rig *rig, struct scsi_nexus *nexus, uint16_t lun,
			       const uint8_t *cdb, size_t cdb_len, const void *out,
			       uint32_t out_len)
{
	rig_begin(rig, nexus, lun, cdb, cdb_len, out, out_len);
	for (int i = 0; i < 1000 && !rig->done; i++)
		sim_step(rig->sim, REACTOR_NEVER);
	assert_true(rig->done);
	assert_true(rig->io.in_len <= rig->io.buf_len);
	return rig->io.status;
}

#define RIG_CDB(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

/* A command without Data-Out by the first nexus to LUN 0. */
#define RIG_IN(rig, ...) rig_send((rig), (rig)->nexus, 0, RIG_CDB(__VA_ARGS__), NULL, 0)

/* GOOD, and exactly these bytes. */
static inline void rig_expect_bytes(struct rig *rig, const void *want, size_t len)
{
	assert_int_equal(rig->io.status, SCSI_GOOD);
	assert_int_equal(rig->io.in_len, len);
	assert_memory_equal(rig->data, want, len);
}

/* CHECK CONDITION in fixed format: key, code, and the three bytes of sense key specific. */
static inline void rig_expect_sense(struct rig *rig, uint8_t key, uint16_t asc_ascq, uint32_t sks)
{
	assert_int_equal(rig->io.status, SCSI_CHECK_CONDITION);
	assert_int_equal(rig->io.in_len, 0);
	assert_int_equal(rig->io.sense[0] & 0x7f, 0x70);
	assert_int_equal(rig->io.sense[2], key);
	assert_int_equal(get_be16(rig->io.sense + 12), asc_ascq);
	assert_int_equal(get_be24(rig->io.sense + 15), sks);
}

/* The pointers of INVALID FIELD IN CDB and IN PARAMETER LIST; bit -1: the whole byte. */
static inline void rig_expect_cdb_field(struct rig *rig, uint16_t byte, int bit)
{
	uint32_t sks = 0xc00000 | byte;

	rig_expect_sense(rig, 0x5, 0x2400, bit < 0 ? sks : sks | 0x080000 | (uint32_t)bit << 16);
}

static inline void rig_expect_list_field(struct rig *rig, uint16_t byte, int bit)
{
	uint32_t sks = 0x800000 | byte;

	rig_expect_sense(rig, 0x5, 0x2600, bit < 0 ? sks : sks | 0x080000 | (uint32_t)bit << 16);
}

/*
 * The same command with every allocation length from 0 to past the end, in the field of `size` bytes
 * at `at`: always GOOD, and the beginning of the full reply.
 */
static inline void rig_expect_truncation(struct rig *rig, const uint8_t *cdb, size_t cdb_len,
					 unsigned at, unsigned size)
{
	uint8_t c[16] = {0}, full[SCSI_REPLY_MAX];
	uint32_t max = size == 1 ? 0xff : 0x400, len;

	memcpy(c, cdb, cdb_len);
	for (uint32_t alloc = max, first = 1;; first = 0, alloc--) {
		for (unsigned i = 0; i < size; i++)
			c[at + i] = (uint8_t)(alloc >> 8 * (size - 1 - i));
		assert_int_equal(rig_send(rig, rig->nexus, 0, c, cdb_len, NULL, 0), SCSI_GOOD);
		if (first) {
			len = rig->io.in_len;
			assert_true(len > 0 && len < max);
			memcpy(full, rig->data, len);
		}
		assert_int_equal(rig->io.in_len, MIN(alloc, len));
		if (rig->io.in_len)
			assert_memory_equal(rig->data, full, rig->io.in_len);
		if (alloc == 0)
			break;
	}
}

/* Unit attentions of a new nexus, out of the way. */
static inline void rig_ready(struct rig *rig, struct scsi_nexus *nexus)
{
	for (int i = 0; i < 4; i++)
		if (rig_send(rig, nexus, 0, RIG_CDB(0, 0, 0, 0, 0, 0), NULL, 0) == SCSI_GOOD)
			return;
	fail();
}

/* Before rig_start(): the store, to be given properties. */
static inline void rig_open(struct rig *rig)
{
	char why[256];

	memset(rig, 0, sizeof(*rig));
	rig->sim = sim_new(1, NULL);
	rig->reactor = sim_node(rig->sim);
	assert_int_equal(bs_open_memory(&rig->bs, rig->reactor, RIG_BLOCKS * 512, why, sizeof(why)),
			 0);
}

static inline void rig_start(struct rig *rig, const struct scsi_lu_config *with)
{
	struct scsi_lu_config config = with ? *with : (struct scsi_lu_config){0};
	char why[256];

	memcpy(config.id, rig_id, sizeof(rig_id));
	if (!config.block_size)
		config.block_size = 512;
	config.fence_hold = NSEC_PER_SEC;
	assert_int_equal(scsi_lu_new(&rig->lu, rig->bs, &config, NULL, why, sizeof(why)), 0);
	rig->dev = scsi_device_new("iqn.2026-11.org.example:store");
	assert_non_null(rig->dev);
	assert_int_equal(scsi_device_map(rig->dev, 0, rig->lu), 0);
	rig->nexus = scsi_nexus_new(scsi_device_map_of(rig->dev),
				    "iqn.2026-11.org.example:a,i,0x00023d000001",
				    "iqn.2026-11.org.example:store,t,0x0001", 1);
	rig->other = scsi_nexus_new(scsi_device_map_of(rig->dev),
				    "iqn.2026-11.org.example:b,i,0x00023d000002",
				    "iqn.2026-11.org.example:store,t,0x0001", 1);
	rig_ready(rig, rig->nexus);
	rig_ready(rig, rig->other);
}

static inline void rig_stop(struct rig *rig)
{
	free(rig->data);
	scsi_nexus_free(rig->nexus);
	scsi_nexus_free(rig->other);
	if (scsi_device_find(rig->dev, 0))
		scsi_device_unmap(rig->dev, 0);
	scsi_device_free(rig->dev);
	scsi_lu_free(rig->lu);
	sim_free(rig->sim);
}

static inline int rig_setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	rig_open(rig);
	rig_start(rig, NULL);
	*state = rig;
	return 0;
}

static inline int rig_teardown(void **state)
{
	rig_stop(*state);
	free(*state);
	return 0;
}

#endif

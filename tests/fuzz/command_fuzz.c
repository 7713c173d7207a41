/* SPDX-License-Identifier: BSD-2-Clause */
/* CDBs and their data, from two nexuses, to the device server on a small disk in memory. */
#include "fuzz.h"
#include "backstore/backstore.h"
#include "reactor/sim.h"
#include "scsi/io.h"
#include "scsi/lu.h"

#define SIZE     (256u << 10)
#define COMMANDS 32

struct command {
	struct scsi_io io;
	const uint8_t *out;
	size_t out_len;
	bool done;
};

static void data_move(struct scsi_io *io)
{
	struct command *c = container_of(io, struct command, io);
	io->out_got = (uint32_t)MIN(io->out_len, c->out_len);
	memset(io->data, 0, io->out_len);
	if (io->out_got)
		memcpy(io->data, c->out, io->out_got);
	scsi_io_moved(io, 0);
}

static void move_abort(struct scsi_io *io)
{
	abort(); /* a move is over at once here */
}

static void done(struct scsi_io *io)
{
	struct command *c = container_of(io, struct command, io);
	MUST(!c->done);
	MUST(io->in_len <= io->buf_len);
	MUST(io->sense_len <= SCSI_SENSE_MAX);
	MUST(io->status != SCSI_CHECK_CONDITION || io->sense_len);
	c->done = true;
}

static const struct scsi_port_ops port = {
	.data_move = data_move, .move_abort = move_abort, .done = done};

static void run(struct sim *sim, struct scsi_nexus *nexus, struct input *in, uint8_t how)
{
	struct command c = {.io = {.port = &port, .nexus = nexus, .cdb_len = 16}};
	const uint8_t *cdb;
	c.io.attr = (enum scsi_task_attr)(how >> 1 & 3);
	c.io.lun[1] = how & 0x40 ? 1 : 0;
	size_t len = take_bytes(in, 16, &cdb);
	memcpy(c.io.cdb, cdb, len);
	if (how & 8)
		c.out_len = take_bytes(in, take_number(in, 2), &c.out);
	scsi_decode(&c.io);
	MUST(c.io.out_len <= c.io.buf_len || !c.io.buf_len);
	uint8_t *buf = aligned_alloc(4096, (c.io.buf_len + 4096u) & ~4095u);
	MUST(buf);
	memset(buf, 0xa5, c.io.buf_len);
	c.io.data = buf;
	scsi_submit(&c.io);
	while (!c.done && sim_step(sim, REACTOR_NEVER))
		;
	MUST(c.done);
	free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct log quiet = {.level = LOG_LEVEL_ERROR};
	struct sim *sim = sim_new(1, &quiet);
	struct reactor *r = sim_node(sim);
	struct backstore *bs;
	struct scsi_lu *lu;
	char why[256];
	uint8_t how = take_byte(&in);
	struct scsi_lu_config config = {
		.block_size = how & 1 ? 4096 : 512, .thin = how & 2, .fence_hold = NSEC_PER_SEC};

	config.readonly = how & 4;
	MUST(!bs_open_memory(&bs, r, SIZE, why, sizeof(why)));
	MUST(!scsi_lu_new(&lu, bs, &config, &quiet, why, sizeof(why)));
	struct scsi_device *dev = scsi_device_new("iqn.2026-01.test.lunar:target");
	MUST(dev && !scsi_device_map(dev, 0, lu));
	struct scsi_nexus *nexus[2] = {
		scsi_nexus_new(scsi_device_map_of(dev), "iqn.2026-01.test.lunar:a,i,0x800000000000",
			       "iqn.2026-01.test.lunar:target,t,0x0001", 1),
		scsi_nexus_new(scsi_device_map_of(dev), "iqn.2026-01.test.lunar:b,i,0x800000000000",
			       "iqn.2026-01.test.lunar:target,t,0x0001", 1)};
	for (int i = 0; i < COMMANDS && in.left; i++) {
		how = take_byte(&in);
		run(sim, nexus[how & 1], &in, how);
	}
	scsi_nexus_free(nexus[0]);
	scsi_nexus_free(nexus[1]);
	scsi_device_free(dev);
	scsi_lu_free(lu);
	sim_free(sim);
	return 0;
}

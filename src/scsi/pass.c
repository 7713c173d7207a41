/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plain reads and writes of a nexus that is away, on its own thread. Here they can only succeed: whatever
 * else happens to a task, it is handed in at home, which knows what to do.
 */
#include <stdlib.h>
#include <string.h>
#include "scsi/gate.h"

static const struct scsi_pass *pass_of(const struct scsi_io *io)
{
	const struct scsi_nexus *nexus = io->nexus;
	uint16_t lun = scsi_io_lun(io);
	const struct scsi_pass *pass = lun < nexus->pass_count ? &nexus->passes[lun] : NULL;

	if (nexus->ahead || !pass || !pass->gate || pass->round != pass->gate->round)
		return NULL;
	/* It was decoded, and the pass is, by the inventory of now: so the task's LU is the pass's. */
	if (nexus->pass_generation != io->generation ||
	    scsi_map_generation(nexus->map) != io->generation)
		return NULL;
	return pass->gate->lu == io->lu && !scsi_is_outdated(io->heard, pass->news) ? pass : NULL;
}

/* What is to be durable is not for us. */
static bool is_for_cache(const struct scsi_io *io)
{
	const struct scsi_lu *lu = io->lu;

	if (!lu->bs->volatile_cache)
		return true;
	if (scsi_io_fua(io))
		return false;
	return !(io->cmd->flags & SCSI_CMD_WRITES) || scsi_lu_caches(lu);
}

/* Whether the LU would let it run. */
static bool may_run(const struct scsi_io *io, const struct scsi_pass *pass)
{
	const struct scsi_lu *lu = io->lu;

	if (!scsi_is_plain(io) || !is_for_cache(io))
		return false;
	if (io->lba >= lu->blocks || io->blocks > lu->blocks - io->lba)
		return false;
	return !(io->cmd->flags & SCSI_CMD_WRITES) ||
	       (!lu->readonly && !pass->readonly && !scsi_mode_swp(&lu->mode));
}

bool scsi_pass_run(struct scsi_io *io)
{
	const struct scsi_pass *pass = io->cmd && io->lu ? pass_of(io) : NULL;

	if (!pass || !may_run(io, pass))
		return false;
	io->gate = pass->gate;
	list_add_tail(&io->gate->tasks, &io->task);
	count_add(&io->gate->stats.inflight, 1);
	io->cmd->run(io);
	return true;
}

static bool make_room(struct scsi_nexus *nexus, uint16_t lun)
{
	size_t count = MAX(nexus->pass_count, (size_t)1);
	struct scsi_pass *passes;

	while (count <= lun)
		count *= 2;
	if (count == nexus->pass_count)
		return true;
	passes = realloc(nexus->passes, count * sizeof(*passes));
	if (!passes)
		return false;
	memset(passes + nexus->pass_count, 0, (count - nexus->pass_count) * sizeof(*passes));
	nexus->passes = passes;
	nexus->pass_count = count;
	return true;
}

void scsi_pass_take(struct scsi_nexus *nexus, const struct scsi_io *io)
{
	uint16_t lun = scsi_io_lun(io);

	if (!make_room(nexus, lun))
		return;
	if (list_empty(&nexus->of_view))
		list_add_tail(&nexus->view->nexuses, &nexus->of_view);
	nexus->passes[lun] =
		(struct scsi_pass){io->grant, io->grant->round, io->grant_readonly, io->grant_news};
	nexus->pass_generation = io->grant_generation;
}

void scsi_pass_forget(struct scsi_nexus *nexus, uint16_t lun, const struct scsi_lu *lu)
{
	struct scsi_pass *pass = lun < nexus->pass_count ? &nexus->passes[lun] : NULL;

	if (pass && pass->gate && pass->gate->lu == lu)
		pass->gate = NULL;
}

/* --- the life of a task */

static void leave_gate(struct scsi_io *io)
{
	list_del(&io->task);
	count_add(&io->gate->stats.inflight, -UINT64_C(1));
	io->gate = NULL;
}

static void hand_in(struct scsi_io *io, int err)
{
	leave_gate(io);
	io->err = err;
	scsi_away_hand_in(io);
}

void scsi_pass_moved(struct scsi_io *io, int err)
{
	if (err) {
		hand_in(io, err);
		return;
	}
	io->state = SCSI_IO_NEW;
	io->next(io, 0);
}

static void tried(struct bs_io *bs, int err)
{
	struct scsi_io *io = container_of(bs, struct scsi_io, bs);

	if (!io->gate) {
		io->err = err;
		scsi_away_stored(io);
	} else if (err) {
		/* Nothing is at the store any more, and nothing is known: it begins anew. */
		io->state = SCSI_IO_NEW;
		hand_in(io, err);
	} else {
		io->next(io, 0);
	}
}

void scsi_pass_store(struct scsi_io *io)
{
	io->state = SCSI_IO_STORE;
	io->bs.done = tried;
	bs_try(io->lu->bs, io->gate->reactor, &io->bs);
}

void scsi_pass_done(struct scsi_io *io)
{
	leave_gate(io);
	io->state = SCSI_IO_DONE;
	io->port->done(io);
}

static struct scsi_io *next_of(const struct scsi_gate *gate, const struct scsi_nexus *nexus)
{
	list_for_each (it, &gate->tasks) {
		struct scsi_io *io = list_entry(it, struct scsi_io, task);

		if (io->nexus == nexus)
			return io;
	}
	return NULL;
}

void scsi_pass_surrender(struct scsi_nexus *nexus)
{
	for (size_t lun = 0; lun < nexus->pass_count; lun++) {
		struct scsi_gate *gate = nexus->passes[lun].gate;
		struct scsi_io *io;

		while (gate && (io = next_of(gate, nexus)))
			hand_in(io, 0);
	}
	list_del(&nexus->of_view);
	free(nexus->passes);
	nexus->passes = NULL;
	nexus->pass_count = 0;
	nexus->left = true;
}

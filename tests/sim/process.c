/* SPDX-License-Identifier: BSD-2-Clause */
/* The target as a process: it starts, dies, and is started again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backstore/backstore.h"
#include "reactor/file.h"
#include "scsi/lu.h"
#include "scsi/lu_store.h"
#include "world_priv.h"

#define STARTS_MAX 100 /* in a row, each some 100 ms after the other */

static void note_start(struct world *w, unsigned i)
{
	struct target_process *p = &w->target;
	p->started[i] = tick(w);
	p->base_before[i] = p->base[i];
	p->base[i] = *sim_disk_failures(w->sim, world_disks[i]);
	p->flush_failed[i] = 0;
}

struct scsi_lu_options process_options(const struct world *w, unsigned lun)
{
	struct scsi_lu_options o = scsi_lu_standard_options;
	o.write_cache = !(w->no_cache & 1u << lun);
	return o;
}

/* --- what outlives a LU */

static const char *const records[LUNS] = {"/state/0", "/state/1"};

static int make_record(struct lu_store_opener *o)
{
	struct record_opener *r = container_of(o, struct record_opener, opener);
	return lu_store_open(r->reactor, records[r->lun], true);
}

static int give_store(struct target_process *p, unsigned i, const uint8_t id[16])
{
	int file = lu_store_open(p->reactor, records[i], false);
	if (file < 0 && file != -ENOENT)
		return file;
	p->openers[i] = (struct record_opener){{make_record}, p->reactor, i};
	struct lu_store *store = lu_store_new(p->reactor, MAX(file, -1), &p->openers[i].opener, id);
	if (!store)
		abort();
	scsi_lu_set_store(p->lu[i], store);
	return 0;
}

static int open_lun(struct world *w, unsigned i, char *why, size_t why_size)
{
	struct target_process *p = &w->target;
	struct bs_file_options opt = {0};
	struct scsi_lu_options options = process_options(w, i);
	struct scsi_lu_config config = {.block_size = MODEL_BLOCK,
					.options = &options,
					.fence_hold = p->limits.fence_hold * NSEC_PER_SEC};
	config.id[0] = (uint8_t)(i + 1);
	int err = bs_open_path(&p->bs[i], p->reactor, world_disks[i], &opt, why, why_size);
	if (!err)
		err = scsi_lu_new(&p->lu[i], p->bs[i], &config, NULL, why, why_size);
	return err ? err : give_store(p, i, config.id);
}

int process_open(struct world *w, unsigned lun)
{
	char why[256];
	int err = open_lun(w, lun, why, sizeof(why));
	if (!err)
		note_start(w, lun);
	return err;
}

static void die(struct world *w, bool power);

void process_start(struct world *w)
{
	struct target_process *p = &w->target;
	char why[256] = "";

	memset(p->lu, 0, sizeof(p->lu));
	config_limits_defaults(&p->limits);
	/* small enough for long transfers to come in several bursts */
	p->limits.max_burst_length = 16384;
	p->limits.first_burst_length = 8192;
	p->limits.max_recv_data_segment_length = 8192;
	p->limits.max_commands = (uint32_t)(4 + below(w, 29));
	p->limits.immediate_data = below(w, 4) != 0;
	p->limits.initial_r2t = below(w, 2) != 0;
	int err = target_new(&p->target, p->reactor, &p->limits);
	for (unsigned i = 0; i < p->other_count && !err; i++)
		err = target_add_reactor(p->target, p->others[i]);
	for (unsigned i = 0; i < LUNS && !err; i++)
		err = open_lun(w, i, why, sizeof(why));
	admin_forget(w);
	if (!err)
		err = admin_open(w);
	p->up = true;
	if (!err) {
		p->failed_starts = 0;
		for (unsigned i = 0; i < LUNS; i++)
			note_start(w, i);
		return;
	}
	/* The disk may fail at this very moment, or be locked while operations of the process before
	 * are still on their way to it; whoever supervises the process tries again. */
	if (++p->failed_starts > STARTS_MAX)
		wrong(w, "the target does not start: %s %s", strerror(-err), why);
	die(w, false);
}

void process_free(struct world *w)
{
	struct target_process *p = &w->target;
	if (!p->up)
		return;
	if (p->target)
		target_free(p->target);
	p->target = NULL;
	for (unsigned i = 0; i < LUNS; i++)
		if (p->lu[i])
			scsi_lu_free(p->lu[i]);
	p->up = false;
}

static void restart_fired(struct timer *t)
{
	struct target_process *p = container_of(t, struct target_process, restart);
	process_start(container_of(p, struct world, target));
}

/* Nothing that was on its way can land any more, once the next process is there. */
static void end_writes(struct world *w, uint64_t now)
{
	for (unsigned i = 0; i < w->initiators; i++)
		for (unsigned j = 0; j < INI_COMMANDS; j++) {
			struct ini_cmd *cmd = &w->scripts[i].ini.cmds[j];
			if (cmd->busy && cmd_writes(cmd))
				model_write_over(w->model[cmd->lun], cmd->id, cmd->lba, cmd->blocks,
						 now);
		}
}

static void die(struct world *w, bool power)
{
	struct target_process *p = &w->target;
	uint64_t now = tick(w);
	admin_dies(w);
	sim_crash(w->sim, p->reactor, power);
	process_free(w);
	end_writes(w, now);
	for (unsigned i = 0; i < w->initiators; i++)
		w->scripts[i].may_lose = true;
	for (unsigned i = 0; i < LUNS; i++) {
		sim_disk_state(w->sim, world_disks[i], SIM_DISK_OK);
		if (power)
			model_power_cut(w->model[i], now);
	}
	timer_init(&p->restart, restart_fired);
	timer_set(p->reactor, &p->restart,
		  reactor_now(p->reactor) + below(w, 200) * NSEC_PER_MSEC + 1);
}

void process_crash(struct world *w, bool power)
{
	if (!w->target.up)
		return;
	if (w->verbose)
		fprintf(stderr, "%10.6f the target's %s\n", (double)sim_now(w->sim) / 1e9,
			power ? "power goes" : "process dies");
	w->result->n.fault[power ? FAULT_POWER_CUT : FAULT_CRASH]++;
	die(w, power);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backstore/backstore.h"
#include "common/cleanup.h"
#include "common/endian.h"
#include "initiator.h"
#include "model.h"
#include "reactor/sim.h"
#include "scsi/lu.h"
#include "target/target.h"

#define LUNS           2
#define BLOCKS         256
#define INITIATORS_MAX 4
#define TARGET_NAME    "iqn.2026-11.org.example:sim"
#define PORT           3260
#define STEPS_MAX      20000000u
#define TIME_MAX       (3600 * NSEC_PER_SEC)
#define OVERDUE_NS     (25 * NSEC_PER_SEC)

static const char *const disks[LUNS] = {"/disk/0", "/disk/1"};

struct target_process {
	struct reactor *reactor;
	struct target *target;
	struct backstore *bs[LUNS];
	struct scsi_lu *lu[LUNS];
	struct timer restart;
	bool up;
	unsigned failed_starts;
};

struct script {
	struct initiator ini;
	struct world *world;
	char name[64];
	unsigned index, depth;
	uint64_t left; /* commands still to be sent */
	struct timer tick;
	uint64_t verify_next[LUNS]; /* the last part: reads everything */
	bool verifying, finished;
};

struct world {
	struct sim *sim;
	struct model *model[LUNS];
	struct target_process target;
	struct script scripts[INITIATORS_MAX];
	unsigned initiators;
	uint64_t clock;   /* counts events: the model's time */
	uint64_t next_id; /* of writes */
	uint64_t
		reset_at; /* when the last LU reset ended: it makes other initiators' tasks vanish */
	unsigned resets;  /* under way */
	bool calm, verbose, sync_may_fail;
	struct sim_faults faults;
	struct world_result *result;
};

/* --- what is wrong, and the trace */

PRINTF(2, 3) static void wrong(struct world *w, const char *fmt, ...)
{
	if (w->result->why[0])
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(w->result->why, sizeof(w->result->why), fmt, ap);
	va_end(ap);
}

static void trace(struct world *w, uint64_t value)
{
	uint64_t hash = w->result->trace ^ value ^ sim_now(w->sim);
	hash *= 0x9e3779b97f4a7c15u;
	w->result->trace = hash ^ hash >> 29;
}

static uint64_t tick(struct world *w)
{
	return ++w->clock;
}

static uint64_t below(struct world *w, uint64_t n)
{
	return sim_rand(w->sim, n);
}

/* --- the target process */

static void target_crash(struct world *w, bool power);

static void target_start(struct world *w)
{
	struct target_process *p = &w->target;
	struct config_limits limits;
	struct target_node *node;
	struct net_addr addr;
	char why[256] = "";

	memset(p->lu, 0, sizeof(p->lu));
	config_limits_defaults(&limits);
	/* small enough for long transfers to come in several bursts */
	limits.max_burst_length = 16384;
	limits.first_burst_length = 8192;
	limits.max_recv_data_segment_length = 8192;
	limits.max_commands = (uint32_t)(4 + below(w, 29));
	limits.immediate_data = below(w, 4) != 0;
	limits.initial_r2t = below(w, 2) != 0;
	int err = target_new(&p->target, p->reactor, &limits);
	if (!err)
		err = target_node_new(&node, p->target, TARGET_NAME, NULL);
	for (unsigned i = 0; i < LUNS && !err; i++) {
		struct bs_file_options opt = {0};
		struct scsi_lu_config config = {.block_size = MODEL_BLOCK,
						.thin = true,
						.fence_hold = limits.fence_hold * NSEC_PER_SEC};
		config.id[0] = (uint8_t)(i + 1);
		err = bs_open_path(&p->bs[i], p->reactor, disks[i], &opt, why, sizeof(why));
		if (!err)
			err = scsi_lu_new(&p->lu[i], p->bs[i], &config, NULL, why, sizeof(why));
		if (!err)
			err = scsi_device_map(target_node_device(node), (uint16_t)i, p->lu[i]);
	}
	net_addr_parse(&addr, "0.0.0.0", PORT);
	if (!err)
		err = target_listen(p->target, &addr, NULL);
	p->up = true;
	if (!err)
		return;
	/* The disk may fail at this very moment; whoever supervises the process tries again. */
	if (++p->failed_starts > 20)
		wrong(w, "the target does not start: %s %s", strerror(-err), why);
	target_crash(w, false);
}

static void target_free_memory(struct world *w)
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
	target_start(container_of(p, struct world, target));
}

static bool writes(const struct ini_cmd *cmd);

static void target_crash(struct world *w, bool power)
{
	struct target_process *p = &w->target;
	if (!p->up)
		return;
	uint64_t now = tick(w);
	if (w->verbose)
		fprintf(stderr, "%10.6f the target's %s\n", (double)sim_now(w->sim) / 1e9,
			power ? "power goes" : "process dies");
	sim_crash(w->sim, p->reactor, power);
	target_free_memory(w);
	/* Nothing that was on its way can land any more. */
	for (unsigned i = 0; i < w->initiators; i++)
		for (unsigned j = 0; j < INI_COMMANDS; j++) {
			struct ini_cmd *cmd = &w->scripts[i].ini.cmds[j];
			if (cmd->busy && writes(cmd))
				model_write_over(w->model[cmd->lun], cmd->id, cmd->lba, cmd->blocks,
						 now);
		}
	for (unsigned i = 0; i < LUNS; i++) {
		sim_disk_state(w->sim, disks[i], SIM_DISK_OK);
		if (power)
			model_power_cut(w->model[i], now);
	}
	w->result->crashes++;
	w->result->power_cuts += power;
	timer_init(&p->restart, restart_fired);
	timer_set(p->reactor, &p->restart,
		  reactor_now(p->reactor) + below(w, 200) * NSEC_PER_MSEC + 1);
}

/*
 * Bits are flipped only while every initiator is in full feature phase: a login has no digests, and
 * a name or an ISID that changed on the way would take away what reinstatement promises.
 */
static void update_faults(struct world *w)
{
	struct sim_faults f = w->faults;
	for (unsigned i = 0; i < w->initiators; i++)
		if (!w->scripts[i].ini.ready)
			f.net_flip = 0;
	sim_set_faults(w->sim, &f);
}

static void set_faults(struct world *w, bool on)
{
	struct sim_faults f = {
		.net_delay_max_us = 2000, .net_split = 200000, .disk_delay_max_us = 3000};
	if (on) {
		f.net_cut = 1500;
		f.net_flip = 3000;
		f.disk_slow = 4000;
		f.disk_slow_max_us = 8000000;
		f.disk_short = 20000;
		f.disk_read_fail = 1000;
		f.disk_write_fail = 1500;
		w->sync_may_fail = below(w, 2);
		f.disk_sync_fail = w->sync_may_fail ? 4000 : 0;
		f.disk_full = 500;
	}
	w->faults = f;
	update_faults(w);
}

/* --- commands */

enum kind { READ, WRITE, WRITE_FUA, WRITE_LONG, WRITE_SAME, UNMAP, FLUSH, TUR, VERIFY, KINDS };

static const struct {
	unsigned weight;
	uint8_t opcode;
	unsigned max_blocks;
} kinds[KINDS] = {
	[READ] = {30, 0x28, 16},      [WRITE] = {35, 0x2a, 16},     [WRITE_FUA] = {8, 0x2a, 16},
	[WRITE_LONG] = {6, 0x2a, 96}, [WRITE_SAME] = {4, 0x41, 32}, [UNMAP] = {4, 0x42, 32},
	[FLUSH] = {8, 0x35, 0},       [TUR] = {2, 0x00, 0},         [VERIFY] = {3, 0x2f, 16},
};

static bool writes(const struct ini_cmd *cmd)
{
	return !cmd->tmf && cmd->kind >= WRITE && cmd->kind <= UNMAP;
}

/* Brings the disk's data to the medium; VERIFY does, for it is the medium that it verifies. */
static bool flushes(const struct ini_cmd *cmd)
{
	return !cmd->tmf && (cmd->kind == FLUSH || cmd->kind == WRITE_FUA || cmd->kind == VERIFY);
}

static unsigned pick_kind(struct world *w)
{
	uint64_t at = below(w, 100);
	for (unsigned k = 0; k < KINDS; k++) {
		if (at < kinds[k].weight)
			return k;
		at -= kinds[k].weight;
	}
	return READ;
}

static void fill_write(struct world *w, struct ini_cmd *cmd)
{
	cmd->id = ++w->next_id;
	switch (cmd->kind) {
	case WRITE_SAME:
		cmd->write_len = MODEL_BLOCK;
		model_fill(cmd->id, 0, cmd->data);
		break;
	case UNMAP:
		memset(cmd->cdb, 0, sizeof(cmd->cdb));
		cmd->cdb[0] = kinds[UNMAP].opcode;
		cmd->cdb[8] = 24;
		cmd->write_len = 24;
		memset(cmd->data, 0, 24);
		put_be16(cmd->data, 22);
		put_be16(cmd->data + 2, 16);
		put_be64(cmd->data + 8, cmd->lba);
		put_be32(cmd->data + 16, (uint32_t)cmd->blocks);
		break;
	default:
		cmd->write_len = (uint32_t)(cmd->blocks * MODEL_BLOCK);
		for (uint64_t i = 0; i < cmd->blocks; i++)
			model_fill(cmd->id, i, cmd->data + i * MODEL_BLOCK);
	}
	model_write(w->model[cmd->lun], cmd->id, cmd->lba, cmd->blocks, cmd->kind == UNMAP,
		    cmd->kind == WRITE_SAME, cmd->issued);
}

static void submit(struct script *s, struct ini_cmd *cmd, unsigned kind, unsigned lun, uint64_t lba,
		   uint64_t blocks)
{
	struct world *w = s->world;
	cmd->kind = kind;
	cmd->lun = (uint8_t)lun;
	cmd->lba = lba;
	cmd->blocks = blocks;
	cmd->tmf = 0;
	cmd->aborting = false;
	cmd->read_len = cmd->write_len = 0;
	cmd->issued = tick(w);
	memset(cmd->cdb, 0, sizeof(cmd->cdb));
	cmd->cdb[0] = kinds[kind].opcode;
	put_be32(cmd->cdb + 2, (uint32_t)lba);
	put_be16(cmd->cdb + 7, (uint16_t)blocks);
	if (kind == TUR)
		memset(cmd->cdb, 0, sizeof(cmd->cdb));
	if (kind == WRITE_FUA)
		cmd->cdb[1] = 0x08;
	if (kind == READ)
		cmd->read_len = (uint32_t)(blocks * MODEL_BLOCK);
	if (writes(cmd))
		fill_write(w, cmd);
	ini_submit(&s->ini, cmd);
	w->result->commands++;
}

static void submit_random(struct script *s, struct ini_cmd *cmd)
{
	struct world *w = s->world;
	unsigned kind = pick_kind(w);
	uint64_t blocks = kinds[kind].max_blocks ? 1 + below(w, kinds[kind].max_blocks) : 0;
	uint64_t lba = blocks ? below(w, BLOCKS - blocks + 1) : 0;
	/* Half of it goes to one corner of the disk, so that writes meet. */
	if (blocks && blocks < 32 && below(w, 2))
		lba %= 32;
	submit(s, cmd, kind, (unsigned)below(w, LUNS), lba, blocks);
}

static void submit_tmf(struct script *s, uint8_t function, uint8_t lun, struct ini_cmd *about)
{
	struct ini_cmd *cmd = ini_get(&s->ini);
	if (!cmd) { /* no place to ask from: as initiators do then */
		ini_cut(&s->ini);
		return;
	}
	cmd->tmf = function;
	cmd->lun = lun;
	cmd->tmf_itt = about ? about->itt : ISCSI_RESERVED_TAG;
	cmd->write_len = cmd->read_len = 0;
	cmd->issued = tick(s->world);
	s->world->resets += function == ISCSI_TMF_LOGICAL_UNIT_RESET;
	if (about)
		about->aborting = true;
	ini_submit(&s->ini, cmd);
}

static void say(const struct script *s, const struct ini_cmd *cmd, const char *what)
{
	const struct world *w = s->world;
	if (w->verbose)
		fprintf(stderr,
			"%10.6f initiator %u lun %u opcode %02x tmf %u lba %llu+%llu write %llu "
			"issued %llu: %s at %llu, status %02x key %x\n",
			(double)sim_now(w->sim) / 1e9, s->index, cmd->lun, cmd->cdb[0], cmd->tmf,
			(unsigned long long)cmd->lba, (unsigned long long)cmd->blocks,
			(unsigned long long)cmd->id, (unsigned long long)cmd->issued, what,
			(unsigned long long)w->clock, cmd->status, cmd->sense_key);
}

static void reset_ended(struct world *w)
{
	w->resets--;
	w->reset_at = w->clock;
}

/* The task will never be answered, and cannot land any more. */
static void give_up(struct script *s, struct ini_cmd *cmd)
{
	struct world *w = s->world;
	uint64_t now = tick(w);
	say(s, cmd, "given up");
	if (writes(cmd))
		model_write_over(w->model[cmd->lun], cmd->id, cmd->lba, cmd->blocks, now);
	/* A flush without an answer may have failed, and the next process does not know. */
	if (flushes(cmd) && w->sync_may_fail)
		model_flush_bad(w->model[cmd->lun], cmd->issued, now);
	if (cmd->tmf == ISCSI_TMF_LOGICAL_UNIT_RESET)
		reset_ended(w);
	cmd->busy = false;
}

/* --- the script of an initiator */

static void verify_more(struct script *s)
{
	struct ini_cmd *cmd;
	bool busy = false;
	for (unsigned i = 0; i < INI_COMMANDS; i++)
		busy |= s->ini.cmds[i].busy;
	for (unsigned lun = 0; lun < LUNS; lun++) {
		while (s->verify_next[lun] < BLOCKS && (cmd = ini_get(&s->ini))) {
			submit(s, cmd, READ, lun, s->verify_next[lun], 16);
			s->verify_next[lun] += 16;
			busy = true;
		}
		busy |= s->verify_next[lun] < BLOCKS;
	}
	s->finished = !busy;
}

static void more(struct script *s)
{
	struct world *w = s->world;
	unsigned busy = 0;
	if (w->result->why[0] || !s->ini.ready)
		return;
	if (s->verifying) {
		verify_more(s);
		return;
	}
	for (unsigned i = 0; i < INI_COMMANDS; i++)
		busy += s->ini.cmds[i].busy;
	struct ini_cmd *cmd;
	while (s->left && busy < s->depth && (cmd = ini_get(&s->ini))) {
		submit_random(s, cmd);
		s->left--;
		busy++;
	}
	s->finished = !s->left && !busy;
}

static void ready(struct initiator *ini)
{
	struct script *s = ini->ctx;
	s->world->result->logins++;
	trace(s->world, 1000 + s->index);
	update_faults(s->world);
	/* The session is reinstated: RFC 7143 6.3.5 says that the old tasks are no more. */
	for (unsigned i = 0; i < INI_COMMANDS; i++) {
		struct ini_cmd *cmd = &ini->cmds[i];
		if (!cmd->busy)
			continue;
		if (s->verifying && !cmd->tmf && cmd->kind == READ)
			s->verify_next[cmd->lun] = MIN(s->verify_next[cmd->lun], cmd->lba);
		give_up(s, cmd);
	}
	more(s);
}

static void lost(struct initiator *ini)
{
	struct script *s = ini->ctx;
	trace(s->world, 2000 + s->index);
	update_faults(s->world);
}

static void went_wrong(struct initiator *ini, const char *what)
{
	struct script *s = ini->ctx;
	wrong(s->world, "initiator %u: %s", s->index, what);
}

static void tmf_done(struct script *s, struct ini_cmd *tmf)
{
	struct world *w = s->world;
	bool reset = tmf->tmf == ISCSI_TMF_LOGICAL_UNIT_RESET;
	if (reset)
		reset_ended(w);
	for (unsigned i = 0; i < INI_COMMANDS; i++) {
		struct ini_cmd *cmd = &s->ini.cmds[i];
		bool meant = reset ? cmd->lun == tmf->lun && cmd->issued < tmf->issued
				   : cmd->itt == tmf->tmf_itt;
		if (!cmd->busy || cmd->tmf || !meant)
			continue;
		if (!reset && tmf->status == ISCSI_TMF_NO_TASK && cmd->issued > w->reset_at &&
		    !w->resets)
			wrong(w, "initiator %u: task %x was neither answered nor aborted", s->index,
			      cmd->itt);
		give_up(s, cmd);
	}
}

static void check_read(struct script *s, struct ini_cmd *cmd, uint64_t now)
{
	struct world *w = s->world;
	char why[400];
	if (cmd->got != cmd->read_len)
		wrong(w, "a read came short: %u of %u bytes", cmd->got, cmd->read_len);
	else if (!model_read(w->model[cmd->lun], cmd->lba, cmd->blocks, cmd->data, cmd->issued, now,
			     why, sizeof(why)))
		wrong(w, "initiator %u lun %u: %s", s->index, cmd->lun, why);
}

/* Not refused, as by a unit attention or BUSY, but tried: MEDIUM or HARDWARE ERROR and the like. */
static bool store_failed(const struct ini_cmd *cmd)
{
	return cmd->status == 2 && cmd->sense_key != 6;
}

static void done(struct initiator *ini, struct ini_cmd *cmd)
{
	struct script *s = ini->ctx;
	struct world *w = s->world;
	uint64_t now = tick(w);
	struct model *m = w->model[cmd->lun];
	bool good = cmd->status == 0;

	say(s, cmd, "done");
	trace(w, (uint64_t)s->index << 56 ^ (uint64_t)cmd->kind << 48 ^ cmd->lba << 16 ^
			 (uint64_t)cmd->status << 8 ^ cmd->sense_key);
	if (flushes(cmd) && store_failed(cmd))
		model_flush_bad(m, cmd->issued, now);
	if (cmd->tmf) {
		tmf_done(s, cmd);
	} else if (writes(cmd)) {
		bool fua = cmd->kind == WRITE_FUA;
		if (good)
			model_write_good(m, cmd->id, cmd->lba, cmd->blocks, fua, cmd->issued, now);
		else
			model_write_over(m, cmd->id, cmd->lba, cmd->blocks, now);
	} else if (cmd->kind == FLUSH && good) {
		model_flush_good(m, cmd->issued);
	} else if (cmd->kind == READ && good) {
		check_read(s, cmd, now);
	} else if (s->verifying && cmd->kind == READ) {
		s->verify_next[cmd->lun] = MIN(s->verify_next[cmd->lun], cmd->lba);
	}
	more(s);
}

static const struct ini_ops script_ops = {ready, done, lost, went_wrong};

/* What is out for too long is aborted, as initiators do; a function must end by itself. */
static void overdue(struct script *s)
{
	for (unsigned i = 0; s->ini.ready && i < INI_COMMANDS; i++) {
		struct ini_cmd *cmd = &s->ini.cmds[i];
		uint64_t age = reactor_now(s->ini.reactor) - cmd->sent_at;
		if (!cmd->busy || age < OVERDUE_NS)
			continue;
		if (cmd->tmf)
			wrong(s->world, "initiator %u: task management does not end", s->index);
		else if (!cmd->aborting)
			submit_tmf(s, ISCSI_TMF_ABORT_TASK, cmd->lun, cmd);
	}
}

static void mischief(struct script *s)
{
	struct world *w = s->world;
	if (below(w, 400) == 0)
		submit_tmf(s, ISCSI_TMF_LOGICAL_UNIT_RESET, (uint8_t)below(w, LUNS), NULL);
	for (unsigned i = 0; s->ini.ready && i < INI_COMMANDS; i++) {
		struct ini_cmd *cmd = &s->ini.cmds[i];
		if (cmd->busy && !cmd->tmf && !cmd->aborting && below(w, 200) == 0)
			submit_tmf(s, ISCSI_TMF_ABORT_TASK, cmd->lun, cmd);
	}
}

static void ticked(struct timer *t)
{
	struct script *s = container_of(t, struct script, tick);
	struct reactor *r = s->ini.reactor;
	timer_set(r, t, reactor_now(r) + NSEC_PER_SEC / 20);
	overdue(s);
	if (!s->world->calm)
		mischief(s);
	more(s);
}

/* --- the run */

static void misfortune(struct world *w)
{
	const char *disk = disks[below(w, LUNS)];
	switch (below(w, 10)) {
	case 0:
	case 1:
	case 2: target_crash(w, true); break;
	case 3:
	case 4: target_crash(w, false); break;
	case 5:
	case 6: sim_disk_state(w->sim, disk, SIM_DISK_HANGS); break;
	default: ini_cut(&w->scripts[below(w, w->initiators)].ini); break;
	}
}

static bool all_finished(const struct world *w)
{
	for (unsigned i = 0; i < w->initiators; i++)
		if (!w->scripts[i].finished)
			return false;
	return true;
}

/* Steps until `until` or the end of the scripts; false: something is wrong. */
static bool run_until(struct world *w, uint64_t until, uint64_t *steps)
{
	while (!w->result->why[0] && sim_now(w->sim) < until && !all_finished(w)) {
		if (!sim_step(w->sim, until))
			break;
		if (++*steps > STEPS_MAX)
			wrong(w, "the run does not end");
	}
	return !w->result->why[0];
}

static void run_scripts(struct world *w)
{
	uint64_t steps = 0;
	while (!all_finished(w)) {
		uint64_t now = sim_now(w->sim);
		uint64_t wait = w->calm ? OVERDUE_NS : below(w, 700) * NSEC_PER_MSEC + 1;
		if (now > TIME_MAX)
			wrong(w, "an hour has passed and commands are still out");
		if (!run_until(w, now + wait, &steps))
			return;
		bool hangs = !w->calm && below(w, 4) == 0;
		if (!hangs)
			for (unsigned i = 0; i < LUNS; i++)
				sim_disk_state(w->sim, disks[i], SIM_DISK_OK);
		if (!w->calm && below(w, 3) == 0)
			misfortune(w);
		bool sent = true;
		for (unsigned i = 0; i < w->initiators; i++)
			sent &= !w->scripts[i].left;
		if (sent && !w->calm) {
			w->calm = true;
			set_faults(w, false);
			for (unsigned i = 0; i < LUNS; i++)
				sim_disk_state(w->sim, disks[i], SIM_DISK_OK);
		}
	}
}

static void start_script(struct world *w, unsigned i, uint64_t commands)
{
	struct script *s = &w->scripts[i];
	struct initiator *ini = &s->ini;
	s->world = w;
	s->index = i;
	s->depth = (unsigned)(1 + below(w, 8));
	s->left = commands;
	snprintf(s->name, sizeof(s->name), "iqn.2026-11.org.example:init%u", i);
	ini->reactor = sim_node(w->sim);
	ini->ops = &script_ops;
	ini->ctx = s;
	sim_node_addr(w->sim, w->target.reactor, AF_INET, PORT, &ini->target);
	struct iscsi_login_config *c = &ini->login_config;
	c->initiator_name = s->name;
	c->target_name = TARGET_NAME;
	c->isid[0] = 0x80;
	c->isid[5] = (uint8_t)i;
	c->tpgt = -1;
	iscsi_offer_init(&c->offer);
	/* Bits are flipped on the way, so digests are not a matter of choice. */
	c->offer.header_digests = c->offer.data_digests = ISCSI_DIGEST_CRC32C;
	c->offer.want.header_digest = c->offer.want.data_digest = true;
	c->offer.want.max_recv_data = 4096;
	c->offer.want.max_burst = 16384;
	c->offer.want.first_burst = 8192;
	c->offer.want.max_outstanding_r2t = (uint32_t)(1 + below(w, 4));
	c->offer.want.initial_r2t = below(w, 2) != 0;
	c->offer.want.immediate_data = true;
	ini_start(ini);
	timer_init(&s->tick, ticked);
	timer_set(ini->reactor, &s->tick, NSEC_PER_SEC / 20);
}

/* Everything that is on the disks at the end, through one initiator. */
static void verify(struct world *w)
{
	struct script *s = &w->scripts[0];
	uint64_t steps = 0;
	s->verifying = true;
	s->finished = false;
	more(s);
	while (!s->finished && !w->result->why[0]) {
		if (sim_now(w->sim) > TIME_MAX)
			wrong(w, "the last reads do not end");
		run_until(w, sim_now(w->sim) + OVERDUE_NS, &steps);
	}
}

bool world_run(uint64_t seed, uint64_t commands, bool verbose, struct world_result *result)
{
	struct log quiet = {.level = LOG_LEVEL_ERROR};
	struct world *w = calloc(1, sizeof(*w));
	if (!w)
		abort();
	memset(result, 0, sizeof(*result));
	if (verbose)
		quiet.level = LOG_LEVEL_DEBUG;
	w->result = result;
	w->verbose = verbose;
	w->sim = sim_new(seed, &quiet);
	for (unsigned i = 0; i < LUNS; i++) {
		w->model[i] = model_new(BLOCKS);
		if (sim_disk_create(w->sim, disks[i], BLOCKS * MODEL_BLOCK, 0))
			abort();
	}
	w->target.reactor = sim_node(w->sim);
	target_start(w);
	set_faults(w, true);
	w->initiators = (unsigned)(2 + below(w, INITIATORS_MAX - 1));
	for (unsigned i = 0; i < w->initiators; i++)
		start_script(w, i, commands / w->initiators + 1);
	update_faults(w);
	run_scripts(w);
	if (!result->why[0])
		verify(w);

	const struct sim_stats *stats = sim_stats(w->sim);
	result->faults =
		stats->cuts + stats->flips + stats->slow + stats->failures + result->crashes;
	result->virtual_ns = sim_now(w->sim);
	sim_crash(w->sim, w->target.reactor, false);
	target_free_memory(w);
	for (unsigned i = 0; i < w->initiators; i++) {
		struct initiator *ini = &w->scripts[i].ini;
		sim_crash(w->sim, ini->reactor, false);
		if (ini->sock >= 0)
			iscsi_tx_abandon(&ini->tx);
		iscsi_login_initiator_free(&ini->login);
	}
	for (unsigned i = 0; i < LUNS; i++)
		model_free(w->model[i]);
	sim_free(w->sim);
	free(w);
	return !result->why[0];
}

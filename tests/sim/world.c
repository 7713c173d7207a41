/* SPDX-License-Identifier: BSD-2-Clause */
/* The course of a run: chaos, then what must be true when it is over. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "world_priv.h"

#define STEPS_MAX     20000000u
#define TIME_MAX      (3600 * NSEC_PER_SEC)
#define SETTLE_MAX    (60 * NSEC_PER_SEC) /* overdue, aborted, and logged in anew */
#define CALM_COMMANDS 25
#define DISK_SLOW_MAX (8 * NSEC_PER_SEC)

const char *const world_disks[LUNS] = {"/disk/0", "/disk/1"};

const char *const world_fault_names[FAULTS] = {
	[FAULT_NET_CUT] = "connections cut",        [FAULT_NET_FLIP] = "bits flipped",
	[FAULT_DISK_SLOW] = "slow disk operations", [FAULT_DISK_READ] = "failed reads",
	[FAULT_DISK_WRITE] = "failed writes",       [FAULT_DISK_SYNC] = "failed flushes",
	[FAULT_DISK_FULL] = "writes without room",  [FAULT_DISK_HANG] = "hung disks",
	[FAULT_POWER_CUT] = "power cuts",           [FAULT_CRASH] = "crashes",
};

uint64_t world_faults(const struct world_counts *n)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < FAULTS; i++)
		sum += n->fault[i];
	return sum;
}

/* --- what is wrong, and the trace */

void wrong(struct world *w, const char *fmt, ...)
{
	if (w->result->why[0])
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(w->result->why, sizeof(w->result->why), fmt, ap);
	va_end(ap);
}

void trace(struct world *w, uint64_t value)
{
	uint64_t hash = w->result->trace ^ value ^ sim_now(w->sim);
	hash *= 0x9e3779b97f4a7c15u;
	w->result->trace = hash ^ hash >> 29;
}

static void no_log(struct log *log, enum log_level level, const char *line)
{
}

/* --- faults */

/*
 * A login has no digests, and a name or an ISID that changed on the way would take away what
 * reinstatement promises: no bits are flipped before all are through.
 */
void update_faults(struct world *w)
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
		if (below(w, 2))
			f.net_late_max_us = 3000000;
		f.net_flip = 3000;
		f.disk_slow = 4000;
		f.disk_slow_max_us = DISK_SLOW_MAX / 1000;
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

/* What the simulation has counted; the rest is counted where it is done. */
static uint64_t count_faults(struct world *w)
{
	const struct sim_stats *stats = sim_stats(w->sim);
	struct sim_disk_failures sum = {0};
	uint64_t *fault = w->result->n.fault;
	for (unsigned i = 0; i < LUNS; i++) {
		const struct sim_disk_failures *f = sim_disk_failures(w->sim, world_disks[i]);
		sum.reads += f->reads;
		sum.writes += f->writes;
		sum.syncs += f->syncs;
		sum.full += f->full;
	}
	fault[FAULT_NET_CUT] = stats->cuts;
	fault[FAULT_NET_FLIP] = stats->flips;
	fault[FAULT_DISK_SLOW] = stats->slow;
	fault[FAULT_DISK_READ] = sum.reads;
	fault[FAULT_DISK_WRITE] = sum.writes;
	fault[FAULT_DISK_SYNC] = sum.syncs;
	fault[FAULT_DISK_FULL] = sum.full;
	return world_faults(&w->result->n);
}

static void disks_ok(struct world *w)
{
	for (unsigned i = 0; i < LUNS; i++)
		sim_disk_state(w->sim, world_disks[i], SIM_DISK_OK);
}

static void hang(struct world *w)
{
	w->result->n.fault[FAULT_DISK_HANG]++;
	sim_disk_state(w->sim, world_disks[below(w, LUNS)], SIM_DISK_HANGS);
}

static void misfortune(struct world *w)
{
	switch (below(w, 10)) {
	case 0:
	case 1:
	case 2: process_crash(w, true); break;
	case 3:
	case 4: process_crash(w, false); break;
	case 5:
	case 6: hang(w); break;
	default: ini_cut(&w->scripts[below(w, w->initiators)].ini); break;
	}
}

/* --- the run */

static bool all_finished(const struct world *w)
{
	for (unsigned i = 0; i < w->initiators; i++)
		if (!w->scripts[i].finished)
			return false;
	return true;
}

static bool all_sent(const struct world *w)
{
	for (unsigned i = 0; i < w->initiators; i++)
		if (w->scripts[i].left)
			return false;
	return true;
}

/* Steps until `until`, or until the scripts have nothing to do; false: something is wrong. */
static bool run_until(struct world *w, uint64_t until)
{
	uint64_t steps = 0;
	while (!w->result->why[0] && sim_now(w->sim) < until && !all_finished(w)) {
		if (!sim_step(w->sim, until))
			break;
		if (++steps > STEPS_MAX)
			wrong(w, "the run does not end");
	}
	return !w->result->why[0];
}

/* Long enough for task management to run out of time. */
static bool long_hang(struct world *w)
{
	w->hung_until = sim_now(w->sim) + (15 + below(w, 25)) * NSEC_PER_SEC;
	hang(w);
	return run_until(w, w->hung_until);
}

/* A few things in a row, with some time in between. */
static void administer(struct world *w)
{
	for (uint64_t n = below(w, 4); n && !w->result->why[0]; n--) {
		admin_act(w);
		run_until(w, sim_now(w->sim) + below(w, 20) * NSEC_PER_MSEC + 1);
	}
}

/* All is to be as it was. */
static void end_administration(struct world *w, bool disks)
{
	for (int i = 0; i < 200 && !w->result->why[0]; i++) {
		if (admin_rest(w, disks))
			return;
		sim_run(w->sim, sim_now(w->sim) + NSEC_PER_SEC / 10);
	}
	wrong(w, "what was deleted or disabled does not come to its end");
}

static void chaos(struct world *w)
{
	bool may_hang = below(w, 4) == 0;
	uint64_t commands = w->result->n.commands + below(w, 800);
	while (!all_sent(w)) {
		uint64_t now = sim_now(w->sim);
		if (now > TIME_MAX)
			wrong(w, "an hour has passed and commands are still to be sent");
		if (!run_until(w, now + below(w, 700) * NSEC_PER_MSEC + 1))
			return;
		if (may_hang && w->result->n.commands > commands) {
			may_hang = false;
			if (!long_hang(w))
				return;
		}
		if (below(w, 4))
			disks_ok(w);
		if (below(w, 3) == 0)
			misfortune(w);
		if (w->administered)
			administer(w);
	}
	/* Luck is not what is to be tested. */
	while (count_faults(w) < WORLD_FAULTS_MIN && !w->result->why[0]) {
		process_crash(w, below(w, 2));
		sim_run(w->sim, sim_now(w->sim) + NSEC_PER_SEC);
	}
}

/* Everything that was begun ends, and everybody has a session. */
static void settle(struct world *w, enum phase phase, uint64_t limit)
{
	w->phase = phase;
	for (unsigned i = 0; i < w->initiators; i++) {
		w->scripts[i].finished = false;
		script_more(&w->scripts[i]);
	}
	run_until(w, sim_now(w->sim) + limit);
	if (!all_finished(w))
		wrong(w, "without faults, commands or logins do not end");
}

static void crash_and_settle(struct world *w, enum phase phase, bool power)
{
	if (w->result->why[0])
		return;
	process_crash(w, power);
	settle(w, phase, SETTLE_MAX);
}

static bool flushes_fail(const struct world *w)
{
	for (unsigned i = 0; i < LUNS; i++)
		if (memcmp(sim_disk_failures(w->sim, world_disks[i]), &w->target.base[i],
			   sizeof(struct sim_disk_failures)) != 0)
			return true;
	return false;
}

static void peace(struct world *w)
{
	set_faults(w, false);
	/* The disks may hang for that, but for what is about them. */
	end_administration(w, false);
	disks_ok(w);
	end_administration(w, true);
	settle(w, SETTLE, SETTLE_MAX);
	/* An aborted write may still be on its way to a slow disk, and its blocks be fenced. */
	if (!w->result->why[0])
		sim_run(w->sim, sim_now(w->sim) + 2 * DISK_SLOW_MAX);
	/* A process in which a flush has failed would go on failing. */
	if (flushes_fail(w) || below(w, 2))
		crash_and_settle(w, SETTLE, false);
	if (w->result->why[0])
		return;
	w->calm_since = tick(w);
	for (unsigned i = 0; i < w->initiators; i++)
		w->scripts[i].left = CALM_COMMANDS;
	settle(w, CALM, OVERDUE_NS);
	settle(w, LAST, OVERDUE_NS);
	/* What is read now comes from the medium. */
	crash_and_settle(w, VERIFYING, true);
}

static void world_free(struct world *w)
{
	sim_crash(w->sim, w->target.reactor, false);
	process_free(w);
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
}

bool world_run(uint64_t seed, uint64_t commands, bool verbose, struct world_result *result)
{
	struct world *w = calloc(1, sizeof(*w));
	if (!w)
		abort();
	memset(result, 0, sizeof(*result));
	w->log = (struct log){.level = LOG_LEVEL_DEBUG, .write = verbose ? NULL : no_log};
	w->result = result;
	w->verbose = verbose;
	w->sim = sim_new(seed, &w->log);
	for (unsigned i = 0; i < LUNS; i++) {
		w->model[i] = model_new(BLOCKS);
		if (sim_disk_create(w->sim, world_disks[i], BLOCKS * MODEL_BLOCK, 0))
			abort();
	}
	w->target.reactor = sim_node(w->sim);
	w->target.other_count = (unsigned)below(w, OTHER_REACTORS_MAX + 1);
	for (unsigned i = 0; i < w->target.other_count; i++)
		w->target.others[i] = sim_node_thread(w->sim, w->target.reactor);
	w->initiators = (unsigned)(2 + below(w, INITIATORS_MAX - 1));
	w->admin.has_acl = (unsigned)below(w, 1u << INITIATORS_MAX);
	w->administered = below(w, 3) != 0;
	w->no_cache = below(w, 3) ? 0 : (unsigned)below(w, 1u << LUNS);
	for (unsigned i = 0; i < w->initiators; i++)
		snprintf(w->scripts[i].name, sizeof(w->scripts[i].name),
			 "iqn.2026-11.org.example:init%u", i);
	process_start(w);
	set_faults(w, true);
	for (unsigned i = 0; i < w->initiators; i++)
		script_start(w, i, commands / w->initiators + 1);
	update_faults(w);
	chaos(w);
	if (!result->why[0])
		peace(w);
	count_faults(w);
	result->n.virtual_ns = sim_now(w->sim);
	world_free(w);
	return !result->why[0];
}

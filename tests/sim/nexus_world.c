/* SPDX-License-Identifier: BSD-2-Clause */
/* The course of a run: chaos, then what must be true when it is over. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "nexus.h"

#define STEPS_MAX 20000000u
#define TIME_MAX  (3600 * NSEC_PER_SEC)
#define SETTLE_MAX \
	(180 * NSEC_PER_SEC) /* not answered, aborted, reset, dropped, and logged in anew */
#define CALM_MAX      (30 * NSEC_PER_SEC)
#define CALM_COMMANDS 25
#define DISK_SLOW_MAX (8 * NSEC_PER_SEC)

void wrong(struct nexus_world *w, const char *fmt, ...)
{
	va_list ap;
	if (w->result->why[0])
		return;
	va_start(ap, fmt);
	vsnprintf(w->result->why, sizeof(w->result->why), fmt, ap);
	va_end(ap);
}

void trace(struct nexus_world *w, uint64_t value)
{
	uint64_t hash = w->result->trace ^ value ^ sim_now(w->sim);
	hash *= 0x9e3779b97f4a7c15u;
	w->result->trace = hash ^ hash >> 29;
}

static void no_log(struct log *log, enum log_level level, const char *line)
{
}

/* --- faults */

/* A login has no digests: no bits are flipped before all are through. */
void update_faults(struct nexus_world *w)
{
	struct sim_faults f = w->faults;
	for (unsigned i = 0; i < w->host_count; i++)
		if (!w->hosts[i].link || w->hosts[i].state != INI_UP)
			f.net_flip = 0;
	for (unsigned i = 0; i < PATHS && w->paths.world; i++)
		if (w->paths.path[i].state != INI_UP)
			f.net_flip = 0;
	sim_set_faults(w->sim, &f);
}

static void set_faults(struct nexus_world *w, bool on)
{
	struct sim_faults f = {
		.net_delay_max_us = 2000, .net_split = 200000, .disk_delay_max_us = 3000};
	if (on) {
		/* What one side has given up the other one may be at for long. */
		if (below(w, 2))
			f.net_late_max_us = 4000000;
		f.net_cut = 2000;
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

static void disks_ok(struct nexus_world *w)
{
	for (unsigned i = 0; i < LUNS; i++)
		sim_disk_state(w->sim, nexus_disks[i], SIM_DISK_OK);
}

static void hang(struct nexus_world *w)
{
	w->result->n[N_HANGS]++;
	sim_disk_state(w->sim, nexus_disks[below(w, LUNS)], SIM_DISK_HANGS);
}

static void misfortune(struct nexus_world *w)
{
	switch (below(w, 12)) {
	case 0:
	case 1:
	case 2:
		w->result->n[N_POWER]++;
		target_die(w, true);
		break;
	case 3:
	case 4:
		w->result->n[N_CRASHES]++;
		target_die(w, false);
		break;
	case 5: hang(w); break;
	case 6:
		/* One of its paths comes back, the other one does not. */
		if (below(w, 2))
			target_close_other(w, true);
		paths_crash(&w->paths, below(w, 2));
		break;
	case 7: w->result->n[N_CLOSED] += target_close_other(w, !w->closed) && w->closed; break;
	case 8:
	case 9: host_crash(&w->hosts[below(w, w->host_count)], true); break;
	default: host_crash(&w->hosts[below(w, w->host_count)], false); break;
	}
}

/* --- the run */

static bool all_sent(const struct nexus_world *w)
{
	for (unsigned i = 0; i < w->host_count; i++)
		if (w->hosts[i].left)
			return false;
	return !w->paths.left;
}

static bool all_finished(const struct nexus_world *w)
{
	for (unsigned i = 0; i < w->host_count; i++)
		if (!host_finished(&w->hosts[i]))
			return false;
	return paths_finished(&w->paths);
}

static bool run_until(struct nexus_world *w, uint64_t until,
		      bool (*enough)(const struct nexus_world *))
{
	uint64_t steps = 0;
	while (!w->result->why[0] && sim_now(w->sim) < until && !enough(w)) {
		if (!sim_step(w->sim, until))
			break;
		if (++steps > STEPS_MAX)
			wrong(w, "the run does not end");
	}
	return !w->result->why[0];
}

static void chaos(struct nexus_world *w)
{
	bool may_hang = below(w, 4) == 0;
	while (!all_sent(w)) {
		uint64_t now = sim_now(w->sim);
		if (now > TIME_MAX)
			wrong(w, "an hour has passed and commands are still to be sent");
		if (!run_until(w, now + below(w, 700) * NSEC_PER_MSEC + 1, all_sent))
			return;
		if (may_hang && below(w, 10) == 0) {
			may_hang = false;
			hang(w);
			if (!run_until(w, sim_now(w->sim) + (15 + below(w, 60)) * NSEC_PER_SEC,
				       all_sent))
				return;
		}
		if (below(w, 4))
			disks_ok(w);
		if (below(w, 3) == 0)
			misfortune(w);
		if (below(w, 3) == 0)
			nexus_admin_act(w);
	}
}

static void settle(struct nexus_world *w, enum nexus_phase phase, uint64_t limit)
{
	if (w->result->why[0])
		return;
	w->phase = phase;
	for (unsigned i = 0; i < w->host_count; i++)
		host_more(&w->hosts[i]);
	paths_more(&w->paths);
	run_until(w, sim_now(w->sim) + limit, all_finished);
	if (!all_finished(w))
		wrong(w, "without faults, commands or logins do not end (phase %d)", phase);
}

static bool is_closed(const struct nexus_world *w)
{
	return !w->closing;
}

static bool never(const struct nexus_world *w)
{
	return false;
}

static void peace(struct nexus_world *w)
{
	set_faults(w, false);
	disks_ok(w);
	run_until(w, sim_now(w->sim) + NSEC_PER_SEC, is_closed);
	target_close_other(w, false);
	for (unsigned i = 0; i < 300 && !nexus_admin_rest(w) && !w->result->why[0]; i++)
		run_until(w, sim_now(w->sim) + NSEC_PER_SEC / 10, never);
	settle(w, SETTLE, SETTLE_MAX);
	/* A process in which a flush has failed would go on failing, and fences may be up. */
	if (!w->result->why[0])
		sim_run(w->sim, sim_now(w->sim) + 2 * DISK_SLOW_MAX);
	target_die(w, false);
	run_until(w, sim_now(w->sim) + NSEC_PER_SEC,
		  never); /* all notice, and see the disks by their last numbers */
	settle(w, SETTLE, SETTLE_MAX);
	for (unsigned i = 0; i < w->host_count; i++)
		w->hosts[i].left = CALM_COMMANDS;
	w->paths.left = w->paths.world ? CALM_COMMANDS : 0;
	settle(w, CALM, CALM_MAX);
	settle(w, LAST, CALM_MAX);
	/* What is read now comes from the medium. */
	if (!w->result->why[0])
		target_die(w, true);
	settle(w, VERIFY, CALM_MAX);
	if (!w->result->why[0])
		paths_check(&w->paths);
}

static void count_faults(struct nexus_world *w)
{
	const struct sim_stats *stats = sim_stats(w->sim);
	w->result->n[N_CUTS] = stats->cuts;
	w->result->n[N_FLIPS] = stats->flips;
	for (unsigned i = 0; i < LUNS; i++) {
		const struct sim_disk_failures *f = sim_disk_failures(w->sim, nexus_disks[i]);
		w->result->n[N_DISK] += f->reads + f->writes + f->syncs + f->full;
	}
}

static void world_free(struct nexus_world *w)
{
	for (unsigned i = 0; i < w->host_count; i++)
		host_free(&w->hosts[i]);
	paths_free(&w->paths);
	sim_crash(w->sim, w->reactor, false);
	target_forget(w);
	for (unsigned i = 0; i < LUNS; i++)
		model_free(w->model[i]);
	sim_free(w->sim);
	free(w);
}

bool nexus_run(uint64_t seed, uint64_t commands, bool verbose, struct nexus_result *result)
{
	struct nexus_world *w = calloc(1, sizeof(*w));
	if (!w)
		abort();
	memset(result, 0, sizeof(*result));
	nexus_plant_begin();
	w->log = (struct log){.level = LOG_LEVEL_DEBUG, .write = verbose ? NULL : no_log};
	w->result = result;
	w->verbose = verbose;
	w->sim = sim_new(seed, &w->log);
	for (unsigned i = 0; i < LUNS; i++) {
		w->model[i] = model_new(BLOCKS);
		if (sim_disk_create(w->sim, nexus_disks[i], BLOCKS * MODEL_BLOCK, 0))
			abort();
	}
	w->reactor = sim_node(w->sim);
	if (below(w, 2))
		w->other = sim_node_thread(w->sim, w->reactor);
	nexus_admin_init(w);
	target_start(w);
	set_faults(w, true);
	unsigned hosts = (unsigned)(1 + below(w, HOSTS_MAX));
	for (unsigned i = 0; i < hosts; i++) {
		host_init(w, i, commands / hosts + 1);
		w->host_count++;
	}
	if (below(w, 2))
		paths_init(w, commands / (hosts + 1) + 1);
	update_faults(w);
	chaos(w);
	if (!result->why[0])
		peace(w);
	count_faults(w);
	result->virtual_ns = sim_now(w->sim);
	world_free(w);
	return !result->why[0];
}

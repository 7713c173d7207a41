/* SPDX-License-Identifier: BSD-2-Clause */
/* The target's process: it starts, dies, and is started again. */
#include <stdio.h>
#include <string.h>
#include "backstore/backstore.h"
#include "nexus.h"
#include "scsi/lu.h"

#define STARTS_MAX 100

const char *const nexus_disks[LUNS] = {"/disk/0", "/disk/1"};

static int open_lun(struct nexus_world *w, unsigned i, char *why, size_t size)
{
	struct bs_file_options opt = {0};
	struct scsi_lu_config config = {.block_size = MODEL_BLOCK,
					.thin = true,
					.fence_hold = w->limits.fence_hold * NSEC_PER_SEC};
	struct backstore *bs;
	config.id[0] = (uint8_t)(i + 1);
	int err = bs_open_path(&bs, w->reactor, nexus_disks[i], &opt, why, size);
	if (!err)
		err = scsi_lu_new(&w->lu[i], bs, &config, NULL, why, size);
	return err;
}

static int listen_on(struct nexus_world *w, uint16_t port)
{
	struct net_addr addr;
	sim_node_addr(w->sim, w->reactor, AF_INET, port, &addr);
	return target_listen(w->target, &addr, NULL);
}

static void other_is_closed(void *ctx)
{
	((struct nexus_world *)ctx)->closing = false;
}

bool target_close_other(struct nexus_world *w, bool closed)
{
	struct net_addr addr;
	int err = 0;
	if (w->closing)
		return false;
	if (w->up && closed && !w->closed) {
		w->closing = true;
		sim_node_addr(w->sim, w->reactor, AF_INET, PORT + 1, &addr);
		err = target_unlisten(w->target, &addr, other_is_closed, w);
	} else if (w->up && w->closed && !closed) {
		err = listen_on(w, PORT + 1);
	}
	w->closed = closed;
	if (err)
		wrong(w, "the other portal does not %s: %d", closed ? "close" : "open", err);
	return true;
}

static int open_all(struct nexus_world *w, char *why, size_t size)
{
	int err = target_new(&w->target, w->reactor, &w->limits);
	if (!err && w->other)
		err = target_add_reactor(w->target, w->other);
	if (!err)
		err = target_node_open(&w->node, w->target, TARGET_NAME, NULL);
	for (unsigned i = 0; i < LUNS && !err; i++)
		err = open_lun(w, i, why, size);
	if (!err)
		err = nexus_admin_open(w);
	for (uint16_t i = 0; i < (w->closed ? 1 : PATHS) && !err; i++)
		err = listen_on(w, PORT + i);
	return err;
}

void target_start(struct nexus_world *w)
{
	char why[256] = "";
	memset(w->lu, 0, sizeof(w->lu));
	config_limits_defaults(&w->limits);
	w->limits.max_burst_length = 16384;
	w->limits.first_burst_length = 8192;
	w->limits.max_recv_data_segment_length = 8192;
	w->limits.max_commands = (uint32_t)(2 + below(w, 15));
	w->limits.immediate_data = below(w, 4) != 0;
	w->limits.initial_r2t = below(w, 2) != 0;
	w->limits.default_time2wait = (uint32_t)below(w, 3);
	int err = open_all(w, why, sizeof(why));
	w->up = true;
	if (!err) {
		for (unsigned i = 0; i < LUNS; i++)
			snprintf(w->serial[i], sizeof(w->serial[i]), "%s",
				 scsi_lu_serial(w->lu[i]));
		w->failed_starts = 0;
		return;
	}
	/* The disk may fail at this very moment. */
	if (++w->failed_starts > STARTS_MAX)
		wrong(w, "the target does not start: %s %s", strerror(-err), why);
	target_die(w, false);
}

void target_forget(struct nexus_world *w)
{
	if (!w->up)
		return;
	if (w->target)
		target_free(w->target);
	w->target = NULL;
	for (unsigned i = 0; i < LUNS; i++)
		if (w->lu[i])
			scsi_lu_free(w->lu[i]);
	nexus_admin_forget(w);
	w->up = w->closing = false;
}

static void restart_fired(struct timer *t)
{
	target_start(container_of(t, struct nexus_world, restart));
}

void target_die(struct nexus_world *w, bool power)
{
	uint64_t now = tick(w);
	if (!w->up)
		return;
	if (w->verbose)
		fprintf(stderr, "%10.6f the target's %s\n", (double)sim_now(w->sim) / 1e9,
			power ? "power goes" : "process dies");
	sim_crash(w->sim, w->reactor, power);
	target_forget(w);
	for (unsigned i = 0; i < LUNS; i++) {
		sim_disk_state(w->sim, nexus_disks[i], SIM_DISK_OK);
		if (power)
			model_power_cut(w->model[i], now);
	}
	for (unsigned i = 0; power && i < w->host_count; i++)
		host_power_cut(&w->hosts[i], now);
	if (power)
		paths_power_cut(&w->paths, now);
	timer_init(&w->restart, restart_fired);
	timer_set(w->reactor, &w->restart,
		  reactor_now(w->reactor) + below(w, 300) * NSEC_PER_MSEC + 1);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A world to test in: the target with its logical units, before a case and after it. */
#include <stdio.h>
#include "wire.h"

#define DEFAULT_SIZE  (4u << 20)
#define DEFAULT_BLOCK 512

/* Memory that a case was given, freed with its world. */
struct chunk {
	struct list link;
	max_align_t bytes[];
};

void *wire_alloc(struct wire_world *world, size_t len)
{
	struct chunk *c = calloc(1, sizeof(*c) + len);

	assert_non_null(c);
	list_add_tail(&world->arena, &c->link);
	return c->bytes;
}

const char *wire_disk(unsigned lun)
{
	static const char *const paths[WIRE_LUNS_MAX] = {"/disk0", "/disk1", "/disk2", "/disk3",
							 "/disk4", "/disk5", "/disk6", "/disk7"};
	return paths[lun];
}

static void log_to_trace(struct log *log, enum log_level level, const char *line)
{
	struct wire_world *world = log->ctx;

	pthread_mutex_lock(&world->trace_lock);
	snprintf(world->trace[world->traced++ % WIRE_TRACE], sizeof(world->trace[0]),
		 "  target: %s", line);
	pthread_mutex_unlock(&world->trace_lock);
	if (getenv("WIRE_TRACE"))
		fprintf(stderr, "  target: %s\n", line);
}

/* --- building */

static struct backstore *open_store(struct wire_world *world, unsigned lun, uint64_t size)
{
	static const struct bs_file_options options = {.raw = true};
	struct backstore *bs = NULL;
	char why[256] = "";
	int err;

	if (!world->sim || world->config->memory) {
		err = bs_open_memory(&bs, world->reactor, size, why, sizeof(why));
	} else {
		err = sim_disk_create(world->sim, wire_disk(lun), size, 0);
		if (!err)
			err = bs_open_path(&bs, world->reactor, wire_disk(lun), &options, why,
					   sizeof(why));
	}
	if (err)
		print_error("store of LUN %u: %d %s\n", lun, err, why);
	return bs;
}

static bool add_lun(struct wire_world *world, unsigned lun)
{
	const struct wire_config *config = world->config;
	struct scsi_lu_config lu = {
		.block_size = config->block_size ? config->block_size : DEFAULT_BLOCK,
		.readonly = config->readonly,
		.fence_hold = world->limits.fence_hold * NSEC_PER_SEC,
		.number = lun + 1,
	};
	struct backstore *bs = open_store(world, lun, config->size ? config->size : DEFAULT_SIZE);
	char why[256] = "";

	if (!bs)
		return false;
	lu.thin = bs->unmap_granularity != 0;
	memset(lu.id, 0x40 + (int)lun, sizeof(lu.id));
	if (scsi_lu_new(&world->lu[lun], bs, &lu, &world->log, why, sizeof(why))) {
		print_error("LUN %u: %s\n", lun, why);
		return false;
	}
	world->luns = lun + 1;
	if (world->other_node && lun == 0)
		scsi_device_map(target_node_device(world->other_node), 0, world->lu[0]);
	return scsi_device_map(target_node_device(world->node), (uint16_t)lun, world->lu[lun]) == 0;
}

static bool add_nodes(struct wire_world *world)
{
	const struct wire_config *config = world->config;

	if (target_node_open(&world->node, world->target, WIRE_TARGET, WIRE_ALIAS))
		return false;
	if (config->other_node &&
	    target_node_open(&world->other_node, world->target, WIRE_TARGET2, NULL))
		return false;
	if (config->auth.user && target_node_set_auth(world->node, &config->auth))
		return false;
	return !config->discovery_auth.user ||
	       target_set_discovery_auth(world->target, &config->discovery_auth) == 0;
}

/* In simulation they share the thread. */
static bool add_reactors(struct wire_world *world)
{
	unsigned more = world->reactors - 1;

	if (!more)
		return true;
	if (!world->sim && crew_new(&world->crew, more, getenv("LUNAR_ENGINE"), &world->log))
		return false;
	for (unsigned i = 0; i < more; i++)
		if (target_add_reactor(world->target,
				       world->sim ? sim_node_thread(world->sim, world->reactor)
						  : crew_reactor(world->crew, i)))
			return false;
	return true;
}

static bool build(struct wire_world *world, const struct net_addr *listen)
{
	const struct wire_config *config = world->config;
	unsigned luns = config->luns ? config->luns : 1;

	config_limits_defaults(&world->limits);
	if (config->tune)
		config->tune(&world->limits);
	world->limits.memory_limit *= world->reactors; /* each has a case's worth of it */
	if (target_new(&world->target, world->reactor, &world->limits) || !add_reactors(world) ||
	    !add_nodes(world))
		return false;
	for (unsigned lun = 0; lun < luns; lun++)
		if (!add_lun(world, lun))
			return false;
	if (config->both_families) {
		struct net_addr addr6;

		sim_node_addr(world->sim, world->reactor, AF_INET6, ISCSI_DEFAULT_PORT, &addr6);
		if (target_listen(world->target, &addr6, NULL))
			return false;
	}
	return target_listen(world->target, listen, &world->addr) == 0;
}

int wire_run_setup(void **state)
{
	static const struct wire_config plain;
	struct wire_run *run = *state;
	struct wire_world *world = calloc(1, sizeof(*world));
	const char *reactors = getenv("LUNAR_REACTORS");
	struct net_addr listen;

	if (!world)
		return -1;
	world->transport = run->family == AF_UNSPEC ? &wire_sim_transport : &wire_real_transport;
	world->family = run->family == AF_UNSPEC ? AF_INET : run->family;
	world->config = run->c->config ? run->c->config : &plain;
	world->reactors = reactors ? (unsigned)atoi(reactors) : 1;
	world->log = (struct log){.level = LOG_LEVEL_DEBUG, .write = log_to_trace, .ctx = world};
	pthread_mutex_init(&world->trace_lock, NULL);
	list_init(&world->wires);
	list_init(&world->arena);
	if (!world->transport->start(world, &listen)) {
		free(world);
		return 0; /* not to be had here: the case is skipped */
	}
	run->world = world;
	return build(world, &listen) ? 0 : -1;
}

/* --- taking down */

static size_t busy(struct wire_world *world)
{
	size_t n = 0;

	for (unsigned i = 0; i < world->luns; i++)
		n += scsi_lu_busy(world->lu[i]);
	return n;
}

static bool all_gone(struct wire_world *world)
{
	struct target_stats stats;

	target_get_stats(world->target, &stats);
	return !stats.connections && !stats.sessions && !stats.memory && busy(world) == 0;
}

static void close_all(struct wire_world *world)
{
	list_for_each (it, &world->wires)
		wire_close(list_entry(it, struct wire, link));
	for (unsigned i = 0; world->sim && !world->config->memory && i < world->luns; i++)
		sim_disk_state(world->sim, wire_disk(i), SIM_DISK_OK);
}

void wire_run_case(void **state)
{
	struct wire_run *run = *state;
	struct wire_world *world = run->world;

	if (!world)
		skip();
	run->c->run(world);
	/* Whatever the case did, nothing of it stays: no connection, no session, no buffer. */
	close_all(world);
	wire_run_until(world, all_gone, "the target to forget connections, sessions, buffers");
}

static void free_wires(struct wire_world *world)
{
	list_for_each_safe (it, &world->wires) {
		struct wire *w = list_entry(it, struct wire, link);

		world->transport->free(w);
		buf_free(&w->in);
		buf_free(&w->out);
		free(w);
	}
	list_for_each_safe (it, &world->arena)
		free(list_entry(it, struct chunk, link));
}

static void drained(void *ctx)
{
	*(bool *)ctx = true;
}

static void free_target(struct wire_world *world)
{
	uint64_t until = wire_now(world) + 60 * NSEC_PER_SEC;
	bool done = false;

	target_drain(world->target, 0, drained, &done);
	while ((!done || busy(world)) && world->transport->turn(world, until))
		;
	crew_stop(world->crew);
	target_free(world->target);
}

int wire_run_teardown(void **state)
{
	struct wire_run *run = *state;
	struct wire_world *world = run->world;

	if (!world)
		return 0;
	run->world = NULL;
	close_all(world);
	if (world->target)
		free_target(world);
	for (unsigned i = 0; i < world->luns; i++)
		scsi_lu_free(world->lu[i]);
	crew_free(world->crew);
	world->transport->stop(world);
	free_wires(world);
	free(world);
	return 0;
}

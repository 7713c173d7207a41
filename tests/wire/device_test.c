/* SPDX-License-Identifier: BSD-2-Clause */
/* Remote disks (device/device.h) over our initiator, at our target: identity, paths, outages. */
#include <errno.h>
#include <stdlib.h>
#include "device/device.h"
#include "driver/link.h"
#include "scsi/lu_priv.h"
#include "target/node.h"
#include "target/watch.h"
#include "wire.h"

#define PATIENCE (60 * NSEC_PER_SEC)

struct host;

struct portal {
	struct host *host;
	struct ini_link *link;
	struct dev_session *ds;
	enum ini_state state;
	unsigned settled;
	uint8_t isid[6];
};

/* The initiator's side: sessions, and the devices that come of them. */
struct host {
	struct wire_world *world;
	struct reactor *reactor;
	struct dev_set *set;
	struct portal portals[2];
	unsigned appeared, changed;
	struct device *last; /* that appeared */
};

static void on_appeared(void *ctx, struct device *d)
{
	struct host *h = ctx;
	h->appeared++;
	h->last = d;
}

static void on_changed(void *ctx, struct device *d)
{
	((struct host *)ctx)->changed++;
}

static void on_settled(void *ctx, struct dev_session *ds)
{
	((struct portal *)dev_session_ctx(ds))->settled++;
}

static const struct dev_set_ops set_ops = {on_appeared, on_changed, on_settled};

static void on_state(void *ctx, enum ini_state state, const struct ini_why *why)
{
	struct portal *p = ctx;
	p->state = state;
	if (p->ds)
		dev_session_state(p->ds, state);
}

static void on_event(void *ctx, const struct ini_event *event)
{
	struct portal *p = ctx;
	if (p->ds)
		dev_session_event(p->ds, event);
}

static const struct ini_link_ops link_ops = {.state = on_state, .event = on_event};

static bool until(struct host *h, bool (*so)(void *arg), void *arg)
{
	uint64_t end = wire_now(h->world) + PATIENCE;
	while (!so(arg) && h->world->transport->turn(h->world, end))
		;
	return so(arg);
}

static struct host *host_new(struct wire_world *world)
{
	struct host *h = wire_alloc(world, sizeof(*h));
	h->world = world;
	h->reactor = world->client ? world->client : world->reactor;
	assert_int_equal(dev_set_new(&h->set, h->reactor, &set_ops, h), 0);
	return h;
}

static bool is_settled(void *arg)
{
	struct portal *p = arg;
	return p->settled > 0;
}

static struct portal *begin(struct host *h, unsigned i, const struct net_addr *addr, bool past)
{
	struct portal *p = &h->portals[i];
	struct ini_config c;
	char address[NET_ADDR_TEXT];
	ini_config_init(&c);
	c.initiator_name = WIRE_INITIATOR;
	c.target_name = WIRE_TARGET;
	c.address = net_addr_format(address, addr);
	memcpy(p->isid, (uint8_t[]){0x80, 1, 2, 3, 4, (uint8_t)i}, 6);
	memcpy(c.isid, p->isid, 6);
	c.hold = true;
	c.outage = 0;
	p->host = h;
	assert_int_equal(ini_link_new(&p->link, h->reactor, &c, &link_ops, p), 0);
	assert_int_equal(dev_session_new(&p->ds, h->set, ini_link_session(p->link), NULL, 0, p), 0);
	if (past)
		dev_session_has_past(p->ds);
	ini_link_start(p->link);
	return p;
}

static struct portal *log_in(struct host *h, unsigned i)
{
	struct portal *p = begin(h, i, &h->world->addr, false);
	if (!until(h, is_settled, p))
		wire_fail(h->world, "portal %u does not settle: %s", i, ini_state_word(p->state));
	return p;
}

static bool is_ended(void *arg)
{
	return ((struct portal *)arg)->state == INI_ENDED;
}

static void log_out(struct portal *p)
{
	ini_link_stop(p->link, false);
	assert_true(until(p->host, is_ended, p));
	dev_session_free(p->ds);
	p->ds = NULL;
	ini_link_free(p->link);
}

static void host_free(struct host *h)
{
	for (size_t i = 0; i < ARRAY_SIZE(h->portals); i++)
		if (h->portals[i].ds)
			log_out(&h->portals[i]);
	dev_set_free(h->set);
}

/* --- requests */

struct job {
	struct disk_request q;
	bool done;
	int err;
};

static void job_done(struct disk_request *q, int err)
{
	struct job *j = container_of(q, struct job, q);
	assert_false(j->done);
	j->done = true;
	j->err = err;
}

static struct job *start(struct host *h, struct device *d, enum disk_op op, uint64_t offset,
			 uint64_t length, void *buf)
{
	struct job *j = wire_alloc(h->world, sizeof(*j));
	j->q.op = op;
	j->q.offset = offset;
	j->q.length = length;
	j->q.buf = buf;
	j->q.context = wire_alloc(h->world, device_disk(d)->context_size);
	j->q.done = job_done;
	assert_int_equal(disk_check(device_disk(d), &j->q), 0);
	disk_submit(device_disk(d), &j->q);
	return j;
}

static bool is_done(void *arg)
{
	return ((struct job *)arg)->done;
}

static int outcome(struct host *h, struct job *j)
{
	if (!until(h, is_done, j))
		wire_fail(h->world, "a request does not end");
	return j->err;
}

static void good(struct host *h, struct device *d, enum disk_op op, uint64_t offset,
		 uint64_t length, void *buf)
{
	int err = outcome(h, start(h, d, op, offset, length, buf));
	if (err)
		wire_fail(h->world, "operation %d at %llu: %s", op, (unsigned long long)offset,
			  strerror(-err));
}

static void reads_as(struct host *h, struct device *d, uint64_t offset, uint64_t length,
		     const void *data)
{
	uint8_t *in = wire_alloc(h->world, length);
	good(h, d, DISK_READ, offset, length, in);
	assert_memory_equal(in, data, length);
}

/* The target ends this session: somebody comes with its name and ISID. */
static void lose(struct portal *p)
{
	struct wire *w = wire_open(p->host->world);
	wire_login(w, &(struct wire_login){.isid = p->isid});
	wire_close(w);
}

/* --- cases */

static void a_disk_like_any_other(struct wire_world *world)
{
	struct host *h = host_new(world);
	log_in(h, 0);
	struct device *d = h->last;
	const struct disk_traits *t = &device_disk(d)->traits;
	uint32_t len = 3u << 20;
	uint8_t *data = wire_pattern(world, len, 1), *zeroes = wire_alloc(world, len);

	assert_int_equal(h->appeared, 1);
	assert_int_equal(t->size, scsi_lu_blocks(world->lu[0]) * scsi_lu_block_size(world->lu[0]));
	assert_int_equal(t->logical_block, 512);
	assert_int_equal(t->wwid[0], '3');
	assert_string_equal(t->serial, scsi_lu_serial(world->lu[0]));
	assert_ptr_equal(dev_set_find(h->set, t->wwid), d);

	good(h, d, DISK_WRITE, 4096, len, data);
	reads_as(h, d, 4096, len, data);
	good(h, d, DISK_FLUSH, 0, 0, NULL);
	good(h, d, DISK_WRITE_ZEROES, 8192, 1 << 20, NULL);
	reads_as(h, d, 8192, 1 << 20, zeroes);
	reads_as(h, d, 4096, 4096, data);
	if (t->discard_granularity)
		good(h, d, DISK_DISCARD, 4096, 1 << 20, NULL);
	if (t->extents) {
		struct disk_extent extents[4];
		struct job *j = start(h, d, DISK_EXTENTS, 4096, 1 << 20, NULL);
		(void)outcome(h, j); /* no room: it has to say something all the same */
		j = wire_alloc(world, sizeof(*j));
		j->q = (struct disk_request){
			.op = DISK_EXTENTS,
			.offset = 0,
			.length = t->size,
			.extents = extents,
			.room = 4,
			.context = wire_alloc(world, device_disk(d)->context_size),
			.done = job_done};
		disk_submit(device_disk(d), &j->q);
		assert_int_equal(outcome(h, j), 0);
		assert_true(j->q.count >= 1 && extents[0].length > 0);
	}
	struct job *past = wire_alloc(world, sizeof(*past));
	past->q = (struct disk_request){.op = DISK_READ, .offset = t->size, .length = 512};
	assert_int_equal(disk_check(device_disk(d), &past->q), -EINVAL);
	host_free(h);
}

/* Nothing is lost, doubled or hurried when the session is made anew under load. */
static void waits_for_the_session(struct wire_world *world)
{
	struct host *h = host_new(world);
	struct portal *p = log_in(h, 0);
	struct device *d = h->last;
	struct job *jobs[40];
	uint8_t *data[ARRAY_SIZE(jobs)];

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++) {
			data[i] = wire_pattern(world, 8192, round * 100 + i);
			jobs[i] = start(h, d, DISK_WRITE, i * 8192, 8192, data[i]);
		}
		lose(p);
		for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++)
			assert_int_equal(outcome(h, jobs[i]), 0);
		for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++)
			reads_as(h, d, i * 8192, 8192, data[i]);
	}
	assert_int_equal(h->appeared, 1);
	host_free(h);
}

static void outages_have_an_end(struct wire_world *world)
{
	struct host *h = host_new(world);
	struct portal *p = log_in(h, 0);
	struct device *d = h->last;
	struct target_group *group = target_group_find(world->node, 1);
	uint8_t *data = wire_pattern(world, 4096, 1);

	assert_int_equal(target_group_disable(group, 0, NULL, NULL), 0);
	wire_run(world, 0.5);
	assert_int_not_equal(p->state, INI_UP);
	struct job *j = start(h, d, DISK_WRITE, 0, 4096, data);
	wire_run(world, 2);
	assert_false(j->done); /* for ever */
	device_set_outage(d, 3 * NSEC_PER_SEC);
	assert_int_equal(outcome(h, j), -ETIMEDOUT);
	assert_int_equal(outcome(h, start(h, d, DISK_WRITE, 0, 4096, data)), -ETIMEDOUT);
	target_group_enable(group);
	ini_hurry(ini_link_session(p->link), reactor_now(h->reactor));
	wire_run(world, 6);
	good(h, d, DISK_WRITE, 0, 4096, data);
	reads_as(h, d, 0, 4096, data);
	host_free(h);
}

static bool is_gone(void *arg)
{
	return device_is_gone(arg);
}

/* The number is used for another disk, while it is in use: the old one fails, the new one is another. */
static void another_disk_by_the_same_number(struct wire_world *world)
{
	struct host *h = host_new(world);
	struct portal *p = log_in(h, 0);
	uint8_t lun[ISCSI_LUN_LEN] = {0};
	struct device *old = dev_session_device(p->ds, lun), *fresh;
	struct scsi_map *map = scsi_device_map_of(target_node_device(world->node));
	uint8_t *data = wire_pattern(world, 4096, 1), *zeroes = wire_alloc(world, 4096);

	assert_non_null(old);
	good(h, old, DISK_WRITE, 0, 4096, data);
	assert_int_equal(scsi_map_remove(map, 1), 0);
	assert_int_equal(scsi_map_remove(map, 0), 0);
	assert_int_equal(scsi_map_add(map, 0, world->lu[1], false), 0);
	struct job *late = start(h, old, DISK_WRITE, 0, 4096, data);
	/* It finds itself under another number. */
	assert_int_not_equal(outcome(h, late), 0);
	assert_true(until(h, is_gone, old));
	assert_int_equal(outcome(h, start(h, old, DISK_READ, 0, 4096, zeroes)), -ENODEV);
	fresh = dev_session_device(p->ds, lun);
	assert_true(fresh && fresh != old);
	memset(zeroes, 0, 4096);
	reads_as(h, fresh, 0, 4096, zeroes); /* what was written never came here */
	host_free(h);
}

/* A target that keeps nobody from a LU who means the one before: what is answered then is not believed. */
static void careless_about_the_news(struct wire_world *world)
{
	struct host *h = host_new(world);
	struct portal *p = log_in(h, 0);
	uint8_t lun[ISCSI_LUN_LEN] = {0};
	struct device *old = dev_session_device(p->ds, lun);
	struct scsi_map *map = scsi_device_map_of(target_node_device(world->node));
	uint8_t *data = wire_pattern(world, 4096, 1);
	struct job *jobs[8];

	if (!world->sim || world->reactors > 1) { /* we look into it */
		host_free(h);
		skip();
	}
	good(h, old, DISK_WRITE, 0, 4096, data);
	list_for_each (it, &map->nexuses) {
		list_entry(it, struct scsi_nexus, of_map)->first_heard = 0;
	}
	assert_int_equal(scsi_map_remove(map, 1), 0);
	assert_int_equal(scsi_map_remove(map, 0), 0);
	assert_int_equal(scsi_map_add(map, 0, world->lu[1], false), 0);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		jobs[i] = start(h, old, i % 2 ? DISK_READ : DISK_WRITE, 0, 4096, data);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		assert_int_equal(outcome(h, jobs[i]), -ENODEV);
	assert_true(until(h, is_gone, old));
	host_free(h);
}

/* One disk, another number, nothing is lost. */
static void another_number_of_the_same_disk(struct wire_world *world)
{
	struct host *h = host_new(world);
	struct portal *p = log_in(h, 0);
	uint8_t lun[ISCSI_LUN_LEN] = {0};
	struct device *d = dev_session_device(p->ds, lun);
	struct scsi_map *map = scsi_device_map_of(target_node_device(world->node));
	uint8_t *data = wire_pattern(world, 4096, 1);

	assert_int_equal(scsi_map_remove(map, 0), 0);
	assert_int_equal(scsi_map_add(map, 5, world->lu[0], false), 0);
	good(h, d, DISK_WRITE, 0, 4096, data);
	reads_as(h, d, 0, 4096, data);
	assert_int_equal(h->appeared, 1);
	host_free(h);
}

/* All that it has waits, so nothing is sent that could be told the news. */
static void it_goes_and_comes_back(struct wire_world *world)
{
	struct host *h = host_new(world);
	struct portal *p = log_in(h, 0);
	uint8_t lun[ISCSI_LUN_LEN] = {0};
	struct device *d = dev_session_device(p->ds, lun);
	struct scsi_map *map = scsi_device_map_of(target_node_device(world->node));
	uint8_t *data = wire_pattern(world, 4096, 1);

	assert_int_equal(scsi_map_remove(map, 0), 0);
	struct job *late = start(h, d, DISK_WRITE, 0, 4096, data);
	wire_run(world, 2);
	assert_false(late->done);
	assert_int_equal(scsi_map_add(map, 0, world->lu[0], false), 0);
	assert_int_equal(outcome(h, late), 0);
	reads_as(h, d, 0, 4096, data);
	assert_int_equal(h->appeared, 1);
	host_free(h);
}

static bool has_the_size(void *arg)
{
	struct device *d = arg;
	return device_disk(d)->traits.size == 8u << 20;
}

static void it_grows(struct wire_world *world)
{
	struct host *h = host_new(world);
	log_in(h, 0);
	struct device *d = h->last;
	uint8_t *data = wire_pattern(world, 4096, 1);

	if (!world->sim) {
		host_free(h);
		skip();
	}
	sim_disk_resize(world->sim, wire_disk(0), 8u << 20);
	assert_int_equal(scsi_lu_resized(world->lu[0], 8u << 20, false), 0);
	good(h, d, DISK_WRITE, 0, 4096, data);
	assert_true(until(h, has_the_size, d));
	good(h, d, DISK_WRITE, (8u << 20) - 4096, 4096, data);
	host_free(h);
}

/* Two sessions: one device, and it goes on by the other one. */
static void two_paths(struct wire_world *world)
{
	struct host *h = host_new(world);
	struct portal *a = log_in(h, 0), *b = log_in(h, 1);
	struct device *d = h->last;
	struct dev_path_view first, second;
	struct job *jobs[20];
	uint8_t *data[ARRAY_SIZE(jobs)];

	assert_int_equal(h->appeared, 1);
	assert_true(device_path(d, 0, &first) && device_path(d, 1, &second));
	assert_true(first.used && !second.used);
	assert_ptr_equal(first.session, a->ds);
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++) {
			data[i] = wire_pattern(world, 4096, round * 50 + i);
			jobs[i] = start(h, d, DISK_WRITE, i * 4096, 4096, data[i]);
		}
		lose(round % 2 ? b : a);
		for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++)
			assert_int_equal(outcome(h, jobs[i]), 0);
		for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++)
			reads_as(h, d, i * 4096, 4096, data[i]);
	}
	log_out(a);
	good(h, d, DISK_WRITE, 0, 4096, data[3]);
	assert_true(device_path(d, 0, &first) && !device_path(d, 1, &second));
	assert_ptr_equal(first.session, b->ds);
	reads_as(h, d, 0, 4096, data[3]);
	host_free(h);
}

/* Of two sessions of a process that has died one is back, and the other one, where something may be under way, not. */
static void what_a_dead_process_left(struct wire_world *world)
{
	struct host *h = host_new(world);
	struct net_addr nobody = world->addr;
	uint8_t *data = wire_pattern(world, 4096, 1);
	struct device_stats stats;

	net_addr_set_port(&nobody, 1);
	struct portal *other = begin(h, 1, &nobody, true);
	log_in(h, 0);
	struct device *d = h->last;
	struct job *j = start(h, d, DISK_WRITE, 0, 4096, data);
	wire_run(world, (double)DEVICE_PROOF_WAIT / 1e9 - 1);
	assert_false(j->done);
	assert_int_equal(outcome(h, j), 0);
	device_get_stats(d, &stats);
	assert_int_equal(stats.resets, 1); /* now nothing of it can land any more */
	good(h, d, DISK_WRITE, 4096, 4096, data);
	assert_int_not_equal(other->state, INI_UP);
	host_free(h);
}

/* Nobody knows by which sessions something may be under way: there is nothing to wait for. */
static void what_nobody_knows_of(struct wire_world *world)
{
	struct host *h = host_new(world);
	uint8_t *data = wire_pattern(world, 4096, 1);
	struct device_stats stats;

	dev_set_has_unknown_past(h->set);
	log_in(h, 0);
	struct device *d = h->last;
	device_get_stats(d, &stats);
	assert_int_equal(stats.resets, 0); /* nobody uses it yet */
	good(h, d, DISK_WRITE, 0, 4096, data);
	device_get_stats(d, &stats);
	assert_int_equal(stats.resets, 1);
	good(h, d, DISK_WRITE, 4096, 4096, data);
	device_get_stats(d, &stats);
	assert_int_equal(stats.resets, 1);
	host_free(h);
}

static const struct wire_config two_luns = {.luns = 2};

static const struct wire_case cases[] = {
	REAL(a_disk_like_any_other),
	REAL(waits_for_the_session),
	REAL(outages_have_an_end),
	REAL_WITH(another_disk_by_the_same_number, &two_luns),
	REAL_WITH(careless_about_the_news, &two_luns),
	REAL(another_number_of_the_same_disk),
	CASE(it_goes_and_comes_back),
	CASE(it_grows),
	REAL(two_paths),
	REAL(what_a_dead_process_left),
	REAL(what_nobody_knows_of),
};

WIRE_THEME_DEFINE(device);

/* SPDX-License-Identifier: BSD-2-Clause */
/* A host whose disks have two paths: src/device on two sessions, and what the model learns from its requests. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "nexus.h"

#define VERIFY_BLOCKS 16
#define TICK          (NSEC_PER_SEC / 20)

static const struct {
	unsigned weight;
	enum disk_op op;
	unsigned max_blocks;
} kinds[KINDS] = {
	[READ] = {34, DISK_READ, 16},         [WRITE] = {36, DISK_WRITE, 16},
	[WRITE_FUA] = {8, DISK_WRITE, 16},    [WRITE_LONG] = {8, DISK_WRITE, 96},
	[UNMAP] = {6, DISK_WRITE_ZEROES, 32}, [FLUSH] = {8, DISK_FLUSH, 0},
};

static bool writes(const struct nexus_request *r)
{
	return r->kind >= WRITE && r->kind <= UNMAP;
}

static bool flushes(const struct nexus_request *r)
{
	return r->kind == FLUSH || r->kind == WRITE_FUA;
}

static void say(const struct nexus_request *r, const char *what, int err)
{
	const struct nexus_world *w = r->host->world;
	if (w->verbose)
		fprintf(stderr,
			"%10.6f paths, disk %u kind %d lba %llu+%llu write %llu issued %llu: %s at "
			"%llu, err %d\n",
			(double)sim_now(w->sim) / 1e9, r->disk, r->kind, (unsigned long long)r->lba,
			(unsigned long long)r->blocks, (unsigned long long)r->id,
			(unsigned long long)r->issued, what, (unsigned long long)w->clock, err);
}

static struct model *model_of(const struct nexus_request *r)
{
	return r->host->world->model[r->disk];
}

static void write_begins(struct nexus_request *r, uint64_t now)
{
	model_write(model_of(r), r->id, r->lba, r->blocks, r->kind == UNMAP, false, now);
}

static void over(struct nexus_request *r, uint64_t now)
{
	struct nexus_world *w = r->host->world;
	if (writes(r))
		model_write_over(model_of(r), r->id, r->lba, r->blocks, now);
	if (flushes(r) && w->sync_may_fail)
		model_flush_bad(model_of(r), r->issued, now);
}

/* What the process before this one had under way on the disk must not land any more. */
static void let_go(struct nexus_paths *h, unsigned disk)
{
	uint64_t now = tick(h->world);
	for (unsigned i = 0; i < h->depth; i++) {
		struct nexus_request *r = &h->requests[i];
		if (!r->limbo || r->disk != disk)
			continue;
		over(r, now);
		r->limbo = false;
	}
}

/* --- asking */

static void done(struct disk_request *q, int err);

static void submit(struct nexus_request *r, enum nexus_kind kind, unsigned disk, uint64_t lba,
		   uint64_t blocks)
{
	struct nexus_world *w = r->host->world;
	struct disk *d = device_disk(r->host->device[disk]);
	r->device = r->host->device[disk];
	if (!r->q.context)
		r->q.context = calloc(1, d->context_size);
	r->kind = kind;
	r->disk = disk;
	r->lba = lba;
	r->blocks = blocks;
	r->id = 0;
	r->busy = true;
	r->issued = tick(w);
	if (writes(r)) {
		r->id = ++w->next_id;
		for (uint64_t i = 0; i < blocks; i++)
			model_fill(r->id, i, r->data + i * MODEL_BLOCK);
		write_begins(r, r->issued);
	}
	r->q.op = kinds[kind].op;
	r->q.fua = kind == WRITE_FUA;
	r->q.offset = lba * MODEL_BLOCK;
	r->q.length = blocks * MODEL_BLOCK;
	r->q.buf = r->data;
	r->q.done = done;
	w->result->n[N_COMMANDS]++;
	int err = disk_check(d, &r->q);
	if (err)
		wrong(w, "a request for a disk with paths is refused: %d", err);
	else
		disk_submit(d, &r->q);
}

static bool is_there(const struct nexus_paths *h, unsigned disk)
{
	return h->device[disk] && !device_is_gone(h->device[disk]);
}

static struct nexus_request *free_request(struct nexus_paths *h)
{
	for (unsigned i = 0; i < h->depth; i++)
		if (!h->requests[i].busy && !h->requests[i].limbo)
			return &h->requests[i];
	return NULL;
}

static enum nexus_kind pick_kind(struct nexus_world *w)
{
	uint64_t at = below(w, 100);
	for (unsigned k = 0; k < KINDS; k++) {
		if (at < kinds[k].weight)
			return k;
		at -= kinds[k].weight;
	}
	return READ;
}

static void more_random(struct nexus_paths *h)
{
	struct nexus_world *w = h->world;
	struct nexus_request *r;
	while (h->left && (r = free_request(h))) {
		unsigned disk = (unsigned)below(w, LUNS);
		enum nexus_kind kind = pick_kind(w);
		uint64_t blocks = kinds[kind].max_blocks ? 1 + below(w, kinds[kind].max_blocks) : 0;
		uint64_t lba = blocks ? below(w, BLOCKS - blocks + 1) : 0;
		if (blocks && blocks < 32 && below(w, 2))
			lba %= 32;
		if (!is_there(h, disk))
			return;
		h->left--;
		submit(r, kind, disk, lba, blocks);
	}
}

static void more_last(struct nexus_paths *h)
{
	struct nexus_request *r;
	for (unsigned i = 0; i < LUNS; i++)
		if (!h->flushed[i] && is_there(h, i) && (r = free_request(h))) {
			h->flushed[i] = true;
			submit(r, FLUSH, i, 0, 0);
		}
}

static void more_verify(struct nexus_paths *h)
{
	struct nexus_request *r;
	for (unsigned i = 0; i < LUNS; i++)
		while (h->verify_next[i] < BLOCKS && is_there(h, i) && (r = free_request(h))) {
			h->verify_next[i] += VERIFY_BLOCKS;
			submit(r, READ, i, h->verify_next[i] - VERIFY_BLOCKS, VERIFY_BLOCKS);
		}
}

void paths_more(struct nexus_paths *h)
{
	static void (*const more[])(struct nexus_paths *) = {
		[CHAOS] = more_random, [SETTLE] = more_random, [CALM] = more_random,
		[LAST] = more_last,    [VERIFY] = more_verify,
	};
	bool all = true;
	if (!h->world || !h->set || h->world->result->why[0])
		return;
	for (unsigned i = 0; i < PATHS; i++)
		all &= h->path[i].logins > 0;
	for (unsigned i = 0; i < LUNS && all; i++)
		let_go(h, i);
	more[h->world->phase](h);
}

bool paths_finished(const struct nexus_paths *h)
{
	bool all = !h->left;
	if (!h->world)
		return true;
	for (unsigned i = 0; i < PATHS; i++)
		all &= h->path[i].state == INI_UP && h->path[i].settled;
	for (unsigned i = 0; i < h->depth; i++)
		all &= !h->requests[i].busy;
	for (unsigned i = 0; i < LUNS; i++) {
		all &= h->device[i] != NULL;
		all &= h->world->phase != LAST || h->flushed[i];
		all &= h->world->phase != VERIFY || h->verify_next[i] >= BLOCKS;
	}
	return all;
}

/* --- the outcome */

static void good(struct nexus_request *r, uint64_t now)
{
	struct nexus_world *w = r->host->world;
	char why[400];
	w->result->n[N_GOOD]++;
	/* It has waited for proof of that. */
	let_go(r->host, r->disk);
	if (writes(r))
		model_write_good(model_of(r), r->id, r->lba, r->blocks, r->kind == WRITE_FUA,
				 r->issued, now);
	else if (r->kind == FLUSH)
		model_flush_good(model_of(r), r->issued);
	else if (!model_read(model_of(r), r->lba, r->blocks, r->data, r->issued, now, why,
			     sizeof(why)))
		wrong(w, "a disk with paths, %u: %s", r->disk, why);
}

/* What a disk that fails explains, or one that has no LUN any more; in calm nothing is. */
static bool err_may_be(const struct nexus_request *r, int err)
{
	if (r->host->world->phase >= CALM)
		return false;
	return err == -EIO || err == -ENOSPC || (err == -ENODEV && device_is_gone(r->device));
}

static void bad(struct nexus_request *r, int err, uint64_t now)
{
	struct nexus_world *w = r->host->world;
	w->result->n[N_FAILED]++;
	if (!err_may_be(r, err))
		wrong(w, "a disk with paths: a request of kind %d ends with error %d, and why?",
		      r->kind, err);
	/* It is not to land when its end was told, however that was. */
	over(r, now);
	if (flushes(r))
		model_flush_bad(model_of(r), r->issued, now);
	if (w->phase == VERIFY && r->kind == READ)
		r->host->verify_next[r->disk] = MIN(r->host->verify_next[r->disk], r->lba);
	if (w->phase == LAST && r->kind == FLUSH)
		r->host->flushed[r->disk] = false;
}

static void done(struct disk_request *q, int err)
{
	struct nexus_request *r = container_of(q, struct nexus_request, q);
	struct nexus_world *w = r->host->world;
	uint64_t now = tick(w);
	say(r, "done", err);
	trace(w, (uint64_t)7 << 56 ^ r->lba << 16 ^ (uint64_t)(uint8_t)err << 8);
	if (!r->busy) {
		wrong(w, "a disk with paths: a request ends twice");
		return;
	}
	r->busy = false;
	if (err)
		bad(r, err, now);
	else
		good(r, now);
	paths_more(r->host);
}

void paths_check(struct nexus_paths *h)
{
	for (unsigned i = 0; i < LUNS && h->world; i++)
		if (device_disk(h->device[i])->traits.size != nexus_disk_size(h->world, i))
			wrong(h->world,
			      "a disk with paths, %u: its size is %llu, and should be %llu", i,
			      (unsigned long long)device_disk(h->device[i])->traits.size,
			      (unsigned long long)nexus_disk_size(h->world, i));
}

void paths_power_cut(struct nexus_paths *h, uint64_t now)
{
	for (unsigned i = 0; i < h->depth; i++)
		if (h->requests[i].busy && writes(&h->requests[i]))
			write_begins(&h->requests[i], now);
}

/* --- devices */

static void on_appeared(void *ctx, struct device *d)
{
	struct nexus_paths *h = ctx;
	for (unsigned i = 0; i < LUNS; i++)
		if (!strcmp(device_facts(d)->serial, h->world->serial[i])) {
			if (h->device[i])
				wrong(h->world, "disk %u appears again", i);
			h->device[i] = d;
			return;
		}
	wrong(h->world, "a disk appears that nobody knows: %s", device_facts(d)->serial);
}

static void count(struct nexus_paths *h, const struct device *d)
{
	struct device_stats stats;
	device_get_stats(d, &stats);
	h->world->result->n[N_FAILOVERS] += stats.failovers;
	h->world->result->n[N_PROOFS] += stats.resets;
}

/* By each of its paths there is another disk now. It comes again, as a new device. */
static void on_changed(void *ctx, struct device *d)
{
	struct nexus_paths *h = ctx;
	for (unsigned i = 0; i < LUNS && device_is_gone(d); i++)
		if (h->device[i] == d) {
			count(h, d);
			h->device[i] = NULL;
			h->world->result->n[N_GONE]++;
			if (h->world->phase >= CALM)
				wrong(h->world, "disk %u is gone, and why?", i);
		}
}

static void on_settled(void *ctx, struct dev_session *ds)
{
	((struct nexus_path *)dev_session_ctx(ds))->settled = true;
}

static const struct dev_set_ops set_ops = {
	.appeared = on_appeared, .changed = on_changed, .settled = on_settled};

/* --- sessions */

static void on_state(void *ctx, enum ini_state state, const struct ini_why *why)
{
	struct nexus_path *p = ctx;
	struct nexus_world *w = p->host->world;
	p->state = state;
	if (w->verbose)
		fprintf(stderr, "%10.6f path %td is %s (%s)\n", (double)sim_now(w->sim) / 1e9,
			p - p->host->path, ini_state_word(state), why->text);
	trace(w, 2000 + state);
	update_faults(w);
	p->settled = false;
	if (state == INI_UP) {
		w->result->n[N_LOGINS]++;
		p->logins++;
	}
	if (state == INI_ENDED)
		wrong(w, "a path's session ends: %s", why->text);
	dev_session_state(p->ds, state);
}

static void on_event(void *ctx, const struct ini_event *event)
{
	struct nexus_path *p = ctx;
	dev_session_event(p->ds, event);
}

static const struct ini_link_ops link_ops = {.state = on_state, .event = on_event};

static int log_in(struct nexus_paths *h, unsigned i)
{
	struct nexus_world *w = h->world;
	struct nexus_path *p = &h->path[i];
	struct ini_config c;
	struct net_addr addr;
	struct iscsi_chap_account account;
	char text[NET_ADDR_TEXT], secret[32];
	nexus_ini_config(w, &c, h->depth);
	sim_node_addr(w->sim, w->reactor, AF_INET, (uint16_t)(PORT + i), &addr);
	c.address = net_addr_format(text, &addr);
	c.initiator_name = NEXUS_PATHS_NAME;
	nexus_secret(w, secret, sizeof(secret));
	iscsi_chap_account_set(&account, NEXUS_USER, secret, strlen(secret));
	c.ours = &account;
	c.allow_none = true; /* where it has no ACL */
	memcpy(c.isid, h->isid, sizeof(c.isid));
	c.isid[5] = (uint8_t)i;
	c.hold = true;
	c.outage = 0;
	p->host = h;
	p->state = INI_IDLE;
	int err = ini_link_new(&p->link, h->reactor, &c, &link_ops, p);
	if (!err)
		err = dev_session_new(&p->ds, h->set, ini_link_session(p->link), NULL, 0, p);
	if (!err && h->died)
		dev_session_has_past(p->ds);
	if (!err)
		ini_link_start(p->link);
	return err;
}

/* A disk that it does not know has nothing to ask for; some time somebody looks for new ones. */
static void look_for_new(struct nexus_paths *h)
{
	bool all = true;
	for (unsigned i = 0; i < LUNS; i++)
		all &= is_there(h, i);
	for (unsigned i = 0; i < PATHS && !all && below(h->world, 40) == 0; i++)
		dev_session_rescan(h->path[i].ds);
}

static void ticked(struct timer *t)
{
	struct nexus_paths *h = container_of(t, struct nexus_paths, tick);
	timer_set(h->reactor, t, reactor_now(h->reactor) + TICK);
	look_for_new(h);
	paths_more(h);
}

static void restart_fired(struct timer *t)
{
	struct nexus_paths *h = container_of(t, struct nexus_paths, restart);
	int err = dev_set_new(&h->set, h->reactor, &set_ops, h);
	for (unsigned i = 0; i < PATHS && !err; i++)
		err = log_in(h, i);
	if (err)
		wrong(h->world, "there are no paths: %d", err);
	timer_init(&h->tick, ticked);
	timer_set(h->reactor, &h->tick, reactor_now(h->reactor) + TICK);
}

static void forget(struct nexus_paths *h, bool power)
{
	struct nexus_world *w = h->world;
	for (unsigned i = 0; i < LUNS; i++) {
		if (h->device[i])
			count(h, h->device[i]);
		h->device[i] = NULL;
	}
	sim_crash(w->sim, h->reactor, power);
	dev_set_abandon(h->set);
	h->set = NULL;
	for (unsigned i = 0; i < PATHS; i++) {
		ini_link_abandon(h->path[i].link);
		h->path[i] = (struct nexus_path){0};
	}
}

void paths_crash(struct nexus_paths *h, bool power)
{
	struct nexus_world *w = h->world;
	if (!w || !h->set)
		return;
	if (w->verbose)
		fprintf(stderr, "%10.6f the host with paths dies\n", (double)sim_now(w->sim) / 1e9);
	w->result->n[N_HOST_CRASHES]++;
	forget(h, power);
	h->died = true;
	nexus_new_secret(w);
	for (unsigned i = 0; i < h->depth; i++) {
		h->requests[i].limbo |= h->requests[i].busy;
		h->requests[i].busy = false;
	}
	timer_init(&h->restart, restart_fired);
	timer_set(h->reactor, &h->restart,
		  reactor_now(h->reactor) + below(w, 500) * NSEC_PER_MSEC + 1);
}

void paths_init(struct nexus_world *w, uint64_t commands)
{
	struct nexus_paths *h = &w->paths;
	h->world = w;
	h->depth = (unsigned)(1 + below(w, DEPTH_MAX));
	h->left = commands;
	h->reactor = sim_node(w->sim);
	for (unsigned i = 0; i < DEPTH_MAX; i++)
		h->requests[i].host = h;
	h->isid[0] = 0x80;
	for (unsigned i = 1; i < 5; i++)
		h->isid[i] = (uint8_t)below(w, 256);
	timer_init(&h->restart, restart_fired);
	restart_fired(&h->restart);
}

void paths_free(struct nexus_paths *h)
{
	if (h->world && h->set)
		forget(h, false);
	for (unsigned i = 0; i < DEPTH_MAX; i++)
		free(h->requests[i].q.context);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What `lunar serve` does with what it has opened, before the first turn of its reactor, and how that is
 * undone. */
#include "cli/serve.h"

#include <errno.h>
#include <string.h>
#include "backstore/backstore.h"

static int start_reactor(struct serve *s)
{
	int err = reactor_new_engine(&s->r, s->o.serving.engine, &s->term.log);
	if (!err)
		return 0;
	s->r = NULL;
	return serve_fail(s, err,
			  "the kernel does not let us use the engine %s: %s; see the sysctl "
			  "kernel.io_uring_disabled, and in a container its seccomp profile; "
			  "--engine epoll does without",
			  s->o.serving.engine ? s->o.serving.engine : "epoll", strerror(-err));
}

static int start_crew(struct serve *s)
{
	unsigned others = target_reactors(&s->o.serving) - 1;
	int err = others ? crew_new(&s->crew, others, reactor_engine_of(s->r), &s->term.log) : 0;
	for (unsigned i = 0; !err && i < others; i++)
		err = target_add_reactor(s->target, crew_reactor(s->crew, i));
	return err ? serve_fail(s, err,
				"%u reactors cannot be started: %s; --reactors 1 needs no threads",
				others + 1, strerror(-err))
		   : 0;
}

/* The store is the LU's from then on. */
static int add_lu(struct serve *s, size_t n)
{
	struct backstore *bs = s->stores[n];
	uint32_t block_size = s->o.block_size;
	if (!block_size)
		block_size = bs->block_size > 512 ? bs->block_size : 512;
	struct scsi_lu_config config = {
		.block_size = block_size,
		.readonly = s->o.readonly,
		.thin = true, /* where the store can */
		.fence_hold = s->o.serving.limits.fence_hold * NSEC_PER_SEC,
		.number = (uint32_t)n + 1,
	};
	char why[256];
	memcpy(config.id, s->ids[n], sizeof(config.id));
	int err = scsi_lu_new(&s->lus[n], bs, &config, &s->term.log, why, sizeof(why));
	if (err)
		return serve_fail(s, err, "%s: %s", bs->path[0] ? bs->path : "memory", why);
	s->stores[n] = NULL;
	s->lu_count++;
	return serve_record_give(s, n);
}

static int listen_on(struct serve *s, size_t n)
{
	int err = net_take_listener(s->r, s->socks[n]);
	if (!err)
		err = target_listen_on(s->target, s->socks[n], NULL);
	if (err)
		return serve_fail(s, err, "a socket cannot be used: %s", strerror(-err));
	s->socks[n] = -1;
	return 0;
}

static int set_auth(struct serve *s)
{
	const struct serve_options *o = &s->o;
	struct target_auth auth = {
		.user = o->chap,
		.secret = s->secrets.ours,
		.mutual_user = o->mutual_chap,
		.mutual_secret = o->mutual_chap ? s->secrets.mutual : NULL,
	};
	int err = o->chap ? target_node_set_auth(s->node, &auth) : 0;
	return err ? serve_fail(s, err, "CHAP cannot be set up: %s", strerror(-err)) : 0;
}

static int start_node(struct serve *s)
{
	int err = target_node_open(&s->node, s->target, s->iqn, NULL);
	for (size_t i = 0; !err && i < s->lu_count; i++)
		err = scsi_device_map(target_node_device(s->node), (uint16_t)i, s->lus[i]);
	if (err)
		return serve_fail(s, err, "the target %s: %s", s->iqn, strerror(-err));
	return set_auth(s);
}

static int start(struct serve *s)
{
	int err = start_reactor(s);
	if (err)
		return err;
	for (size_t i = 0; i < s->store_count; i++)
		bs_adopt(s->stores[i], s->r);
	err = target_new(&s->target, s->r, &s->o.serving.limits);
	if (err)
		return serve_fail(s, err, "the target cannot be started: %s", strerror(-err));
	err = start_crew(s);
	for (size_t i = 0; !err && i < s->store_count; i++)
		err = add_lu(s, i);
	if (!err)
		err = start_node(s);
	for (size_t i = 0; !err && i < s->portal_count; i++)
		err = listen_on(s, i);
	return err;
}

int serve_start(struct serve *s)
{
	int err = start(s);
	serve_wipe_secrets(s);
	return err;
}

static void drained(void *ctx)
{
	*(bool *)ctx = true;
}

/* The portals that were opened before the start failed are at the kernel: it has to let go. */
static void stop_listening(struct serve *s)
{
	bool done = false;
	target_drain(s->target, 0, drained, &done);
	while (!done && reactor_turn(s->r, REACTOR_NEVER) >= 0)
		;
}

/* What outlives a LU may have been set right by it. */
static void stop_writing(struct serve *s)
{
	for (size_t i = 0; i < s->lu_count; i++)
		while (scsi_lu_busy(s->lus[i]) && reactor_turn(s->r, REACTOR_NEVER) >= 0)
			;
}

void serve_stop(struct serve *s, bool discard)
{
	if (s->target && discard)
		stop_listening(s);
	if (discard)
		stop_writing(s);
	crew_stop(s->crew);
	if (s->target)
		target_free(s->target);
	for (size_t i = 0; i < s->lu_count; i++) {
		if (discard)
			bs_discard(scsi_lu_backstore(s->lus[i]));
		scsi_lu_free(s->lus[i]);
	}
	crew_free(s->crew);
	/* What did not get as far goes back to who opened it. */
	for (size_t i = 0; i < s->store_count; i++) {
		if (s->stores[i])
			bs_adopt(s->stores[i], s->opening);
	}
	reactor_free(s->r);
}

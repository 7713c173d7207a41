/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the simulation share: an operation that remembers how it ended, and a node with
 * a disk. */
#ifndef LUNAR_TESTS_SIM_RIG_H
#define LUNAR_TESTS_SIM_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "common/cleanup.h"
#include "reactor/file.h"
#include "reactor/net.h"
#include "reactor/sim.h"

#define ONE_SECOND NSEC_PER_SEC

struct call {
	struct op op;
	struct iovec iov;
	bool done;
	int res;
};

static inline void call_done(struct op *op, int res)
{
	struct call *c = container_of(op, struct call, op);
	assert_false(c->done);
	c->done = true;
	c->res = res;
}

static inline struct call *call_init(struct call *c)
{
	*c = (struct call){.op.done = call_done};
	return c;
}

static inline struct iovec *call_iov(struct call *c, void *buf, size_t len)
{
	call_init(c)->iov = (struct iovec){.iov_base = buf, .iov_len = len};
	return &c->iov;
}

static inline int call_wait(struct sim *sim, struct call *c)
{
	while (!c->done)
		assert_true(sim_step(sim, REACTOR_NEVER));
	return c->res;
}

#define SECTOR 512u
#define DISK   "/disk"

/* A node with one disk, open. */
struct rig {
	struct sim *sim;
	struct reactor *node;
	int file;
};

static inline void rig_open(struct rig *g, uint64_t seed, uint64_t size, uint32_t block)
{
	g->sim = sim_new(seed, NULL);
	g->node = sim_node(g->sim);
	assert_int_equal(sim_disk_create(g->sim, DISK, size, block), 0);
	g->file = file_open(g->node, DISK, O_RDWR, 0);
	assert_true(g->file >= 0);
}

static inline void rig_close(struct rig *g)
{
	sim_free(g->sim);
}

static inline void start_write(struct rig *g, struct call *c, void *buf, size_t len,
			       uint64_t offset, uint32_t flags)
{
	struct iovec *iov = call_iov(c, buf, len);
	file_write(g->node, &c->op, g->file, iov, 1, offset, flags);
}

static inline int write_at(struct rig *g, void *buf, size_t len, uint64_t offset, uint32_t flags)
{
	struct call c;
	start_write(g, &c, buf, len, offset, flags);
	return call_wait(g->sim, &c);
}

static inline int read_at(struct rig *g, void *buf, size_t len, uint64_t offset)
{
	struct call c;
	struct iovec *iov = call_iov(&c, buf, len);
	file_read(g->node, &c.op, g->file, iov, 1, offset);
	return call_wait(g->sim, &c);
}

static inline int sync_now(struct rig *g)
{
	struct call c;
	file_datasync(g->node, &call_init(&c)->op, g->file);
	return call_wait(g->sim, &c);
}

static inline int fallocate_at(struct rig *g, uint32_t mode, uint64_t offset, uint64_t length)
{
	struct call c;
	file_fallocate(g->node, &call_init(&c)->op, g->file, mode, offset, length);
	return call_wait(g->sim, &c);
}

static inline bool all_bytes(const uint8_t *p, size_t len, uint8_t value)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != value)
			return false;
	return true;
}

#endif

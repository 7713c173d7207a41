/* SPDX-License-Identifier: BSD-2-Clause */
/* A reactor on an engine of the real world, and operations that are waited for. */
#ifndef LUNAR_TESTS_ENGINE_RIG_H
#define LUNAR_TESTS_ENGINE_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "reactor/file.h"
#include "reactor/net.h"

#define PATIENCE (10 * NSEC_PER_SEC)

struct async {
	struct op op;
	struct iovec iov;
	unsigned done;
	int res;
};

static inline void async_done(struct op *op, int res)
{
	struct async *a = container_of(op, struct async, op);
	a->done++;
	a->res = res;
}

/* Ready to be submitted, moving `len` bytes at `buf`. */
static inline struct op *async_init(struct async *a, void *buf, size_t len)
{
	memset(a, 0, sizeof(*a));
	a->op.done = async_done;
	a->iov = (struct iovec){.iov_base = buf, .iov_len = len};
	return &a->op;
}

/* Turns until it is done; its result. An operation must not be done before the first turn. */
static inline int await(struct reactor *r, struct async *a)
{
	uint64_t deadline = reactor_now(r) + PATIENCE;
	while (!a->done && reactor_now(r) < deadline)
		assert_true(reactor_turn(r, deadline) >= 0);
	assert_int_equal(a->done, 1);
	return a->res;
}

/* Turns for this long, whatever happens. */
static inline void turn_for(struct reactor *r, uint64_t msec)
{
	uint64_t deadline = reactor_now(r) + msec * NSEC_PER_MSEC;
	while (reactor_now(r) < deadline)
		assert_true(reactor_turn(r, deadline) >= 0);
}

static inline unsigned open_descriptors(void)
{
	unsigned n = 0;
	DIR *dir = opendir("/proc/self/fd");
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static inline int do_read(struct reactor *r, int file, void *buf, size_t len, uint64_t offset)
{
	struct async a;
	async_init(&a, buf, len);
	file_read(r, &a.op, file, &a.iov, 1, offset);
	assert_int_equal(a.done, 0);
	return await(r, &a);
}

static inline int do_write(struct reactor *r, int file, const void *buf, size_t len,
			   uint64_t offset, uint32_t flags)
{
	struct async a;
	async_init(&a, (void *)(uintptr_t)buf, len);
	file_write(r, &a.op, file, &a.iov, 1, offset, flags);
	assert_int_equal(a.done, 0);
	return await(r, &a);
}

/* --- two sockets that are connected */

struct pair {
	struct reactor *r;
	int listener, client, server;
	struct net_addr at;   /* where it listens */
	struct net_addr peer; /* what accept said */
};

static inline void listen_on(struct pair *p, struct reactor *r, const char *host)
{
	*p = (struct pair){.r = r, .listener = -1, .client = -1, .server = -1};
	assert_int_equal(net_addr_parse(&p->at, host, 0), 0);
	p->listener = net_listen(r, &p->at, 16);
	assert_true(p->listener >= 0);
	assert_int_equal(net_local_addr(r, p->listener, &p->at), 0);
	assert_int_not_equal(net_addr_port(&p->at), 0);
}

static inline void pair_open(struct pair *p, struct reactor *r, const char *host)
{
	struct async accepted, connected;
	listen_on(p, r, host);
	net_accept(r, async_init(&accepted, NULL, 0), p->listener);
	net_connect(r, async_init(&connected, NULL, 0), &p->at);
	p->client = await(r, &connected);
	p->server = await(r, &accepted);
	assert_true(p->client >= 0);
	assert_true(p->server >= 0);
	p->peer = accepted.op.addr;
}

static inline void pair_close(struct pair *p)
{
	const int socks[] = {p->listener, p->client, p->server};
	for (size_t i = 0; i < ARRAY_SIZE(socks); i++)
		if (socks[i] >= 0)
			net_close(p->r, socks[i]);
}

static inline int do_recv(struct reactor *r, int sock, void *buf, size_t len)
{
	struct async a;
	async_init(&a, buf, len);
	net_recv(r, &a.op, sock, &a.iov, 1);
	assert_int_equal(a.done, 0);
	return await(r, &a);
}

static inline int do_send(struct reactor *r, int sock, const void *buf, size_t len)
{
	struct async a;
	async_init(&a, (void *)(uintptr_t)buf, len);
	net_send(r, &a.op, sock, &a.iov, 1);
	assert_int_equal(a.done, 0);
	return await(r, &a);
}

/* LUNAR_ENGINE says which one. */
static inline int engine_new(struct reactor **r)
{
	return reactor_new_engine(r, getenv("LUNAR_ENGINE"), NULL);
}

static inline int engine_setup(void **state)
{
	struct reactor *r;
	int ret = engine_new(&r);
	if (ret) {
		print_message("no engine: %s\n", strerror(-ret));
		return ret;
	}
	*state = r;
	return 0;
}

static inline int engine_teardown(void **state)
{
	reactor_free(*state);
	return 0;
}

#define ENGINE_CASE(f) cmocka_unit_test_setup_teardown(f, engine_setup, engine_teardown)

#endif

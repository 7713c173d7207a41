/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine on a real kernel: operations that are called off, and more of them than it has room for. */
#include "engine_rig.h"

#include <poll.h>
#include <sys/socket.h>

#define BULK (4u << 20)

static void cancel_what_the_kernel_has(void **state)
{
	struct pair p;
	struct async accepting, receiving, sending;
	CLEANUP(free) char *bulk = calloc(1, BULK);
	char buf[4];
	pair_open(&p, *state, "127.0.0.1");
	net_accept(p.r, async_init(&accepting, NULL, 0), p.listener);
	async_init(&receiving, buf, sizeof(buf));
	net_recv(p.r, &receiving.op, p.client, &receiving.iov, 1);
	do { /* until the peer, which does not read, has no more room */
		async_init(&sending, bulk, BULK);
		net_send(p.r, &sending.op, p.client, &sending.iov, 1);
		turn_for(p.r, 50);
	} while (sending.done);

	struct async *all[] = {&accepting, &receiving, &sending};
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		reactor_cancel(p.r, &all[i]->op);
		reactor_cancel(p.r, &all[i]->op);
		assert_int_equal(all[i]->done, 0);
		assert_int_equal(await(p.r, all[i]), -ECANCELED);
		reactor_cancel(p.r, &all[i]->op); /* too late, and does nothing */
	}
	turn_for(p.r, 20);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		assert_int_equal(all[i]->done, 1);
	pair_close(&p);
}

static void cancel_before_the_kernel_has_it(void **state)
{
	struct pair p;
	struct async receiving, connecting;
	char byte;
	pair_open(&p, *state, "127.0.0.1");
	unsigned before = open_descriptors();
	async_init(&receiving, &byte, 1);
	net_recv(p.r, &receiving.op, p.client, &receiving.iov, 1);
	net_connect(p.r, async_init(&connecting, NULL, 0), &p.at);
	reactor_cancel(p.r, &receiving.op);
	reactor_cancel(p.r, &connecting.op);
	assert_int_equal(receiving.done, 0);
	assert_int_equal(await(p.r, &receiving), -ECANCELED);
	assert_int_equal(await(p.r, &connecting), -ECANCELED);
	assert_int_equal(open_descriptors(), before);
	pair_close(&p);
}

static void cancel_what_is_done(void **state)
{
	struct pair p;
	struct async a;
	char byte;
	pair_open(&p, *state, "127.0.0.1");
	assert_int_equal(do_send(p.r, p.client, "!", 1), 1);
	async_init(&a, &byte, 1);
	net_recv(p.r, &a.op, p.server, &a.iov, 1);
	assert_int_equal(await(p.r, &a), 1);
	reactor_cancel(p.r, &a.op);
	memset(&a, 0x5a, sizeof(a)); /* the engine has no more to do with it */
	turn_for(p.r, 10);
	pair_close(&p);
}

struct again {
	struct async a;
	struct reactor *r;
	int sock, first;
	char byte;
};

static void again_done(struct op *op, int res)
{
	struct again *g = container_of(op, struct again, a.op);
	g->first = res;
	op->done = async_done;
	net_recv(g->r, op, g->sock, &g->a.iov, 1);
}

/* A cancellation ends the operation it was made for, not the next one in the same memory. */
static void cancel_spares_the_next_use(void **state)
{
	struct pair p;
	struct again g = {.first = 1};
	pair_open(&p, *state, "127.0.0.1");
	async_init(&g.a, &g.byte, 1);
	g.r = p.r;
	g.sock = p.server;
	g.a.op.done = again_done;
	net_recv(p.r, &g.a.op, p.server, &g.a.iov, 1);
	turn_for(p.r, 10);
	reactor_cancel(p.r, &g.a.op);
	turn_for(p.r, 50);
	assert_int_equal(g.first, -ECANCELED);
	assert_int_equal(g.a.done, 0);
	assert_int_equal(do_send(p.r, p.client, "!", 1), 1);
	assert_int_equal(await(p.r, &g.a), 1);
	assert_int_equal(g.byte, '!');
	pair_close(&p);
}

/* More in flight than the ring has places, for submissions (1024) and for completions (4096). */
static void more_than_the_ring_holds(void **state)
{
	enum { COUNT = 6000 };
	struct pair p;
	unsigned done = 0;
	char byte;
	pair_open(&p, *state, "127.0.0.1");
	CLEANUP(free) struct async *many = calloc(COUNT, sizeof(*many));
	for (unsigned i = 0; i < COUNT; i++) {
		async_init(&many[i], &byte, 1);
		net_recv(p.r, &many[i].op, p.client, &many[i].iov, 1);
	}
	turn_for(p.r, 10);
	for (unsigned i = 0; i < COUNT; i++)
		reactor_cancel(p.r, &many[i].op);
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(await(p.r, &many[i]), -ECANCELED);
		done += many[i].done;
	}
	assert_int_equal(done, COUNT);
	pair_close(&p);
}

/* One turn takes more operations to the kernel than one submission has places for. */
static void one_turn_takes_them_all(void **state)
{
	enum { COUNT = 3000 };
	struct pair p;
	char byte;
	pair_open(&p, *state, "127.0.0.1");
	net_shutdown(p.r, p.client);
	CLEANUP(free) struct async *many = calloc(COUNT, sizeof(*many));
	for (unsigned i = 0; i < COUNT; i++) {
		async_init(&many[i], &byte, 1);
		net_recv(p.r, &many[i].op, p.client, &many[i].iov, 1);
	}
	assert_int_equal(reactor_turn(p.r, 0), COUNT);
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(many[i].res, 0);
	pair_close(&p);
}

static void free_with_operations_in_flight(void **state)
{
	struct reactor *r;
	struct pair p;
	struct async accepting, receiving, connecting, queued;
	char *buf = calloc(1, 16);
	unsigned before = open_descriptors();
	assert_int_equal(engine_new(&r), 0);
	pair_open(&p, r, "127.0.0.1");
	async_init(&receiving, buf, 16);
	net_recv(r, &receiving.op, p.server, &receiving.iov, 1);
	/* These two meet: two sockets come to be of which nobody hears. */
	net_accept(r, async_init(&accepting, NULL, 0), p.listener);
	assert_int_equal(reactor_turn(r, 0), 0);
	net_connect(r, async_init(&connecting, NULL, 0), &p.at);
	async_init(&queued, buf, 16);
	net_recv(r, &queued.op, p.client, &queued.iov, 1);
	reactor_free(r);
	assert_int_equal(accepting.done + receiving.done + connecting.done + queued.done, 0);

	/* The kernel has forgotten the buffer: what comes now goes nowhere. */
	assert_int_equal(send(p.client, "late", 4, MSG_NOSIGNAL), 4);
	assert_memory_equal(buf, "\0\0\0\0", 4);
	free(buf);
	close(p.listener);
	close(p.client);
	close(p.server);
	assert_int_equal(open_descriptors(), before);
}

/* So many completions that some stay with the kernel, among them one that carries a socket. */
static void free_with_an_accept_that_is_done(void **state)
{
	enum { COUNT = 5000 };
	struct reactor *r;
	struct pair p;
	struct async accepting;
	char byte;
	unsigned before = open_descriptors();
	assert_int_equal(engine_new(&r), 0);
	pair_open(&p, r, "127.0.0.1");
	net_shutdown(r, p.client);
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(sock, &p.at.sa, sizeof(p.at.in4)), 0);

	struct async *many = calloc(COUNT, sizeof(*many));
	for (unsigned i = 0; i < COUNT; i++) {
		async_init(&many[i], &byte, 1);
		net_recv(r, &many[i].op, p.client, &many[i].iov, 1);
	}
	net_accept(r, async_init(&accepting, NULL, 0), p.listener);
	assert_true(reactor_turn(r, 0) >= 0);
	reactor_free(r);
	if (accepting.done) /* an engine that takes them all at once */
		close(accepting.res);
	free(many);
	close(sock);
	close(p.listener);
	close(p.client);
	close(p.server);
	assert_int_equal(open_descriptors(), before);
}

static void poll_what_is_read_elsewhere(void **state)
{
	struct pair p;
	struct async polling;
	char byte = 'x';
	pair_open(&p, *state, "127.0.0.1");
	file_poll(p.r, async_init(&polling, NULL, 0), p.client);
	turn_for(p.r, 20);
	assert_int_equal(polling.done, 0);
	assert_int_equal(do_send(p.r, p.server, &byte, 1), 1);
	assert_true(await(p.r, &polling) & POLLIN);
	file_poll(p.r, async_init(&polling, NULL, 0), p.client); /* it is still there */
	assert_true(await(p.r, &polling) & POLLIN);
	assert_int_equal(recv(p.client, &byte, 1, 0), 1);
	file_poll(p.r, async_init(&polling, NULL, 0), p.client);
	reactor_cancel(p.r, &polling.op);
	assert_int_equal(await(p.r, &polling), -ECANCELED);
	file_poll(p.r, async_init(&polling, NULL, 0), p.client);
	turn_for(p.r, 20);
	assert_int_equal(polling.done, 0);
	net_shutdown(p.r, p.server);
	assert_true(await(p.r, &polling) > 0);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_CASE(cancel_what_the_kernel_has),
		ENGINE_CASE(cancel_before_the_kernel_has_it),
		ENGINE_CASE(cancel_what_is_done),
		ENGINE_CASE(poll_what_is_read_elsewhere),
		ENGINE_CASE(cancel_spares_the_next_use),
		ENGINE_CASE(more_than_the_ring_holds),
		ENGINE_CASE(one_turn_takes_them_all),
		cmocka_unit_test(free_with_operations_in_flight),
		cmocka_unit_test(free_with_an_accept_that_is_done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

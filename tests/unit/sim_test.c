/* SPDX-License-Identifier: BSD-2-Clause */
/* The simulated world: its clock, its network, processes that die. */
#include "sim_rig.h"

#define WINDOW (256u << 10)
#define PORT   3260

struct world {
	struct sim *sim;
	struct reactor *a, *b;
	int listener; /* b's */
	int client, server;
};

static void world_open(struct world *w, uint64_t seed, const struct sim_faults *faults)
{
	struct net_addr addr;
	*w = (struct world){.sim = sim_new(seed, NULL)};
	assert_non_null(w->sim);
	w->a = sim_node(w->sim);
	w->b = sim_node(w->sim);
	if (faults)
		sim_set_faults(w->sim, faults);
	sim_node_addr(w->sim, w->b, AF_INET, PORT, &addr);
	w->listener = net_listen(w->b, &addr, 8);
	assert_true(w->listener >= 0);
}

/* A connection from a to b. */
static void world_connect(struct world *w)
{
	struct call connect, accept;
	struct net_addr addr;
	sim_node_addr(w->sim, w->b, AF_INET, PORT, &addr);
	net_accept(w->b, &call_init(&accept)->op, w->listener);
	net_connect(w->a, &call_init(&connect)->op, &addr);
	w->server = call_wait(w->sim, &accept);
	w->client = call_wait(w->sim, &connect);
	assert_true(w->server >= 0 && w->client >= 0);
}

static void world_close(struct world *w)
{
	sim_free(w->sim);
}

/* --- a stream of known bytes from one node to another, in sends and receives of all sizes */

#define STREAM_BYTES (1u << 20)

static uint8_t byte_at(uint64_t i)
{
	return (uint8_t)((i * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

struct stream {
	struct world *w;
	struct op send, recv;
	struct iovec send_iov[3], recv_iov[3];
	uint8_t out[3][40000], in[3][50000];
	uint64_t sent, received, bits_wrong, hash;
	int send_end, recv_end; /* 1: still going */
};

static void note(struct stream *s, uint64_t what)
{
	s->hash = (s->hash ^ what ^ sim_now(s->w->sim)) * UINT64_C(0x100000001b3);
}

static void send_more(struct stream *s)
{
	uint64_t at = s->sent;
	if (at == STREAM_BYTES) {
		s->send_end = 0;
		net_shutdown(s->w->a, s->w->client);
		return;
	}
	for (int i = 0; i < 3; i++) {
		uint64_t luck = sim_rand(s->w->sim, sizeof(s->out[i]));
		size_t len = (size_t)MIN(luck, STREAM_BYTES - at);
		if (i == 2 && at == s->sent && !len)
			len = 1;
		for (size_t j = 0; j < len; j++)
			s->out[i][j] = byte_at(at++);
		s->send_iov[i] = (struct iovec){.iov_base = s->out[i], .iov_len = len};
	}
	net_send(s->w->a, &s->send, s->w->client, s->send_iov, 3);
}

static void recv_more(struct stream *s)
{
	for (int i = 0; i < 3; i++)
		s->recv_iov[i] = (struct iovec){
			.iov_base = s->in[i],
			.iov_len = (size_t)sim_rand(s->w->sim, sizeof(s->in[i])) + (i == 2),
		};
	net_recv(s->w->b, &s->recv, s->w->server, s->recv_iov, 3);
}

static void on_sent(struct op *op, int res)
{
	struct stream *s = container_of(op, struct stream, send);
	note(s, 1000000 + (uint64_t)res);
	if (res <= 0) {
		s->send_end = res;
		return;
	}
	s->sent += (uint64_t)res;
	send_more(s);
}

static void on_received(struct op *op, int res)
{
	struct stream *s = container_of(op, struct stream, recv);
	note(s, (uint64_t)res);
	if (res <= 0) {
		s->recv_end = res;
		return;
	}
	size_t left = (size_t)res;
	for (int i = 0; i < 3 && left; i++) {
		size_t n = MIN(left, s->recv_iov[i].iov_len);
		for (size_t j = 0; j < n; j++)
			s->bits_wrong += (unsigned)__builtin_popcount(s->in[i][j] ^
								      byte_at(s->received + j));
		s->received += n;
		left -= n;
	}
	assert_int_equal(left, 0);
	recv_more(s);
}

/* Runs a whole stream until both sides have ended. */
static struct stream *stream_run(struct world *w)
{
	struct stream *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	s->w = w;
	s->send_end = s->recv_end = 1;
	s->send.done = on_sent;
	s->recv.done = on_received;
	send_more(s);
	recv_more(s);
	while (s->send_end == 1 || s->recv_end == 1)
		assert_true(sim_step(w->sim, REACTOR_NEVER));
	return s;
}

static void stream_delivers_exact_bytes(void **state)
{
	const struct sim_faults faults = {.net_delay_max_us = 3000, .net_split = 300000};
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world w;
		world_open(&w, seed, &faults);
		world_connect(&w);
		struct stream *s = stream_run(&w);
		assert_int_equal(s->recv_end, 0);
		assert_int_equal(s->sent, STREAM_BYTES);
		assert_int_equal(s->received, STREAM_BYTES);
		assert_int_equal(s->bits_wrong, 0);
		assert_true(sim_stats(w.sim)->splits > 0);
		assert_true(sim_stats(w.sim)->delays > 0);
		free(s);
		net_close(w.a, w.client);
		net_close(w.b, w.server);
		world_close(&w);
	}
}

static void cut_is_seen_by_both_sides(void **state)
{
	const struct sim_faults faults = {
		.net_delay_max_us = 500, .net_split = 100000, .net_cut = 50000};
	unsigned cuts = 0;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct world w;
		world_open(&w, seed, &faults);
		world_connect(&w);
		struct stream *s = stream_run(&w);
		assert_int_equal(s->bits_wrong, 0);
		assert_true(s->received <= s->sent);
		if (sim_stats(w.sim)->cuts) {
			cuts++;
			assert_int_equal(sim_stats(w.sim)->cuts, 1);
			assert_int_equal(s->recv_end, -ECONNRESET);
			/* All may have been handed over before; then the sender has ended well. */
			assert_true(s->send_end == -ECONNRESET || s->sent == STREAM_BYTES);
			assert_true(s->received < STREAM_BYTES);
		} else {
			assert_int_equal(s->received, STREAM_BYTES);
		}
		free(s);
		world_close(&w);
	}
	assert_true(cuts > 10);
}

static void flips_change_single_bits(void **state)
{
	const struct sim_faults faults = {.net_flip = 100000};
	uint64_t wrong = 0;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world w;
		world_open(&w, seed, &faults);
		world_connect(&w);
		struct stream *s = stream_run(&w);
		assert_int_equal(s->received, STREAM_BYTES);
		assert_int_equal(s->bits_wrong, sim_stats(w.sim)->flips);
		wrong += s->bits_wrong;
		free(s);
		world_close(&w);
	}
	assert_true(wrong > 20);
}

static uint64_t trace_of(uint64_t seed)
{
	const struct sim_faults faults = {
		.net_delay_max_us = 900, .net_split = 100000, .net_cut = 3000};
	struct world w;
	world_open(&w, seed, &faults);
	world_connect(&w);
	struct stream *s = stream_run(&w);
	uint8_t random[24];
	reactor_random(w.a, random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		note(s, random[i]);
	note(s, sim_stats(w.sim)->events);
	uint64_t hash = s->hash;
	free(s);
	world_close(&w);
	return hash;
}

static void same_seed_same_run(void **state)
{
	for (uint64_t seed = 1; seed <= 8; seed++) {
		assert_true(trace_of(seed) == trace_of(seed));
		assert_true(trace_of(seed) != trace_of(seed + 1));
	}
}

static void window_holds_the_sender_back(void **state)
{
	struct world w;
	uint8_t *out = calloc(1, WINDOW), *in = calloc(1, WINDOW);
	struct call send, recv;
	size_t sent = 0, got = 0;
	world_open(&w, 7, NULL);
	world_connect(&w);
	for (;;) {
		net_send(w.a, &send.op, w.client, call_iov(&send, out, 100000), 1);
		sim_run(w.sim, sim_now(w.sim) + ONE_SECOND);
		if (!send.done)
			break;
		assert_true(send.res > 0);
		sent += (size_t)send.res;
	}
	assert_int_equal(sent, WINDOW);
	/* A little room is not worth a segment; enough of it is. */
	net_recv(w.b, &recv.op, w.server, call_iov(&recv, in, 1000), 1);
	assert_int_equal(call_wait(w.sim, &recv), 1000);
	sim_run(w.sim, sim_now(w.sim) + ONE_SECOND);
	assert_false(send.done);
	for (got = 1000; got < sent; got += (size_t)recv.res) {
		net_recv(w.b, &recv.op, w.server, call_iov(&recv, in, WINDOW), 1);
		assert_true(call_wait(w.sim, &recv) > 0);
	}
	assert_int_equal(call_wait(w.sim, &send), 100000);
	free(out);
	free(in);
	world_close(&w);
}

/* --- connections */

static int try_connect(struct world *w, const struct net_addr *to)
{
	struct call connect;
	net_connect(w->a, &call_init(&connect)->op, to);
	return call_wait(w->sim, &connect);
}

static void nobody_listens(void **state)
{
	struct world w;
	struct net_addr addr;
	world_open(&w, 1, NULL);
	sim_node_addr(w.sim, w.b, AF_INET, PORT + 1, &addr);
	assert_int_equal(try_connect(&w, &addr), -ECONNREFUSED);
	sim_node_addr(w.sim, w.b, AF_INET6, PORT, &addr);
	assert_int_equal(try_connect(&w, &addr), -ECONNREFUSED);
	assert_int_equal(net_addr_parse(&addr, "10.0.0.77", PORT), 0);
	uint64_t before = sim_now(w.sim);
	assert_int_equal(try_connect(&w, &addr), -EHOSTUNREACH);
	assert_true(sim_now(w.sim) > before + ONE_SECOND);
	/* And not while somebody is on the way. */
	net_close(w.b, w.listener);
	sim_node_addr(w.sim, w.b, AF_INET, PORT, &addr);
	assert_int_equal(try_connect(&w, &addr), -ECONNREFUSED);
	world_close(&w);
}

static void addresses_are_those_of_the_nodes(void **state)
{
	struct world w;
	struct net_addr addr, local;
	struct call accept;
	char text[NET_ADDR_TEXT];
	world_open(&w, 1, NULL);
	sim_node_addr(w.sim, w.b, AF_INET6, PORT, &addr);
	assert_string_equal(net_addr_format(text, &addr), "[fd00::2]:3260");
	sim_node_addr(w.sim, w.b, AF_INET, PORT, &addr);
	assert_string_equal(net_addr_format(text, &addr), "10.0.0.2:3260");
	assert_int_equal(net_listen(w.b, &addr, 1), -EADDRINUSE);
	assert_int_equal(net_listen(w.a, &addr, 1), -EADDRNOTAVAIL);

	net_accept(w.b, &call_init(&accept)->op, w.listener);
	int client = try_connect(&w, &addr);
	int server = call_wait(w.sim, &accept);
	assert_string_equal(net_addr_format_host(text, &accept.op.addr), "10.0.0.1");
	assert_int_equal(net_local_addr(w.a, client, &local), 0);
	assert_int_equal(net_addr_port(&local), net_addr_port(&accept.op.addr));
	assert_int_equal(net_local_addr(w.b, server, &local), 0);
	assert_string_equal(net_addr_format(text, &local), "10.0.0.2:3260");

	struct net_addr found[4];
	assert_int_equal(net_resolve(w.a, "node2", 5, found, 4), 2);
	assert_string_equal(net_addr_format(text, &found[0]), "[fd00::2]:5");
	assert_int_equal(net_resolve(w.a, "10.0.0.2", 5, found, 4), 1);
	assert_true(net_resolve(w.a, "nowhere.example", 5, found, 4) < 0);
	world_close(&w);
}

static void wildcard_takes_its_family_only(void **state)
{
	static const char *const cases[][3] = {
		{"0.0.0.0:99", "10.0.0.2:99", "[fd00::2]:99"},
		{"[::]:99", "[fd00::2]:99", "10.0.0.2:99"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct world w;
		struct net_addr addr;
		world_open(&w, i, NULL);
		assert_int_equal(net_addr_parse(&addr, cases[i][0], 0), 0);
		int wild = net_listen(w.b, &addr, 4);
		assert_true(wild >= 0);
		assert_int_equal(net_addr_parse(&addr, cases[i][1], 0), 0);
		assert_true(try_connect(&w, &addr) >= 0);
		assert_int_equal(net_listen(w.b, &addr, 4), -EADDRINUSE);
		assert_int_equal(net_addr_parse(&addr, cases[i][2], 0), 0);
		assert_int_equal(try_connect(&w, &addr), -ECONNREFUSED);
		world_close(&w);
	}
}

static void loopback_stays_at_home(void **state)
{
	struct world w;
	struct net_addr addr;
	world_open(&w, 3, NULL);
	assert_int_equal(net_addr_parse(&addr, "127.0.0.1:0", 0), 0);
	int mine = net_listen(w.a, &addr, 4);
	assert_int_equal(net_local_addr(w.a, mine, &addr), 0);
	assert_true(net_addr_port(&addr) != 0);
	assert_true(try_connect(&w, &addr) >= 0);
	sim_node_addr(w.sim, w.a, AF_INET, net_addr_port(&addr), &addr);
	assert_int_equal(try_connect(&w, &addr), -ECONNREFUSED);
	world_close(&w);
}

static void full_backlog_makes_clients_wait(void **state)
{
	struct world w;
	struct net_addr addr;
	struct call connect[3], accept;
	world_open(&w, 3, NULL);
	assert_int_equal(net_addr_parse(&addr, "10.0.0.2:77", 0), 0);
	int narrow = net_listen(w.b, &addr, 2);
	for (int i = 0; i < 3; i++)
		net_connect(w.a, &call_init(&connect[i])->op, &addr);
	sim_run(w.sim, sim_now(w.sim) + 5 * ONE_SECOND);
	assert_int_equal(connect[0].done + connect[1].done + connect[2].done, 2);
	net_accept(w.b, &call_init(&accept)->op, narrow);
	sim_run(w.sim, sim_now(w.sim) + 5 * ONE_SECOND);
	assert_true(accept.done);
	assert_true(connect[0].done && connect[1].done && connect[2].done);
	world_close(&w);
}

static void cancel_ends_what_waits(void **state)
{
	struct world w;
	struct net_addr addr;
	struct call recv, accept, connect;
	char byte;
	world_open(&w, 3, NULL);
	world_connect(&w);
	net_recv(w.a, &recv.op, w.client, call_iov(&recv, &byte, 1), 1);
	net_accept(w.b, &call_init(&accept)->op, w.listener);
	sim_run(w.sim, sim_now(w.sim) + ONE_SECOND);
	assert_false(recv.done || accept.done);
	reactor_cancel(w.a, &recv.op);
	assert_false(recv.done); /* never from within */
	reactor_cancel(w.b, &accept.op);
	assert_int_equal(call_wait(w.sim, &recv), -ECANCELED);
	assert_int_equal(call_wait(w.sim, &accept), -ECANCELED);

	sim_node_addr(w.sim, w.b, AF_INET, PORT, &addr);
	net_connect(w.a, &call_init(&connect)->op, &addr);
	reactor_cancel(w.a, &connect.op);
	assert_int_equal(call_wait(w.sim, &connect), -ECANCELED);
	sim_run(w.sim, sim_now(w.sim) + ONE_SECOND);
	/* The next one to be accepted is one that is alive. */
	world_connect(&w);
	world_close(&w);
}

/* --- endings */

static void shutdown_ends_both_directions(void **state)
{
	struct world w;
	struct call mine, theirs, send;
	char in[16], out[] = "the last words";
	world_open(&w, 5, NULL);
	world_connect(&w);
	net_send(w.a, &send.op, w.client, call_iov(&send, out, sizeof(out)), 1);
	assert_int_equal(call_wait(w.sim, &send), sizeof(out));
	net_recv(w.a, &mine.op, w.client, call_iov(&mine, in, 1), 1);
	net_shutdown(w.a, w.client);
	assert_int_equal(call_wait(w.sim, &mine), 0);
	net_close(w.a, w.client);

	net_recv(w.b, &theirs.op, w.server, call_iov(&theirs, in, sizeof(in)), 1);
	assert_int_equal(call_wait(w.sim, &theirs), sizeof(out));
	assert_string_equal(in, out);
	net_recv(w.b, &theirs.op, w.server, call_iov(&theirs, in, sizeof(in)), 1);
	assert_int_equal(call_wait(w.sim, &theirs), 0);

	/* What is sent to a closed socket comes back as a reset. */
	net_send(w.b, &send.op, w.server, call_iov(&send, out, sizeof(out)), 1);
	assert_int_equal(call_wait(w.sim, &send), sizeof(out));
	sim_run(w.sim, sim_now(w.sim) + ONE_SECOND);
	net_send(w.b, &send.op, w.server, call_iov(&send, out, sizeof(out)), 1);
	assert_int_equal(call_wait(w.sim, &send), -ECONNRESET);
	net_send(w.b, &send.op, w.server, call_iov(&send, out, sizeof(out)), 1);
	assert_int_equal(call_wait(w.sim, &send), -EPIPE);
	net_close(w.b, w.server);
	world_close(&w);
}

static void close_with_bytes_unread_is_a_reset(void **state)
{
	struct world w;
	struct call send, recv;
	char in[8], out[] = "hello";
	world_open(&w, 5, NULL);
	world_connect(&w);
	net_send(w.a, &send.op, w.client, call_iov(&send, out, sizeof(out)), 1);
	sim_run(w.sim, sim_now(w.sim) + ONE_SECOND);
	net_send(w.b, &recv.op, w.server, call_iov(&recv, out, 3), 1);
	assert_int_equal(call_wait(w.sim, &recv), 3);
	net_close(w.b, w.server);
	/* What was sent before still comes. */
	net_recv(w.a, &recv.op, w.client, call_iov(&recv, in, sizeof(in)), 1);
	assert_int_equal(call_wait(w.sim, &recv), 3);
	net_recv(w.a, &recv.op, w.client, call_iov(&recv, in, sizeof(in)), 1);
	assert_int_equal(call_wait(w.sim, &recv), -ECONNRESET);
	net_recv(w.a, &recv.op, w.client, call_iov(&recv, in, sizeof(in)), 1);
	assert_int_equal(call_wait(w.sim, &recv), 0);
	world_close(&w);
}

static void listener_that_ends_turns_clients_away(void **state)
{
	struct world w;
	struct net_addr addr;
	struct call accept, recv;
	char in;
	world_open(&w, 5, NULL);
	sim_node_addr(w.sim, w.b, AF_INET, PORT, &addr);
	w.client = try_connect(&w, &addr);
	assert_true(w.client >= 0);
	sim_run(w.sim, sim_now(w.sim) + ONE_SECOND);
	net_recv(w.a, &recv.op, w.client, call_iov(&recv, &in, 1), 1);
	net_shutdown(w.b, w.listener);
	assert_int_equal(call_wait(w.sim, &recv), -ECONNRESET);
	net_accept(w.b, &call_init(&accept)->op, w.listener);
	assert_true(call_wait(w.sim, &accept) < 0);
	net_close(w.b, w.listener);
	world_close(&w);
}

struct alarm {
	struct timer timer;
	struct deferred deferred;
	struct reactor *node;
	uint64_t fired, ran;
};

static void alarm_fire(struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);
	a->fired = reactor_now(a->node);
}

static void alarm_run(struct deferred *d)
{
	container_of(d, struct alarm, deferred)->ran++;
}

static void clock_goes_from_event_to_event(void **state)
{
	struct world w;
	struct alarm alarm = {0};
	world_open(&w, 5, NULL);
	alarm.node = w.a;
	timer_init(&alarm.timer, alarm_fire);
	assert_false(sim_step(w.sim, REACTOR_NEVER));
	uint64_t start = sim_now(w.sim), wall = reactor_wall(w.a);
	timer_set(w.a, &alarm.timer, start + 3600 * ONE_SECOND);
	sim_run(w.sim, start + 60 * ONE_SECOND);
	assert_int_equal(sim_now(w.sim), start + 60 * ONE_SECOND);
	assert_int_equal(alarm.fired, 0);
	sim_run(w.sim, start + 3600 * ONE_SECOND);
	assert_int_equal(alarm.fired, start + 3600 * ONE_SECOND);
	assert_int_equal(reactor_wall(w.a), wall + 3600 * ONE_SECOND);
	world_close(&w);
}

static void alarm_spin(struct deferred *d)
{
	struct alarm *a = container_of(d, struct alarm, deferred);
	a->ran++;
	reactor_defer(a->node, d);
}

/* A node that never rests does not stop the clock. */
static void spinning_node_takes_time(void **state)
{
	struct world w;
	struct alarm alarm = {0};
	world_open(&w, 5, NULL);
	alarm.node = w.a;
	deferred_init(&alarm.deferred, alarm_spin);
	reactor_defer(w.a, &alarm.deferred);
	uint64_t until = sim_now(w.sim) + ONE_SECOND / 1000;
	sim_run(w.sim, until);
	assert_true(sim_now(w.sim) >= until);
	assert_true(alarm.ran > 100);
	deferred_cancel(&alarm.deferred);
	world_close(&w);
}

static void kill_resets_and_forgets(void **state)
{
	for (int power = 0; power < 2; power++) {
		struct world w;
		struct alarm alarm = {0};
		struct call dead_recv, dead_accept, recv;
		struct net_addr addr;
		char in;
		world_open(&w, 5, NULL);
		world_connect(&w);
		alarm.node = w.b;
		timer_init(&alarm.timer, alarm_fire);
		deferred_init(&alarm.deferred, alarm_run);
		timer_set(w.b, &alarm.timer, sim_now(w.sim) + 1);
		reactor_defer(w.b, &alarm.deferred);
		net_recv(w.b, &dead_recv.op, w.server, call_iov(&dead_recv, &in, 1), 1);
		net_accept(w.b, &call_init(&dead_accept)->op, w.listener);
		sim_crash(w.sim, w.b, power);
		assert_false(timer_is_set(&alarm.timer));
		timer_cancel(w.b, &alarm.timer);
		reactor_cancel(w.b, &dead_recv.op);
		reactor_cancel(w.b, &dead_accept.op);
		net_close(w.b, w.server);
		net_close(w.b, w.listener);
		assert_int_equal(sim_stats(w.sim)->power_cuts, power);

		net_recv(w.a, &recv.op, w.client, call_iov(&recv, &in, 1), 1);
		assert_int_equal(call_wait(w.sim, &recv), -ECONNRESET);
		net_close(w.a, w.client);
		/* The same reactor starts anew, and old handles mean nothing to it. */
		sim_node_addr(w.sim, w.b, AF_INET, PORT, &addr);
		int old = w.listener;
		w.listener = net_listen(w.b, &addr, 4);
		assert_true(w.listener > old);
		world_connect(&w);
		sim_run(w.sim, sim_now(w.sim) + ONE_SECOND);
		assert_false(dead_recv.done || dead_accept.done);
		assert_int_equal(alarm.fired + alarm.ran, 0);
		world_close(&w);
	}
}

static void kill_while_connecting(void **state)
{
	/* At every moment of the handshake, from either side. */
	for (uint64_t us = 0; us < 60; us += 3) {
		struct world w;
		struct net_addr addr;
		struct call connect, accept;
		world_open(&w, us, NULL);
		sim_node_addr(w.sim, w.b, AF_INET, PORT, &addr);
		net_accept(w.b, &call_init(&accept)->op, w.listener);
		net_connect(w.a, &call_init(&connect)->op, &addr);
		sim_run(w.sim, sim_now(w.sim) + us * 1000);
		bool was = connect.done;
		sim_crash(w.sim, us % 2 ? w.a : w.b, us % 3 == 0);
		sim_run(w.sim, sim_now(w.sim) + 10 * ONE_SECOND);
		if (us % 2)
			assert_int_equal(connect.done, was);
		else
			assert_true(connect.done);
		world_close(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stream_delivers_exact_bytes),
		cmocka_unit_test(cut_is_seen_by_both_sides),
		cmocka_unit_test(flips_change_single_bits),
		cmocka_unit_test(same_seed_same_run),
		cmocka_unit_test(window_holds_the_sender_back),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(addresses_are_those_of_the_nodes),
		cmocka_unit_test(wildcard_takes_its_family_only),
		cmocka_unit_test(loopback_stays_at_home),
		cmocka_unit_test(full_backlog_makes_clients_wait),
		cmocka_unit_test(cancel_ends_what_waits),
		cmocka_unit_test(shutdown_ends_both_directions),
		cmocka_unit_test(close_with_bytes_unread_is_a_reset),
		cmocka_unit_test(listener_that_ends_turns_clients_away),
		cmocka_unit_test(clock_goes_from_event_to_event),
		cmocka_unit_test(spinning_node_takes_time),
		cmocka_unit_test(kill_resets_and_forgets),
		cmocka_unit_test(kill_while_connecting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

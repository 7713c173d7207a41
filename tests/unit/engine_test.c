/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine on a real kernel: sockets on loopback, signals, time. */
#include "engine_rig.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <time.h>

static int flag_of(int sock, int level, int option)
{
	int value = 0;
	socklen_t len = sizeof(value);
	assert_int_equal(getsockopt(sock, level, option, &value, &len), 0);
	return value;
}

/* --- connections */

static void talk(struct reactor *r, const char *host)
{
	struct pair p;
	struct net_addr addr;
	char buf[16];
	pair_open(&p, r, host);
	assert_int_equal(net_local_addr(r, p.client, &addr), 0);
	assert_memory_equal(&addr, &p.peer, sizeof(addr));
	assert_int_equal(net_local_addr(r, p.server, &addr), 0);
	assert_memory_equal(&addr, &p.at, sizeof(addr));
	assert_int_equal(do_send(r, p.client, "hello", 5), 5);
	assert_int_equal(do_recv(r, p.server, buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(do_send(r, p.server, "moon", 4), 4);
	assert_int_equal(do_recv(r, p.client, buf, sizeof(buf)), 4);
	assert_memory_equal(buf, "moon", 4);
	pair_close(&p);
}

static void talk_ipv4(void **state)
{
	talk(*state, "127.0.0.1");
}

static bool has_ipv6(struct reactor *r)
{
	struct net_addr addr;
	assert_int_equal(net_addr_parse(&addr, "::1", 0), 0);
	int sock = net_listen(r, &addr, 1);
	if (sock >= 0)
		net_close(r, sock);
	return sock != -EADDRNOTAVAIL && sock != -EAFNOSUPPORT;
}

static void talk_ipv6(void **state)
{
	if (!has_ipv6(*state))
		skip();
	talk(*state, "::1");
}

static void socket_options(void **state)
{
	struct pair p;
	pair_open(&p, *state, "127.0.0.1");
	const int socks[] = {p.client, p.server};
	for (size_t i = 0; i < ARRAY_SIZE(socks); i++) {
		assert_true(flag_of(socks[i], IPPROTO_TCP, TCP_NODELAY));
		assert_true(flag_of(socks[i], SOL_SOCKET, SO_KEEPALIVE));
		assert_true(fcntl(socks[i], F_GETFD) & FD_CLOEXEC);
	}
	assert_true(fcntl(p.listener, F_GETFD) & FD_CLOEXEC);
	pair_close(&p);
}

static void connection_refused(void **state)
{
	struct pair p;
	struct async a;
	unsigned before = open_descriptors();
	listen_on(&p, *state, "127.0.0.1");
	pair_close(&p);
	net_connect(p.r, async_init(&a, NULL, 0), &p.at);
	assert_int_equal(await(p.r, &a), -ECONNREFUSED);
	assert_int_equal(open_descriptors(), before);
}

/* Ports to connect from are given out in a row, so that all of them come by here, the port itself among them. */
static void nobody_is_met_by_himself(void **state)
{
	struct pair p;
	struct async a;
	unsigned first = 32768, last = 60999;
	FILE *range = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	if (range) {
		assert_int_equal(fscanf(range, "%u %u", &first, &last), 2);
		fclose(range);
	}
	listen_on(&p, *state, "127.0.0.1");
	pair_close(&p);
	for (unsigned i = first; i <= last; i++) {
		net_connect(p.r, async_init(&a, NULL, 0), &p.at);
		assert_int_equal(await(p.r, &a), -ECONNREFUSED);
	}
	p.listener = net_listen(p.r, &p.at, 1);
	assert_true(p.listener >= 0);
	pair_close(&p);
}

static void no_socket_for_this_family(void **state)
{
	struct async a;
	struct net_addr addr;
	memset(&addr, 0, sizeof(addr));
	addr.sa.sa_family = AF_MAX;
	net_connect(*state, async_init(&a, NULL, 0), &addr);
	assert_int_equal(a.done, 0);
	assert_int_equal(await(*state, &a), -EAFNOSUPPORT);
}

static void both_wildcards_on_one_port(void **state)
{
	struct pair p;
	struct net_addr addr;
	if (!has_ipv6(*state))
		skip();
	listen_on(&p, *state, "0.0.0.0");
	assert_int_equal(net_addr_parse(&addr, "::", net_addr_port(&p.at)), 0);
	p.client = net_listen(p.r, &addr, 1);
	assert_true(p.client >= 0);
	assert_int_equal(net_listen(p.r, &p.at, 1), -EADDRINUSE);
	pair_close(&p);
}

/* What a restarted daemon needs: the port of connections that it ended itself is free at once. */
static void listen_again_at_once(void **state)
{
	struct pair p;
	char byte;
	pair_open(&p, *state, "127.0.0.1");
	net_close(p.r, p.server);
	assert_int_equal(do_recv(p.r, p.client, &byte, 1), 0);
	net_close(p.r, p.client);
	net_close(p.r, p.listener);
	p.server = p.client = -1;
	p.listener = net_listen(p.r, &p.at, 1);
	assert_true(p.listener >= 0);
	pair_close(&p);
}

static void resolving(void **state)
{
	struct net_addr addr[8];
	char text[NET_ADDR_TEXT];
	assert_int_equal(net_resolve(*state, "127.0.0.1", 3260, addr, 8), 1);
	assert_string_equal(net_addr_format(text, &addr[0]), "127.0.0.1:3260");
	assert_int_equal(net_resolve(*state, "::1", 3260, addr, 8), 1);
	assert_string_equal(net_addr_format(text, &addr[0]), "[::1]:3260");
	int n = net_resolve(*state, "localhost", 860, addr, 8);
	assert_in_range(n, 1, 8);
	for (int i = 0; i < n; i++) {
		assert_true(net_addr_is_loopback(&addr[i]));
		assert_int_equal(net_addr_port(&addr[i]), 860);
	}
	assert_int_equal(net_resolve(*state, "localhost", 860, addr, 1), 1);
	assert_int_equal(net_resolve(*state, "", 860, addr, 8), -ENOENT);
}

/* --- data */

#define BULK   (4u << 20)
#define PIECES 3000u /* more than a vector may have: IOV_MAX is 1024 */

struct stream {
	struct async a;
	struct reactor *r;
	int sock;
	uint8_t *data;
	size_t at;
	struct iovec iov[PIECES];
	void (*move)(struct reactor *r, struct op *op, int sock, struct iovec *iov, unsigned n);
};

/* What is left, in pieces of unequal size. */
static void stream_step(struct stream *s)
{
	unsigned n = 0;
	for (size_t at = s->at; at < BULK && n < PIECES; n++) {
		size_t len = MIN(1 + (at * 7 + n) % 3001, BULK - at);
		s->iov[n] = (struct iovec){.iov_base = s->data + at, .iov_len = len};
		at += len;
	}
	if (n)
		s->move(s->r, &s->a.op, s->sock, s->iov, n);
}

static void stream_done(struct op *op, int res)
{
	struct stream *s = container_of(op, struct stream, a.op);
	assert_true(res > 0);
	s->at += (size_t)res;
	assert_true(s->at <= BULK);
	stream_step(s);
}

static struct stream *stream_start(struct pair *p, int sock, __typeof__(&net_send) move)
{
	struct stream *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	s->data = malloc(BULK);
	assert_non_null(s->data);
	s->a.op.done = stream_done;
	s->r = p->r;
	s->sock = sock;
	s->move = move;
	for (size_t i = 0; i < BULK; i++)
		s->data[i] = move == net_send ? (uint8_t)(i * 2654435761u >> 13) : 0;
	stream_step(s);
	return s;
}

static void long_vectors_in_many_pieces(void **state)
{
	struct pair p;
	pair_open(&p, *state, "127.0.0.1");
	struct stream *out = stream_start(&p, p.client, net_send);
	struct stream *in = stream_start(&p, p.server, net_recv);
	uint64_t deadline = reactor_now(p.r) + PATIENCE;
	while ((in->at < BULK || out->at < BULK) && reactor_now(p.r) < deadline)
		assert_true(reactor_turn(p.r, deadline) >= 0);
	assert_int_equal(out->at, BULK);
	assert_int_equal(in->at, BULK);
	assert_memory_equal(in->data, out->data, BULK);
	pair_close(&p);
	free(in->data);
	free(out->data);
	free(in);
	free(out);
}

/* What the socket takes at once, and not more; what it took arrives. */
static void send_now_takes_what_fits(void **state)
{
	struct pair p;
	size_t got = 0;
	ssize_t n;
	uint8_t *out = malloc(BULK), *in = malloc(BULK);
	assert_true(out && in);
	for (size_t i = 0; i < BULK; i++)
		out[i] = (uint8_t)(i * 2654435761u >> 13);
	pair_open(&p, *state, "127.0.0.1");
	for (int i = 0; i < 4; i++) {
		struct iovec iov[2] = {{out, BULK / 3}, {out + BULK / 3, BULK - BULK / 3}};
		n = net_send_now(p.r, p.client, iov, 2);
		assert_true(n > 0);
		for (size_t at = 0; at < (size_t)n; at += got) {
			got = (size_t)do_recv(p.r, p.server, in, (size_t)n - at);
			assert_true(got > 0 && got <= (size_t)n - at);
			assert_memory_equal(in, out + at, got);
		}
	}
	while ((n = net_send_now(p.r, p.client, &(struct iovec){out, BULK}, 1)) > 0)
		;
	assert_int_equal(n, -EAGAIN);
	net_shutdown(p.r, p.client);
	assert_int_equal(net_send_now(p.r, p.client, &(struct iovec){out, 1}, 1), -EPIPE);
	pair_close(&p);
	free(in);
	free(out);
}

static void peer_ends(void **state)
{
	struct pair p;
	char buf[4];
	pair_open(&p, *state, "127.0.0.1");
	assert_int_equal(do_send(p.r, p.client, "end", 3), 3);
	net_close(p.r, p.client);
	p.client = -1;
	assert_int_equal(do_recv(p.r, p.server, buf, sizeof(buf)), 3);
	assert_int_equal(do_recv(p.r, p.server, buf, sizeof(buf)), 0);
	pair_close(&p);
}

/* Sending to a peer that is gone is an error, not the end of the process. */
static void no_sigpipe(void **state)
{
	struct iovec iov[2] = {{.iov_base = "a", .iov_len = 1}, {.iov_base = "b", .iov_len = 1}};
	for (unsigned n = 1; n <= 2; n++) {
		struct pair p;
		struct async a;
		pair_open(&p, *state, "127.0.0.1");
		net_shutdown(p.r, p.client);
		net_send(p.r, async_init(&a, NULL, 0), p.client, iov, n);
		assert_int_equal(await(p.r, &a), -EPIPE);
		pair_close(&p);
	}
}

static void shutdown_ends_what_is_in_flight(void **state)
{
	struct pair p;
	struct async in, other;
	char buf[4];
	pair_open(&p, *state, "127.0.0.1");
	async_init(&in, buf, sizeof(buf));
	net_recv(p.r, &in.op, p.server, &in.iov, 1);
	async_init(&other, buf, sizeof(buf));
	net_recv(p.r, &other.op, p.client, &other.iov, 1);
	turn_for(p.r, 20);
	assert_int_equal(in.done, 0);
	net_shutdown(p.r, p.server);
	assert_int_equal(await(p.r, &in), 0);
	assert_int_equal(await(p.r, &other), 0);
	pair_close(&p);
}

static void shutdown_ends_an_accept(void **state)
{
	struct pair p;
	struct async a;
	listen_on(&p, *state, "127.0.0.1");
	net_accept(p.r, async_init(&a, NULL, 0), p.listener);
	turn_for(p.r, 20);
	assert_int_equal(a.done, 0);
	net_shutdown(p.r, p.listener);
	assert_int_equal(await(p.r, &a), -EINVAL);
	pair_close(&p);
}

static void bad_handle(void **state)
{
	char byte;
	assert_int_equal(do_recv(*state, 9999, &byte, 1), -EBADF);
	assert_int_equal(do_send(*state, 9999, "x", 1), -EBADF);
}

/* --- time, random numbers, signals */

static void turns_wait_as_long_as_asked(void **state)
{
	struct reactor *r = *state;
	uint64_t start = reactor_now(r);
	assert_int_equal(reactor_turn(r, 0), 0);
	assert_int_equal(reactor_turn(r, start), 0);
	assert_true(reactor_now(r) < start + NSEC_PER_SEC);
	start = reactor_now(r);
	assert_int_equal(reactor_turn(r, start + 30 * NSEC_PER_MSEC), 0);
	assert_in_range(reactor_now(r), start + 30 * NSEC_PER_MSEC, start + 5 * NSEC_PER_SEC);
}

/* A caller that never lets the reactor wait gets its completions all the same. */
static void polling_alone_makes_progress(void **state)
{
	struct pair p;
	struct async in, out;
	char byte = 0;
	pair_open(&p, *state, "127.0.0.1");
	async_init(&in, &byte, 1);
	net_recv(p.r, &in.op, p.server, &in.iov, 1);
	assert_int_equal(reactor_turn(p.r, 0), 0);
	async_init(&out, "p", 1);
	net_send(p.r, &out.op, p.client, &out.iov, 1);
	uint64_t deadline = reactor_now(p.r) + PATIENCE;
	while (!(in.done && out.done) && reactor_now(p.r) < deadline)
		assert_true(reactor_turn(p.r, 0) >= 0);
	assert_int_equal(in.res, 1);
	assert_int_equal(byte, 'p');
	pair_close(&p);
}

struct beat {
	struct timer timer;
	struct reactor *r;
	uint64_t seen;
	unsigned count;
};

static void beat_fire(struct timer *t)
{
	struct beat *b = container_of(t, struct beat, timer);
	struct timespec pause = {.tv_nsec = 1000000};
	uint64_t now = reactor_now(b->r);
	assert_true(now >= t->deadline);
	assert_true(now > b->seen);
	b->seen = now;
	nanosleep(&pause, NULL);
	assert_int_equal(reactor_now(b->r), now); /* steady within a turn */
	if (++b->count == 5)
		reactor_stop(b->r);
	else
		timer_set(b->r, t, now + 5 * NSEC_PER_MSEC);
}

static void timers_drive_the_loop(void **state)
{
	struct beat b = {.r = *state};
	uint64_t start = reactor_now(b.r);
	timer_init(&b.timer, beat_fire);
	timer_set(b.r, &b.timer, start + 5 * NSEC_PER_MSEC);
	assert_int_equal(reactor_run(b.r), 0);
	assert_int_equal(b.count, 5);
	assert_in_range(reactor_now(b.r) - start, 25 * NSEC_PER_MSEC, 5 * NSEC_PER_SEC);
}

static void wall_clock(void **state)
{
	uint64_t wall = reactor_wall(*state) / NSEC_PER_SEC;
	assert_in_range(wall, (uint64_t)time(NULL) - 2, (uint64_t)time(NULL) + 2);
}

static void random_numbers(void **state)
{
	enum { LEN = 100000 };
	static uint8_t a[LEN], b[LEN];
	unsigned seen[256] = {0};
	reactor_random(*state, a, LEN);
	reactor_random(*state, b, LEN);
	assert_memory_not_equal(a, b, LEN);
	for (unsigned i = 0; i < LEN; i++)
		seen[a[i]]++;
	for (unsigned i = 0; i < 256; i++)
		assert_in_range(seen[i], LEN / 512, LEN / 128);
	assert_memory_not_equal(a + LEN - 32, b + LEN - 32, 32);
}

static void on_alarm(int sig)
{
}

static void interrupted_wait(void **state)
{
	struct pair p;
	struct async receiving;
	char byte = 0;
	struct sigaction action = {.sa_handler = on_alarm}, old; /* without SA_RESTART */
	/* Again and again, for the first may come before the wait has begun. */
	struct itimerval timer = {{.tv_usec = 20000}, {.tv_usec = 20000}}, none = {0};
	pair_open(&p, *state, "127.0.0.1");
	async_init(&receiving, &byte, 1);
	net_recv(p.r, &receiving.op, p.server, &receiving.iov, 1);
	sigaction(SIGALRM, &action, &old);
	setitimer(ITIMER_REAL, &timer, NULL);
	assert_int_equal(reactor_turn(p.r, REACTOR_NEVER), 0);
	assert_int_equal(reactor_turn(p.r, reactor_now(p.r) + PATIENCE), 0);
	setitimer(ITIMER_REAL, &none, NULL);
	sigaction(SIGALRM, &old, NULL);
	assert_int_equal(receiving.done, 0);
	assert_int_equal(do_send(p.r, p.client, "s", 1), 1);
	assert_int_equal(await(p.r, &receiving), 1);
	pair_close(&p);
}

static void signals_are_read(void **state)
{
	const int wanted[] = {SIGUSR1, SIGUSR2};
	struct signalfd_siginfo info;
	struct async a;
	sigset_t before;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	int sig = signal_open(*state, wanted, ARRAY_SIZE(wanted));
	assert_true(sig >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		async_init(&a, &info, sizeof(info));
		file_read(*state, &a.op, sig, &a.iov, 1, 0);
		turn_for(*state, 10);
		assert_int_equal(a.done, 0);
		kill(getpid(), wanted[i]);
		assert_int_equal(await(*state, &a), sizeof(info));
		assert_int_equal(info.ssi_signo, wanted[i]);
	}
	async_init(&a, &info, sizeof(info));
	file_read(*state, &a.op, sig, &a.iov, 1, 0);
	turn_for(*state, 10);
	reactor_cancel(*state, &a.op);
	assert_int_equal(await(*state, &a), -ECANCELED);
	file_close(*state, sig);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void no_such_signal(void **state)
{
	const int wanted[] = {SIGUSR1, 4711};
	assert_int_equal(signal_open(*state, wanted, ARRAY_SIZE(wanted)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_CASE(talk_ipv4),
		ENGINE_CASE(talk_ipv6),
		ENGINE_CASE(socket_options),
		ENGINE_CASE(connection_refused),
		ENGINE_CASE(nobody_is_met_by_himself),
		ENGINE_CASE(no_socket_for_this_family),
		ENGINE_CASE(both_wildcards_on_one_port),
		ENGINE_CASE(listen_again_at_once),
		ENGINE_CASE(resolving),
		ENGINE_CASE(long_vectors_in_many_pieces),
		ENGINE_CASE(send_now_takes_what_fits),
		ENGINE_CASE(peer_ends),
		ENGINE_CASE(no_sigpipe),
		ENGINE_CASE(shutdown_ends_what_is_in_flight),
		ENGINE_CASE(shutdown_ends_an_accept),
		ENGINE_CASE(bad_handle),
		ENGINE_CASE(turns_wait_as_long_as_asked),
		ENGINE_CASE(polling_alone_makes_progress),
		ENGINE_CASE(timers_drive_the_loop),
		ENGINE_CASE(wall_clock),
		ENGINE_CASE(random_numbers),
		ENGINE_CASE(interrupted_wait),
		ENGINE_CASE(signals_are_read),
		ENGINE_CASE(no_such_signal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wire's own limit: the bytes of iSCSI over loopback TCP, and nothing else. `wire serve` prints its
 * port and answers each request of 48 bytes (and the data behind it) with 48 bytes (and data); `wire PORT
 * [name=value...]` is the load, with the names of load.c. Many requests are taken by one receive, and
 * many answers leave with one send, on both sides.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "clock.h"

#define HEAD      48
#define PEERS_MAX 64
#define BATCH     64
#define STAGE     (256u << 10)

struct head {
	uint32_t data, answer; /* bytes behind this head; behind the head of its answer */
	uint64_t begun;
	uint8_t rest[HEAD - 16];
};

/* One side of a connection. */
struct peer {
	int sock;
	uint8_t *stage;
	size_t have;           /* bytes in the stage */
	uint32_t skip;         /* of data, still to come and to be thrown away */
	struct head out[1024]; /* heads to be sent, in a ring */
	unsigned first, count;
	size_t gone; /* bytes of the first one that are sent */
};

static uint8_t *bulk; /* what data are made of */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void tune(int sock)
{
	int on = 1;
	setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void push(struct peer *p, uint32_t data, uint32_t answer, uint64_t begun)
{
	if (p->count == 1024) {
		fprintf(stderr, "wire: too many at a time\n");
		exit(1);
	}
	p->out[(p->first + p->count++) % 1024] = (struct head){data, answer, begun, {0}};
}

static void send_some(struct peer *p)
{
	struct iovec iov[2 * BATCH];
	unsigned n = 0;
	size_t gone = p->gone;
	for (unsigned i = 0; i < p->count && i < BATCH; i++) {
		struct head *h = &p->out[(p->first + i) % 1024];
		if (gone < HEAD)
			iov[n++] = (struct iovec){(uint8_t *)h + gone, HEAD - gone};
		size_t into = gone > HEAD ? gone - HEAD : 0;
		if (h->data > into)
			iov[n++] = (struct iovec){bulk + into, h->data - into};
		gone = 0;
	}
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};
	ssize_t sent = n ? sendmsg(p->sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
	if (sent < 0 && errno != EAGAIN)
		die("send");
	for (p->gone += sent > 0 ? (size_t)sent : 0; p->count; p->count--) {
		size_t whole = HEAD + p->out[p->first].data;
		if (p->gone < whole)
			break;
		p->gone -= whole;
		p->first = (p->first + 1) % 1024;
	}
}

/* Calls `take` for each head that is whole. False: the other side has closed. */
static bool receive(struct peer *p, void (*take)(struct peer *p, const struct head *h))
{
	ssize_t got = recv(p->sock, p->stage + p->have, STAGE - p->have, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (got <= 0)
		return false;
	size_t at = 0;
	p->have += (size_t)got;
	for (;;) {
		size_t n = p->have - at < p->skip ? p->have - at : p->skip;
		at += n;
		p->skip -= (uint32_t)n;
		if (p->skip || p->have - at < HEAD)
			break;
		struct head h;
		memcpy(&h, p->stage + at, HEAD);
		at += HEAD;
		p->skip = h.data;
		take(p, &h);
	}
	memmove(p->stage, p->stage + at, p->have - at);
	p->have -= at;
	return true;
}

static void peer_init(struct peer *p, int sock)
{
	memset(p, 0, sizeof(*p));
	p->sock = sock;
	p->stage = malloc(STAGE);
	tune(sock);
}

static unsigned add_polls(struct pollfd *fds, struct peer *peers, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		fds[i] = (struct pollfd){peers[i].sock,
					 (short)(POLLIN | (peers[i].count ? POLLOUT : 0)), 0};
	return count;
}

/* --- the server */

static void answer(struct peer *p, const struct head *h)
{
	push(p, h->answer, 0, h->begun);
}

static void __attribute__((noreturn)) serve(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	static struct peer peers[PEERS_MAX];
	unsigned count = 0;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&addr, len) || listen(listener, PEERS_MAX) ||
	    getsockname(listener, (struct sockaddr *)&addr, &len))
		die("listen");
	printf("%u\n", ntohs(addr.sin_port));
	fflush(stdout);
	for (;;) {
		struct pollfd fds[PEERS_MAX + 1];
		unsigned n = add_polls(fds, peers, count);
		fds[n] = (struct pollfd){listener, POLLIN, 0};
		poll(fds, n + 1, -1);
		if (fds[n].revents && count < PEERS_MAX)
			peer_init(&peers[count++], accept(listener, NULL, NULL));
		for (unsigned i = n; i-- > 0;) {
			bool open = !(fds[i].revents & ~POLLOUT) || receive(&peers[i], answer);
			if (open && peers[i].count)
				send_some(&peers[i]);
			if (open)
				continue;
			close(peers[i].sock);
			free(peers[i].stage);
			peers[i] = peers[--count];
		}
	}
}

/* --- the load */

static struct {
	uint32_t size;
	bool write;
	uint64_t begun, until;
	unsigned busy;
	struct latency latencies;
} load;

static void ask(struct peer *p)
{
	push(p, load.write ? load.size : 0, load.write ? 0 : load.size, now_ns());
	load.busy++;
}

static void answered(struct peer *p, const struct head *h)
{
	uint64_t now = now_ns();
	load.busy--;
	if (h->begun >= load.begun && now <= load.until)
		latency_add(&load.latencies, now - h->begun);
	if (now < load.until)
		ask(p);
}

static double option(char **argv, const char *name, double otherwise)
{
	size_t len = strlen(name);
	for (; *argv; argv++)
		if (!strncmp(*argv, name, len) && (*argv)[len] == '=')
			return atof(*argv + len + 1);
	return otherwise;
}

static int run(char **argv)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_port = htons((uint16_t)atoi(argv[0])),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	static struct peer peers[PEERS_MAX];
	unsigned n = (unsigned)option(argv, "connections", 1);
	unsigned depth = (unsigned)option(argv, "depth", 32);
	double seconds = option(argv, "seconds", 3);
	load.size = (uint32_t)option(argv, "size", 4096);
	load.write = option(argv, "write", 0) != 0;
	for (unsigned i = 0; i < n && i < PEERS_MAX; i++) {
		peer_init(&peers[i], socket(AF_INET, SOCK_STREAM, 0));
		if (connect(peers[i].sock, (struct sockaddr *)&addr, sizeof(addr)))
			die("connect");
	}
	load.begun = now_ns() + (uint64_t)(option(argv, "warmup", 0.3) * 1e9);
	load.until = load.begun + (uint64_t)(seconds * 1e9);
	for (unsigned i = 0; i < n * depth; i++)
		ask(&peers[i % n]);
	for (unsigned i = 0; i < n; i++)
		send_some(&peers[i]);
	while (load.busy) {
		struct pollfd fds[PEERS_MAX];
		add_polls(fds, peers, n);
		poll(fds, n, -1);
		for (unsigned i = 0; i < n; i++) {
			if (fds[i].revents & POLLIN && !receive(&peers[i], answered))
				die("the server has gone");
			if (peers[i].count)
				send_some(&peers[i]);
		}
	}
	report(&load.latencies, load.latencies.total * load.size, load.until - load.begun);
	return 0;
}

int main(int argc, char **argv)
{
	bulk = malloc(32u << 20);
	memset(bulk, 0x5a, 32u << 20); /* or all of it were one page of zeroes */
	if (argc == 2 && !strcmp(argv[1], "serve"))
		serve();
	if (argc < 2) {
		fprintf(stderr, "usage: wire serve | wire PORT [name=value...]\n");
		return 2;
	}
	return run(argv + 1);
}

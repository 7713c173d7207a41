/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * swarm ROLE ADDRESS:PORT IQN [name=value...]: many initiators in one process, on the protocol code of
 * src/iscsi. It fails, and says why, when anything is not answered within its time, is answered wrongly,
 * or is not on the disk as it was acknowledged.
 *
 *   idle    sessions that only answer pings
 *   login   a session that writes, reads back and logs out again at once
 *   silent  connections that never say a word, and come again when they are closed
 *   io      sessions that write and read back
 *   storm   the same, with aborts, resets and disconnects at random
 *
 * At `seconds`, or at SIGTERM, what is written is read back, everybody logs out, and the counts are
 * printed. "up" is printed when all are logged in.
 *
 * Every session has a place of its own on its LUN, with `depth` slots of `size` bytes. Each 512 bytes of
 * a slot say whose they are and by which write they came. A read may show the last write that was
 * acknowledged, or one that was sent later; nothing older, and nothing of anybody else.
 */
#include "swarm.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>

#define TICK    (20 * MSEC)
#define TOO_FEW 77 /* exit code: not enough descriptors here */

void __attribute__((noreturn, format(printf, 2, 3)))
fail(const struct peer *p, const char *fmt, ...)
{
	va_list ap;
	if (p)
		printf("initiator %u: ", p->number);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	exit(1);
}

static uint64_t clock_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SEC + (uint64_t)ts.tv_nsec;
}

uint32_t draw(struct swarm *s, uint32_t below)
{
	s->seed ^= s->seed << 13;
	s->seed ^= s->seed >> 7;
	s->seed ^= s->seed << 17;
	return (uint32_t)(s->seed >> 16) % below;
}

/* --- what to do next */

void swarm_go(struct peer *p)
{
	struct swarm *s = p->swarm;
	if (s->ending && (s->o.hasty || peer_at_rest(p))) {
		peer_log_out(p);
		return;
	}
	if (p->tmf.function)
		return;
	for (uint32_t i = 0; i < s->o.depth; i++) {
		struct slot *slot = &p->slots[i];
		bool wanted = slot->unread || !s->ending || !slot->floor;
		if (slot->doing == IDLE && wanted && s->now >= slot->not_before &&
		    !iscsi_sn_gt(p->cmdsn, p->maxcmdsn))
			peer_begin(p, slot);
	}
	if (s->o.mischief && !s->ending && draw(s, 1000) < s->o.mischief)
		swarm_mischief(p);
}

static void overdue(const struct peer *p, const char *what, uint64_t since, uint32_t seconds)
{
	if (since && p->swarm->now - since > seconds * SEC)
		fail(p, "%s takes more than %u s", what, seconds);
}

static void tick_peer(struct peer *p)
{
	struct swarm *s = p->swarm;
	const struct options *o = &s->o;
	if (p->state == DOWN && s->now >= p->not_before && s->under_way < o->ramp &&
	    !(s->ending && peer_at_rest(p)))
		peer_dial(p);
	if (p->state == FULL)
		swarm_go(p);
	if (p->state > CONNECTING)
		peer_flush(p);
	if (o->silent)
		return;
	if (p->state == LOGOUT)
		overdue(p, "a logout", p->since, o->logout);
	else if (p->state != FULL)
		overdue(p, "a login", p->since, o->login);
	if (p->tmf.function)
		overdue(p, "a function", p->tmf.since, o->within);
	for (uint32_t i = 0; i < o->depth; i++)
		overdue(p, "a command", p->slots[i].since, o->within);
}

/* True when the swarm is through. */
static bool tick(struct swarm *s)
{
	if (s->o.seconds && s->now - s->begun > s->o.seconds * SEC)
		s->ending = true;
	bool over = s->ending && !s->gone;
	if (s->ending && !s->ended)
		s->ended = s->now;
	if (s->gone)
		overdue(s->peers, "an end of those who have vanished", s->ended, s->o.logout);
	for (uint32_t i = 0; i < s->o.connections; i++) {
		struct peer *p = &s->peers[i];
		tick_peer(p);
		over &= s->o.silent || (p->state == DOWN && (s->o.hasty || peer_at_rest(p)));
	}
	return over;
}

static void take_event(struct swarm *s, const struct epoll_event *event)
{
	uint32_t who = (uint32_t)(event->data.u64 >> 32);
	int fd = (int)(uint32_t)event->data.u64;
	if (who == EVENT_SIGNAL) {
		struct signalfd_siginfo info;
		s->ending |= read(s->signals, &info, sizeof(info)) > 0;
		return;
	}
	if (who == EVENT_GONE) {
		close(fd);
		s->gone--;
		return;
	}
	struct peer *p = &s->peers[who];
	if (p->fd != fd)
		return; /* it has another one by now */
	if (p->state == CONNECTING && event->events & EPOLLOUT && !(event->events & EPOLLERR))
		peer_connected(p);
	if (event->events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		peer_receive(p);
	else
		peer_flush(p);
}

static void run(struct swarm *s)
{
	struct epoll_event events[256];
	uint64_t due = 0;
	for (;;) {
		int n = epoll_wait(s->epoll, events, ARRAY_SIZE(events), (int)(TICK / MSEC));
		s->now = clock_now();
		for (int i = 0; i < n; i++)
			take_event(s, &events[i]);
		if (s->now < due)
			continue;
		due = s->now + TICK;
		if (tick(s))
			return;
	}
}

/* --- options */

static const struct {
	const char *name;
	size_t offset;
} known[] = {
#define OPTION(name)                                  \
	{                                             \
#name, offsetof(struct options, name) \
	}
	OPTION(connections), OPTION(first), OPTION(luns),   OPTION(lun),    OPTION(depth),
	OPTION(size),        OPTION(login), OPTION(within), OPTION(logout), OPTION(ramp),
	OPTION(mischief),    OPTION(retry), OPTION(hasty),  OPTION(seed),   OPTION(seconds),
	OPTION(fua),         OPTION(sync),
};

static const struct {
	const char *name;
	struct options o;
} roles[] = {
#define COMMON .connections = 1, .luns = 1, .size = 4096, .login = 15, .within = 30, .logout = 15
	{"idle", {COMMON, .ramp = 100}},
	{"login", {COMMON, .ramp = 100, .depth = 1, .retry = 1, .once = 1}},
	{"silent", {COMMON, .ramp = UINT32_MAX, .retry = 1, .silent = 1}},
	{"io", {COMMON, .ramp = 100, .depth = 4}},
	{"storm", {COMMON, .ramp = 100, .depth = 4, .mischief = 20, .retry = 1}},
};

static void parse(struct options *o, const char *role, char **argv)
{
	size_t i = 0;
	while (i < ARRAY_SIZE(roles) && strcmp(roles[i].name, role))
		i++;
	if (i == ARRAY_SIZE(roles))
		fail(NULL, "%s: idle, login, silent, io and storm are roles", role);
	*o = roles[i].o;
	for (; *argv; argv++) {
		size_t len = strcspn(*argv, "=");
		for (i = 0; i < ARRAY_SIZE(known); i++)
			if (strlen(known[i].name) == len && !strncmp(known[i].name, *argv, len))
				break;
		if (i == ARRAY_SIZE(known) || !(*argv)[len])
			fail(NULL, "%s: not name=value with a name that is known", *argv);
		*(uint32_t *)((char *)o + known[i].offset) =
			(uint32_t)strtoul(*argv + len + 1, NULL, 10);
	}
	if (!o->connections || !o->luns || !o->size || o->size % SECTOR)
		fail(NULL, "connections, luns and size (a multiple of 512) are not 0");
}

static void resolve(struct swarm *s, char *portal)
{
	char *colon = strrchr(portal, ':');
	if (colon)
		*colon = 0;
	s->addr.sin_family = AF_INET;
	s->addr.sin_port = htons((uint16_t)(colon ? strtoul(colon + 1, NULL, 10) : 3260));
	if (inet_pton(AF_INET, portal, &s->addr.sin_addr) != 1)
		fail(NULL, "%s is not an IPv4 address", portal);
}

static void allow_descriptors(uint32_t count)
{
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max = MAX(files.rlim_max, count + 100);
	if (!setrlimit(RLIMIT_NOFILE, &files))
		return;
	printf("%u descriptors are not to be had\n", count + 100);
	exit(TOO_FEW);
}

static void set_up(struct swarm *s)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)EVENT_SIGNAL << 32};
	sigset_t set;
	allow_descriptors(s->o.connections);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->signals, &event);
	s->seed = s->o.seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	s->now = s->begun = clock_now();
	s->ending = s->o.once;
	s->peers = calloc(s->o.connections, sizeof(*s->peers));
	for (uint32_t i = 0; s->peers && i < s->o.connections; i++) {
		struct peer *p = &s->peers[i];
		*p = (struct peer){.swarm = s, .number = s->o.first + i, .fd = -1};
		p->slots = calloc(MAX(s->o.depth, 1u), sizeof(*p->slots));
		for (uint32_t d = 0; p->slots && d < s->o.depth; d++)
			p->slots[d].buf = malloc(s->o.size);
	}
}

int main(int argc, char **argv)
{
	struct swarm s = {0};
	if (argc < 4)
		fail(NULL, "usage: swarm ROLE ADDRESS:PORT IQN [name=value...]");
	parse(&s.o, argv[1], argv + 4);
	resolve(&s, argv[2]);
	s.iqn = argv[3];
	set_up(&s);
	run(&s);
	printf("logins=%" PRIu64 " writes=%" PRIu64 " reads=%" PRIu64 " tmfs=%" PRIu64
	       " pings=%" PRIu64 " lost=%" PRIu64 " refused=%" PRIu64 " again=%" PRIu64 "\n",
	       s.n.logins, s.n.writes, s.n.reads, s.n.tmfs, s.n.pings, s.n.lost, s.n.refused,
	       s.n.again);
	printf("slowest: login %.2f s, command %.2f s, logout %.2f s\n",
	       (double)s.n.slowest_login / SEC, (double)s.n.slowest_command / SEC,
	       (double)s.n.slowest_logout / SEC);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and TCP connections, as far as `lunar doctor` looks at them apart from sessions. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/doctor.h"
#include "cli/initiator.h"
#include "common/eai.h"
#include "common/self_connect.h"

/* --- names */

struct question {
	struct gaicb request;
	struct addrinfo hints;
	char host[INI_HOST_SIZE], port[8];
};

/* Who is asked may not answer for long, and cannot be stopped then: what was asked stays for that one. */
static int ask(struct question *q, unsigned seconds)
{
	struct gaicb *list[] = {&q->request};
	const struct gaicb *waiting[] = {&q->request};
	struct timespec limit = {.tv_sec = seconds};
	int err = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
	if (err)
		return eai_errno(err, errno);
	do
		err = gai_suspend(waiting, 1, &limit);
	while (err == EAI_INTR);
	err = gai_error(&q->request);
	return err == EAI_INPROGRESS ? -EINPROGRESS : err ? eai_errno(err, errno) : 0;
}

int doctor_resolve(const struct ini_address *host, unsigned seconds, struct doctor_peer *out,
		   size_t max, size_t *count)
{
	struct question *q = calloc(1, sizeof(*q));
	*count = 0;
	if (!q)
		return -ENOMEM;
	q->hints = (struct addrinfo){.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	snprintf(q->host, sizeof(q->host), "%s", host->host);
	snprintf(q->port, sizeof(q->port), "%u", host->port);
	q->request.ar_name = q->host;
	q->request.ar_service = q->port;
	q->request.ar_request = &q->hints;
	int err = ask(q, seconds);
	if (err == -EINPROGRESS)
		return -EAGAIN;
	for (const struct addrinfo *a = err ? NULL : q->request.ar_result; a && *count < max;
	     a = a->ai_next) {
		struct doctor_peer *peer = &out[(*count)++];
		*peer = (struct doctor_peer){.len = a->ai_addrlen, .fd = -1};
		memcpy(&peer->address, a->ai_addr, a->ai_addrlen);
	}
	if (q->request.ar_result)
		freeaddrinfo(q->request.ar_result);
	free(q);
	return err ? err : *count ? 0 : -ENOENT;
}

void doctor_peer_text(const struct doctor_peer *peer, char out[ISCSI_ADDRESS_SIZE])
{
	char host[128], port[8];
	if (peer->name)
		snprintf(out, ISCSI_ADDRESS_SIZE, "%s", peer->name);
	else if (getnameinfo((const struct sockaddr *)&peer->address, peer->len, host, sizeof(host),
			     port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(out, ISCSI_ADDRESS_SIZE, "?");
	else if (peer->address.ss_family == AF_INET6)
		snprintf(out, ISCSI_ADDRESS_SIZE, "[%s]:%s", host, port);
	else
		snprintf(out, ISCSI_ADDRESS_SIZE, "%s:%s", host, port);
}

/* --- connections */

static void begin(struct doctor_peer *p)
{
	if (p->name)
		return;
	p->err = -EINPROGRESS;
	p->fd = socket(p->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		p->err = -errno;
	else if (connect(p->fd, (const struct sockaddr *)&p->address, p->len) &&
		 errno != EINPROGRESS)
		p->err = -errno;
}

static void finish(struct doctor_peer *p)
{
	int err = 0;
	socklen_t len = sizeof(err);
	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &err, &len))
		err = errno;
	if (!err && socket_met_itself(p->fd))
		err = ECONNREFUSED;
	p->err = -err;
}

static int left_ms(const struct timespec *began, unsigned seconds)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	long gone = (long)(now.tv_sec - began->tv_sec) * 1000 +
		    (now.tv_nsec - began->tv_nsec) / 1000000;
	return (int)MAX((long)seconds * 1000 - gone, 0L);
}

void doctor_reach(struct doctor_peer *peers, size_t count, unsigned seconds)
{
	struct pollfd fds[DOCTOR_PORTALS];
	struct timespec began;
	clock_gettime(CLOCK_MONOTONIC, &began);
	count = MIN(count, ARRAY_SIZE(fds));
	for (size_t i = 0; i < count; i++)
		begin(&peers[i]);
	for (size_t open = 1; open;) {
		open = 0;
		for (size_t i = 0; i < count; i++) {
			bool waits = peers[i].err == -EINPROGRESS;
			fds[i] = (struct pollfd){.fd = waits ? peers[i].fd : -1, .events = POLLOUT};
			open += waits;
		}
		int left = left_ms(&began, seconds);
		if (!open || !left)
			break;
		if (poll(fds, (nfds_t)count, left) < 0 && errno != EINTR)
			break;
		for (size_t i = 0; i < count; i++)
			if (fds[i].fd >= 0 && fds[i].revents)
				finish(&peers[i]);
	}
	for (size_t i = 0; i < count; i++) {
		if (peers[i].err == -EINPROGRESS)
			peers[i].err = -ETIMEDOUT;
		if (peers[i].fd >= 0)
			close(peers[i].fd);
		peers[i].fd = -1;
	}
}

/* --- what became of it, in words */

static const struct {
	int err;
	enum lunar_reason advice;
	const char *reason, *text;
} outcomes[] = {
	{0, LUNAR_NO_REASON, "", "is there"},
	{-ENOENT, LUNAR_UNRESOLVED, "unresolved", "the name has no address"},
	{-EAGAIN, LUNAR_NO_NAME_SERVER, "no-name-server", "no name server answers"},
	{-ECONNREFUSED, LUNAR_REFUSED, "refused", "nobody listens at this address and port"},
	{-ETIMEDOUT, LUNAR_CONNECT_TIMEOUT, "connect-timeout", "nobody answers at this address"},
};

static size_t outcome_of(int err)
{
	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++)
		if (outcomes[i].err == err)
			return i;
	return ARRAY_SIZE(outcomes);
}

const char *doctor_net_reason(int err)
{
	size_t i = outcome_of(err);
	return i < ARRAY_SIZE(outcomes) ? outcomes[i].reason : "unreachable";
}

static const char *text_of(int err)
{
	size_t i = outcome_of(err);
	return i < ARRAY_SIZE(outcomes) ? outcomes[i].text : strerror(-err);
}

static const char *advice_of(const struct doctor *d, int err)
{
	size_t i = outcome_of(err);
	return doctor_advice(d, i < ARRAY_SIZE(outcomes) ? outcomes[i].advice : LUNAR_UNREACHABLE);
}

static json_t *fact_of(const struct doctor_peer *p)
{
	char text[ISCSI_ADDRESS_SIZE];
	doctor_peer_text(p, text);
	json_t *fact = json_pack("{s:s}", "address", text);
	if (p->err)
		json_object_set_new(fact, "reason", json_string(doctor_net_reason(p->err)));
	return fact;
}

static json_t *facts_of(const struct doctor_peer *peers, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, fact_of(&peers[i]));
	return json_pack("{s:o}", "addresses", list);
}

static void lines_of(const struct doctor *d, const struct doctor_peer *peers, size_t count)
{
	char text[ISCSI_ADDRESS_SIZE];
	for (size_t i = 0; i < count; i++) {
		doctor_peer_text(&peers[i], text);
		doctor_line(d, "%s: %s", text, text_of(peers[i].err));
	}
}

/* --- steps */

int doctor_name_step(struct doctor *d, struct doctor_peer peers[DOCTOR_ADDRESSES], size_t *count)
{
	char first[ISCSI_ADDRESS_SIZE], more[32] = "";
	doctor_begin(d, "name");
	int err = doctor_resolve(&d->host, d->seconds, peers, DOCTOR_ADDRESSES, count);
	if (err)
		return doctor_fail(d, doctor_net_reason(err), NULL, advice_of(d, err), "%s: %s",
				   d->host.host, text_of(err));
	doctor_peer_text(&peers[0], first);
	if (*count > 1)
		snprintf(more, sizeof(more), ", and %zu more", *count - 1);
	doctor_ok(d, facts_of(peers, *count), "%s is %s%s", d->host.host, first, more);
	return 0;
}

int doctor_connect_step(struct doctor *d, struct doctor_peer *peers, size_t count)
{
	size_t good = count, dead = 0;
	char text[ISCSI_ADDRESS_SIZE];
	doctor_begin(d, "connect");
	doctor_reach(peers, count, d->seconds);
	for (size_t i = count; i-- > 0;) {
		if (peers[i].err)
			dead++;
		else
			good = i;
	}
	json_t *facts = facts_of(peers, count);
	doctor_peer_text(&peers[good < count ? good : 0], text);
	if (good == count)
		return doctor_fail(d, doctor_net_reason(peers[0].err), facts,
				   advice_of(d, peers[0].err), "%s: %s", text,
				   text_of(peers[0].err));
	snprintf(d->address, sizeof(d->address), "%s", text);
	if (!dead) {
		doctor_ok(d, facts, "%s accepts connections", text);
		return 0;
	}
	doctor_warn(d, facts, "whoever tries these first waits for nothing",
		    "%s accepts connections, and %zu other address%s of the name cannot be reached",
		    text, dead, dead > 1 ? "es" : "");
	lines_of(d, peers, count);
	return 0;
}

/* --- what discovery has told */

struct portals {
	struct doctor_peer peers[DOCTOR_PORTALS];
	const char *targets[DOCTOR_PORTALS]; /* whose each of them is, in the order of `found` */
	size_t count;
};

/* One address of each portal: they are numbers, nearly always. Names have as long as all of the step has. */
static void collect(struct doctor *d, struct portals *p)
{
	for (size_t i = 0; i < d->found_count && p->count < DOCTOR_PORTALS; i++) {
		const struct lunar_found *f = &d->found[i];
		struct doctor_peer *peer = &p->peers[p->count];
		struct ini_address a;
		size_t n = 0;
		if (d->target[0] && strcmp(d->target, f->target) != 0)
			continue;
		int left = left_ms(&d->began, d->seconds), err = left ? 0 : -EAGAIN;
		if (!err)
			err = ini_address_parse(&a, f->address);
		if (!err)
			err = doctor_resolve(&a, ((unsigned)left + 999) / 1000, peer, 1, &n);
		if (err)
			*peer = (struct doctor_peer){.fd = -1, .err = err, .name = f->address};
		p->targets[p->count++] = f->target;
	}
}

/* A target that can be reached nowhere; NULL: there is none. */
static const char *lost_target(const struct portals *p)
{
	for (size_t i = 0; i < p->count; i++) {
		bool reached = false;
		for (size_t k = 0; k < p->count; k++)
			if (!strcmp(p->targets[i], p->targets[k]))
				reached |= !p->peers[k].err;
		if (!reached)
			return p->targets[i];
	}
	return NULL;
}

int doctor_portals_step(struct doctor *d)
{
	static const char advice[] =
		"discovery sends every initiator there: let the target listen on an address that "
		"this host reaches, or open the way to it";
	struct portals p = {0};
	size_t dead = 0;
	int code = 0;
	doctor_begin(d, "portals");
	collect(d, &p);
	if (!p.count)
		return 0;
	doctor_reach(p.peers, p.count, d->seconds);
	for (size_t i = 0; i < p.count; i++)
		dead += p.peers[i].err != 0;
	const char *lost = lost_target(&p);
	json_t *facts = facts_of(p.peers, p.count);
	if (!dead)
		doctor_ok(d, facts, "%zu that discovery tells of, all of which can be reached",
			  p.count);
	else if (lost)
		code = doctor_fail(
			d, "portal-unreachable", facts, advice,
			"discovery tells of addresses that cannot be reached from here, and of no "
			"other for %s",
			lost);
	else
		doctor_warn(d, facts, advice,
			    "%zu of %zu that discovery tells of cannot be reached from here", dead,
			    p.count);
	if (dead)
		lines_of(d, p.peers, p.count);
	return code;
}

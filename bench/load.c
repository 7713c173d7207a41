/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load URL [name=value...]: a load on an iSCSI target, by Debian's libiscsi, so the same for every target.
 *
 *   connections=1 depth=32 size=4096 write=0 sequential=0 digest=0 seconds=3 warmup=0.3
 *
 * One thread, one poll loop. Prints one line of JSON.
 */
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "clock.h"

struct options {
	double connections, depth, size, write, sequential, digest, seconds, warmup;
};

struct load;

struct slot {
	struct load *load;
	struct iscsi_context *iscsi;
	uint64_t begun;
	unsigned char *buf;
	struct scsi_iovec iov;
};

struct load {
	struct options o;
	struct iscsi_context **iscsi;
	struct slot *slots;
	struct pollfd *fds;
	int lun;
	uint32_t block;
	uint64_t places, at,
		seed; /* transfers that fit on the disk; the next one's; random numbers */
	uint64_t begun, until;
	unsigned busy;
	struct latency latencies;
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "load: %s: %s\n", what, why);
	exit(1);
}

static uint64_t next_place(struct load *l)
{
	if (l->o.sequential != 0)
		return l->at++ % l->places;
	l->seed ^= l->seed << 13;
	l->seed ^= l->seed >> 7;
	l->seed ^= l->seed << 17;
	return l->seed % l->places;
}

static void done(struct iscsi_context *iscsi, int status, void *data, void *private_data);

static void begin(struct slot *s)
{
	struct load *l = s->load;
	uint32_t size = (uint32_t)l->o.size;
	uint64_t lba = next_place(l) * (size / l->block);
	struct scsi_task *task;
	s->begun = now_ns();
	s->iov = (struct scsi_iovec){s->buf, size};
	if (l->o.write != 0)
		task = iscsi_write16_iov_task(s->iscsi, l->lun, lba, NULL, size, (int)l->block, 0,
					      0, 0, 0, 0, done, s, &s->iov, 1);
	else
		task = iscsi_read16_iov_task(s->iscsi, l->lun, lba, size, (int)l->block, 0, 0, 0, 0,
					     0, done, s, &s->iov, 1);
	if (!task)
		die("command", iscsi_get_error(s->iscsi));
	l->busy++;
}

static void done(struct iscsi_context *iscsi, int status, void *data, void *private_data)
{
	struct slot *s = private_data;
	struct load *l = s->load;
	uint64_t now = now_ns();
	l->busy--;
	if (status != SCSI_STATUS_GOOD)
		die("status", iscsi_get_error(iscsi));
	scsi_free_scsi_task(data);
	if (s->begun >= l->begun && now <= l->until)
		latency_add(&l->latencies, now - s->begun);
	if (now < l->until)
		begin(s);
}

/* libiscsi sends every PDU by itself. A write's command and its data leave together, as a kernel's
 * initiator has it: a server is not to be measured by how often it is woken for a part of one. */
static void hold_back(const struct load *l, struct iscsi_context *iscsi, int on)
{
	if (l->o.write != 0)
		setsockopt(iscsi_get_fd(iscsi), IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
}

static void serve(const struct load *l, struct iscsi_context *iscsi, short events)
{
	hold_back(l, iscsi, 1);
	if (iscsi_service(iscsi, events))
		die("connection", iscsi_get_error(iscsi));
	hold_back(l, iscsi, 0);
}

static void turn(struct load *l)
{
	unsigned n = (unsigned)l->o.connections;
	for (unsigned i = 0; i < n; i++) {
		l->fds[i].fd = iscsi_get_fd(l->iscsi[i]);
		l->fds[i].events = (short)iscsi_which_events(l->iscsi[i]);
	}
	poll(l->fds, n, 1000);
	for (unsigned i = 0; i < n; i++)
		if (l->fds[i].revents)
			serve(l, l->iscsi[i], l->fds[i].revents);
}

static struct iscsi_context *log_in(struct load *l, const char *address, unsigned number)
{
	char name[80];
	snprintf(name, sizeof(name), "iqn.2026-11.io.lunar.bench:load%u", number);
	struct iscsi_context *iscsi = iscsi_create_context(name);
	struct iscsi_url *url = iscsi ? iscsi_parse_full_url(iscsi, address) : NULL;
	if (!url)
		die(address, iscsi ? iscsi_get_error(iscsi) : "no memory");
	iscsi_set_targetname(iscsi, url->target);
	iscsi_set_session_type(iscsi, ISCSI_SESSION_NORMAL);
	iscsi_set_header_digest(iscsi, l->o.digest != 0 ? ISCSI_HEADER_DIGEST_CRC32C
							: ISCSI_HEADER_DIGEST_NONE);
	iscsi_set_noautoreconnect(iscsi, 1);
	if (iscsi_full_connect_sync(iscsi, url->portal, url->lun))
		die("login", iscsi_get_error(iscsi));
	l->lun = url->lun;
	iscsi_destroy_url(url);
	return iscsi;
}

static void look_at_disk(struct load *l)
{
	struct scsi_task *task = iscsi_readcapacity16_sync(l->iscsi[0], l->lun);
	struct scsi_readcapacity16 *rc = task ? scsi_datain_unmarshall(task) : NULL;
	if (!rc || task->status != SCSI_STATUS_GOOD)
		die("READ CAPACITY", iscsi_get_error(l->iscsi[0]));
	l->block = rc->block_length;
	l->places = (rc->returned_lba + 1) * rc->block_length / (uint64_t)l->o.size;
	scsi_free_scsi_task(task);
	if (!l->places)
		die("size", "larger than the disk");
}

static void parse(struct options *o, char **argv)
{
	const struct {
		const char *name;
		double *value;
	} known[] = {{"connections", &o->connections},
		     {"depth", &o->depth},
		     {"size", &o->size},
		     {"write", &o->write},
		     {"sequential", &o->sequential},
		     {"digest", &o->digest},
		     {"seconds", &o->seconds},
		     {"warmup", &o->warmup}};
	*o = (struct options){1, 32, 4096, 0, 0, 0, 3, 0.3};
	for (; *argv; argv++) {
		size_t len = strcspn(*argv, "="), i = 0;
		while (i < sizeof(known) / sizeof(known[0]) &&
		       (strlen(known[i].name) != len || strncmp(known[i].name, *argv, len)))
			i++;
		if (i == sizeof(known) / sizeof(known[0]) || !(*argv)[len])
			die(*argv, "not name=value with a name that is known");
		*known[i].value = atof(*argv + len + 1);
	}
}

int main(int argc, char **argv)
{
	struct load l = {.seed = 0x9e3779b97f4a7c15u};
	if (argc < 2)
		die("usage", "load URL [name=value...]");
	parse(&l.o, argv + 2);
	unsigned n = (unsigned)l.o.connections, depth = (unsigned)l.o.depth;
	l.iscsi = calloc(n, sizeof(*l.iscsi));
	l.fds = calloc(n, sizeof(*l.fds));
	l.slots = calloc((size_t)n * depth, sizeof(*l.slots));
	for (unsigned i = 0; i < n; i++)
		l.iscsi[i] = log_in(&l, argv[1], i);
	look_at_disk(&l);
	l.begun = now_ns() + (uint64_t)(l.o.warmup * 1e9);
	l.until = l.begun + (uint64_t)(l.o.seconds * 1e9);
	for (unsigned i = 0; i < n * depth; i++) {
		l.slots[i] = (struct slot){.load = &l, .iscsi = l.iscsi[i % n]};
		l.slots[i].buf = malloc((size_t)l.o.size);
		memset(l.slots[i].buf, (int)i, (size_t)l.o.size);
		begin(&l.slots[i]);
	}
	while (l.busy)
		turn(&l);
	report(&l.latencies, l.latencies.total * (uint64_t)l.o.size, l.until - l.begun);
	for (unsigned i = 0; i < n; i++)
		iscsi_logout_sync(l.iscsi[i]);
	return 0;
}

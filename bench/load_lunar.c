/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load_lunar URL [name=value...]: what load.c is, by liblunar: for two initiators at one target.
 *
 *   connections=1 depth=32 size=4096 write=0 sequential=0 digest=0 seconds=3 warmup=0.3
 *
 * One thread, one poll loop. Prints one line of JSON.
 */
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "lunar/scsi.h"

struct options {
	double connections, depth, size, write, sequential, digest, seconds, warmup;
};

struct load;

struct slot {
	struct load *load;
	struct lunar_session *session;
	uint64_t begun;
	unsigned char *buf;
	struct iovec iov;
	struct lunar_task task;
};

struct load {
	struct options o;
	struct lunar *l;
	struct lunar_session **sessions;
	struct slot *slots;
	uint64_t lun;
	uint32_t block;
	uint64_t places, at,
		seed; /* transfers that fit on the disk; the next one's; random numbers */
	uint64_t begun, until;
	unsigned busy;
	struct histogram latencies;
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "load_lunar: %s: %s\n", what, why);
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

static void done(struct lunar_task *t, int err);

static void begin(struct slot *s)
{
	struct load *l = s->load;
	uint32_t size = (uint32_t)l->o.size;
	uint64_t lba = next_place(l) * (size / l->block);
	s->begun = now_ns();
	s->iov = (struct iovec){s->buf, size};
	if (l->o.write != 0)
		lunar_prepare_write(&s->task, l->lun, lba, size / l->block, l->block, &s->iov, 1,
				    0);
	else
		lunar_prepare_read(&s->task, l->lun, lba, size / l->block, l->block, &s->iov, 1, 0);
	s->task.done = done;
	s->task.user = s;
	if (lunar_submit(s->session, &s->task))
		die("command", lunar_error(s->session));
	l->busy++;
}

static void done(struct lunar_task *t, int err)
{
	struct slot *s = t->user;
	struct load *l = s->load;
	uint64_t now = now_ns();
	char text[160];
	l->busy--;
	if (lunar_task_result(t, err))
		die("status", lunar_task_text(t, err, text, sizeof(text)));
	if (s->begun >= l->begun && now <= l->until)
		histogram_add(&l->latencies, now - s->begun);
	if (now < l->until)
		begin(s);
}

static struct lunar_session *log_in(struct load *l, const char *address, unsigned number)
{
	struct lunar_session *s;
	char name[80];
	snprintf(name, sizeof(name), "iqn.2026-11.io.lunar.bench:load%u", number);
	if (lunar_session_new(l->l, &s))
		die("session", "no memory");
	if (lunar_set_url(s, address, &l->lun) || lunar_set(s, "initiator_name", name) ||
	    lunar_set(s, "header_digest", l->o.digest != 0 ? "crc32c" : "none") || lunar_login(s))
		die("login", lunar_error(s));
	return s;
}

static void look_at_disk(struct load *l)
{
	struct lunar_capacity cap;
	if (lunar_capacity(l->sessions[0], l->lun, &cap))
		die("READ CAPACITY", lunar_error(l->sessions[0]));
	l->block = cap.block_size;
	l->places = cap.blocks * cap.block_size / (uint64_t)l->o.size;
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
		die("usage", "load_lunar URL [name=value...]");
	parse(&l.o, argv + 2);
	unsigned n = (unsigned)l.o.connections, depth = (unsigned)l.o.depth;
	if (lunar_new(&l.l))
		die("context", "no memory");
	l.sessions = calloc(n, sizeof(struct lunar_session *));
	l.slots = calloc((size_t)n * depth, sizeof(*l.slots));
	for (unsigned i = 0; i < n; i++)
		l.sessions[i] = log_in(&l, argv[1], i);
	look_at_disk(&l);
	l.begun = now_ns() + (uint64_t)(l.o.warmup * 1e9);
	l.until = l.begun + (uint64_t)(l.o.seconds * 1e9);
	for (unsigned i = 0; i < n * depth; i++) {
		l.slots[i].load = &l;
		l.slots[i].session = l.sessions[i % n];
		l.slots[i].buf = malloc((size_t)l.o.size);
		memset(l.slots[i].buf, (int)i, (size_t)l.o.size);
		begin(&l.slots[i]);
	}
	while (l.busy)
		lunar_wait(l.l, 1000);
	report(&l.latencies, l.latencies.total * (uint64_t)l.o.size, l.until - l.begun);
	for (unsigned i = 0; i < n; i++)
		lunar_logout(l.sessions[i]);
	lunar_free(l.l);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file, or memory, attached by one of the methods of src/attach, for the scripts here and in tests/vm.
 *
 *   attach_disk [--via NAME] [--socket PATH] [--memory MIB] [--block N] [--readonly] [--engine NAME]
 *               [--dev DIRECTORY] [--link NAME]... [FILE]
 *
 * It prints "ready PATH", and reads commands:
 *
 *   resize BYTES      the disk has another size now (of a file that has been made so large)
 *   readonly 0|1      the disk is read-only, or is not any more
 *   hang, go          requests wait in the disk; go on
 *   gone              the disk is gone: what waits fails, and all that comes
 *   restart           leaves it, as a process does that ends, and takes it over: "ready PATH" again
 *   detach, force     "detached", or "refused: WHY"; at the end of input it is forced
 *
 * "--probe" says of each method whether this host has it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "attach/attach.h"
#include "attach/disk_store.h"
#include "attach/rights.h"
#include "reactor/file.h"

struct settings {
	const char *via, *socket, *engine, *file, *name, *dev;
	const char *links[ATTACH_LINKS];
	unsigned link_count;
	uint64_t memory;
	uint32_t block;
	bool readonly;
};

struct program {
	struct log log;
	struct reactor *r;
	struct backstore *bs;
	struct disk_store store;
	struct disk disk; /* before it: what it is asked for can wait */
	struct disk_ops through;
	struct disk_request *held[1024];
	size_t held_count;
	bool hangs;
	struct rights_here here;
	struct attach *attach;
	struct attach_keep keep; /* what it left */
	struct settings s;
	struct op poll;
	char line[128];
	size_t len;
	bool over, polling, ended;
	int code;
};

/* --- the disk */

static void submit(struct disk *d, struct disk_request *q)
{
	struct program *p = container_of(d, struct program, disk);
	if (d->gone)
		q->done(q, -ENODEV);
	else if (p->hangs && p->held_count < ARRAY_SIZE(p->held))
		p->held[p->held_count++] = q;
	else
		disk_submit(&p->store.disk, q);
}

static void let_go(struct program *p)
{
	p->hangs = false;
	for (size_t i = 0; i < p->held_count; i++)
		submit(&p->disk, p->held[i]);
	p->held_count = 0;
}

/* --- commands */

static void stopped(struct attach *a, void *ctx, int err, const char *why)
{
	struct program *p = ctx;
	if (err) {
		printf("refused: %s\n", why);
		return;
	}
	puts("detached");
	attach_free(a);
	p->attach = NULL;
	p->over = true;
}

static void stop(struct program *p, bool force)
{
	if (!p->attach) {
		p->over = true;
		return;
	}
	if (p->attach->stopping)
		return;
	if (force)
		let_go(p);
	attach_stop(p->attach, force, stopped, p);
}

static void begin_again(struct program *p);

static void left(struct attach *a, void *ctx, int err, const char *why)
{
	struct program *p = ctx;
	p->keep = a->keep;
	attach_free(a);
	p->attach = NULL;
	begin_again(p);
}

static void obey(struct program *p, const char *line)
{
	if (!strncmp(line, "resize ", 7)) {
		uint64_t size = strtoull(line + 7, NULL, 0);
		bs_set_size(p->bs, size);
		disk_resize(&p->disk, size);
		p->store.disk.traits.size = p->disk.traits.size;
	} else if (!strncmp(line, "readonly ", 9)) {
		disk_set_read_only(&p->disk, line[9] == '1');
	} else if (!strcmp(line, "hang")) {
		p->hangs = true;
	} else if (!strcmp(line, "go")) {
		let_go(p);
	} else if (!strcmp(line, "gone")) {
		disk_set_gone(&p->disk);
		let_go(p);
	} else if (!strcmp(line, "restart") && p->attach) {
		attach_leave(p->attach, left, p);
		let_go(p);
	} else if (!strcmp(line, "detach") || !strcmp(line, "force")) {
		stop(p, line[0] == 'f');
		return;
	}
	printf("did %s\n", line);
}

static void take_input(struct program *p)
{
	ssize_t n = read(STDIN_FILENO, p->line + p->len, sizeof(p->line) - 1 - p->len);
	if (n <= 0) {
		p->ended = true;
		stop(p, true);
		return;
	}
	p->len += (size_t)n;
	for (char *end; (end = memchr(p->line, '\n', p->len));) {
		*end = 0;
		obey(p, p->line);
		p->len -= (size_t)(end + 1 - p->line);
		memmove(p->line, end + 1, p->len);
	}
}

static void readable(struct op *op, int res)
{
	struct program *p = container_of(op, struct program, poll);
	p->polling = false;
	if (res > 0)
		take_input(p);
	if (!p->over && !p->ended) {
		p->polling = true;
		file_poll(p->r, &p->poll, STDIN_FILENO);
	}
}

static void ready(struct attach *a, void *ctx, int err, const char *why)
{
	struct program *p = ctx;
	if (!err) {
		printf("ready %s\n", attach_path(a));
		return;
	}
	fprintf(stderr, "attach_disk: %s\n", why);
	attach_free(a);
	p->attach = NULL;
	p->over = true;
	p->code = 1;
}

static void lost(struct attach *a, void *ctx, const char *why)
{
	struct program *p = ctx;
	printf("lost: %s\n", why);
	attach_free(a);
	p->attach = NULL;
	p->over = true;
	p->code = 3;
}

/* --- the beginning */

static int probe_all(void)
{
	char why[ATTACH_WHY];
	const struct attach_method *m;
	for (size_t i = 0; (m = attach_method(i)); i++)
		printf("%s: %s\n", m->name, m->probe(why, sizeof(why)) ? why : "here");
	return 0;
}

static int parse(int argc, char **argv, struct settings *s)
{
	static const struct option options[] = {
		{"via", 1, NULL, 'v'},   {"socket", 1, NULL, 's'},   {"memory", 1, NULL, 'm'},
		{"block", 1, NULL, 'b'}, {"readonly", 0, NULL, 'r'}, {"engine", 1, NULL, 'e'},
		{"probe", 0, NULL, 'p'}, {"name", 1, NULL, 'n'},     {"dev", 1, NULL, 'd'},
		{"link", 1, NULL, 'l'},  {NULL, 0, NULL, 0}};
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 'v': s->via = optarg; break;
		case 's': s->socket = optarg; break;
		case 'm': s->memory = strtoull(optarg, NULL, 0) << 20; break;
		case 'b': s->block = (uint32_t)strtoul(optarg, NULL, 0); break;
		case 'r': s->readonly = true; break;
		case 'e': s->engine = optarg; break;
		case 'n': s->name = optarg; break;
		case 'd': s->dev = optarg; break;
		case 'l': s->links[s->link_count++ % ATTACH_LINKS] = optarg; break;
		case 'p': exit(probe_all());
		default: return 2;
		}
	}
	s->file = argv[optind];
	return s->file || s->memory ? 0 : 2;
}

static int open_disk(struct program *p, const struct settings *s, char *why, size_t why_size)
{
	struct bs_file_options opt = {.readonly = s->readonly, .raw = true};
	int err = s->memory ? bs_open_memory(&p->bs, p->r, s->memory, why, why_size)
			    : bs_open_path(&p->bs, p->r, s->file, &opt, why, why_size);
	if (err)
		return err;
	err = disk_store_init(&p->store, p->bs, s->block);
	if (err) {
		snprintf(why, why_size, "no such blocks");
		return err;
	}
	p->disk = p->store.disk;
	p->through.submit = submit;
	p->disk.ops = &p->through;
	p->disk.queues = &p->r;
	disk_init(&p->disk);
	return 0;
}

static int start(struct program *p, const struct attach_keep *keep, char *why, size_t why_size)
{
	const struct attach_method *m = attach_choose(p->s.via, why, why_size);
	struct attach_options o = {
		.disk = &p->disk,
		.name = p->s.name ? p->s.name : "disk",
		.socket = p->s.socket,
		.group = (gid_t)-1,
		.rights = &p->here.rights,
		.file = -1,
		.keep = keep,
		.ready = ready,
		.lost = lost,
		.ctx = p,
	};
	memcpy(o.links, p->s.links, sizeof(o.links));
	return m ? attach_start(&p->attach, m, &o, why, why_size) : -ENODEV;
}

static void begin_again(struct program *p)
{
	char why[1024];
	if (!start(p, &p->keep, why, sizeof(why)))
		return;
	fprintf(stderr, "attach_disk: %s\n", why);
	p->over = true;
	p->code = 1;
}

int main(int argc, char **argv)
{
	static struct program p;
	struct settings *s = &p.s;
	char why[1024] = "usage: see attach_disk.c";
	setvbuf(stdout, NULL, _IOLBF, 0);
	p.log.level = LOG_LEVEL_WARNING;
	signal(SIGPIPE, SIG_IGN);
	int err = parse(argc, argv, s);
	if (!err)
		err = reactor_new_engine(&p.r, s->engine ? s->engine : getenv("LUNAR_ENGINE"),
					 &p.log);
	if (!err)
		err = rights_here_init(&p.here, p.r, s->dev ? s->dev : "/dev");
	if (!err)
		err = open_disk(&p, s, why, sizeof(why));
	if (!err)
		err = start(&p, NULL, why, sizeof(why));
	if (err) {
		fprintf(stderr, "attach_disk: %s\n", why);
		return 2;
	}
	p.poll.done = readable;
	p.polling = true;
	file_poll(p.r, &p.poll, STDIN_FILENO);
	while (!p.over)
		if (reactor_turn(p.r, REACTOR_NEVER) < 0)
			return 1;
	rights_here_free(&p.here);
	bs_close(p.bs);
	reactor_free(p.r);
	return p.code;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The initiator against a target that is not ours, on real sockets.
 *
 *   initiate discover ADDRESS          the targets there, one a line
 *   initiate verify ADDRESS IQN LUN [SECONDS]
 *                                      logs in, writes all over the LUN, reads it back, logs out
 *   initiate load ADDRESS IQN LUN SECONDS DEPTH BYTES read|write
 *                                      so many commands at a time, for so long; prints a rate
 *
 * With INITIATE_DIGESTS in the environment it will have CRC32C for headers and data.
 *
 * The exit code is 0 when all went well; else why it did not is on standard error.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "driver/link.h"
#include "initiator/discovery.h"

#define DEPTH_MAX  256
#define VERIFY     2000 /* commands */
#define VERIFY_MAX (300 * 1024)

struct job {
	struct ini_task task;
	struct iovec iov[4];
	uint8_t *data;
	uint64_t lba;
	uint32_t len, seed;
	bool reading;
};

struct run {
	struct reactor *reactor;
	struct ini_link *link;
	struct log log;
	uint8_t lun[8];
	uint64_t blocks;
	uint32_t block;
	struct job jobs[DEPTH_MAX];
	unsigned depth, busy;
	bool failed, over, writing;
	uint64_t until, done, left, next;
	uint32_t size;
	void (*finished)(struct run *r, struct job *j);
	void (*up)(struct run *r);
};

static void stop(struct run *r)
{
	if (!r->over)
		ini_link_stop(r->link, false);
	r->over = true;
}

static void fail(struct run *r, const char *what)
{
	fprintf(stderr, "initiate: %s\n", what);
	r->failed = true;
	stop(r);
}

static void done(struct ini_task *task, int err)
{
	struct job *j = container_of(task, struct job, task);
	struct run *r = task->ctx;
	r->busy--;
	if (err || task->status) {
		fprintf(stderr, "initiate: error %d, status %02x, sense key %x\n", err,
			task->status, task->sense_len > 2 ? task->sense[2] & 15 : 0);
		fail(r, "a command fails");
	} else if (task->got != task->in_len) {
		fail(r, "a read comes short");
	} else {
		r->done++;
		r->finished(r, j);
	}
}

static void submit(struct run *r, struct job *j, const uint8_t *cdb, uint32_t out, uint32_t in)
{
	uint32_t len = out + in;
	memset(&j->task, 0, sizeof(j->task));
	memcpy(j->task.lun, r->lun, sizeof(r->lun));
	memcpy(j->task.cdb, cdb, 16);
	j->task.attr = SCSI_SIMPLE;
	j->task.flags = INI_RETRY;
	j->task.done = done;
	j->task.ctx = r;
	/* In pages, as they come from a kernel: the first four and the rest. */
	for (unsigned i = 0; i < 4; i++) {
		uint32_t at = MIN(len, i * 4096), end = i == 3 ? len : MIN(len, (i + 1) * 4096);
		j->iov[i] = (struct iovec){j->data + at, end - at};
	}
	j->task.out = j->task.in = j->iov;
	j->task.out_count = out ? 4 : 0;
	j->task.in_count = in ? 4 : 0;
	j->task.out_len = out;
	j->task.in_len = in;
	r->busy++;
	if (ini_link_submit(r->link, &j->task)) {
		r->busy--;
		fail(r, "a command is refused");
	}
}

static void rw(struct run *r, struct job *j, bool write, uint64_t lba, uint32_t len)
{
	uint8_t cdb[16] = {write ? 0x8a : 0x88};
	put_be64(cdb + 2, lba);
	put_be32(cdb + 10, len / r->block);
	j->lba = lba;
	j->len = len;
	j->reading = !write;
	submit(r, j, cdb, write ? len : 0, write ? 0 : len);
}

/* --- capacity, before anything else */

static void (*go)(struct run *r);

static void have_capacity(struct run *r, struct job *j)
{
	r->blocks = get_be64(j->data) + 1;
	r->block = get_be32(j->data + 8);
	if (r->block < 512 || r->block > 4096 || r->blocks < 4096)
		fail(r, "this is no disk to be tried");
	else
		go(r);
}

static void ask_capacity(struct run *r)
{
	uint8_t cdb[16] = {0x9e, 0x10};
	put_be32(cdb + 10, 32);
	r->finished = have_capacity;
	submit(r, &r->jobs[0], cdb, 0, 32);
}

/* --- verify: each job has a part of the LUN, writes a piece of it, and reads that back */

static void fill(struct job *j, uint32_t seed)
{
	for (uint32_t i = 0; i < j->len; i += 4)
		put_be32(j->data + i, (seed ^ i) * 2654435761u);
}

static bool is_filled(const struct job *j)
{
	for (uint32_t i = 0; i < j->len; i += 4)
		if (get_be32(j->data + i) != (j->seed ^ i) * 2654435761u)
			return false;
	return true;
}

static void verify_next(struct run *r, struct job *j)
{
	uint64_t part = r->blocks / r->depth, mine = (uint64_t)(j - r->jobs) * part;
	if (r->until ? reactor_now(r->reactor) >= r->until : !r->left) {
		if (!r->busy)
			stop(r);
		return;
	}
	r->left--;
	j->seed = (uint32_t)r->left * 40503u + 7;
	j->len = (uint32_t)MIN(1 + j->seed % (VERIFY_MAX / r->block), part) * r->block;
	fill(j, j->seed);
	rw(r, j, true, mine + j->seed % (part - j->len / r->block + 1), j->len);
}

static void verified(struct run *r, struct job *j)
{
	if (r->over)
		return;
	if (!j->reading) {
		memset(j->data, 0, j->len);
		rw(r, j, false, j->lba, j->len);
	} else if (is_filled(j)) {
		verify_next(r, j);
	} else {
		fail(r, "what was written does not come back");
	}
}

static void verify(struct run *r)
{
	r->finished = verified;
	r->left = VERIFY;
	if (r->until)
		r->until += reactor_now(r->reactor);
	for (unsigned i = 0; i < r->depth && !r->over; i++)
		verify_next(r, &r->jobs[i]);
}

/* --- load */

static void load_next(struct run *r, struct job *j)
{
	uint64_t slots = r->blocks * r->block / r->size;
	if (reactor_now(r->reactor) >= r->until) {
		if (!r->busy)
			stop(r);
		return;
	}
	r->next = r->next * 6364136223846793005u + 1442695040888963407u;
	rw(r, j, r->writing, (r->next >> 20) % slots * (r->size / r->block), r->size);
}

static void load(struct run *r)
{
	r->finished = load_next;
	r->until += reactor_now(r->reactor);
	for (unsigned i = 0; i < r->depth && !r->over; i++)
		load_next(r, &r->jobs[i]);
}

/* --- discovery */

static void found(void *ctx, const char *name)
{
	printf("%s\n", name);
}

static void found_at(void *ctx, const char *name, const struct ini_address *a)
{
	char text[ISCSI_ADDRESS_SIZE];
	printf("  %s,%d\n", ini_address_format(text, a), a->tpgt);
}

static void listed(struct ini_text *text, int err)
{
	static const struct ini_targets_sink sink = {found, found_at};
	struct run *r = text->ctx;
	if (err || ini_targets_read(text->data, text->len, &sink, r, NULL))
		fail(r, "the targets are not to be had");
	else
		stop(r);
}

static void discover(struct run *r)
{
	static struct ini_text text = {.which = "All", .done = listed};
	text.ctx = r;
	if (ini_send_targets(ini_link_session(r->link), &text, reactor_now(r->reactor)))
		fail(r, "the targets cannot be asked for");
}

/* --- the session */

static void on_state(void *ctx, enum ini_state state, const struct ini_why *why)
{
	struct run *r = ctx;
	if (state == INI_UP && r->up) {
		void (*up)(struct run *) = r->up;
		r->up = NULL;
		up(r);
	} else if (state == INI_ENDED) {
		if (!r->over || why->reason != INI_STOPPED) {
			fprintf(stderr, "initiate: %s: %s\n", ini_reason_word(why->reason),
				why->text);
			r->failed = true;
		}
		reactor_stop(r->reactor);
	}
}

static const struct ini_link_ops ops = {.state = on_state};

static int run(struct run *r, const char *address, const char *target)
{
	struct ini_config c;
	ini_config_init(&c);
	c.initiator_name = "iqn.2026-01.test.lunar:initiate";
	c.address = address;
	c.target_name = target;
	c.discovery = !target;
	c.isid[0] = 0x80;
	if (getenv("INITIATE_DIGESTS")) {
		c.offer.header_digests = c.offer.data_digests = ISCSI_DIGEST_CRC32C;
		c.offer.want.header_digest = c.offer.want.data_digest = true;
	}
	int err = reactor_new_engine(&r->reactor, getenv("LUNAR_ENGINE"), &r->log);
	if (!err)
		err = ini_link_new(&r->link, r->reactor, &c, &ops, r);
	if (err) {
		fprintf(stderr, "initiate: %s\n", strerror(-err));
		return 1;
	}
	ini_link_start(r->link);
	reactor_run(r->reactor);
	ini_link_free(r->link);
	reactor_free(r->reactor);
	return r->failed;
}

static double cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static struct run r = {.log = {.level = LOG_LEVEL_WARNING}, .depth = 32, .size = 4096};
	bool loads = argc == 9 && !strcmp(argv[1], "load");
	if (argc == 3 && !strcmp(argv[1], "discover")) {
		r.up = discover;
		return run(&r, argv[2], NULL);
	}
	if (!loads && (argc < 5 || argc > 6 || strcmp(argv[1], "verify") != 0)) {
		fprintf(stderr, "initiate discover ADDRESS | verify ADDRESS IQN LUN [SECONDS] | "
				"load ADDRESS IQN LUN SECONDS DEPTH BYTES read|write\n");
		return 2;
	}
	iscsi_lun_put(r.lun, (uint32_t)atoi(argv[4]));
	r.up = ask_capacity;
	go = loads ? load : verify;
	double seconds = argc > 5 ? atof(argv[5]) : 0;
	r.until = (uint64_t)(seconds * 1e9);
	if (loads) {
		r.depth = MIN((unsigned)atoi(argv[6]), DEPTH_MAX);
		r.size = (uint32_t)atoi(argv[7]);
		r.writing = !strcmp(argv[8], "write");
	}
	for (unsigned i = 0; i < r.depth; i++)
		if (!(r.jobs[i].data = calloc(1, MAX(r.size, (uint32_t)VERIFY_MAX))))
			return 1;
	int failed = run(&r, argv[2], argv[3]);
	if (!loads && !failed)
		printf("%llu commands\n", (unsigned long long)r.done);
	if (loads && !failed)
		printf("%.0f IOPS, %.2f us of CPU each\n", (double)r.done / seconds,
		       cpu() * 1e6 / (double)r.done);
	for (unsigned i = 0; i < r.depth; i++)
		free(r.jobs[i].data);
	return failed;
}

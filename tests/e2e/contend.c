/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contend URL SESSIONS ROUNDS: so many sessions, each on a thread of its own, and one lock: a block that is changed by
 * COMPARE AND WRITE from "free" to a session's number and back. Whoever has it reads a number by a plain READ and
 * writes the next one by a plain WRITE, so often all together as ROUNDS says. Prints the last number, which is
 * ROUNDS unless an update was lost, and how often somebody came too late. Blocks 0 to 15 are overwritten.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lunar/scsi.h"

#define BLOCK    512
#define LOCK     0
#define NUMBER   8 /* its block */
#define SESSIONS 64

struct shared {
	const char *url;
	uint64_t rounds;
	atomic_uint_fast64_t begun, late;
	atomic_uint holders;
	atomic_bool failed;
};

struct worker {
	struct shared *shared;
	unsigned number;
	pthread_t thread;
	struct lunar *l;
	struct lunar_session *s;
	uint64_t lun;
	uint8_t unlocked[BLOCK], locked[BLOCK];
};

static bool is_good(struct worker *w, int err, const char *what)
{
	if (!err)
		return true;
	fprintf(stderr, "session %u: %s: %s (%s)\n", w->number, what, strerror(-err),
		lunar_error(w->s));
	atomic_store(&w->shared->failed, true);
	return false;
}

/* The first commands hear of power on. */
static int wait_ready(struct worker *w)
{
	int err = -EIO;
	for (int i = 0; err && i < 5; i++)
		err = lunar_test_unit_ready(w->s, w->lun);
	return err;
}

static bool begin(struct worker *w)
{
	if (lunar_new(&w->l) || lunar_session_new(w->l, &w->s))
		return false;
	memset(w->locked, 0, BLOCK);
	memset(w->unlocked, 0, BLOCK);
	snprintf((char *)w->locked, BLOCK, "session %u", w->number);
	return is_good(w, lunar_set_url(w->s, w->shared->url, &w->lun), "the URL") &&
	       is_good(w, lunar_login(w->s), "login") && is_good(w, wait_ready(w), "ready");
}

static int swap(struct worker *w, const void *from, const void *to)
{
	return lunar_compare_and_write(w->s, w->lun, LOCK, 1, BLOCK, from, to, NULL);
}

static bool lock(struct worker *w)
{
	int err;
	while ((err = swap(w, w->unlocked, w->locked)) == -EILSEQ &&
	       !atomic_load(&w->shared->failed))
		atomic_fetch_add(&w->shared->late, 1);
	return is_good(w, err, "lock");
}

/* Nobody else is here. */
static bool add_one(struct worker *w)
{
	uint64_t block[BLOCK / 8];
	if (!is_good(w, atomic_fetch_add(&w->shared->holders, 1) ? -EBUSY : 0, "two have the lock"))
		return false;
	if (!is_good(w, lunar_read(w->s, w->lun, NUMBER, 1, BLOCK, block), "read"))
		return false;
	for (size_t i = 0; i < BLOCK / 8; i++)
		block[i]++;
	if (!is_good(w, lunar_write(w->s, w->lun, NUMBER, 1, BLOCK, block, 0), "write"))
		return false;
	atomic_fetch_sub(&w->shared->holders, 1);
	return true;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct shared *shared = w->shared;
	while (!atomic_load(&shared->failed) &&
	       atomic_fetch_add(&shared->begun, 1) < shared->rounds)
		if (!lock(w) || !add_one(w) ||
		    !is_good(w, swap(w, w->locked, w->unlocked), "unlock"))
			break;
	return NULL;
}

static bool clear(struct worker *w)
{
	static const uint8_t zeroes[16 * BLOCK];
	return is_good(w, lunar_write(w->s, w->lun, 0, 16, BLOCK, zeroes, 0), "zeroes");
}

static bool report(struct worker *w)
{
	uint64_t block[BLOCK / 8];
	if (!is_good(w, lunar_read(w->s, w->lun, NUMBER, 1, BLOCK, block), "the last read"))
		return false;
	for (size_t i = 1; i < BLOCK / 8; i++)
		if (!is_good(w, block[i] == block[0] ? 0 : -EIO, "half a block"))
			return false;
	printf("number=%llu late=%llu\n", (unsigned long long)block[0],
	       (unsigned long long)atomic_load(&w->shared->late));
	return block[0] == w->shared->rounds;
}

int main(int argc, char **argv)
{
	static struct worker workers[SESSIONS];
	struct shared shared = {.url = argc > 1 ? argv[1] : ""};
	unsigned count = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
	bool good = true;
	shared.rounds = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	if (!count || count > SESSIONS || !shared.rounds) {
		fprintf(stderr, "contend URL SESSIONS ROUNDS\n");
		return 2;
	}
	for (unsigned i = 0; i < count && good; i++) {
		workers[i] = (struct worker){.shared = &shared, .number = i};
		good = begin(&workers[i]);
	}
	if (!good || !clear(&workers[0]))
		return 1;
	for (unsigned i = 0; i < count; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			return 2;
	for (unsigned i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
	good = !atomic_load(&shared.failed) && report(&workers[0]);
	for (unsigned i = 0; i < count; i++)
		lunar_free(workers[i].l);
	return good ? 0 : 1;
}

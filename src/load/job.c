/* SPDX-License-Identifier: BSD-2-Clause */
/* One session of a load, and its commands. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include "load/priv.h"
#include "load/stamp.h"

#define UNDER_WAY UINT32_C(0x80000000)
#define TRIES     16 /* to find a place where nothing is under way */
#define NS_PER_S  UINT64_C(1000000000)
#define CATCH_UP  (NS_PER_S / 10) /* what a rate was not used for so long is lost */

/* --- made, and freed */

/* What is written when nobody verifies; zeroes could be left out by whoever stores them. */
static void fill_random(uint8_t *buf, size_t len, uint64_t seed)
{
	for (size_t i = 0; i + 8 <= len; i += 8) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		memcpy(buf + i, &seed, 8);
	}
}

static int make_slot(struct job *j, struct slot *s)
{
	const struct load *l = j->w->load;
	s->job = j;
	s->buf = aligned_alloc(4096, (l->largest + 4095) & ~UINT32_C(4095));
	if (!s->buf)
		return -ENOMEM;
	fill_random(s->buf, l->largest, l->run + j->number + (uintptr_t)s);
	j->idle[j->idle_count++] = s;
	return 0;
}

int job_init(struct job *j, struct worker *w, unsigned number)
{
	const struct load *l = w->load;
	const struct load_config *c = &l->config;
	*j = (struct job){.w = w, .number = number, .left = l->part};
	place_init(&j->place, c, l->begin + number * l->part, l->part, l->run + number);
	j->slots = calloc(c->depth, sizeof(*j->slots));
	j->idle = calloc(c->depth, sizeof(struct slot *));
	if (c->verify) {
		j->blocks = l->part / l->block;
		j->turns = calloc(j->blocks, sizeof(*j->turns));
	}
	if (!j->slots || !j->idle || (c->verify && !j->turns))
		return -ENOMEM;
	for (unsigned i = 0; i < c->depth; i++)
		if (make_slot(j, &j->slots[i]))
			return -ENOMEM;
	return 0;
}

void job_free(struct job *j)
{
	for (unsigned i = 0; j->slots && i < j->w->load->config.depth; i++)
		free(j->slots[i].buf);
	free(j->slots);
	free(j->idle);
	free(j->turns);
}

/* --- blocks, and how often they were written */

static uint32_t *turns_at(const struct job *j, const struct place_pick *at)
{
	return j->turns + (at->at - j->place.begin) / j->w->load->block;
}

static bool is_free(const struct job *j, const struct place_pick *at)
{
	const uint32_t *turns = turns_at(j, at);
	for (uint32_t i = 0; i < at->len / j->w->load->block; i++)
		if (turns[i] & UNDER_WAY)
			return false;
	return true;
}

static void take(const struct job *j, const struct place_pick *at)
{
	uint32_t *turns = turns_at(j, at);
	for (uint32_t i = 0; i < at->len / j->w->load->block; i++)
		turns[i] |= UNDER_WAY;
}

static void give_back(const struct job *j, const struct place_pick *at, bool written)
{
	uint32_t *turns = turns_at(j, at);
	for (uint32_t i = 0; i < at->len / j->w->load->block; i++)
		turns[i] = (turns[i] & ~UNDER_WAY) + written;
}

static uint64_t wall_clock(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void put_stamps(const struct slot *s)
{
	const struct job *j = s->job;
	const struct load *l = j->w->load;
	const uint32_t *turns = turns_at(j, &s->pick);
	struct stamp stamp = {.run = l->run, .time = wall_clock(), .job = j->number};
	for (uint32_t i = 0; i < s->pick.len / l->block; i++) {
		stamp.offset = s->pick.at + (uint64_t)i * l->block;
		stamp.turn = (turns[i] & ~UNDER_WAY) + 1;
		stamp_put(&stamp, s->buf + (size_t)i * l->block, l->block);
	}
}

/* Of blocks that this run has not written, only one that writes nothing knows what they should be. */
static void check_stamps(const struct slot *s)
{
	const struct job *j = s->job;
	const struct load *l = j->w->load;
	const uint32_t *turns = turns_at(j, &s->pick);
	char why[STAMP_WHY];
	for (uint32_t i = 0; i < s->pick.len / l->block; i++) {
		uint64_t at = s->pick.at + (uint64_t)i * l->block;
		struct stamp want = {.run = l->run,
				     .job = j->number,
				     .turn = turns[i] & ~UNDER_WAY},
			     found;
		if (!want.turn && l->config.reads < 100)
			continue;
		if (stamp_check(s->buf + (size_t)i * l->block, l->block, at,
				want.turn ? &want : NULL, &found, why)) {
			worker_fail(j->w, -EILSEQ, LUNAR_NO_REASON,
				    "verify: at offset %" PRIu64 " there is %s", at, why);
			return;
		}
		j->w->part.verified++;
	}
}

/* --- commands */

static void count(const struct slot *s)
{
	struct worker *w = s->job->w;
	enum load_direction d = s->pick.direction;
	const struct load *l = w->load;
	atomic_store_explicit(&w->ios[d], w->ios[d] + 1, memory_order_relaxed);
	atomic_store_explicit(&w->bytes[d], w->bytes[d] + s->pick.len, memory_order_relaxed);
	if (s->begun < l->from || w->now > l->until)
		return;
	w->part.of[d].ios++;
	w->part.of[d].bytes += s->pick.len;
	latency_add(&w->part.of[d].latency, w->now - s->begun);
}

static void done(struct lunar_task *t, int err)
{
	struct slot *s = t->user;
	struct job *j = s->job;
	char text[200];
	bool written = s->pick.direction == LOAD_WRITE;
	j->w->now = load_now();
	j->busy--;
	j->idle[j->idle_count++] = s;
	int result = lunar_task_result(t, err);
	if (result)
		worker_fail(j->w, result, LUNAR_COMMAND_FAILED,
			    "%s of %" PRIu32 " bytes at offset %" PRIu64 ": %s",
			    written ? "write" : "read", s->pick.len, s->pick.at,
			    lunar_task_text(t, err, text, sizeof(text)));
	else if (!s->check)
		count(s);
	if (j->turns) {
		if (!result && !written)
			check_stamps(s);
		give_back(j, &s->pick, !result && written);
	}
	if (!result)
		job_fill(j);
}

static bool begin(struct job *j, const struct place_pick *pick, bool check)
{
	const struct load *l = j->w->load;
	struct slot *s = j->idle[j->idle_count - 1];
	uint32_t size = l->disk.capacity.block_size;
	uint64_t lba = pick->at / size;
	uint32_t blocks = pick->len / size;
	s->pick = *pick;
	s->check = check;
	s->begun = j->w->now;
	s->iov = (struct iovec){s->buf, pick->len};
	if (j->turns)
		take(j, pick);
	if (pick->direction == LOAD_WRITE) {
		if (j->turns)
			put_stamps(s);
		lunar_prepare_write(&s->task, l->lun, lba, blocks, size, &s->iov, 1, 0);
	} else {
		lunar_prepare_read(&s->task, l->lun, lba, blocks, size, &s->iov, 1, 0);
	}
	s->task.done = done;
	s->task.user = s;
	int err = lunar_submit(j->s, &s->task);
	if (err) {
		worker_fail(j->w, err, lunar_why(j->s), "%s", lunar_error(j->s));
		return false;
	}
	j->idle_count--;
	j->busy++;
	return true;
}

/* --- which one is next */

bool job_main_over(const struct job *j)
{
	const struct load *l = j->w->load;
	return atomic_load_explicit(&l->stop, memory_order_relaxed) || j->w->now >= l->until ||
	       (!l->config.runtime && !j->left);
}

uint64_t job_wait(const struct job *j)
{
	uint64_t at = MAX(j->next_bytes, j->next_ios);
	if (!at || !j->idle_count || job_main_over(j))
		return UINT64_MAX;
	return at > j->w->now ? at - j->w->now : 0;
}

static void spend(uint64_t *next, uint64_t now, uint64_t amount, uint64_t rate)
{
	uint64_t oldest = now > CATCH_UP ? now - CATCH_UP : 0;
	if (rate)
		*next = (*next ? MAX(*next, oldest) : now) +
			(uint64_t)((unsigned __int128)amount * NS_PER_S / rate);
}

static bool begin_next(struct job *j)
{
	const struct load_config *c = &j->w->load->config;
	struct place_pick pick;
	int tries = 0;
	if (MAX(j->next_bytes, j->next_ios) > j->w->now)
		return false;
	do
		place_pick(&j->place, &pick);
	while (j->turns && !is_free(j, &pick) && ++tries < TRIES);
	if (tries == TRIES || !begin(j, &pick, false))
		return false;
	spend(&j->next_bytes, j->w->now, pick.len, c->rate_bytes);
	spend(&j->next_ios, j->w->now, 1, c->rate_ios);
	j->left -= MIN(j->left, pick.len);
	return true;
}

static bool wants_check(const struct job *j)
{
	const struct load *l = j->w->load;
	return j->turns && l->config.reads < 100 && !j->w->err &&
	       !atomic_load_explicit(&l->stop, memory_order_relaxed);
}

/* All that was written is read back, when the last write has been answered, and the time of that noted. */
static bool begin_check(struct job *j)
{
	struct load *l = j->w->load;
	while (j->check_next < j->blocks && !(j->turns[j->check_next] & ~UNDER_WAY))
		j->check_next++;
	if (j->check_next == j->blocks)
		return false;
	struct place_pick pick = {LOAD_READ, j->place.begin + j->check_next++ * l->block, l->block};
	l->verifying = true;
	return begin(j, &pick, true);
}

void job_fill(struct job *j)
{
	while (j->idle_count)
		if (!(!job_main_over(j) ? begin_next(j)
					: j->w->ended && wants_check(j) && begin_check(j)))
			return;
}

bool job_over(const struct job *j)
{
	return !j->busy && job_main_over(j) && (!wants_check(j) || j->check_next == j->blocks);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What is copied next, what is durable, and how it ends. */
#include "copy/copy.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "copy/priv.h"

#define NS_PER_S   UINT64_C(1000000000)
#define NS_PER_MS  UINT64_C(1000000)
#define FLUSH      (5 * NS_PER_S)
#define STOP_GRACE (10 * NS_PER_S) /* what is under way may end */
#define THREADS    8

uint64_t copy_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

void copy_fail(struct copy *c, enum copy_end end, const char *fmt, ...)
{
	va_list ap;
	if (c->fault.end != COPY_DONE)
		return;
	va_start(ap, fmt);
	vsnprintf(c->fault.why, sizeof(c->fault.why), fmt, ap);
	va_end(ap);
	c->fault.end = end;
}

bool copy_failed(const struct copy *c)
{
	return c->fault.end != COPY_DONE;
}

uint64_t copy_mark(const struct copy *c)
{
	uint64_t mark = MIN(c->next, c->broken);
	for (unsigned i = 0; i < c->config.depth; i++)
		if (c->slots[i].busy)
			mark = MIN(mark, c->slots[i].offset);
	return mark;
}

static uint64_t logins_of(const struct end *e)
{
	struct lunar_stats stats;
	return e->s && !lunar_stats(e->s, &stats) ? stats.logins : 0;
}

/* --- what is next */

static uint32_t piece(const struct copy *c, uint64_t end)
{
	return (uint32_t)MIN(end - c->next, c->block - c->next % c->block);
}

/* True: there is something to do for a slot, and `s` is it. */
static struct slot *take(struct copy *c, uint32_t len)
{
	struct slot *s = slot_take(c, c->next, len);
	if (s)
		c->next += len;
	return s;
}

static bool plan_stream(struct copy *c)
{
	if (c->reading || c->stream_over)
		return false;
	struct slot *s = slot_take(c, c->next, c->block);
	if (!s)
		return false;
	c->reading = true;
	slot_copy(s);
	return true;
}

static bool plan_data(struct copy *c, uint64_t end)
{
	struct slot *s = take(c, piece(c, end));
	if (s && c->phase == PHASE_VERIFY)
		slot_compare(s, false);
	else if (s)
		slot_copy(s);
	return s;
}

static void skip(struct copy *c, uint64_t to)
{
	if (c->phase == PHASE_VERIFY)
		c->result.verified += to - c->next;
	else
		c->result.zeroed += to - c->next;
	c->next = to;
}

/* The source has zeroes up to `end`. */
static bool plan_hole(struct copy *c, uint64_t end)
{
	struct extent there;
	struct slot *s;
	bool verify = c->phase == PHASE_VERIFY;
	if (c->to.kind == END_STREAM) {
		s = take(c, piece(c, end));
		if (s)
			slot_fill(s);
		return s;
	}
	if (c->to.is_zero && !verify) {
		skip(c, end);
		return true;
	}
	if (c->to.maps) {
		if (!map_look(&c->to_map, c->next, &there))
			return false;
		if (there.end < end)
			end = there.hole ? there.end - there.end % c->grain
					 : there.end + (c->grain - there.end % c->grain) % c->grain;
		if (there.hole && end > c->next) {
			skip(c, end);
			return true;
		}
		end = MIN(MAX(end, c->next - c->next % c->grain + c->grain), c->total);
	}
	if (verify) {
		s = take(c, piece(c, end));
		if (s)
			slot_compare(s, true);
		return s;
	}
	uint64_t len = MIN(end - c->next, c->to.zero_max);
	s = slot_take(c, c->next, 0);
	if (s) {
		c->next += len;
		slot_zero(s, len);
	}
	return s;
}

/* False: for now there is nothing that could be begun. */
static bool plan_one(struct copy *c)
{
	struct extent e;
	if (c->from.kind == END_STREAM)
		return plan_stream(c);
	if (c->next >= c->total || !map_look(&c->from_map, c->next, &e))
		return false;
	uint64_t end = MIN(e.end, c->total), grain = c->grain;
	bool hole = e.hole && (c->config.sparse != COPY_NEVER || c->phase == PHASE_VERIFY) &&
		    (c->to.kind == END_STREAM || c->to.is_zero || c->to.zeroes ||
		     c->phase == PHASE_VERIFY);
	if (hole && end < c->total)
		end -= end % grain;
	if (hole && end > c->next)
		return plan_hole(c, end);
	if (hole)
		end = c->next + 1;
	end = MIN((end + grain - 1) / grain * grain, c->total);
	return plan_data(c, end);
}

static void plan(struct copy *c)
{
	bool working = c->phase == PHASE_COPY || c->phase == PHASE_VERIFY;
	if (c->rewind && !c->busy) {
		c->rewind = false;
		c->next = c->durable;
		map_forget(&c->from_map);
		map_forget(&c->to_map);
	}
	while (working && !c->rewind && !copy_failed(c) && c->differs == UINT64_MAX && plan_one(c))
		;
}

/* --- what is durable */

static void keep(struct copy *c)
{
	c->journal.done = c->durable;
	int err = c->config.journal ? journal_write(&c->journal, c->config.journal) : 0;
	if (err)
		copy_fail(c, COPY_NO_RESUME, "the journal %s cannot be written: %s",
			  c->config.journal, strerror(-err));
}

static void flushed(struct op *op, int err)
{
	struct copy *c = op->ctx;
	uint64_t logins = logins_of(&c->to);
	c->flushing = false;
	c->flushed_at = copy_now();
	if (err) {
		end_failed(op, err);
		return;
	}
	/* A target that comes back may have lost what it had in its cache, and flushes only what it has. */
	bool lost = c->to.can_lose && logins != c->logins;
	c->logins = logins;
	if (lost && c->from.kind == END_STREAM) {
		copy_fail(c, COPY_FAILED,
			  "the session with %s was lost, and with it maybe what the target had in "
			  "its cache; a stream cannot be read again",
			  c->to.name);
	} else if (lost) {
		c->rewind = true;
		if (c->phase == PHASE_LAST_FLUSH)
			c->phase = PHASE_COPY;
	} else {
		c->durable = c->flush_mark;
		if (c->phase == PHASE_COPY)
			keep(c);
	}
}

static void flush(struct copy *c)
{
	c->flushing = true;
	c->flush_mark = copy_mark(c);
	c->flush = (struct op){.kind = OP_FLUSH, .end = &c->to, .done = flushed, .ctx = c};
	c->flush.offset = c->flush_mark;
	end_start(&c->flush);
}

static bool flush_is_due(const struct copy *c)
{
	return c->phase == PHASE_COPY && (c->config.journal || c->to.can_lose) && !c->flushing &&
	       !c->rewind && copy_now() >= c->flushed_at + c->config.flush_ns &&
	       copy_mark(c) > c->durable;
}

/* --- from phase to phase */

static void begin_verify(struct copy *c)
{
	c->phase = PHASE_VERIFY;
	c->next = 0;
	map_forget(&c->from_map);
	map_forget(&c->to_map);
}

static void end(struct copy *c)
{
	if (c->differs != UINT64_MAX)
		copy_fail(c, COPY_DIFFERS,
			  "source and destination differ, first at offset %" PRIu64, c->differs);
	if (c->config.journal && !copy_failed(c))
		unlink(c->config.journal);
	c->phase = PHASE_OVER;
	c->ended = copy_now();
}

static bool resting(const struct copy *c)
{
	return !c->busy && !c->flushing && !c->from_map.asking && !c->to_map.asking && !c->rewind &&
	       list_empty(&c->refused);
}

static bool all_planned(const struct copy *c)
{
	return c->from.kind == END_STREAM ? c->stream_over : c->next >= c->total;
}

/* What was copied until an error or a signal is kept, if that can be. */
static void wind_up(struct copy *c)
{
	bool worth = c->phase == PHASE_COPY && !c->last_try && c->next > c->durable;
	c->last_try = true;
	if (worth)
		flush(c);
	else
		end(c);
}

static void step(struct copy *c)
{
	plan(c);
	if (flush_is_due(c))
		flush(c);
	if (c->phase == PHASE_OVER)
		return;
	if (c->stopping && copy_now() > c->stopping + STOP_GRACE) {
		end(c);
		return;
	}
	if (copy_failed(c)) {
		slot_write_next(c);
		c->rewind = false;
	}
	if (!resting(c))
		return;
	if (copy_failed(c)) {
		wind_up(c);
	} else if (c->phase == PHASE_COPY && all_planned(c)) {
		c->total = c->next;
		c->phase = PHASE_LAST_FLUSH;
		if (!end_file_finish(&c->to, c->total))
			flush(c);
	} else if (c->phase == PHASE_LAST_FLUSH && c->config.verify) {
		begin_verify(c);
		plan(c);
	} else if (c->phase == PHASE_LAST_FLUSH ||
		   (c->phase == PHASE_VERIFY && (all_planned(c) || c->differs != UINT64_MAX))) {
		end(c);
	}
}

static void refused(struct copy *c)
{
	while (!list_empty(&c->refused)) {
		struct op *op =
			container_of(list_first(&c->refused, struct io_job, link), struct op, job);
		list_del(&op->job.link);
		op->done(op, op->job.err);
	}
}

bool copy_turn(struct copy *c, int ms)
{
	struct pollfd fds[] = {{.fd = io_pool_fd(c->pool), .events = POLLIN},
			       {.fd = lunar_fd(c->l), .events = POLLIN}};
	step(c);
	if (c->phase == PHASE_OVER)
		return true;
	int most = lunar_timeout(c->l);
	if (most >= 0 && most < ms)
		ms = most;
	poll(fds, ARRAY_SIZE(fds), list_empty(&c->refused) ? ms : 0);
	lunar_service(c->l);
	io_pool_reap(c->pool);
	refused(c);
	step(c);
	return c->phase == PHASE_OVER;
}

void copy_stop(struct copy *c)
{
	if (c->stopping)
		return;
	c->stopping = copy_now();
	copy_fail(c, COPY_STOPPED, "it was ended by a signal");
	io_pool_stop(c->pool);
	slot_write_next(c);
}

/* --- made, and looked at */

static int no_memory(struct copy *c, int err)
{
	copy_fail(c, COPY_FAILED, "there is no room for the copy: %s", strerror(-err));
	return err;
}

static int make(struct copy *c)
{
	int err = lunar_new(&c->l);
	if (!err)
		err = io_pool_new(&c->pool, MIN(c->config.depth + 2, THREADS));
	if (err)
		return no_memory(c, err);
	err = end_open(c);
	if (err)
		return err;
	err = slot_init(c);
	if (err)
		return no_memory(c, err);
	map_init(&c->from_map, &c->from);
	map_init(&c->to_map, &c->to);
	c->logins = logins_of(&c->to);
	err = end_prepare(c);
	c->began = c->flushed_at = copy_now();
	return err;
}

int copy_new(struct copy **out, const struct copy_config *config, struct copy_fault *fault)
{
	struct copy *c = calloc(1, sizeof(*c));
	*fault = (struct copy_fault){.end = COPY_FAILED, .why = "there is no memory"};
	if (!c)
		return -ENOMEM;
	c->config = *config;
	c->from.fd = c->to.fd = -1;
	c->differs = c->broken = UINT64_MAX;
	list_init(&c->refused);
	if (!c->config.flush_ns)
		c->config.flush_ns = FLUSH;
	int err = make(c);
	if (!err) {
		*out = c;
		return 0;
	}
	*fault = c->fault;
	/* Made for a copy that does not come about. */
	if (c->to.made)
		unlink(c->config.to.name);
	copy_free(c);
	return err;
}

void copy_free(struct copy *c)
{
	if (!c)
		return;
	/* What a thread is still in the middle of, it keeps. */
	bool kept = c->busy || c->flushing || c->from_map.asking || c->to_map.asking;
	if (kept && (c->from.kind != END_LUN || c->to.kind != END_LUN)) {
		io_pool_free(c->pool);
		return;
	}
	end_close(&c->from);
	end_close(&c->to);
	lunar_free(c->l);
	io_pool_free(c->pool);
	slot_free_all(c);
	free(c);
}

void copy_look(const struct copy *c, struct copy_progress *out)
{
	*out = (struct copy_progress){
		.ns = copy_now() - c->began,
		.done = c->to.kind == END_STREAM ? c->out : copy_mark(c),
		.total = c->total == UNKNOWN_SIZE ? 0 : c->total,
		.moved = c->moved,
		.verifying = c->phase == PHASE_VERIFY,
		.flushing = c->phase == PHASE_LAST_FLUSH,
	};
	out->away = (c->from.s && lunar_state(c->from.s) != LUNAR_UP) ||
		    (c->to.s && lunar_state(c->to.s) != LUNAR_UP);
}

void copy_get_result(const struct copy *c, struct copy_result *out)
{
	uint64_t from = logins_of(&c->from), to = logins_of(&c->to);
	*out = c->result;
	out->fault = c->fault;
	out->durable = c->durable;
	/* After the copy `next` is where it is compared. */
	out->bytes = c->phase == PHASE_OVER && !copy_failed(c) ? c->total : c->durable;
	if (c->to.kind == END_STREAM)
		out->bytes = c->out;
	out->ns = (c->ended ? c->ended : copy_now()) - c->began;
	out->logins = (from ? from - 1 : 0) + (to ? to - 1 : 0);
}

const char *copy_name(const struct copy *c, bool to)
{
	return to ? c->to.name : c->from.name;
}

uint64_t copy_size(const struct copy *c, bool to)
{
	uint64_t size = to ? c->to.size : c->from.size;
	return size == UNKNOWN_SIZE ? 0 : size;
}

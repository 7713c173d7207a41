/* SPDX-License-Identifier: BSD-2-Clause */
#include "load/load.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include "load/priv.h"
#include "load/stamp.h"

#define OUTAGE    "10" /* seconds that a session may be away, unless the URL says another time */
#define DEPTH_HAD 128  /* a session's own */
#define IDLE_MS   100  /* how soon a thread sees that it is to stop */
#define NS_PER_MS UINT64_C(1000000)
#define LONGEST   256 /* of a sentence of the library */

uint64_t load_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 * NS_PER_MS + (uint64_t)ts.tv_nsec;
}

void worker_fail(struct worker *w, int err, enum lunar_reason reason, const char *fmt, ...)
{
	va_list ap;
	if (!w->err) {
		va_start(ap, fmt);
		vsnprintf(w->why, sizeof(w->why), fmt, ap);
		va_end(ap);
		w->err = err;
		w->reason = reason;
	}
	atomic_store(&w->load->stop, true);
}

int load_session(const struct load *l, struct lunar *context, struct lunar_session **out,
		 uint64_t *lun)
{
	const struct load_config *c = &l->config;
	char depth[12];
	int err = lunar_session_new(context, out);
	if (err)
		return err;
	snprintf(depth, sizeof(depth), "%u", MAX(c->depth, DEPTH_HAD));
	err = lunar_set(*out, "outage", OUTAGE);
	if (!err)
		err = lunar_set(*out, "depth", depth);
	if (!err)
		err = lunar_set_url(*out, c->url, lun);
	if (!err && c->user)
		err = lunar_set(*out, "user", c->user);
	if (!err && c->secret)
		err = lunar_set(*out, "secret", c->secret);
	return err;
}

/* --- before it begins: is it possible? */

static int refuse(char why[LOAD_WHY], int err, const char *fmt, ...) PRINTF(3, 4);

static int refuse(char why[LOAD_WHY], int err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, LOAD_WHY, fmt, ap);
	va_end(ap);
	return err;
}

static bool uses(const struct load_config *c, enum load_direction d)
{
	return d == LOAD_READ ? c->reads > 0 : c->reads < 100;
}

static int check_sizes(struct load *l, char why[LOAD_WHY])
{
	const struct load_config *c = &l->config;
	uint32_t block = l->disk.capacity.block_size;
	uint64_t most =
		l->disk.max_transfer ? (uint64_t)l->disk.max_transfer * block : LOAD_SIZE_MAX;
	for (int d = 0; d < LOAD_DIRECTIONS; d++) {
		const struct load_sizes *s = &c->sizes[d];
		if (!uses(c, d))
			continue;
		if (s->min % block || s->max % block)
			return refuse(why, -EINVAL,
				      "the disk has blocks of %" PRIu32 " bytes, and %" PRIu32
				      " is no multiple of that",
				      block, s->min % block ? s->min : s->max);
		if (s->max > most)
			return refuse(why, -ERANGE,
				      "the disk takes %" PRIu64
				      " bytes at a time at most, not %" PRIu32,
				      most, s->max);
		l->largest = MAX(l->largest, s->max);
		l->block = MAX(l->block, s->min);
	}
	if (c->verify && uses(c, LOAD_READ) && uses(c, LOAD_WRITE) &&
	    c->sizes[LOAD_READ].min != c->sizes[LOAD_WRITE].min)
		return refuse(why, -EINVAL,
			      "verify needs the same smallest block for reads and writes");
	return 0;
}

static int check_part(struct load *l, char why[LOAD_WHY])
{
	const struct load_config *c = &l->config;
	const struct lunar_capacity *disk = &l->disk.capacity;
	uint64_t bytes = disk->blocks * disk->block_size;
	uint64_t size = c->size ? c->size : bytes > c->offset ? bytes - c->offset : 0;
	if (c->offset % disk->block_size)
		return refuse(why, -EINVAL,
			      "offset %" PRIu64 " is no multiple of the disk's blocks of %" PRIu32
			      " bytes",
			      c->offset, disk->block_size);
	if (!size || size > bytes || c->offset > bytes - size)
		return refuse(why, -ERANGE,
			      "the disk has %" PRIu64 " bytes: offset %" PRIu64 " and size %" PRIu64
			      " are more",
			      bytes, c->offset, size);
	l->begin = c->offset;
	l->part = size / c->jobs;
	l->part -= l->part % l->block;
	if (l->part < l->largest)
		return refuse(why, -ERANGE,
			      "%" PRIu64 " bytes are no room for commands of %" PRIu32
			      " bytes, of %u jobs",
			      size, l->largest, c->jobs);
	if (c->verify && l->part * c->jobs / l->block > LOAD_BLOCKS_MAX)
		return refuse(why, -EFBIG,
			      "verify keeps 4 bytes in memory for each block: at most %" PRIu64
			      " blocks; give a smaller size, or larger blocks",
			      LOAD_BLOCKS_MAX);
	if ((uint64_t)c->jobs * c->depth * l->largest > LOAD_MEMORY_MAX)
		return refuse(why, -ENOMEM,
			      "%u jobs with %u commands of %" PRIu32
			      " bytes each are more than 4 GiB of memory",
			      c->jobs, c->depth, l->largest);
	return 0;
}

static int check(struct load *l, char why[LOAD_WHY])
{
	if (l->config.reads < 100 && l->disk.read_only)
		return refuse(why, -EROFS, "the disk is write protected");
	int err = check_sizes(l, why);
	return err ? err : check_part(l, why);
}

/* --- before it begins: what disk is it? */

static int look_at_disk(struct load *l, struct lunar_session *s, char why[LOAD_WHY],
			enum lunar_reason *reason)
{
	int err = lunar_login(s);
	if (!err)
		err = lunar_identify(s, l->lun, &l->disk);
	if (err) {
		*reason = lunar_why(s);
		return refuse(why, err, "%s", lunar_error(s));
	}
	lunar_logout(s);
	return check(l, why);
}

static int scout(struct load *l, char why[LOAD_WHY], enum lunar_reason *reason)
{
	struct lunar *context;
	struct lunar_session *s = NULL;
	char target[8];
	int err = lunar_new(&context);
	if (err)
		return refuse(why, err, "no session can be made: %s", strerror(-err));
	err = load_session(l, context, &s, &l->lun);
	if (err) {
		*reason = LUNAR_BAD_SETTING;
		refuse(why, err, "%s", s ? lunar_error(s) : strerror(-err));
	} else if (lunar_get(s, "target", target, sizeof(target)) <= 0 || l->lun == LUNAR_NO_LUN) {
		*reason = LUNAR_BAD_SETTING;
		err = refuse(why, -EINVAL,
			     "the URL needs a target and a LUN: iscsi://HOST/TARGET/LUN");
	} else {
		err = look_at_disk(l, s, why, reason);
	}
	lunar_free(context);
	return err;
}

int load_new(struct load **out, const struct load_config *config, char why[LOAD_WHY],
	     enum lunar_reason *reason)
{
	struct load *l = calloc(1, sizeof(*l));
	*reason = LUNAR_NO_REASON;
	if (!l)
		return refuse(why, -ENOMEM, "there is no memory");
	l->config = *config;
	l->run = config->seed;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->ready, NULL);
	while (!l->run)
		if (getrandom(&l->run, sizeof(l->run), 0) < 0)
			l->run = load_now();
	int err = scout(l, why, reason);
	if (err) {
		load_free(l);
		return err;
	}
	*out = l;
	return 0;
}

const struct lunar_disk *load_disk(const struct load *l)
{
	return &l->disk;
}

static void free_worker(struct worker *w)
{
	lunar_free(w->l);
	for (unsigned i = 0; w->jobs && i < w->count; i++)
		if (w->jobs[i].w)
			job_free(&w->jobs[i]);
	free(w->jobs);
}

void load_free(struct load *l)
{
	if (!l)
		return;
	for (unsigned i = 0; l->workers && i < l->config.threads; i++)
		free_worker(&l->workers[i]);
	free(l->workers);
	pthread_cond_destroy(&l->ready);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* --- a thread */

static bool log_in(struct worker *w)
{
	unsigned up = 0;
	uint64_t lun;
	for (unsigned i = 0; i < w->count; i++) {
		struct job *j = &w->jobs[i];
		int err = load_session(w->load, w->l, &j->s, &lun);
		if (!err)
			err = lunar_start(j->s);
		if (err) {
			worker_fail(w, err, LUNAR_BAD_SETTING, "%s",
				    j->s ? lunar_error(j->s) : strerror(-err));
			return false;
		}
	}
	while (up < w->count && !w->load->stop) {
		struct lunar_session *s = w->jobs[up].s;
		if (lunar_state(s) == LUNAR_UP)
			up++;
		else if (lunar_state(s) == LUNAR_ENDED)
			worker_fail(w, -ENOTCONN, lunar_why(s), "%s", lunar_error(s));
		else
			lunar_wait(w->l, IDLE_MS);
	}
	return up == w->count;
}

/* All begin together, when all are logged in. False: it stops before. */
static bool line_up(struct load *l)
{
	pthread_mutex_lock(&l->lock);
	if (++l->waiting == l->config.threads) {
		uint64_t now = load_now();
		l->from = now + l->config.ramp;
		l->until = l->config.runtime ? l->from + l->config.runtime : UINT64_MAX;
		l->start = now;
		pthread_cond_broadcast(&l->ready);
	}
	while (l->waiting < l->config.threads)
		pthread_cond_wait(&l->ready, &l->lock);
	pthread_mutex_unlock(&l->lock);
	return !l->stop;
}

static void use_of_processor(struct load_result *r, int sign)
{
	struct rusage u;
	getrusage(RUSAGE_THREAD, &u);
	r->user += sign * ((double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6);
	r->system += sign * ((double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6);
	r->switches += (unsigned long)sign * (unsigned long)(u.ru_nvcsw + u.ru_nivcsw);
}

static int wait_ms(const struct worker *w)
{
	uint64_t ns = IDLE_MS * NS_PER_MS;
	for (unsigned i = 0; i < w->count; i++)
		ns = MIN(ns, job_wait(&w->jobs[i]));
	if (w->load->until > w->now)
		ns = MIN(ns, w->load->until - w->now);
	return (int)((ns + NS_PER_MS - 1) / NS_PER_MS);
}

static bool all(const struct worker *w, bool (*is)(const struct job *))
{
	for (unsigned i = 0; i < w->count; i++)
		if (!is(&w->jobs[i]))
			return false;
	return true;
}

static bool main_over(const struct job *j)
{
	return !j->busy && job_main_over(j);
}

/* The time in which I/O was measured, and what of the processor it took. */
static void measure(struct worker *w, bool *begun)
{
	if (!*begun && w->now >= w->load->from) {
		*begun = true;
		use_of_processor(&w->part, -1);
	}
	if (!w->ended && (w->err || all(w, main_over))) {
		w->ended = MIN(w->now, w->load->until);
		if (*begun)
			use_of_processor(&w->part, 1);
	}
}

static void turn(struct worker *w)
{
	w->now = load_now();
	for (unsigned i = 0; i < w->count; i++)
		job_fill(&w->jobs[i]);
	int err = lunar_wait(w->l, wait_ms(w));
	w->now = load_now();
	if (err)
		worker_fail(w, err, LUNAR_NO_REASON, "waiting: %s", strerror(-err));
}

static void log_out(struct worker *w)
{
	for (unsigned i = 0; i < w->count && w->jobs[i].s; i++) {
		struct lunar_stats stats;
		if (!lunar_stats(w->jobs[i].s, &stats) && stats.logins > 1)
			w->part.logins += stats.logins - 1;
		if (w->err)
			lunar_stop(w->jobs[i].s, true);
		lunar_logout(w->jobs[i].s);
	}
}

static void *run(void *arg)
{
	struct worker *w = arg;
	bool begun = false;
	log_in(w);
	if (line_up(w->load)) {
		w->now = load_now();
		do {
			measure(w, &begun);
			turn(w);
			/* What is under way after an error is ended by the logout. */
		} while (!w->err && !all(w, job_over));
		measure(w, &begun);
	}
	log_out(w);
	atomic_fetch_sub(&w->load->running, 1);
	return NULL;
}

/* --- all of them */

static int make_worker(struct load *l, unsigned number)
{
	struct worker *w = &l->workers[number];
	const struct load_config *c = &l->config;
	w->load = l;
	/* Job i is on thread i % threads. */
	w->count = (c->jobs - number + c->threads - 1) / c->threads;
	w->jobs = calloc(w->count, sizeof(*w->jobs));
	int err = w->jobs ? lunar_new(&w->l) : -ENOMEM;
	for (unsigned i = 0; !err && i < w->count; i++)
		err = job_init(&w->jobs[i], w, number + i * c->threads);
	return err;
}

static int start_threads(struct load *l)
{
	sigset_t every, before;
	int err = 0;
	sigfillset(&every);
	pthread_sigmask(SIG_SETMASK, &every, &before);
	for (unsigned i = 0; !err && i < l->config.threads; i++) {
		struct worker *w = &l->workers[i];
		err = -pthread_create(&w->thread, NULL, run, w);
		w->started = !err;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

static void join(struct load *l)
{
	for (unsigned i = 0; i < l->config.threads; i++)
		if (l->workers[i].started)
			pthread_join(l->workers[i].thread, NULL);
}

int load_start(struct load *l, char why[LOAD_WHY])
{
	unsigned threads = l->config.threads;
	l->workers = calloc(threads, sizeof(*l->workers));
	int err = l->workers ? 0 : -ENOMEM;
	for (unsigned i = 0; !err && i < threads; i++)
		err = make_worker(l, i);
	if (err)
		return refuse(why, err, "no room for the load: %s", strerror(-err));
	l->running = threads;
	err = start_threads(l);
	if (!err)
		return 0;
	/* Those that there are wait for the others. */
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	l->waiting = threads;
	pthread_cond_broadcast(&l->ready);
	pthread_mutex_unlock(&l->lock);
	join(l);
	return refuse(why, err, "no thread can be made: %s", strerror(-err));
}

bool load_over(const struct load *l)
{
	return !l->running;
}

void load_look(const struct load *l, struct load_progress *out)
{
	uint64_t now = load_now();
	*out = (struct load_progress){0};
	if (!l->start)
		return;
	out->ns = now - l->start;
	out->ramping = now < l->from;
	out->verifying = l->verifying;
	for (unsigned i = 0; i < l->config.threads; i++)
		for (int d = 0; d < LOAD_DIRECTIONS; d++) {
			out->ios[d] += l->workers[i].ios[d];
			out->bytes[d] += l->workers[i].bytes[d];
		}
}

void load_stop(struct load *l)
{
	l->stop = true;
}

static void add(struct load_result *out, const struct load *l, const struct worker *w)
{
	for (int d = 0; d < LOAD_DIRECTIONS; d++) {
		out->of[d].ios += w->part.of[d].ios;
		out->of[d].bytes += w->part.of[d].bytes;
		latency_merge(&out->of[d].latency, &w->part.of[d].latency);
	}
	if (w->ended > l->from)
		out->ns = MAX(out->ns, w->ended - l->from);
	out->user += w->part.user;
	out->system += w->part.system;
	out->switches += w->part.switches;
	out->verified += w->part.verified;
	out->logins += w->part.logins;
}

int load_wait(struct load *l, struct load_result *out, char why[LOAD_WHY],
	      enum lunar_reason *reason)
{
	int err = 0;
	memset(out, 0, sizeof(*out));
	*reason = LUNAR_NO_REASON;
	join(l);
	for (unsigned i = 0; i < l->config.threads; i++) {
		const struct worker *w = &l->workers[i];
		add(out, l, w);
		if (w->err && !err) {
			err = refuse(why, w->err, "%s", w->why);
			*reason = w->reason;
		}
	}
	return err;
}

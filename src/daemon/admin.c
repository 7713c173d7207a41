/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes, one after the other. */
#include "daemon/admin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "daemon/ops.h"

#define BATCH_MAX  100000
#define LOGGED_MAX 20 /* changes of one transaction that are logged one by one */

enum phase {
	PHASE_BEGIN,
	PHASE_STEP,
	PHASE_WAIT, /* for the runtime */
	PHASE_RAN,
	PHASE_TAKE_BACK,
	PHASE_TAKEN_BACK,
};

struct admin_job {
	struct list link;
	struct admin *admin;
	struct control_call *call; /* NULL: the daemon itself wants it */
	admin_done *done;          /* then */
	void *done_ctx;
	enum phase phase;
	int err; /* of the step */
	struct config_why why;
	bool batch, atomic;
	json_t *results; /* of a batch */
	size_t said;     /* of txn->said: what is in results already */
	size_t count, at;
	struct admin_step steps[];
};

static void drive(struct admin *a);

/* ---- answers ---- */

json_t *admin_lines(const char *text)
{
	json_t *lines = json_array();
	while (*text) {
		size_t len = strcspn(text, "\n");
		json_array_append_new(lines, json_stringn(text, len));
		text += len + (text[len] == '\n');
	}
	return lines;
}

static json_t *step_result(struct admin_job *job)
{
	struct admin *a = job->admin;
	struct admin_step *step = &job->steps[job->at];
	char path[CONFIG_PATH_SIZE];
	json_t *result =
		json_pack("{s:o, s:I}", "said", admin_lines(buf_str(&a->txn.said) + job->said),
			  "generation", (json_int_t)config_generation(a->tree));
	job->said = a->txn.said.len;
	if (step->made && !step->dry)
		json_object_set_new(result, "path", json_string(config_path(step->made, path)));
	json_object_update(result, step->extra);
	return result;
}

static enum rpc_code code_of(int err)
{
	static const struct {
		int err;
		enum rpc_code code;
	} codes[] = {
		{-EBADMSG, RPC_BAD_PARAMS},
		{-ECANCELED, RPC_NOT_CONFIRMED},
		{-EBUSY, RPC_BUSY},
		{-ENOMEM, RPC_INTERNAL},
	};
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		if (codes[i].err == err)
			return codes[i].code;
	}
	return RPC_REFUSED;
}

static void job_free(struct admin_job *job)
{
	list_del(&job->link);
	for (size_t i = 0; i < job->count; i++) {
		json_decref(job->steps[i].args);
		json_decref(job->steps[i].extra);
	}
	json_decref(job->results);
	free(job);
}

/* All steps are done, or the first one that could not be has undone those before. */
static void answer(struct admin_job *job)
{
	struct control_call *call = job->call;
	if (!call) {
		job->done(job->done_ctx, job->err, job->why.text,
			  job->err ? job->steps[job->at].extra : json_array_get(job->results, 0));
		job_free(job);
		return;
	}
	if (job->batch && (!job->atomic || !job->err)) {
		control_answer(call, json_pack("{s:O, s:I}", "results", job->results, "generation",
					       (json_int_t)config_generation(job->admin->tree)));
	} else if (job->err) {
		json_t *data = job->steps[job->at].extra;
		json_t *at = job->batch ? json_pack("{s:I}", "index", (json_int_t)job->at)
					: json_incref(data);
		control_refuse_with(call, code_of(job->err), job->why.text, at);
	} else {
		control_answer(call, json_incref(json_array_get(job->results, 0)));
	}
	job_free(job);
}

/* Who did what: one line for each change, secrets not in it. */
static void log_changes(const struct admin_job *job)
{
	struct admin *a = job->admin;
	char who[32] = "reload";
	size_t n = 0;
	if (job->call)
		snprintf(who, sizeof(who), "user %u", (unsigned)control_peer(job->call)->uid);
	list_for_each (it, &a->txn.changes) {
		struct buf line;
		if (++n > LOGGED_MAX) {
			log_info(reactor_log(a->r), "admin: %s: and %zu changes more", who,
				 a->txn.count - LOGGED_MAX);
			return;
		}
		buf_init(&line, 4096);
		config_change_text(list_entry(it, struct config_change, link), false, &line);
		log_info(reactor_log(a->r), "admin: %s: %s", who, buf_str(&line));
		buf_free(&line);
	}
}

/* ---- the phases ---- */

static void begin(struct admin *a, struct admin_job *job)
{
	job->said = 0;
	job->err = config_begin(&a->txn, a->tree);
	job->phase = PHASE_STEP;
	if (!job->err)
		return;
	config_write_why(&job->why, "The configuration is being changed; try again in a moment.");
	job->atomic = true;
	answer(job);
}

static void ran(void *ctx, int err)
{
	struct admin_job *job = ctx;
	job->err = err;
	job->phase = err ? PHASE_TAKE_BACK : PHASE_RAN;
	drive(job->admin);
}

static void has_looked(void *ctx, enum config_kind found, int err, const char *why)
{
	struct admin_job *job = ctx;
	struct admin *a = job->admin;
	job->steps[job->at].found = found;
	job->phase = PHASE_STEP;
	if (err) {
		config_write_why(&a->txn.why, "%s", why);
		ran(job, err);
		return;
	}
	drive(a);
}

/* True: it goes on with has_looked(). */
static bool look_first(struct admin *a, struct admin_job *job)
{
	struct admin_step *s = &job->steps[job->at];
	const char *path = s->looked || !s->verb->wants ? NULL : s->verb->wants(s);
	if (!path || !a->hooks.look)
		return false;
	s->looked = true;
	job->phase = PHASE_WAIT;
	if (!a->hooks.look(a->hooks_ctx, path, has_looked, job))
		return true;
	job->phase = PHASE_STEP;
	return false;
}

static void step(struct admin *a, struct admin_job *job)
{
	struct admin_step *s = &job->steps[job->at];
	if (look_first(a, job))
		return;
	int err = s->verb->run(s, &a->txn);
	if (!err && s->dry && job->batch)
		err = config_refuse(&a->txn.why, EBADMSG, "A dry run cannot be part of a batch");
	job->phase = PHASE_WAIT;
	if (err || s->dry || !a->runtime)
		ran(job, err);
	else
		config_txn_run(&a->txn, a->runtime, a->runtime_ctx, ran, job);
}

static void taken_back(void *ctx, int err)
{
	struct admin_job *job = ctx;
	(void)err; /* what cannot be undone is reported by the runtime */
	job->phase = PHASE_TAKEN_BACK;
	drive(job->admin);
}

static void take_back(struct admin *a, struct admin_job *job)
{
	job->why = a->txn.why;
	job->phase = PHASE_WAIT;
	config_abandon(&a->txn, taken_back, job);
}

static void next(struct admin_job *job, enum phase phase)
{
	job->phase = phase;
	job->err = 0;
	if (++job->at == job->count)
		answer(job);
}

static void has_run(struct admin *a, struct admin_job *job)
{
	struct admin_step *s = &job->steps[job->at];
	bool last = job->at + 1 == job->count;
	if (s->verb->after)
		s->verb->after(s, &a->txn);
	json_array_append_new(job->results, step_result(job));
	if (s->dry) {
		take_back(a, job);
		return;
	}
	if (last || !job->atomic) {
		bool changed = a->txn.count;
		log_changes(job);
		config_commit(&a->txn);
		if (changed && a->hooks.changed)
			a->hooks.changed(a->hooks_ctx);
	}
	next(job, job->atomic ? PHASE_STEP : PHASE_BEGIN);
}

static void was_taken_back(struct admin *a, struct admin_job *job)
{
	(void)a;
	if (job->err && job->batch && !job->atomic)
		json_array_append_new(job->results,
				      json_pack("{s:{s:i, s:s}}", "error", "code",
						(int)code_of(job->err), "message", job->why.text));
	if (job->err && (job->atomic || !job->batch))
		answer(job);
	else
		next(job, PHASE_BEGIN);
}

typedef void do_phase(struct admin *a, struct admin_job *job);

static do_phase *const phases[] = {
	[PHASE_BEGIN] = begin, [PHASE_STEP] = step,           [PHASE_WAIT] = NULL,
	[PHASE_RAN] = has_run, [PHASE_TAKE_BACK] = take_back, [PHASE_TAKEN_BACK] = was_taken_back,
};

/* A loop, not a recursion: ten thousand steps may be done at once. */
static void drive(struct admin *a)
{
	if (a->driving)
		return;
	a->driving = true;
	while (!list_empty(&a->jobs)) {
		struct admin_job *job = list_first(&a->jobs, struct admin_job, link);
		if (!phases[job->phase])
			break;
		phases[job->phase](a, job);
	}
	a->driving = false;
}

/* ---- jobs ---- */

const struct admin_verb *admin_verb_find(const char *name)
{
	for (size_t i = 0; i < admin_edit_verb_count; i++) {
		if (!strcmp(admin_edit_verbs[i].name, name))
			return &admin_edit_verbs[i];
	}
	for (size_t i = 0; i < admin_config_verb_count; i++) {
		if (!strcmp(admin_config_verbs[i].name, name))
			return &admin_config_verbs[i];
	}
	return NULL;
}

/* NULL: no memory, and the call is over. */
static struct admin_job *job_new(struct admin *a, struct control_call *call, size_t count)
{
	struct admin_job *job = calloc(1, sizeof(*job) + count * sizeof(job->steps[0]));
	if (!job && call) {
		control_refuse(call, RPC_INTERNAL, "There is not enough memory for that.");
	}
	if (!job)
		return NULL;
	list_init(&job->link);
	job->admin = a;
	job->call = call;
	job->count = count;
	job->results = json_array();
	return job;
}

static void enqueue(struct admin *a, struct admin_job *job)
{
	list_add_tail(&a->jobs, &job->link);
	drive(a);
}

void admin_run_verb(struct admin *a, struct control_call *call, const char *name)
{
	struct admin_job *job = job_new(a, call, 1);
	if (!job)
		return;
	job->steps[0] = (struct admin_step){
		.admin = a, .verb = admin_verb_find(name), .params = control_params(call)};
	enqueue(a, job);
}

int admin_run(struct admin *a, const char *method, json_t *params, admin_done *done, void *ctx)
{
	struct admin_job *job = job_new(a, NULL, 1);
	if (!job)
		return -ENOMEM;
	job->done = done;
	job->done_ctx = ctx;
	job->steps[0] =
		(struct admin_step){.admin = a, .verb = admin_verb_find(method), .params = params};
	enqueue(a, job);
	return 0;
}

static const struct control_method *method_of(const struct admin_verb *verb)
{
	size_t i = 0;
	while (strcmp(admin_methods[i].name, verb->name) != 0)
		i++;
	return &admin_methods[i];
}

/* One of a batch is looked at as one that comes alone. */
static int take_call(struct admin_job *job, size_t i, json_t *one, struct config_why *why)
{
	const char *name = json_string_value(json_object_get(one, "method"));
	const struct admin_verb *verb = name ? admin_verb_find(name) : NULL;
	json_t *params = json_object_get(one, "params");
	if (!verb)
		return config_refuse(why, EBADMSG, "\"%.64s\" is no method that changes the tree",
				     name ? name : "");
	if (job->atomic && i + 1 < job->count && !strcmp(name, "config.save"))
		return config_refuse(why, EBADMSG,
				     "config.save can only be the last one, for what comes after "
				     "may take all back");
	if (params && !json_is_object(params) && !json_is_null(params))
		return config_refuse(why, EBADMSG, "\"params\" is not an object");
	const char *unknown = control_unknown_param(method_of(verb), params);
	if (unknown)
		return config_refuse(why, EBADMSG, "\"%.64s\" is no parameter of %s; it has: %s",
				     unknown, name, method_of(verb)->params);
	job->steps[i] = (struct admin_step){.admin = job->admin, .verb = verb, .params = params};
	return 0;
}

void admin_run_batch(struct admin *a, struct control_call *call, json_t *calls, bool atomic)
{
	size_t count = json_array_size(calls);
	if (!count || count > BATCH_MAX) {
		control_refuse(call, RPC_BAD_PARAMS, "\"calls\" is not an array of 1 to %d calls",
			       BATCH_MAX);
		return;
	}
	struct admin_job *job = job_new(a, call, count);
	if (!job)
		return;
	job->batch = true;
	job->atomic = atomic;
	for (size_t i = 0; i < count; i++) {
		struct config_why why;
		char text[sizeof(why.text) + 40];
		if (take_call(job, i, json_array_get(calls, i), &why)) {
			snprintf(text, sizeof(text), "call %zu of the batch: %s", i, why.text);
			control_refuse_with(call, RPC_BAD_PARAMS, text,
					    json_pack("{s:I}", "index", (json_int_t)i));
			job_free(job);
			return;
		}
	}
	enqueue(a, job);
}

void admin_init(struct admin *a)
{
	list_init(&a->jobs);
	a->driving = false;
}

bool admin_is_idle(const struct admin *a)
{
	return list_empty(&a->jobs);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers and deferred work, on an engine whose clock the test turns and which has no operations. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include "common/cleanup.h"
#include "reactor/engine.h"

#define TIMERS 200

struct clock_engine {
	struct engine base;
	uint64_t now;
	uint64_t asked; /* the deadline of the last wait */
	int waits;
	int fail_at; /* the wait that fails, counted from 1; 0: none */
};

struct alarm {
	struct timer timer;
	struct rig *rig;
	uint64_t expected; /* REACTOR_NEVER: not set */
	unsigned fired;
};

struct task {
	struct deferred deferred;
	struct rig *rig;
	unsigned ran;
	struct task *then; /* deferred by this one */
	struct task *drop; /* cancelled by this one */
};

struct rig {
	struct clock_engine engine;
	struct reactor *r;
	struct alarm alarms[TIMERS];
	uint64_t last_fired;
	unsigned fired;
};

static uint64_t clock_now(struct engine *e)
{
	return container_of(e, struct clock_engine, base)->now;
}

static int clock_wait(struct engine *e, uint64_t deadline)
{
	struct clock_engine *c = container_of(e, struct clock_engine, base);
	c->asked = deadline;
	return ++c->waits == c->fail_at ? -EIO : 0;
}

static void clock_free(struct engine *e)
{
}

static const struct engine_ops clock_ops = {
	.name = "clock",
	.free = clock_free,
	.now = clock_now,
	.wait = clock_wait,
};

static void alarm_fire(struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);
	assert_false(timer_is_set(t));
	assert_int_equal(t->deadline, a->expected);
	assert_true(t->deadline <= a->rig->engine.now);
	assert_true(t->deadline >= a->rig->last_fired);
	a->rig->last_fired = t->deadline;
	a->expected = REACTOR_NEVER;
	a->fired++;
	a->rig->fired++;
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	rig->engine.base.ops = &clock_ops;
	rig->r = reactor_new(&rig->engine.base, NULL);
	assert_non_null(rig->r);
	for (unsigned i = 0; i < TIMERS; i++) {
		timer_init(&rig->alarms[i].timer, alarm_fire);
		rig->alarms[i].rig = rig;
		rig->alarms[i].expected = REACTOR_NEVER;
	}
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	reactor_free(rig->r);
	free(rig);
	return 0;
}

static void alarm_set(struct rig *rig, unsigned i, uint64_t deadline)
{
	rig->alarms[i].expected = deadline;
	timer_set(rig->r, &rig->alarms[i].timer, deadline);
	assert_true(timer_is_set(&rig->alarms[i].timer));
}

static void alarm_cancel(struct rig *rig, unsigned i)
{
	rig->alarms[i].expected = REACTOR_NEVER;
	timer_cancel(rig->r, &rig->alarms[i].timer);
	assert_false(timer_is_set(&rig->alarms[i].timer));
}

/* One turn at this time; nothing due at it may be left, and nothing later may have fired. */
static void turn_at(struct rig *rig, uint64_t now)
{
	unsigned due = 0, before = rig->fired;
	rig->engine.now = now;
	rig->last_fired = 0;
	for (unsigned i = 0; i < TIMERS; i++)
		due += rig->alarms[i].expected <= now;
	assert_int_equal(reactor_turn(rig->r, REACTOR_NEVER), due);
	assert_int_equal(rig->fired - before, due);
}

static uint64_t earliest(const struct rig *rig)
{
	uint64_t min = REACTOR_NEVER;
	for (unsigned i = 0; i < TIMERS; i++)
		min = MIN(min, rig->alarms[i].expected);
	return min;
}

static void fire_in_order(void **state)
{
	static const uint64_t deadlines[] = {50, 10, 40, 20, 30, 20};
	struct rig *rig = *state;
	for (unsigned i = 0; i < ARRAY_SIZE(deadlines); i++)
		alarm_set(rig, i, deadlines[i]);
	assert_int_equal(reactor_next_deadline(rig->r), 10);
	turn_at(rig, 9);
	assert_int_equal(rig->fired, 0);
	turn_at(rig, 30);
	assert_int_equal(rig->fired, 4);
	turn_at(rig, 100);
	assert_int_equal(rig->fired, 6);
	assert_int_equal(reactor_next_deadline(rig->r), REACTOR_NEVER);
}

static void setting_again_moves(void **state)
{
	struct rig *rig = *state;
	alarm_set(rig, 0, 10);
	alarm_set(rig, 1, 20);
	alarm_set(rig, 0, 30);
	assert_int_equal(reactor_next_deadline(rig->r), 20);
	alarm_set(rig, 1, 5);
	turn_at(rig, 5);
	assert_int_equal(rig->alarms[1].fired, 1);
	turn_at(rig, 29);
	assert_int_equal(rig->alarms[0].fired, 0);
	turn_at(rig, 30);
	assert_int_equal(rig->alarms[0].fired, 1);
}

static void cancelling(void **state)
{
	struct rig *rig = *state;
	alarm_cancel(rig, 0);
	alarm_set(rig, 0, 10);
	alarm_cancel(rig, 0);
	alarm_cancel(rig, 0);
	turn_at(rig, 1000);
	assert_int_equal(rig->fired, 0);
}

static void random_against_model(void **state)
{
	struct rig *rig = *state;
	uint64_t now = 1;
	srand(20240521);
	for (int step = 0; step < 50000; step++) {
		unsigned i = (unsigned)rand() % TIMERS;
		int what = rand() % 100;
		if (what < 60)
			alarm_set(rig, i, now + 1 + (unsigned)rand() % 1000);
		else if (what < 85)
			alarm_cancel(rig, i);
		else
			turn_at(rig, now += (unsigned)rand() % 60);
		assert_int_equal(reactor_next_deadline(rig->r), earliest(rig));
	}
	assert_true(rig->fired > 1000);
}

static void set_again_for_now(struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);
	a->fired++;
	timer_set(a->rig->r, t, a->rig->engine.now);
}

static void always_due_does_not_hold_the_turn(void **state)
{
	struct rig *rig = *state;
	timer_init(&rig->alarms[0].timer, set_again_for_now);
	timer_set(rig->r, &rig->alarms[0].timer, 0);
	assert_int_equal(reactor_turn(rig->r, REACTOR_NEVER), 1);
	assert_int_equal(reactor_turn(rig->r, REACTOR_NEVER), 1);
	assert_int_equal(rig->alarms[0].fired, 2);
	timer_cancel(rig->r, &rig->alarms[0].timer);
}

static void cancel_the_next(struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);
	a->fired++;
	alarm_cancel(a->rig, 1);
}

static void one_timer_cancels_another(void **state)
{
	struct rig *rig = *state;
	timer_init(&rig->alarms[0].timer, cancel_the_next);
	alarm_set(rig, 1, 11);
	timer_set(rig->r, &rig->alarms[0].timer, 10);
	rig->engine.now = 20;
	assert_int_equal(reactor_turn(rig->r, REACTOR_NEVER), 1);
	assert_int_equal(rig->alarms[1].fired, 0);
}

static void wait_until_the_earliest(void **state)
{
	struct rig *rig = *state;
	turn_at(rig, 1);
	assert_int_equal(rig->engine.asked, REACTOR_NEVER);
	alarm_set(rig, 0, 500);
	turn_at(rig, 2);
	assert_int_equal(rig->engine.asked, 500);
	assert_int_equal(reactor_turn(rig->r, 100), 0);
	assert_int_equal(rig->engine.asked, 100);
}

static void task_run(struct deferred *d)
{
	struct task *t = container_of(d, struct task, deferred);
	t->ran++;
	if (t->then)
		reactor_defer(t->rig->r, &t->then->deferred);
	if (t->drop)
		deferred_cancel(&t->drop->deferred);
}

static struct task *task_new(struct rig *rig)
{
	struct task *t = calloc(1, sizeof(*t));
	assert_non_null(t);
	t->rig = rig;
	deferred_init(&t->deferred, task_run);
	return t;
}

static void deferred_runs_once(void **state)
{
	struct rig *rig = *state;
	CLEANUP(free) struct task *t = task_new(rig);
	reactor_defer(rig->r, &t->deferred);
	reactor_defer(rig->r, &t->deferred);
	assert_int_equal(reactor_next_deadline(rig->r), 0);
	assert_int_equal(t->ran, 0);
	assert_int_equal(reactor_turn(rig->r, REACTOR_NEVER), 1);
	assert_int_equal(rig->engine.asked, 0);
	assert_int_equal(reactor_turn(rig->r, REACTOR_NEVER), 0);
	assert_int_equal(t->ran, 1);
	reactor_defer(rig->r, &t->deferred);
	deferred_cancel(&t->deferred);
	assert_int_equal(reactor_turn(rig->r, REACTOR_NEVER), 0);
	assert_int_equal(t->ran, 1);
}

static void deferred_by_deferred_waits_a_turn(void **state)
{
	struct rig *rig = *state;
	CLEANUP(free) struct task *first = task_new(rig);
	CLEANUP(free) struct task *second = task_new(rig);
	first->then = second;
	second->then = first;
	reactor_defer(rig->r, &first->deferred);
	assert_int_equal(reactor_turn(rig->r, REACTOR_NEVER), 1);
	assert_int_equal(second->ran, 0);
	assert_int_equal(reactor_turn(rig->r, REACTOR_NEVER), 1);
	assert_int_equal(second->ran, 1);
	reactor_forget(rig->r);
}

static void deferred_cancels_a_later_one(void **state)
{
	struct rig *rig = *state;
	CLEANUP(free) struct task *first = task_new(rig);
	CLEANUP(free) struct task *second = task_new(rig);
	first->drop = second;
	reactor_defer(rig->r, &first->deferred);
	reactor_defer(rig->r, &second->deferred);
	assert_int_equal(reactor_turn(rig->r, REACTOR_NEVER), 1);
	assert_int_equal(second->ran, 0);
}

static void stop_timer(struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);
	a->fired++;
	reactor_stop(a->rig->r);
}

static void run_until_stopped(void **state)
{
	struct rig *rig = *state;
	timer_init(&rig->alarms[0].timer, stop_timer);
	for (int i = 1; i <= 2; i++) { /* a reactor that has stopped can run again */
		timer_set(rig->r, &rig->alarms[0].timer, 0);
		assert_int_equal(reactor_run(rig->r), 0);
		assert_int_equal(rig->alarms[0].fired, i);
	}
	reactor_stop(rig->r);
	assert_int_equal(reactor_run(rig->r), 0);
}

static void run_ends_when_the_engine_breaks(void **state)
{
	struct rig *rig = *state;
	rig->engine.fail_at = 3;
	assert_int_equal(reactor_run(rig->r), -EIO);
	assert_int_equal(rig->engine.waits, 3);
}

static void forgetting(void **state)
{
	struct rig *rig = *state;
	CLEANUP(free) struct task *t = task_new(rig);
	for (unsigned i = 0; i < TIMERS; i++)
		timer_set(rig->r, &rig->alarms[i].timer, 1 + i);
	reactor_defer(rig->r, &t->deferred);
	reactor_forget(rig->r);
	assert_int_equal(reactor_next_deadline(rig->r), REACTOR_NEVER);
	for (unsigned i = 0; i < TIMERS; i++)
		assert_false(timer_is_set(&rig->alarms[i].timer));
	turn_at(rig, 1000);
	assert_int_equal(t->ran, 0);
	alarm_set(rig, 7, 2000);
	turn_at(rig, 2000);
	assert_int_equal(rig->alarms[7].fired, 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(fire_in_order),
		CASE(setting_again_moves),
		CASE(cancelling),
		CASE(random_against_model),
		CASE(always_due_does_not_hold_the_turn),
		CASE(one_timer_cancels_another),
		CASE(wait_until_the_earliest),
		CASE(deferred_runs_once),
		CASE(deferred_by_deferred_waits_a_turn),
		CASE(deferred_cancels_a_later_one),
		CASE(run_until_stopped),
		CASE(run_ends_when_the_engine_breaks),
		CASE(forgetting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

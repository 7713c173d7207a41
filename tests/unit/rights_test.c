/* SPDX-License-Identifier: BSD-2-Clause */
/* Slots of devices: what is kept of one is known while its orders are carried out, and those wait for each other. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "attach/rights_priv.h"

#define SLOT 3

struct rig {
	struct rights_holder holder;
	struct rights_slot *slot;
	atomic_int changes;
	int file;
};

static bool there(const struct rights_slot *s)
{
	(void)s;
	return true;
}

static int done(struct rights_slot *s, const struct rights_order *o, struct rights_answer *answer)
{
	(void)s, (void)o, (void)answer;
	return 0;
}

static const struct rights_device device = {
	.kind = "loop", .is_there = there, .change = done, .stop = done};

/* A device with a connection, in a slot whose next order is under way. */
static int setup(void **state)
{
	struct rig *t = calloc(1, sizeof(*t));
	*state = t;
	t->file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(rights_holder_init(&t->holder, "/nowhere"), 0);
	assert_int_equal(rights_claim(&t->holder, SLOT, false, &t->slot), 0);
	t->slot->device = &device;
	t->slot->number = 7;
	t->slot->fuse = dup(t->file);
	t->slot->mount = dup(t->file);
	strcpy(t->slot->path, "/dev/loop7");
	rights_release(&t->holder, t->slot);
	assert_int_equal(rights_claim(&t->holder, SLOT, false, &t->slot), 0);
	return 0;
}

static int teardown(void **state)
{
	struct rig *t = *state;
	rights_holder_free(&t->holder);
	close(t->file);
	free(t);
	return 0;
}

static int order(struct rig *t, enum rights_kind kind, struct rights_answer *answer, int *file)
{
	const struct rights_order o = {.kind = kind, .slot = SLOT};
	rights_carry_out(&t->holder, &o, NULL, 0, answer, file);
	return answer->err;
}

static void what_is_kept_is_known_while_an_order_is_carried_out(void **state)
{
	struct rig *t = *state;
	struct rights_kept kept;
	int files[RIGHTS_KEPT_FILES];
	assert_true(rights_keep(&t->holder, SLOT, &kept, files));
	assert_string_equal(kept.path, "/dev/loop7");
	assert_int_equal(kept.number, 7);
	assert_int_equal(files[RIGHTS_KEPT_FUSE], t->slot->fuse);
	assert_int_equal(files[RIGHTS_KEPT_MOUNT], t->slot->mount);
	rights_release(&t->holder, t->slot);
	assert_false(rights_keep(&t->holder, SLOT + 1, &kept, files));
	assert_false(rights_keep(&t->holder, RIGHTS_SLOTS, &kept, files));
}

/* The order may wait for the disk to be served, which is what the connection is for. */
static void a_connection_is_handed_on_while_an_order_is_carried_out(void **state)
{
	struct rig *t = *state;
	struct rights_answer answer;
	int file;
	assert_int_equal(order(t, RIGHTS_FUSE_KEPT, &answer, &file), 0);
	assert_string_equal(answer.path, "/dev/loop7");
	assert_int_equal(answer.number, 7);
	assert_true(file >= 0 && file != t->slot->fuse);
	close(file);
	rights_release(&t->holder, t->slot);
}

static void *change(void *arg)
{
	struct rig *t = arg;
	struct rights_answer answer;
	int file;
	if (order(t, RIGHTS_CHANGE, &answer, &file) == 0)
		atomic_fetch_add(&t->changes, 1);
	return NULL;
}

static void an_order_waits_for_the_one_before(void **state)
{
	const struct timespec little = {.tv_nsec = 50000000};
	struct rig *t = *state;
	pthread_t threads[2];
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, change, t), 0);
	nanosleep(&little, NULL);
	assert_int_equal(atomic_load(&t->changes), 0);
	rights_release(&t->holder, t->slot);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&t->changes), 2);
}

static void nothing_is_kept_of_what_was_stopped(void **state)
{
	struct rig *t = *state;
	struct rights_kept kept;
	struct rights_answer answer;
	int files[RIGHTS_KEPT_FILES], file;
	rights_release(&t->holder, t->slot);
	assert_int_equal(order(t, RIGHTS_STOP, &answer, &file), 0);
	assert_false(rights_keep(&t->holder, SLOT, &kept, files));
	assert_int_equal(order(t, RIGHTS_FUSE_KEPT, &answer, &file), -ENOENT);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_kept_is_known_while_an_order_is_carried_out),
		CASE(a_connection_is_handed_on_while_an_order_is_carried_out),
		CASE(an_order_waits_for_the_one_before),
		CASE(nothing_is_kept_of_what_was_stopped),
	};
	return cmocka_run_group_tests_name("rights", tests, NULL, NULL);
}

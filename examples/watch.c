/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch URL [SECONDS]: prints the size of a LU, and again when that changes, and what becomes of the session. A
 * target tells of a change with the next command, so one is sent every half second.
 */
#include <lunar/scsi.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct watch {
	bool changed;
};

static void on_state(struct lunar_session *s, enum lunar_state state, void *user)
{
	printf("session: %s\n", lunar_state_word(state));
	fflush(stdout);
}

/* No function that waits may be called from here. */
static void on_event(struct lunar_session *s, const struct lunar_event *ev, void *user)
{
	struct watch *w = user;
	if (ev->asc_ascq == LUNAR_ASC_CAPACITY_CHANGED)
		w->changed = true;
}

static int print_size(struct lunar_session *s, uint64_t lun)
{
	struct lunar_capacity cap;
	int err = lunar_capacity(s, lun, &cap);
	if (!err)
		printf("size: %llu bytes\n", (unsigned long long)cap.blocks * cap.block_size);
	fflush(stdout);
	return err;
}

static int watch(struct lunar_session *s, uint64_t lun, struct watch *w, time_t until)
{
	int err = print_size(s, lun);
	while (!err && time(NULL) < until) {
		err = lunar_wait(lunar_session_context(s), 500);
		if (!err)
			err = lunar_test_unit_ready(s, lun);
		if (!err && w->changed) {
			w->changed = false;
			err = print_size(s, lun);
		}
	}
	return err;
}

int main(int argc, char **argv)
{
	static const struct lunar_callbacks callbacks = {on_state, on_event};
	struct watch w = {false};
	struct lunar *l;
	struct lunar_session *s;
	uint64_t lun;

	if (argc < 2 || lunar_new(&l) || lunar_session_new(l, &s))
		return 2;
	lunar_session_callbacks(s, &callbacks, &w);
	int err = lunar_set_url(s, argv[1], &lun);
	if (!err)
		err = lunar_login(s);
	if (!err)
		err = watch(s, lun, &w, time(NULL) + (argc > 2 ? atoi(argv[2]) : 60));
	if (err)
		fprintf(stderr, "watch: %s\n", lunar_error(s));
	lunar_logout(s);
	lunar_free(l);
	return err ? 1 : 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nexuses on another reactor than their LU. The two reactors share a thread here, and letters between them
 * are delivered when the test says so: what it calls itself is done before they are.
 */
#include "scsi_tmf_rig.h"

struct away {
	struct hold *h;
	struct scsi_nexus *c;
	struct reactor *away;
};

static int away_setup(void **state)
{
	struct away *w = calloc(1, sizeof(*w));
	void *h;

	tmf_setup(&h);
	w->h = h;
	w->c = hold_nexus(h, "c");
	w->h->holding = false;
	w->away = sim_node_thread(w->h->sim, w->h->reactor);
	scsi_nexus_set_away(w->c, w->h->reactor, w->away);
	hold_ready(w->h, w->c);
	*state = w;
	return 0;
}

static int away_teardown(void **state)
{
	struct away *w = *state;
	void *h = w->h;

	hold_turn(w->h);
	scsi_nexus_leave(w->c);
	scsi_nexus_free(w->c);
	hold_turn(w->h);
	free(w);
	return hold_teardown(&h);
}

/* The LU lets it pass from now on. */
static void get_pass(struct away *w)
{
	size_t tried;

	cmd_expect(cmd_run(w->h, w->c, CDB(READ10(0, 1)), NULL, 0), 0);
	tried = w->h->tried;
	cmd_expect(cmd_run(w->h, w->c, CDB(READ10(0, 1)), NULL, 0), 0);
	assert_int_equal(w->h->tried, tried + 1);
}

static void plain_commands_pass(void **state)
{
	struct away *w = *state;

	get_pass(w);
	cmd_expect(cmd_run(w->h, w->c, CDB(WRITE10(3, 1)), ones, 512), 0);
	assert_memory_equal(w->h->mem + 3 * 512, ones, 512);
	assert_int_equal(w->h->tried, 2);
}

#define AWAY_TEST(f) cmocka_unit_test_setup_teardown(f, away_setup, away_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		AWAY_TEST(plain_commands_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

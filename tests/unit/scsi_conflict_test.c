/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What persistent reservations do to commands: who is kept out of what, who is aborted, who may pass. The commands
 * by name are those of SPC-4 table 33 and SBC-3 table 13.
 */
#include <fcntl.h>
#include "reactor/file.h"
#include "scsi_tmf_rig.h"

#define CONFLICTS SCSI_RESERVATION_CONFLICT

enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_ABORT };
enum { WE = 1, EA = 3, WE_RO = 5, EA_RO = 6, WE_AR = 7, EA_AR = 8 };

static struct cmd *pr_go(struct hold *h, struct scsi_nexus *n, uint8_t action, uint8_t type,
			 uint64_t key, uint64_t new_key)
{
	static uint8_t list[24];

	put_be64(list, key);
	put_be64(list + 8, new_key);
	return cmd_go(h, n, CDB(0x5f, action, type, 0, 0, 0, 0, 0, 24, 0), list, sizeof(list));
}

static void pr(struct hold *h, struct scsi_nexus *n, uint8_t action, uint8_t type, uint64_t key,
	       uint64_t new_key)
{
	struct cmd *c = pr_go(h, n, action, type, key, new_key);

	hold_turn(h);
	cmd_expect(c, 0);
}

/* --- who is kept out */

/* Everything else is kept out by both. */
static const struct {
	const char *name;
	bool shared, exclusive; /* goes through: Write Exclusive, Exclusive Access */
} passable[] = {
	{"TEST UNIT READY", true, true},
	{"REQUEST SENSE", true, true},
	{"INQUIRY", true, true},
	{"REPORT LUNS", true, true},
	{"LOG SENSE", true, true},
	{"READ CAPACITY(10)", true, true},
	{"READ CAPACITY(16)", true, true},
	{"PERSISTENT RESERVE IN: READ KEYS", true, true},
	{"PERSISTENT RESERVE IN: READ RESERVATION", true, true},
	{"PERSISTENT RESERVE IN: REPORT CAPABILITIES", true, true},
	{"PERSISTENT RESERVE IN: READ FULL STATUS", true, true},
	/* These judge by key and by holder. */
	{"PERSISTENT RESERVE OUT: REGISTER", true, true},
	{"PERSISTENT RESERVE OUT: RESERVE", true, true},
	{"PERSISTENT RESERVE OUT: RELEASE", true, true},
	{"PERSISTENT RESERVE OUT: CLEAR", true, true},
	{"PERSISTENT RESERVE OUT: PREEMPT", true, true},
	{"PERSISTENT RESERVE OUT: PREEMPT AND ABORT", true, true},
	{"PERSISTENT RESERVE OUT: REGISTER AND IGNORE EXISTING KEY", true, true},
	{"PERSISTENT RESERVE OUT: REGISTER AND MOVE", true, true},
	{"RESERVE(6)", true, true},
	{"RESERVE(10)", true, true},
	{"RELEASE(6)", true, true},
	{"RELEASE(10)", true, true},
	{"READ(6)", true, false},
	{"READ(10)", true, false},
	{"READ(12)", true, false},
	{"READ(16)", true, false},
	{"VERIFY(10)", true, false},
	{"VERIFY(12)", true, false},
	{"VERIFY(16)", true, false},
	{"PRE-FETCH(10)", true, false},
	{"PRE-FETCH(16)", true, false},
	{"GET LBA STATUS(16)", true, false},
	{"MODE SENSE(6)", true, false},
	{"MODE SENSE(10)", true, false},
	{"RECEIVE COPY STATUS(LID1)", true, false},
	{"RECEIVE COPY OPERATING PARAMETERS", true, false},
	{"RECEIVE COPY FAILURE DETAILS(LID1)", true, false},
	{"REPORT SUPPORTED OPERATION CODES", true, false},
	{"REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", true, false},
	/* With byte 4 zero: STOP, and ALLOW. */
	{"PREVENT ALLOW MEDIUM REMOVAL", true, true},
};

static bool goes_through(const struct scsi_command *c, uint8_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(passable); i++)
		if (!strcmp(passable[i].name, c->name))
			return type == WE || type == WE_RO || type == WE_AR ? passable[i].shared
									    : passable[i].exclusive;
	return false;
}

static bool conflicts(struct hold *h, struct scsi_nexus *n, const struct scsi_command *c,
		      uint8_t byte4)
{
	struct scsi_io io = {.lu = h->lu, .nexus = n, .cmd = c, .cdb = {c->opcode}};

	io.cdb[4] = byte4;
	return scsi_conflict(&io);
}

static void sweep(struct hold *h, struct scsi_nexus *stranger, uint8_t type)
{
	for (const struct scsi_command *c = scsi_command_next(NULL); c; c = scsi_command_next(c)) {
		bool through = goes_through(c, type);

		assert_false(conflicts(h, h->a, c, 0));
		assert_int_equal(conflicts(h, h->b, c, 0), type < WE_RO && !through);
		if (conflicts(h, stranger, c, 0) == through)
			fail_msg("%s, type %u", c->name, type);
	}
}

static void every_command(void **state)
{
	static const uint8_t types[] = {WE, EA, WE_RO, EA_RO, WE_AR, EA_AR};
	struct hold *h = *state;
	struct scsi_nexus *stranger = hold_nexus(h, "c");
	bool has_actions;

	for (size_t i = 0; i < ARRAY_SIZE(passable); i++) {
		const struct scsi_command *c = scsi_command_next(NULL);

		while (c && strcmp(c->name, passable[i].name) != 0)
			c = scsi_command_next(c);
		assert_non_null(c);
	}
	hold_ready(h, stranger);
	pr(h, h->a, REGISTER, 0, 0, 1);
	pr(h, h->b, REGISTER, 0, 0, 2);
	for (size_t i = 0; i < sizeof(types); i++) {
		pr(h, h->a, RESERVE, types[i], 1, 0);
		sweep(h, stranger, types[i]);
		/* To start is allowed, to prevent removal is not. */
		assert_false(conflicts(h, stranger, scsi_command_find(0x1b, 0, &has_actions), 1));
		assert_true(conflicts(h, stranger, scsi_command_find(0x1b, 0, &has_actions), 0x11));
		assert_true(conflicts(h, stranger, scsi_command_find(0x1e, 0, &has_actions), 1));
		pr(h, h->a, RELEASE, types[i], 1, 0);
		cmd_free(cmd_run(h, h->b, CDB(TUR), NULL, 0));
	}
	scsi_nexus_free(stranger);
}

/* The unit attention comes first, then the reservation, then all else (SAM-5 5.3.3). */
static void one_after_the_other(void **state)
{
	struct hold *h = *state;

	h->holding = false;
	pr(h, h->a, REGISTER, 0, 0, 1);
	pr(h, h->a, RESERVE, WE, 1, 0);
	scsi_ua_add_lu(h->lu, NULL, SCSI_ASC_CAPACITY_CHANGED);
	cmd_expect(cmd_run(h, h->b, CDB(WRITE10(0, 1)), ones, 512), 0x062a09);
	assert_int_equal(cmd_status(cmd_run(h, h->b, CDB(WRITE10(HOLD_BLOCKS, 1)), ones, 512)),
			 CONFLICTS);
	cmd_expect(cmd_run(h, h->b, CDB(READ10(0, 1)), NULL, 0), 0);
}

static void changed(void *ctx, int err)
{
	assert_int_equal(err, 0);
}

static void gone_with_the_option(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o;

	h->holding = false;
	pr(h, h->a, REGISTER, 0, 0, 1);
	pr(h, h->a, RESERVE, EA, 1, 0);
	scsi_lu_get_options(h->lu, &o);
	o.features &= ~(uint32_t)SCSI_HAS_RESERVE;
	assert_int_equal(scsi_lu_set_options(h->lu, &o, changed, NULL), 0);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0x063f00);
	cmd_expect(cmd_run(h, h->b, CDB(READ10(0, 1)), NULL, 0), 0);
	cmd_free(cmd_run(h, h->a, CDB(TUR), NULL, 0));
	cmd_expect(pr_go(h, h->a, REGISTER, 0, 0, 1), 0x052000);
	cmd_expect(cmd_run(h, h->a, CDB(0x5e, 0, 0, 0, 0, 0, 0, 0, 8), NULL, 0), 0x052000);
	o.features |= SCSI_HAS_RESERVE;
	assert_int_equal(scsi_lu_set_options(h->lu, &o, changed, NULL), 0);
	cmd_free(cmd_run(h, h->a, CDB(TUR), NULL, 0));
	/* Nothing came back with it. */
	pr(h, h->a, REGISTER, 0, 0, 1);
	pr(h, h->a, RESERVE, EA, 1, 0);
}

/* --- PREEMPT AND ABORT */

static void preempted_and_aborted(void **state)
{
	struct hold *h = *state;
	struct cmd *stored, *moving, *own, *after;

	pr(h, h->a, REGISTER, 0, 0, 1);
	pr(h, h->b, REGISTER, 0, 0, 2);
	pr(h, h->b, RESERVE, WE_RO, 2, 0);
	stored = at_store(h, h->b, CDB(WRITE10(0, 8)), 1);
	moving = in_transfer(h, h->b, 2);
	own = at_store(h, h->a, CDB(WRITE10(100, 8)), 3);
	pr(h, h->a, PREEMPT_ABORT, WE, 1, 2);
	expect_aborted(moving);
	assert_false(stored->done);
	assert_true(stored->io.aborted);
	assert_false(own->io.aborted);
	/* What it has written may still land: nobody reads before it has. */
	after = cmd_go(h, h->a, CDB(READ10(0, 1)), NULL, 0);
	assert_int_equal(hold_pending(h), 2);
	hold_answer(h, 0);
	expect_aborted(stored);
	assert_int_equal(hold_pending(h), 2);
	hold_answer(h, 0);
	hold_answer(h, 0);
	cmd_expect(own, 0);
	assert_memory_equal(after->data, ones, 512);
	cmd_expect(after, 0);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0x062a05);
	assert_int_equal(cmd_status(cmd_run(h, h->b, CDB(WRITE10(0, 1)), ones, 512)), CONFLICTS);
}

static void told_by_status(void **state)
{
	struct hold *h = *state;
	struct cmd *moving;

	h->lu->mode.current.control[5] |= 0x40; /* TAS */
	pr(h, h->a, REGISTER, 0, 0, 1);
	pr(h, h->b, REGISTER, 0, 0, 2);
	moving = in_transfer(h, h->b, 2);
	pr(h, h->a, PREEMPT_ABORT, 0, 1, 2);
	expect_task_aborted(moving);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0x062a05);
}

/* Its own tasks but the command itself. */
static void aborts_itself(void **state)
{
	struct hold *h = *state;
	struct cmd *moving;

	h->lu->mode.current.control[5] |= 0x40;
	pr(h, h->a, REGISTER, 0, 0, 1);
	moving = in_transfer(h, h->a, 2);
	pr(h, h->a, PREEMPT_ABORT, 0, 1, 1);
	expect_aborted(moving);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0);
}

/* PREEMPT leaves them alone. */
static void preempted_only(void **state)
{
	struct hold *h = *state;
	struct cmd *moving;

	pr(h, h->a, REGISTER, 0, 0, 1);
	pr(h, h->b, REGISTER, 0, 0, 2);
	moving = in_transfer(h, h->b, 2);
	pr(h, h->a, PREEMPT, 0, 1, 2);
	h->holding = false;
	cmd_bring(moving);
	cmd_expect(moving, 0);
}

/* The transport takes the nexus away that has preempted, while others are aborted. */
static void the_preemptor_goes_meanwhile(void **state)
{
	struct hold *h = *state;
	struct cmd *moving, *preempt;

	pr(h, h->a, REGISTER, 0, 0, 1);
	pr(h, h->b, REGISTER, 0, 0, 2);
	moving = in_transfer(h, h->b, 2);
	moving->lose = h->a;
	preempt = pr_go(h, h->a, PREEMPT_ABORT, 0, 1, 2);
	expect_aborted(moving);
	expect_aborted(preempt);
	h->a = hold_nexus(h, "a");
	hold_ready(h, h->a);
	/* It was in time. */
	pr(h, h->a, RESERVE, EA, 1, 0);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0x062a05);
	h->holding = false;
	assert_int_equal(cmd_status(cmd_run(h, h->b, CDB(READ10(0, 1)), NULL, 0)), CONFLICTS);
}

/* --- one after the other */

static void open_store(struct hold *h)
{
	static const uint8_t id[16];

	assert_int_equal(sim_disk_create(h->sim, "/record", 0, 0), 0);
	scsi_lu_set_store(
		h->lu,
		lu_store_new(h->reactor, file_open(h->reactor, "/record", O_RDWR, 0), NULL, id));
}

static void wait_for_store(struct hold *h)
{
	while (!lu_store_is_quiet(h->lu->store) || h->lu->pr.change)
		assert_true(sim_step(h->sim, REACTOR_NEVER));
}

static void expect_keys(struct hold *h, uint8_t count, uint32_t generation)
{
	struct cmd *c = cmd_run(h, h->a, CDB(0x5e, 0, 0, 0, 0, 0, 0, 1, 0), NULL, 0);

	assert_int_equal(get_be32(c->data), generation);
	assert_int_equal(get_be32(c->data + 4), 8 * count);
	cmd_expect(c, 0);
}

/* While one is brought to stable storage the others wait for their turn, and what is, is what was. */
static void changes_take_turns(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o;
	struct cmd *first, *second, *third;

	open_store(h);
	scsi_lu_get_options(h->lu, &o);
	o.force_aptpl = true;
	assert_int_equal(scsi_lu_set_options(h->lu, &o, changed, NULL), 0);
	first = pr_go(h, h->a, REGISTER, 0, 0, 1);
	second = pr_go(h, h->b, REGISTER, 0, 0, 2);
	third = pr_go(h, h->a, PREEMPT, 0, 1, 2);
	assert_false(first->done || second->done || third->done);
	expect_keys(h, 0, 0);
	wait_for_store(h);
	cmd_expect(first, 0);
	cmd_expect(second, 0);
	cmd_expect(third, 0);
	expect_keys(h, 1, 3);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0x062a05);
}

/* What is on its way to the store is done, whoever asked; what waits is not. */
static void a_change_and_its_nexus(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o;
	struct cmd *first, *second;

	open_store(h);
	scsi_lu_get_options(h->lu, &o);
	o.force_aptpl = true;
	assert_int_equal(scsi_lu_set_options(h->lu, &o, changed, NULL), 0);
	first = pr_go(h, h->b, REGISTER, 0, 0, 2);
	second = pr_go(h, h->b, RESERVE, EA, 2, 0);
	scsi_nexus_free(h->b);
	assert_false(first->done || second->done);
	wait_for_store(h);
	expect_aborted(first);
	expect_aborted(second);
	expect_keys(h, 1, 1);
	assert_int_equal(h->lu->pr.state->type, 0);
	h->b = hold_nexus(h, "b");
	hold_ready(h, h->b);
	/* Likewise by a reset, which is complete only when nothing is under way. */
	first = pr_go(h, h->b, REGISTER, 0, 2, 0);
	struct asked reset;
	ask(&reset, SCSI_LU_RESET, h->a, 0);
	assert_false(reset.done || first->done);
	wait_for_store(h);
	expect_result(&reset, SCSI_TMF_COMPLETE);
	expect_aborted(first);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0x062903);
	expect_keys(h, 0, 2);
}

/* --- who may pass */

static void read_past(struct hold *h, struct scsi_nexus *n, bool passes)
{
	size_t tried = h->tried;

	cmd_expect(cmd_run(h, n, CDB(READ10(0, 1)), NULL, 0), 0);
	assert_int_equal(h->tried, tried + passes);
}

static void write_past(struct hold *h, struct scsi_nexus *n, uint8_t status, bool passes)
{
	size_t tried = h->tried;

	assert_int_equal(cmd_status(cmd_run(h, n, CDB(WRITE10(0, 1)), ones, 512)), status);
	assert_int_equal(h->tried, tried + passes);
}

static void passes_are_for_those_who_may(void **state)
{
	struct hold *h = *state;
	struct scsi_nexus *c = hold_nexus(h, "c");
	struct reactor *away = sim_node_thread(h->sim, h->reactor);

	h->holding = false;
	scsi_nexus_set_away(c, h->reactor, away);
	hold_ready(h, c);
	read_past(h, c, false);
	read_past(h, c, true);
	write_past(h, c, SCSI_GOOD, true);
	pr(h, h->a, REGISTER, 0, 0, 1);
	pr(h, h->a, RESERVE, WE, 1, 0);
	/* It reads on its own thread, and writes nowhere. */
	read_past(h, c, false);
	read_past(h, c, true);
	write_past(h, c, CONFLICTS, false);
	read_past(h, c, true);
	pr(h, h->a, RELEASE, WE, 1, 0);
	pr(h, h->a, RESERVE, EA, 1, 0);
	assert_int_equal(cmd_status(cmd_run(h, c, CDB(READ10(0, 1)), NULL, 0)), CONFLICTS);
	assert_int_equal(cmd_status(cmd_run(h, c, CDB(READ10(0, 1)), NULL, 0)), CONFLICTS);
	pr(h, h->a, RELEASE, EA, 1, 0);
	pr(h, c, REGISTER, 0, 0, 3);
	pr(h, h->a, RESERVE, WE_RO, 1, 0);
	read_past(h, c, false);
	read_past(h, c, true);
	write_past(h, c, SCSI_GOOD, true);
	/* Its registration goes, and its pass with it. */
	pr(h, h->a, PREEMPT, WE_RO, 1, 3);
	cmd_expect(cmd_run(h, c, CDB(WRITE10(0, 1)), ones, 512), 0x062a05);
	write_past(h, c, CONFLICTS, false);
	hold_turn(h);
	scsi_nexus_leave(c);
	scsi_nexus_free(c);
	hold_turn(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TMF_TEST(every_command),
		TMF_TEST(one_after_the_other),
		TMF_TEST(gone_with_the_option),
		TMF_TEST(preempted_and_aborted),
		TMF_TEST(told_by_status),
		TMF_TEST(aborts_itself),
		TMF_TEST(preempted_only),
		TMF_TEST(the_preemptor_goes_meanwhile),
		TMF_TEST(changes_take_turns),
		TMF_TEST(a_change_and_its_nexus),
		TMF_TEST(passes_are_for_those_who_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

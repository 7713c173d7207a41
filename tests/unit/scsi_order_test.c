/* SPDX-License-Identifier: BSD-2-Clause */
/* What one nexus's commands mean to another's: unit attentions, reservations, the order of tasks. */
#include "scsi_hold.h"

/* --- unit attentions */

static void ua_is_told_once(void **state)
{
	struct hold *h = *state;

	scsi_ua_add_lu(h->lu, itl(h->a), SCSI_ASC_MODE_PARAMETERS_CHANGED);
	scsi_ua_add_lu(h->lu, itl(h->a), SCSI_ASC_MODE_PARAMETERS_CHANGED);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0);
	/* These neither report nor clear it. */
	cmd_expect(cmd_run(h, h->b, CDB(0x12, 0, 0, 0, 96, 0), NULL, 0), 0);
	cmd_expect(cmd_run(h, h->b, CDB(0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0), NULL, 0), 0);
	cmd_expect(cmd_run(h, h->b, CDB(WRITE10(0, 1)), NULL, 0), 0x062a01);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0);
	assert_int_equal(h->log_count, 0);
}

static void ua_by_request_sense(void **state)
{
	struct hold *h = *state;
	struct cmd *c;

	scsi_ua_add(itl(h->a), SCSI_ASC_CAPACITY_CHANGED);
	c = cmd_run(h, h->a, CDB(0x03, 0, 0, 0, 252, 0), NULL, 0);
	assert_int_equal(c->data[2], 6);
	assert_int_equal(get_be16(c->data + 12), 0x2a09);
	cmd_expect(c, 0);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0);
}

static void expect_queue(struct scsi_itl *i, const uint16_t *want, size_t n)
{
	struct scsi_io io = {.itl = i, .nexus = i->nexus};

	for (size_t k = 0; k < n; k++)
		assert_int_equal(scsi_ua_take(&io), want[k]);
	assert_int_equal(scsi_ua_take(&io), 0);
}

static void ua_precedence(void **state)
{
	struct hold *h = *state;
	struct scsi_itl *i = itl(h->a);

	scsi_ua_add(i, SCSI_ASC_CAPACITY_CHANGED);
	scsi_ua_add(i, SCSI_ASC_COMMANDS_CLEARED);
	scsi_ua_add(i, SCSI_ASC_NEXUS_LOSS);
	scsi_ua_add(i, SCSI_ASC_LU_RESET);
	expect_queue(i, (const uint16_t[]){0x2903, 0x2907, 0x2a09, 0x2f00}, 4);
	/* POWER ON covers what came before and what comes after, but not the inventory. */
	h->a->luns_changed = true;
	scsi_ua_add(i, SCSI_ASC_CAPACITY_CHANGED);
	scsi_ua_add(i, SCSI_ASC_LU_RESET);
	scsi_ua_add(i, SCSI_ASC_RESET);
	scsi_ua_add(i, SCSI_ASC_COMMANDS_CLEARED);
	scsi_ua_add(i, SCSI_ASC_RESET);
	expect_queue(i, (const uint16_t[]){0x2900, 0x3f0e}, 2);
}

static void ua_overflow(void **state)
{
	struct hold *h = *state;
	struct scsi_itl *i = itl(h->a);

	for (uint16_t n = 0; n < SCSI_UA_MAX; n++)
		scsi_ua_add(i, 0x2a10 + n);
	assert_int_equal(i->ua_count, SCSI_UA_MAX);
	scsi_ua_add(i, 0x2a40);
	expect_queue(i, (const uint16_t[]){0x2900}, 1);
}

/* Told by one LU, known of all. */
static void ua_of_the_inventory(void **state)
{
	struct hold *h = *state;

	scsi_device_map(h->dev, 1, h->lu);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0x063f0e);
	cmd_expect(at_lun(h, 0, 1, CDB(TUR)), 0x062900);
	scsi_device_map(h->dev, 2, h->lu);
	cmd_expect(at_lun(h, 0, 1, CDB(TUR)), 0x063f0e);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0);
	scsi_device_unmap(h->dev, 2);
	cmd_expect(cmd_run(h, h->a, CDB(0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0), NULL, 0), 0);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0);
	cmd_expect(at_lun(h, 0, 1, CDB(TUR)), 0);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0x063f0e);
}

/* --- RESERVE, RELEASE */

static void reserve(void **state)
{
	static const uint8_t allowed[][16] = {
		{0x12, 0, 0, 0, 96},
		{0x03, 0, 0, 0, 18},
		{0xa0, 0, 0, 0, 0, 0, 0, 0, 1},
		{0x17},
		{0x57},
		{0x25},
		{0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32},
		{0x4d, 0, 0x40, 0, 0, 0, 0, 0, 64},
		{0x1e},
		{0x1b, 0, 0, 0, 1},
	};
	static const uint8_t conflicting[][16] = {
		{0x00},
		{0x28, 0, 0, 0, 0, 0, 0, 0, 1},
		{0x16},
		{0x2a, 0, 0, 0, 0, 0, 0, 0, 1},
		{0x56},
		{0x1a, 0, 0x3f, 0, 96},
		{0x15, 0x10},
		{0x1b, 0, 0, 0, 0},
		{0x1b, 0, 0, 0, 0x11},
		{0x1e, 0, 0, 0, 1},
		{0x35},
		{0x42},
		{0x2f},
		{0x41, 0, 0, 0, 0, 0, 0, 0, 1},
		{0x9e, 0x12},
	};
	struct hold *h = *state;

	for (int ten = 0; ten < 2; ten++) {
		cmd_expect(cmd_run(h, h->a, CDB(ten ? 0x56 : 0x16), NULL, 0), 0);
		cmd_expect(cmd_run(h, h->a, CDB(ten ? 0x16 : 0x56), NULL, 0), 0);
		cmd_expect(cmd_run(h, h->a, CDB(READ10(0, 1)), NULL, 0), 0);
		h->log_count = 0;
		for (size_t i = 0; i < ARRAY_SIZE(conflicting); i++)
			assert_int_equal(cmd_status(cmd_run(h, h->b, conflicting[i], 16, NULL, 0)),
					 SCSI_RESERVATION_CONFLICT);
		/* RELEASE of another's does nothing, and is no error. */
		for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
			cmd_expect(cmd_run(h, h->b, allowed[i], 16, NULL, 0), 0);
		assert_int_equal(cmd_status(cmd_run(h, h->b, CDB(TUR), NULL, 0)),
				 SCSI_RESERVATION_CONFLICT);
		assert_int_equal(h->log_count, 0);
		cmd_expect(cmd_run(h, h->a, CDB(ten ? 0x57 : 0x17), NULL, 0), 0);
		cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0);
	}
}

static void reserve_goes_with_its_nexus(void **state)
{
	struct hold *h = *state;

	cmd_expect(cmd_run(h, h->a, CDB(0x16), NULL, 0), 0);
	scsi_nexus_free(h->a);
	h->a = hold_nexus(h, "a");
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0);
}

static void reserve_goes_with_its_lun(void **state)
{
	struct hold *h = *state;

	cmd_expect(cmd_run(h, h->a, CDB(0x16), NULL, 0), 0);
	assert_int_equal(cmd_status(cmd_run(h, h->b, CDB(TUR), NULL, 0)),
			 SCSI_RESERVATION_CONFLICT);
	assert_int_equal(scsi_device_unmap(h->dev, 0), 0);
	assert_int_equal(scsi_device_map(h->dev, 0, h->lu), 0);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0x062900);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0x063f0e);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0);
}

static void ua_goes_before_reservation(void **state)
{
	struct hold *h = *state;

	cmd_expect(cmd_run(h, h->a, CDB(0x16), NULL, 0), 0);
	scsi_ua_add(itl(h->b), SCSI_ASC_CAPACITY_CHANGED);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0x062a09);
	assert_int_equal(cmd_status(cmd_run(h, h->b, CDB(TUR), NULL, 0)),
			 SCSI_RESERVATION_CONFLICT);
}

/* --- order */

static void expect_pending(struct hold *h, const char *lbas)
{
	struct list *it = h->pending.next;

	for (; *lbas; lbas++, it = it->next) {
		assert_ptr_not_equal(it, &h->pending);
		assert_int_equal(list_entry(it, struct bs_io, link)->offset / 512, *lbas - '0');
	}
	assert_ptr_equal(it, &h->pending);
}

static void order_of_attributes(void **state)
{
	struct hold *h = *state;
	struct cmd *c[8];

	h->holding = true;
	c[0] = with_attr(h, h->a, SCSI_SIMPLE, 0);
	c[1] = with_attr(h, h->b, SCSI_UNTAGGED, 1);
	c[2] = with_attr(h, h->a, SCSI_ORDERED, 2);
	c[3] = with_attr(h, h->b, SCSI_SIMPLE, 3);
	c[4] = with_attr(h, h->a, SCSI_ORDERED, 4);
	c[5] = with_attr(h, h->a, SCSI_SIMPLE, 5);
	c[6] = with_attr(h, h->b, SCSI_SIMPLE, 6);
	expect_pending(h, "01");
	hold_answer(h, 0);
	expect_pending(h, "1");
	c[7] = with_attr(h, h->b, SCSI_HEAD_OF_QUEUE, 7);
	expect_pending(h, "17");
	hold_answer(h, 0);
	expect_pending(h, "7");
	hold_answer(h, 0);
	expect_pending(h, "2");
	hold_answer(h, 0);
	expect_pending(h, "3");
	hold_answer(h, 0);
	expect_pending(h, "4");
	hold_answer(h, -EIO);
	expect_pending(h, "56");
	hold_answer(h, 0);
	hold_answer(h, 0);
	for (size_t i = 0; i < ARRAY_SIZE(c); i++)
		cmd_expect(c[i], i == 4 ? 0x031100 : 0);
}

static void order_head_of_queue_holds_up(void **state)
{
	struct hold *h = *state;
	struct cmd *c[4];

	h->holding = true;
	c[0] = with_attr(h, h->a, SCSI_HEAD_OF_QUEUE, 0);
	c[1] = with_attr(h, h->a, SCSI_SIMPLE, 1);
	c[2] = with_attr(h, h->b, SCSI_HEAD_OF_QUEUE, 2);
	c[3] = with_attr(h, h->a, SCSI_ORDERED, 3);
	expect_pending(h, "02");
	hold_answer(h, 0);
	expect_pending(h, "2");
	hold_answer(h, 0);
	expect_pending(h, "1");
	hold_answer(h, 0);
	expect_pending(h, "3");
	hold_answer(h, 0);
	for (size_t i = 0; i < ARRAY_SIZE(c); i++)
		cmd_expect(c[i], 0);
}

/* Tasks that end as soon as they start let each other go, without going deeper and deeper. */
static void order_of_many(void **state)
{
	enum { N = 1000 };
	struct hold *h = *state;
	struct cmd *c[N];

	h->holding = true;
	for (uint32_t i = 0; i < N; i++)
		c[i] = with_attr(h, h->a, SCSI_ORDERED, i);
	assert_int_equal(hold_pending(h), 1);
	h->holding = false;
	hold_answer(h, 0);
	for (uint32_t i = 0; i < N; i++) {
		assert_int_equal(c[i]->order, 4 + i + 1);
		cmd_expect(c[i], 0);
	}
}

/* A task that waited is judged by what is when its turn comes. */
static void order_then_state(void **state)
{
	struct hold *h = *state;
	struct cmd *stop, *read, *ua;

	h->holding = true;
	stop = cmd_new(h, h->a, CDB(0x1b, 0, 0, 0, 0, 0));
	stop->io.attr = SCSI_ORDERED;
	cmd_start(stop);
	ua = with_attr(h, h->b, SCSI_SIMPLE, 1);
	read = with_attr(h, h->a, SCSI_SIMPLE, 1);
	scsi_ua_add(itl(h->b), SCSI_ASC_CAPACITY_CHANGED);
	hold_answer(h, 0);
	cmd_expect(stop, 0);
	cmd_expect(read, 0x020402);
	cmd_expect(ua, 0x062a09);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOLD_TEST(ua_is_told_once),
		HOLD_TEST(ua_by_request_sense),
		HOLD_TEST(ua_precedence),
		HOLD_TEST(ua_overflow),
		HOLD_TEST(ua_of_the_inventory),
		HOLD_TEST(reserve),
		HOLD_TEST(reserve_goes_with_its_nexus),
		HOLD_TEST(reserve_goes_with_its_lun),
		HOLD_TEST(ua_goes_before_reservation),
		HOLD_TEST(order_of_attributes),
		HOLD_TEST(order_head_of_queue_holds_up),
		HOLD_TEST(order_of_many),
		HOLD_TEST(order_then_state),
	};
	return cmocka_run_group_tests_name("scsi_order", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What "durable" promises each nexus: losses, failed flushes, a cache that is turned off. */
#include "scsi_hold.h"

#define SYNC_CACHE       0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define SYNC_CACHE_IMMED 0x35, 2, 0, 0, 0, 0, 0, 0, 0, 0
#define READ_FUA         0x28, 8, 0, 0, 0, 0, 0, 0, 1, 0
#define WRITE_FUA        0x2a, 8, 0, 0, 0, 0, 0, 0, 1, 0
#define STOP             0x1b, 0, 0, 0, 0, 0
#define WRITE_ERROR      0x030c00

/* A command without data, or with a block of it. */
static void expect(struct hold *h, struct scsi_nexus *n, const uint8_t *cdb, size_t len,
		   uint32_t sense)
{
	static const uint8_t block[BLOCK] = {7};

	cmd_expect(cmd_run(h, n, cdb, len, block, BLOCK), sense);
}

/* --- a device that came back without what was written to it */

static void a_loss_is_told_to_each_nexus(void **state)
{
	struct hold *h = *state;

	h->bs.lost_generation++;
	/* None of these takes it from the others, nor from their own nexus. */
	expect(h, h->a, CDB(SYNC_CACHE_IMMED), 0);
	expect(h, h->a, CDB(READ_FUA), 0);
	expect(h, h->a, CDB(WRITE10(0, 1)), 0);
	expect(h, h->a, CDB(0x2f, 0, 0, 0, 0, 0, 0, 0, 1, 0), 0);
	h->log_count = 0;
	expect(h, h->b, CDB(WRITE_FUA), WRITE_ERROR);
	assert_int_equal(h->log_count, 0);
	expect(h, h->b, CDB(WRITE_FUA), 0);
	expect(h, h->a, CDB(SYNC_CACHE), WRITE_ERROR);
	expect(h, h->a, CDB(SYNC_CACHE), 0);
	expect(h, h->b, CDB(SYNC_CACHE), 0);
	h->bs.lost_generation++;
	expect(h, h->b, CDB(SYNC_CACHE), WRITE_ERROR);
	expect(h, h->a, CDB(STOP), WRITE_ERROR);
	expect(h, h->a, CDB(STOP), 0);
}

static void a_new_nexus_has_lost_nothing(void **state)
{
	struct hold *h = *state;
	struct scsi_nexus *c;

	h->bs.lost_generation++;
	c = hold_nexus(h, "c");
	hold_ready(h, c);
	expect(h, c, CDB(SYNC_CACHE), 0);
	scsi_nexus_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOLD_TEST(a_loss_is_told_to_each_nexus),
		HOLD_TEST(a_new_nexus_has_lost_nothing),
	};
	return cmocka_run_group_tests_name("scsi_durable", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Task management functions that are asked for, and tasks in the states that they find. */
#ifndef LUNAR_TESTS_SCSI_TMF_RIG_H
#define LUNAR_TESTS_SCSI_TMF_RIG_H

#include "scsi_hold.h"

static uint8_t ones[65536], twos[65536];

struct asked {
	struct scsi_tmf tmf;
	bool done;
	enum scsi_tmf_result result;
};

static inline void asked_done(struct scsi_tmf *tmf, enum scsi_tmf_result result)
{
	struct asked *a = container_of(tmf, struct asked, tmf);

	assert_false(a->done);
	a->done = true;
	a->result = result;
}

static inline void ask(struct asked *a, enum scsi_tmf_function function, struct scsi_nexus *nexus,
		       uint64_t tag)
{
	memset(a, 0xa5, sizeof(*a));
	a->done = false;
	a->tmf.function = function;
	a->tmf.nexus = nexus;
	memset(a->tmf.lun, 0, sizeof(a->tmf.lun));
	a->tmf.tag = tag;
	a->tmf.timeout = 10 * NSEC_PER_SEC;
	a->tmf.done = asked_done;
	scsi_tmf_init(&a->tmf);
	scsi_tmf_start(&a->tmf);
}

static inline void expect_result(const struct asked *a, enum scsi_tmf_result result)
{
	assert_true(a->done);
	assert_int_equal(a->result, result);
}

static inline struct cmd *tagged(struct hold *h, struct scsi_nexus *n, const uint8_t *cdb,
				 size_t len, uint64_t tag)
{
	struct cmd *c = cmd_new(h, n, cdb, len);

	c->io.tag = tag;
	cmd_out(c, ones, sizeof(ones));
	return c;
}

static inline struct cmd *at_store(struct hold *h, struct scsi_nexus *n, const uint8_t *cdb,
				   size_t len, uint64_t tag)
{
	struct cmd *c = tagged(h, n, cdb, len, tag);

	cmd_start(c);
	assert_false(c->done);
	assert_int_equal(c->io.state, SCSI_IO_STORE);
	return c;
}

static inline struct cmd *in_transfer(struct hold *h, struct scsi_nexus *n, uint64_t tag)
{
	struct cmd *c = tagged(h, n, CDB(WRITE10(50, 1)), tag);

	c->move_later = true;
	cmd_start(c);
	assert_int_equal(c->io.state, SCSI_IO_MOVING);
	return c;
}

/* No response is due. */
static inline void expect_aborted(struct cmd *c)
{
	assert_true(c->done);
	assert_true(c->io.aborted);
	assert_int_not_equal(c->io.status, SCSI_TASK_ABORTED);
	cmd_free(c);
}

static inline void expect_task_aborted(struct cmd *c)
{
	assert_true(c->done);
	assert_true(c->io.aborted);
	assert_int_equal(c->io.status, SCSI_TASK_ABORTED);
	cmd_free(c);
}

static inline int tmf_setup(void **state)
{
	memset(ones, 1, sizeof(ones));
	memset(twos, 2, sizeof(twos));
	hold_setup(state);
	((struct hold *)*state)->holding = true;
	/* TAS is off unless a test says so. */
	((struct hold *)*state)->lu->mode.current.control[5] &= ~0x40;
	return 0;
}

#define TMF_TEST(f) cmocka_unit_test_setup_teardown(f, tmf_setup, hold_teardown)

#endif

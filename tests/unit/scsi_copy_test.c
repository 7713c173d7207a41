/* SPDX-License-Identifier: BSD-2-Clause */
/* EXTENDED COPY: within a LU and to another one, what it refuses, and how it ends in the middle. */
#include "scsi/copy.h"
#include "scsi_tmf_rig.h"

#define LUN1_BLOCKS 16384

/* Besides LUN 0, which is the rig's, LUN 1 in memory; and an inventory in which there is no LUN 1. */
struct world {
	struct hold *h;
	struct scsi_lu *lu1;
	struct scsi_map *narrow;
	struct scsi_nexus *c;
	uint8_t list[SCSI_COPY_LIST_MAX];
	uint32_t len;
	uint64_t tag;
};

static const uint8_t id1[16] = {0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58,
				1,    2,    3,    4,    5,    6,    7,    8};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct scsi_lu_config config = {.block_size = 512, .fence_hold = HOLD_FENCE};
	struct backstore *bs;
	char why[256];
	void *h;

	hold_setup(&h);
	w->h = h;
	fill(w->h);
	assert_int_equal(bs_open_memory(&bs, w->h->reactor, LUN1_BLOCKS * 512, why, sizeof(why)),
			 0);
	memcpy(config.id, id1, sizeof(id1));
	assert_int_equal(scsi_lu_new(&w->lu1, bs, &config, NULL, why, sizeof(why)), 0);
	assert_int_equal(scsi_device_map(w->h->dev, 1, w->lu1), 0);
	w->narrow = scsi_map_new(w->h->dev);
	assert_int_equal(scsi_map_add(w->narrow, 0, w->h->lu, false), 0);
	w->c = scsi_nexus_new(w->narrow, "c", "iqn.2026-11.org.example:store,t,0x0001", 1);
	/* The nexuses hear of the new LUN. */
	cmd_expect(cmd_run(w->h, w->h->a, CDB(TUR), NULL, 0), 0x063f0e);
	cmd_expect(cmd_run(w->h, w->h->b, CDB(TUR), NULL, 0), 0x063f0e);
	hold_ready(w->h, w->c);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	void *h = w->h;

	w->h->holding = false;
	while (!list_empty(&w->h->pending))
		hold_answer(w->h, 0);
	hold_turn(w->h);
	scsi_nexus_free(w->c);
	scsi_map_free(w->narrow);
	if (scsi_device_find(w->h->dev, 1))
		scsi_device_unmap(w->h->dev, 1);
	hold_turn(w->h);
	hold_teardown(&h);
	scsi_lu_free(w->lu1);
	free(w);
	return 0;
}

#define COPY_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* --- parameter lists */

static void begin(struct world *w, uint8_t list_id, uint8_t usage)
{
	memset(w->list, 0, sizeof(w->list));
	w->list[0] = list_id;
	w->list[1] = (uint8_t)(usage << 3);
	w->len = SCSI_COPY_HEADER;
}

/* By NAA, locally assigned. */
static uint8_t *cscd(struct world *w, const uint8_t id[16])
{
	uint8_t *d = w->list + w->len;

	d[0] = 0xe4;
	d[4] = 0x01;
	d[5] = 0x03;
	d[7] = 8;
	memcpy(d + 8, id, 8);
	d[8] = 0x30 | (d[8] & 0x0f);
	put_be24(d + 29, 512);
	w->len += 32;
	put_be16(w->list + 2, (uint16_t)(w->len - SCSI_COPY_HEADER));
	return d;
}

static uint8_t *segment(struct world *w, uint16_t from, uint16_t to, uint64_t source,
			uint64_t destination, uint16_t blocks)
{
	uint8_t *d = w->list + w->len;

	d[0] = 0x02;
	put_be16(d + 2, 0x18);
	put_be16(d + 4, from);
	put_be16(d + 6, to);
	put_be16(d + 10, blocks);
	put_be64(d + 12, source);
	put_be64(d + 20, destination);
	w->len += 28;
	put_be32(w->list + 8, get_be32(w->list + 8) + 28);
	return d;
}

/* LUN 0 is 0, LUN 1 is 1. */
static void both(struct world *w)
{
	begin(w, 1, 0);
	cscd(w, w->h->lu->id);
	cscd(w, id1);
}

static struct cmd *start_as(struct world *w, struct scsi_nexus *n, enum scsi_task_attr attr)
{
	struct cmd *c = cmd_new(w->h, n,
				CDB(0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (uint8_t)(w->len >> 8),
				    (uint8_t)w->len, 0, 0));

	c->io.attr = attr;
	c->io.tag = ++w->tag;
	cmd_out(c, w->list, w->len);
	cmd_start(c);
	hold_turn(w->h);
	return c;
}

static struct cmd *start(struct world *w)
{
	return start_as(w, w->h->a, SCSI_SIMPLE);
}

static void expect(struct world *w, uint32_t sense)
{
	cmd_expect(start(w), sense);
}

static void expect_range(struct world *w, uint64_t lba, uint64_t was, uint64_t blocks)
{
	for (uint64_t i = 0; i < blocks * BLOCK; i++)
		assert_int_equal(w->h->mem[lba * BLOCK + i], pattern_at(was * BLOCK + i));
}

static void expect_untouched(struct world *w)
{
	expect_range(w, 0, 0, HOLD_BLOCKS);
}

/* --- what it does */

static void there_and_back(void **state)
{
	struct world *w = *state;

	both(w);
	segment(w, 0, 1, 0, 100, 3000);
	segment(w, 1, 0, 100, 5000, 3000);
	segment(w, 0, 0, 7, 4000, 1);
	segment(w, 0, 0, 7, 4001, 0);
	expect(w, 0);
	expect_range(w, 5000, 0, 3000);
	expect_range(w, 4000, 7, 1);
	expect_range(w, 4001, 4001, 999);
	/* 4 MiB, as ESXi moves disks. */
	both(w);
	segment(w, 0, 1, 0, 8192, 8192);
	expect(w, 0);
}

static void within_itself(void **state)
{
	struct world *w = *state;

	both(w);
	segment(w, 0, 0, 0, 100, 2000);
	expect(w, 0);
	expect_range(w, 100, 0, 2000);
	segment(w, 0, 0, 0, 100, 2000);
	fill(w->h);
	both(w);
	segment(w, 0, 0, 100, 0, 2000);
	expect(w, 0);
	expect_range(w, 0, 100, 2000);
}

static void nothing_to_do(void **state)
{
	struct world *w = *state;

	w->len = 0;
	expect(w, 0);
	both(w);
	expect(w, 0);
	expect_untouched(w);
}

/* The pieces of an ORDERED copy do not wait for it, nor behind what waits for it. */
static void in_order(void **state)
{
	struct world *w = *state;
	struct cmd *c, *behind;

	w->h->holding = true;
	both(w);
	segment(w, 0, 0, 0, 4096, 4096);
	c = start_as(w, w->h->a, SCSI_ORDERED);
	behind = with_attr(w->h, w->h->b, SCSI_ORDERED, 0);
	assert_false(behind->done);
	while (!c->done)
		hold_answer(w->h, 0);
	cmd_expect(c, 0);
	while (!behind->done)
		hold_answer(w->h, 0);
	cmd_expect(behind, 0);
	expect_range(w, 4096, 0, 4096);
}

/* --- CVE-2020-28374: who may reach what */

static void not_mapped_is_not_known(void **state)
{
	struct world *w = *state;
	uint8_t nobody[16] = {1, 2, 3}, sense[SCSI_SENSE_MAX];
	struct cmd *c;

	for (int way = 0; way < 2; way++) {
		begin(w, 1, 0);
		cscd(w, w->h->lu->id);
		cscd(w, nobody);
		segment(w, way, !way, 0, 0, 8);
		c = start_as(w, w->c, SCSI_SIMPLE);
		assert_int_equal(cmd_sense(c), 0x0a0d02);
		memcpy(sense, c->io.sense, sizeof(sense));
		cmd_free(c);
		both(w);
		segment(w, way, !way, 0, 0, 8);
		c = start_as(w, w->c, SCSI_SIMPLE);
		assert_memory_equal(sense, c->io.sense, sizeof(sense));
		cmd_free(c);
	}
	expect_untouched(w);
	assert_int_equal(w->h->log_count, 0);
	assert_int_equal(w->lu1->stats.reads + w->lu1->stats.writes, 0);
}

static void write_protected_and_reserved(void **state)
{
	struct world *w = *state;

	both(w);
	segment(w, 1, 0, 0, 0, 8);
	assert_int_equal(scsi_map_set_readonly(scsi_device_map_of(w->h->dev), 0, true), 0);
	cmd_expect(cmd_run(w->h, w->h->a, CDB(TUR), NULL, 0), 0x062a01);
	expect(w, 0x0a0d01);
	expect_untouched(w);
	assert_int_equal(scsi_map_set_readonly(scsi_device_map_of(w->h->dev), 0, false), 0);
	cmd_expect(cmd_run(w->h, w->h->a, CDB(TUR), NULL, 0), 0x062a01);
	/* What the other one has reserved is neither read nor written, by whatever LU the copy is asked of. */
	struct cmd *c = cmd_new(w->h, w->h->b, CDB(0x16, 0, 0, 0, 0, 0));
	c->io.lun[1] = 1;
	cmd_start(c);
	hold_turn(w->h);
	assert_int_equal(cmd_sense(c), 0x062900);
	cmd_free(c);
	c = cmd_new(w->h, w->h->b, CDB(0x16, 0, 0, 0, 0, 0));
	c->io.lun[1] = 1;
	cmd_start(c);
	hold_turn(w->h);
	cmd_expect(c, 0);
	expect(w, 0x0a0d01);
	both(w);
	segment(w, 0, 1, 0, 0, 8);
	expect(w, 0x0a0d01);
	expect_untouched(w);
}

static void not_offered(void **state)
{
	struct world *w = *state;

	atomic_fetch_and(&w->lu1->features, ~(unsigned)SCSI_HAS_COPY);
	both(w);
	segment(w, 0, 1, 0, 0, 8);
	expect(w, 0x0a0d02);
	atomic_fetch_and(&w->h->lu->features, ~(unsigned)SCSI_HAS_COPY);
	expect(w, 0x052000);
}

/* --- what is refused, before anything is done */

static void refused(void **state)
{
	static const struct {
		unsigned at;
		uint8_t value;
		uint32_t sense;
	} rows[] = {
		{1, 1 << 3, 0x052600}, /* reserved LIST ID USAGE */
		{1, 3 << 3, 0x052600}, /* a list identifier that is none */
		{1, 0x80, 0x052600},   {3, 63, 0x051a00},
		{2, 9, 0x051a00},      {11, 255, 0x051a00},
		{15, 1, 0x05260b},                           /* inline data */
		{16, 0xe2, 0x052607},  {17, 0x40, 0x052600}, /* LU ID TYPE */
		{17, 0x20, 0x0a0d02},                        /* NUL */
		{17, 0x01, 0x0a0d03},                        /* a tape */
		{20, 0x02, 0x0a0d02},                        /* the same in ASCII */
		{21, 0x13, 0x0a0d02},                        /* ... of a port */
		{23, 7, 0x0a0d02},     {23, 21, 0x052600},
		{46, 4, 0x052600},                           /* DISK BLOCK LENGTH */
		{80, 0x01, 0x052609},  {81, 0x01, 0x052600}, /* CAT */
		{83, 0x1c, 0x052600},  {85, 2, 0x0a0804},
		{86, 1, 0x0a0804},     {97, 0xff, 0x0a0000}, /* LBA */
		{102, 0xff, 0x0a0000},
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		both(w);
		segment(w, 0, 1, 0, 0, 8);
		w->list[rows[i].at] = rows[i].value;
		expect(w, rows[i].sense);
	}
	both(w);
	segment(w, 0, 1, 0, 0, 8);
	for (uint32_t len = w->len - 1; len; len--) {
		w->len = len;
		expect(w, 0x051a00);
	}
	assert_int_equal(w->h->log_count, 0);
}

static void limits(void **state)
{
	struct world *w = *state;

	begin(w, 1, 0);
	for (int i = 0; i < SCSI_COPY_CSCDS + 1; i++)
		cscd(w, id1);
	expect(w, 0x052606);
	both(w);
	for (int i = 0; i < SCSI_COPY_SEGMENTS; i++)
		segment(w, 0, 0, 0, 1, 1);
	expect(w, 0);
	segment(w, 0, 0, 0, 1, 1);
	expect(w, 0x052608);
	w->len = SCSI_COPY_LIST_MAX + 1;
	expect(w, 0x051a00);
}

/* --- the middle */

static void answer(struct world *w, size_t n)
{
	while (n--)
		hold_answer(w->h, 0);
}

static void aborted_while_it_writes(void **state)
{
	struct world *w = *state;
	struct asked asked;
	struct cmd *c, *other;

	w->h->holding = true;
	both(w);
	segment(w, 0, 0, 0, 4096, 4096);
	c = start(w);
	assert_int_equal(hold_pending(w->h), SCSI_COPY_SLOTS);
	answer(w, 2);
	ask(&asked, SCSI_ABORT_TASK, w->h->b, w->tag);
	expect_result(&asked, SCSI_TMF_NO_TASK);
	ask(&asked, SCSI_ABORT_TASK, w->h->a, w->tag);
	assert_false(asked.done);
	/* Its writes are fences. */
	other = cmd_go(w->h, w->h->b, CDB(WRITE10(4096, 8)), ones, sizeof(ones));
	assert_int_equal(hold_pending(w->h), SCSI_COPY_SLOTS);
	answer(w, SCSI_COPY_SLOTS);
	expect_result(&asked, SCSI_TMF_COMPLETE);
	expect_aborted(c);
	answer(w, 1);
	cmd_expect(other, 0);
	assert_memory_equal(w->h->mem + 4096 * BLOCK, ones, 8 * BLOCK);
	assert_true(list_empty(&w->h->pending));
}

/* Of LUN 1, from where the copy is asked for: it fails when LUN 0 is reset. */
static void reset_in_the_middle(void **state)
{
	struct world *w = *state;
	struct asked asked;
	struct cmd *c;

	both(w);
	cmd_free(at_lun(w->h, 0, 1, CDB(TUR)));
	w->h->holding = true;
	segment(w, 1, 0, 0, 0, 4096);
	c = cmd_new(w->h, w->h->a,
		    CDB(0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (uint8_t)w->len, 0, 0));
	c->io.lun[1] = 1;
	cmd_out(c, w->list, w->len);
	cmd_start(c);
	hold_turn(w->h);
	ask(&asked, SCSI_LU_RESET, w->h->b, 0);
	assert_false(c->done);
	answer(w, hold_pending(w->h));
	expect_result(&asked, SCSI_TMF_COMPLETE);
	hold_turn(w->h);
	assert_int_equal(w->h->log_count, SCSI_COPY_SLOTS);
	cmd_expect(c, 0x0a0d01);
}

static void nexus_lost_in_the_middle(void **state)
{
	struct world *w = *state;
	struct cmd *c;

	w->h->holding = true;
	both(w);
	segment(w, 0, 0, 0, 4096, 4096);
	c = start(w);
	answer(w, 1);
	scsi_nexus_free(w->h->a);
	assert_false(c->done);
	assert_int_equal(w->h->lu->fences, 1);
	answer(w, SCSI_COPY_SLOTS);
	expect_aborted(c);
	w->h->a = hold_nexus(w->h, "a");
}

static void unmapped_in_the_middle(void **state)
{
	struct world *w = *state;
	struct cmd *c;

	w->h->holding = true;
	both(w);
	segment(w, 0, 1, 0, 0, 4096);
	c = start(w);
	scsi_device_unmap(w->h->dev, 1);
	hold_turn(w->h);
	answer(w, SCSI_COPY_SLOTS);
	cmd_expect(c, 0x0a0d02);
	assert_int_equal(w->lu1->stats.writes, 0);
}

static void the_store_fails(void **state)
{
	struct world *w = *state;

	both(w);
	segment(w, 1, 0, 0, 0, 8);
	segment(w, 0, 1, 0, 0, 8);
	w->h->fail[BS_READ] = -EIO;
	struct cmd *c = start(w);
	assert_int_equal(cmd_info(c), 8);
	assert_int_equal(get_be32(c->io.sense + 8), 1); /* the segment */
	cmd_expect(c, 0x0a0d01);
	w->h->fail[BS_READ] = 0;
}

/* --- what is told of it */

#define RESULTS(action, id) 0x84, action, id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0

static struct cmd *ask_for(struct world *w, uint8_t action, uint8_t id)
{
	return cmd_run(w->h, w->h->a, CDB(RESULTS(action, id)), NULL, 0);
}

static void status_while_and_after(void **state)
{
	struct world *w = *state;
	struct cmd *c, *copy;

	cmd_expect(ask_for(w, 0, 1), 0x052400);
	w->h->holding = true;
	both(w);
	segment(w, 1, 0, 0, 0, 8);
	segment(w, 0, 0, 0, 1000, 4000);
	copy = start(w);
	answer(w, 1);
	c = ask_for(w, 0, 1);
	assert_memory_equal(c->data, "\0\0\0\x08\x00\x00\x01\x00\x00\x00\x10\x00", 12);
	cmd_expect(c, 0);
	expect(w, 0x050016); /* this identifier is in use */
	w->h->holding = false;
	answer(w, hold_pending(w->h));
	cmd_expect(copy, 0);
	c = ask_for(w, 0, 1);
	assert_memory_equal(c->data, "\0\0\0\x08\x01\x00\x02\x00\x00\x1f\x50\x00", 12);
	cmd_expect(c, 0);
	cmd_expect(ask_for(w, 0, 1), 0x052400); /* told */
}

static void failures_are_kept(void **state)
{
	struct world *w = *state;
	struct cmd *c;

	both(w);
	w->list[1] = 2 << 3;
	segment(w, 0, 1, 0, 0, 8);
	expect(w, 0);
	cmd_expect(ask_for(w, 0, 1), 0x052400); /* not to be kept */
	w->h->fail[BS_READ] = -EIO;
	expect(w, 0x0a0d01);
	w->h->fail[BS_READ] = 0;
	c = ask_for(w, 0, 1);
	assert_int_equal(c->data[4], 0x02);
	cmd_expect(c, 0);
	c = ask_for(w, 4, 1);
	assert_int_equal(get_be32(c->data), 60 + 18 - 4);
	assert_int_equal(c->data[56], SCSI_CHECK_CONDITION);
	assert_int_equal(get_be16(c->data + 58), 18);
	assert_int_equal(c->data[60 + 2], 0x0a);
	cmd_expect(c, 0);
	c = ask_for(w, 4, 1);
	assert_int_equal(c->io.in_len, 4);
	cmd_expect(c, 0);
}

static void parameters(void **state)
{
	struct world *w = *state;
	struct cmd *c = ask_for(w, 3, 0);

	assert_int_equal(c->io.in_len, 46);
	assert_int_equal(get_be32(c->data), 42);
	assert_int_equal(get_be16(c->data + 8), SCSI_COPY_CSCDS);
	assert_int_equal(get_be16(c->data + 10), SCSI_COPY_SEGMENTS);
	assert_int_equal(get_be32(c->data + 12), SCSI_COPY_DESCRIPTORS);
	assert_int_equal(get_be32(c->data + 16), SCSI_COPY_SEGMENT_MAX);
	assert_memory_equal(c->data + 43, "\x02\x02\xe4", 3);
	cmd_expect(c, 0);
	c = cmd_run(w->h, w->h->a, CDB(0x12, 0, 0, 0, 96, 0), NULL, 0);
	assert_int_equal(c->data[5] & 0x08, 0x08);
	cmd_expect(c, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		COPY_TEST(there_and_back),
		COPY_TEST(within_itself),
		COPY_TEST(nothing_to_do),
		COPY_TEST(in_order),
		COPY_TEST(not_mapped_is_not_known),
		COPY_TEST(write_protected_and_reserved),
		COPY_TEST(not_offered),
		COPY_TEST(refused),
		COPY_TEST(limits),
		COPY_TEST(aborted_while_it_writes),
		COPY_TEST(reset_in_the_middle),
		COPY_TEST(nexus_lost_in_the_middle),
		COPY_TEST(unmapped_in_the_middle),
		COPY_TEST(the_store_fails),
		COPY_TEST(status_while_and_after),
		COPY_TEST(failures_are_kept),
		COPY_TEST(parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

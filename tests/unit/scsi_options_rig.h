/* SPDX-License-Identifier: BSD-2-Clause */
/* Changing the options of a LU, and what is heard of that. */
#ifndef LUNAR_TESTS_UNIT_SCSI_OPTIONS_RIG_H
#define LUNAR_TESTS_UNIT_SCSI_OPTIONS_RIG_H

#include "scsi_hold.h"

#define MODE_CHANGED     0x062a01
#define CAPACITY_CHANGED 0x062a09
#define CHANGED          0x063f00 /* TARGET OPERATING CONDITIONS HAVE CHANGED */
#define INQUIRY_CHANGED  0x063f03
#define NO_SUCH_COMMAND  0x052000
#define NO_SUCH_FIELD    0x052400

#define MODE_SENSE(page) 0x1a, 0x08, (page), 0, 255, 0
#define VPD(page)        0x12, 0x01, (page), 0, 255, 0
#define RSOC(op)         0xa3, 0x0c, 0x01, (op), 0, 0, 0, 0, 0, 255, 0, 0
#define UNMAP(len)       0x42, 0, 0, 0, 0, 0, 0, 0, (len), 0
#define WRITE_SAME(b, n) 0x41, (b), 0, 0, 0, 0, 0, (n) >> 8, (n)&0xff, 0

static const uint8_t block[BLOCK] = {7};

struct changed {
	unsigned count;
	int err;
};

static inline void changed(void *ctx, int err)
{
	struct changed *c = ctx;

	c->count++;
	c->err = err;
}

static inline void set(struct hold *h, const struct scsi_lu_options *o)
{
	struct changed c = {0};

	assert_int_equal(scsi_lu_set_options(h->lu, o, changed, &c), 0);
	hold_turn(h);
	assert_int_equal(c.count, 1);
	assert_int_equal(c.err, 0);
}

static inline struct scsi_lu_options options(const struct hold *h)
{
	struct scsi_lu_options o;

	scsi_lu_get_options(h->lu, &o);
	return o;
}

static inline void expect(struct hold *h, const uint8_t *cdb, size_t len, uint32_t sense)
{
	cmd_expect(cmd_run(h, h->a, cdb, len, block, BLOCK), sense);
}

/* Both nexuses hear this and nothing else; 0: nothing. */
static inline void expect_told(struct hold *h, uint32_t first, uint32_t second)
{
	struct scsi_nexus *nexuses[] = {h->a, h->b};

	for (size_t i = 0; i < ARRAY_SIZE(nexuses); i++) {
		if (first)
			cmd_expect(cmd_run(h, nexuses[i], CDB(TUR), NULL, 0), first);
		if (second)
			cmd_expect(cmd_run(h, nexuses[i], CDB(TUR), NULL, 0), second);
		cmd_expect(cmd_run(h, nexuses[i], CDB(TUR), NULL, 0), 0);
	}
}

/* What it replies is the caller's to free. */
static inline uint8_t *ask(struct hold *h, const uint8_t *cdb, size_t len)
{
	struct cmd *c = cmd_run(h, h->a, cdb, len, NULL, 0);
	uint8_t *data = c->data;

	assert_int_equal(c->io.status, SCSI_GOOD);
	c->data = NULL;
	cmd_free(c);
	return data;
}

static inline unsigned ask_byte(struct hold *h, const uint8_t *cdb, size_t len, unsigned at)
{
	uint8_t *data = ask(h, cdb, len);
	unsigned byte = data[at];

	free(data);
	return byte;
}

static inline uint32_t ask_word(struct hold *h, const uint8_t *cdb, size_t len, unsigned at)
{
	uint8_t *data = ask(h, cdb, len);
	uint32_t word = get_be32(data + at);

	free(data);
	return word;
}

static inline bool reported(struct hold *h, uint8_t opcode)
{
	return (ask_byte(h, CDB(RSOC(opcode)), 1) & 7) == 3;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* PERSISTENT RESERVE OUT and IN as one line each, on scsi_rig.h. */
#ifndef LUNAR_TESTS_UNIT_SCSI_PR_RIG_H
#define LUNAR_TESTS_UNIT_SCSI_PR_RIG_H

#include <errno.h>
#include <stdio.h>
#include "scsi_rig.h"

enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_ABORT, REGISTER_IGNORE, MOVE };
enum { WE = 1, EA = 3, WE_RO = 5, EA_RO = 6, WE_AR = 7, EA_AR = 8 };
enum { KEY_A = 0xa1, KEY_B = 0xb2, KEY_C = 0xc3 };

#define PORT_1    "iqn.2026-11.org.example:store,t,0x0001"
#define PORT_2    "iqn.2026-11.org.example:store,t,0x0002"
#define CONFLICTS SCSI_RESERVATION_CONFLICT
#define PREEMPTED SCSI_ASC_REGISTRATIONS_PREEMPTED
#define RELEASED  SCSI_ASC_RESERVATIONS_RELEASED
#define CLEARED   SCSI_ASC_RESERVATIONS_PREEMPTED

static inline uint8_t pr_send(struct rig *rig, struct scsi_nexus *n, uint8_t action, uint8_t type,
			      const uint8_t *list, size_t len)
{
	uint8_t cdb[10] = {0x5f, action, type};

	put_be32(cdb + 5, (uint32_t)len);
	return rig_send(rig, n, 0, cdb, sizeof(cdb), list, (uint32_t)len);
}

static inline uint8_t pr_out(struct rig *rig, struct scsi_nexus *n, uint8_t action, uint8_t type,
			     uint64_t key, uint64_t new_key)
{
	uint8_t list[24] = {0};

	put_be64(list, key);
	put_be64(list + 8, new_key);
	return pr_send(rig, n, action, type, list, sizeof(list));
}

/* The keys that are registered are these, in this order; after GENERATION changes. */
static inline void pr_expect_keys(struct rig *rig, uint32_t generation, const char *keys)
{
	char is[512] = "";

	assert_int_equal(
		rig_send(rig, rig->nexus, 0, RIG_CDB(0x5e, 0, 0, 0, 0, 0, 0, 0x08, 0x08), NULL, 0),
		SCSI_GOOD);
	assert_int_equal(get_be32(rig->data), generation);
	assert_int_equal(get_be32(rig->data + 4), rig->io.in_len - 8);
	for (uint32_t at = 8; at < rig->io.in_len; at += 8)
		snprintf(is + strlen(is), sizeof(is) - strlen(is), "%s%llx", at > 8 ? " " : "",
			 (unsigned long long)get_be64(rig->data + at));
	assert_string_equal(is, keys);
}

/* Type 0: nothing is reserved. */
static inline void pr_expect_reserved(struct rig *rig, uint8_t type, uint64_t key)
{
	assert_int_equal(
		rig_send(rig, rig->nexus, 0, RIG_CDB(0x5e, 1, 0, 0, 0, 0, 0, 0x08, 0x08), NULL, 0),
		SCSI_GOOD);
	assert_int_equal(rig->io.in_len, type ? 24 : 8);
	assert_int_equal(get_be32(rig->data + 4), type ? 16 : 0);
	if (!type)
		return;
	assert_true(get_be64(rig->data + 8) == key);
	assert_int_equal(rig->data[21], type);
}

static inline uint8_t pr_test_ready(struct rig *rig, struct scsi_nexus *n)
{
	return rig_send(rig, n, 0, RIG_CDB(0, 0, 0, 0, 0, 0), NULL, 0);
}

/* This is told to the nexus, and nothing else; 0: nothing. */
static inline void pr_expect_told(struct rig *rig, struct scsi_nexus *n, uint16_t asc_ascq)
{
	if (asc_ascq) {
		assert_int_equal(pr_test_ready(rig, n), SCSI_CHECK_CONDITION);
		rig_expect_sense(rig, 0x6, asc_ascq, 0);
	}
	assert_int_equal(pr_test_ready(rig, n), SCSI_GOOD);
}

static inline uint8_t pr_read(struct rig *rig, struct scsi_nexus *n)
{
	return rig_send(rig, n, 0, RIG_CDB(0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0), NULL, 0);
}

static inline uint8_t pr_write(struct rig *rig, struct scsi_nexus *n)
{
	static const uint8_t block[512];

	return rig_send(rig, n, 0, RIG_CDB(0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0), block, sizeof(block));
}

/* Both are registered. */
static inline void pr_register_both(struct rig *rig)
{
	assert_int_equal(pr_out(rig, rig->nexus, REGISTER, 0, 0, KEY_A), SCSI_GOOD);
	assert_int_equal(pr_out(rig, rig->other, REGISTER, 0, 0, KEY_B), SCSI_GOOD);
}

static inline struct scsi_nexus *pr_nexus(struct rig *rig, const char *initiator,
					  const char *target, uint16_t rel)
{
	struct scsi_nexus *n = scsi_nexus_new(scsi_device_map_of(rig->dev), initiator, target, rel);

	assert_non_null(n);
	rig_ready(rig, n);
	return n;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "load/stamp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include "common/crc32c.h"
#include "common/endian.h"

#define MAGIC  UINT64_C(0x4c756e6172206c64)
#define SECTOR 512

/* Where what is. */
enum {
	AT_MAGIC = 0,
	AT_RUN = 8,
	AT_OFFSET = 16,
	AT_TIME = 24,
	AT_JOB = 32,
	AT_TURN = 36,
	AT_LEN = 40,
	AT_SUM = 44
};

static uint32_t sum_of(const uint8_t *block, size_t len)
{
	uint32_t sum = crc32c_update(CRC32C_INIT, block, AT_SUM);
	return crc32c_final(crc32c_update(sum, block + AT_SUM + 4, len - AT_SUM - 4));
}

void stamp_put(const struct stamp *s, uint8_t *block, size_t len)
{
	for (size_t at = SECTOR; at + 8 <= len; at += SECTOR)
		put_be64(block + at, s->run ^ (s->offset + at) ^ (uint64_t)s->turn << 40);
	put_be64(block + AT_MAGIC, MAGIC);
	put_be64(block + AT_RUN, s->run);
	put_be64(block + AT_OFFSET, s->offset);
	put_be64(block + AT_TIME, s->time);
	put_be32(block + AT_JOB, s->job);
	put_be32(block + AT_TURN, s->turn);
	put_be32(block + AT_LEN, (uint32_t)len);
	put_be32(block + AT_SUM, sum_of(block, len));
}

static void say_who(const struct stamp *s, char *out, size_t size)
{
	time_t seconds = (time_t)(s->time / 1000000000);
	struct tm tm = {0};
	char when[40] = "?";
	if (gmtime_r(&seconds, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	snprintf(out, size, "write %" PRIu32 " of job %" PRIu32 " in run %016" PRIx64 " at %s",
		 s->turn, s->job, s->run, when);
}

int stamp_check(const uint8_t *block, size_t len, uint64_t offset, const struct stamp *want,
		struct stamp *found, char why[STAMP_WHY])
{
	char who[120];
	*found = (struct stamp){get_be64(block + AT_RUN), get_be64(block + AT_OFFSET),
				get_be64(block + AT_TIME), get_be32(block + AT_JOB),
				get_be32(block + AT_TURN)};
	bool magic = get_be64(block + AT_MAGIC) == MAGIC;
	say_who(found, who, sizeof(who));
	if (!magic)
		snprintf(why, STAMP_WHY, "nothing that was written to be verified");
	else if (get_be32(block + AT_LEN) != len)
		snprintf(why, STAMP_WHY, "a block of %" PRIu32 " bytes, not of %zu: %s",
			 get_be32(block + AT_LEN), len, who);
	else if (get_be32(block + AT_SUM) != sum_of(block, len))
		snprintf(why, STAMP_WHY, "a wrong checksum; it says: %s", who);
	else if (found->offset != offset)
		snprintf(why, STAMP_WHY, "the block of offset %" PRIu64 ": %s", found->offset, who);
	else if (want &&
		 (found->run != want->run || found->job != want->job || found->turn != want->turn))
		snprintf(why, STAMP_WHY,
			 "%s, where write %" PRIu32 " of job %" PRIu32 " was answered", who,
			 want->turn, want->job);
	else
		return 0;
	return -EILSEQ;
}

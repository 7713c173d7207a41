/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks that say who wrote them, where, and when, and whose checksum shows what else has changed. Numbers are big
 * endian; the body says it again in each sector, so that a block of two writes is not a whole one.
 */
#ifndef LUNAR_LOAD_STAMP_H
#define LUNAR_LOAD_STAMP_H

#include <stddef.h>
#include <stdint.h>

#define STAMP_SIZE 64
#define STAMP_WHY  200

struct stamp {
	uint64_t run;    /* a random number, the same of all that one run writes */
	uint64_t offset; /* bytes, on the disk */
	uint64_t time;   /* ns since 1970 */
	uint32_t job;
	uint32_t
		turn; /* the how many-th write of this block, from 1; 0: of a block that is asked for, any */
};

/* Into a block of `len` bytes, at least a sector; what is not the stamp's is left as it is. */
void stamp_put(const struct stamp *s, uint8_t *block, size_t len);
/*
 * 0, and *found; -EILSEQ: it is no such block, or not whole, or one for another place, with `why`. With `want` it has
 * to be of that run, job and turn, too.
 */
int stamp_check(const uint8_t *block, size_t len, uint64_t offset, const struct stamp *want,
		struct stamp *found, char why[STAMP_WHY]);

#endif

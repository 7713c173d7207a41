/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks that a load reads back: a byte says how many sectors, the rest is on the disk. */
#include <string.h>
#include "fuzz.h"
#include "load/stamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	size_t len = 512 * (1 + (size_t)take_byte(&in) % 8);
	uint8_t block[8 * 512] = {0};
	char why[STAMP_WHY] = "";
	struct stamp found, again;
	memcpy(block, in.p, MIN(in.left, len));
	if (stamp_check(block, len, 0, NULL, &found, why)) {
		MUST(*why && memchr(why, 0, sizeof(why)));
		/* It would be one with a checksum that is right: of this place, and of no other. */
		found.offset = 4096;
		stamp_put(&found, block, len);
	}
	MUST(!stamp_check(block, len, found.offset, &found, &again, why));
	MUST(!memcmp(&found, &again, sizeof(found)));
	MUST(stamp_check(block, len, found.offset + 512, NULL, &again, why));
	return 0;
}

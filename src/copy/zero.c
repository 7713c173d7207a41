/* SPDX-License-Identifier: BSD-2-Clause */
/* Zeroes in what was read. */
#include <string.h>
#include "copy/priv.h"

bool zero_all(const uint8_t *p, size_t len)
{
	/* What begins with sixteen zeroes and is equal to itself sixteen bytes on is all zero. */
	static const uint8_t zeroes[16];
	if (len <= sizeof(zeroes))
		return !memcmp(p, zeroes, len);
	return !memcmp(p, zeroes, sizeof(zeroes)) &&
	       !memcmp(p, p + sizeof(zeroes), len - sizeof(zeroes));
}

uint32_t zero_run(const uint8_t *p, uint32_t len, uint32_t grain, bool *zero)
{
	uint32_t n = MIN(grain, len);
	*zero = zero_all(p, n);
	while (n < len && zero_all(p + n, MIN(grain, len - n)) == *zero)
		n += MIN(grain, len - n);
	return n;
}

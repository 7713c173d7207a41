/* SPDX-License-Identifier: BSD-2-Clause */
/* Zeroes in what was read. */
#include "common/zero.h"
#include "copy/priv.h"

uint32_t zero_run(const uint8_t *p, uint32_t len, uint32_t grain, bool *zero)
{
	uint32_t n = MIN(grain, len);
	*zero = is_all_zero(p, n);
	while (n < len && is_all_zero(p + n, MIN(grain, len - n)) == *zero)
		n += MIN(grain, len - n);
	return n;
}

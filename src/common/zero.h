/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LUNAR_COMMON_ZERO_H
#define LUNAR_COMMON_ZERO_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* All of these bytes are zero; of none, too. */
static inline bool is_all_zero(const uint8_t *p, size_t len)
{
	/* What begins with sixteen zeroes and is equal to itself sixteen bytes on is all zero. */
	static const uint8_t zeroes[16];
	if (len <= sizeof(zeroes))
		return !memcmp(p, zeroes, len);
	return !memcmp(p, zeroes, sizeof(zeroes)) &&
	       !memcmp(p, p + sizeof(zeroes), len - sizeof(zeroes));
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/crc32c.h"

#include <isa-l/crc.h>

uint32_t crc32c_update(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;
	/* isa-l counts in int and does not write to its input. */
	while (len) {
		size_t n = len < 1u << 30 ? len : 1u << 30;
		crc = crc32_iscsi((unsigned char *)(uintptr_t)p, (int)n, crc);
		p += n;
		len -= n;
	}
	return crc;
}

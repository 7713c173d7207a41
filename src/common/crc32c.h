/* SPDX-License-Identifier: BSD-2-Clause */
/* CRC32C as iSCSI's digests use it (RFC 7143 13.1), by isa-l. */
#ifndef LUNAR_COMMON_CRC32C_H
#define LUNAR_COMMON_CRC32C_H

#include <stddef.h>
#include <stdint.h>

#define CRC32C_INIT 0xffffffffu

/* Feeds `len` bytes to a running checksum that began as CRC32C_INIT. */
uint32_t crc32c_update(uint32_t crc, const void *data, size_t len);

/* The finished digest of a running checksum; onto the wire with put_le32(). */
static inline uint32_t crc32c_final(uint32_t crc)
{
	return ~crc;
}

#endif

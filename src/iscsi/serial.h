/* SPDX-License-Identifier: BSD-2-Clause */
/* Serial number arithmetic of 32 bits (RFC 1982; RFC 7143 4.2.2), for CmdSN, StatSN, DataSN, R2TSN.
 * Numbers 2^31 apart compare as neither less nor greater by RFC 1982; here the first is the less,
 * for both orders, so that no loop over a window can run wild. */
#ifndef LUNAR_ISCSI_SERIAL_H
#define LUNAR_ISCSI_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

static inline bool iscsi_sn_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool iscsi_sn_le(uint32_t a, uint32_t b)
{
	return a == b || iscsi_sn_lt(a, b);
}

static inline bool iscsi_sn_gt(uint32_t a, uint32_t b)
{
	return !iscsi_sn_le(a, b);
}

static inline bool iscsi_sn_ge(uint32_t a, uint32_t b)
{
	return !iscsi_sn_lt(a, b);
}

/* first <= sn <= last; an empty window is last == first - 1. */
static inline bool iscsi_sn_in(uint32_t sn, uint32_t first, uint32_t last)
{
	return iscsi_sn_le(first, sn) && iscsi_sn_le(sn, last);
}

#endif

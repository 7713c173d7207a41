/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/lun.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/endian.h"

/* SAM-5 4.7.7: the addressing method is in the two highest bits. */
#define METHOD_MASK       0xc0
#define METHOD_PERIPHERAL 0x00
#define METHOD_FLAT       0x40

void iscsi_lun_put(uint8_t lun[ISCSI_LUN_LEN], uint32_t number)
{
	assert(number <= ISCSI_LUN_MAX);
	memset(lun, 0, ISCSI_LUN_LEN);
	put_be16(lun, (uint16_t)number);
	if (number > 0xff)
		lun[0] |= METHOD_FLAT;
}

int iscsi_lun_get(const uint8_t lun[ISCSI_LUN_LEN], uint32_t *number)
{
	static const uint8_t zero[ISCSI_LUN_LEN - 2];
	uint8_t method = lun[0] & METHOD_MASK;
	if (memcmp(lun + 2, zero, sizeof(zero)) != 0)
		return -EINVAL;
	if (method != METHOD_FLAT && lun[0] != METHOD_PERIPHERAL)
		return -EINVAL;
	*number = get_be16(lun) & ISCSI_LUN_MAX;
	return 0;
}

char *iscsi_lun_text(char out[ISCSI_LUN_TEXT_LEN], const uint8_t lun[ISCSI_LUN_LEN])
{
	uint32_t number;
	if (iscsi_lun_get(lun, &number) == 0)
		snprintf(out, ISCSI_LUN_TEXT_LEN, "%u", number);
	else
		snprintf(out, ISCSI_LUN_TEXT_LEN, "0x%016llx", (unsigned long long)get_be64(lun));
	return out;
}

int iscsi_lun_parse(const char *text, uint32_t *number)
{
	uint32_t v = 0;
	if (!*text)
		return -EINVAL;
	for (const char *p = text; *p; p++)
		if (*p < '0' || *p > '9')
			return -EINVAL;
	for (const char *p = text; *p; p++) {
		v = v * 10 + (uint32_t)(*p - '0');
		if (v > ISCSI_LUN_MAX)
			return -ERANGE;
	}
	*number = v;
	return 0;
}

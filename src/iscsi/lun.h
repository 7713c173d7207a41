/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The eight bytes of a LUN and the number that people call it by (SAM-5 4.7). Numbers below 256 are
 * written by peripheral device addressing on bus 0, those up to ISCSI_LUN_MAX by flat space
 * addressing; both are read. All other methods, and second levels, are not ours.
 */
#ifndef LUNAR_ISCSI_LUN_H
#define LUNAR_ISCSI_LUN_H

#include <stdint.h>

#define ISCSI_LUN_LEN      8
#define ISCSI_LUN_MAX      16383u
#define ISCSI_LUN_TEXT_LEN 19 /* "0x" and 16 digits, and the NUL */

/* `number` <= ISCSI_LUN_MAX. */
void iscsi_lun_put(uint8_t lun[ISCSI_LUN_LEN], uint32_t number);
/* 0, or -EINVAL for an addressing method or a level that is not ours. */
int iscsi_lun_get(const uint8_t lun[ISCSI_LUN_LEN], uint32_t *number);

/* The number in decimal, or for what iscsi_lun_get() refuses all eight bytes in hex ("0x..."). */
char *iscsi_lun_text(char out[ISCSI_LUN_TEXT_LEN], const uint8_t lun[ISCSI_LUN_LEN]);
/* A decimal number; 0, -EINVAL, or -ERANGE above ISCSI_LUN_MAX. */
int iscsi_lun_parse(const char *text, uint32_t *number);

#endif

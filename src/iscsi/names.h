/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iSCSI names (RFC 7143 4.2.7) and the names of ports (RFC 7143 4.4.2).
 *
 * ASCII only: what the stringprep profile of RFC 3722 does to other characters needs its tables,
 * and no such name is in use. Upper case letters become lower case, as that profile maps them. '_'
 * is let through although the profile prohibits it, for names with it are in use. Everything else
 * that is not a letter, a digit, '-', '.' or ':' is refused, and so a name is safe in a path, a
 * record, a log and on a terminal.
 */
#ifndef LUNAR_ISCSI_NAMES_H
#define LUNAR_ISCSI_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ISCSI_NAME_MAX  223 /* bytes, without the NUL */
#define ISCSI_NAME_SIZE (ISCSI_NAME_MAX + 1)
#define ISCSI_ISID_LEN  6
/* A name with ",i,0x" and twelve digits; a target's is shorter. */
#define ISCSI_PORT_NAME_SIZE (ISCSI_NAME_SIZE + 17)

/*
 * Checks the form "iqn.yyyy-mm.authority[:rest]", "eui." with 16 hex digits, or "naa." with 16 or
 * 32, and writes the name in lower case to `out` (ISCSI_NAME_SIZE bytes; may be `name` itself).
 * 0; -ENAMETOOLONG; -EINVAL. `out` is "" when it fails.
 */
int iscsi_name_normalize(const char *name, char *out);
/* `name` is valid and already in its normal form. */
bool iscsi_name_valid(const char *name);

/* What is wrong with `name`, in words for a person; NULL when iscsi_name_normalize() takes it. */
const char *iscsi_name_problem(const char *name);

/* "iqn...,i,0x00023d000001" and "iqn...,t,0x0001". `out` has ISCSI_PORT_NAME_SIZE bytes; returns
 * the length, without the NUL. */
size_t iscsi_initiator_port_name(char *out, const char *name, const uint8_t isid[ISCSI_ISID_LEN]);
size_t iscsi_target_port_name(char *out, const char *name, uint16_t tpgt);

#endif

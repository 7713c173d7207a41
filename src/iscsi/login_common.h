/* SPDX-License-Identifier: BSD-2-Clause */
/* What both engines of the login do alike, and nobody else. */
#ifndef LUNAR_ISCSI_LOGIN_COMMON_H
#define LUNAR_ISCSI_LOGIN_COMMON_H

#include <stdbool.h>
#include <stdint.h>
#include "iscsi/keys.h"

/* One of the keys of authentication is there, other than those in the mask of ISCSI_KEY_BIT()s. */
bool iscsi_login_others(const struct iscsi_values *v, uint64_t mask);

#endif

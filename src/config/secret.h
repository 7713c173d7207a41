/* SPDX-License-Identifier: BSD-2-Clause */
/* CHAP secrets that are in a file of their own. */
#ifndef LUNAR_CONFIG_SECRET_H
#define LUNAR_CONFIG_SECRET_H

#include <stdint.h>
#include "config/attributes.h"
#include "iscsi/chap.h"

struct config_secret {
	uint8_t bytes[ISCSI_CHAP_SECRET_MAX];
	size_t len;
	bool newline; /* there was one behind it */
};

/*
 * The first line of a file that nobody else may use. With `pipes` what is no regular file is read, too, and waited
 * for; else it is refused at once. 0, or -errno with `why`: it cannot be read, is empty, or too long (-EMSGSIZE). Who has it
 * wipes it.
 */
int config_secret_read(const char *path, bool pipes, struct config_secret *out,
		       struct config_why *why);

#endif

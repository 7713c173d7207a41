/* SPDX-License-Identifier: BSD-2-Clause */
/* Names in saved configurations that no row of a table has. */
#ifndef LUNAR_CONFIG_JSON_KEYS_H
#define LUNAR_CONFIG_JSON_KEYS_H

#include "config/attributes.h"

#define KEY_LUNAR    "lunar"
#define JSON_VERSION 1

/* The member that holds a group; NULL: its values are members of the object itself. */
static inline const char *config_group_key(enum config_group group)
{
	return group == CONFIG_ATTRIBUTE   ? "attributes"
	       : group == CONFIG_PARAMETER ? "parameters"
					   : NULL;
}

#endif

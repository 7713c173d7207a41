/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LUNAR_CLI_STATUS_PRINT_H
#define LUNAR_CLI_STATUS_PRINT_H

#include <jansson.h>

/* The answer to `status`, with the sessions and, when the daemon is watched, the intervals, as tables on standard
 * output. */
void status_print(const json_t *status);

#endif

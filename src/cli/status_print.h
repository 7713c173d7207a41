/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LUNAR_CLI_STATUS_PRINT_H
#define LUNAR_CLI_STATUS_PRINT_H

#include <jansson.h>

/* The answer to `status`, with the sessions and, when the daemon is watched, the intervals, as tables on standard
 * output. */
void status_print(const json_t *status);
/* The same of the initiator: the answer to its `status`, with `sessions` and `devices`. */
void status_print_initiator(const json_t *status);
/* What goes through disks, and how long that takes, of either daemon. */
void status_print_disks(const json_t *disks);
/* The path of a disk, or its identity where it has none. */
const char *status_disk_name(const json_t *disk);

#endif

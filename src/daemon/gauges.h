/* SPDX-License-Identifier: BSD-2-Clause */
/* What `status` says of disks and targets beside their counters. */
#ifndef LUNAR_DAEMON_GAUGES_H
#define LUNAR_DAEMON_GAUGES_H

#include <jansson.h>
#include "config/tree.h"

/* The LUNs that show a backstore, as paths. */
json_t *gauges_luns(const struct config_node *backstore);
/* A row for each portal group. */
json_t *gauges_targets(const struct config_tree *tree);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What daemons count, as JSON. */
#ifndef LUNAR_SERVICE_GAUGES_H
#define LUNAR_SERVICE_GAUGES_H

#include <jansson.h>
#include <stdbool.h>
#include "scsi/latency.h"

/* {"reads": {"count", "p50_us", "p99_us", "p999_us", "max_us"}, "writes": ...}, of those that there were; with the
 * buckets: [[us, count], ...], so many took less than that and no less than the bound before. */
json_t *service_latency(const struct scsi_latency *l, bool with_buckets);

#endif

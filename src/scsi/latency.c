/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/latency.h"

#include "common/cleanup.h"

uint64_t scsi_latency_total(const struct scsi_latency_side *side)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < SCSI_LATENCY_BUCKETS; i++)
		total += side->count[i];
	return total;
}

uint64_t scsi_latency_most(const struct scsi_latency_side *side, unsigned of_1000)
{
	uint64_t total = scsi_latency_total(side), seen = 0;
	uint64_t longest = (side->longest + 999) / 1000;
	/* Rounded up: one that is in all of them must be in them. */
	uint64_t wanted =
		total - total / 1000 * (1000 - of_1000) - total % 1000 * (1000 - of_1000) / 1000;

	for (unsigned i = 0; i < SCSI_LATENCY_BUCKETS - 1; i++) {
		seen += side->count[i];
		if (seen >= wanted)
			return total ? MIN(scsi_latency_bound(i), longest) : 0;
	}
	return longest;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What happened between two looks at the daemon. */
#ifndef LUNAR_CLI_STATUS_INTERVAL_H
#define LUNAR_CLI_STATUS_INTERVAL_H

#include <jansson.h>

/*
 * Gives each row of a list of disks with histograms, or of sessions, an object "interval": what its counters grew by
 * since `before` (NULL: nothing), and how long those commands took; and takes the buckets away, which say no more.
 * `key`: by which member a row is found again. `*seen` is what the next call needs as `before`; NULL: no memory. The
 * old one is the caller's still.
 */
void status_interval(json_t *rows, const char *key, const json_t *before, double seconds,
		     json_t **seen);

#endif

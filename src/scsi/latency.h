/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long commands took: counters in buckets, four for each power of two of microseconds, so that a bound is at
 * most a quarter above what it bounds. Each reactor has its own of a LU, from the first command on: one writer, and
 * readers on other threads that are content with an older number.
 */
#ifndef LUNAR_SCSI_LATENCY_H
#define LUNAR_SCSI_LATENCY_H

#include "common/count.h"

#define SCSI_LATENCY_BUCKETS 96 /* the last one has all from 29 s on */

struct scsi_latency_side {
	uint64_t count[SCSI_LATENCY_BUCKETS];
	uint64_t longest; /* ns */
};

struct scsi_latency {
	struct scsi_latency_side reads, writes;
};

static inline unsigned scsi_latency_bucket(uint64_t ns)
{
	uint64_t us = ns / 1000;
	if (us < 4)
		return (unsigned)us;
	unsigned power = 63u - (unsigned)__builtin_clzll(us);
	unsigned bucket = 4 * (power - 1) + ((us >> (power - 2)) & 3);
	return bucket < SCSI_LATENCY_BUCKETS ? bucket : SCSI_LATENCY_BUCKETS - 1;
}

/* What is in this bucket took less, us. Of the last one that is not so: there `longest` is all that is known. */
static inline uint64_t scsi_latency_bound(unsigned bucket)
{
	unsigned next = bucket + 1;
	return next < 4 ? next : (uint64_t)(4 + next % 4) << (next / 4 - 1);
}

static inline void scsi_latency_count(struct scsi_latency_side *side, uint64_t ns)
{
	count_add(&side->count[scsi_latency_bucket(ns)], 1);
	if (ns > side->longest)
		__atomic_store_n(&side->longest, ns, __ATOMIC_RELAXED);
}

static inline void scsi_latency_add_side(struct scsi_latency_side *to,
					 const struct scsi_latency_side *from)
{
	uint64_t longest = count_read(&from->longest);
	for (unsigned i = 0; i < SCSI_LATENCY_BUCKETS; i++)
		to->count[i] += count_read(&from->count[i]);
	to->longest = longest > to->longest ? longest : to->longest;
}

/* How many there are in all. */
uint64_t scsi_latency_total(const struct scsi_latency_side *side);
/* What so many of 1000 of them took at most, us, to within a bucket; 1000: all of them. 0: there is none, or they took
 * no time by the clock. */
uint64_t scsi_latency_most(const struct scsi_latency_side *side, unsigned of_1000);

#endif

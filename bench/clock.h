/* SPDX-License-Identifier: BSD-2-Clause */
/* What both load programs have in common: the clock, and the line that they print. */
#ifndef LUNAR_BENCH_CLOCK_H
#define LUNAR_BENCH_CLOCK_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include "load/latency.h"

static inline uint64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline void report(const struct latency *l, uint64_t bytes, uint64_t ns)
{
	double s = (double)ns / 1e9;
	printf("{\"ios\": %llu, \"seconds\": %.3f, \"iops\": %.0f, \"mb_s\": %.1f, "
	       "\"mean_us\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
	       (unsigned long long)l->total, s, (double)l->total / s, (double)bytes / 1e6 / s,
	       latency_mean(l) / 1e3, (double)latency_at(l, 0.5) / 1e3,
	       (double)latency_at(l, 0.99) / 1e3);
}

#endif

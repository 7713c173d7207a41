/* SPDX-License-Identifier: BSD-2-Clause */
/* What both load programs measure alike: time, latencies, and the line that they print. */
#ifndef LUNAR_BENCH_CLOCK_H
#define LUNAR_BENCH_CLOCK_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

static inline uint64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Latencies in steps of 1/16 of a power of two: within 6 % from 1 ns to an hour. */
#define STEPS 16
struct histogram {
	uint64_t count[42 * STEPS], total, sum;
};

static inline unsigned histogram_slot(uint64_t ns)
{
	unsigned log = 63 - (unsigned)__builtin_clzll(ns | STEPS);
	unsigned slot = (log - 4) * STEPS + (unsigned)(ns >> (log - 4) & (STEPS - 1));
	return slot < 42 * STEPS ? slot : 42 * STEPS - 1;
}

static inline void histogram_add(struct histogram *h, uint64_t ns)
{
	h->count[histogram_slot(ns)]++;
	h->total++;
	h->sum += ns;
}

/* The time within which this part of all were done, µs. */
static inline double histogram_at(const struct histogram *h, double part)
{
	uint64_t seen = 0;
	for (unsigned slot = 0; slot < 42 * STEPS; slot++) {
		seen += h->count[slot];
		if ((double)seen >= part * (double)h->total)
			return (double)((uint64_t)(STEPS + slot % STEPS) << slot / STEPS) / 1e3;
	}
	return 0;
}

static inline void report(const struct histogram *h, uint64_t bytes, uint64_t ns)
{
	double s = (double)ns / 1e9;
	printf("{\"ios\": %llu, \"seconds\": %.3f, \"iops\": %.0f, \"mb_s\": %.1f, "
	       "\"mean_us\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
	       (unsigned long long)h->total, s, (double)h->total / s, (double)bytes / 1e6 / s,
	       h->total ? (double)h->sum / 1e3 / (double)h->total : 0, histogram_at(h, 0.5),
	       histogram_at(h, 0.99));
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* How long many things took: a histogram in steps of 1/16 of a power of two, so within 6 %, from 16 ns to hours. */
#ifndef LUNAR_LOAD_LATENCY_H
#define LUNAR_LOAD_LATENCY_H

#include <stdint.h>

#define LATENCY_STEPS 16
#define LATENCY_SLOTS (42 * LATENCY_STEPS)

/* Nanoseconds. All zero: nothing yet. */
struct latency {
	uint64_t count[LATENCY_SLOTS];
	uint64_t total, sum, min, max;
	double squares;
};

void latency_add(struct latency *l, uint64_t ns);
/* All of `from`, too. */
void latency_merge(struct latency *l, const struct latency *from);
double latency_mean(const struct latency *l);
double latency_deviation(const struct latency *l);
/* The time within which this part of all, 0 to 1, were done. */
uint64_t latency_at(const struct latency *l, double part);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "load/latency.h"

#include <math.h>
#include <stddef.h>
#include "common/cleanup.h"

/* What takes less than 16 ns is not told apart. */
static unsigned slot_of(uint64_t ns)
{
	unsigned log = 63 - (unsigned)__builtin_clzll(ns | LATENCY_STEPS);
	unsigned slot =
		(log - 4) * LATENCY_STEPS + (unsigned)(ns >> (log - 4) & (LATENCY_STEPS - 1));
	return MIN(slot, LATENCY_SLOTS - 1);
}

void latency_add(struct latency *l, uint64_t ns)
{
	l->count[slot_of(ns)]++;
	l->min = l->total ? MIN(l->min, ns) : ns;
	l->max = MAX(l->max, ns);
	l->total++;
	l->sum += ns;
	l->squares += (double)ns * (double)ns;
}

void latency_merge(struct latency *l, const struct latency *from)
{
	if (!from->total)
		return;
	for (size_t i = 0; i < LATENCY_SLOTS; i++)
		l->count[i] += from->count[i];
	l->min = l->total ? MIN(l->min, from->min) : from->min;
	l->max = MAX(l->max, from->max);
	l->total += from->total;
	l->sum += from->sum;
	l->squares += from->squares;
}

double latency_mean(const struct latency *l)
{
	return l->total ? (double)l->sum / (double)l->total : 0;
}

double latency_deviation(const struct latency *l)
{
	double mean = latency_mean(l);
	double variance = l->total ? l->squares / (double)l->total - mean * mean : 0;
	return variance > 0 ? sqrt(variance) : 0;
}

uint64_t latency_at(const struct latency *l, double part)
{
	uint64_t seen = 0;
	for (unsigned slot = 0; slot < LATENCY_SLOTS && l->total; slot++) {
		seen += l->count[slot];
		if (!l->count[slot] || (double)seen < part * (double)l->total)
			continue;
		uint64_t ns = (uint64_t)(LATENCY_STEPS + slot % LATENCY_STEPS)
			      << slot / LATENCY_STEPS;
		return MIN(MAX(ns, l->min), l->max);
	}
	return l->max;
}

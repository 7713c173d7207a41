/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters with one writer, and readers on other threads that are content with an older number. */
#ifndef LUNAR_COMMON_COUNT_H
#define LUNAR_COMMON_COUNT_H

#include <stdint.h>

static inline uint64_t count_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static inline void count_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, count_read(counter) + n, __ATOMIC_RELAXED);
}

#endif

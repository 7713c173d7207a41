/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buffers of tasks: page-aligned, in powers of two, kept for the next task of that size. One budget
 * bounds what is in use and what is kept together. Contents are whatever was there before.
 *
 * An eighth of the budget is for what keeps sessions alive (pings, text), and nothing else is: neither
 * commands nor those can take the other's part.
 */
#ifndef LUNAR_TARGET_POOL_H
#define LUNAR_TARGET_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_MIN_SHIFT 12 /* 4 KiB */
#define POOL_MAX_SHIFT 25 /* 32 MiB: the largest transfer with room for what it is compared to */
#define POOL_CLASSES   (POOL_MAX_SHIFT - POOL_MIN_SHIFT + 1)

struct pool {
	size_t limit;
	size_t used;  /* bytes handed out to commands, rounded up to their class */
	size_t other; /* to others */
	size_t kept;  /* bytes waiting in the free lists */
	void *free[POOL_CLASSES];
};

void pool_init(struct pool *pool, size_t limit);
void pool_free(struct pool *pool);
/* At least `len` bytes, or NULL: over the budget, too large, or no memory. */
void *pool_get(struct pool *pool, size_t len, bool command);
/* What a buffer for `len` bytes takes of the budget. */
size_t pool_size(size_t len);
/* `len` and `command` as it was asked for. */
void pool_put(struct pool *pool, void *buf, size_t len, bool command);
/* What commands may take together. */
static inline size_t pool_for_commands(const struct pool *pool)
{
	return pool->limit - pool->limit / 8;
}
/* What is handed out; also for other threads, which may hear of an older number. */
static inline size_t pool_taken(const struct pool *pool)
{
	return __atomic_load_n(&pool->used, __ATOMIC_RELAXED) +
	       __atomic_load_n(&pool->other, __ATOMIC_RELAXED);
}
/* Half of that is in use: take little new on. */
static inline bool pool_low(const struct pool *pool)
{
	return pool->used > pool_for_commands(pool) / 2;
}

#endif

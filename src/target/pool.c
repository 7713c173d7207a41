/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void pool_init(struct pool *pool, size_t limit)
{
	memset(pool, 0, sizeof(*pool));
	pool->limit = limit;
}

static unsigned class_of(size_t len)
{
	unsigned class = 0;
	while (len > (size_t)1 << (POOL_MIN_SHIFT + class))
		class ++;
	return class;
}

static size_t class_size(unsigned class)
{
	return (size_t)1 << (POOL_MIN_SHIFT + class);
}

/* A free buffer's first word links to the next free one. */
static void *pop(struct pool *pool, unsigned class)
{
	void *buf = pool->free[class];
	if (!buf)
		return NULL;
	memcpy(&pool->free[class], buf, sizeof(void *));
	pool->kept -= class_size(class);
	return buf;
}

/* Gives kept buffers back until the budget has room for `need` more bytes in use. */
static void trim(struct pool *pool, size_t need)
{
	for (unsigned class = POOL_CLASSES; class -- > 0;)
		while (pool->used + pool->other + pool->kept + need > pool->limit &&
		       pool->free[class])
			free(pop(pool, class));
}

void pool_free(struct pool *pool)
{
	assert(pool->used == 0 && pool->other == 0);
	for (unsigned class = 0; class < POOL_CLASSES; class ++)
		while (pool->free[class])
			free(pop(pool, class));
}

size_t pool_size(size_t len)
{
	return class_size(class_of(len));
}

void *pool_get(struct pool *pool, size_t len, bool command)
{
	if (len > (size_t)1 << POOL_MAX_SHIFT)
		return NULL;
	unsigned class = class_of(len);
	size_t size = class_size(class);
	size_t *account = command ? &pool->used : &pool->other;
	size_t limit = command ? pool_for_commands(pool) : pool->limit - pool_for_commands(pool);
	if (*account + size > limit)
		return NULL;
	void *buf = pop(pool, class);
	if (!buf) {
		trim(pool, size);
		buf = aligned_alloc((size_t)1 << POOL_MIN_SHIFT, size);
	}
	if (buf)
		__atomic_store_n(account, *account + size, __ATOMIC_RELAXED);
	return buf;
}

void pool_put(struct pool *pool, void *buf, size_t len, bool command)
{
	unsigned class = class_of(len);
	size_t *account = command ? &pool->used : &pool->other;
	assert(*account >= class_size(class));
	__atomic_store_n(account, *account - class_size(class), __ATOMIC_RELAXED);
	memcpy(buf, &pool->free[class], sizeof(void *));
	pool->free[class] = buf;
	pool->kept += class_size(class);
}

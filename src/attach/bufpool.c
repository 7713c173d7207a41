/* SPDX-License-Identifier: BSD-2-Clause */
#include "attach/bufpool.h"

#include <stdlib.h>
#include "common/cleanup.h"

/* So much stays for later. */
#define KEEP (16u << 20)

static unsigned class_of(size_t len)
{
	unsigned shift = BUFPOOL_MIN_SHIFT;
	while (((size_t)1 << shift) < len)
		shift++;
	return shift - BUFPOOL_MIN_SHIFT;
}

static size_t size_of(unsigned class)
{
	return (size_t)1 << (class + BUFPOOL_MIN_SHIFT);
}

void *bufpool_get(struct bufpool *pool, size_t len)
{
	if (len > (size_t)1 << BUFPOOL_MAX_SHIFT)
		return NULL;
	unsigned class = class_of(len);
	struct bufpool_free *buf = pool->free[class];
	if (!buf)
		return aligned_alloc(size_of(0), size_of(class));
	pool->free[class] = buf->next;
	pool->kept -= size_of(class);
	return buf;
}

void bufpool_put(struct bufpool *pool, void *buf, size_t len)
{
	struct bufpool_free *entry = buf;
	unsigned class = class_of(len);
	if (!buf || pool->kept + size_of(class) > KEEP) {
		free(buf);
		return;
	}
	entry->next = pool->free[class];
	pool->free[class] = entry;
	pool->kept += size_of(class);
}

void bufpool_free(struct bufpool *pool)
{
	for (size_t i = 0; i < ARRAY_SIZE(pool->free); i++) {
		while (pool->free[i]) {
			struct bufpool_free *buf = pool->free[i];
			pool->free[i] = buf->next;
			free(buf);
		}
	}
	pool->kept = 0;
}

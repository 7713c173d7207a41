/* SPDX-License-Identifier: BSD-2-Clause */
/* Buffers of requests on one thread: page-aligned, in powers of two, some of them kept for the next request.
 * Contents are whatever was there before. Who asks sees to how much is in use. */
#ifndef LUNAR_ATTACH_BUFPOOL_H
#define LUNAR_ATTACH_BUFPOOL_H

#include <stddef.h>

#define BUFPOOL_MIN_SHIFT 12 /* 4 KiB */
#define BUFPOOL_MAX_SHIFT 25 /* 32 MiB */

struct bufpool_free {
	struct bufpool_free *next;
};

struct bufpool {
	size_t kept; /* bytes in the lists */
	struct bufpool_free *free[BUFPOOL_MAX_SHIFT - BUFPOOL_MIN_SHIFT + 1];
};

/* At least `len` bytes, up to 32 MiB, or NULL: no memory. */
void *bufpool_get(struct bufpool *pool, size_t len);
/* `len` as it was asked for. NULL is fine. */
void bufpool_put(struct bufpool *pool, void *buf, size_t len);
void bufpool_free(struct bufpool *pool);

#endif

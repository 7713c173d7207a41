/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A growing byte buffer with an upper limit. A failed append is remembered in `err`, so that a
 * sequence of appends is checked once, at its end.
 */
#ifndef LUNAR_COMMON_BUF_H
#define LUNAR_COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/cleanup.h"

struct buf {
	uint8_t *data; /* owned; followed by a NUL that `len` does not count */
	size_t len;
	size_t size;
	size_t max; /* no append takes `len` past this */
	int err;    /* 0, -ENOMEM or -EMSGSIZE, from the first append that failed */
};

void buf_init(struct buf *b, size_t max);
void buf_free(struct buf *b);
void buf_clear(struct buf *b);
int buf_add(struct buf *b, const void *data, size_t len);
int buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
/* Drops the first `n` bytes. */
void buf_consume(struct buf *b, size_t n);
/* Drops all but the first `len` bytes. */
void buf_truncate(struct buf *b, size_t len);
/* The content as a C string; "" when nothing was added. */
const char *buf_str(const struct buf *b);

#endif

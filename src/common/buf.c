/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void buf_free(struct buf *b)
{
	free(b->data);
	buf_init(b, b->max);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->err = 0;
}

static int fail(struct buf *b, int err)
{
	if (!b->err)
		b->err = err;
	return err;
}

/* Room for `len` more bytes and the NUL. */
static int reserve(struct buf *b, size_t len)
{
	if (b->err)
		return b->err;
	if (len > b->max - b->len)
		return fail(b, -EMSGSIZE);
	size_t need = b->len + len + 1;
	if (need <= b->size)
		return 0;
	size_t size = MAX(need, b->size * 2);
	uint8_t *data = realloc(b->data, size);
	if (!data)
		return fail(b, -ENOMEM);
	b->data = data;
	b->size = size;
	return 0;
}

int buf_add(struct buf *b, const void *data, size_t len)
{
	int err = reserve(b, len);
	if (err)
		return err;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = 0;
	return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	int err = n < 0 ? fail(b, -EINVAL) : reserve(b, (size_t)n);
	if (!err) {
		vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
	return err;
}

void buf_truncate(struct buf *b, size_t len)
{
	if (len >= b->len)
		return;
	b->len = len;
	b->data[len] = 0;
}

void buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->len);
	if (!n)
		return;
	b->len -= n;
	memmove(b->data, b->data + n, b->len);
	b->data[b->len] = 0;
}

const char *buf_str(const struct buf *b)
{
	return b->len ? (const char *)b->data : "";
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a fuzz target is made of. Each NAME_fuzz.c defines fuzz(): one input, from nothing to nothing, the
 * same each time. libFuzzer calls it with what it invents (`make fuzz`), replay.c with what is in
 * seeds/NAME, in every test run.
 */
#ifndef LUNAR_TESTS_FUZZ_H
#define LUNAR_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unlike assert() it is there in every build, and no test framework is in the way. */
#define MUST(condition)           \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

struct input {
	const uint8_t *p;
	size_t left;
};

static inline uint8_t take_byte(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->p++;
}

static inline uint32_t take_number(struct input *in, unsigned bytes)
{
	uint32_t n = 0;
	while (bytes--)
		n = n << 8 | take_byte(in);
	return n;
}

/* At most `want` bytes; how many there were. */
static inline size_t take_bytes(struct input *in, size_t want, const uint8_t **out)
{
	size_t n = MIN(want, in->left);
	*out = in->p;
	in->p += n;
	in->left -= n;
	return n;
}

/* A copy in memory of its own, so that a sanitizer sees who reads past its end. */
static inline uint8_t *copy_of(const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	MUST(copy);
	if (n)
		memcpy(copy, p, n);
	return copy;
}

/* Random numbers that are always the same. */
static inline void not_random(void *ctx, void *out, size_t len)
{
	memset(out, 0x5a, len);
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What a job does next: read or write, how much, and where in its part of the disk. */
#ifndef LUNAR_LOAD_PLACE_H
#define LUNAR_LOAD_PLACE_H

#include "load/load.h"

struct place {
	const struct load_config *config;
	uint64_t begin, size; /* the part, bytes */
	uint64_t next[LOAD_DIRECTIONS];
	uint64_t random;
};

struct place_pick {
	enum load_direction direction;
	uint64_t at; /* bytes, on the disk */
	uint32_t len;
};

/* `size` has room for the largest command. */
void place_init(struct place *p, const struct load_config *config, uint64_t begin, uint64_t size,
		uint64_t seed);
void place_pick(struct place *p, struct place_pick *out);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "load/place.h"

/* splitmix64: each seed is as good as any other, 0 too. */
static uint64_t next_random(struct place *p)
{
	uint64_t z = p->random += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Less than `n`. Multiplied, for a division costs more than the rest. */
static uint64_t below(struct place *p, uint64_t n)
{
	return (uint64_t)((unsigned __int128)next_random(p) * n >> 64);
}

void place_init(struct place *p, const struct load_config *config, uint64_t begin, uint64_t size,
		uint64_t seed)
{
	*p = (struct place){.config = config, .begin = begin, .size = size, .random = seed};
}

static uint32_t pick_len(struct place *p, const struct load_sizes *sizes)
{
	uint64_t steps = sizes->max / sizes->min;
	return (uint32_t)(sizes->min * (steps > 1 ? 1 + below(p, steps) : 1));
}

void place_pick(struct place *p, struct place_pick *out)
{
	const struct load_config *c = p->config;
	bool mixed = c->reads > 0 && c->reads < 100;
	bool read = mixed ? below(p, 100) < c->reads : c->reads > 0;
	out->direction = read ? LOAD_READ : LOAD_WRITE;
	const struct load_sizes *sizes = &c->sizes[out->direction];
	uint64_t *next = &p->next[out->direction];
	out->len = pick_len(p, sizes);
	if (c->random) {
		out->at = p->begin + below(p, (p->size - out->len) / sizes->min + 1) * sizes->min;
		return;
	}
	if (*next + out->len > p->size)
		*next = 0;
	out->at = p->begin + *next;
	*next += out->len;
}

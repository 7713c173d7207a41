/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Initiator Task Tags: the number of a slot, and above it how often that was used. So an answer is looked up at
 * once, and one that is late, or invented, finds nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include "initiator/priv.h"

#define SLOT_BITS 12
#define SLOT_MASK ((1u << SLOT_BITS) - 1)

int ini_tags_new(struct ini_session *s)
{
	s->slot_count = s->config.depth + INI_TAGS_EXTRA;
	assert(s->slot_count < SLOT_MASK); /* so no tag is all ones */
	s->slots = calloc(s->slot_count, sizeof(*s->slots));
	s->free_slots = calloc(s->slot_count, sizeof(*s->free_slots));
	if (!s->slots || !s->free_slots)
		return -ENOMEM;
	for (unsigned i = 0; i < s->slot_count; i++)
		s->slots[i].tag = i;
	ini_tags_reset(s);
	return 0;
}

void ini_tags_reset(struct ini_session *s)
{
	s->free_count = s->slot_count;
	for (unsigned i = 0; i < s->slot_count; i++) {
		s->slots[i].kind = TAG_FREE;
		s->free_slots[i] = (uint16_t)(s->slot_count - 1 - i);
	}
}

uint32_t ini_tag_new(struct ini_session *s, enum tag_kind kind, void *of)
{
	if (!s->free_count)
		return ISCSI_RESERVED_TAG;
	struct slot *slot = &s->slots[s->free_slots[--s->free_count]];
	slot->tag += 1u << SLOT_BITS;
	slot->kind = kind;
	slot->of = of;
	return slot->tag;
}

void ini_tag_free(struct ini_session *s, uint32_t tag)
{
	struct slot *slot = &s->slots[tag & SLOT_MASK];
	assert(slot->tag == tag && slot->kind != TAG_FREE);
	slot->kind = TAG_FREE;
	slot->of = NULL;
	s->free_slots[s->free_count++] = (uint16_t)(tag & SLOT_MASK);
}

void *ini_tag_find(const struct ini_session *s, uint32_t tag, enum tag_kind kind)
{
	uint32_t i = tag & SLOT_MASK;
	if (i >= s->slot_count || s->slots[i].tag != tag || s->slots[i].kind != kind)
		return NULL;
	return s->slots[i].of;
}

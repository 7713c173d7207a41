/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "scsi/pr.h"

bool pr_type_valid(uint8_t type)
{
	return type < 16 && (1u << type & 0x1ea); /* 1, 3, 5 to 8 */
}

static size_t size_of(uint32_t room)
{
	return sizeof(struct pr_state) + room * sizeof(struct pr_registrant);
}

struct pr_state *pr_copy(const struct pr_state *s)
{
	uint32_t count = s ? s->count : 0;
	struct pr_state *copy = calloc(1, size_of(count));

	if (!copy)
		return NULL;
	if (s)
		memcpy(copy, s, size_of(count));
	copy->room = count;
	return copy;
}

static bool is_initiator(const struct pr_registrant *r, const char *initiator, bool any_isid)
{
	if (any_isid || !scsi_names_port(r->initiator))
		return scsi_same_device(r->initiator, initiator);
	return !strcmp(r->initiator, initiator);
}

int pr_find(const struct pr_state *s, const char *initiator, const char *target, bool any_isid)
{
	for (uint32_t i = 0; s && i < s->count; i++) {
		const struct pr_registrant *r = &s->of[i];

		if (!strcmp(r->target, target) && is_initiator(r, initiator, any_isid))
			return (int)i;
	}
	return -1;
}

int pr_add(struct pr_state **s, const struct pr_registrant *r)
{
	struct pr_state *is = *s;

	if (is->count == PR_MOST)
		return -ENOSPC;
	if (is->count == is->room) {
		uint32_t room = MIN(2 * is->room + 4, (uint32_t)PR_MOST);

		is = realloc(is, size_of(room));
		if (!is)
			return -ENOMEM;
		is->room = room;
		*s = is;
	}
	is->of[is->count++] = *r;
	return 0;
}

void pr_drop(struct pr_state *s, const bool *gone)
{
	uint32_t kept = 0, holder = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		if (gone[i])
			continue;
		if (s->holder == i)
			holder = kept;
		if (kept != i)
			s->of[kept] = s->of[i];
		kept++;
	}
	s->count = kept;
	s->holder = holder;
}

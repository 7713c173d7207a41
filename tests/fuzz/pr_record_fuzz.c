/* SPDX-License-Identifier: BSD-2-Clause */
/* The record of persistent reservations, as a file may have it. What is taken is written as it was. */
#include "fuzz.h"
#include "scsi/pr.h"

static void look(const struct pr_state *s)
{
	bool holds = !s->type;

	MUST(s->count <= PR_MOST && s->count <= s->room);
	for (uint32_t i = 0; i < s->count; i++) {
		holds |= pr_holds(s, (int)i);
		MUST(s->of[i].key && s->of[i].initiator[0] && s->of[i].target[0]);
		MUST(pr_find(s, s->of[i].initiator, s->of[i].target, false) >= 0);
	}
	MUST(holds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = copy_of(data, size);
	struct pr_state *s = NULL;
	bool lost = false;

	if (!pr_decode(&s, &lost, copy, size)) {
		uint8_t *out = malloc(size);

		look(s);
		MUST(pr_encode(s, lost, NULL) == size && pr_encode(s, lost, out) == size);
		MUST(!memcmp(out, data, size));
		free(out);
	}
	free(s);
	free(copy);
	return 0;
}

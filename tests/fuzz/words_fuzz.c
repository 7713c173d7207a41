/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the initiator's process that faces the network says: what passes has texts that end, and numbers that are in
 * their tables. An input is a kind, and then bytes and where in the word they are.
 */
#include <string.h>
#include "fuzz.h"
#include "initiatord/orders.h"

#define MUST_END(text) MUST(strnlen(text, sizeof(text)) < sizeof(text))

static void use(const struct word *w)
{
	MUST(w->err <= 0 && -w->err >= 0 && w->reason < INI_REASONS);
	switch (w->kind) {
	case WORD_STATE:
	case WORD_SESSION:
		MUST(w->state.state <= INI_ENDED && w->state.reason < INI_REASONS);
		MUST((int)w->state.header_digest + w->state.data_digest <= 2);
		MUST_END(w->state.address);
		MUST_END(w->state.why);
		break;
	case WORD_RESOLVE: MUST_END(w->resolve.host); break;
	case WORD_ATTACHED:
		MUST_END(w->attached.path);
		MUST_END(w->attached.wwid);
		MUST_END(w->attached.keep.method);
		break;
	case WORD_SEEN:
		MUST(w->seen.what < SEEN_WHATS);
		MUST_END(w->seen.wwid);
		MUST_END(w->seen.now);
		MUST_END(w->seen.target);
		MUST_END(w->seen.host);
		break;
	case WORD_FOUND:
		MUST_END(w->found.target);
		MUST_END(w->found.host);
		break;
	case WORD_DEVICE:
		MUST((int)w->device.gone + w->device.read_only + w->device.attached <= 3);
		MUST_END(w->device.serial);
		MUST_END(w->device.wwid);
		break;
	case WORD_PATH:
		MUST(w->path.state <= PATH_OTHER && w->path.access <= LU_TRANSITIONING);
		break;
	default: MUST_END(w->why);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct word word = {.kind = take_byte(&in)};
	while (in.left) {
		const uint8_t *bytes;
		size_t at = take_number(&in, 2) % sizeof(word);
		size_t n = take_bytes(&in, MIN((size_t)take_byte(&in), sizeof(word) - at), &bytes);
		memcpy((uint8_t *)&word + at, bytes, n);
	}
	/* In memory of its own, and also cut short. */
	size_t len = size % 3 ? sizeof(word) : size % sizeof(word);
	struct word *copy = (struct word *)copy_of((const uint8_t *)&word, len);
	if (word_check(copy, len)) {
		MUST(len == sizeof(word));
		use(copy);
	}
	free(copy);
	return 0;
}

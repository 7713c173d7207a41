/* SPDX-License-Identifier: BSD-2-Clause */
/* What the process that faces the network says is checked before it is looked at. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "common/cleanup.h"
#include "initiatord/orders.h"

#define TEXT(kind, field)                                                                \
	{                                                                                \
		kind, offsetof(struct word, field), sizeof(((struct word *)NULL)->field) \
	}
#define NUMBER(kind, field)                           \
	{                                             \
		kind, offsetof(struct word, field), 0 \
	}

/* Texts, which must end; and numbers and flags, none of which may be 0xff... */
static const struct {
	uint32_t kind;
	size_t at, size;
} fields[] = {
	TEXT(WORD_READY, why),
	TEXT(WORD_LATER, why),
	TEXT(WORD_DONE, why),
	TEXT(WORD_LOST, why),
	TEXT(WORD_CHANGED, why),
	TEXT(WORD_STATE, state.address),
	TEXT(WORD_STATE, state.why),
	TEXT(WORD_SESSION, state.address),
	TEXT(WORD_SESSION, state.why),
	TEXT(WORD_RESOLVE, resolve.host),
	TEXT(WORD_ATTACHED, attached.path),
	TEXT(WORD_ATTACHED, attached.wwid),
	TEXT(WORD_ATTACHED, attached.keep.method),
	TEXT(WORD_FOUND, found.target),
	TEXT(WORD_FOUND, found.host),
	TEXT(WORD_DEVICE, device.vendor),
	TEXT(WORD_DEVICE, device.model),
	TEXT(WORD_DEVICE, device.serial),
	TEXT(WORD_DEVICE, device.wwid),
	TEXT(WORD_SEEN, seen.wwid),
	TEXT(WORD_SEEN, seen.now),
	TEXT(WORD_SEEN, seen.vendor),
	TEXT(WORD_SEEN, seen.model),
	TEXT(WORD_SEEN, seen.serial),
	TEXT(WORD_SEEN, seen.target),
	TEXT(WORD_SEEN, seen.host),
	NUMBER(WORD_DONE, reason),
	NUMBER(WORD_STATE, state.state),
	NUMBER(WORD_STATE, state.reason),
	NUMBER(WORD_STATE, state.header_digest),
	NUMBER(WORD_STATE, state.data_digest),
	NUMBER(WORD_DEVICE, device.gone),
	NUMBER(WORD_DEVICE, device.read_only),
	NUMBER(WORD_DEVICE, device.attached),
	NUMBER(WORD_PATH, path.state),
	NUMBER(WORD_PATH, path.access),
	NUMBER(WORD_PATH, path.used),
	NUMBER(WORD_SEEN, seen.what),
	NUMBER(WORD_SEEN, seen.path.state),
	NUMBER(WORD_SEEN, seen.path.access),
	NUMBER(WORD_SEEN, seen.path.used),
};

static void every_kind_has_a_form(void **state)
{
	for (uint32_t kind = 0; kind < WORD_KINDS; kind++) {
		const struct word word = {.kind = kind};
		assert_true(word_check(&word, sizeof(word)));
		assert_false(word_check(&word, sizeof(word) - 1));
		assert_false(word_check(&word, 0));
	}
	const struct word none = {.kind = WORD_KINDS}, far = {.kind = UINT32_MAX};
	assert_false(word_check(&none, sizeof(none)));
	assert_false(word_check(&far, sizeof(far)));
}

static void every_text_ends(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		struct word word = {.kind = fields[i].kind};
		uint8_t *field = (uint8_t *)&word + fields[i].at;
		if (!fields[i].size)
			continue;
		memset(field, 'x', fields[i].size);
		print_message("field %zu\n", i);
		assert_false(word_check(&word, sizeof(word)));
		field[fields[i].size - 1] = 0;
		assert_true(word_check(&word, sizeof(word)));
	}
}

static void every_number_is_one_of_its_kind(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		struct word word = {.kind = fields[i].kind};
		uint8_t *field = (uint8_t *)&word + fields[i].at;
		if (fields[i].size)
			continue;
		*field = 1;
		print_message("field %zu\n", i);
		assert_true(word_check(&word, sizeof(word)));
		*field = 0xff;
		assert_false(word_check(&word, sizeof(word)));
	}
}

static void an_error_is_an_errno(void **state)
{
	static const struct {
		int32_t err;
		bool can_be;
	} errors[] = {{0, true},      {-1, true}, {-4095, true},
		      {-4096, false}, {1, false}, {INT32_MIN, false}};
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		const struct word word = {.kind = WORD_DONE, .err = errors[i].err};
		assert_int_equal(word_check(&word, sizeof(word)), errors[i].can_be);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_has_a_form),
		cmocka_unit_test(every_text_ends),
		cmocka_unit_test(every_number_is_one_of_its_kind),
		cmocka_unit_test(an_error_is_an_errno),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

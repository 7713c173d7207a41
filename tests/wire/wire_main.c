/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs one theme in simulation: `login_test [PATTERN]` runs the cases whose names match. WIRE_SEED
 * chooses another run of the world, WIRE_TRACE=1 shows every PDU.
 */
#include "wire.h"

#define CAT_(a, b) a##b
#define CAT(a, b)  CAT_(a, b)

extern const struct wire_theme CAT(wire_theme_, WIRE_THEME);

int main(int argc, char **argv)
{
	const struct wire_theme *theme = &CAT(wire_theme_, WIRE_THEME);
	struct CMUnitTest *tests = calloc(theme->count, sizeof(*tests));
	struct wire_run *runs = calloc(theme->count, sizeof(*runs));
	int failed;

	if (!tests || !runs)
		return 1;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	for (size_t i = 0; i < theme->count; i++) {
		runs[i] = (struct wire_run){&theme->cases[i], AF_UNSPEC, NULL};
		tests[i] = (struct CMUnitTest){theme->cases[i].name, wire_run_case, wire_run_setup,
					       wire_run_teardown, &runs[i]};
	}
	failed = _cmocka_run_group_tests(theme->name, tests, theme->count, NULL, NULL);
	free(tests);
	free(runs);
	return failed;
}

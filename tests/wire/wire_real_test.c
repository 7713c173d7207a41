/* SPDX-License-Identifier: BSD-2-Clause */
/* The cases that are marked so, of all themes, over loopback sockets: IPv4, then IPv6. */
#include <stdio.h>
#include "wire.h"

#define CASES_MAX 512
#define NAME_MAX_ 96

/* clang-format off */
#define THEMES(X)                                                           \
	X(login) X(login_bad) X(chap) X(text) X(cmdsn) X(write) X(write_bad) X(read) \
	X(digest) X(nop) X(tmf) X(endings) X(logout) X(reject) X(hostile) X(overload) \
	X(scsi) X(access) X(options) X(live) X(cve) X(initiator) X(device) \
	X(reservation)
#define DECLARE(id) extern const struct wire_theme wire_theme_##id;
#define LIST(id)    &wire_theme_##id,
THEMES(DECLARE)
static const struct wire_theme *const themes[] = {THEMES(LIST)};
/* clang-format on */

struct all {
	struct CMUnitTest tests[CASES_MAX];
	struct wire_run runs[CASES_MAX];
	char names[CASES_MAX][NAME_MAX_];
	size_t count;
};

static void add(struct all *all, const struct wire_theme *theme, int family)
{
	for (size_t i = 0; i < theme->count; i++) {
		const struct wire_case *c = &theme->cases[i];
		size_t n = all->count;

		if (!c->real)
			continue;
		if (n == CASES_MAX) {
			fprintf(stderr, "more than %d cases: CASES_MAX\n", CASES_MAX);
			exit(1);
		}
		all->count++;
		snprintf(all->names[n], NAME_MAX_, "%s: %s: %s",
			 family == AF_INET6 ? "IPv6" : "IPv4", theme->name, c->name);
		all->runs[n] = (struct wire_run){c, family, NULL};
		all->tests[n] = (struct CMUnitTest){all->names[n], wire_run_case, wire_run_setup,
						    wire_run_teardown, &all->runs[n]};
	}
}

int main(int argc, char **argv)
{
	struct all *all = calloc(1, sizeof(*all));
	int failed;

	if (!all)
		return 1;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	for (size_t i = 0; i < ARRAY_SIZE(themes); i++)
		add(all, themes[i], AF_INET);
	for (size_t i = 0; i < ARRAY_SIZE(themes); i++)
		add(all, themes[i], AF_INET6);
	failed = _cmocka_run_group_tests("wire over loopback", all->tests, all->count, NULL, NULL);
	free(all);
	return failed;
}

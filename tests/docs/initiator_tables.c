/* SPDX-License-Identifier: BSD-2-Clause */
/* initiator_tables NAME: one of the tables of docs/initiator-control.md, as Markdown. A program of its own, for both
 * daemons have functions of the same names. */
#include <stdio.h>
#include <string.h>
#include "initiatord/initiatord.h"

static void methods(void)
{
	printf("| method | parameters | what it does |\n|---|---|---|\n");
	for (size_t i = 0; i < initiatord_method_count; i++)
		printf("| `%s` | %s | %s |\n", initiatord_methods[i].name,
		       initiatord_methods[i].params, initiatord_methods[i].help);
}

static void events(void)
{
	printf("| kind | with | when |\n|---|---|---|\n");
	for (size_t i = 0; i < EVENT_KINDS; i++)
		printf("| `%s` | %s | %s |\n", initiatord_events[i].kind,
		       initiatord_events[i].params, initiatord_events[i].help);
}

static const struct {
	const char *name;
	void (*print)(void);
} tables[] = {
	{"initiator_events", events},
	{"initiator_methods", methods},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(tables); i++) {
		if (!strcmp(argv[1], tables[i].name)) {
			tables[i].print();
			return 0;
		}
	}
	fprintf(stderr, "usage: initiator_tables NAME\n");
	return 2;
}

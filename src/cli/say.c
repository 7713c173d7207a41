/* SPDX-License-Identifier: BSD-2-Clause */
/* What commands say before there is anything else to say, for people and as JSON. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "cli/commands.h"

bool wants_json(char **argv)
{
	for (; *argv; argv++)
		if (!strcmp(*argv, "--json"))
			return true;
	return false;
}

static void print(json_t *json)
{
	json_dumpf(json, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(json);
}

int say_json_error(int code, const char *why)
{
	print(json_pack("{s:{s:i, s:s}}", "error", "code", code, "message", why));
	fflush(stdout);
	return code;
}

int say_usage(const char *name, const char *why, bool json)
{
	if (json)
		return say_json_error(EXIT_USAGE, why);
	fprintf(stderr, "%s: %s\n", name, why);
	return EXIT_USAGE;
}

void say_version(const char *name, bool json)
{
	if (json)
		print(json_pack("{s:s}", "version", LUNAR_VERSION));
	else
		printf("%s %s\n", name, LUNAR_VERSION);
}

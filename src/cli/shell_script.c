/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines from standard input that nobody types. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/shell.h"

static void print_prompt(const struct shell *s)
{
	char prompt[CONFIG_PATH_SIZE + 8];
	if (!s->is_targetcli)
		return;
	shell_prompt(s, prompt, sizeof(prompt));
	printf("%s", prompt);
	fflush(stdout);
}

/* All that was gathered, as one transaction. */
static int run_batch(struct shell *s)
{
	json_t *calls = s->batch;
	struct control_error error;
	s->batch = NULL;
	if (!json_array_size(calls)) {
		json_decref(calls);
		return 0;
	}
	json_t *result =
		shell_try(s, "batch", json_pack("{s:O, s:b}", "calls", calls, "atomic", 1), &error);
	if (result) {
		json_t *results = json_object_get(result, "results");
		for (size_t i = 0; i < json_array_size(results); i++)
			shell_print(s, json_incref(json_array_get(results, i)));
		json_decref(result);
		json_decref(calls);
		return 0;
	}
	size_t at = (size_t)json_integer_value(json_object_get(error.data, "index"));
	json_int_t line = json_integer_value(json_object_get(json_array_get(calls, at), "line"));
	s->line = error.data ? (unsigned)line : 0;
	int code =
		error.data
			? shell_fail(s, "line %" JSON_INTEGER_FORMAT ": %s\nNothing was changed.",
				     line, error.message)
			: shell_fail(s, "%s", error.message);
	control_error_free(&error);
	json_decref(calls);
	return code;
}

int shell_script(struct shell *s)
{
	CLEANUP(free) char *line = NULL;
	size_t size = 0;
	bool atomic = s->batch;
	print_prompt(s);
	while (!s->quit && getline(&line, &size, stdin) >= 0) {
		line[strcspn(line, "\n")] = 0;
		s->line++;
		int code = shell_run(s, line);
		/* A transaction of which a line cannot be understood is not done. */
		if (code && atomic) {
			if (!s->json) /* there it has been said */
				fprintf(stderr, "That was line %u. Nothing was changed.\n",
					s->line);
			return code;
		}
		if (!s->quit)
			print_prompt(s);
	}
	/* A secret may have been typed. */
	if (line)
		explicit_bzero(line, size);
	if (atomic && run_batch(s))
		return 1;
	s->quit = s->quit && !atomic;
	int code = shell_leave(s);
	/* As the original does, whatever its scripts rely on. */
	return s->is_targetcli ? 0 : code || s->failed;
}

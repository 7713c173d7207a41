/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shell on the daemon's tree: one command line at a time, whoever it comes from. It keeps nothing of the
 * tree but where it is.
 */
#ifndef LUNAR_CLI_SHELL_H
#define LUNAR_CLI_SHELL_H

#include <jansson.h>
#include <stdbool.h>
#include "cli/shell_line.h"
#include "cli/shell_prefs.h"
#include "cli/shell_tree.h"
#include "config/commands.h"
#include "config/tree.h"
#include "control/client.h"

struct shell {
	const char *name;   /* "lunar target", or "targetcli", as which it behaves then */
	const char *socket; /* of the daemon */
	bool is_targetcli;
	bool json;        /* answers as they come from the daemon */
	bool secrets;     /* they are shown */
	bool colour;      /* standard output is a terminal */
	bool interactive; /* somebody types */
	unsigned width;   /* columns of the terminal; 0: there is none */
	json_t *batch;    /* --atomic: calls that change the tree are gathered here; else NULL */
	unsigned line;    /* of the script */

	struct control_client *client; /* NULL: not connected */
	char cwd[CONFIG_PATH_SIZE], before[CONFIG_PATH_SIZE];
	struct shell_prefs prefs;
	bool quit;
	int left;   /* what shell_leave() came to */
	int failed; /* commands of this shell */
};

/* One command, at its object. */
struct shell_call {
	const struct config_command *command;
	char path[CONFIG_PATH_SIZE];
	enum config_kind kind, plugin;
	json_t *args;                  /* {"name": "text"} by the command's parameters */
	const struct shell_word *more; /* behind its parameters, of get and set */
	size_t more_count;
};

/* Runs a line: 0, or 1 when it failed, and then standard error has the reason. */
int shell_run(struct shell *s, const char *text);
/* What exit does: saves, when that is preferred. 0 or 1. */
int shell_leave(struct shell *s);
/* "/iscsi/iqn.20...e/tpg1/acls> " */
void shell_prompt(const struct shell *s, char *out, size_t size);
/* Lines from a terminal, until the end. 0 or 1. */
int shell_interactive(struct shell *s);
/* Lines from standard input, until the end. 0 or 1. */
int shell_script(struct shell *s);
void shell_end(struct shell *s);

/* The daemon's socket: as given, by LUNAR_TARGET_SOCKET, or where it is by itself. */
const char *shell_socket(const char *given);

/* What targetcli has not (manage.c): true, with the exit code, when `words` begin with one of these. */
bool manage_run(struct shell *s, char **words, int *code);
/* Their names; NULL behind the last. */
const char *manage_verb(size_t i);

/* ---- for commands ---- */

typedef int shell_handler(struct shell *s, struct shell_call *c);

struct shell_command {
	const char *name;
	shell_handler *run;
};

extern const struct shell_command shell_looks[], shell_edits[], shell_files[], shell_daemons[];
extern const size_t shell_look_count, shell_edit_count, shell_file_count, shell_daemon_count;

/* The argument as text; NULL: not given. */
const char *shell_arg(const struct shell_call *c, const char *name);
/* One line on standard error; 1. */
int shell_fail(struct shell *s, const char *fmt, ...) PRINTF(2, 3);
/* The same with `data` in its JSON, which is taken over. */
int shell_fail_with(struct shell *s, json_t *data, const char *fmt, ...) PRINTF(3, 4);
/* Takes over `params`. NULL: it failed, and that was said. */
json_t *shell_ask(struct shell *s, const char *method, json_t *params);
/* The same; NULL with `error`, which the caller frees: nothing was said. */
json_t *shell_try(struct shell *s, const char *method, json_t *params, struct control_error *error);
/* Calls a method that changes the tree, and prints what it said; or puts it into the batch. */
int shell_change(struct shell *s, const char *method, json_t *params);
/* Prints result->said, a line each; as JSON when that is wanted. Takes it over. 0. */
int shell_print(struct shell *s, json_t *result);
/* For a command that has nothing to say: 0. */
int shell_done(struct shell *s);
/* That is where the shell is from now on. 0, or 1 and that was said. */
int shell_go(struct shell *s, const char *path);
/* Finds out what is at a path. False: nothing, or the daemon does not answer. */
bool shell_kind(struct shell *s, const char *path, enum config_kind *kind, enum config_kind *plugin,
		struct control_error *error);
/* The same by the path alone, whatever is there. False: nothing can be there. */
bool shell_kind_of_path(const char *path, enum config_kind *kind, enum config_kind *plugin);
/* A path that was typed, "@bookmark" and "-" included, from `base`. 0, or 1 and that was said. */
int shell_resolve(struct shell *s, const char *base, const char *typed, char out[CONFIG_PATH_SIZE]);
/* "true", "1", "yes": yes. */
bool shell_is_true(const char *text);

#endif

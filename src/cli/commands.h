/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of `lunar`: each takes the words after its name and returns the exit code. */
#ifndef LUNAR_CLI_COMMANDS_H
#define LUNAR_CLI_COMMANDS_H

#include <stdbool.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_SIGNAL = 128 };

/* --- say.c; with `json` a line on standard output in place of the text */
/* Whether --json is among them, of a command line that cannot be understood otherwise. */
bool wants_json(char **argv);
/* What was wrong with a command line. EXIT_USAGE. */
int say_usage(const char *name, const char *why, bool json);
/* {"error": ...}. The code. */
int say_json_error(int code, const char *why);
void say_version(const char *name, bool json);

int serve_command(char **argv);
int target_command(char **argv);
int status_command(char **argv);
int events_command(char **argv);
/* --- attach.c */
int attach_command(char **argv);
int detach_command(char **argv);
int list_command(char **argv);
int discover_command(char **argv);
int bench_command(char **argv);
int cp_command(char **argv);
int doctor_command(char **argv);
/* Called as targetcli; `argv` with its name. */
int targetcli_command(char **argv);

#endif

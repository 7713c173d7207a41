/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of `lunar`: each takes the words after its name and returns the exit code. */
#ifndef LUNAR_CLI_COMMANDS_H
#define LUNAR_CLI_COMMANDS_H

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_SIGNAL = 128 };

int serve_command(char **argv);
int target_command(char **argv);
int status_command(char **argv);
/* Called as targetcli; `argv` with its name. */
int targetcli_command(char **argv);

#endif

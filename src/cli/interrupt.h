/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals that end a command that runs for long: the first one in order, another one at once. */
#ifndef LUNAR_CLI_INTERRUPT_H
#define LUNAR_CLI_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>
#include "cli/terminal.h"

struct interrupt {
	int signal;  /* that has ended it; 0: none has */
	uint64_t at; /* when it came, in ns of the command's own time */
};

/* A signal has come. True: it is the first one, and the command is to end. The second one does not return. */
bool interrupt_first(struct interrupt *i, struct terminal *t, int signal, uint64_t now);

#endif

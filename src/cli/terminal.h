/* SPDX-License-Identifier: BSD-2-Clause */
/* Standard error: log lines, and on a terminal one status line below them that is written over. */
#ifndef LUNAR_CLI_TERMINAL_H
#define LUNAR_CLI_TERMINAL_H

#include <pthread.h>
#include <stdbool.h>
#include "common/log.h"

struct terminal {
	struct log log; /* writes here */
	bool is_tty;
	bool status_shown;    /* the cursor is behind a status line */
	pthread_mutex_t lock; /* every reactor writes its lines */
};

void terminal_init(struct terminal *t, enum log_level level);
/* Does nothing where there is no terminal. */
void terminal_status(struct terminal *t, const char *text);
void terminal_clear(struct terminal *t);

#endif

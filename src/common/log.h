/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log lines. A `struct log` hangs off the program's context; there is no global one. Text that came
 * from a peer goes through log_safe() first: it must not steer a terminal (CVE-2026-44943).
 */
#ifndef LUNAR_COMMON_LOG_H
#define LUNAR_COMMON_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include "common/cleanup.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_COUNT
};

/* Where a line comes from: the directory, and what of one is told apart. */
enum log_module {
	LOG_ISCSI,
	LOG_LOGIN,
	LOG_SCSI,
	LOG_BACKSTORE,
	LOG_REACTOR,
	LOG_SANDBOX,
	LOG_CONFIG,
	LOG_CONTROL,
	LOG_DAEMON,
	LOG_AUDIT, /* what administrators change */
	LOG_CLI,
	LOG_OTHER,
	LOG_MODULES,
};

#define LOG_LEVELS_TEXT 256 /* of log_levels() */

/* All but the levels is set once. The levels may be changed at any time, by one thread; others see that soon. */
struct log {
	enum log_level level; /* what is above it is dropped */
	/* Takes one line without its newline, from whatever thread; NULL writes it to standard error. */
	void (*write)(struct log *log, enum log_level level, const char *line);
	void *ctx;   /* the writer's */
	bool tagged; /* lines begin with their module */
	/* Of modules that have a level of their own, that and 1; else 0. `some`: there are such ones. */
	unsigned char own[LOG_MODULES], some;
};

/* `file`: of the source, which tells the module. */
void log_line(struct log *log, enum log_level level, const char *file, const char *fmt, ...)
	PRINTF(4, 5);

#define log_error(log, ...)   log_line(log, LOG_LEVEL_ERROR, __FILE__, __VA_ARGS__)
#define log_warning(log, ...) log_line(log, LOG_LEVEL_WARNING, __FILE__, __VA_ARGS__)
#define log_info(log, ...)    log_line(log, LOG_LEVEL_INFO, __FILE__, __VA_ARGS__)
#define log_debug(log, ...)   log_line(log, LOG_LEVEL_DEBUG, __FILE__, __VA_ARGS__)

/*
 * Sets levels: "LEVEL" for all modules, "MODULE=LEVEL" for one, several with commas between them, in that order. 0, or
 * -EINVAL with one line in `why` and nothing changed.
 */
int log_set_levels(struct log *log, const char *text, char *why, size_t why_size);
/* As log_set_levels() takes them: "info,scsi=debug". Returns `out`. */
char *log_levels(const struct log *log, char out[LOG_LEVELS_TEXT]);
const char *log_module_name(enum log_module module);
const char *log_level_name(enum log_level level);

/* Copies `len` bytes of foreign text into `out`, what is not printable ASCII as \xNN, cut to fit. */
char *log_safe(char *out, size_t size, const void *text, size_t len);

#endif

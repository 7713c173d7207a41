/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log lines. A `struct log` hangs off the program's context; there is no global one. Text that came
 * from a peer goes through log_safe() first: it must not steer a terminal (CVE-2026-44943).
 */
#ifndef LUNAR_COMMON_LOG_H
#define LUNAR_COMMON_LOG_H

#include <stddef.h>
#include "common/cleanup.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct log {
	enum log_level level; /* what is above it is dropped */
	/* Takes one line without its newline, from whatever thread; NULL writes it to standard error. */
	void (*write)(struct log *log, enum log_level level, const char *line);
	void *ctx; /* the writer's */
};

void log_line(struct log *log, enum log_level level, const char *fmt, ...) PRINTF(3, 4);

#define log_error(log, ...)   log_line(log, LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(log, ...) log_line(log, LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(log, ...)    log_line(log, LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(log, ...)   log_line(log, LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Copies `len` bytes of foreign text into `out`, what is not printable ASCII as \xNN, cut to fit. */
char *log_safe(char *out, size_t size, const void *text, size_t len);

#endif

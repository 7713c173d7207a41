/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void log_line(struct log *log, enum log_level level, const char *fmt, ...)
{
	char line[1024];
	if (!log || level > log->level)
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (log->write)
		log->write(log, level, line);
	else
		fprintf(stderr, "lunar: %s: %s\n", level_names[level], line);
}

char *log_safe(char *out, size_t size, const void *text, size_t len)
{
	const unsigned char *in = text;
	size_t n = 0;
	for (size_t i = 0; i < len && n + 5 <= size; i++) {
		if (in[i] >= 0x20 && in[i] < 0x7f && in[i] != '\\')
			out[n++] = (char)in[i];
		else
			n += (size_t)snprintf(out + n, 5, "\\x%02x", in[i]);
	}
	if (size)
		out[n] = 0;
	return out;
}

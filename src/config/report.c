/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include "config/json.h"

/* A file of another kind than was thought has something wrong in each line; the first ones tell it. */
#define REPORT_MAX   (1u << 20)
#define REPORT_LINES 1000

void config_report_init(struct config_report *report)
{
	*report = (struct config_report){0};
	buf_init(&report->lines, REPORT_MAX);
}

void config_report_free(struct config_report *report)
{
	buf_free(&report->lines);
}

static void add(struct config_report *report, const char *severity, const char *place,
		const char *fmt, va_list ap)
{
	char line[1024];
	int n = snprintf(line, sizeof(line), "%s: %s%s", severity, place, place[0] ? ": " : "");
	if (n < 0 || report->errors + report->warnings > REPORT_LINES)
		return;
	if ((size_t)n < sizeof(line))
		vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	config_clean(line);
	(void)buf_printf(&report->lines, "%s\n", line);
}

void config_report_error(struct config_report *report, const char *place, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	report->errors++;
	add(report, "error", place, fmt, ap);
	va_end(ap);
}

void config_report_warning(struct config_report *report, const char *place, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	report->warnings++;
	add(report, "warning", place, fmt, ap);
	va_end(ap);
}

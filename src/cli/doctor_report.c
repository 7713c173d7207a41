/* SPDX-License-Identifier: BSD-2-Clause */
/* What the steps of `lunar doctor` came to. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "cli/commands.h"
#include "cli/doctor.h"
#include "cli/initiator.h"

#define INDENT 22 /* of lines below a step: its word and its time */

static double seconds_since(const struct timespec *began)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - began->tv_sec) + (double)(now.tv_nsec - began->tv_nsec) / 1e9;
}

void doctor_begin(struct doctor *d, const char *step)
{
	d->step = step;
	clock_gettime(CLOCK_MONOTONIC, &d->began);
}

static void end(struct doctor *d, const char *result, json_t *facts, const char *advice,
		const char *text)
{
	double seconds = seconds_since(&d->began);
	json_t *step = json_pack("{s:s, s:s, s:f, s:s}", "step", d->step, "result", result,
				 "seconds", seconds, "text", text);
	if (advice && advice[0])
		json_object_set_new(step, "advice", json_string(advice));
	if (facts)
		json_object_update(step, facts);
	json_decref(facts);
	json_array_append_new(d->steps, step);
	if (d->json)
		return;
	printf("%-7s %9.1f ms  %s: %s\n", result, seconds * 1000, d->step, text);
	if (advice && advice[0])
		printf("%*s-> %s\n", INDENT, "", advice);
	fflush(stdout);
}

void doctor_ok(struct doctor *d, json_t *facts, const char *fmt, ...)
{
	char text[DOCTOR_TEXT];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	end(d, "ok", facts, NULL, text);
}

void doctor_warn(struct doctor *d, json_t *facts, const char *advice, const char *fmt, ...)
{
	char text[DOCTOR_TEXT];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	d->warnings++;
	end(d, "warning", facts, advice, text);
}

int doctor_fail(struct doctor *d, const char *reason, json_t *facts, const char *advice,
		const char *fmt, ...)
{
	char text[DOCTOR_TEXT];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!facts)
		facts = json_object();
	json_object_set_new(facts, "reason", json_string(reason));
	end(d, "failed", facts, advice, text);
	int code = initiator_code(reason);
	if (!d->code) {
		d->code = code;
		snprintf(d->code_reason, sizeof(d->code_reason), "%s", reason);
		snprintf(d->message, sizeof(d->message), "%s", text);
	}
	return code;
}

void doctor_line(const struct doctor *d, const char *fmt, ...)
{
	va_list ap;
	if (d->json)
		return;
	printf("%*s", INDENT, "");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

static void print_json(struct doctor *d)
{
	char portal[ISCSI_ADDRESS_SIZE];
	json_t *all = json_pack("{s:s, s:O, s:i}", "portal", ini_address_format(portal, &d->host),
				"steps", d->steps, "warnings", (int)d->warnings);
	if (d->target[0])
		json_object_set_new(all, "target", json_string(d->target));
	if (d->lun != LUNAR_NO_LUN)
		json_object_set_new(all, "lun", json_integer((json_int_t)d->lun));
	if (d->code)
		json_object_set_new(all, "error",
				    json_pack("{s:i, s:s, s:s}", "code", d->code, "reason",
					      d->code_reason, "message", d->message));
	json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
	printf("\n");
	json_decref(all);
}

int doctor_end(struct doctor *d)
{
	if (d->json)
		print_json(d);
	else if (d->code)
		printf("\nit fails: %s\n", d->message);
	else if (d->warnings)
		printf("\nit works, but see the warning%s above\n", d->warnings > 1 ? "s" : "");
	else
		printf("\nno fault was found\n");
	fflush(stdout);
	return d->code ? d->code : ferror(stdout) ? EXIT_FAILED : 0;
}

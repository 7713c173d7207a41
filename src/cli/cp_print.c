/* SPDX-License-Identifier: BSD-2-Clause */
/* What `lunar cp` says, for people and as JSON. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include "cli/amount.h"
#include "cli/cp.h"

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static void time_left(char *out, size_t size, const struct copy_progress *p)
{
	uint64_t left;
	*out = '\0';
	if (!p->total || !p->done || p->ns < 1000000000)
		return;
	left = (uint64_t)(seconds(p->ns) * ((double)(p->total - p->done) / (double)p->done));
	if (left >= 360000)
		return;
	if (left >= 3600)
		snprintf(out, size, "  %" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " left", left / 3600,
			 left / 60 % 60, left % 60);
	else
		snprintf(out, size, "  %" PRIu64 ":%02" PRIu64 " left", left / 60, left % 60);
}

void cp_print_progress(const struct copy_progress *last, const struct copy_progress *now, char *out,
		       size_t size)
{
	char done[24], total[24], rate[24], left[40], share[16] = "";
	double per_second = now->ns > last->ns ? (double)(now->moved - last->moved) /
							 seconds(now->ns - last->ns)
					       : 0;
	if (now->flushing) {
		snprintf(out, size, "flushing");
		return;
	}
	time_left(left, sizeof(left), now);
	if (now->total)
		snprintf(share, sizeof(share), "%3.0f%%  ",
			 floor(100.0 * (double)now->done / (double)now->total));
	snprintf(out, size, "%s%s%s%s%s  %s/s%s%s", now->verifying ? "comparing  " : "", share,
		 amount_text(done, (double)now->done, true), now->total ? " of " : "",
		 now->total ? amount_text(total, (double)now->total, true) : "",
		 amount_text(rate, per_second, true), left,
		 now->away ? "  (the session is lost; waiting for it)" : "");
}

static void print_extras(const struct copy_result *r, FILE *out)
{
	char bytes[24];
	if (r->resumed)
		fprintf(out, "  went on at %s\n", amount_text(bytes, (double)r->resumed, true));
	if (r->logins)
		fprintf(out, "  sessions were lost and came back: %" PRIu64 "\n", r->logins);
	if (r->verified && r->fault.end == COPY_DONE)
		fprintf(out, "  verified: both are the same, %s\n",
			amount_text(bytes, (double)r->verified, true));
}

void cp_print(const struct cp_options *o, const struct copy_result *r, FILE *out)
{
	char bytes[24], data[24], zero[24], rate[24];
	double s = seconds(r->ns);
	bool all = r->fault.end == COPY_DONE || r->fault.end == COPY_DIFFERS;
	if (o->quiet)
		return;
	fprintf(out, "%s %s in %.1f s: %s of data, %s of zeroes; %s/s\n",
		all ? "copied" : "copied and flushed, before it ended,",
		amount_text(bytes, (double)r->bytes, true), s,
		amount_text(data, (double)r->written, true),
		amount_text(zero, (double)r->zeroed, true),
		amount_text(rate, s > 0 ? (double)r->written / s : 0, true));
	print_extras(r, out);
}

void cp_print_json(const struct copy *c, const struct copy_result *r, int code, const char *word,
		   FILE *out)
{
	json_t *json =
		json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "source",
			  copy_name(c, false), "destination", copy_name(c, true), "bytes",
			  (json_int_t)r->bytes, "written", (json_int_t)r->written, "zeroed",
			  (json_int_t)r->zeroed, "resumed_from", (json_int_t)r->resumed, "verified",
			  (json_int_t)r->verified, "flushed", (json_int_t)r->durable, "reconnects",
			  (json_int_t)r->logins, "seconds", seconds(r->ns));
	if (json && code)
		json_object_set_new(json, "error",
				    json_pack("{s:i, s:s, s:s}", "code", code, "reason", word,
					      "message", r->fault.why));
	if (json)
		json_dumpf(json, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(json);
}

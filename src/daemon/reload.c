/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/reload.h"

#include <inttypes.h>
#include <string.h>
#include <systemd/sd-daemon.h>

/* Between two looks whether changes may be made. */
#define LATER         (50 * NSEC_PER_MSEC)
#define NSEC_PER_USEC 1000

static void begin(struct reload *rl);

/* Line by line, as the file's reader has put them: "error: line 3, column 7: ..." */
static void log_report(const struct reload *rl, const json_t *answer)
{
	const json_t *lines = json_object_get(answer, "report");
	for (size_t i = 0; i < json_array_size(lines); i++)
		log_warning(rl->log, "%s: %s", rl->file,
			    json_string_value(json_array_get(lines, i)));
}

static void finish(struct reload *rl)
{
	rl->running = false;
	if (rl->again)
		begin(rl);
	else
		sd_notify(0, "READY=1");
}

static void applied(void *ctx, int err, const char *why, const json_t *answer)
{
	struct reload *rl = ctx;
	size_t changes = json_array_size(json_object_get(answer, "changes"));
	log_report(rl, answer);
	if (err)
		log_error(rl->log, "%s is not applied, and what runs stays as it is: %s", rl->file,
			  why);
	else
		log_info(rl->log, "%s has been read again: %zu change%s", rl->file, changes,
			 changes == 1 ? "" : "s");
	finish(rl);
}

static void try_now(struct timer *t)
{
	struct reload *rl = container_of(t, struct reload, timer);
	if (rl->busy(rl->ctx)) {
		timer_set(rl->admin->r, t, reactor_now(rl->admin->r) + LATER);
		return;
	}
	if (!admin_run(rl->admin, "config.apply", NULL, applied, rl))
		return;
	log_error(rl->log, "%s is not applied: no memory", rl->file);
	finish(rl);
}

static void begin(struct reload *rl)
{
	rl->running = true;
	rl->again = false;
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		   reactor_now(rl->admin->r) / NSEC_PER_USEC);
	timer_set(rl->admin->r, &rl->timer, reactor_now(rl->admin->r));
}

void reload_init(struct reload *rl)
{
	timer_init(&rl->timer, try_now);
	rl->running = rl->again = false;
}

void reload_start(struct reload *rl)
{
	if (rl->running)
		rl->again = true;
	else
		begin(rl);
}

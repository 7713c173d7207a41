/* SPDX-License-Identifier: BSD-2-Clause */
/* Levels of the log, of both processes. */
#include <stdlib.h>
#include <string.h>
#include "daemon/status.h"

struct asked {
	struct errand_out e;
	struct daemon *d;
	struct control_call *call;
};

static void answer(const struct daemon *d, struct control_call *call)
{
	char text[LOG_LEVELS_TEXT];
	json_t *modules = json_array();
	for (unsigned i = 0; i < LOG_MODULES; i++)
		json_array_append_new(modules, json_string(log_module_name((enum log_module)i)));
	control_answer(call, json_pack("{s:s, s:o}", "levels", log_levels(d->log, text), "modules",
				       modules));
}

/* If that process has ended, the next one has them from its beginning. */
static void child_has_them(struct errand_out *e, int err, const char *why)
{
	struct asked *a = container_of(e, struct asked, e);
	(void)err;
	(void)why;
	answer(a->d, a->call);
	free(a);
}

void status_log_levels(struct daemon *d, struct control_call *call)
{
	bool ok;
	char why[256];
	const char *levels = control_text_or(call, "levels", "", &ok);
	if (!ok)
		return;
	if (!levels[0]) {
		answer(d, call);
		return;
	}
	if (strlen(levels) >= ORDER_TEXT_SIZE) {
		control_refuse(call, RPC_BAD_PARAMS, "\"levels\" is longer than %d characters",
			       ORDER_TEXT_SIZE - 1);
		return;
	}
	struct asked *a = calloc(1, sizeof(*a));
	if (!a) {
		control_refuse(call, RPC_INTERNAL, "There is not enough memory for that.");
		return;
	}
	if (log_set_levels(d->log, levels, why, sizeof(why))) {
		control_refuse(call, RPC_BAD_PARAMS, "%s", why);
		free(a);
		return;
	}
	log_warning(d->log, "levels of the log: %s", log_levels(d->log, why));
	*a = (struct asked){.d = d, .call = call};
	a->e.file = -1;
	a->e.done = child_has_them;
	a->e.order = (struct order){.kind = ORDER_LOG_LEVELS};
	snprintf(a->e.order.text, sizeof(a->e.order.text), "%s", levels);
	courier_send(&d->courier, &a->e);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The methods of a daemon with its other process, one row each; docs/control.md has the same rows. */
#include "daemon/admin.h"
#include "daemon/status.h"

static struct daemon *daemon_of(void *ctx)
{
	return ((struct admin *)ctx)->runtime_ctx;
}

#define OWN(name)                                              \
	static void name(void *ctx, struct control_call *call) \
	{                                                      \
		status_##name(daemon_of(ctx), call);           \
	}
OWN(counters)
OWN(session_end)
OWN(explain)

static void set_log_levels(void *ctx, struct control_call *call)
{
	status_log_levels(daemon_of(ctx), call);
}

static void restart(void *ctx, struct control_call *call)
{
	handover_start(daemon_of(ctx), call);
}

const struct control_method daemon_methods[] = {
	{"daemon.restart", restart, "",
	 "goes on as the program that is installed now, with everything that is open"},
	{"status", counters, "histograms?",
	 "counters of the daemon, and of each disk since it was brought up"},
	{"session.end", session_end, "sid, seconds?",
	 "asks an initiator to log out, then drops it"},
	{"target.explain", explain, "initiator, from?, target?",
	 "which targets an initiator may log in to, with what, and why or why not"},
	{"log.levels", set_log_levels, "levels?",
	 "what is logged, and with levels what from now on"},
};
const size_t daemon_method_count = ARRAY_SIZE(daemon_methods);

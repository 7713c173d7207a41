/* SPDX-License-Identifier: BSD-2-Clause */
/* Methods whose answer the process that faces the network knows. Each answers its call, later. */
#ifndef LUNAR_DAEMON_STATUS_H
#define LUNAR_DAEMON_STATUS_H

#include "daemon/daemon.h"

/* The rows of these; `ctx` is an admin (admin.h) whose runtime is a daemon. */
extern const struct control_method daemon_methods[];
extern const size_t daemon_method_count;

/* Parameters and answers: docs/control.md. */
void status_counters(struct daemon *d, struct control_call *call);
void status_sessions(struct daemon *d, struct control_call *call);
void status_session_end(struct daemon *d, struct control_call *call);
void status_explain(struct daemon *d, struct control_call *call);
void status_log_levels(struct daemon *d, struct control_call *call);

#endif

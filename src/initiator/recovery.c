/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From one connection to the next: a table of states and of what happens in them. What is in no row changes
 * nothing. States of RFC 7143 8.1.1 and 8.3.1 in brackets: one connection is a session here.
 *
 * A failure during recovery is a row as any other: there is no state for "recovering", only an attempt more.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include "initiator/priv.h"

#define HELD_ENOUGH NS_PER_SEC /* a session that lived as long counts as one */
#define SHIFT_MAX   16

typedef void action(struct ini_session *s);

static action begin, again, hop, log_in, go, close_, wait_, fail, drain, drain_end, leave, end;

static const struct row {
	enum machine from;
	enum happening h;
	enum machine to;
	action *act;
} rows[] = {
	/* [S1 FREE] */
	{M_IDLE, H_START, M_CONNECTING, begin},
	{M_IDLE, H_STOP, M_ENDED, end},
	{M_IDLE, H_FORCE, M_ENDED, end},
	{M_ENDED, H_START, M_CONNECTING, begin},
	/* [S2 XPT_WAIT], T2: there is no connection */
	{M_CONNECTING, H_CONNECTED, M_LOGGING_IN, log_in}, /* T4 */
	{M_CONNECTING, H_FAILED, M_WAITING, wait_},
	{M_CONNECTING, H_NOWHERE, M_ENDED, end},
	{M_CONNECTING, H_BROKEN, M_CLOSING_AGAIN, close_}, /* its time is up */
	{M_CONNECTING, H_HOPELESS, M_CLOSING_END, close_},
	{M_CONNECTING, H_STOP, M_CLOSING_END, close_},
	{M_CONNECTING, H_FORCE, M_CLOSING_END, close_},
	/* [S4 IN_LOGIN] */
	{M_LOGGING_IN, H_LOGGED_IN, M_UP, go},          /* T5; 6.3.5: the old session is no more */
	{M_LOGGING_IN, H_MOVED, M_CLOSING_HOP, close_}, /* 11.13.5, class 1 */
	{M_LOGGING_IN, H_BROKEN, M_CLOSING_AGAIN, close_}, /* T7 */
	{M_LOGGING_IN, H_HOPELESS, M_CLOSING_END, close_},
	{M_LOGGING_IN, H_STOP, M_CLOSING_END, close_},
	{M_LOGGING_IN, H_FORCE, M_CLOSING_END, close_},
	/* [S5 LOGGED_IN] */
	{M_UP, H_BROKEN, M_CLOSING_AGAIN, fail},      /* T15; 7.1.4.2: session recovery */
	{M_UP, H_ASKED_OUT, M_DRAINING_AGAIN, drain}, /* T11; 11.9.1, event 1 */
	{M_UP, H_STOP, M_DRAINING_END, drain_end},    /* T9 */
	{M_UP, H_FORCE, M_CLOSING_END, close_},
	/* [S7 LOGOUT_REQUESTED] */
	{M_DRAINING_AGAIN, H_QUIET, M_LEAVING_AGAIN, leave}, /* T10 */
	{M_DRAINING_AGAIN, H_BROKEN, M_CLOSING_AGAIN, fail},
	{M_DRAINING_AGAIN, H_STOP, M_DRAINING_END, drain_end},
	{M_DRAINING_AGAIN, H_FORCE, M_CLOSING_END, close_},
	{M_DRAINING_END, H_QUIET, M_LEAVING_END, leave},
	{M_DRAINING_END, H_BROKEN, M_CLOSING_END, close_},
	{M_DRAINING_END, H_FORCE, M_CLOSING_END, close_},
	/* [S6 IN_LOGOUT] */
	{M_LEAVING_AGAIN, H_LEFT, M_CLOSING_AGAIN, close_}, /* T13, T14 */
	{M_LEAVING_AGAIN, H_BROKEN, M_CLOSING_AGAIN, fail}, /* T17 */
	{M_LEAVING_AGAIN, H_STOP, M_LEAVING_END, NULL},
	{M_LEAVING_AGAIN, H_FORCE, M_CLOSING_END, close_},
	{M_LEAVING_END, H_LEFT, M_CLOSING_END, close_},
	{M_LEAVING_END, H_BROKEN, M_CLOSING_END, close_},
	{M_LEAVING_END, H_FORCE, M_CLOSING_END, close_},
	/* [S8 CLEANUP_WAIT] */
	{M_CLOSING_AGAIN, H_CLOSED, M_WAITING, wait_},
	{M_CLOSING_AGAIN, H_STOP, M_CLOSING_END, NULL},
	{M_CLOSING_AGAIN, H_FORCE, M_CLOSING_END, NULL},
	{M_CLOSING_HOP, H_CLOSED, M_CONNECTING, hop},
	{M_CLOSING_HOP, H_STOP, M_CLOSING_END, NULL},
	{M_CLOSING_HOP, H_FORCE, M_CLOSING_END, NULL},
	{M_CLOSING_END, H_CLOSED, M_ENDED, end},
	/* [Q4 FAILED] */
	{M_WAITING, H_TIME, M_CONNECTING, again},
	{M_WAITING, H_STOP, M_ENDED, end},
	{M_WAITING, H_FORCE, M_ENDED, end},
};

static const struct row *find(enum machine from, enum happening h)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].from == from && rows[i].h == h)
			return &rows[i];
	return NULL;
}

static const enum ini_state public[M_STATES] = {
	[M_IDLE] = INI_IDLE,
	[M_CONNECTING] = INI_CONNECTING,
	[M_LOGGING_IN] = INI_LOGGING_IN,
	[M_UP] = INI_UP,
	[M_DRAINING_AGAIN] = INI_LEAVING,
	[M_LEAVING_AGAIN] = INI_LEAVING,
	[M_DRAINING_END] = INI_LEAVING,
	[M_LEAVING_END] = INI_LEAVING,
	[M_CLOSING_AGAIN] = INI_CLOSING,
	[M_CLOSING_HOP] = INI_CLOSING,
	[M_CLOSING_END] = INI_CLOSING,
	[M_WAITING] = INI_WAITING,
	[M_ENDED] = INI_ENDED,
};

enum ini_state ini_state(const struct ini_session *s)
{
	return public[s->state];
}

static void step(struct ini_session *s, enum happening h)
{
	const struct row *row = find(s->state, h);
	enum ini_state before = public[s->state];
	if (!row)
		return;
	s->state = row->to;
	if (row->act)
		row->act(s);
	if (public[row->to] != before && s->ops->state)
		s->ops->state(s->ctx, public[row->to], &s -> why);
	ini_session_wake(s);
}

/* Actions and callbacks may bring about the next thing: one after the other. */
void ini_recovery_happens(struct ini_session *s, enum happening h)
{
	if (s->queued < ARRAY_SIZE(s->queue))
		s->queue[s->queued++] = h;
	if (s->happens)
		return;
	s->happens = true;
	while (s->queued) {
		enum happening next = s->queue[0];
		memmove(s->queue, s->queue + 1, --s->queued * sizeof(s->queue[0]));
		step(s, next);
	}
	s->happens = false;
}

/* --- why */

static void note_va(struct ini_session *s, enum ini_reason reason, uint16_t status, int err,
		    const char *fmt, va_list ap)
{
	s->why = (struct ini_why){.reason = reason, .status = status, .err = err};
	if (fmt)
		vsnprintf(s->why.text, sizeof(s->why.text), fmt, ap);
	else
		snprintf(s->why.text, sizeof(s->why.text), "%s", ini_reason_text(reason));
}

void ini_recovery_note(struct ini_session *s, enum ini_reason reason, uint16_t status, int err,
		       const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	note_va(s, reason, status, err, fmt, ap);
	va_end(ap);
}

/* The first login is tried for as long as the owner is patient, and only if that may help. */
static bool hopeless(const struct ini_session *s)
{
	if (s->ever_up)
		return false;
	return !ini_reason_may_pass(s->why.reason) || s->now - s->began >= s->config.patience;
}

static bool has_connection(const struct ini_session *s)
{
	return find(s->state, H_BROKEN);
}

void ini_recovery_broken(struct ini_session *s)
{
	ini_recovery_happens(s, hopeless(s) ? H_HOPELESS : H_BROKEN);
}

void ini_recovery_break(struct ini_session *s, enum ini_reason reason, const char *fmt, ...)
{
	va_list ap;
	if (!has_connection(s))
		return;
	va_start(ap, fmt);
	note_va(s, reason, 0, 0, fmt, ap);
	va_end(ap);
	ini_recovery_broken(s);
}

/* --- attempts */

static void connect_to(struct ini_session *s)
{
	const struct ini_times *t = &s->config.times;
	uint64_t one = s->ever_up ? MIN(t->reconnect, t->connect) : t->connect;
	s->stats.attempts++;
	/* All hops of a redirection together take no longer than one login may. */
	s->timer = MIN(ini_session_after(s, one), s->login_ends);
	s->ops->connect(s->ctx, s->address);
}

static void again(struct ini_session *s)
{
	const struct ini_times *t = &s->config.times;
	s->attempt++;
	s->hops = 0;
	s->login_ends =
		ini_session_after(s, MIN(t->connect, INI_NEVER / 4) + MIN(t->login, INI_NEVER / 4));
	memcpy(s->address, s->base, sizeof(s->address));
	connect_to(s);
}

static void begin(struct ini_session *s)
{
	s->began = s->now;
	s->attempt = 0;
	s->ever_up = s->stopping = s->dark = false;
	s->not_before = 0;
	s->outage_since = INI_NEVER;
	again(s);
}

static void log_in(struct ini_session *s)
{
	s->timer = MIN(ini_session_after(s, s->config.times.login), s->login_ends);
	ini_login_begin(s);
}

static void go(struct ini_session *s)
{
	s->timer = INI_NEVER;
	s->ever_up = true;
	s->up_since = s->now;
	s->dark = s->wait_said = false;
	s->outage_since = INI_NEVER;
	s->leave_seconds = 0;
	s->held = s->config.hold;
	s->stats.logins++;
	ini_task_reinstate_all(s);
	ini_task_go(s);
}

/* The first attempt comes at once, then later and later. */
static uint64_t backoff(const struct ini_session *s)
{
	const struct ini_times *t = &s->config.times;
	uint64_t max = ini_reason_may_pass(s->why.reason) ? t->backoff_max : t->backoff_told;
	if (!s->attempt)
		return 0;
	return MIN(t->backoff_first << MIN(s->attempt - 1, SHIFT_MAX), max);
}

/* Whatever the connection had is nobody's now. */
static void lose(struct ini_session *s)
{
	ini_task_lose_all(s);
	iscsi_tx_abandon(&s->tx);
	ini_login_free(s);
	s->login_due = false;
	ini_tmf_lose_all(s, -ECONNRESET);
	ini_text_lose(s);
	if (s->dark)
		ini_task_fail_all(s, -EHOSTDOWN, true);
}

static void hop(struct ini_session *s)
{
	lose(s);
	connect_to(s);
}

static void wait_(struct ini_session *s)
{
	lose(s);
	s->timer = MAX(ini_session_after(s, backoff(s)), s->not_before);
}

/* --- ends */

static void close_(struct ini_session *s)
{
	s->timer = INI_NEVER;
	if (s->state == M_CLOSING_AGAIN && s->ever_up && s->outage_since == INI_NEVER)
		s->outage_since = s->now;
	s->ops->close(s->ctx);
}

/* RFC 7143 13.15: after an unexpected end, Time2Wait has to pass. */
static void fail(struct ini_session *s)
{
	if (s->now - s->up_since >= HELD_ENOUGH)
		s->attempt = 0;
	if (!s->wait_said)
		s->not_before = ini_session_after(s, s->params.time2wait * NS_PER_SEC);
	s->stats.drops++;
	close_(s);
}

static void drain(struct ini_session *s)
{
	uint64_t patience = s->config.times.leave;
	/* Half of what the target gives us is for the logout itself. */
	if (s->leave_seconds)
		patience = MIN(patience, s->leave_seconds * NS_PER_SEC / 2);
	s->attempt = 0;
	s->timer = ini_session_after(s, patience);
	s->outage_since = s->now;
	ini_recovery_check_quiet(s);
}

static void drain_end(struct ini_session *s)
{
	s->timer = ini_session_after(s, s->config.times.leave);
	ini_task_fail_all(s, -ESHUTDOWN, false);
	ini_text_end(s, -ESHUTDOWN);
	ini_recovery_check_quiet(s);
}

static void leave(struct ini_session *s)
{
	s->timer = ini_session_after(s, s->config.times.leave);
	ini_logout_send(s);
}

static void end(struct ini_session *s)
{
	s->timer = INI_NEVER;
	s->outage_since = INI_NEVER;
	lose(s);
	s->stopping = true;
	ini_task_fail_all(s, -ESHUTDOWN, true);
	s->task_check = s->delay_check = INI_NEVER;
}

void ini_recovery_check_quiet(struct ini_session *s)
{
	if (s->state != M_DRAINING_AGAIN && s->state != M_DRAINING_END)
		return;
	if (list_empty(&s->issued) && list_empty(&s->ending) && list_empty(&s->tmfs))
		ini_recovery_happens(s, H_QUIET);
}

/* --- time */

static void time_is_up(struct ini_session *s)
{
	s->timer = INI_NEVER;
	switch (s->state) {
	case M_CONNECTING: ini_recovery_break(s, INI_CONNECT_TIMEOUT, NULL); break;
	case M_LOGGING_IN: ini_recovery_break(s, INI_LOGIN_TIMEOUT, NULL); break;
	case M_DRAINING_AGAIN:
	case M_DRAINING_END: ini_recovery_happens(s, H_QUIET); break;
	case M_LEAVING_AGAIN:
	case M_LEAVING_END: ini_recovery_happens(s, H_LEFT); break;
	case M_WAITING: ini_recovery_happens(s, H_TIME); break;
	default: break;
	}
}

static uint64_t outage_ends(const struct ini_session *s)
{
	if (s->dark || s->outage_since == INI_NEVER || s->config.outage == INI_NEVER)
		return INI_NEVER;
	return s->config.outage >= INI_NEVER - s->outage_since ? INI_NEVER
							       : s->outage_since + s->config.outage;
}

static void go_dark(struct ini_session *s)
{
	s->dark = true;
	if (s->ops->event)
		s->ops->event(s->ctx, &(struct ini_event){.kind = INI_OUTAGE});
	ini_task_fail_all(s, -EHOSTDOWN, true);
}

void ini_recovery_tick(struct ini_session *s)
{
	if (s->now >= s->timer)
		time_is_up(s);
	if (s->now >= outage_ends(s))
		go_dark(s);
}

uint64_t ini_recovery_deadline(const struct ini_session *s)
{
	return MIN(s->timer, outage_ends(s));
}

/* --- what the owner and the driver say */

void ini_start(struct ini_session *s, uint64_t now)
{
	s->now = now;
	ini_recovery_happens(s, H_START);
}

void ini_stop(struct ini_session *s, bool force, uint64_t now)
{
	s->now = now;
	if (s->state == M_ENDED)
		return;
	s->stopping = true;
	ini_recovery_note(s, INI_STOPPED, 0, 0, NULL);
	ini_recovery_happens(s, force ? H_FORCE : H_STOP);
}

void ini_hurry(struct ini_session *s, uint64_t now)
{
	s->now = now;
	if (s->state != M_WAITING)
		return;
	s->timer = MAX(now, s->not_before);
	ini_session_wake(s);
}

static enum ini_reason reason_of(int err)
{
	switch (-err) {
	case ENOENT: return INI_UNRESOLVED;
	case EAGAIN: return INI_NO_NAME_SERVER;
	case EINVAL: return INI_BAD_ADDRESS;
	case ECONNREFUSED: return INI_REFUSED;
	case ETIMEDOUT: return INI_CONNECT_TIMEOUT;
	case ENOMEM: return INI_NO_MEMORY;
	default: return INI_UNREACHABLE;
	}
}

void ini_connected(struct ini_session *s, int err, uint64_t now)
{
	s->now = now;
	if (!err) {
		ini_recovery_happens(s, H_CONNECTED);
		return;
	}
	enum ini_reason reason = reason_of(err);
	ini_recovery_note(s, reason, 0, err, "%s: %s%s%s%s", s->address, ini_reason_text(reason),
			  reason == INI_UNREACHABLE ? " (" : "",
			  reason == INI_UNREACHABLE ? strerror(-err) : "",
			  reason == INI_UNREACHABLE ? ")" : "");
	ini_recovery_happens(s, hopeless(s) ? H_NOWHERE : H_FAILED);
}

void ini_lost(struct ini_session *s, int err, uint64_t now)
{
	s->now = now;
	if (!has_connection(s))
		return;
	ini_recovery_note(s, INI_LOST, 0, err, "%s%s%s", err ? "the connection is lost: " : "",
			  err ? strerror(-err) : "the target has closed the connection",
			  s->state == M_LOGGING_IN ? " in the middle of the login" : "");
	ini_recovery_broken(s);
}

void ini_closed(struct ini_session *s, uint64_t now)
{
	s->now = now;
	ini_recovery_happens(s, H_CLOSED);
}

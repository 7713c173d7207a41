/* SPDX-License-Identifier: BSD-2-Clause */
/* A session as its owner has it: made, set, started, ended, looked at. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include "liblunar/priv.h"
#include "liblunar/url.h"

/* --- words */

const char *lunar_state_word(enum lunar_state state)
{
	return ini_state_word((enum ini_state)state);
}

static_assert((int)LUNAR_IDLE == INI_IDLE && (int)LUNAR_CONNECTING == INI_CONNECTING &&
		      (int)LUNAR_LOGGING_IN == INI_LOGGING_IN && (int)LUNAR_UP == INI_UP &&
		      (int)LUNAR_LEAVING == INI_LEAVING && (int)LUNAR_CLOSING == INI_CLOSING &&
		      (int)LUNAR_WAITING == INI_WAITING && (int)LUNAR_ENDED == INI_ENDED,
	      "a state is the same number on both sides");

/* The numbers of the library are for ever, those of the core are not. */
static const struct {
	enum lunar_reason reason;
	int err;
} reasons[INI_REASONS] = {
	[INI_NO_REASON] = {LUNAR_NO_REASON, 0},
	[INI_BAD_ADDRESS] = {LUNAR_BAD_ADDRESS, -EINVAL},
	[INI_UNRESOLVED] = {LUNAR_UNRESOLVED, -EADDRNOTAVAIL},
	[INI_NO_NAME_SERVER] = {LUNAR_NO_NAME_SERVER, -EAGAIN},
	[INI_UNREACHABLE] = {LUNAR_UNREACHABLE, -EHOSTUNREACH},
	[INI_REFUSED] = {LUNAR_REFUSED, -ECONNREFUSED},
	[INI_CONNECT_TIMEOUT] = {LUNAR_CONNECT_TIMEOUT, -ETIMEDOUT},
	[INI_LOGIN_TIMEOUT] = {LUNAR_LOGIN_TIMEOUT, -ETIMEDOUT},
	[INI_WRONG_SECRET] = {LUNAR_WRONG_SECRET, -EACCES},
	[INI_TARGET_UNPROVEN] = {LUNAR_TARGET_UNPROVEN, -EACCES},
	[INI_NO_AUTHENTICATION] = {LUNAR_NO_AUTHENTICATION, -EACCES},
	[INI_FORBIDDEN] = {LUNAR_FORBIDDEN, -EPERM},
	[INI_NO_SUCH_TARGET] = {LUNAR_NO_SUCH_TARGET, -ENOENT},
	[INI_NOT_NOW] = {LUNAR_NOT_NOW, -EAGAIN},
	[INI_LOGIN_REFUSED] = {LUNAR_LOGIN_REFUSED, -EPROTO},
	[INI_MOVED_TOO_OFTEN] = {LUNAR_MOVED_TOO_OFTEN, -ELOOP},
	[INI_NO_AGREEMENT] = {LUNAR_NO_AGREEMENT, -EPROTO},
	[INI_LOST] = {LUNAR_LOST, -ECONNRESET},
	[INI_NO_ANSWER] = {LUNAR_NO_ANSWER, -ETIMEDOUT},
	[INI_DAMAGED] = {LUNAR_DAMAGED, -EBADMSG},
	[INI_NONSENSE] = {LUNAR_NONSENSE, -EPROTO},
	[INI_STUCK] = {LUNAR_STUCK, -ETIMEDOUT},
	[INI_ASKED_OUT] = {LUNAR_ASKED_OUT, -ECONNRESET},
	[INI_DROPPED] = {LUNAR_DROPPED, -ECONNRESET},
	[INI_STOPPED] = {LUNAR_STOPPED, -ESHUTDOWN},
	[INI_NO_MEMORY] = {LUNAR_NO_MEMORY, -ENOMEM},
};

const char *lunar_reason_word(enum lunar_reason reason)
{
	if (reason == LUNAR_BAD_SETTING)
		return "bad-setting";
	if (reason == LUNAR_COMMAND_FAILED)
		return "command-failed";
	if (reason == LUNAR_OTHER_DISK)
		return "other-disk";
	for (size_t i = 0; i < INI_REASONS; i++)
		if (reasons[i].reason == reason)
			return ini_reason_word((enum ini_reason)i);
	return "unknown";
}

int lunar_priv_why_errno(const struct lunar_session *s)
{
	for (size_t i = 0; i < INI_REASONS; i++)
		if (reasons[i].reason == s->reason && reasons[i].err)
			return reasons[i].err;
	return -ECONNABORTED;
}

void lunar_priv_say(struct lunar_session *s, enum lunar_reason reason, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	s->reason = reason;
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
}

/* --- made, and freed */

static void tear_down(struct lunar_session *s);

void lunar_priv_enter(struct lunar_session *s)
{
	s->inside++;
}

void lunar_priv_leave(struct lunar_session *s)
{
	if (!--s->inside && s->doomed && !s->torn)
		tear_down(s);
}

int lunar_session_new(struct lunar *l, struct lunar_session **out)
{
	struct lunar_session *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->l = l;
	s->sock = -1;
	settings_init(&s->set);
	lunar_priv_guard_init(s);
	list_init(&s->dirty);
	list_init(&s->grave);
	list_add_tail(&l->sessions, &s->link);
	*out = s;
	return 0;
}

static void end_now(struct lunar_session *s)
{
	if (!s->ini)
		return;
	ini_stop(s->ini, true, s->l->now);
	lunar_priv_drop_socket(s);
	s->closing = s->wanted = false;
	if (ini_state(s->ini) != INI_ENDED)
		ini_closed(s->ini, s->l->now);
}

void lunar_priv_end_now(struct lunar_session *s)
{
	bool began = lunar_priv_begin(s->l);
	lunar_priv_enter(s);
	end_now(s);
	lunar_priv_leave(s);
	lunar_priv_end(s->l, began);
}

/* What it has is nobody's any more; the memory stays for those who hold it in this turn. */
static void tear_down(struct lunar_session *s)
{
	struct lunar *l = s->l;
	bool began = lunar_priv_begin(l);
	s->torn = true;
	end_now(s);
	list_add_tail(&l->dead, &s->grave);
	lunar_priv_end(l, began);
}

void lunar_priv_free(struct lunar_session *s)
{
	list_del(&s->link);
	list_del(&s->dirty);
	list_del(&s->grave);
	ini_session_free(s->ini, false);
	lunar_priv_guard_free(s);
	settings_wipe(&s->set);
	free(s);
}

void lunar_session_free(struct lunar_session *s)
{
	if (!s || s->doomed)
		return;
	s->doomed = true;
	if (!s->inside)
		tear_down(s);
}

void lunar_session_callbacks(struct lunar_session *s, const struct lunar_callbacks *callbacks,
			     void *user)
{
	s->callbacks = *callbacks;
	s->user = user;
}

struct lunar *lunar_session_context(const struct lunar_session *s)
{
	return s->l;
}

/* --- settings */

int lunar_set(struct lunar_session *s, const char *name, const char *value)
{
	char why[SETTINGS_WHY];
	int err = settings_set(&s->set, name, value, why);
	if (err)
		lunar_priv_say(s, LUNAR_BAD_SETTING, "%s", why);
	return err;
}

int lunar_get(const struct lunar_session *s, const char *name, char *out, size_t size)
{
	return settings_get(&s->set, name, out, size);
}

static int take_settings(struct settings *set, const char *at, char why[URL_WHY])
{
	char name[64], value[URL_VALUE_MAX + 1];
	int more;
	while ((more = url_next_setting(&at, name, value, why)) > 0) {
		more = settings_set(set, name, value, why);
		explicit_bzero(value, sizeof(value));
		if (more)
			return -EINVAL;
	}
	return more;
}

static void take_url(struct settings *set, const struct url *url)
{
	memcpy(set->portal, url->portal, sizeof(set->portal));
	memcpy(set->target, url->target, sizeof(set->target));
	if (url->user[0])
		memcpy(set->user, url->user, sizeof(set->user));
	if (url->secret[0])
		memcpy(set->secret, url->secret, sizeof(set->secret));
}

int lunar_set_url(struct lunar_session *s, const char *text, uint64_t *lun)
{
	char why[URL_WHY];
	struct url url;
	struct settings set = s->set;
	int err = url_parse(&url, text, why);
	if (!err && url.has_lun && !lun) {
		snprintf(why, sizeof(why), "a LUN is not asked for here");
		err = -EINVAL;
	}
	if (!err) {
		take_url(&set, &url);
		err = take_settings(&set, url.settings, why);
	}
	url_wipe(&url);
	if (err)
		lunar_priv_say(s, LUNAR_BAD_SETTING, "%s", why);
	else
		s->set = set;
	if (!err && lun)
		*lun = url.has_lun ? url.lun : LUNAR_NO_LUN;
	settings_wipe(&set);
	return err;
}

/* --- started, and ended */

static_assert(SETTINGS_WHY == URL_WHY, "one buffer is for both");

static int make(struct lunar_session *s)
{
	struct iscsi_chap_account ours, theirs;
	struct ini_config config;
	char why[SETTINGS_WHY];
	settings_name_host(&s->set);
	if (!s->set.has_isid)
		ini_isid_random(s->set.config.isid, lunar_priv_ops.random, s);
	int err = settings_use(&s->set, &config, &ours, &theirs, why);
	if (err) {
		lunar_priv_say(s, LUNAR_BAD_SETTING, "%s", why);
	} else {
		if (s->force_discovery) {
			config.discovery = true;
			config.target_name = NULL;
		}
		s->discovery = config.discovery;
		config.hold = true;
		err = ini_session_new(&s->ini, &config, &lunar_priv_ops, s);
		if (err == -EINVAL)
			lunar_priv_say(s, LUNAR_BAD_SETTING,
				       "the settings do not go together for a login");
		else if (err)
			lunar_priv_say(s, LUNAR_NO_MEMORY, "there is no memory for a session");
	}
	iscsi_chap_account_wipe(&ours);
	iscsi_chap_account_wipe(&theirs);
	return err;
}

int lunar_start(struct lunar_session *s)
{
	enum lunar_state state = lunar_state(s);
	if (s->doomed || s->inside)
		return -EBUSY;
	if (state != LUNAR_IDLE && state != LUNAR_ENDED)
		return -EALREADY;
	ini_session_free(s->ini, false);
	lunar_priv_guard_free(s);
	s->ini = NULL;
	s->wanted = s->closing = false;
	s->reason = LUNAR_NO_REASON;
	s->why[0] = '\0';
	int err = make(s);
	if (err)
		return err;
	bool began = lunar_priv_begin(s->l);
	lunar_priv_enter(s);
	ini_start(s->ini, s->l->now);
	lunar_priv_leave(s);
	lunar_priv_end(s->l, began);
	return 0;
}

void lunar_stop(struct lunar_session *s, bool force)
{
	if (!s->ini || s->torn)
		return;
	bool began = lunar_priv_begin(s->l);
	lunar_priv_enter(s);
	ini_stop(s->ini, force, s->l->now);
	lunar_priv_leave(s);
	lunar_priv_end(s->l, began);
}

/* --- what it says */

void lunar_priv_told(struct lunar_session *s, enum ini_state state, const struct ini_why *why)
{
	s->l->news = true;
	if (state == INI_UP)
		lunar_priv_guard_all(s);
	/* A session that is up has nothing wrong with it. */
	if (state == INI_UP)
		lunar_priv_say(s, LUNAR_NO_REASON, "%s", "");
	else if (why->reason != INI_NO_REASON)
		lunar_priv_say(s, reasons[why->reason].reason, "%s", why->text);
	if (s->callbacks.state && !s->doomed)
		s->callbacks.state(s, (enum lunar_state)state, s->user);
}

void lunar_priv_happened(struct lunar_session *s, const struct ini_event *ev)
{
	static const enum lunar_event_kind kinds[] = {
		[INI_UNIT_ATTENTION] = LUNAR_UNIT_ATTENTION,
		[INI_SCSI_ASYNC] = LUNAR_SCSI_ASYNC,
		[INI_LOGOUT_ASKED] = LUNAR_LOGOUT_ASKED,
		[INI_DROP_SAID] = LUNAR_DROP_SAID,
		[INI_VENDOR_ASYNC] = LUNAR_VENDOR_ASYNC,
		[INI_MOVED_FOR_GOOD] = LUNAR_MOVED_FOR_GOOD,
		[INI_OUTAGE] = LUNAR_OUTAGE,
		[INI_REJECTED] = LUNAR_REJECTED,
	};
	if ((ev->kind == INI_UNIT_ATTENTION || ev->kind == INI_SCSI_ASYNC) &&
	    lunar_priv_guard_minds(ev->asc_ascq))
		lunar_priv_guard_all(s);
	if (!s->callbacks.event || s->doomed || (size_t)ev->kind >= ARRAY_SIZE(kinds))
		return;
	struct lunar_event out = {
		.kind = kinds[ev->kind],
		.lun = lunar_priv_lun_get(ev->lun),
		.asc_ascq = ev->asc_ascq,
		.sense_key = ev->key,
		.code = ev->code,
		.seconds = ev->seconds,
		.data = ev->data,
		.len = ev->len,
		.address = ev->address,
	};
	s->callbacks.event(s, &out, s->user);
}

enum lunar_state lunar_state(const struct lunar_session *s)
{
	return s->ini ? (enum lunar_state)ini_state(s->ini) : LUNAR_IDLE;
}

enum lunar_reason lunar_why(const struct lunar_session *s)
{
	return s->reason;
}

const char *lunar_error(const struct lunar_session *s)
{
	return s->why;
}

int lunar_params(const struct lunar_session *s, struct lunar_params *out)
{
	memset(out, 0, sizeof(*out));
	if (!s->ini)
		return -ENOTCONN;
	const struct iscsi_params *p = ini_params(s->ini);
	out->header_digest = p->header_digest;
	out->data_digest = p->data_digest;
	out->initial_r2t = p->initial_r2t;
	out->immediate_data = p->immediate_data;
	out->max_recv_data = p->max_recv_data;
	out->max_send_data = p->max_send_data;
	out->max_burst = p->max_burst;
	out->first_burst = p->first_burst;
	out->max_outstanding_r2t = p->max_outstanding_r2t;
	out->tsih = ini_tsih(s->ini);
	out->portal_group = ini_tpgt(s->ini);
	snprintf(out->target_alias, sizeof(out->target_alias), "%s", ini_target_alias(s->ini));
	snprintf(out->address, sizeof(out->address), "%s", ini_address(s->ini));
	return 0;
}

int lunar_stats(const struct lunar_session *s, struct lunar_stats *out)
{
	struct ini_stats st;
	memset(out, 0, sizeof(*out));
	if (!s->ini)
		return -ENOTCONN;
	ini_get_stats(s->ini, &st);
	*out = (struct lunar_stats){st.commands, st.bytes_out, st.bytes_in,  st.logins,
				    st.attempts, st.reissued,  st.timeouts,  st.aborts,
				    st.resets,   st.drops,     st.in_flight, st.waiting};
	return 0;
}

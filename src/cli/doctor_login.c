/* SPDX-License-Identifier: BSD-2-Clause */
/* Discovery and the login, and what to do when they fail. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/doctor.h"

/* --- what to do */

static const struct {
	enum lunar_reason reason;
	const char *text;
} advices[] = {
	{LUNAR_UNRESOLVED, "look at the spelling, or give its address as a number"},
	{LUNAR_NO_NAME_SERVER, "/etc/resolv.conf says who is asked; or give the address as a "
			       "number"},
	{LUNAR_UNREACHABLE, "look at this host's routes (ip route get ADDRESS), and at the "
			    "networks between"},
	{LUNAR_REFUSED, "the host is there: start its target, or give the port that it listens "
			"on, HOST:PORT; without one it is 3260"},
	{LUNAR_CONNECT_TIMEOUT, "the host is off, or a firewall drops what comes to this port"},
	{LUNAR_LOGIN_TIMEOUT, "something listens there and does not answer: the target's log may "
			      "say why; --timeout waits longer"},
	{LUNAR_WRONG_SECRET, "compare the user (--user) and the secret with those that the target "
			     "has for this initiator: the ACL's or the target's account; for "
			     "discovery the one for discovery"},
	{LUNAR_TARGET_UNPROVEN, "?target_user= and ?target_password= are to be the account by "
				"which the target proves itself (mutual CHAP)"},
	{LUNAR_NO_AUTHENTICATION, "the target does not take CHAP, or not by an algorithm of ours "
				  "(?chap=); without --user there is no authentication"},
	{LUNAR_FORBIDDEN, "the target's ACLs do not have this initiator: allow its name there, or "
			  "log in by one that is (?initiator_name=NAME)"},
	{LUNAR_NO_SUCH_TARGET, "names are compared whole; and a target may show itself only to "
			       "initiators of its ACLs"},
	{LUNAR_NOT_NOW, "the target is full, or on its way down: its log says more"},
	{LUNAR_LOGIN_REFUSED, "the target's log says more"},
	{LUNAR_MOVED_TOO_OFTEN, "targets that send initiators to each other: see where each of "
				"them redirects to"},
	{LUNAR_NO_AGREEMENT, "settings behind \"?\" say what we ask for: lunar-settings(7)"},
	{LUNAR_LOST, "the target has closed the connection: its log may say why"},
	{LUNAR_DAMAGED, "something between damages data: a network card, a switch, or memory"},
	{LUNAR_NONSENSE, "another service listens at this port, or the target is broken"},
};

const char *doctor_advice(const struct doctor *d, enum lunar_reason reason)
{
	/* Some targets answer who does not offer CHAP as they answer who has it wrong. */
	if (!d->user && (reason == LUNAR_NO_AUTHENTICATION || reason == LUNAR_WRONG_SECRET))
		return "the target wants CHAP: give --user NAME, and the secret by --password-file";
	/* tgt takes number 7, which is SHA-256, for SHA-1, and says no more than that. */
	if (d->user && reason == LUNAR_LOGIN_REFUSED)
		return "the target's log says more; an old target may know one algorithm of CHAP "
		       "only, or have it wrong: try ?chap=md5";
	for (size_t i = 0; i < ARRAY_SIZE(advices); i++)
		if (advices[i].reason == reason)
			return advices[i].text;
	return "";
}

/* --- sessions that are to end when they fail */

static void changed(struct lunar_session *s, enum lunar_state state, void *user)
{
	struct doctor *d = user;
	enum lunar_reason reason = lunar_why(s);
	if (d->ending || reason == LUNAR_NO_REASON || reason == LUNAR_STOPPED || state == LUNAR_UP)
		return;
	d->ending = true;
	d->reason = reason;
	snprintf(d->why, sizeof(d->why), "%s", lunar_error(s));
	lunar_stop(s, true);
}

void doctor_watch(struct doctor *d)
{
	static const struct lunar_callbacks callbacks = {.state = changed};
	lunar_session_callbacks(d->session, &callbacks, d);
}

enum lunar_reason doctor_reason(const struct doctor *d)
{
	return d->ending ? d->reason : lunar_why(d->session);
}

const char *doctor_why(const struct doctor *d)
{
	return d->ending ? d->why : lunar_error(d->session);
}

static int fail(struct doctor *d, json_t *facts)
{
	enum lunar_reason reason = doctor_reason(d);
	return doctor_fail(d, lunar_reason_word(reason), facts, doctor_advice(d, reason), "%s",
			   doctor_why(d));
}

/* --- discovery */

/* It has answered as a target does, whatever the answer was. */
static bool speaks_iscsi(enum lunar_reason reason)
{
	static const enum lunar_reason says[] = {LUNAR_WRONG_SECRET,      LUNAR_TARGET_UNPROVEN,
						 LUNAR_NO_AUTHENTICATION, LUNAR_FORBIDDEN,
						 LUNAR_NO_SUCH_TARGET,    LUNAR_NOT_NOW,
						 LUNAR_LOGIN_REFUSED};
	for (size_t i = 0; i < ARRAY_SIZE(says); i++)
		if (says[i] == reason)
			return true;
	return false;
}

static json_t *facts_of(const struct doctor *d)
{
	json_t *list = json_array();
	for (size_t i = 0; i < d->found_count; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:i}", "target", d->found[i].target,
						"address", d->found[i].address, "group",
						(int)d->found[i].portal_group));
	return json_pack("{s:o}", "found", list);
}

static size_t targets_of(const struct doctor *d)
{
	size_t n = 0;
	for (size_t i = 0; i < d->found_count; i++)
		n += !i || strcmp(d->found[i].target, d->found[i - 1].target) != 0;
	return n;
}

static void lines_of(const struct doctor *d)
{
	for (size_t i = 0; i < d->found_count; i++)
		doctor_line(d, "%s at %s", d->found[i].target, d->found[i].address);
}

int doctor_discovery_step(struct doctor *d)
{
	doctor_begin(d, "discovery");
	int err = lunar_discover(d->session, &d->found, &d->found_count);
	enum lunar_reason reason = doctor_reason(d);
	if (err && d->target[0] && speaks_iscsi(reason)) {
		/* Many targets keep discovery to themselves. */
		doctor_warn(d, NULL, doctor_advice(d, reason),
			    "it speaks iSCSI, but does not tell what it has: %s", doctor_why(d));
		return 0;
	}
	if (err)
		return fail(d, NULL);
	size_t targets = targets_of(d);
	doctor_ok(d, facts_of(d), "it speaks iSCSI, and has %zu target%s for us", targets,
		  targets == 1 ? "" : "s");
	lines_of(d);
	return 0;
}

/* --- login */

static json_t *login_facts(const struct doctor *d, const struct lunar_params *p)
{
	char name[ISCSI_NAME_SIZE];
	lunar_get(d->session, "initiator_name", name, sizeof(name));
	json_t *facts = json_pack("{s:s}", "initiator", name);
	if (d->user)
		json_object_set_new(facts, "user", json_string(d->user));
	if (!p)
		return facts;
	json_t *more = json_pack("{s:s, s:b, s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:i}", "address",
				 p->address, "header_digest", p->header_digest, "data_digest",
				 p->data_digest, "initial_r2t", p->initial_r2t, "immediate_data",
				 p->immediate_data, "max_recv_data", (json_int_t)p->max_recv_data,
				 "max_send_data", (json_int_t)p->max_send_data, "max_burst",
				 (json_int_t)p->max_burst, "first_burst",
				 (json_int_t)p->first_burst, "portal_group", (int)p->portal_group);
	json_object_update(facts, more);
	json_decref(more);
	return facts;
}

static void say_who(const struct doctor *d)
{
	char name[ISCSI_NAME_SIZE];
	lunar_get(d->session, "initiator_name", name, sizeof(name));
	doctor_line(d, "as initiator %s%s%s", name, d->user ? ", by CHAP as " : "",
		    d->user ? d->user : "");
}

static const char *digest_word(bool on)
{
	return on ? "crc32c" : "none";
}

int doctor_login_step(struct doctor *d)
{
	struct lunar_params p;
	doctor_begin(d, "login");
	d->ending = false;
	if (lunar_login(d->session)) {
		int code = fail(d, login_facts(d, NULL));
		say_who(d);
		if (doctor_reason(d) == LUNAR_NO_SUCH_TARGET)
			lines_of(d);
		return code;
	}
	lunar_params(d->session, &p);
	doctor_ok(d, login_facts(d, &p),
		  "logged in at %s; digests: header %s, data %s; portal group %d", p.address,
		  digest_word(p.header_digest), digest_word(p.data_digest), (int)p.portal_group);
	say_who(d);
	return 0;
}

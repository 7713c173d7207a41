/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions with targets: from the order to log in to the end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "initiator/discovery.h"
#include "initiatord/child_priv.h"

#define SECONDS(n) ((uint64_t)(n)*NSEC_PER_SEC)

static struct child_session *find(const struct child *c, uint32_t number)
{
	list_for_each (it, &c->sessions) {
		struct child_session *s = list_entry(it, struct child_session, link);
		if (s->number == number)
			return s;
	}
	return NULL;
}

int errand_take_why(struct errand *e, const struct ini_why *why)
{
	e->reason = why->reason;
	snprintf(e->why, sizeof(e->why), "%s",
		 why->text[0] ? why->text : ini_reason_text(why->reason));
	return why->reason == INI_NO_MEMORY ? -ENOMEM : -ECONNREFUSED;
}

/* --- what happens */

static void say_state(const struct child_session *s)
{
	struct word word = {.kind = WORD_STATE, .session = s->number};
	child_session_row(s, &word);
	word.kind = WORD_STATE;
	child_say(s->child, &word);
}

static void login_over(struct child_session *s, const struct ini_why *why)
{
	struct errand *e = s->login;
	s->login = NULL;
	if (e)
		errand_end(e, why ? errand_take_why(e, why) : 0);
}

static void state(void *ctx, enum ini_state state, const struct ini_why *why)
{
	struct child_session *s = ctx;
	dev_session_state(s->devices, state);
	child_compare(s->child);
	if (state == INI_ENDED) {
		s->ended = true;
		login_over(s, why);
		reactor_defer(s->child->r, &s->ending);
	}
	/* Who waits for a first login, and not for ever, is to know how far it has come. */
	if (state == INI_UP || state == INI_ENDED || state == INI_WAITING ||
	    (state == INI_LOGGING_IN && s->login))
		say_state(s);
}

static void event(void *ctx, const struct ini_event *event)
{
	struct child_session *s = ctx;
	dev_session_event(s->devices, event);
}

static void resolve(void *ctx, struct ini_link *link, uint32_t query, const char *host,
		    uint16_t port)
{
	const struct child_session *s = ctx;
	(void)link;
	child_resolve(s->child, s->number, query, host, port);
}

static const struct ini_link_ops link_ops = {.state = state, .event = event, .resolve = resolve};

static void free_session(struct child_session *s)
{
	struct child *c = s->child;
	struct errand *logout = s->logout;
	deferred_cancel(&s->ending);
	dev_session_free(s->devices);
	ini_link_free(s->ini);
	list_del(&s->link);
	free(s);
	if (logout)
		errand_end(logout, 0);
	child_look(c);
	child_end_if_over(c);
}

static void end_session(struct deferred *d)
{
	free_session(container_of(d, struct child_session, ending));
}

/* --- making */

void child_config(const struct child *c, const struct node_settings *s, struct ini_config *out)
{
	ini_config_init(out);
	out->initiator_name = s->initiator_name[0] ? s->initiator_name : c->o->initiator_name;
	out->initiator_alias = c->o->initiator_alias[0] ? c->o->initiator_alias : NULL;
	out->offer = s->offer;
	out->ours = s->accounts.ours.name[0] ? &s->accounts.ours : NULL;
	out->theirs = s->accounts.theirs.name[0] ? &s->accounts.theirs : NULL;
	/* Who gives a secret and not the target's takes a target that asks for none. */
	out->allow_none = !out->theirs;
	out->algorithms = s->accounts.algorithms;
	out->depth = s->cmds_max;
	out->outage = 0;
	out->times.connect = out->times.login = SECONDS(s->login_timeout);
	out->times.leave = SECONDS(s->logout_timeout);
	bool pings = s->noop_interval && s->noop_timeout;
	out->times.ping_interval = pings ? SECONDS(s->noop_interval) : 0;
	out->times.ping_timeout = SECONDS(s->noop_timeout);
	if (s->abort_timeout)
		out->times.abort = SECONDS(s->abort_timeout);
	if (s->lu_reset_timeout)
		out->times.reset = SECONDS(s->lu_reset_timeout);
}

/* As the record's iface says. -EINVAL: it is no address of ours that can be told by its name. */
static int read_from(const struct node_settings *n, struct net_from *out)
{
	*out = (struct net_from){.addr.sa.sa_family = AF_UNSPEC};
	snprintf(out->interface, sizeof(out->interface), "%.15s", n->net_interface);
	return n->source_address[0] ? net_addr_parse(&out->addr, n->source_address, 0) : 0;
}

static int make(struct child_session *s, struct errand *e, const struct net_from *from)
{
	struct ini_config config;
	const struct node_settings *n = &e->order.login.settings;
	struct ini_address a = {.port = n->key.port, .tpgt = -1};
	char address[ISCSI_ADDRESS_SIZE];
	snprintf(a.host, sizeof(a.host), "%s", n->key.address);
	ini_address_format(address, &a);
	child_config(s->child, n, &config);
	config.target_name = n->key.target;
	config.address = address;
	config.tpgt = n->key.tpgt;
	config.hold = true;
	config.patience = e->order.login.patient ? INI_NEVER : 0;
	memcpy(config.isid, e->order.login.isid, sizeof(config.isid));
	int err = ini_link_new(&s->ini, s->child->r, &config, &link_ops, s);
	if (!err)
		ini_link_set_from(s->ini, from);
	if (!err)
		err = dev_session_new(&s->devices, s->child->set, ini_link_session(s->ini), NULL, 0,
				      s);
	if (err)
		ini_link_free(s->ini);
	else if (e->order.login.past)
		dev_session_has_past(s->devices);
	return err;
}

int child_login(struct errand *e)
{
	struct child *c = e->child;
	if (find(c, e->order.session))
		return errand_refuse(e, EALREADY, "the session is there already");
	struct net_from from;
	if (read_from(&e->order.login.settings, &from))
		return errand_refuse(e, EINVAL,
				     "iface.ipaddress is \"%.60s\"; write an address of this host, "
				     "such as 192.0.2.7",
				     e->order.login.settings.source_address);
	struct child_session *s = calloc(1, sizeof(*s));
	if (!s)
		return errand_refuse(e, ENOMEM, "%s", strerror(ENOMEM));
	s->child = c;
	s->number = e->order.session;
	deferred_init(&s->ending, end_session);
	int err = make(s, e, &from);
	s->settings = e->order.login.settings;
	node_settings_wipe(&s->settings);
	node_settings_wipe(&e->order.login.settings);
	if (err) {
		free(s);
		return errand_refuse(e, -err, "the session cannot be made: %s", strerror(-err));
	}
	list_add_tail(&c->sessions, &s->link);
	s->login = e;
	ini_link_start(s->ini);
	return ERRAND_LATER;
}

/* --- the rest */

int child_logout(struct errand *e)
{
	struct child_session *s = find(e->child, e->order.session);
	if (!s)
		return 0;
	if (s->logout)
		return errand_refuse(e, EBUSY, "it is being logged out already");
	s->logout = e;
	ini_link_stop(s->ini, e->order.flag);
	return ERRAND_LATER;
}

int child_rescan(struct errand *e)
{
	struct child_session *s = find(e->child, e->order.session);
	if (!s)
		return errand_refuse(e, ENOENT, "there is no such session");
	dev_session_rescan(s->devices);
	return 0;
}

void child_resolve(struct child *c, uint32_t number, uint32_t query, const char *host,
		   uint16_t port)
{
	struct word word = {
		.kind = WORD_RESOLVE, .session = number, .resolve = {.query = query, .port = port}};
	snprintf(word.resolve.host, sizeof(word.resolve.host), "%s", host);
	child_say(c, &word);
}

int child_resolved(struct errand *e)
{
	const struct order_resolved *o = &e->order.resolved;
	const struct child_session *s = find(e->child, e->order.session);
	if (s)
		ini_link_resolved(s->ini, o->query, MIN(o->count, ORDER_ADDRESSES), o->addrs);
	else
		child_find_resolved(e->child, e->order.session, o);
	return 0;
}

void child_sessions_end(struct child *c, bool force)
{
	list_for_each (it, &c->sessions)
		ini_link_stop(list_entry(it, struct child_session, link)->ini, force);
}

void child_session_row(const struct child_session *s, struct word *word)
{
	const struct ini_session *ini = ini_link_session(s->ini);
	const struct ini_why *why = ini_last_why(ini);
	const struct iscsi_params *p = ini_params(ini);
	struct ini_stats stats;
	ini_get_stats(ini, &stats);
	word->kind = WORD_SESSION;
	word->session = s->number;
	word->state = (struct word_session){
		.state = ini_state(ini),
		.reason = why->reason,
		.tsih = ini_tsih(ini),
		.tpgt = ini_tpgt(ini),
		.header_digest = p->header_digest,
		.data_digest = p->data_digest,
		.commands = stats.commands,
		.bytes_in = stats.bytes_in,
		.bytes_out = stats.bytes_out,
		.logins = stats.logins,
		.attempts = stats.attempts,
		.reissued = stats.reissued,
		.drops = stats.drops,
		.in_flight = stats.in_flight,
		.waiting = stats.waiting,
	};
	snprintf(word->state.address, sizeof(word->state.address), "%s", ini_address(ini));
	snprintf(word->state.why, sizeof(word->state.why), "%s", why->text);
}

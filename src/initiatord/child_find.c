/* SPDX-License-Identifier: BSD-2-Clause */
/* Discovery sessions: a portal is asked for its targets (RFC 7143 appendix C). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "initiator/discovery.h"
#include "initiatord/child_priv.h"

struct find {
	struct list link; /* child->finds */
	struct child *child;
	struct errand *errand;
	struct ini_link *ini;
	struct ini_text text;
	struct ini_address asked;
	char target[ISCSI_NAME_SIZE]; /* that has not told an address yet; "": none */
	int err;                      /* of what was asked, with errand->why */
	bool answered;
	struct deferred ending;
};

static void tell(const struct find *f, const char *target, const struct ini_address *a)
{
	struct word word = {.kind = WORD_FOUND, .number = f->errand->order.number};
	snprintf(word.found.target, sizeof(word.found.target), "%s", target);
	snprintf(word.found.host, sizeof(word.found.host), "%.253s", a->host);
	word.found.port = a->port;
	word.found.tpgt = a->tpgt;
	child_say(f->child, &word);
}

/* A target without an address is at the one that was asked. */
static void target_over(struct find *f)
{
	if (f->target[0])
		tell(f, f->target, &f->asked);
	f->target[0] = 0;
}

static void have_target(void *ctx, const char *name)
{
	struct find *f = ctx;
	target_over(f);
	snprintf(f->target, sizeof(f->target), "%s", name);
}

static void have_address(void *ctx, const char *name, const struct ini_address *address)
{
	struct find *f = ctx;
	f->target[0] = 0;
	tell(f, name, address);
}

static void answered(struct ini_text *text, int err)
{
	static const struct ini_targets_sink sink = {have_target, have_address};
	struct find *f = text->ctx;
	struct ini_targets_count count = {0};
	if (!err)
		err = ini_targets_read(text->data, text->len, &sink, f, &count);
	target_over(f);
	f->answered = true;
	f->err = err;
	if (err) {
		f->errand->reason = err == -ETIMEDOUT ? INI_NO_ANSWER : INI_NONSENSE;
		errand_refuse(f->errand, -err, "the list of targets: %s", strerror(-err));
	}
	if (count.bad)
		log_warning(f->child->o->log, "%s tells of %zu that are no targets: %s",
			    f->asked.host, count.bad, count.bad_text);
	ini_link_stop(f->ini, false);
}

static void ask(struct find *f)
{
	f->text = (struct ini_text){.which = "All", .done = answered, .ctx = f};
	int err = ini_send_targets(ini_link_session(f->ini), &f->text, reactor_now(f->child->r));
	if (err)
		answered(&f->text, err);
}

static void state(void *ctx, enum ini_state state, const struct ini_why *why)
{
	struct find *f = ctx;
	if (state == INI_UP && !f->answered)
		ask(f);
	if (state != INI_ENDED)
		return;
	if (!f->answered)
		f->err = errand_take_why(f->errand, why);
	reactor_defer(f->child->r, &f->ending);
}

static void resolve(void *ctx, struct ini_link *link, uint32_t query, const char *host,
		    uint16_t port)
{
	const struct find *f = ctx;
	(void)link;
	child_resolve(f->child, f->errand->order.session, query, host, port);
}

static const struct ini_link_ops link_ops = {.state = state, .resolve = resolve};

static void end(struct deferred *d)
{
	struct find *f = container_of(d, struct find, ending);
	struct errand *e = f->errand;
	int err = f->err;
	ini_link_free(f->ini);
	list_del(&f->link);
	free(f);
	errand_end(e, err);
}

static void random_bytes(void *ctx, void *out, size_t len)
{
	reactor_random(ctx, out, len);
}

static int make(struct find *f, const struct node_settings *n)
{
	struct ini_config config;
	char address[ISCSI_ADDRESS_SIZE];
	ini_address_format(address, &f->asked);
	child_config(f->child, n, &config);
	config.discovery = true;
	config.address = address;
	ini_isid_random(config.isid, random_bytes, f->child->r);
	return ini_link_new(&f->ini, f->child->r, &config, &link_ops, f);
}

int child_discover(struct errand *e)
{
	const struct node_settings *n = &e->order.login.settings;
	struct find *f = calloc(1, sizeof(*f));
	if (!f)
		return errand_refuse(e, ENOMEM, "%s", strerror(ENOMEM));
	f->child = e->child;
	f->errand = e;
	f->asked = (struct ini_address){.port = n->key.port, .tpgt = -1};
	snprintf(f->asked.host, sizeof(f->asked.host), "%s", n->key.address);
	deferred_init(&f->ending, end);
	int err = make(f, n);
	if (err) {
		free(f);
		return errand_refuse(e, -err, "nobody can be asked: %s", strerror(-err));
	}
	list_add_tail(&f->child->finds, &f->link);
	ini_link_start(f->ini);
	return ERRAND_LATER;
}

bool child_find_resolved(struct child *c, uint32_t number, const struct order_resolved *o)
{
	list_for_each (it, &c->finds) {
		struct find *f = list_entry(it, struct find, link);
		if (f->errand->order.session != number)
			continue;
		ini_link_resolved(f->ini, o->query, MIN(o->count, ORDER_ADDRESSES), o->addrs);
		return true;
	}
	return false;
}

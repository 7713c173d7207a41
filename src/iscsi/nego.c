/* SPDX-License-Identifier: BSD-2-Clause */
/* The negotiation of keys.h: what the rows of the table mean (RFC 7143 6.2). */
#include "iscsi/keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/log.h"
#include "iscsi/names.h"
#include "iscsi/text.h"

#define BIT(id) ISCSI_KEY_BIT(id)

_Static_assert(ISCSI_KEY_COUNT <= 64, "a mask has a bit for each key");

void iscsi_nego_init(struct iscsi_nego *n, bool target, bool leading,
		     const struct iscsi_offer *offer, const struct iscsi_params *base)
{
	*n = (struct iscsi_nego){.target = target, .leading = leading, .bad = ISCSI_KEY_COUNT};
	n->offer = *offer;
	/* RFC 7143 13.23: whoever proposes TaskReporting offers these two at least. */
	if (!target)
		n->offer.task_reportings |=
			1u << ISCSI_TASK_RFC3720 | 1u << ISCSI_TASK_RESPONSE_FENCE;
	iscsi_params_init(&n->params);
	if (!base)
		return;
	/* Of the session's parameters, those that are the session's. */
	for (unsigned i = 0; i < ISCSI_KEY_COUNT; i++) {
		const struct iscsi_key *key = iscsi_key(i);
		if (key->size && key->flags & ISCSI_KEY_SESSION_WIDE)
			iscsi_params_set(&n->params, key, iscsi_params_get(base, key));
	}
}

static bool negotiable(enum iscsi_key_id id)
{
	enum iscsi_key_rule rule = iscsi_key(id)->rule;
	return rule != ISCSI_RULE_DECLARE && rule != ISCSI_RULE_EXCHANGE &&
	       rule != ISCSI_RULE_OBSOLETE;
}

static int fail(struct iscsi_nego *n, enum iscsi_key_id id, int err, const char *problem)
{
	n->bad = id;
	n->problem = problem;
	n->value = NULL;
	return err;
}

void iscsi_nego_explain(const struct iscsi_nego *n, char *out, size_t size)
{
	char safe[100];
	if (n->bad == ISCSI_KEY_COUNT)
		snprintf(out, size, "%s", n->problem);
	else if (!n->value)
		snprintf(out, size, "%s %s", iscsi_key(n->bad)->name, n->problem);
	else
		snprintf(out, size, "%s \"%s\": %s", iscsi_key(n->bad)->name,
			 log_safe(safe, sizeof(safe), n->value, strlen(n->value)), n->problem);
}

/* ---- values ---- */

/* The value in `text`, as struct iscsi_params has it, in the range of the key. */
static int parse(const struct iscsi_key *key, const char *text, uint32_t *out)
{
	uint64_t number;
	bool yes;
	int err;
	if (key->type == ISCSI_TYPE_BOOL) {
		err = iscsi_parse_bool(text, &yes);
		*out = yes;
		return err;
	}
	if (key->type == ISCSI_TYPE_LIST) {
		for (*out = 0; key->choices[*out]; ++*out)
			if (strcmp(key->choices[*out], text) == 0)
				return 0;
		return -EINVAL;
	}
	err = iscsi_parse_number(text, &number);
	if (err)
		return err;
	/* Too much, where the lesser counts, does no harm: we select what we like (6.2.2). */
	if (key->rule == ISCSI_RULE_MIN)
		number = MIN(number, key->max);
	*out = (uint32_t)number;
	return number < key->min || number > key->max ? -ERANGE : 0;
}

static bool is_reserved(const char *text)
{
	return strcmp(text, "Reject") == 0 || strcmp(text, "Irrelevant") == 0 ||
	       strcmp(text, "NotUnderstood") == 0;
}

static const char *number_problem(const struct iscsi_key *key, const char *text)
{
	uint32_t ignored;
	return parse(key, text, &ignored) ? "not a number in its range" : NULL;
}

static const char *length_problem(const struct iscsi_key *key, const char *text)
{
	size_t len = strlen(text);
	return len < key->min ? "empty" : len > key->max ? "too long" : NULL;
}

static const char *list_problem(const struct iscsi_key *key, const char *text)
{
	uint32_t ignored;
	if (!key->choices)
		return length_problem(key, text);
	return parse(key, text, &ignored) ? "none of its values" : NULL;
}

static const char *local_name_problem(const struct iscsi_key *key, const char *text)
{
	if (iscsi_check_utf8(text) != 0)
		return "not UTF-8, or with control characters";
	return length_problem(key, text);
}

static const char *name_problem(const struct iscsi_key *key, const char *text)
{
	return iscsi_name_problem(text);
}

static const char *binary_problem(const struct iscsi_key *key, const char *text)
{
	uint8_t value[ISCSI_BINARY_MAX];
	size_t len;
	if (iscsi_parse_binary(text, value, key->max, &len) != 0 || len < key->min)
		return "is no binary value of a length that is allowed";
	return NULL;
}

static const char *(*const problems[])(const struct iscsi_key *key, const char *text) = {
	[ISCSI_TYPE_NAME] = name_problem,     [ISCSI_TYPE_LOCAL_NAME] = local_name_problem,
	[ISCSI_TYPE_TEXT] = length_problem,   [ISCSI_TYPE_BINARY] = binary_problem,
	[ISCSI_TYPE_NUMBER] = number_problem, [ISCSI_TYPE_BOOL] = number_problem,
	[ISCSI_TYPE_LIST] = list_problem,
};

/* A value that is no proposal, so it can not be answered Reject. */
static int check_value(struct iscsi_nego *n, enum iscsi_key_id id, const char *text)
{
	const struct iscsi_key *key = iscsi_key(id);
	if (key->rule != ISCSI_RULE_DECLARE && key->rule != ISCSI_RULE_EXCHANGE)
		return 0;
	if (key->rule == ISCSI_RULE_DECLARE && is_reserved(text))
		return fail(n, id, -EPROTO, "declares a reserved word");
	const char *problem = problems[key->type](key, text);
	if (!problem)
		return 0;
	fail(n, id, -EINVAL, problem);
	n->value = key->type == ISCSI_TYPE_BINARY ? NULL : text;
	return -EINVAL;
}

/* ---- reading ---- */

static unsigned stage_flag(enum iscsi_stage stage)
{
	switch (stage) {
	case ISCSI_SECURITY: return ISCSI_KEY_SECURITY;
	case ISCSI_OPERATIONAL: return ISCSI_KEY_OPERATIONAL;
	case ISCSI_FULL_FEATURE: break;
	}
	return ISCSI_KEY_FULL_FEATURE;
}

/* May come again and again from the peer. */
static bool repeatable(const struct iscsi_nego *n, enum iscsi_key_id id)
{
	unsigned flags = iscsi_key(id)->flags;
	return flags & ISCSI_KEY_REPEATED || (!n->target && flags & ISCSI_KEY_RECORD);
}

/* The peer may send this key now. */
static int admit(struct iscsi_nego *n, enum iscsi_stage stage, enum iscsi_key_id id)
{
	unsigned flags = iscsi_key(id)->flags;
	unsigned sender = n->target ? ISCSI_KEY_BY_INITIATOR : ISCSI_KEY_BY_TARGET;
	uint64_t done = n->theirs | (negotiable(id) ? n->ours : 0);
	if (!n->target && stage == ISCSI_FULL_FEATURE && flags & ISCSI_KEY_RECORD)
		return 0;
	/* Not as an answer NotUnderstood either: each of them every peer must know (RFC 7143 6.2). */
	if (!(flags & sender))
		return fail(n, id, -EPROTO, "is not for this side to send");
	if (!(flags & stage_flag(stage)))
		return fail(n, id, -EPROTO, "is not allowed in this stage");
	if (done & ~n->open & BIT(id) && !repeatable(n, id))
		return fail(n, id, -EEXIST, "came a second time");
	return 0;
}

/* Says so, but not of what is itself such an answer. */
static void not_understood(const struct iscsi_pair *pair, struct buf *reply)
{
	char name[ISCSI_KEY_MAX + 1] = "";
	if (is_reserved(pair->value))
		return;
	memcpy(name, pair->key, pair->key_len);
	iscsi_text_add(reply, name, "NotUnderstood");
}

int iscsi_nego_read(struct iscsi_nego *n, enum iscsi_stage stage, const void *text, size_t len,
		    struct iscsi_values *v, struct buf *reply)
{
	struct iscsi_pair pair;
	size_t at = 0;
	int r;
	*v = (struct iscsi_values){0};
	while ((r = iscsi_text_next(text, len, &at, &pair)) > 0) {
		enum iscsi_key_id id = iscsi_key_find(pair.key, pair.key_len);
		if (id == ISCSI_KEY_COUNT) {
			not_understood(&pair, reply);
			continue;
		}
		int err = admit(n, stage, id);
		if (!err)
			err = check_value(n, id, pair.value);
		if (err)
			return err;
		if (v->of[id] && !repeatable(n, id))
			return fail(n, id, -EEXIST, "came a second time");
		v->of[id] = pair.value;
	}
	if (r < 0)
		return fail(n, ISCSI_KEY_COUNT, r, "text that is not of the form key=value");
	for (unsigned i = 0; i < ISCSI_KEY_COUNT; i++)
		if (v->of[i] && !(n->open & BIT(i)))
			n->theirs |= BIT(i);
	return 0;
}

/* ---- what we want ---- */

static void add_value(struct buf *out, const struct iscsi_key *key, uint32_t value)
{
	if (key->type == ISCSI_TYPE_BOOL)
		iscsi_text_add(out, key->name, value ? "Yes" : "No");
	else if (key->type == ISCSI_TYPE_LIST)
		iscsi_text_add(out, key->name, "%s", key->choices[value]);
	else
		iscsi_text_add(out, key->name, "%u", value);
}

static unsigned allowed(const struct iscsi_nego *n, enum iscsi_key_id id)
{
	switch (id) {
	case ISCSI_KEY_HEADER_DIGEST: return n->offer.header_digests;
	case ISCSI_KEY_DATA_DIGEST: return n->offer.data_digests;
	default: return n->offer.task_reportings;
	}
}

/* What we would like, given what is settled already. */
static uint32_t wanted(const struct iscsi_nego *n, enum iscsi_key_id id)
{
	uint32_t v = iscsi_params_get(&n->offer.want, iscsi_key(id));
	const struct iscsi_params *p = &n->params;
	uint32_t burst = n->offer.want.max_burst;
	switch (id) {
	case ISCSI_KEY_FIRST_BURST_LENGTH: /* RFC 7143 13.14; the target sees to it (6.2) */
		if (n->target)
			burst = MIN(burst, p->max_burst);
		return MIN(v, burst);
	case ISCSI_KEY_MAX_OUTSTANDING_R2T: /* RFC 7143 13.19 */
		return p->error_recovery_level && p->data_sequence_in_order ? 1 : v;
	case ISCSI_KEY_ERROR_RECOVERY_LEVEL: /* RFC 7143 7.4.1 */ return n->discovery ? 0 : v;
	default: return v;
	}
}

/* What comes of `theirs`, when we would like `want`. */
static uint32_t combine(const struct iscsi_key *key, uint32_t theirs, uint32_t want)
{
	switch (key->rule) {
	case ISCSI_RULE_AND: return theirs && want;
	case ISCSI_RULE_OR: return theirs || want;
	case ISCSI_RULE_MIN: return MIN(theirs, want);
	case ISCSI_RULE_MAX: return MAX(theirs, want);
	default: return want;
	}
}

static bool irrelevant(const struct iscsi_nego *n, enum iscsi_key_id id)
{
	unsigned flags = iscsi_key(id)->flags;
	if (n->discovery && flags & ISCSI_KEY_NORMAL_ONLY)
		return true;
	if (!n->leading && flags & ISCSI_KEY_LEADING)
		return true;
	/* RFC 7143 13.14: no unsolicited data, no limit to it. */
	return id == ISCSI_KEY_FIRST_BURST_LENGTH && n->params.initial_r2t &&
	       !n->params.immediate_data;
}

/* ---- what the peer sent ---- */

static int choose(struct iscsi_nego *n, enum iscsi_key_id id, const char *list, struct buf *reply)
{
	const struct iscsi_key *key = iscsi_key(id);
	const char *item, *rest = list;
	size_t len;
	while (iscsi_list_next(&rest, &item, &len)) {
		for (uint32_t i = 0; key->choices[i]; i++) {
			if (strlen(key->choices[i]) != len ||
			    memcmp(key->choices[i], item, len) != 0 || !(allowed(n, id) & 1u << i))
				continue;
			iscsi_params_set(&n->params, key, i);
			add_value(reply, key, i);
			return 0;
		}
	}
	/* RFC 7143 6.2.1: the one or the other. A digest that the peer insists on must not be left in
	 * doubt. */
	if (!(key->flags & ISCSI_KEY_LENIENT))
		return fail(n, id, -EOPNOTSUPP, "has no value that is allowed here");
	iscsi_text_add(reply, key->name, "Reject");
	return 0;
}

static int answer(struct iscsi_nego *n, enum iscsi_key_id id, const char *text, struct buf *reply)
{
	const struct iscsi_key *key = iscsi_key(id);
	uint32_t theirs;
	if (is_reserved(text))
		return fail(n, id, -EPROTO, "proposes a reserved word");
	if (key->rule == ISCSI_RULE_OBSOLETE) {
		iscsi_text_add(reply, key->name, "Reject");
		return 0;
	}
	if (irrelevant(n, id)) {
		iscsi_text_add(reply, key->name, "Irrelevant");
		return 0;
	}
	if (key->rule == ISCSI_RULE_CHOOSE)
		return choose(n, id, text, reply);
	if (parse(key, text, &theirs) != 0) {
		iscsi_text_add(reply, key->name, "Reject");
		return 0;
	}
	uint32_t result = combine(key, theirs, wanted(n, id));
	iscsi_params_set(&n->params, key, result);
	add_value(reply, key, result);
	return 0;
}

/* The answer to a proposal of ours: a value that the rule permits, or a reserved word, after which
 * the value stays as it is. */
static int check_answer(struct iscsi_nego *n, enum iscsi_key_id id, const char *text)
{
	const struct iscsi_key *key = iscsi_key(id);
	uint32_t theirs;
	n->open &= ~BIT(id);
	if (strcmp(text, "NotUnderstood") == 0 && !(key->flags & ISCSI_KEY_LATER))
		return fail(n, id, -EPROTO, "is a key that every peer must understand");
	if (is_reserved(text))
		return 0;
	if (parse(key, text, &theirs) != 0)
		return fail(n, id, -EPROTO, "is answered by what is no value of it");
	if (key->rule == ISCSI_RULE_CHOOSE ? !(allowed(n, id) & 1u << theirs)
					   : combine(key, theirs, wanted(n, id)) != theirs)
		return fail(n, id, -EPROTO, "is answered by what was not proposed");
	iscsi_params_set(&n->params, key, theirs);
	return 0;
}

/* Of names and aliases the login engines take care. */
static void take_declaration(struct iscsi_nego *n, enum iscsi_key_id id, const char *text)
{
	const struct iscsi_key *key = iscsi_key(id);
	uint32_t theirs;
	if (key->size && !irrelevant(n, id) && parse(key, text, &theirs) == 0)
		iscsi_params_set(&n->params, key, theirs);
}

int iscsi_nego_take(struct iscsi_nego *n, const struct iscsi_values *v, struct buf *reply)
{
	for (unsigned i = 0; i < ISCSI_KEY_COUNT; i++) {
		enum iscsi_key_rule rule = iscsi_key(i)->rule;
		int err = 0;
		if (!v->of[i] || rule == ISCSI_RULE_EXCHANGE)
			continue;
		if (rule == ISCSI_RULE_DECLARE)
			take_declaration(n, i, v->of[i]);
		else if (n->open & BIT(i))
			err = check_answer(n, i, v->of[i]);
		else
			err = answer(n, i, v->of[i], reply);
		if (err)
			return err;
	}
	return 0;
}

/* ---- what we say ourselves ---- */

/* The key has an effect on this session, and is up for negotiation. */
static bool concerns(const struct iscsi_nego *n, enum iscsi_key_id id)
{
	return negotiable(id) && !irrelevant(n, id) &&
	       !(n->discovery && iscsi_key(id)->flags & ISCSI_KEY_LEADING);
}

/* The value that holds now is one that our offer permits. */
static bool acceptable(const struct iscsi_nego *n, enum iscsi_key_id id)
{
	const struct iscsi_key *key = iscsi_key(id);
	uint32_t v = iscsi_params_get(&n->params, key);
	if (key->rule == ISCSI_RULE_CHOOSE)
		return allowed(n, id) & 1u << v;
	return combine(key, v, wanted(n, id)) == v;
}

/* The initiator speaks up also to get more than the default; a target only when it must. */
static bool worth_proposing(const struct iscsi_nego *n, enum iscsi_key_id id)
{
	if (!concerns(n, id) || (n->ours | n->theirs) & BIT(id))
		return false;
	if (n->target)
		return !(iscsi_key(id)->flags & ISCSI_KEY_QUIET) && !acceptable(n, id);
	if (iscsi_key(id)->flags & ISCSI_KEY_LATER) /* older targets need not be bothered */
		return wanted(n, id) != iscsi_key(id)->initial;
	return true;
}

/* The choice that we want first, then the others that we allow. */
static void propose_list(struct iscsi_nego *n, enum iscsi_key_id id, struct buf *reply)
{
	const struct iscsi_key *key = iscsi_key(id);
	uint32_t want = wanted(n, id);
	bool first = allowed(n, id) & 1u << want;
	char list[64] = "";
	if (first)
		strcat(list, key->choices[want]);
	for (uint32_t i = 0; key->choices[i]; i++) {
		if (!(allowed(n, id) & 1u << i) || (first && i == want))
			continue;
		if (list[0])
			strcat(list, ",");
		strcat(list, key->choices[i]);
	}
	iscsi_text_add(reply, key->name, "%s", list);
}

bool iscsi_nego_must_propose(const struct iscsi_nego *n)
{
	for (unsigned i = 0; i < ISCSI_KEY_COUNT; i++)
		if (n->target && worth_proposing(n, i))
			return true;
	return false;
}

bool iscsi_nego_propose(struct iscsi_nego *n, struct buf *reply)
{
	bool proposed = false;
	for (unsigned i = 0; i < ISCSI_KEY_COUNT; i++) {
		if (!worth_proposing(n, i))
			continue;
		if (iscsi_key(i)->rule == ISCSI_RULE_CHOOSE)
			propose_list(n, i, reply);
		else
			add_value(reply, iscsi_key(i), wanted(n, i));
		n->ours |= BIT(i);
		n->open |= BIT(i);
		proposed = true;
	}
	return proposed;
}

void iscsi_nego_declare(struct iscsi_nego *n, struct buf *reply)
{
	uint64_t bit = BIT(ISCSI_KEY_MAX_RECV_DATA_SEGMENT_LENGTH);
	if (n->ours & bit)
		return;
	n->ours |= bit;
	n->params.max_recv_data = n->offer.want.max_recv_data;
	iscsi_text_add(reply, "MaxRecvDataSegmentLength", "%u", n->params.max_recv_data);
}

/* The answer that need not come (RFC 7143 6.2.2): our No alone decides. Where our Yes does, it is
 * the default, too. */
static void assume_answers(struct iscsi_nego *n)
{
	for (unsigned i = 0; i < ISCSI_KEY_COUNT; i++)
		if (iscsi_key(i)->rule == ISCSI_RULE_AND && n->open & BIT(i) && !wanted(n, i))
			iscsi_params_set(&n->params, iscsi_key(i), false);
}

/*
 * RFC 7143 13.14 is kept where MaxBurstLength was agreed on. Beyond that a target keeps its own
 * limit: it sends Data-In in sequences as short as it likes, and asks for Data-Out likewise. So
 * there is no need to hold an initiator to it that has not named the key.
 */
static void settle_bursts(struct iscsi_nego *n)
{
	struct iscsi_params *p = &n->params;
	if ((n->theirs | n->ours) & BIT(ISCSI_KEY_MAX_BURST_LENGTH))
		p->first_burst = MIN(p->first_burst, p->max_burst);
	if (n->target)
		p->max_burst = MIN(p->max_burst, n->offer.want.max_burst);
}

int iscsi_nego_finish(struct iscsi_nego *n)
{
	assume_answers(n);
	for (unsigned i = 0; i < ISCSI_KEY_COUNT; i++)
		if (concerns(n, i) && !(iscsi_key(i)->flags & ISCSI_KEY_LENIENT) &&
		    !acceptable(n, i))
			return fail(n, i, -EPROTO, "was not agreed on");
	settle_bursts(n);
	return 0;
}

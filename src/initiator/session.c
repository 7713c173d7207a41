/* SPDX-License-Identifier: BSD-2-Clause */
/* A session as its owner has it: made, freed, looked at. */
#include "initiator/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "initiator/discovery.h"
#include "initiator/priv.h"

const char *ini_state_word(enum ini_state state)
{
	static const char *const words[] = {
		[INI_IDLE] = "idle",       [INI_CONNECTING] = "connecting",
		[INI_UP] = "logged in",    [INI_LOGGING_IN] = "logging in",
		[INI_WAITING] = "waiting", [INI_LEAVING] = "logging out",
		[INI_ENDED] = "ended",     [INI_CLOSING] = "closing",
	};
	return (unsigned)state < ARRAY_SIZE(words) ? words[state] : "unknown";
}

void ini_config_init(struct ini_config *c)
{
	*c = (struct ini_config){
		.tpgt = -1,
		.depth = 128,
		.outage = INI_NEVER,
		.cmdsn = 1,
		.times = {.connect = 15 * NS_PER_SEC,
			  .reconnect = 2 * NS_PER_SEC,
			  .login = 15 * NS_PER_SEC,
			  .ping_interval = 5 * NS_PER_SEC,
			  .ping_timeout = 5 * NS_PER_SEC,
			  .answer = 30 * NS_PER_SEC,
			  .abort = 10 * NS_PER_SEC,
			  .reset = 15 * NS_PER_SEC,
			  .text = 30 * NS_PER_SEC,
			  .leave = 5 * NS_PER_SEC,
			  .busy = 30 * NS_PER_SEC,
			  .backoff_first = 100 * NS_PER_MS,
			  .backoff_max = 800 * NS_PER_MS,
			  .backoff_told = 4 * NS_PER_SEC},
	};
	iscsi_offer_init(&c->offer);
	c->offer.want.initial_r2t = false;
	c->offer.want.immediate_data = true;
	c->offer.want.max_recv_data = 256 * 1024;
	c->offer.want.max_burst = 1024 * 1024;
	c->offer.want.first_burst = 256 * 1024;
	c->offer.want.max_outstanding_r2t = INI_R2T_MAX;
	c->offer.want.time2wait = 0;
	c->offer.want.time2retain = 0;
}

void ini_isid_random(uint8_t isid[ISCSI_ISID_LEN], void (*random)(void *ctx, void *out, size_t len),
		     void *ctx)
{
	random(ctx, isid, ISCSI_ISID_LEN);
	isid[0] = 0x80; /* T is 10b: the next three bytes are random, then a qualifier */
}

/* --- making */

static int copy_name(char *to, size_t size, const char *from)
{
	if (!from)
		return 0;
	if (strlen(from) >= size)
		return -EINVAL;
	strcpy(to, from);
	return 0;
}

/* A login that would never begin is not to be found out by trying. */
static int try_login(struct ini_session *s)
{
	const struct iscsi_login_config config = ini_login_config(s);
	int err = iscsi_login_initiator_init(&s->login, &config, NULL, NULL);
	ini_login_free(s);
	return err;
}

static int take_config(struct ini_session *s, const struct ini_config *c)
{
	struct ini_address a;
	s->config = *c;
	if (c->depth < 1 || c->depth > INI_DEPTH_MAX || !c->address || !c->initiator_name)
		return -EINVAL;
	if (copy_name(s->initiator_name, sizeof(s->initiator_name), c->initiator_name) ||
	    copy_name(s->target_name, sizeof(s->target_name), c->target_name) ||
	    copy_name(s->alias, sizeof(s->alias), c->initiator_alias) ||
	    ini_address_parse(&a, c->address))
		return -EINVAL;
	ini_address_format(s->base, &a);
	memcpy(s->address, s->base, sizeof(s->address));
	if (c->ours)
		s->ours = *c->ours;
	if (c->theirs)
		s->theirs = *c->theirs;
	s->config.ours = c->ours ? &s->ours : NULL;
	s->config.theirs = c->theirs ? &s->theirs : NULL;
	s->config.offer.want.max_outstanding_r2t =
		MIN(MAX(c->offer.want.max_outstanding_r2t, 1u), (uint32_t)INI_R2T_MAX);
	/* On these the data path relies, and they are what holds when nobody says otherwise. */
	s->config.offer.want.data_pdu_in_order = true;
	s->config.offer.want.data_sequence_in_order = true;
	s->config.offer.want.error_recovery_level = 0;
	s->config.offer.want.max_connections = 1;
	return try_login(s);
}

static void init_lists(struct ini_session *s)
{
	struct list *const lists[] = {&s->waiting,    &s->ahead,     &s->delayed,    &s->issued,
				      &s->ending,     &s->lost,      &s->sending,    &s->tmfs,
				      &s->free_notes, &s->free_data, &s->free_aborts};
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		list_init(lists[i]);
}

static int make_pools(struct ini_session *s)
{
	s->stage = malloc(INI_STAGE);
	s->notes = calloc(INI_NOTES, sizeof(*s->notes));
	s->data_pdus = calloc(INI_TX_DEPTH, sizeof(*s->data_pdus));
	if (!s->stage || !s->notes || !s->data_pdus)
		return -ENOMEM;
	for (size_t i = 0; i < INI_NOTES; i++) {
		s->notes[i].session = s;
		list_add_tail(&s->free_notes, &s->notes[i].pdu.link);
	}
	for (size_t i = 0; i < INI_TX_DEPTH; i++) {
		s->data_pdus[i].session = s;
		list_add_tail(&s->free_data, &s->data_pdus[i].pdu.link);
	}
	for (size_t i = 0; i < INI_ABORTS; i++) {
		s->aborts[i].session = s;
		list_add_tail(&s->free_aborts, &s->aborts[i].link);
	}
	return ini_tags_new(s);
}

int ini_session_new(struct ini_session **out, const struct ini_config *config,
		    const struct ini_ops *ops, void *ctx)
{
	struct ini_session *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->ops = ops;
	s->ctx = ctx;
	s->timer = s->outage_since = s->task_check = s->delay_check = INI_NEVER;
	s->tpgt = -1;
	iscsi_params_init(&s->params);
	init_lists(s);
	iscsi_tx_init(&s->tx);
	int err = take_config(s, config);
	if (!err)
		err = make_pools(s);
	if (err)
		ini_session_free(s, true);
	else
		*out = s;
	return err;
}

void ini_session_free(struct ini_session *s, bool abandon)
{
	if (!s)
		return;
	assert(abandon || s->state == M_IDLE || s->state == M_ENDED);
	ini_login_free(s);
	iscsi_text_in_free(&s->text_in);
	iscsi_chap_account_wipe(&s->ours);
	iscsi_chap_account_wipe(&s->theirs);
	free(s->text_segment);
	free(s->slots);
	free(s->free_slots);
	free(s->notes);
	free(s->data_pdus);
	free(s->stage);
	free(s);
}

/* --- at any time */

void ini_hold(struct ini_session *s)
{
	s->held = true;
}

void ini_release(struct ini_session *s, uint64_t now)
{
	s->now = now;
	s->held = false;
	if (ini_session_full(s))
		ini_task_go(s);
}

int ini_set_address(struct ini_session *s, const char *address, uint64_t now)
{
	struct ini_address a;
	int err = ini_address_parse(&a, address);
	if (err)
		return -EINVAL;
	ini_address_format(s->base, &a);
	ini_hurry(s, now);
	return 0;
}

void ini_set_outage(struct ini_session *s, uint64_t outage, uint64_t now)
{
	s->now = now;
	s->config.outage = outage;
	s->dark = false;
	ini_session_wake(s);
}

const struct ini_why *ini_last_why(const struct ini_session *s)
{
	return &s->why;
}

const struct iscsi_params *ini_params(const struct ini_session *s)
{
	return &s->params;
}

uint16_t ini_tsih(const struct ini_session *s)
{
	return s->tsih;
}

int32_t ini_tpgt(const struct ini_session *s)
{
	return s->tpgt;
}

const char *ini_target_alias(const struct ini_session *s)
{
	return s->target_alias;
}

const char *ini_address(const struct ini_session *s)
{
	return s->address;
}

static unsigned count(const struct list *list)
{
	unsigned n = 0;
	list_for_each (it, list)
		n++;
	return n;
}

void ini_get_stats(const struct ini_session *s, struct ini_stats *out)
{
	*out = s->stats;
	out->in_flight = s->in_flight;
	out->waiting = count(&s->waiting) + count(&s->ahead) + count(&s->delayed) + count(&s->lost);
}

/* --- time */

static uint64_t text_deadline(const struct ini_session *s)
{
	return s->text ? s->text->ends : INI_NEVER;
}

uint64_t ini_deadline(const struct ini_session *s)
{
	uint64_t at = ini_recovery_deadline(s);
	at = MIN(at, s->task_check);
	at = MIN(at, s->delay_check);
	at = MIN(at, ini_nop_deadline(s));
	at = MIN(at, text_deadline(s));
	return MIN(at, ini_tmf_deadline(s));
}

void ini_tick(struct ini_session *s, uint64_t now)
{
	s->now = now;
	ini_recovery_tick(s);
	ini_task_tick(s);
	ini_tmf_tick(s);
	if (now >= text_deadline(s))
		ini_text_end(s, -ETIMEDOUT);
	ini_nop_tick(s);
	ini_recovery_check_quiet(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "records/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STANDARD_OUTAGE 120 /* of node.session.timeo.replacement_timeout: nobody has chosen it */

static bool says(const struct record *r, const char *key, const char *word)
{
	return !strcmp(record_get(r, key), word);
}

/* The place of a value among the words of its row, which are in the order of the enum. */
static unsigned word_of(const struct record *r, const char *key)
{
	const struct record_row *row = &record_rows[record_row_find(r->kind, key, 0)];
	unsigned n = 0;
	while (row->choices[n + 1] && strcmp(row->choices[n], record_get(r, key)))
		n++;
	return n;
}

/* ---- numbers ---- */

struct number {
	const char *key;
	size_t offset;
};
#define NODE_NUMBER(key, member)                            \
	{                                                   \
		key, offsetof(struct node_settings, member) \
	}
#define PORTAL_NUMBER(key, member)                            \
	{                                                     \
		key, offsetof(struct portal_settings, member) \
	}

/* uint32_t, each of them. */
static const struct number node_numbers[] = {
	NODE_NUMBER("node.session.initial_login_retry_max", login_retries),
	NODE_NUMBER("node.session.reopen_max", reopen_max),
	NODE_NUMBER("node.session.cmds_max", cmds_max),
	NODE_NUMBER("node.session.queue_depth", queue_depth),
	NODE_NUMBER("node.conn[0].tcp.window_size", window_size),
	NODE_NUMBER("node.conn[0].iscsi.MaxXmitDataSegmentLength", max_send_data),
	NODE_NUMBER("node.conn[0].timeo.login_timeout", login_timeout),
	NODE_NUMBER("node.conn[0].timeo.logout_timeout", logout_timeout),
	NODE_NUMBER("node.conn[0].timeo.noop_out_interval", noop_interval),
	NODE_NUMBER("node.conn[0].timeo.noop_out_timeout", noop_timeout),
	NODE_NUMBER("node.session.err_timeo.abort_timeout", abort_timeout),
	NODE_NUMBER("node.session.err_timeo.lu_reset_timeout", lu_reset_timeout),
	NODE_NUMBER("node.session.err_timeo.tgt_reset_timeout", target_reset_timeout),
	NODE_NUMBER("node.session.err_timeo.host_reset_timeout", host_reset_timeout),
	NODE_NUMBER("node.conn[0].iscsi.MaxRecvDataSegmentLength", offer.want.max_recv_data),
	NODE_NUMBER("node.session.iscsi.MaxBurstLength", offer.want.max_burst),
	NODE_NUMBER("node.session.iscsi.FirstBurstLength", offer.want.first_burst),
	NODE_NUMBER("node.session.iscsi.MaxOutstandingR2T", offer.want.max_outstanding_r2t),
	NODE_NUMBER("node.session.iscsi.DefaultTime2Wait", offer.want.time2wait),
	NODE_NUMBER("node.session.iscsi.DefaultTime2Retain", offer.want.time2retain),
};

static const struct number portal_numbers[] = {
	PORTAL_NUMBER("discovery.sendtargets.timeo.login_timeout", login_timeout),
	PORTAL_NUMBER("discovery.sendtargets.timeo.active_timeout", answer_timeout),
	PORTAL_NUMBER("discovery.sendtargets.reopen_max", login_retries),
	PORTAL_NUMBER("discovery.sendtargets.iscsi.MaxRecvDataSegmentLength",
		      offer.want.max_recv_data),
};

static void take_numbers(const struct record *r, const struct number *numbers, size_t count,
			 void *out)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t value = (uint32_t)record_number(r, numbers[i].key);
		memcpy((char *)out + numbers[i].offset, &value, sizeof(value));
	}
}

/* ---- accounts ---- */

/* Keys of one direction. */
struct account_keys {
	const char *name, *secret, *file, *key;
};

static const struct account_keys account_keys[][2] = {
	[RECORD_NODE] = {{"node.session.auth.username", "node.session.auth.password",
			  "node.session.auth.password_file", "node.session.auth.password_key"},
			 {"node.session.auth.username_in", "node.session.auth.password_in",
			  "node.session.auth.password_in_file",
			  "node.session.auth.password_in_key"}},
	[RECORD_SENDTARGETS] = {{"discovery.sendtargets.auth.username",
				 "discovery.sendtargets.auth.password",
				 "discovery.sendtargets.auth.password_file",
				 "discovery.sendtargets.auth.password_key"},
				{"discovery.sendtargets.auth.username_in",
				 "discovery.sendtargets.auth.password_in",
				 "discovery.sendtargets.auth.password_in_file",
				 "discovery.sendtargets.auth.password_in_key"}},
};

/* -ENODATA: nowhere. */
static int find_secret(const struct record *r, const struct account_keys *k,
		       uint8_t out[ISCSI_CHAP_SECRET_MAX], size_t *len, struct config_why *why)
{
	const char *secret = record_get(r, k->secret);
	if (record_get(r, k->file)[0])
		return record_secret_file(record_get(r, k->file), out, len, why);
	if (record_get(r, k->key)[0])
		return record_secret_key(record_get(r, k->key), out, len, why);
	*len = strlen(secret);
	memcpy(out, secret, *len);
	return *len ? 0 : -ENODATA;
}

static int read_account(const struct record *r, const struct account_keys *k,
			struct iscsi_chap_account *out, struct config_why *why)
{
	uint8_t secret[ISCSI_CHAP_SECRET_MAX];
	struct config_why detail = {""};
	const char *name = record_get(r, k->name);
	size_t len = 0;
	if (!name[0])
		return 0;
	int err = find_secret(r, k, secret, &len, &detail);
	if (err == -ENODATA)
		err = config_refuse(why, EINVAL,
				    "%s is %.60s, and there is no secret; set %s, or %s = "
				    "/etc/lunar/secret",
				    k->name, name, k->secret, k->file);
	else if (err)
		config_write_why(why, "%s: %.300s", k->name, detail.text);
	else
		err = iscsi_chap_account_set(out, name, secret, len);
	explicit_bzero(secret, sizeof(secret));
	return err;
}

static const unsigned algorithm_bits[] = {
	ISCSI_CHAP_BIT(ISCSI_CHAP_MD5), ISCSI_CHAP_BIT(ISCSI_CHAP_SHA1),
	ISCSI_CHAP_BIT(ISCSI_CHAP_SHA256), ISCSI_CHAP_BIT(ISCSI_CHAP_SHA3_256)};

static unsigned read_algorithms(const struct record *r)
{
	const char *key = "node.session.auth.chap_algs";
	const struct record_row *row = &record_rows[record_row_find(r->kind, key, 0)];
	unsigned mask = 0;
	for (const char *p = record_get(r, key); *p;) {
		size_t len = strcspn(p, ",");
		for (size_t i = 0; i < ARRAY_SIZE(algorithm_bits); i++) {
			if (strlen(row->choices[i]) == len && !strncmp(row->choices[i], p, len))
				mask |= algorithm_bits[i];
		}
		p += len + (p[len] == ',');
	}
	return mask;
}

static int read_accounts(const struct record *r, const char *method, struct record_accounts *out,
			 struct config_why *why)
{
	const struct account_keys *k = account_keys[r->kind];
	out->algorithms = read_algorithms(r);
	if (!says(r, method, "CHAP"))
		return 0;
	int err = read_account(r, &k[0], &out->ours, why);
	if (!err)
		err = read_account(r, &k[1], &out->theirs, why);
	if (!err && !out->ours.name[0])
		err = config_refuse(why, EINVAL,
				    "%s is CHAP, and we have no name; set %s, or %s = None", method,
				    k[0].name, method);
	if (!err && iscsi_chap_same_secret(&out->ours, &out->theirs))
		err = config_refuse(why, EINVAL,
				    "%s and %s are the same secret, which RFC 7143 9.2.1 forbids: "
				    "whoever has heard the one could answer with it",
				    k[0].secret, k[1].secret);
	return err;
}

static void wipe_accounts(struct record_accounts *a)
{
	iscsi_chap_account_wipe(&a->ours);
	iscsi_chap_account_wipe(&a->theirs);
}

/* ---- the offer ---- */

static void read_digest(const struct record *r, const char *key, bool *want, unsigned *mask)
{
	static const struct {
		const char *word;
		bool want;
		unsigned mask;
	} words[] = {
		{"None", false, ISCSI_DIGEST_NONE},
		{"CRC32C", true, ISCSI_DIGEST_CRC32C},
		{"CRC32C,None", true, ISCSI_DIGEST_CRC32C | ISCSI_DIGEST_NONE},
		{"None,CRC32C", false, ISCSI_DIGEST_CRC32C | ISCSI_DIGEST_NONE},
	};
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (says(r, key, words[i].word)) {
			*want = words[i].want;
			*mask = words[i].mask;
		}
	}
}

static void finish_offer(const struct record *r, struct iscsi_offer *offer)
{
	struct iscsi_params *want = &offer->want;
	want->initial_r2t = says(r, "node.session.iscsi.InitialR2T", "Yes");
	want->immediate_data = says(r, "node.session.iscsi.ImmediateData", "Yes");
	want->first_burst = MIN(want->first_burst, want->max_burst);
	read_digest(r, "node.conn[0].iscsi.HeaderDigest", &want->header_digest,
		    &offer->header_digests);
	read_digest(r, "node.conn[0].iscsi.DataDigest", &want->data_digest, &offer->data_digests);
}

/* ---- the whole ---- */

static void read_outage(const struct record *r, struct node_settings *s)
{
	int32_t timeout = (int32_t)record_number(r, "node.session.timeo.replacement_timeout");
	s->outage = says(r, "node.lunar.outage", "wait")   ? NODE_OUTAGE_WAIT
		    : says(r, "node.lunar.outage", "fail") ? 0
							   : timeout;
	s->wait_if_only_path = says(r, "node.lunar.outage", "auto") && timeout == STANDARD_OUTAGE;
}

static void copy_text(const struct record *r, const char *key, char *out, size_t size)
{
	snprintf(out, size, "%s", record_get(r, key));
}

static int read_iface(const struct record *r, struct node_settings *s, struct config_why *why)
{
	const char *device = record_get(r, "iface.net_ifacename");
	if (!says(r, "iface.transport_name", "tcp"))
		return config_refuse(why, EOPNOTSUPP,
				     "iface.transport_name is \"%.60s\"; only tcp can be logged in "
				     "by",
				     record_get(r, "iface.transport_name"));
	/* As the kernel has them: IFNAMSIZ. */
	if (strlen(device) > 15)
		return config_refuse(why, EINVAL,
				     "iface.net_ifacename is \"%.60s\"; the name of a network "
				     "interface has 15 characters at most, such as eth0",
				     device);
	copy_text(r, "iface.net_ifacename", s->net_interface, sizeof(s->net_interface));
	copy_text(r, "iface.ipaddress", s->source_address, sizeof(s->source_address));
	copy_text(r, "iface.initiatorname", s->initiator_name, sizeof(s->initiator_name));
	return 0;
}

int node_settings_read(const struct record *r, struct node_settings *s, struct config_why *why)
{
	memset(s, 0, sizeof(*s));
	iscsi_offer_init(&s->offer);
	int err = record_node_key(r, &s->key, why);
	if (!err)
		err = read_iface(r, s, why);
	if (!err)
		err = read_accounts(r, "node.session.auth.authmethod", &s->accounts, why);
	if (err) {
		node_settings_wipe(s);
		return err;
	}
	take_numbers(r, node_numbers, ARRAY_SIZE(node_numbers), s);
	finish_offer(r, &s->offer);
	s->startup = (enum node_startup)word_of(r, "node.startup");
	s->via = (enum node_via)word_of(r, "node.lunar.via");
	s->leading_login = says(r, "node.leading_login", "Yes");
	s->scan = says(r, "node.session.scan", "auto");
	s->type_of_service = (uint8_t)record_number(r, "node.conn[0].tcp.type_of_service");
	copy_text(r, "node.lunar.luns", s->luns, sizeof(s->luns));
	copy_text(r, "node.lunar.attach", s->attach, sizeof(s->attach));
	read_outage(r, s);
	return 0;
}

void node_settings_wipe(struct node_settings *s)
{
	wipe_accounts(&s->accounts);
}

bool node_wants_lun(const struct node_settings *s, uint64_t lun)
{
	return s->luns[0] ? luns_have(s->luns, lun) : s->scan;
}

bool node_attaches_lun(const struct node_settings *s, uint64_t lun)
{
	return luns_are_all(s->attach) ? node_wants_lun(s, lun) : luns_have(s->attach, lun);
}

int portal_settings_read(const struct record *r, struct portal_settings *s, struct config_why *why)
{
	memset(s, 0, sizeof(*s));
	iscsi_offer_init(&s->offer);
	copy_text(r, "discovery.sendtargets.address", s->address, sizeof(s->address));
	s->port = (uint16_t)record_number(r, "discovery.sendtargets.port");
	int err = r->kind == RECORD_SENDTARGETS && s->address[0]
			  ? read_accounts(r, "discovery.sendtargets.auth.authmethod", &s->accounts,
					  why)
			  : config_refuse(
				    why, EINVAL,
				    "discovery.sendtargets.address: nobody is there to be asked");
	if (err) {
		portal_settings_wipe(s);
		return err;
	}
	take_numbers(r, portal_numbers, ARRAY_SIZE(portal_numbers), s);
	if (says(r, "discovery.sendtargets.use_discoveryd", "Yes"))
		s->again_after =
			(uint32_t)record_number(r, "discovery.sendtargets.discoveryd_poll_inval");
	return 0;
}

void portal_settings_wipe(struct portal_settings *s)
{
	wipe_accounts(&s->accounts);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of keys against the clauses it is made of: ranges and defaults, who may send a key where,
 * and what is a value of it. */
#include "keys_rig.h"

/* Every row of RFC 7143 12 and 13 that has a number or a Boolean: default and range. */
static void test_table(void **state)
{
	static const struct {
		const char *name;
		uint32_t min, max, initial;
		enum iscsi_key_rule rule;
	} row[] = {
		{"MaxConnections", 1, 65535, 1, ISCSI_RULE_MIN},
		{"InitialR2T", 0, 1, 1, ISCSI_RULE_OR},
		{"ImmediateData", 0, 1, 1, ISCSI_RULE_AND},
		{"MaxRecvDataSegmentLength", 512, 16777215, 8192, ISCSI_RULE_DECLARE},
		{"MaxBurstLength", 512, 16777215, 262144, ISCSI_RULE_MIN},
		{"FirstBurstLength", 512, 16777215, 65536, ISCSI_RULE_MIN},
		{"DefaultTime2Wait", 0, 3600, 2, ISCSI_RULE_MAX},
		{"DefaultTime2Retain", 0, 3600, 20, ISCSI_RULE_MIN},
		{"MaxOutstandingR2T", 1, 65535, 1, ISCSI_RULE_MIN},
		{"DataPDUInOrder", 0, 1, 1, ISCSI_RULE_OR},
		{"DataSequenceInOrder", 0, 1, 1, ISCSI_RULE_OR},
		{"ErrorRecoveryLevel", 0, 2, 0, ISCSI_RULE_MIN},
		{"iSCSIProtocolLevel", 0, 31, 1, ISCSI_RULE_MIN},
	};
	struct iscsi_params p;
	iscsi_params_init(&p);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		enum iscsi_key_id id = iscsi_key_find(row[i].name, strlen(row[i].name));
		assert_int_not_equal(id, ISCSI_KEY_COUNT);
		const struct iscsi_key *key = iscsi_key(id);
		assert_int_equal(key->min, row[i].min);
		assert_int_equal(key->max, row[i].max);
		assert_int_equal(key->rule, row[i].rule);
		assert_int_equal(iscsi_params_get(&p, key), row[i].initial);
	}
	assert_false(p.header_digest || p.data_digest);
	assert_true(p.initial_r2t && p.immediate_data);
	assert_int_equal(p.max_recv_data, 8192);
	assert_int_equal(p.first_burst, 65536);
}

static void test_every_row_is_there(void **state)
{
	for (unsigned i = 0; i < ISCSI_KEY_COUNT; i++) {
		const struct iscsi_key *key = iscsi_key(i);
		assert_non_null(key->name);
		assert_int_equal(iscsi_key_find(key->name, strlen(key->name)), i);
		assert_true(key->flags & (ISCSI_KEY_BY_INITIATOR | ISCSI_KEY_BY_TARGET));
		assert_true(key->flags &
			    (ISCSI_KEY_SECURITY | ISCSI_KEY_OPERATIONAL | ISCSI_KEY_FULL_FEATURE));
	}
	assert_int_equal(iscsi_key_find("maxconnections", 14), ISCSI_KEY_COUNT);
	assert_int_equal(iscsi_key_find("MaxConnection", 13), ISCSI_KEY_COUNT);
}

/* The sections of RFC 7143 12 and 13 (and 7144 7.1.1) once more, in their words: "use", the letters
 * of who sends it, scope, and what else they say. */
static const struct clause {
	const char *key;
	enum { IO, LO, ALL, FFPO, SECURITY } use;
	const char *senders;
	bool session_wide, any_stage, normal_only;
	const char *value;
} clauses[] = {
	{"HeaderDigest", IO, "it", false, false, false, "None"},
	{"DataDigest", IO, "it", false, false, false, "None"},
	{"MaxConnections", LO, "it", true, false, true, "1"},
	{"SendTargets", FFPO, "i", true, false, false, "All"},
	{"TargetName", IO, "i", true, true, false, "iqn.2001-04.com.example"}, /* and see below */
	{"InitiatorName", IO, "i", true, true, false, "iqn.2001-04.com.example"},
	{"TargetAlias", ALL, "t", true, true, false, "a"},
	{"InitiatorAlias", ALL, "i", true, true, false, "a"},
	{"TargetAddress", ALL, "t", true, true, false, "192.0.2.1:3260,1"},
	{"TargetPortalGroupTag", IO, "t", true, true, false, "1"},
	{"InitialR2T", LO, "it", true, false, true, "Yes"},
	{"ImmediateData", LO, "it", true, false, true, "Yes"},
	{"MaxRecvDataSegmentLength", ALL, "it", false, false, false, "8192"},
	{"MaxBurstLength", LO, "it", true, false, true, "8192"},
	{"FirstBurstLength", LO, "it", true, false, true, "8192"},
	{"DefaultTime2Wait", LO, "it", true, false, false, "2"},
	{"DefaultTime2Retain", LO, "it", true, false, false, "20"},
	{"MaxOutstandingR2T", LO, "it", true, false, true, "1"},
	{"DataPDUInOrder", LO, "it", true, false, true, "Yes"},
	{"DataSequenceInOrder", LO, "it", true, false, true, "Yes"},
	{"ErrorRecoveryLevel", LO, "it", true, false, false, "0"},
	{"SessionType", LO, "i", true, true, false, "Normal"},
	{"TaskReporting", LO, "it", true, false, true, "RFC3720"},
	{"iSCSIProtocolLevel", LO, "it", true, false, true, "1"},
	{"IFMarker", IO, "it", false, false, false, "No"},
	{"OFMarker", IO, "it", false, false, false, "No"},
	{"IFMarkInt", IO, "it", false, false, false, "2048"},
	{"OFMarkInt", IO, "it", false, false, false, "2048"},
	{"X#NodeArchitecture", LO, "it", true, false, false, "a/1"},
	{"AuthMethod", SECURITY, "it", false, false, false, "None"},
	{"CHAP_A", SECURITY, "it", false, false, false, "5"},
	{"CHAP_I", SECURITY, "it", false, false, false, "1"},
	{"CHAP_C", SECURITY, "it", false, false, false, "0x01"},
	{"CHAP_N", SECURITY, "it", false, false, false, "a"},
	{"CHAP_R", SECURITY, "it", false, false, false, "0x01"},
};

static bool allowed_in(const struct clause *c, enum iscsi_stage stage)
{
	switch (stage) {
	case ISCSI_SECURITY: return c->any_stage || c->use == SECURITY;
	case ISCSI_OPERATIONAL: return c->use != FFPO && c->use != SECURITY;
	default: return c->use == ALL || c->use == FFPO;
	}
}

static void test_clauses(void **state)
{
	assert_int_equal(ARRAY_SIZE(clauses), ISCSI_KEY_COUNT);
	for (size_t i = 0; i < ARRAY_SIZE(clauses); i++) {
		const struct clause *c = &clauses[i];
		enum iscsi_key_id id = iscsi_key_find(c->key, strlen(c->key));
		assert_int_not_equal(id, ISCSI_KEY_COUNT);
		unsigned flags = iscsi_key(id)->flags;
		assert_int_equal(!!(flags & ISCSI_KEY_SESSION_WIDE), c->session_wide);
		assert_int_equal(!!(flags & ISCSI_KEY_LEADING), c->use == LO);
		assert_int_equal(!!(flags & ISCSI_KEY_NORMAL_ONLY), c->normal_only);
		assert_int_equal(!!(flags & ISCSI_KEY_REPEATED),
				 strcmp(c->key, "TargetAddress") == 0);
		/* of RFC 4850, 5048 and 7144 */
		assert_int_equal(!!(flags & ISCSI_KEY_LATER),
				 strcmp(c->key, "TaskReporting") == 0 ||
					 strcmp(c->key, "iSCSIProtocolLevel") == 0 ||
					 strcmp(c->key, "X#NodeArchitecture") == 0);
	}
}

/* Each key in each stage from each side: taken where its clause allows it, and nowhere else. */
static void test_places(void **state)
{
	static const enum iscsi_stage stages[] = {ISCSI_SECURITY, ISCSI_OPERATIONAL,
						  ISCSI_FULL_FEATURE};
	for (size_t i = 0; i < ARRAY_SIZE(clauses) * 3 * 2; i++) {
		const struct clause *c = &clauses[i / 6];
		enum iscsi_stage stage = stages[i % 3];
		bool from_initiator = i / 3 % 2;
		char text[128], reply[4096];
		struct iscsi_nego n = nego(from_initiator, NULL);
		bool good = allowed_in(c, stage) && strchr(c->senders, from_initiator ? 'i' : 't');
		/* 13.4: "FFPO by target -- only as response to a SendTargets" */
		if (strcmp(c->key, "TargetName") == 0 && !from_initiator)
			good = stage == ISCSI_FULL_FEATURE;
		sprintf(text, "%s=%s;", c->key, c->value);
		print_message("# %s from the %s in stage %d\n", c->key,
			      from_initiator ? "initiator" : "target", stage);
		assert_int_equal(say(&n, stage, text, reply), good ? 0 : -EPROTO);
	}
}

/* A value that is none of its key's type ends what is no negotiation, from either side. */
static void test_types(void **state)
{
	static const struct {
		bool target; /* we are the target */
		enum iscsi_stage stage;
		const char *text;
		int err;
	} row[] = {
		{true, ISCSI_SECURITY, "InitiatorName=iqn.2001-04.com.example:A;", 0},
		{true, ISCSI_SECURITY, "InitiatorName=iqn.2001-04.com.example:a b;", -EINVAL},
		{true, ISCSI_SECURITY, "InitiatorName=;", -EINVAL},
		{true, ISCSI_SECURITY, "TargetName=disk;", -EINVAL},
		{true, ISCSI_SECURITY, "SessionType=Normal;", 0},
		{true, ISCSI_SECURITY, "SessionType=Discovery;", 0},
		{true, ISCSI_SECURITY, "SessionType=normal;", -EINVAL},
		{true, ISCSI_SECURITY, "SessionType=Discovery,Normal;", -EINVAL},
		{true, ISCSI_OPERATIONAL, "InitiatorAlias=;", 0},
		{true, ISCSI_OPERATIONAL, "InitiatorAlias=\xc3\xbc;", 0},
		{true, ISCSI_OPERATIONAL, "InitiatorAlias=\xfc;", -EINVAL},
		{true, ISCSI_OPERATIONAL, "InitiatorAlias=a\nb;", -EINVAL},
		{true, ISCSI_OPERATIONAL, "InitiatorAlias=Reject;", -EPROTO}, /* 6.2 */
		{true, ISCSI_FULL_FEATURE, "InitiatorAlias=a\x7f;", -EINVAL},
		{true, ISCSI_OPERATIONAL, "X#NodeArchitecture=NotUnderstood;", -EPROTO},
		{true, ISCSI_SECURITY, "CHAP_I=255;", 0},
		{true, ISCSI_SECURITY, "CHAP_I=256;", -EINVAL},
		{true, ISCSI_SECURITY, "CHAP_I=;", -EINVAL},
		{true, ISCSI_SECURITY, "CHAP_N=;", -EINVAL},
		{true, ISCSI_SECURITY, "CHAP_C=0x;", -EINVAL},
		{true, ISCSI_SECURITY, "CHAP_C=0xg0;", -EINVAL},
		{true, ISCSI_SECURITY, "CHAP_C=0bAQ==;", 0},
		{true, ISCSI_SECURITY, "CHAP_R=0bA;", -EINVAL},
		{true, ISCSI_SECURITY, "CHAP_R=12;", -EINVAL},
		{false, ISCSI_OPERATIONAL, "TargetAlias=\xff;", -EINVAL},
		{false, ISCSI_OPERATIONAL, "TargetPortalGroupTag=65535;", 0},
		{false, ISCSI_OPERATIONAL, "TargetPortalGroupTag=0xFFFF;", 0},
		{false, ISCSI_OPERATIONAL, "TargetPortalGroupTag=65536;", -EINVAL},
		{false, ISCSI_OPERATIONAL, "TargetPortalGroupTag=-1;", -EINVAL},
		{false, ISCSI_OPERATIONAL, "TargetPortalGroupTag=a;", -EINVAL},
		{false, ISCSI_OPERATIONAL, "MaxRecvDataSegmentLength=511;", -EINVAL},
		{false, ISCSI_SECURITY, "CHAP_I=0x100;", -EINVAL},
		{false, ISCSI_SECURITY, "AuthMethod=Reject;", 0}, /* an answer */
		{false, ISCSI_FULL_FEATURE, "TargetName=disk;", -EINVAL},
		{false, ISCSI_FULL_FEATURE, "TargetAddress=;", -EINVAL},
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct iscsi_nego n = nego(row[i].target, NULL);
		char reply[4096];
		print_message("# row %zu\n", i);
		assert_int_equal(say(&n, row[i].stage, row[i].text, reply), row[i].err);
	}
}

static void test_lengths_of_values(void **state)
{
	static const struct {
		const char *begin;
		size_t most; /* characters that may follow */
		enum iscsi_stage stage;
	} row[] = {
		{"InitiatorAlias=", 255, ISCSI_OPERATIONAL},
		{"X#NodeArchitecture=", 255, ISCSI_OPERATIONAL},
		{"CHAP_N=", 255, ISCSI_SECURITY},
		{"CHAP_C=0x", 2048, ISCSI_SECURITY},
		{"CHAP_R=0x", 2048, ISCSI_SECURITY},
		{"SendTargets=", 255, ISCSI_FULL_FEATURE},
		{"InitiatorName=iqn.2001-04.com.example:", 223 - 24, ISCSI_SECURITY},
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		for (size_t more = 0; more < 2; more++) {
			struct iscsi_nego n = nego(true, NULL);
			char text[4000], reply[4096];
			size_t len = strlen(row[i].begin);
			memcpy(text, row[i].begin, len);
			memset(text + len, 'a', row[i].most + more);
			strcpy(text + len + row[i].most + more, ";");
			assert_int_equal(say(&n, row[i].stage, text, reply), more ? -EINVAL : 0);
		}
}

/* Records of an answer to SendTargets: both keys again and again, from a target. */
static void test_records(void **state)
{
	static const char text[] =
		"TargetName=iqn.2001-04.com.example:a;TargetAddress=192.0.2.1,1;"
		"TargetAddress=192.0.2.2,1;TargetName=iqn.2001-04.com.example:b;";
	struct iscsi_nego n = nego(false, NULL), other = nego(true, NULL);
	char reply[4096];
	assert_int_equal(say(&n, ISCSI_FULL_FEATURE, text, reply), 0);
	assert_int_equal(say(&n, ISCSI_FULL_FEATURE, text, reply), 0); /* its next part */
	assert_string_equal(reply, "");
	assert_int_equal(say(&other, ISCSI_OPERATIONAL,
			     "TargetName=iqn.2001-04.com.example:a;"
			     "TargetName=iqn.2001-04.com.example:a;",
			     reply),
			 -EEXIST);
}

/* A connection that joins a session (TSIH not 0) has nothing to say about what is the session's:
 * what is negotiated is Irrelevant there, what is declared changes nothing. */
static void test_joining_with_leading_keys(void **state)
{
	unsigned leading = 0;
	for (size_t i = 0; i < ARRAY_SIZE(clauses); i++) {
		const struct clause *c = &clauses[i];
		struct iscsi_offer offer;
		struct iscsi_params session, before;
		struct iscsi_nego n;
		char text[128], reply[4096], expected[128] = "";
		if (c->use != LO)
			continue;
		iscsi_offer_init(&offer);
		iscsi_params_init(&session);
		session.max_burst = session.first_burst = 2048; /* not what the text says */
		session.time2wait = session.time2retain = 7;
		iscsi_nego_init(&n, true, false, &offer, &session);
		before = n.params;
		sprintf(text, "%s=%s;", c->key, c->value);
		if (iscsi_key(iscsi_key_find(c->key, strlen(c->key)))->rule != ISCSI_RULE_DECLARE)
			sprintf(expected, "%s=Irrelevant;", c->key);
		assert_int_equal(say(&n, ISCSI_OPERATIONAL, text, reply), 0);
		assert_string_equal(reply, expected);
		assert_memory_equal(&n.params, &before, sizeof(before));
		assert_int_equal(iscsi_nego_finish(&n), 0);
		assert_memory_equal(&n.params, &before, sizeof(before));
		leading++;
	}
	assert_int_equal(leading, 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),   cmocka_unit_test(test_every_row_is_there),
		cmocka_unit_test(test_clauses), cmocka_unit_test(test_places),
		cmocka_unit_test(test_types),   cmocka_unit_test(test_lengths_of_values),
		cmocka_unit_test(test_records), cmocka_unit_test(test_joining_with_leading_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

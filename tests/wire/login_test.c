/* SPDX-License-Identifier: BSD-2-Clause */
/* The Login Phase: stages, keys, sessions (RFC 7143 6, 11.12, 11.13, 13). What lasts too long or is
 * malformed is in login_bad_test.c. */
#include "wire.h"

#define NAMES "InitiatorName=" WIRE_INITIATOR "\nSessionType=Normal\nTargetName=" WIRE_TARGET

static void in_one_request(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu r;

	assert_int_equal(wire_try_login(w, NULL, &r), ISCSI_LOGIN_SUCCESS);
	assert_true(w->full_feature);
	assert_int_equal(r.login_response.flags, WIRE_OPERATIONAL_TO_FULL);
	wire_expect_key(w, &r, "TargetPortalGroupTag", "1"); /* 6.3.1 */
	wire_expect_key(w, &r, "TargetAlias", WIRE_ALIAS);   /* 13.6: SHOULD */
	assert_non_null(wire_key(&r, "MaxRecvDataSegmentLength"));
	wire_ping(w);
}

static void both_stages(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu r;

	assert_int_equal(wire_login_step(w, WIRE_SECURITY_TO_OPERATIONAL,
					 NAMES "\nAuthMethod=CHAP,None", &r),
			 0);
	assert_int_equal(r.login_response.flags, WIRE_SECURITY_TO_OPERATIONAL);
	wire_expect_key(w, &r, "AuthMethod", "None");
	wire_expect_key(w, &r, "TargetPortalGroupTag", "1");
	assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL, "MaxRecvDataSegmentLength=4096", &r),
			 0);
	wire_expect_key(w, &r, "TargetPortalGroupTag", NULL); /* only with the first response */
	wire_login_finish(w, NULL);
	wire_ping(w);
}

/* 6.3.1: not willing to propose, ready without security. */
static void security_stage_without_a_proposal(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu r;

	assert_int_equal(wire_login_step(w, WIRE_SECURITY_TO_OPERATIONAL, NAMES, &r), 0);
	assert_int_equal(r.login_response.flags, WIRE_SECURITY_TO_OPERATIONAL);
	wire_expect_key(w, &r, "AuthMethod", NULL);
	wire_login_finish(w, NULL);
	wire_ping(w);
}

static void security_straight_to_full_feature(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu q = wire_login_pdu(w, WIRE_SECURITY_TO_FULL, NAMES "\nAuthMethod=None"), r;

	wire_send(w, &q);
	wire_expect(w, ISCSI_LOGIN_RESPONSE, &r);
	assert_int_equal(r.login_response.status_class, 0);
	/* The target may take one stage at a time, but never invents one. */
	if (r.login_response.flags == WIRE_SECURITY_TO_FULL) {
		wire_login_done(w, &q, &r);
	} else {
		if (!(r.login_response.flags & ISCSI_LOGIN_TRANSIT))
			assert_int_equal(wire_login_step(w, WIRE_SECURITY_TO_OPERATIONAL, NULL, &r),
					 0);
		assert_int_equal(r.login_response.flags, WIRE_SECURITY_TO_OPERATIONAL);
		wire_login_finish(w, NULL);
	}
	wire_ping(w);
}

/* 6.3.1: no security, and every parameter at its default: one request, one answer. */
static void all_defaults_in_one_exchange(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu r;

	assert_int_equal(wire_try_login(w, &(struct wire_login){.no_defaults = true}, &r), 0);
	assert_int_equal(r.login_response.flags, WIRE_OPERATIONAL_TO_FULL);
	wire_ping(w);
}

static void in_several_requests(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu r;

	/* 6.2: at least six exchanges are allowed. */
	assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL, NAMES, &r), 0);
	wire_expect_key(w, &r, "TargetPortalGroupTag", "1");
	assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL, "MaxBurstLength=8192", &r), 0);
	wire_expect_key(w, &r, "MaxBurstLength", "8192");
	assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL, "FirstBurstLength=4096", &r), 0);
	wire_expect_key(w, &r, "FirstBurstLength", "4096");
	assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL, NULL, &r), 0);
	assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL, "MaxOutstandingR2T=1", &r), 0);
	wire_expect_key(w, &r, "MaxOutstandingR2T", "1");
	assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL, NULL, &r), 0);
	wire_login_finish(w, NULL);
	wire_ping(w);
}

/* 6.1, 11.12.2: a pair may span PDUs; an answer to C is empty. */
static void text_in_pieces(struct wire_world *world)
{
	static const char first[] = "InitiatorName=" WIRE_INITIATOR "\0Targ";
	static const char second[] = "etName=" WIRE_TARGET "\0MaxBurst";
	static const char third[] = "Length=8192";
	struct wire *w = wire_open(world);
	struct wire_pdu q, r;

	q = wire_login_pdu(w, WIRE_OPERATIONAL | ISCSI_LOGIN_CONTINUE, NULL);
	wire_set_data(&q, first, sizeof(first) - 1);
	wire_send(w, &q);
	wire_expect(w, ISCSI_LOGIN_RESPONSE, &r);
	assert_int_equal(r.data_len, 0);
	assert_int_equal(r.login_response.flags, WIRE_OPERATIONAL);
	wire_set_data(&q, second, sizeof(second) - 1);
	wire_send(w, &q);
	wire_expect(w, ISCSI_LOGIN_RESPONSE, &r);
	assert_int_equal(r.data_len, 0);
	q = wire_login_pdu(w, WIRE_OPERATIONAL, NULL);
	wire_set_data(&q, third, sizeof(third));
	wire_send(w, &q);
	wire_expect(w, ISCSI_LOGIN_RESPONSE, &r);
	wire_expect_key(w, &r, "MaxBurstLength", "8192");
	wire_expect_key(w, &r, "TargetPortalGroupTag", "1"); /* the first one it may come with */
	wire_login_finish(w, NULL);
	wire_ping(w);
}

/* 6.1: at least 8192 bytes of keys are taken, in as many PDUs as they need. */
static void much_text(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	char *text = wire_alloc(world, 8400);
	unsigned asked = 0;
	int n = sprintf(text, NAMES);
	struct wire_pdu r;

	for (; n < 8300; asked++)
		n += sprintf(text + n, "\nX-test.k%03u=%080u", asked, asked);
	for (char *half = strchr(text + n / 2, '\n'); half; half = NULL) {
		*half = 0;
		assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL, text, NULL), 0);
		assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL, half + 1, &r), 0);
	}
	assert_true(asked > 80);
	assert_true(r.data_len > asked / 2 * strlen("X-test.k000=NotUnderstood"));
	wire_login_finish(w, NULL);
	wire_ping(w);
}

/* The answer is longer than a PDU may be, so it comes in pieces with C set, and each is fetched by an
 * empty request (6.2). */
static void answer_in_pieces(struct wire_world *world)
{
	enum { N = 120 };
	struct wire *w = wire_open(world);
	char *text = wire_alloc(world, 8200), *answer = wire_alloc(world, 40000);
	struct wire_pdu r, whole = {0};
	size_t len = 0;
	int n = sprintf(text, NAMES);

	for (unsigned i = 0; i < N; i++)
		n += sprintf(text + n, "\nX-test.%050u=1", i);
	w->judge_text = false; /* a piece may end anywhere */
	assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL, text, &r), 0);
	assert_true(r.login_response.flags & ISCSI_LOGIN_CONTINUE);
	for (;;) {
		memcpy(answer + len, r.data ? r.data : (const uint8_t *)"", r.data_len);
		len += r.data_len;
		if (!(r.login_response.flags & ISCSI_LOGIN_CONTINUE))
			break;
		assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL, NULL, &r), 0);
	}
	wire_set_data(&whole, answer, len);
	for (unsigned i = 0; i < N; i++) {
		char key[64];

		snprintf(key, sizeof(key), "X-test.%050u", i);
		wire_expect_key(w, &whole, key, "NotUnderstood");
	}
	wire_login_finish(w, NULL);
	wire_ping(w);
}

/* 11.12.4, 11.13.2 */
static void versions(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu q = wire_login_pdu(w, WIRE_OPERATIONAL_TO_FULL, NAMES), r;

	q.login.version_min = 1;
	q.login.version_max = 1;
	wire_send(w, &q);
	wire_expect(w, ISCSI_LOGIN_RESPONSE, &r);
	assert_int_equal(r.login_response.status_class, 2);
	assert_int_equal(r.login_response.status_detail, 5);
	assert_int_equal(r.login_response.version_active, 0);
	wire_expect_closed(w, 5);

	w = wire_open(world);
	q = wire_login_pdu(w, WIRE_OPERATIONAL_TO_FULL, NAMES);
	q.login.version_max = 7; /* a range that has ours in it */
	wire_send(w, &q);
	wire_expect(w, ISCSI_LOGIN_RESPONSE, &r);
	assert_int_equal(r.login_response.status_class, 0);
	assert_int_equal(r.login_response.version_active, 0);
}

static void names_missing_or_unknown(struct wire_world *world)
{
	static const struct {
		const char *keys;
		unsigned status;
	} rows[] = {
		{"TargetName=" WIRE_TARGET, ISCSI_LOGIN_MISSING_PARAMETER},
		{"InitiatorName=" WIRE_INITIATOR, ISCSI_LOGIN_MISSING_PARAMETER},
		{"InitiatorName=" WIRE_INITIATOR "\nSessionType=Normal",
		 ISCSI_LOGIN_MISSING_PARAMETER},
		{"SessionType=Discovery", ISCSI_LOGIN_MISSING_PARAMETER},
		{"InitiatorName=" WIRE_INITIATOR "\nTargetName=iqn.2026-01.test.lunar:nobody",
		 ISCSI_LOGIN_NOT_FOUND},
		{NULL, ISCSI_LOGIN_MISSING_PARAMETER},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct wire *w = wire_open(world);

		assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL_TO_FULL, rows[i].keys, NULL),
				 rows[i].status);
		wire_expect_closed(w, 5);
	}
}

/* RFC 3722: names are compared without case; both sides of this are one target. */
static void names_without_case(struct wire_world *world)
{
	struct wire *w = wire_open(world);

	wire_login(w, &(struct wire_login){.target = "IQN.2026-01.Test.Lunar:TARGET"});
	wire_ping(w);
}

/* What is offered, and what may come back: any of a list with '|' between; "-" for no answer. */
static const struct {
	const char *key, *offer, *answers;
} outcomes[] = {
	{"HeaderDigest", "CRC32C,None", "CRC32C"}, /* the first we know: 6.2.1 */
	{"HeaderDigest", "None,CRC32C", "None"},
	{"HeaderDigest", "Y-test.sum,CRC32C", "CRC32C"}, /* what is not understood is passed over */
	{"DataDigest", "CRC32C", "CRC32C"},
	{"DataDigest", "None", "None"},
	{"MaxConnections", "8", "1"},
	{"InitialR2T", "No", "No"},
	{"InitialR2T", "Yes", "Yes|-"}, /* 6.2.2: the answer is optional */
	{"ImmediateData", "Yes", "Yes"},
	{"ImmediateData", "No", "No|-"},
	{"MaxBurstLength", "512", "512"}, /* Minimum */
	{"MaxBurstLength", "0x2000", "8192|0x2000"},
	{"MaxBurstLength", "16777215", "1048576"},
	{"FirstBurstLength", "512", "512"},
	{"DefaultTime2Wait", "0", "2"}, /* Maximum */
	{"DefaultTime2Wait", "60", "60"},
	{"DefaultTime2Retain", "3600", "0"}, /* Minimum */
	{"MaxOutstandingR2T", "1", "1"},
	{"MaxOutstandingR2T", "65535", "16"},
	{"DataPDUInOrder", "Yes", "Yes|-"},
	{"DataPDUInOrder", "No", "Yes"}, /* OR, and in order is what we do */
	{"DataSequenceInOrder", "No", "Yes"},
	{"ErrorRecoveryLevel", "2", "0"},
	{"ErrorRecoveryLevel", "0", "0"},
	{"TaskReporting", "RFC3720,ResponseFence,FastAbort", "RFC3720|ResponseFence"},
	{"TaskReporting", "FastAbort,ResponseFence,RFC3720", "RFC3720|ResponseFence"},
	{"TaskReporting", "FastAbort", "Reject"}, /* 6.2.1; RFC3720 stands */
	{"iSCSIProtocolLevel", "1", "1"},         /* RFC 7144 */
	{"iSCSIProtocolLevel", "2", "1|2"},
	{"IFMarker", "No", "Reject"}, /* 13.25 */
	{"OFMarker", "Yes", "Reject"},
	{"IFMarkInt", "1~65535", "Reject"},
	{"OFMarkInt", "2048", "Reject"},
	{"X-com.example.speed", "11", "NotUnderstood"}, /* 6.2 */
	{"Zork", "", "NotUnderstood"},
	{"initialr2t", "No", "NotUnderstood"},         /* keys have their case: 6.1 */
	{"MaxRecvDataSegmentLength", "512", "262144"}, /* declared, each its own */
};

static bool among(const char *answer, const char *list)
{
	if (!answer)
		answer = "-";
	size_t len = strlen(answer);

	for (const char *p = list; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
		if (strncmp(p, answer, len) == 0 && (p[len] == 0 || p[len] == '|'))
			return true;
	return false;
}

static void result_of_each_key(struct wire_world *world)
{
	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
		struct wire *w = wire_open(world);
		char keys[128];
		const char *got;
		struct wire_pdu r;

		snprintf(keys, sizeof(keys), "%s=%s", outcomes[i].key, outcomes[i].offer);
		assert_int_equal(wire_try_login(w, &(struct wire_login){.keys = keys}, &r), 0);
		got = wire_key(&r, outcomes[i].key);
		if (!among(got, outcomes[i].answers))
			wire_fail(world, "%s was answered with %s, not %s", keys,
				  got ? got : "nothing", outcomes[i].answers);
		assert_true(wire_key_count(&r, outcomes[i].key) <= 1);
		wire_ping(w); /* with the digests that were agreed */
		wire_close(w);
	}
}

/* 13.14: FirstBurstLength never exceeds MaxBurstLength. */
static void first_burst_within_max_burst(struct wire_world *world)
{
	struct wire *w = wire_open(world);

	wire_login(w, &(struct wire_login){.keys = "MaxBurstLength=4096\nFirstBurstLength=65536"});
	assert_true(w->max_burst <= 4096);
	assert_true(w->first_burst <= w->max_burst);
}

static void short_bursts(struct config_limits *limits)
{
	limits->max_burst_length = 8192;
	limits->first_burst_length = 4096;
}

/* An initiator that does not listen to what the target proposes (iPXE) logs in all the same: of a
 * first burst it may send what the default says, and the bursts asked for are as short as here. */
static void proposals_are_ignored(struct wire_world *world)
{
	const uint8_t *data = wire_pattern(world, 131072, 1);
	struct wire_cmd cmd = {
		.cdb = WRITE10(0, 256), .write = 131072, .immediate = 65536, .data = data};
	struct wire *w = wire_open(world);
	struct wire_result result;
	struct wire_pdu r;

	assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL_TO_FULL, NAMES, &r), 0);
	assert_int_equal(r.login_response.flags, WIRE_OPERATIONAL);
	wire_expect_key(w, &r, "FirstBurstLength", "4096");
	wire_expect_key(w, &r, "MaxBurstLength", NULL);
	wire_login_finish(w, NULL);
	w->first_burst = 65536;
	w->max_burst = 8192; /* the judge sees to it */
	w->max_send = 65536;
	wire_clear_attention(w, 0);
	wire_finish(w, &cmd, wire_command(w, &cmd), &result);
	assert_int_equal(result.status, 0);
	assert_int_equal(result.r2ts, 8);
	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 256), .read = 131072}, &result);
	assert_memory_equal(result.data, data, 131072);
}

/* 13.14, 6.2: without unsolicited data there is no first burst. */
static void irrelevant_first_burst(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu r;
	const char *got;

	assert_int_equal(
		wire_try_login(w,
			       &(struct wire_login){.keys = "InitialR2T=Yes\nImmediateData=No\n"
							    "FirstBurstLength=4096"},
			       &r),
		0);
	got = wire_key(&r, "FirstBurstLength");
	assert_non_null(got);
	assert_true(among(got, "Irrelevant|4096"));
	wire_ping(w);
}

static void discovery_session(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu r;

	assert_int_equal(wire_try_login(w,
					&(struct wire_login){.discovery = true,
							     .keys = "MaxConnections=4\n"
								     "ErrorRecoveryLevel=1"},
					&r),
			 0);
	assert_true(among(wire_key(&r, "MaxConnections"), "Irrelevant|1"));
	wire_expect_key(w, &r, "ErrorRecoveryLevel", "0"); /* 7.4.1 */
	wire_logout(w);
}

/* 6.3.1, 13.9: a discovery session may name a target, too, and learns its portal group then. */
static void discovery_of_a_named_target(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu r;

	assert_int_equal(
		wire_try_login(w, &(struct wire_login){.discovery = true, .target = WIRE_TARGET},
			       &r),
		0);
	wire_expect_key(w, &r, "TargetPortalGroupTag", "1");
	wire_logout(w);
	w = wire_open(world);
	assert_int_equal(wire_try_login(w, &(struct wire_login){.discovery = true}, &r), 0);
	wire_expect_key(w, &r, "TargetPortalGroupTag", NULL); /* of no target in particular */
	wire_expect_login_fails(
		wire_open(world),
		&(struct wire_login){.discovery = true, .target = "iqn.2026-01.test.lunar:nobody"},
		ISCSI_LOGIN_NOT_FOUND);
}

/* 13.21: nothing but SendTargets and logout. */
static void discovery_takes_no_commands(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu q, tmf;

	wire_login(w, &(struct wire_login){.discovery = true});
	q = wire_command_pdu(w, &(struct wire_cmd){.cdb = TEST_UNIT_READY});
	q.command.opcode |= ISCSI_IMMEDIATE;
	wire_send(w, &q);
	wire_expect(w, ISCSI_REJECT, NULL);
	tmf = wire_make(w, ISCSI_TMF_REQUEST | ISCSI_IMMEDIATE);
	tmf.tmf.function = ISCSI_FINAL | ISCSI_TMF_TARGET_WARM_RESET;
	put_be32(tmf.tmf.referenced_tag, ISCSI_RESERVED_TAG);
	wire_send(w, &tmf);
	wire_expect(w, ISCSI_REJECT, NULL);
	wire_logout(w);
}

/* --- sessions: 4.4.3, 6.3.1 */

static void a_session_of_the_past(struct wire_world *world)
{
	struct wire *w = wire_open(world);

	wire_expect_login_fails(w, &(struct wire_login){.tsih = 0x7777}, ISCSI_LOGIN_NO_SESSION);
}

static void second_connection_is_one_too_many(struct wire_world *world)
{
	struct wire *w = wire_open_session(world), *second = wire_open(world);

	second->cmdsn = second->cmdsn_top = w->cmdsn;
	wire_expect_login_fails(second,
				&(struct wire_login){.isid = w->isid, .tsih = w->tsih, .cid = 1},
				ISCSI_LOGIN_TOO_MANY_CONNECTIONS);
	wire_ping(w); /* and the first does not notice */
}

/* 6.3.4: the same CID takes the place of the connection; the session goes on. */
static void connection_reinstatement(struct wire_world *world)
{
	struct wire *w = wire_open_session(world), *again = wire_open(world);

	wire_clear_attention(w, 0);
	again->cmdsn = again->cmdsn_top = w->cmdsn;
	wire_login(again, &(struct wire_login){.isid = w->isid, .tsih = w->tsih});
	wire_expect_end(w, 5);
	assert_int_equal(again->tsih, w->tsih);
	wire_clear_attention(again, 0);
	wire_ping(again);
}

/* 6.3.5: the same ISID with TSIH 0 ends the old session; the nexus is lost. */
static void session_reinstatement(struct wire_world *world)
{
	struct wire *w = wire_open_session(world), *again = wire_open(world);
	struct wire_result r;

	wire_clear_attention(w, 0);
	wire_login(again, &(struct wire_login){.isid = w->isid});
	wire_expect_end(w, 5);
	assert_true(again->tsih != w->tsih);
	wire_execute(again, &(struct wire_cmd){.cdb = TEST_UNIT_READY}, &r);
	assert_int_equal(r.status, 0x02);
	assert_int_equal(r.key, 6);
	assert_int_equal(r.asc >> 8, 0x29); /* power on, reset or nexus loss */
	wire_clear_attention(again, 0);
}

static void sessions_side_by_side(struct wire_world *world)
{
	struct wire *a = wire_open_session(world), *b = wire_open_session(world);
	struct wire *c = wire_open(world), *d = wire_open(world);

	/* Another initiator with the same ISID, and the same initiator port at another target. */
	wire_login(c, &(struct wire_login){.isid = a->isid,
					   .initiator = "iqn.2026-01.test.lunar:guest"});
	wire_login(d, &(struct wire_login){.isid = a->isid, .target = WIRE_TARGET2});
	wire_ping(a);
	wire_ping(b);
	wire_ping(c);
	wire_ping(d);
}

/* 7.4.2: a discovery session and a normal one with the same ISID are two nexuses. */
static void discovery_does_not_end_a_session(struct wire_world *world)
{
	struct wire *w = wire_open_session(world), *d = wire_open(world);

	wire_login(d, &(struct wire_login){.isid = w->isid, .discovery = true});
	wire_ping(w);
	wire_logout(d);
	wire_ping(w);
}

static void login_after_logout(struct wire_world *world)
{
	struct wire *w = wire_open_session(world), *again = wire_open(world);

	wire_logout(w);
	wire_login(again, &(struct wire_login){.isid = w->isid});
	wire_clear_attention(again, 0);
}

/* 11.13.3: handles of living sessions differ. */
static void handles_are_unique(struct wire_world *world)
{
	enum { N = 40 };
	struct wire *w[N];

	for (int i = 0; i < N; i++) {
		w[i] = wire_open_session(world);
		for (int j = 0; j < i; j++)
			assert_true(w[i]->tsih != w[j]->tsih);
	}
}

static void nobody_redirects(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu r;

	assert_int_equal(wire_try_login(w, NULL, &r) >> 8, 0);
	wire_expect_key(w, &r, "TargetAddress", NULL);
}

static const struct wire_config two_nodes = {.other_node = true};
static const struct wire_config bursts = {.tune = short_bursts};

static const struct wire_case cases[] = {
	REAL(in_one_request),
	REAL(both_stages),
	CASE(security_stage_without_a_proposal),
	REAL(security_straight_to_full_feature),
	CASE(all_defaults_in_one_exchange),
	CASE(in_several_requests),
	REAL(text_in_pieces),
	REAL(much_text),
	REAL(answer_in_pieces),
	REAL(versions),
	REAL(names_missing_or_unknown),
	CASE(names_without_case),
	CASE(result_of_each_key),
	CASE(first_burst_within_max_burst),
	CASE_WITH(proposals_are_ignored, &bursts),
	CASE(irrelevant_first_burst),
	REAL(discovery_session),
	CASE(discovery_of_a_named_target),
	CASE(discovery_takes_no_commands),
	CASE(a_session_of_the_past),
	REAL(second_connection_is_one_too_many),
	REAL(connection_reinstatement),
	REAL(session_reinstatement),
	CASE_WITH(sessions_side_by_side, &two_nodes),
	CASE(discovery_does_not_end_a_session),
	CASE(login_after_logout),
	CASE(handles_are_unique),
	CASE(nobody_redirects),
};

WIRE_THEME_DEFINE(login);

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the rows of the key table make of proposals and answers. */
#include "keys_rig.h"

/* A target with this offer answers a proposal. */
static void test_answers(void **state)
{
	static const struct {
		const char *proposal, *reply;
	} row[] = {
		/* minimum; ours is 8 connections, bursts of 128 KiB and 32 KiB, 4 R2Ts, ERL 1 */
		{"MaxConnections=4;", "MaxConnections=4;"},
		{"MaxConnections=8;", "MaxConnections=8;"},
		{"MaxConnections=65535;", "MaxConnections=8;"},
		{"MaxConnections=0x10;", "MaxConnections=8;"},
		{"MaxConnections=65536;", "MaxConnections=8;"},
		{"MaxConnections=0;", "MaxConnections=Reject;"},
		{"MaxConnections=x;", "MaxConnections=Reject;"},
		{"MaxConnections=;", "MaxConnections=Reject;"},
		{"MaxConnections=1~4;", "MaxConnections=Reject;"},
		{"MaxBurstLength=16777216;", "MaxBurstLength=131072;"},
		{"MaxBurstLength=512;", "MaxBurstLength=512;"},
		{"MaxBurstLength=511;", "MaxBurstLength=Reject;"},
		{"ErrorRecoveryLevel=2;", "ErrorRecoveryLevel=1;"},
		{"ErrorRecoveryLevel=0;", "ErrorRecoveryLevel=0;"},
		{"DefaultTime2Retain=3600;", "DefaultTime2Retain=0;"},
		{"iSCSIProtocolLevel=2;", "iSCSIProtocolLevel=1;"},
		/* maximum; ours is 3 */
		{"DefaultTime2Wait=0;", "DefaultTime2Wait=3;"},
		{"DefaultTime2Wait=100;", "DefaultTime2Wait=100;"},
		{"DefaultTime2Wait=3601;", "DefaultTime2Wait=Reject;"},
		/* OR; we would rather have No */
		{"InitialR2T=No;", "InitialR2T=No;"},
		{"InitialR2T=Yes;", "InitialR2T=Yes;"},
		{"InitialR2T=Maybe;", "InitialR2T=Reject;"},
		/* ... and Yes */
		{"DataPDUInOrder=No;", "DataPDUInOrder=Yes;"},
		{"DataSequenceInOrder=No;", "DataSequenceInOrder=Yes;"},
		/* AND, Yes */
		{"ImmediateData=Yes;", "ImmediateData=Yes;"},
		{"ImmediateData=No;", "ImmediateData=No;"},
		/* lists */
		{"HeaderDigest=CRC32C,None;", "HeaderDigest=CRC32C;"},
		{"HeaderDigest=None,CRC32C;", "HeaderDigest=None;"},
		{"HeaderDigest=Y-foo,CRC32C;", "HeaderDigest=CRC32C;"},
		{"DataDigest=None;", "DataDigest=None;"},
		{"TaskReporting=FastAbort,ResponseFence,RFC3720;", "TaskReporting=RFC3720;"},
		{"TaskReporting=FastAbort;", "TaskReporting=Reject;"}, /* the default does */
		{"TaskReporting=Foo,Bar;", "TaskReporting=Reject;"},
		/* obsolete (RFC 7143 13.25) */
		{"IFMarker=No;", "IFMarker=Reject;"},
		{"OFMarker=Yes;", "OFMarker=Reject;"},
		{"IFMarkInt=2048~8192;", "IFMarkInt=Reject;"},
		{"OFMarkInt=2048;", "OFMarkInt=Reject;"},
		/* not known */
		{"X-com.example.foo=1;", "X-com.example.foo=NotUnderstood;"},
		{"Foo=1;", "Foo=NotUnderstood;"},
		{"initialR2T=No;", "initialR2T=NotUnderstood;"},
		{"Foo=NotUnderstood;", ""}, /* no answer to an answer */
		/* declared: no answer */
		{"X#NodeArchitecture=a/1;", ""},
		{"MaxRecvDataSegmentLength=512;", ""},
		/* which depends on which, whatever their order */
		{"FirstBurstLength=65536;MaxBurstLength=4096;",
		 "MaxBurstLength=4096;FirstBurstLength=4096;"},
		{"FirstBurstLength=65536;ImmediateData=No;InitialR2T=Yes;",
		 "InitialR2T=Yes;ImmediateData=No;FirstBurstLength=Irrelevant;"},
		{"FirstBurstLength=65536;ImmediateData=No;InitialR2T=No;",
		 "InitialR2T=No;ImmediateData=No;FirstBurstLength=32768;"},
		{"MaxOutstandingR2T=8;ErrorRecoveryLevel=1;",
		 "ErrorRecoveryLevel=1;MaxOutstandingR2T=1;"},
		{"MaxOutstandingR2T=8;ErrorRecoveryLevel=0;",
		 "ErrorRecoveryLevel=0;MaxOutstandingR2T=4;"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct iscsi_offer offer;
		char reply[4096];
		iscsi_offer_init(&offer);
		offer.want.max_connections = 8;
		offer.want.max_burst = 131072;
		offer.want.first_burst = 32768;
		offer.want.max_outstanding_r2t = 4;
		offer.want.error_recovery_level = 1;
		offer.want.time2wait = 3;
		offer.want.time2retain = 0;
		offer.want.initial_r2t = false;
		struct iscsi_nego n = nego(true, &offer);
		assert_int_equal(say(&n, ISCSI_OPERATIONAL, row[i].proposal, reply), 0);
		assert_string_equal(reply, row[i].reply);
	}
}

static void test_failures(void **state)
{
	static const struct {
		enum iscsi_stage stage;
		const char *text;
		int err;
		enum iscsi_key_id key;
	} row[] = {
		{ISCSI_OPERATIONAL, "MaxBurstLength=1000;MaxBurstLength=1000;", -EEXIST,
		 ISCSI_KEY_MAX_BURST_LENGTH},
		{ISCSI_OPERATIONAL, "MaxRecvDataSegmentLength=511;", -EINVAL,
		 ISCSI_KEY_MAX_RECV_DATA_SEGMENT_LENGTH},
		{ISCSI_OPERATIONAL, "MaxRecvDataSegmentLength=16777216;", -EINVAL,
		 ISCSI_KEY_MAX_RECV_DATA_SEGMENT_LENGTH},
		{ISCSI_OPERATIONAL, "MaxRecvDataSegmentLength=4294968320;",
		 -EINVAL, /* 2^32 + 1024 */
		 ISCSI_KEY_MAX_RECV_DATA_SEGMENT_LENGTH},
		{ISCSI_OPERATIONAL, "HeaderDigest=Y-foo;", -EOPNOTSUPP, ISCSI_KEY_HEADER_DIGEST},
		{ISCSI_OPERATIONAL, "HeaderDigest=;", -EOPNOTSUPP, ISCSI_KEY_HEADER_DIGEST},
		{ISCSI_OPERATIONAL, "InitialR2T=Reject;", -EPROTO, ISCSI_KEY_INITIAL_R2T},
		{ISCSI_OPERATIONAL, "MaxConnections=Irrelevant;", -EPROTO,
		 ISCSI_KEY_MAX_CONNECTIONS},
		{ISCSI_OPERATIONAL, "DataDigest=NotUnderstood;", -EPROTO, ISCSI_KEY_DATA_DIGEST},
		{ISCSI_OPERATIONAL, "AuthMethod=None;", -EPROTO, ISCSI_KEY_AUTH_METHOD},
		{ISCSI_OPERATIONAL, "CHAP_A=5;", -EPROTO, ISCSI_KEY_CHAP_A},
		{ISCSI_OPERATIONAL, "SendTargets=All;", -EPROTO, ISCSI_KEY_SEND_TARGETS},
		{ISCSI_OPERATIONAL, "TargetAlias=a;", -EPROTO, ISCSI_KEY_TARGET_ALIAS},
		{ISCSI_OPERATIONAL, "TargetPortalGroupTag=1;", -EPROTO,
		 ISCSI_KEY_TARGET_PORTAL_GROUP_TAG},
		{ISCSI_SECURITY, "MaxConnections=1;", -EPROTO, ISCSI_KEY_MAX_CONNECTIONS},
		{ISCSI_SECURITY, "HeaderDigest=None;", -EPROTO, ISCSI_KEY_HEADER_DIGEST},
		{ISCSI_SECURITY, "MaxRecvDataSegmentLength=8192;", -EPROTO,
		 ISCSI_KEY_MAX_RECV_DATA_SEGMENT_LENGTH},
		{ISCSI_FULL_FEATURE, "InitialR2T=No;", -EPROTO, ISCSI_KEY_INITIAL_R2T},
		{ISCSI_FULL_FEATURE, "InitiatorName=iqn.2001-04.com.example;", -EPROTO,
		 ISCSI_KEY_INITIATOR_NAME},
		{ISCSI_OPERATIONAL, "Nonsense", -EBADMSG, ISCSI_KEY_COUNT},
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct iscsi_nego n = nego(true, NULL);
		char reply[4096];
		assert_int_equal(say(&n, row[i].stage, row[i].text, reply), row[i].err);
		assert_int_equal(n.bad, row[i].key);
		assert_non_null(n.problem);
	}
}

/* A key that was answered in an earlier PDU, and one that we have declared. */
static void test_second_time_later(void **state)
{
	struct iscsi_nego n = nego(true, NULL);
	char reply[4096];
	struct buf out;
	buf_init(&out, 100);
	assert_int_equal(say(&n, ISCSI_OPERATIONAL, "ImmediateData=Yes;", reply), 0);
	iscsi_nego_declare(&n, &out);
	assert_int_equal(say(&n, ISCSI_OPERATIONAL, "MaxRecvDataSegmentLength=4096;", reply), 0);
	assert_int_equal(n.params.max_send_data, 4096);
	assert_int_equal(say(&n, ISCSI_OPERATIONAL, "MaxRecvDataSegmentLength=4096;", reply),
			 -EEXIST);
	assert_int_equal(say(&n, ISCSI_OPERATIONAL, "ImmediateData=Yes;", reply), -EEXIST);
	buf_free(&out);
}

static void test_digest_required(void **state)
{
	struct iscsi_offer offer;
	char text[4096];
	iscsi_offer_init(&offer);
	offer.header_digests = ISCSI_DIGEST_CRC32C;
	struct iscsi_nego n = nego(true, &offer);
	assert_int_equal(say(&n, ISCSI_OPERATIONAL, "HeaderDigest=None;", text), -EOPNOTSUPP);

	/* The initiator has not said a word of it: the target does. */
	n = nego(true, &offer);
	assert_true(iscsi_nego_must_propose(&n));
	propose(&n, text);
	assert_string_equal(text, "HeaderDigest=CRC32C;");
	assert_false(iscsi_nego_must_propose(&n));
	struct iscsi_nego refused = n, silent = n;
	assert_int_equal(say(&n, ISCSI_OPERATIONAL, "HeaderDigest=CRC32C;", text), 0);
	assert_string_equal(text, "");
	assert_true(n.params.header_digest);
	assert_int_equal(iscsi_nego_finish(&n), 0);
	assert_int_equal(say(&n, ISCSI_OPERATIONAL, "HeaderDigest=CRC32C;", text), -EEXIST);

	assert_int_equal(say(&refused, ISCSI_OPERATIONAL, "HeaderDigest=Reject;", text), 0);
	assert_int_equal(iscsi_nego_finish(&refused), -EPROTO);
	assert_int_equal(iscsi_nego_finish(&silent), -EPROTO);
	assert_int_equal(silent.bad, ISCSI_KEY_HEADER_DIGEST);
}

/* A target speaks up for what it can not leave at its default, and for nothing else. */
static void test_target_proposes(void **state)
{
	struct iscsi_offer offer;
	char text[4096];
	iscsi_offer_init(&offer);
	offer.want.max_burst = 65536;
	offer.want.first_burst = 65536;
	offer.want.immediate_data = false;
	offer.want.initial_r2t = false; /* we would like it, we need not have it */
	offer.want.max_connections = 8;
	offer.want.time2wait = 5;
	offer.want.time2retain = 0; /* nobody has to be held to it */
	struct iscsi_nego n = nego(true, &offer);
	assert_int_equal(say(&n, ISCSI_OPERATIONAL, "DefaultTime2Wait=1;", text), 0);
	propose(&n, text);
	/* How long a sequence is, the target can keep to by itself. */
	assert_string_equal(text, "ImmediateData=No;");
	/* The answer to ImmediateData=No may be left out (RFC 7143 6.2.2). */
	assert_int_equal(iscsi_nego_finish(&n), 0);
	assert_false(n.params.immediate_data);
	assert_int_equal(n.params.max_burst, 65536);
}

/* An initiator that does not answer, or will not have it: what it may send unasked is what the
 * default says, and the target's own sequences are as short as it wants them. */
static void test_target_lives_with_defaults(void **state)
{
	struct iscsi_offer offer;
	char text[4096];
	iscsi_offer_init(&offer);
	offer.want.max_burst = 16384;
	offer.want.first_burst = 8192;
	struct iscsi_nego n = nego(true, &offer);
	propose(&n, text);
	assert_string_equal(text, "FirstBurstLength=8192;");
	struct iscsi_nego agreed = n, refused = n;
	assert_int_equal(iscsi_nego_finish(&n), 0);
	assert_int_equal(n.params.first_burst, 65536);
	assert_int_equal(n.params.max_burst, 16384);

	assert_int_equal(say(&refused, ISCSI_OPERATIONAL, "FirstBurstLength=Reject;", text), 0);
	assert_int_equal(iscsi_nego_finish(&refused), 0);
	assert_int_equal(refused.params.first_burst, 65536);

	assert_int_equal(say(&agreed, ISCSI_OPERATIONAL, "FirstBurstLength=4096;", text), 0);
	assert_int_equal(iscsi_nego_finish(&agreed), 0);
	assert_int_equal(agreed.params.first_burst, 4096);

	/* A connection that joins the first session has its lengths as they are. */
	struct iscsi_nego joined;
	iscsi_nego_init(&joined, true, false, &offer, &n.params);
	assert_false(iscsi_nego_must_propose(&joined));
	assert_int_equal(iscsi_nego_finish(&joined), 0);
	assert_int_equal(joined.params.first_burst, 65536);
	assert_int_equal(joined.params.max_burst, 16384);
}

/* FirstBurstLength's default is above the MaxBurstLength that came out: the target sees to it. */
static void test_target_keeps_bursts_in_order(void **state)
{
	struct iscsi_nego n = nego(true, NULL);
	char text[4096];
	assert_int_equal(say(&n, ISCSI_OPERATIONAL, "MaxBurstLength=8192;", text), 0);
	propose(&n, text);
	assert_string_equal(text, "FirstBurstLength=8192;");
	struct iscsi_nego silent = n;
	assert_int_equal(say(&n, ISCSI_OPERATIONAL, "FirstBurstLength=4096;", text), 0);
	assert_int_equal(iscsi_nego_finish(&n), 0);
	assert_int_equal(n.params.first_burst, 4096);
	assert_int_equal(iscsi_nego_finish(&silent), 0);
	assert_int_equal(silent.params.first_burst, 8192); /* it must know (13.14) */
}

static void test_discovery(void **state)
{
	static const char *const irrelevant[] = {
		"MaxConnections=1;",     "InitialR2T=No;",          "ImmediateData=Yes;",
		"MaxBurstLength=512;",   "FirstBurstLength=512;",   "MaxOutstandingR2T=1;",
		"DataPDUInOrder=No;",    "DataSequenceInOrder=No;", "TaskReporting=RFC3720;",
		"iSCSIProtocolLevel=1;",
	};
	struct iscsi_offer offer;
	char reply[4096], expected[64];
	iscsi_offer_init(&offer);
	offer.want.error_recovery_level = 2;
	offer.want.time2retain = 0;
	offer.want.immediate_data = false;
	for (size_t i = 0; i < ARRAY_SIZE(irrelevant); i++) {
		struct iscsi_nego n = nego(true, &offer);
		n.discovery = true;
		assert_int_equal(say(&n, ISCSI_OPERATIONAL, irrelevant[i], reply), 0);
		sprintf(expected, "%.*s=Irrelevant;", (int)strcspn(irrelevant[i], "="),
			irrelevant[i]);
		assert_string_equal(reply, expected);
		assert_false(iscsi_nego_must_propose(&n));
		assert_int_equal(iscsi_nego_finish(&n), 0);
	}
	struct iscsi_nego n = nego(true, &offer);
	n.discovery = true;
	assert_int_equal(say(&n, ISCSI_OPERATIONAL,
			     "ErrorRecoveryLevel=2;HeaderDigest=CRC32C;DefaultTime2Wait=9;", reply),
			 0);
	assert_string_equal(reply, "HeaderDigest=CRC32C;DefaultTime2Wait=9;ErrorRecoveryLevel=0;");
}

static void test_joining_a_session(void **state)
{
	struct iscsi_params session;
	struct iscsi_offer offer;
	struct iscsi_nego n;
	char reply[4096];
	iscsi_params_init(&session);
	session.max_burst = 4096;
	session.first_burst = 1024;
	session.immediate_data = false;
	session.max_send_data = session.max_recv_data = 65536;
	session.header_digest = true;
	iscsi_offer_init(&offer);
	iscsi_nego_init(&n, true, false, &offer, &session);
	assert_int_equal(say(&n, ISCSI_OPERATIONAL, "MaxBurstLength=512;DataDigest=CRC32C;", reply),
			 0);
	assert_string_equal(reply, "DataDigest=CRC32C;MaxBurstLength=Irrelevant;");
	assert_false(iscsi_nego_must_propose(&n));
	assert_int_equal(iscsi_nego_finish(&n), 0);
	assert_int_equal(n.params.max_burst, 4096);
	assert_int_equal(n.params.first_burst, 1024);
	assert_false(n.params.immediate_data);
	/* What belongs to a connection begins anew. */
	assert_int_equal(n.params.max_send_data, 8192);
	assert_false(n.params.header_digest);
	assert_true(n.params.data_digest);
}

static void test_initiator_proposes(void **state)
{
	struct iscsi_offer offer;
	char text[4096];
	iscsi_offer_init(&offer);
	offer.want.header_digest = true;
	offer.data_digests = ISCSI_DIGEST_NONE;
	offer.want.max_burst = 1 << 20;
	offer.want.first_burst = 512 << 10;
	struct iscsi_nego n = nego(false, &offer);
	propose(&n, text);
	assert_string_equal(text,
			    "HeaderDigest=CRC32C,None;DataDigest=None;MaxConnections=1;"
			    "InitialR2T=Yes;ImmediateData=Yes;MaxBurstLength=1048576;"
			    "FirstBurstLength=524288;DefaultTime2Wait=2;DefaultTime2Retain=20;"
			    "DataPDUInOrder=Yes;DataSequenceInOrder=Yes;ErrorRecoveryLevel=0;"
			    "MaxOutstandingR2T=1;");
	propose(&n, text);
	assert_string_equal(text, "");
}

/* 13.23: FastAbort or not, the other two are always offered, and taken. */
static void test_initiator_proposes_task_reporting(void **state)
{
	static const struct {
		enum iscsi_task_reporting want;
		unsigned allowed;
		const char *proposal;
	} row[] = {
		{ISCSI_TASK_FAST_ABORT, 1u << ISCSI_TASK_FAST_ABORT,
		 "TaskReporting=FastAbort,RFC3720,ResponseFence;"},
		{ISCSI_TASK_RESPONSE_FENCE, 1u << ISCSI_TASK_RESPONSE_FENCE,
		 "TaskReporting=ResponseFence,RFC3720;"},
	};
	static const char *const answers[] = {"RFC3720", "ResponseFence", "Reject",
					      "NotUnderstood"};
	for (size_t i = 0; i < ARRAY_SIZE(row) * ARRAY_SIZE(answers); i++) {
		const char *answer = answers[i % ARRAY_SIZE(answers)];
		struct iscsi_offer offer;
		char text[4096];
		iscsi_offer_init(&offer);
		offer.want.task_reporting = row[i / ARRAY_SIZE(answers)].want;
		offer.task_reportings = row[i / ARRAY_SIZE(answers)].allowed;
		struct iscsi_nego n = nego(false, &offer);
		propose(&n, text);
		assert_non_null(strstr(text, row[i / ARRAY_SIZE(answers)].proposal));
		sprintf(text, "TaskReporting=%s;", answer);
		assert_int_equal(say(&n, ISCSI_OPERATIONAL, text, text), 0);
		assert_int_equal(iscsi_nego_finish(&n), 0);
		assert_int_equal(n.params.task_reporting, strcmp(answer, "ResponseFence") == 0
								  ? ISCSI_TASK_RESPONSE_FENCE
								  : ISCSI_TASK_RFC3720);
	}
}

/* An initiator proposed what iscsi_offer_init() has, and a bit more; the target answers. */
static void test_initiator_checks_answers(void **state)
{
	static const struct {
		const char *answer;
		int err, finish;
	} row[] = {
		{"MaxConnections=1;", 0, 0},
		{"MaxConnections=4;", 0, 0},
		{"MaxConnections=5;", -EPROTO, 0},
		{"MaxConnections=0;", -EPROTO, 0},
		{"MaxConnections=Reject;", 0, 0}, /* the default is good enough */
		{"MaxConnections=Irrelevant;", 0, 0},
		{"MaxConnections=NotUnderstood;", -EPROTO, 0},
		{"DefaultTime2Wait=2;", 0, 0},
		{"DefaultTime2Wait=1;", -EPROTO, 0},
		{"DefaultTime2Wait=3600;", 0, 0},
		{"InitialR2T=Yes;", 0, 0},
		{"InitialR2T=No;", 0, 0},
		{"ImmediateData=Yes;", -EPROTO, 0},
		{"ImmediateData=No;", 0, 0},
		{"ImmediateData=Reject;", 0, -EPROTO},
		{"ImmediateData=Perhaps;", -EPROTO, 0},
		{"HeaderDigest=CRC32C;", 0, 0},
		{"HeaderDigest=None;", -EPROTO, 0},
		{"HeaderDigest=CRC32C,None;", -EPROTO, 0},
		{"HeaderDigest=Reject;", 0, -EPROTO},
		{"iSCSIProtocolLevel=NotUnderstood;", 0, 0},
		{"iSCSIProtocolLevel=2;", 0, 0},
		{"MaxBurstLength=65536;FirstBurstLength=131072;", 0, 0}, /* we keep to the lesser */
		{"DataDigest=None;DataDigest=None;", -EEXIST, 0},
		{"TargetAlias=x;TargetPortalGroupTag=1;", 0, 0},
		{"InitiatorName=iqn.2001-04.com.example;", -EPROTO, 0},
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct iscsi_offer offer;
		char text[4096];
		iscsi_offer_init(&offer);
		offer.want.max_connections = 4;
		offer.want.initial_r2t = false;
		offer.want.immediate_data = false;
		offer.want.first_burst = 131072;
		offer.want.protocol_level = 2;
		offer.want.header_digest = true;
		offer.header_digests = ISCSI_DIGEST_CRC32C;
		struct iscsi_nego n = nego(false, &offer);
		propose(&n, text);
		if (!strstr(row[i].answer, "HeaderDigest"))
			assert_int_equal(say(&n, ISCSI_OPERATIONAL, "HeaderDigest=CRC32C;", text),
					 0);
		assert_int_equal(say(&n, ISCSI_OPERATIONAL, row[i].answer, text), row[i].err);
		if (row[i].err)
			continue;
		assert_string_equal(text, "");
		assert_int_equal(iscsi_nego_finish(&n), row[i].finish);
		assert_true(n.params.first_burst <= n.params.max_burst);
	}
}

/* The target proposes what we have not: we answer like a target would. */
static void test_initiator_answers(void **state)
{
	struct iscsi_nego n = nego(false, NULL);
	char text[4096];
	assert_int_equal(say(&n, ISCSI_OPERATIONAL, "MaxBurstLength=4096;X-com.foo=1;", text), 0);
	assert_string_equal(text, "X-com.foo=NotUnderstood;MaxBurstLength=4096;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_second_time_later),
		cmocka_unit_test(test_digest_required),
		cmocka_unit_test(test_target_proposes),
		cmocka_unit_test(test_target_lives_with_defaults),
		cmocka_unit_test(test_target_keeps_bursts_in_order),
		cmocka_unit_test(test_discovery),
		cmocka_unit_test(test_joining_a_session),
		cmocka_unit_test(test_initiator_proposes),
		cmocka_unit_test(test_initiator_proposes_task_reporting),
		cmocka_unit_test(test_initiator_checks_answers),
		cmocka_unit_test(test_initiator_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

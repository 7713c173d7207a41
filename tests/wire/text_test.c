/* SPDX-License-Identifier: BSD-2-Clause */
/* Text Requests: discovery, negotiation in full feature phase, long texts (RFC 7143 11.10, 6.4,
 * appendix C). */
#include "wire.h"
#include "reactor/net.h"

static struct wire *discoverer(struct wire_world *world)
{
	struct wire *w = wire_open(world);

	wire_login(w, &(struct wire_login){.discovery = true});
	return w;
}

/* "ADDR:PORT,1" of where the world's target listens. */
static const char *address(struct wire_world *world)
{
	char text[NET_ADDR_TEXT], *out = wire_alloc(world, NET_ADDR_TEXT + 8);

	net_addr_format_host(text, &world->addr);
	sprintf(out, "%s:%u,1", text, net_addr_port(&world->addr));
	return out;
}

static void all(struct wire_world *world)
{
	struct wire *w = discoverer(world);
	struct wire_pdu r;

	wire_text(w, "SendTargets=All", &r);
	wire_expect_key(w, &r, "TargetName", WIRE_TARGET);
	wire_expect_key(w, &r, "TargetAddress", address(world));
	assert_int_equal(wire_key_count(&r, "TargetName"), 1);
	assert_int_equal(wire_key_count(&r, "TargetAddress"), 1);
	/* No other keys (appendix C). */
	assert_int_equal(r.data_len, strlen("TargetName=" WIRE_TARGET) + 1 +
					     strlen("TargetAddress=") + strlen(address(world)) + 1);
	wire_logout(w);
}

static void one_of_two(struct wire_world *world)
{
	struct wire *w = discoverer(world);
	struct wire_pdu r;

	wire_text(w, "SendTargets=All", &r);
	assert_int_equal(wire_key_count(&r, "TargetName"), 2);
	assert_int_equal(wire_key_count(&r, "TargetAddress"), 2);
	wire_text(w, "SendTargets=" WIRE_TARGET2, &r);
	wire_expect_key(w, &r, "TargetName", WIRE_TARGET2);
	assert_int_equal(wire_key_count(&r, "TargetName"), 1);
	/* Nobody has this name: no records, and no other key either (appendix C). */
	wire_text(w, "SendTargets=iqn.2026-01.test.lunar:nobody", &r);
	assert_int_equal(r.data_len, 0);
}

/* On a normal session: the own target by an empty value, and never All. */
static void on_a_normal_session(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	struct wire_pdu r, q;

	wire_text(w, "SendTargets=", &r);
	wire_expect_key(w, &r, "TargetName", WIRE_TARGET);
	assert_int_equal(wire_key_count(&r, "TargetName"), 1);
	wire_expect_key(w, &r, "TargetAddress", address(world));
	q = wire_make(w, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE);
	wire_set_keys(w, &q, "SendTargets=All");
	wire_send(w, &q);
	wire_expect_reject(w, ISCSI_REJECT_NOT_SUPPORTED, &q);
	wire_ping(w);
	/* Nor another target by name. */
	wire_text(w, "SendTargets=" WIRE_TARGET2, &r);
	assert_int_equal(r.data_len, 0);
	wire_ping(w);
}

/* There is no own target: no records. */
static void empty_in_discovery(struct wire_world *world)
{
	struct wire *w = discoverer(world);
	struct wire_pdu r;

	wire_text(w, "SendTargets=", &r);
	assert_int_equal(r.data_len, 0);
	wire_text(w, "SendTargets=All", &r);
	assert_int_equal(wire_key_count(&r, "TargetName"), 1);
}

static void a_name_that_is_none(struct wire_world *world)
{
	struct wire *w = discoverer(world);
	struct wire_pdu q = wire_make(w, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE);

	wire_set_keys(w, &q, "SendTargets=../../etc/passwd");
	wire_send(w, &q);
	wire_expect_reject(w, ISCSI_REJECT_INVALID_FIELD, &q);
	wire_ping(w);
}

/* Listening on IPv4 and IPv6: both portals are in the group, and each can be reached from here. */
static void both_families(struct wire_world *world)
{
	struct wire *w = discoverer(world);
	struct wire_pdu r;

	wire_text(w, "SendTargets=All", &r);
	assert_int_equal(wire_key_count(&r, "TargetName"), 1);
	assert_int_equal(wire_key_count(&r, "TargetAddress"), 2);
	for (const char *p = (const char *)r.data; p < (const char *)r.data + r.data_len;
	     p += strlen(p) + 1) {
		const char *v = strchr(p, '=') + 1;

		if (strncmp(p, "TargetAddress=", 14) == 0)
			assert_true(strcmp(v, "10.0.0.1:3260,1") == 0 ||
				    strcmp(v, "[fd00::1]:3260,1") == 0);
	}
}

/* --- a text that is longer than a PDU */

static void answer_in_pieces(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu q, r;
	struct buf text;
	unsigned pieces = 1;

	buf_init(&text, 65536);
	/* 512 is the least that may be declared; the answer to this has more. */
	wire_login(w, &(struct wire_login){.keys = "MaxRecvDataSegmentLength=512"});
	q = wire_make(w, ISCSI_TEXT_REQUEST);
	buf_printf(&text, "X-test.k0=1");
	for (int i = 1; i < 60; i++)
		buf_printf(&text, "\nX-test.k%d=1", i);
	wire_set_keys(w, &q, buf_str(&text));
	buf_clear(&text);
	w->judge_text = false; /* a piece ends anywhere */
	wire_send(w, &q);
	wire_expect(w, ISCSI_TEXT_RESPONSE, &r);
	while (!(r.text_response.flags & ISCSI_FINAL)) {
		struct wire_pdu next = wire_make(w, ISCSI_TEXT_REQUEST);

		assert_true(r.data_len <= 512);
		buf_add(&text, r.data, r.data_len);
		memcpy(next.text.itt, q.text.itt, 4);
		memcpy(next.text.ttt, r.text_response.ttt, 4);
		memcpy(next.text.lun, r.text_response.lun, 8);
		wire_send(w, &next);
		wire_expect(w, ISCSI_TEXT_RESPONSE, &r);
		assert_int_equal(wire_itt(&r), wire_itt(&q));
		pieces++;
	}
	buf_add(&text, r.data, r.data_len);
	assert_true(pieces >= 3);
	r.data = text.data;
	r.data_len = (uint32_t)text.len;
	for (int i = 0; i < 60; i++) {
		char key[32];

		snprintf(key, sizeof(key), "X-test.k%d", i);
		wire_expect_key(w, &r, key, "NotUnderstood");
	}
	buf_free(&text);
}

/* 6.2: C set asks for an empty answer, then the pieces are one text. */
static void request_in_pieces(struct wire_world *world)
{
	struct wire *w = discoverer(world);
	struct wire_pdu q = wire_make(w, ISCSI_TEXT_REQUEST), r, next;

	q.text.flags = ISCSI_TEXT_CONTINUE;
	wire_set_data(&q, "SendTar", 7);
	wire_send(w, &q);
	wire_expect(w, ISCSI_TEXT_RESPONSE, &r);
	assert_int_equal(r.data_len, 0);
	assert_false(r.text_response.flags & ISCSI_FINAL);
	next = wire_make(w, ISCSI_TEXT_REQUEST);
	memcpy(next.text.itt, q.text.itt, 4);
	memcpy(next.text.ttt, r.text_response.ttt, 4);
	memcpy(next.text.lun, r.text_response.lun, 8);
	wire_set_data(&next, "gets=All", 9);
	wire_send(w, &next);
	wire_expect(w, ISCSI_TEXT_RESPONSE, &r);
	assert_true(r.text_response.flags & ISCSI_FINAL);
	wire_expect_key(w, &r, "TargetName", WIRE_TARGET);
}

/* 11.10.4: a tag of all ones begins anew, whatever was going on. */
static void a_text_begun_anew(struct wire_world *world)
{
	struct wire *w = discoverer(world);
	struct wire_pdu q = wire_make(w, ISCSI_TEXT_REQUEST), r;

	q.text.flags = ISCSI_TEXT_CONTINUE;
	wire_set_data(&q, "SendTargets=iqn.2026-01.te", 26);
	wire_send(w, &q);
	wire_expect(w, ISCSI_TEXT_RESPONSE, &r);
	wire_text(w, "SendTargets=All", &r);
	wire_expect_key(w, &r, "TargetName", WIRE_TARGET);
}

static void a_tag_that_was_never_given(struct wire_world *world)
{
	struct wire *w = discoverer(world);
	struct wire_pdu q = wire_make(w, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE), r;

	put_be32(q.text.ttt, 0x12345678);
	wire_set_keys(w, &q, "SendTargets=All");
	wire_send(w, &q);
	wire_expect(w, ISCSI_REJECT, NULL);
	wire_text(w, "SendTargets=All", &r);
	wire_expect_key(w, &r, "TargetName", WIRE_TARGET);
}

/* 6.2, 11.10.2: C and F together MUST NOT be; the negotiation is reset (6.4). */
static void final_and_continued(struct wire_world *world)
{
	struct wire *w = discoverer(world);
	struct wire_pdu q = wire_make(w, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE), r;

	q.text.flags = ISCSI_FINAL | ISCSI_TEXT_CONTINUE;
	wire_set_keys(w, &q, "SendTargets=All");
	wire_send(w, &q);
	wire_expect_reject(w, ISCSI_REJECT_PROTOCOL, &q);
	wire_text(w, "SendTargets=All", &r);
	wire_expect_key(w, &r, "TargetName", WIRE_TARGET);
}

/* F clear: the initiator has more to say; the answer must not have F (11.11.1). */
static void more_to_come(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	struct wire_pdu q = wire_make(w, ISCSI_TEXT_REQUEST), r, next;

	q.text.flags = 0;
	wire_set_keys(w, &q, "X-test.a=1");
	wire_send(w, &q);
	wire_expect(w, ISCSI_TEXT_RESPONSE, &r);
	assert_false(r.text_response.flags & ISCSI_FINAL);
	wire_expect_key(w, &r, "X-test.a", "NotUnderstood");
	next = wire_make(w, ISCSI_TEXT_REQUEST);
	memcpy(next.text.itt, q.text.itt, 4);
	memcpy(next.text.ttt, r.text_response.ttt, 4);
	memcpy(next.text.lun, r.text_response.lun, 8);
	wire_set_keys(w, &next, "X-test.b=1");
	wire_send(w, &next);
	wire_expect(w, ISCSI_TEXT_RESPONSE, &r);
	assert_true(r.text_response.flags & ISCSI_FINAL);
	wire_expect_key(w, &r, "X-test.b", "NotUnderstood");
	wire_expect_key(w, &r, "X-test.a", NULL);
}

/* --- negotiation in full feature phase (6.4, 13) */

static void shorter_segments_from_now_on(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	struct wire_pdu r;
	struct wire_result result;

	wire_clear_attention(w, 0);
	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 16), .read = 8192}, &result);
	assert_int_equal(result.data_ins, 1);
	wire_text(w, "MaxRecvDataSegmentLength=1024", &r);
	assert_true(!wire_key(&r, "MaxRecvDataSegmentLength") ||
		    strcmp(wire_key(&r, "MaxRecvDataSegmentLength"), "Reject") != 0);
	w->max_recv = 1024; /* the judge looks at every segment */
	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 16), .read = 8192}, &result);
	assert_int_equal(result.data_ins, 8);
}

static void keys_only_for_the_login(struct wire_world *world)
{
	static const char *const keys[] = {
		"HeaderDigest=CRC32C",
		"MaxBurstLength=512",
		"InitialR2T=No",
		"MaxConnections=2",
		("InitiatorName=" WIRE_INITIATOR),
		"ErrorRecoveryLevel=0",
		"AuthMethod=None",
	};
	struct wire *w = wire_open_session(world);

	wire_clear_attention(w, 0);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct wire_pdu q = wire_make(w, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE), r;

		wire_set_keys(w, &q, keys[i]);
		wire_send(w, &q);
		wire_recv(w, &r);
		if (iscsi_opcode(&r.bhs) == ISCSI_TEXT_RESPONSE) {
			const char *v =
				strchr((const char *)(r.data ? r.data : (uint8_t *)"="), '=');

			assert_true(v && (strcmp(v, "=Reject") == 0 || v[1] == 0));
		} else {
			assert_int_equal(iscsi_opcode(&r.bhs), ISCSI_REJECT);
		}
		wire_ping(w); /* as before: no digest, the same lengths */
	}
}

/* 6.4: once in a negotiation. */
static void a_key_twice(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	struct wire_pdu q = wire_make(w, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE);
	struct wire_result result;

	wire_clear_attention(w, 0);
	wire_set_keys(w, &q, "MaxRecvDataSegmentLength=1024\nMaxRecvDataSegmentLength=512");
	wire_send(w, &q);
	wire_expect_reject(w, ISCSI_REJECT_PROTOCOL, &q);
	/* 7.12: and nothing of it took effect */
	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 16), .read = 8192}, &result);
	assert_int_equal(result.data_ins, 1);
}

static void a_value_out_of_range(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	struct wire_pdu q = wire_make(w, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE), r;
	struct wire_result result;

	wire_clear_attention(w, 0);
	wire_set_keys(w, &q, "MaxRecvDataSegmentLength=16");
	wire_send(w, &q);
	wire_recv(w, &r);
	if (iscsi_opcode(&r.bhs) == ISCSI_TEXT_RESPONSE)
		wire_expect_key(w, &r, "MaxRecvDataSegmentLength", "Reject");
	else
		assert_int_equal(iscsi_opcode(&r.bhs), ISCSI_REJECT);
	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 16), .read = 8192}, &result);
	assert_int_equal(result.data_ins, 1);
}

static void unknown_keys(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	struct wire_pdu r;

	wire_text(w, "X-com.example.a=1\nZork=Yes", &r);
	wire_expect_key(w, &r, "X-com.example.a", "NotUnderstood");
	wire_expect_key(w, &r, "Zork", "NotUnderstood");
	wire_text(w, NULL, &r); /* an empty one is fine, too */
	assert_int_equal(r.data_len, 0);
}

static void text_that_is_none(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	struct wire_pdu q = wire_make(w, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE);

	wire_set_data(&q, "no equals sign", 15);
	wire_send(w, &q);
	wire_expect(w, ISCSI_REJECT, NULL);
	q = wire_make(w, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE);
	wire_set_data(&q, "X-a=not ended", 13);
	wire_send(w, &q);
	wire_expect(w, ISCSI_REJECT, NULL);
	wire_ping(w);
}

static const struct wire_config two_nodes = {.other_node = true};
static const struct wire_config two_families = {.both_families = true};

static const struct wire_case cases[] = {
	REAL(all),
	REAL_WITH(one_of_two, &two_nodes),
	CASE_WITH(on_a_normal_session, &two_nodes),
	CASE(empty_in_discovery),
	CASE(a_name_that_is_none),
	CASE_WITH(both_families, &two_families),
	REAL(answer_in_pieces),
	REAL(request_in_pieces),
	CASE(a_text_begun_anew),
	CASE(a_tag_that_was_never_given),
	CASE(final_and_continued),
	CASE(more_to_come),
	REAL(shorter_segments_from_now_on),
	CASE(keys_only_for_the_login),
	CASE(a_key_twice),
	CASE(a_value_out_of_range),
	CASE(unknown_keys),
	CASE(text_that_is_none),
};

WIRE_THEME_DEFINE(text);

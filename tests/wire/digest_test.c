/* SPDX-License-Identifier: BSD-2-Clause */
/* Header and data digests (RFC 7143 13.1, 7.8). Those we receive are checked with every PDU. */
#include "wire.h"

static struct wire *session_with(struct wire_world *world, const char *keys)
{
	struct wire *w = wire_open(world);

	wire_login(w, &(struct wire_login){.keys = keys});
	wire_clear_attention(w, 0);
	return w;
}

#define HEADER "HeaderDigest=CRC32C"
#define DATA   "DataDigest=CRC32C"

/* Every kind of PDU, both ways. */
static void exercise(struct wire_world *world, const char *keys, bool header, bool data)
{
	struct wire *w = session_with(world, keys);
	struct wire_cmd write = {.cdb = WRITE10(3, 200), .write = 102400};
	struct wire_result r;
	struct wire_pdu text;

	assert_int_equal(w->header_digest, header);
	assert_int_equal(w->data_digest, data);
	write.data = wire_pattern(world, write.write, 1);
	wire_good(w, &write, NULL);
	wire_good(w, &(struct wire_cmd){.cdb = READ10(3, 200), .read = 102400}, &r);
	assert_memory_equal(r.data, write.data, write.write);
	for (unsigned n = 1; n < 8; n++) /* padding is part of the digest */
		wire_good(w, &(struct wire_cmd){.cdb = INQUIRY(n), .read = n}, NULL);
	wire_check(w, &(struct wire_cmd){.cdb = READ10(0x7fffffff, 1), .read = 512}, 5, 0x2100);
	wire_text(w, "X-test.a=1", &text);
	wire_ping(w);
	wire_logout(w);
}

static void header_only(struct wire_world *world)
{
	exercise(world, HEADER, true, false);
}

static void data_only(struct wire_world *world)
{
	exercise(world, DATA, false, true);
}

static void both(struct wire_world *world)
{
	exercise(world, HEADER "\n" DATA, true, true);
}

static void additional_header_is_covered(struct wire_world *world)
{
	static const uint8_t rest[16];
	struct wire *w = session_with(world, HEADER "\n" DATA);
	struct wire_cmd cmd = {.cdb = {0x7f, 0, 0, 0, 0, 0, 0, 24},
			       .long_cdb = rest,
			       .long_cdb_len = sizeof(rest)};
	struct wire_result r;

	wire_execute(w, &cmd, &r);
	assert_int_equal(r.status, 0x02);
	wire_ping(w);
}

/* 7.8: where the next PDU begins cannot be known. */
static void bad_header_digest(struct wire_world *world)
{
	struct wire *w = session_with(world, HEADER), *other = session_with(world, HEADER);
	struct wire_pdu ping = wire_make(w, ISCSI_NOP_OUT);

	ping.bad_header_digest = true;
	wire_send(w, &ping);
	wire_expect_closed(w, 5);
	wire_ping(other);
}

/* 7.8: Reject, the PDU is discarded; a task that was never active gets nothing more. */
static void bad_data_of_a_ping(struct wire_world *world)
{
	struct wire *w = session_with(world, DATA);
	struct wire_pdu ping = wire_make(w, ISCSI_NOP_OUT | ISCSI_IMMEDIATE);

	wire_set_data(&ping, "some data", 9);
	ping.bad_data_digest = true;
	wire_send(w, &ping);
	wire_expect_reject(w, ISCSI_REJECT_DATA_DIGEST, &ping);
	wire_expect_silence(w, 1);
	wire_ping(w);
}

/* A numbered request that is discarded leaves a gap, which its initiator may plug; a target may as
 * well give the session up (7.8, first paragraph). Executed it must not be. */
static void bad_immediate_data(struct wire_world *world)
{
	struct wire *w = session_with(world, DATA), *other;
	struct wire_cmd write = {.cdb = WRITE10(0, 8), .write = 4096, .immediate = 4096};
	struct wire_pdu pdu;
	struct wire_result r;

	write.data = wire_pattern(world, 4096, 1);
	pdu = wire_command_pdu(w, &write);
	pdu.bad_data_digest = true;
	wire_send(w, &pdu);
	wire_expect_reject(w, ISCSI_REJECT_DATA_DIGEST, &pdu);
	assert_int_equal(w->expcmdsn, get_be32(pdu.command.cmdsn)); /* 7.3: not received */
	wire_run(world, 1);
	other = session_with(world, NULL);
	wire_good(other, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 4096}, &r);
	for (int i = 0; i < 4096; i++)
		assert_int_equal(r.data[i], 0);
}

/* 7.8 b: Reject for the Data-Out, and when the sequence has ended CHECK CONDITION, 47/05. */
static void bad_solicited_data(struct wire_world *world)
{
	struct wire *w = session_with(world, DATA "\nInitialR2T=Yes");
	const uint8_t *data = wire_pattern(world, 8192, 1);
	struct wire_pdu r2t, pdu;
	struct wire_result r;
	uint32_t itt = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 16), .write = 8192});

	wire_expect_r2t(w, itt, 0, 8192, &r2t);
	pdu = wire_data_out_pdu(w, &(struct wire_out){.itt = itt,
						      .ttt = get_be32(r2t.r2t.ttt),
						      .len = 4096,
						      .data = data,
						      .more = true});
	pdu.bad_data_digest = true;
	wire_send(w, &pdu);
	wire_expect_reject(w, ISCSI_REJECT_DATA_DIGEST, &pdu);
	wire_expect_silence(w, 1); /* the rest is waited for */
	wire_data_out(w, &(struct wire_out){.itt = itt,
					    .ttt = get_be32(r2t.r2t.ttt),
					    .datasn = 1,
					    .offset = 4096,
					    .len = 4096,
					    .data = data + 4096});
	wire_expect_sense(w, itt, 0x0b, 0x4705);
	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 16), .read = 8192}, &r);
	for (int i = 0; i < 8192; i++)
		assert_int_equal(r.data[i], 0);
}

static void bad_unsolicited_data(struct wire_world *world)
{
	struct wire *w = session_with(world, DATA);
	const uint8_t *data = wire_pattern(world, 8192, 1);
	struct wire_pdu pdu;
	uint32_t itt = wire_command(
		w, &(struct wire_cmd){.cdb = WRITE10(0, 16), .write = 8192, .more = true});

	pdu = wire_data_out_pdu(
		w, &(struct wire_out){
			   .itt = itt, .ttt = ISCSI_RESERVED_TAG, .len = 8192, .data = data});
	pdu.bad_data_digest = true;
	wire_send(w, &pdu);
	wire_expect_reject(w, ISCSI_REJECT_DATA_DIGEST, &pdu);
	wire_expect_sense(w, itt, 0x0b, 0x4705);
	wire_ping(w);
}

/* Digests are not in force before full feature phase, on neither side. */
static void none_while_logging_in(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu r;

	assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL,
					 "InitiatorName=" WIRE_INITIATOR "\nTargetName=" WIRE_TARGET
					 "\n" HEADER "\n" DATA,
					 &r),
			 0);
	wire_expect_key(w, &r, "HeaderDigest", "CRC32C");
	wire_login_finish(w, NULL); /* its PDUs carry none */
	w->header_digest = w->data_digest = true;
	wire_ping(w);
}

/* An operator who insists: None is not agreed to. */
static void insist(struct config_limits *l)
{
	strcpy(l->header_digest, "CRC32C");
}

static void digests_that_are_insisted_on(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu r;
	unsigned status;

	status = wire_try_login(w, &(struct wire_login){.keys = "HeaderDigest=None"}, &r);
	assert_true(status != 0 || !w->full_feature);
	w = wire_open(world);
	wire_login(w, &(struct wire_login){.keys = "HeaderDigest=None,CRC32C"});
	assert_true(w->header_digest);
	wire_ping(w);
}

static const struct wire_config insisting = {.tune = insist};

static const struct wire_case cases[] = {
	REAL(header_only),
	REAL(data_only),
	REAL(both),
	CASE(additional_header_is_covered),
	REAL(bad_header_digest),
	CASE(bad_data_of_a_ping),
	CASE(bad_immediate_data),
	REAL(bad_solicited_data),
	CASE(bad_unsolicited_data),
	REAL(none_while_logging_in),
	CASE_WITH(digests_that_are_insisted_on, &insisting),
};

WIRE_THEME_DEFINE(digest);

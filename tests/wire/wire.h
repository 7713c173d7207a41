/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The raw-PDU tester: sends exactly the bytes a test says, and judges every PDU that comes back.
 *
 * It shares with the target the header layouts (iscsi/bhs.h) and the checksum, and nothing else: text
 * is made and read by hand here, so that a mistake in the target's codec cannot hide in the tester.
 *
 * A `struct wire_world` is a target with its logical units; a `struct wire` is one connection of the
 * tester to it. Two transports carry the same test: the simulated world (virtual time, no ports,
 * replayable by its seed) and real loopback sockets. Whoever waits here pumps the world meanwhile.
 *
 *	static void echo(struct wire_world *world)
 *	{
 *		struct wire *w = wire_open(world);
 *		struct wire_pdu ping = wire_make(w, ISCSI_NOP_OUT), pong;
 *
 *		wire_login(w, NULL);
 *		wire_set_data(&ping, "hello", 5);
 *		wire_send(w, &ping);
 *		wire_expect(w, ISCSI_NOP_IN, &pong);
 *		assert_memory_equal(pong.data, "hello", 5);
 *	}
 *
 * Whatever goes wrong fails the test at once (cmocka), with the PDUs exchanged so far. All memory
 * that is handed out lives until the world ends.
 */
#ifndef LUNAR_TESTS_WIRE_H
#define LUNAR_TESTS_WIRE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "common/buf.h"
#include "common/cleanup.h"
#include "iscsi/bhs.h"
#include <pthread.h>
#include "reactor/crew.h"
#include "reactor/sim.h"
#include "target/target.h"

#define WIRE_INITIATOR "iqn.2026-01.test.lunar:initiator"
#define WIRE_TARGET    "iqn.2026-01.test.lunar:target"
#define WIRE_TARGET2   "iqn.2026-01.test.lunar:other"
#define WIRE_TARGET3   "iqn.2026-01.test.lunar:third"
#define WIRE_OTHER     "iqn.2026-01.test.lunar:somebody.else"
#define WIRE_ALIAS     "a disk to try"
#define WIRE_PATIENCE  30 /* seconds that an expected answer may take */
#define WIRE_LUNS_MAX  8
#define WIRE_TRACE     24 /* exchanges that a failure shows */

/* --- worlds */

struct wire_transport;

/* What a case wants of its target; all zeroes is one LUN of 4 MiB, no authentication. */
struct wire_config {
	unsigned luns;
	uint64_t size;
	uint32_t block_size;
	bool memory;        /* a memory backstore in simulation, too */
	bool readonly;      /* every LUN */
	bool other_node;    /* a second target node, WIRE_TARGET2, that shows LUN 0 as well */
	bool both_families; /* the simulated target listens on IPv6 as well as IPv4 */
	bool calm;          /* no random splits and delays on the simulated network */
	struct target_auth auth, discovery_auth;
	void (*tune)(struct config_limits *limits);
};

struct wire_world {
	const struct wire_transport *transport;
	const struct wire_config *config;
	struct log log;
	struct reactor *reactor; /* the target's */
	unsigned reactors;       /* LUNAR_REACTORS: how many the target has */
	struct crew *crew;       /* more of them, on threads; NULL in simulation */
	struct sim *sim;         /* NULL on real sockets */
	struct reactor *client;  /* the tester's node in simulation */
	int family;              /* AF_INET or AF_INET6 */
	struct target *target;
	struct target_node *node, *other_node;
	struct scsi_lu *lu[WIRE_LUNS_MAX];
	unsigned luns;
	struct net_addr addr; /* where the target listens */
	struct config_limits limits;

	struct list wires, arena;
	unsigned wire_count;
	pthread_mutex_t trace_lock; /* the target's reactors write to it, too */
	char trace[WIRE_TRACE][160];
	unsigned traced;
};

uint64_t wire_now(const struct wire_world *world); /* ns */
/* Lets the world go on for so many seconds. */
void wire_run(struct wire_world *world, double seconds);
/* Lets it go on until `check` says so, at most WIRE_PATIENCE; fails when it never does. */
void wire_run_until(struct wire_world *world, bool (*check)(struct wire_world *world),
		    const char *what);
void *wire_alloc(struct wire_world *world, size_t len); /* zeroed */
/* The path of a LUN's disk in the simulated world, for sim_disk_state() and the like. */
const char *wire_disk(unsigned lun);
/* Fails the test, showing what was exchanged. */
void wire_fail(struct wire_world *world, const char *fmt, ...) PRINTF(2, 3)
	__attribute__((noreturn));

/* --- cases: one table a theme, run by wire_main.c in simulation and in part by wire_real_test.c */

struct wire_case {
	const char *name;
	void (*run)(struct wire_world *world);
	const struct wire_config *config;
	bool real; /* runs on real sockets, too */
};

struct wire_theme {
	const char *name;
	const struct wire_case *cases;
	size_t count;
};

#define CASE(f)                    \
	{                          \
#f, f, NULL, false \
	}
#define CASE_WITH(f, config)         \
	{                            \
#f, f, config, false \
	}
#define REAL(f)                   \
	{                         \
#f, f, NULL, true \
	}
#define REAL_WITH(f, config)        \
	{                           \
#f, f, config, true \
	}
#define WIRE_THEME_DEFINE(id) \
	const struct wire_theme wire_theme_##id = {#id, cases, ARRAY_SIZE(cases)}

/* The initial state of a cmocka test that runs one case; `family` is AF_UNSPEC for simulation. */
struct wire_run {
	const struct wire_case *c;
	int family;
	struct wire_world *world;
};
int wire_run_setup(void **state);
void wire_run_case(void **state);
int wire_run_teardown(void **state);

/* --- PDUs */

struct wire_pdu {
	union {
		uint8_t raw[ISCSI_BHS_LEN];
		struct iscsi_bhs bhs;
		struct iscsi_scsi_command command;
		struct iscsi_scsi_response response;
		struct iscsi_tmf_request tmf;
		struct iscsi_tmf_response tmf_response;
		struct iscsi_data_out data_out;
		struct iscsi_data_in data_in;
		struct iscsi_r2t r2t;
		struct iscsi_async_message async;
		struct iscsi_text_request text;
		struct iscsi_text_response text_response;
		struct iscsi_login_request login;
		struct iscsi_login_response login_response;
		struct iscsi_logout_request logout;
		struct iscsi_logout_response logout_response;
		struct iscsi_snack_request snack;
		struct iscsi_reject reject;
		struct iscsi_nop_out nop_out;
		struct iscsi_nop_in nop_in;
	};
	uint8_t ahs[ISCSI_AHS_MAX];
	uint32_t ahs_len; /* bytes, a multiple of 4 */
	const uint8_t *data;
	uint32_t data_len;

	/* What may be wrong with a PDU we send. */
	bool keep_lengths; /* TotalAHSLength and DataSegmentLength go as they stand in the header */
	bool bad_header_digest, bad_data_digest;
	uint8_t padding; /* what the pad bytes hold */
};

/* One connection. The fields may be set by a test at any time. */
struct wire {
	struct wire_world *world;
	struct list link;
	unsigned index;
	void *transport; /* the transport's own */
	struct buf in, out;
	bool connected, ended; /* ended: the target closed it */
	int error;             /* ... by this error */
	bool deaf;             /* takes nothing from the socket */

	/* What wire_make() puts into the next PDU. */
	uint32_t cmdsn, expstatsn, itt;
	uint8_t isid[6];
	uint16_t tsih, cid;

	/* In force. */
	bool full_feature, discovery;
	bool header_digest, data_digest;
	bool initial_r2t, immediate_data;
	uint32_t max_recv; /* ours: what the target may send in one data segment */
	uint32_t max_send; /* the target's */
	uint32_t first_burst, max_burst, max_outstanding_r2t;

	bool show_nops;  /* NOP-Ins of the target's own reach the test; else they are answered */
	bool judge_text; /* default: on */

	/* The judge's memory. */
	bool statsn_known, window_known;
	uint32_t expcmdsn, maxcmdsn;
	uint32_t cmdsn_top; /* one past the highest CmdSN sent */
	uint64_t received;  /* PDUs */
};

/* A new connection, established. */
struct wire *wire_open(struct wire_world *world);
/* ... not waiting for it; false when the target refused it at once. */
struct wire *wire_open_async(struct wire_world *world);
/* The tester closes. */
void wire_close(struct wire *w);
/* The tester reads again after `deaf`. */
void wire_hear(struct wire *w);

/* A PDU of this opcode (with ISCSI_IMMEDIATE where wanted), ready to be sent: F set, a new Initiator
 * Task Tag, CmdSN and ExpStatSN as they are due. Any field may be changed before it is sent. */
struct wire_pdu wire_make(struct wire *w, uint8_t opcode);
void wire_set_data(struct wire_pdu *pdu, const void *data, size_t len);
/* A LUN below 256, peripheral device addressing (SAM-5 4.7). */
void wire_set_lun(uint8_t field[8], unsigned lun);
/* Sends it. CmdSN advances when the PDU carries the one that was due and is not immediate. */
void wire_send(struct wire *w, const struct wire_pdu *pdu);
/* Two at once, so that they come with one receive. */
void wire_send_both(struct wire *w, const struct wire_pdu *first, const struct wire_pdu *second);
void wire_send_bytes(struct wire *w, const void *bytes, size_t len);
/* The bytes that wire_send() would send; returns how many. For tests that send half a PDU. */
size_t wire_encode(struct wire *w, const struct wire_pdu *pdu, uint8_t **bytes);

/* The next PDU, judged. Fails when none comes, or the connection ends. */
void wire_recv(struct wire *w, struct wire_pdu *pdu);
/* ... within this time; false when there is none, or the connection has ended. */
bool wire_try(struct wire *w, struct wire_pdu *pdu, double seconds);
/* ... and it must be of this kind; `pdu` may be NULL. */
void wire_expect(struct wire *w, enum iscsi_opcode opcode, struct wire_pdu *pdu);
/* Nothing comes for so long, and the connection stays. */
void wire_expect_silence(struct wire *w, double seconds);
/* The target closes it within this time and sends nothing before. */
void wire_expect_closed(struct wire *w, double within_seconds);
/* ... and not earlier than `from`. */
void wire_expect_closed_between(struct wire *w, double from, double to);
/* ... whatever it sends before. */
void wire_expect_end(struct wire *w, double within_seconds);
/* A Reject with this reason that carries the header of `bad` (NULL: any). */
void wire_expect_reject(struct wire *w, enum iscsi_reject_reason reason,
			const struct wire_pdu *bad);
/* A ping goes out and is echoed: the connection works. */
void wire_ping(struct wire *w);

/* Every received PDU passes through here (wire_judge.c). */
void wire_judge(struct wire *w, const struct wire_pdu *pdu);
const char *wire_opcode_name(uint8_t opcode);
uint32_t wire_itt(const struct wire_pdu *pdu);
static inline bool wire_sn_less(uint32_t a, uint32_t b) /* RFC 1982 */
{
	return (int32_t)(a - b) < 0;
}

/* --- text and login (wire_login.c). Keys are written "A=b\nC=d". */

enum wire_stage_flags {
	WIRE_SECURITY = 0x00,
	WIRE_OPERATIONAL = 0x04,
	WIRE_SECURITY_TO_OPERATIONAL = 0x81,
	WIRE_SECURITY_TO_FULL = 0x83,
	WIRE_OPERATIONAL_TO_FULL = 0x87,
};

struct wire_login {
	const char *initiator, *target; /* default: WIRE_INITIATOR, WIRE_TARGET */
	bool discovery;
	const char *keys;    /* these, too; each takes the place of the default of that name */
	const uint8_t *isid; /* default: one for each connection */
	uint16_t tsih, cid;
	bool no_defaults; /* only the names */
};

void wire_set_keys(struct wire *w, struct wire_pdu *pdu, const char *keys);
/* The value of a key in the data of a Login or Text Response, NULL when it is not there. */
const char *wire_key(const struct wire_pdu *pdu, const char *key);
/* How often it is there. */
unsigned wire_key_count(const struct wire_pdu *pdu, const char *key);
void wire_expect_key(struct wire *w, const struct wire_pdu *pdu, const char *key,
		     const char *value);

/* A Login Request with these flags and keys. */
struct wire_pdu wire_login_pdu(struct wire *w, uint8_t flags, const char *keys);
/* ... sent; the answer, a Login Response, comes back. Returns class << 8 | detail. */
unsigned wire_login_step(struct wire *w, uint8_t flags, const char *keys,
			 struct wire_pdu *response);
/* From the operational stage on to full feature phase. The target may have proposals of its own, and
 * then it takes more than one request. `first` is what the first one says. */
void wire_login_finish(struct wire *w, const char *first);
/* Takes note of what the final Login Response settled. */
void wire_login_done(struct wire *w, const struct wire_pdu *request,
		     const struct wire_pdu *response);
/* A whole login in one request, to full feature phase; NULL: all defaults. */
void wire_login(struct wire *w, const struct wire_login *login);
/* ... that may fail; returns its status. `response` may be NULL. */
unsigned wire_try_login(struct wire *w, const struct wire_login *login, struct wire_pdu *response);
/* A login of that status, after which the target closes. */
void wire_expect_login_fails(struct wire *w, const struct wire_login *login, unsigned status);
/* A connection, logged in with the defaults. */
struct wire *wire_open_session(struct wire_world *world);
/* One Text Request with F set and the whole answer of one PDU. */
void wire_text(struct wire *w, const char *keys, struct wire_pdu *response);
/* Logs out (close the session) and sees the connection end. */
void wire_logout(struct wire *w);

/* --- SCSI (wire_scsi.c) */

struct wire_cmd {
	unsigned lun;
	uint8_t cdb[16];
	uint32_t read, write; /* expected lengths; with both: bidirectional, `read` in its AHS */
	const void *data;     /* `write` bytes */
	uint8_t attr;         /* default: simple */
	bool immediate_delivery;
	/* For wire_command(): how the data begin. wire_execute() sends as much as is allowed. */
	uint32_t immediate;      /* so many bytes come with the command */
	bool more;               /* F clear: unsolicited Data-Out follow */
	const uint8_t *long_cdb; /* bytes 16 and up, in an extended CDB AHS */
	uint32_t long_cdb_len;
};

struct wire_result {
	uint8_t response, status;
	uint8_t residual_flags; /* ISCSI_OVERFLOW and so on */
	uint32_t residual, bidi_residual;
	uint8_t key; /* of the sense data */
	uint16_t asc;
	uint8_t sense[256];
	uint32_t sense_len;
	uint8_t *data; /* what was read */
	uint32_t data_len;
	unsigned data_ins, r2ts, sequences;
	bool collapsed; /* the status came with the last Data-In */
	struct wire_pdu last;
};

#define CDB6(op, a, n)                                                                             \
	{                                                                                          \
		(op), (uint8_t)((a) >> 16 & 0x1f), (uint8_t)((a) >> 8), (uint8_t)(a), (uint8_t)(n) \
	}
#define CDB10(op, a, n)                                                                   \
	{                                                                                 \
		(op), 0, (uint8_t)((a) >> 24), (uint8_t)((a) >> 16), (uint8_t)((a) >> 8), \
			(uint8_t)(a), 0, (uint8_t)((n) >> 8), (uint8_t)(n)                \
	}
#define TEST_UNIT_READY \
	{               \
		0x00    \
	}
#define READ10(lba, n)  CDB10(0x28, lba, n)
#define WRITE10(lba, n) CDB10(0x2a, lba, n)
#define SYNC_CACHE10    CDB10(0x35, 0, 0)
#define INQUIRY(len)                                              \
	{                                                         \
		0x12, 0, 0, (uint8_t)((len) >> 8), (uint8_t)(len) \
	}
#define INQUIRY_VPD(p, len)                                         \
	{                                                           \
		0x12, 1, (p), (uint8_t)((len) >> 8), (uint8_t)(len) \
	}
#define REQUEST_SENSE(len)           \
	{                            \
		0x03, 0, 0, 0, (len) \
	}
#define REPORT_LUNS(len)                                                         \
	{                                                                        \
		0xa0, 0, 0, 0, 0, 0, 0, 0, (uint8_t)((len) >> 8), (uint8_t)(len) \
	}
#define READ_CAPACITY10 \
	{               \
		0x25    \
	}
#define READ_CAPACITY16(len)                                                                    \
	{                                                                                       \
		0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (uint8_t)((len) >> 8), (uint8_t)(len) \
	}
#define RESERVE6     \
	{            \
		0x16 \
	}
#define RELEASE6     \
	{            \
		0x17 \
	}

/* The command PDU, to be changed and sent. */
struct wire_pdu wire_command_pdu(struct wire *w, const struct wire_cmd *cmd);
/* Sends it as told and returns its tag. */
uint32_t wire_command(struct wire *w, const struct wire_cmd *cmd);
/* Receives until the response of `itt`, answering R2Ts from cmd->data, and judges the order of it:
 * DataSN, offsets, F bits, burst lengths, residuals. */
void wire_finish(struct wire *w, const struct wire_cmd *cmd, uint32_t itt,
		 struct wire_result *result);
/* Both; `result` may be NULL. */
void wire_execute(struct wire *w, const struct wire_cmd *cmd, struct wire_result *result);
/* ... and it ends in GOOD. */
void wire_good(struct wire *w, const struct wire_cmd *cmd, struct wire_result *result);
/* ... and it ends in CHECK CONDITION with this key and code. */
void wire_check(struct wire *w, const struct wire_cmd *cmd, uint8_t key, uint16_t asc);
/* The next PDU is the response to `itt`, without data, of that status. */
void wire_expect_status(struct wire *w, uint32_t itt, uint8_t status);
void wire_expect_sense(struct wire *w, uint32_t itt, uint8_t key, uint16_t asc);
void wire_read_sense(struct wire *w, const struct wire_pdu *response, struct wire_result *result);
/* Sends TEST UNIT READY until no unit attention is left. */
void wire_clear_attention(struct wire *w, unsigned lun);

struct wire_out {
	uint32_t itt, ttt, datasn, offset, len;
	const void *data; /* this PDU's own bytes */
	bool more;        /* F clear */
	unsigned lun;
};
struct wire_pdu wire_data_out_pdu(struct wire *w, const struct wire_out *out);
void wire_data_out(struct wire *w, const struct wire_out *out);
/* Answers an R2T as it asks, from the start of the command's data. */
void wire_answer(struct wire *w, const struct wire_pdu *r2t, const void *data);
/* The next PDU is an R2T for this. */
void wire_expect_r2t(struct wire *w, uint32_t itt, uint32_t offset, uint32_t length,
		     struct wire_pdu *r2t);
/* `len` bytes that differ from place to place and by `salt`. */
uint8_t *wire_pattern(struct wire_world *world, uint32_t len, unsigned salt);

/* A task management function, immediate; returns its tag. */
uint32_t wire_tmf(struct wire *w, uint8_t function, unsigned lun, uint32_t ref_itt,
		  uint32_t ref_cmdsn);
void wire_expect_tmf(struct wire *w, uint32_t itt, uint8_t response);

/* --- what a transport is (wire_sim.c, wire_real.c) */

struct wire_transport {
	/* Makes world->reactor, and the address to listen on; false: not to be had here. */
	bool (*start)(struct wire_world *world, struct net_addr *listen);
	void (*stop)(struct wire_world *world);
	/* Goes on with the world, at most until that time; false when it is reached. */
	bool (*turn)(struct wire_world *world, uint64_t until);
	void (*connect)(struct wire *w);
	void (*push)(struct wire *w); /* something is in w->out */
	void (*hear)(struct wire *w);
	void (*close)(struct wire *w);
	void (*free)(struct wire *w); /* after stop */
};
extern const struct wire_transport wire_sim_transport, wire_real_transport;

#endif

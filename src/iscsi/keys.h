/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keys of RFC 7143 12 and 13 and RFC 7144 7.1.1 as one table, and the negotiation that its rows
 * drive. Both roles negotiate by the same code: who proposes offers, who answers selects, and both
 * check what came against the same row.
 */
#ifndef LUNAR_ISCSI_KEYS_H
#define LUNAR_ISCSI_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/buf.h"
#include "iscsi/bhs.h"

/* In the order in which they are answered: a key comes after those that its answer depends on. */
enum iscsi_key_id {
	ISCSI_KEY_INITIATOR_NAME,
	ISCSI_KEY_INITIATOR_ALIAS,
	ISCSI_KEY_SESSION_TYPE,
	ISCSI_KEY_TARGET_NAME,
	ISCSI_KEY_TARGET_ALIAS,
	ISCSI_KEY_TARGET_ADDRESS,
	ISCSI_KEY_TARGET_PORTAL_GROUP_TAG,
	ISCSI_KEY_SEND_TARGETS,
	ISCSI_KEY_NODE_ARCHITECTURE,
	ISCSI_KEY_AUTH_METHOD,
	ISCSI_KEY_CHAP_A,
	ISCSI_KEY_CHAP_I,
	ISCSI_KEY_CHAP_C,
	ISCSI_KEY_CHAP_N,
	ISCSI_KEY_CHAP_R,
	ISCSI_KEY_HEADER_DIGEST,
	ISCSI_KEY_DATA_DIGEST,
	ISCSI_KEY_MAX_CONNECTIONS,
	ISCSI_KEY_INITIAL_R2T,
	ISCSI_KEY_IMMEDIATE_DATA,
	ISCSI_KEY_MAX_RECV_DATA_SEGMENT_LENGTH,
	ISCSI_KEY_MAX_BURST_LENGTH,
	ISCSI_KEY_FIRST_BURST_LENGTH,
	ISCSI_KEY_DEFAULT_TIME2WAIT,
	ISCSI_KEY_DEFAULT_TIME2RETAIN,
	ISCSI_KEY_DATA_PDU_IN_ORDER,
	ISCSI_KEY_DATA_SEQUENCE_IN_ORDER,
	ISCSI_KEY_ERROR_RECOVERY_LEVEL,
	ISCSI_KEY_MAX_OUTSTANDING_R2T,
	ISCSI_KEY_TASK_REPORTING,
	ISCSI_KEY_PROTOCOL_LEVEL,
	ISCSI_KEY_IF_MARKER,
	ISCSI_KEY_OF_MARKER,
	ISCSI_KEY_IF_MARK_INT,
	ISCSI_KEY_OF_MARK_INT,
	ISCSI_KEY_COUNT,
};

#define ISCSI_KEY_BIT(id) (UINT64_C(1) << (id)) /* in a mask of keys */

enum iscsi_key_type {
	ISCSI_TYPE_NAME,       /* iSCSI-name-value (names.h) */
	ISCSI_TYPE_LOCAL_NAME, /* UTF-8 without control characters */
	ISCSI_TYPE_TEXT,       /* any bytes: who uses it looks closer */
	ISCSI_TYPE_BINARY,
	ISCSI_TYPE_NUMBER,
	ISCSI_TYPE_BOOL,
	ISCSI_TYPE_LIST, /* of `choices`, or of anything */
};

/* How the answer follows from the offer (RFC 7143 13). */
enum iscsi_key_rule {
	ISCSI_RULE_DECLARE, /* no answer */
	ISCSI_RULE_EXCHANGE, /* a step of an exchange that the login engine leads: AuthMethod, CHAP */
	ISCSI_RULE_AND,
	ISCSI_RULE_OR,
	ISCSI_RULE_MIN,
	ISCSI_RULE_MAX,
	ISCSI_RULE_CHOOSE,   /* the first of the list that the acceptor allows */
	ISCSI_RULE_OBSOLETE, /* always "Reject" (RFC 7143 13.25) */
};

/* Where a key may be used, and by whom: */
#define ISCSI_KEY_SECURITY     0x0001u /* in the SecurityNegotiation stage */
#define ISCSI_KEY_OPERATIONAL  0x0002u /* in the LoginOperationalNegotiation stage */
#define ISCSI_KEY_FULL_FEATURE 0x0004u
#define ISCSI_KEY_BY_INITIATOR 0x0010u
#define ISCSI_KEY_BY_TARGET    0x0020u
/* and what else there is to know: */
#define ISCSI_KEY_SESSION_WIDE 0x0100u
#define ISCSI_KEY_LEADING      0x0200u /* LO: on the first connection of a session only */
#define ISCSI_KEY_NORMAL_ONLY  0x0400u /* irrelevant when SessionType=Discovery */
#define ISCSI_KEY_REPEATED     0x0800u /* may come more than once */
#define ISCSI_KEY_LATER        0x1000u /* younger than RFC 3720: NotUnderstood is an answer */
#define ISCSI_KEY_LENIENT      0x2000u /* nothing agreed: the default will do, whatever we want */
#define ISCSI_KEY_QUIET        0x4000u /* a target never brings it up itself */
#define ISCSI_KEY_RECORD       0x8000u /* a target's in full feature phase, as often as it likes */

struct iscsi_key {
	const char *name;
	enum iscsi_key_type type;
	enum iscsi_key_rule rule;
	unsigned flags;
	uint32_t min, max;          /* numbers: the range; text and binary: the length in bytes */
	uint32_t initial;           /* the default: a number, 0 or 1, or the place in `choices` */
	const char *const *choices; /* lists: what the values are called; ends with NULL */
	size_t offset, size;        /* of its member in struct iscsi_params; size 0: it has none */
};

const struct iscsi_key *iscsi_key(enum iscsi_key_id id);
/* ISCSI_KEY_COUNT when there is no such key. */
enum iscsi_key_id iscsi_key_find(const char *name, size_t len);

enum iscsi_task_reporting {
	ISCSI_TASK_RFC3720,
	ISCSI_TASK_RESPONSE_FENCE,
	ISCSI_TASK_FAST_ABORT,
};

/* What holds on a connection and in its session. Lengths are bytes, times seconds. */
struct iscsi_params {
	bool header_digest, data_digest; /* CRC32C, from the first PDU in full feature phase */
	bool initial_r2t, immediate_data;
	bool data_pdu_in_order, data_sequence_in_order;
	uint32_t max_recv_data; /* MaxRecvDataSegmentLength that we declared: what we take */
	uint32_t max_send_data; /* ... that the peer declared: what we may send */
	/* first_burst <= max_burst, when both were agreed on. A target's max_burst may be less than
	 * that: how long its sequences are is its own choice. */
	uint32_t max_burst, first_burst;
	uint32_t max_connections, max_outstanding_r2t, error_recovery_level;
	uint32_t time2wait, time2retain;
	uint32_t protocol_level; /* iSCSIProtocolLevel */
	uint32_t task_reporting; /* enum iscsi_task_reporting */
};

/* The values that hold when nothing is negotiated. */
void iscsi_params_init(struct iscsi_params *p);

/* Digests that may be used, as a mask; TaskReporting has a mask of 1u << enum likewise. */
#define ISCSI_DIGEST_NONE   0x1u
#define ISCSI_DIGEST_CRC32C 0x2u

/*
 * What one side wants. `want` has the value that it would pick if it were asked: the most for keys
 * that are negotiated to the minimum, the least for DefaultTime2Wait, and so on; as an originator
 * it proposes them. want.max_recv_data is declared; want.max_send_data is not looked at.
 * want.header_digest and so on say which choice an originator names first, the masks what it takes
 * at all (an initiator takes the first two of TaskReporting, RFC 7143 13.23).
 */
struct iscsi_offer {
	struct iscsi_params want;
	unsigned header_digests, data_digests, task_reportings;
};

/*
 * Both digests allowed and neither wanted, RFC 3720 task reporting, ErrorRecoveryLevel 0, one
 * connection, everything else as by iscsi_params_init().
 */
void iscsi_offer_init(struct iscsi_offer *offer);

/* A key's value in a struct iscsi_params; the key has one (size != 0). */
uint32_t iscsi_params_get(const struct iscsi_params *p, const struct iscsi_key *key);
void iscsi_params_set(struct iscsi_params *p, const struct iscsi_key *key, uint32_t value);

/* ---- one negotiation ---- */

/* The pairs of one text by key: the value, where it lies in the text, or NULL. */
struct iscsi_values {
	const char *of[ISCSI_KEY_COUNT];
};

struct iscsi_nego {
	bool target;    /* our role */
	bool discovery; /* SessionType=Discovery */
	bool leading;   /* this is the first connection of its session */
	struct iscsi_offer offer;
	struct iscsi_params params; /* as negotiated so far */

	/* Masks of ISCSI_KEY_BIT(). */
	uint64_t theirs; /* proposed or declared by the peer */
	uint64_t ours;   /* ... by us */
	uint64_t open;   /* of `ours`: the answer has not come */

	enum iscsi_key_id bad; /* when a call failed: by this key (or ISCSI_KEY_COUNT) */
	const char *problem;   /* ... and why, in words */
	const char *value;     /* ... of this value, where it lies in the text (or NULL) */
};

/* `base`: the parameters of the session that this connection joins; NULL: the defaults. */
void iscsi_nego_init(struct iscsi_nego *n, bool target, bool leading,
		     const struct iscsi_offer *offer, const struct iscsi_params *base);

/*
 * Reads a whole text into `v` and checks every key: known, from whom and in this stage allowed, not
 * there before; and what is declared or part of an exchange, that it has a value of its type. (What
 * is negotiated can be answered Reject, so iscsi_nego_take() looks at that.) A key that is not known
 * is answered NotUnderstood in `reply`. Nothing takes effect yet. 0, or -EBADMSG (not of the form of
 * RFC 7143 6.1), -EEXIST (a key for the second time, RFC 7143 6.3), -EPROTO (not allowed here, a
 * reserved word), or -EINVAL (no value of this key).
 */
int iscsi_nego_read(struct iscsi_nego *n, enum iscsi_stage stage, const void *text, size_t len,
		    struct iscsi_values *v, struct buf *reply);

/*
 * Takes the operational keys of `v`: answers to what we proposed are checked, proposals answered in
 * `reply`, declarations noted. What a proposal cannot be granted is answered Reject and stays as it
 * is; what is of no use Irrelevant. 0, or -EPROTO (an answer that our proposal does not permit, a
 * reserved word proposed), or -EOPNOTSUPP (nothing of a list is acceptable): each ends a login (RFC
 * 7143 7.12).
 */
int iscsi_nego_take(struct iscsi_nego *n, const struct iscsi_values *v, struct buf *reply);

/* What a call has failed by, in words that are safe to print; `text` is still there. */
void iscsi_nego_explain(const struct iscsi_nego *n, char *out, size_t size);

/* Declares our MaxRecvDataSegmentLength, once. */
void iscsi_nego_declare(struct iscsi_nego *n, struct buf *reply);

/*
 * Writes proposals of our own, each once: the initiator's for every key that matters; the target's
 * for those that the initiator has not proposed, when it can not live with their default. True: at
 * least one was written, so an answer must come.
 */
bool iscsi_nego_propose(struct iscsi_nego *n, struct buf *reply);

/* iscsi_nego_propose() of a target would write a proposal. */
bool iscsi_nego_must_propose(const struct iscsi_nego *n);

/*
 * The end of the negotiation: the values agree with one another and with our offer, where we can
 * not live with the default. 0, or -EPROTO.
 */
int iscsi_nego_finish(struct iscsi_nego *n);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/keys.h"

#include <string.h>
#include "iscsi/text.h"

/* ---- the table ---- */

#define I        ISCSI_KEY_BY_INITIATOR
#define T        ISCSI_KEY_BY_TARGET
#define SEC      ISCSI_KEY_SECURITY
#define OPER     ISCSI_KEY_OPERATIONAL
#define FULL     ISCSI_KEY_FULL_FEATURE
#define SW       ISCSI_KEY_SESSION_WIDE
#define REPEATED ISCSI_KEY_REPEATED
#define LEADING  ISCSI_KEY_LEADING
#define RECORD   ISCSI_KEY_RECORD
#define LATER    ISCSI_KEY_LATER
#define LENIENT  ISCSI_KEY_LENIENT
#define QUIET    (LENIENT | ISCSI_KEY_QUIET)
/* What most of section 13 has in common: LO, from both sides, for the session. */
#define LO (OPER | I | T | SW | LEADING)
/* ... and irrelevant on a discovery session. */
#define LO_NORMAL (LO | ISCSI_KEY_NORMAL_ONLY)

#define LENGTH_MAX  0xffffffu /* 2^24 - 1 */
#define ADDRESS_MAX 267       /* a domain name of 255 bytes, ":65535,65535" */

/* The place of a digest in its list is its bit in a mask, and the value of the bool. */
static const char *const digests[] = {"None", "CRC32C", NULL};
static const char *const session_types[] = {"Normal", "Discovery", NULL};
static const char *const task_reportings[] = {"RFC3720", "ResponseFence", "FastAbort", NULL};

/* clang-format off */
#define MEMBER(m)                                                                                  \
	.offset = offsetof(struct iscsi_params, m), .size = sizeof(((struct iscsi_params *)0)->m)
#define PLAIN(n, t, r, f) { .name = n, .type = ISCSI_TYPE_##t, .rule = ISCSI_RULE_##r, .flags = f }
/* ... and its length or range */
#define FORM(n, t, r, f, lo, hi)                                                                   \
	{ .name = n, .type = ISCSI_TYPE_##t, .rule = ISCSI_RULE_##r, .flags = f, .min = lo,        \
	  .max = hi }
#define CHOICE(n, r, f, c)                                                                         \
	{ .name = n, .type = ISCSI_TYPE_LIST, .rule = ISCSI_RULE_##r, .flags = f, .choices = c }
#define LIST(n, f, c, m)                                                                           \
	{ .name = n, .type = ISCSI_TYPE_LIST, .rule = ISCSI_RULE_CHOOSE, .flags = f, .choices = c, \
	  MEMBER(m) }
#define BOOL(n, r, f, i, m)                                                                        \
	{ .name = n, .type = ISCSI_TYPE_BOOL, .rule = ISCSI_RULE_##r, .flags = f, .max = 1,        \
	  .initial = i, MEMBER(m) }
#define NUMBER(n, r, f, lo, hi, i, m)                                                              \
	{ .name = n, .type = ISCSI_TYPE_NUMBER, .rule = ISCSI_RULE_##r, .flags = f, .min = lo,     \
	  .max = hi, .initial = i, MEMBER(m) }

static const struct iscsi_key keys[ISCSI_KEY_COUNT] = {
	[ISCSI_KEY_INITIATOR_NAME] =
		PLAIN("InitiatorName", NAME, DECLARE, SEC | OPER | I | SW),
	[ISCSI_KEY_INITIATOR_ALIAS] =
		FORM("InitiatorAlias", LOCAL_NAME, DECLARE, SEC | OPER | FULL | I | SW, 0,
		     ISCSI_SIMPLE_MAX),
	[ISCSI_KEY_SESSION_TYPE] =
		CHOICE("SessionType", DECLARE, SEC | OPER | I | SW | LEADING, session_types),
	[ISCSI_KEY_TARGET_NAME] =
		PLAIN("TargetName", NAME, DECLARE, SEC | OPER | I | SW | RECORD),
	[ISCSI_KEY_TARGET_ALIAS] =
		FORM("TargetAlias", LOCAL_NAME, DECLARE, SEC | OPER | FULL | T | SW, 0,
		     ISCSI_SIMPLE_MAX),
	[ISCSI_KEY_TARGET_ADDRESS] =
		FORM("TargetAddress", TEXT, DECLARE, SEC | OPER | FULL | T | SW | REPEATED, 1,
		     ADDRESS_MAX),
	[ISCSI_KEY_TARGET_PORTAL_GROUP_TAG] =
		FORM("TargetPortalGroupTag", NUMBER, DECLARE, SEC | OPER | T | SW, 0, 65535),
	[ISCSI_KEY_SEND_TARGETS] =
		FORM("SendTargets", TEXT, EXCHANGE, FULL | I | SW, 0, ISCSI_SIMPLE_MAX),
	[ISCSI_KEY_NODE_ARCHITECTURE] =
		FORM("X#NodeArchitecture", LIST, DECLARE, LO | LATER, 0, 255),

	[ISCSI_KEY_AUTH_METHOD] = FORM("AuthMethod", LIST, EXCHANGE, SEC | I | T, 0, ISCSI_VALUE_MAX),
	[ISCSI_KEY_CHAP_A] = FORM("CHAP_A", LIST, EXCHANGE, SEC | I | T, 0, ISCSI_VALUE_MAX),
	[ISCSI_KEY_CHAP_I] = FORM("CHAP_I", NUMBER, EXCHANGE, SEC | I | T, 0, 255),
	[ISCSI_KEY_CHAP_C] = FORM("CHAP_C", BINARY, EXCHANGE, SEC | I | T, 1, ISCSI_BINARY_MAX),
	[ISCSI_KEY_CHAP_N] = FORM("CHAP_N", TEXT, EXCHANGE, SEC | I | T, 1, ISCSI_SIMPLE_MAX),
	[ISCSI_KEY_CHAP_R] = FORM("CHAP_R", BINARY, EXCHANGE, SEC | I | T, 1, ISCSI_BINARY_MAX),

	[ISCSI_KEY_HEADER_DIGEST] = LIST("HeaderDigest", OPER | I | T, digests, header_digest),
	[ISCSI_KEY_DATA_DIGEST] = LIST("DataDigest", OPER | I | T, digests, data_digest),
	[ISCSI_KEY_MAX_CONNECTIONS] =
		NUMBER("MaxConnections", MIN, LO_NORMAL, 1, 65535, 1, max_connections),
	[ISCSI_KEY_INITIAL_R2T] = BOOL("InitialR2T", OR, LO_NORMAL, 1, initial_r2t),
	[ISCSI_KEY_IMMEDIATE_DATA] = BOOL("ImmediateData", AND, LO_NORMAL, 1, immediate_data),
	/* What comes is the peer's declaration, and so what we may send. */
	[ISCSI_KEY_MAX_RECV_DATA_SEGMENT_LENGTH] =
		NUMBER("MaxRecvDataSegmentLength", DECLARE, OPER | FULL | I | T, 512, LENGTH_MAX,
		       8192, max_send_data),
	[ISCSI_KEY_MAX_BURST_LENGTH] =
		NUMBER("MaxBurstLength", MIN, LO_NORMAL | QUIET, 512, LENGTH_MAX, 262144,
		       max_burst),
	[ISCSI_KEY_FIRST_BURST_LENGTH] =
		NUMBER("FirstBurstLength", MIN, LO_NORMAL | LENIENT, 512, LENGTH_MAX, 65536,
		       first_burst),
	[ISCSI_KEY_DEFAULT_TIME2WAIT] =
		NUMBER("DefaultTime2Wait", MAX, LO | QUIET, 0, 3600, 2, time2wait),
	[ISCSI_KEY_DEFAULT_TIME2RETAIN] =
		NUMBER("DefaultTime2Retain", MIN, LO | QUIET, 0, 3600, 20, time2retain),
	[ISCSI_KEY_DATA_PDU_IN_ORDER] =
		BOOL("DataPDUInOrder", OR, LO_NORMAL, 1, data_pdu_in_order),
	[ISCSI_KEY_DATA_SEQUENCE_IN_ORDER] =
		BOOL("DataSequenceInOrder", OR, LO_NORMAL, 1, data_sequence_in_order),
	[ISCSI_KEY_ERROR_RECOVERY_LEVEL] =
		NUMBER("ErrorRecoveryLevel", MIN, LO, 0, 2, 0, error_recovery_level),
	[ISCSI_KEY_MAX_OUTSTANDING_R2T] =
		NUMBER("MaxOutstandingR2T", MIN, LO_NORMAL, 1, 65535, 1, max_outstanding_r2t),
	[ISCSI_KEY_TASK_REPORTING] =
		LIST("TaskReporting", LO_NORMAL | LATER | QUIET, task_reportings, task_reporting),
	[ISCSI_KEY_PROTOCOL_LEVEL] =
		NUMBER("iSCSIProtocolLevel", MIN, LO_NORMAL | LATER, 0, 31, 1, protocol_level),

	[ISCSI_KEY_IF_MARKER] = PLAIN("IFMarker", BOOL, OBSOLETE, OPER | I | T),
	[ISCSI_KEY_OF_MARKER] = PLAIN("OFMarker", BOOL, OBSOLETE, OPER | I | T),
	[ISCSI_KEY_IF_MARK_INT] = PLAIN("IFMarkInt", NUMBER, OBSOLETE, OPER | I | T),
	[ISCSI_KEY_OF_MARK_INT] = PLAIN("OFMarkInt", NUMBER, OBSOLETE, OPER | I | T),
};
/* clang-format on */

const struct iscsi_key *iscsi_key(enum iscsi_key_id id)
{
	return &keys[id];
}

enum iscsi_key_id iscsi_key_find(const char *name, size_t len)
{
	for (unsigned i = 0; i < ISCSI_KEY_COUNT; i++)
		if (strlen(keys[i].name) == len && memcmp(keys[i].name, name, len) == 0)
			return (enum iscsi_key_id)i;
	return ISCSI_KEY_COUNT;
}

/* ---- parameters ---- */

uint32_t iscsi_params_get(const struct iscsi_params *p, const struct iscsi_key *key)
{
	const char *member = (const char *)p + key->offset;
	uint32_t v;
	if (key->size == sizeof(bool))
		return *(const bool *)member;
	memcpy(&v, member, sizeof(v));
	return v;
}

void iscsi_params_set(struct iscsi_params *p, const struct iscsi_key *key, uint32_t value)
{
	char *member = (char *)p + key->offset;
	if (key->size == sizeof(bool))
		*(bool *)member = value;
	else
		memcpy(member, &value, sizeof(value));
}

void iscsi_params_init(struct iscsi_params *p)
{
	*p = (struct iscsi_params){0};
	for (unsigned i = 0; i < ISCSI_KEY_COUNT; i++)
		if (keys[i].size)
			iscsi_params_set(p, &keys[i], keys[i].initial);
	p->max_recv_data = p->max_send_data;
}

void iscsi_offer_init(struct iscsi_offer *offer)
{
	iscsi_params_init(&offer->want);
	offer->header_digests = ISCSI_DIGEST_NONE | ISCSI_DIGEST_CRC32C;
	offer->data_digests = ISCSI_DIGEST_NONE | ISCSI_DIGEST_CRC32C;
	offer->task_reportings = 1u << ISCSI_TASK_RFC3720;
}

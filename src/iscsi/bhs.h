/* SPDX-License-Identifier: BSD-2-Clause */
/* The layouts of RFC 7143 section 11, as byte arrays. Fields are big-endian (common/endian.h). */
#ifndef LUNAR_ISCSI_BHS_H
#define LUNAR_ISCSI_BHS_H

#include <assert.h>
#include <stdint.h>
#include "common/endian.h"

#define ISCSI_BHS_LEN        48
#define ISCSI_AHS_MAX        (255 * 4) /* TotalAHSLength counts words in one byte */
#define ISCSI_DIGEST_LEN     4
#define ISCSI_AHS_MAX_TX     264 /* what we send at most: an extended CDB of 260 bytes */
#define ISCSI_RESERVED_TAG   UINT32_C(0xffffffff)
#define ISCSI_DEFAULT_PORT   3260
#define ISCSI_LOGIN_DATA_MAX 8192 /* RFC 7143 13.12: the default holds while logging in */

/* RFC 7143 11.2.1.2 */
enum iscsi_opcode {
	ISCSI_NOP_OUT = 0x00,
	ISCSI_SCSI_COMMAND = 0x01,
	ISCSI_TMF_REQUEST = 0x02,
	ISCSI_LOGIN_REQUEST = 0x03,
	ISCSI_TEXT_REQUEST = 0x04,
	ISCSI_DATA_OUT = 0x05,
	ISCSI_LOGOUT_REQUEST = 0x06,
	ISCSI_SNACK_REQUEST = 0x10,
	ISCSI_NOP_IN = 0x20,
	ISCSI_SCSI_RESPONSE = 0x21,
	ISCSI_TMF_RESPONSE = 0x22,
	ISCSI_LOGIN_RESPONSE = 0x23,
	ISCSI_TEXT_RESPONSE = 0x24,
	ISCSI_DATA_IN = 0x25,
	ISCSI_LOGOUT_RESPONSE = 0x26,
	ISCSI_R2T = 0x31,
	ISCSI_ASYNC_MESSAGE = 0x32,
	ISCSI_REJECT = 0x3f,
};

#define ISCSI_OPCODE_MASK 0x3f
#define ISCSI_IMMEDIATE   0x40 /* byte 0 */
#define ISCSI_FINAL       0x80 /* byte 1 of most */

/* The part that all share; `specific` covers bytes 20 to 47. */
struct iscsi_bhs {
	uint8_t opcode; /* with ISCSI_IMMEDIATE */
	uint8_t flags;
	uint8_t specific2[2];
	uint8_t total_ahs_length; /* words */
	uint8_t data_segment_length[3];
	uint8_t lun[8];
	uint8_t itt[4];
	uint8_t specific[28];
};

/* 11.3 */
#define ISCSI_COMMAND_READ  0x40
#define ISCSI_COMMAND_WRITE 0x20
#define ISCSI_COMMAND_ATTR  0x07
struct iscsi_scsi_command {
	uint8_t opcode, flags, reserved[2], total_ahs_length, data_segment_length[3];
	uint8_t lun[8], itt[4];
	uint8_t expected_length[4], cmdsn[4], expstatsn[4], cdb[16];
};

/* 11.4; the residual flags serve Data-In, too */
#define ISCSI_BIDI_OVERFLOW  0x10
#define ISCSI_BIDI_UNDERFLOW 0x08
#define ISCSI_OVERFLOW       0x04
#define ISCSI_UNDERFLOW      0x02
struct iscsi_scsi_response {
	uint8_t opcode, flags, response, status, total_ahs_length, data_segment_length[3];
	uint8_t reserved[8], itt[4];
	uint8_t snack_tag[4], statsn[4], expcmdsn[4], maxcmdsn[4], expdatasn[4];
	uint8_t bidi_residual[4], residual[4];
};

/* 11.5 */
enum iscsi_tmf_function {
	ISCSI_TMF_ABORT_TASK = 1,
	ISCSI_TMF_ABORT_TASK_SET = 2,
	ISCSI_TMF_CLEAR_ACA = 3,
	ISCSI_TMF_CLEAR_TASK_SET = 4,
	ISCSI_TMF_LOGICAL_UNIT_RESET = 5,
	ISCSI_TMF_TARGET_WARM_RESET = 6,
	ISCSI_TMF_TARGET_COLD_RESET = 7,
	ISCSI_TMF_TASK_REASSIGN = 8,
};
struct iscsi_tmf_request {
	uint8_t opcode, function, reserved[2], total_ahs_length, data_segment_length[3];
	uint8_t lun[8], itt[4];
	uint8_t referenced_tag[4], cmdsn[4], expstatsn[4], refcmdsn[4], expdatasn[4], reserved2[8];
};

/* 11.6 */
enum iscsi_tmf_result {
	ISCSI_TMF_COMPLETE = 0,
	ISCSI_TMF_NO_TASK = 1,
	ISCSI_TMF_NO_LUN = 2,
	ISCSI_TMF_STILL_ALLEGIANT = 3,
	ISCSI_TMF_NO_REASSIGN = 4,
	ISCSI_TMF_NOT_SUPPORTED = 5,
	ISCSI_TMF_NOT_AUTHORIZED = 6,
	ISCSI_TMF_REJECTED = 255,
};
struct iscsi_tmf_response {
	uint8_t opcode, flags, response, reserved, total_ahs_length, data_segment_length[3];
	uint8_t reserved2[8], itt[4];
	uint8_t reserved3[4], statsn[4], expcmdsn[4], maxcmdsn[4], reserved4[12];
};

/* 11.7 */
#define ISCSI_DATA_ACK    0x40
#define ISCSI_DATA_STATUS 0x01
struct iscsi_data_out {
	uint8_t opcode, flags, reserved[2], total_ahs_length, data_segment_length[3];
	uint8_t lun[8], itt[4];
	uint8_t ttt[4], reserved2[4], expstatsn[4], reserved3[4], datasn[4], buffer_offset[4];
	uint8_t reserved4[4];
};
struct iscsi_data_in {
	uint8_t opcode, flags, reserved, status, total_ahs_length, data_segment_length[3];
	uint8_t lun[8], itt[4];
	uint8_t ttt[4], statsn[4], expcmdsn[4], maxcmdsn[4], datasn[4], buffer_offset[4];
	uint8_t residual[4];
};

/* 11.8 */
struct iscsi_r2t {
	uint8_t opcode, flags, reserved[2], total_ahs_length, data_segment_length[3];
	uint8_t lun[8], itt[4];
	uint8_t ttt[4], statsn[4], expcmdsn[4], maxcmdsn[4], r2tsn[4], buffer_offset[4];
	uint8_t desired_length[4];
};

/* 11.9 */
enum iscsi_async_event {
	ISCSI_ASYNC_SCSI = 0,
	ISCSI_ASYNC_LOGOUT_REQUEST = 1,
	ISCSI_ASYNC_CONNECTION_DROP = 2,
	ISCSI_ASYNC_SESSION_DROP = 3,
	ISCSI_ASYNC_NEGOTIATE = 4,
	ISCSI_ASYNC_TASKS_TERMINATED = 5,
};
struct iscsi_async_message {
	uint8_t opcode, flags, reserved[2], total_ahs_length, data_segment_length[3];
	uint8_t lun[8], itt[4]; /* itt is reserved: all ones */
	uint8_t reserved2[4], statsn[4], expcmdsn[4], maxcmdsn[4];
	uint8_t event, vcode, parameter1[2], parameter2[2], parameter3[2], reserved3[4];
};

/* 11.10, 11.11 */
#define ISCSI_TEXT_CONTINUE 0x40
struct iscsi_text_request {
	uint8_t opcode, flags, reserved[2], total_ahs_length, data_segment_length[3];
	uint8_t lun[8], itt[4];
	uint8_t ttt[4], cmdsn[4], expstatsn[4], reserved2[16];
};
struct iscsi_text_response {
	uint8_t opcode, flags, reserved[2], total_ahs_length, data_segment_length[3];
	uint8_t lun[8], itt[4];
	uint8_t ttt[4], statsn[4], expcmdsn[4], maxcmdsn[4], reserved2[12];
};

/* 11.12, 11.13 */
#define ISCSI_LOGIN_TRANSIT  0x80
#define ISCSI_LOGIN_CONTINUE 0x40
#define ISCSI_LOGIN_CSG(f)   (((f) >> 2) & 3)
#define ISCSI_LOGIN_NSG(f)   ((f)&3)
enum iscsi_stage { ISCSI_SECURITY = 0, ISCSI_OPERATIONAL = 1, ISCSI_FULL_FEATURE = 3 };
struct iscsi_login_request {
	uint8_t opcode, flags, version_max, version_min, total_ahs_length, data_segment_length[3];
	uint8_t isid[6], tsih[2], itt[4];
	uint8_t cid[2], reserved[2], cmdsn[4], expstatsn[4], reserved2[16];
};
struct iscsi_login_response {
	uint8_t opcode, flags, version_max, version_active, total_ahs_length;
	uint8_t data_segment_length[3];
	uint8_t isid[6], tsih[2], itt[4];
	uint8_t reserved[4], statsn[4], expcmdsn[4], maxcmdsn[4];
	uint8_t status_class, status_detail, reserved2[10];
};

/* 11.13.5: class in the high byte, detail in the low one */
enum iscsi_login_status {
	ISCSI_LOGIN_SUCCESS = 0x0000,
	ISCSI_LOGIN_MOVED_TEMPORARILY = 0x0101,
	ISCSI_LOGIN_MOVED_PERMANENTLY = 0x0102,
	ISCSI_LOGIN_INITIATOR_ERROR = 0x0200,
	ISCSI_LOGIN_AUTH_FAILED = 0x0201,
	ISCSI_LOGIN_FORBIDDEN = 0x0202,
	ISCSI_LOGIN_NOT_FOUND = 0x0203,
	ISCSI_LOGIN_REMOVED = 0x0204,
	ISCSI_LOGIN_UNSUPPORTED_VERSION = 0x0205,
	ISCSI_LOGIN_TOO_MANY_CONNECTIONS = 0x0206,
	ISCSI_LOGIN_MISSING_PARAMETER = 0x0207,
	ISCSI_LOGIN_CANT_INCLUDE = 0x0208,
	ISCSI_LOGIN_SESSION_TYPE = 0x0209,
	ISCSI_LOGIN_NO_SESSION = 0x020a,
	ISCSI_LOGIN_INVALID_REQUEST = 0x020b,
	ISCSI_LOGIN_TARGET_ERROR = 0x0300,
	ISCSI_LOGIN_UNAVAILABLE = 0x0301,
	ISCSI_LOGIN_OUT_OF_RESOURCES = 0x0302,
};

/* 11.14, 11.15 */
enum iscsi_logout_reason {
	ISCSI_LOGOUT_SESSION = 0,
	ISCSI_LOGOUT_CONNECTION = 1,
	ISCSI_LOGOUT_RECOVERY = 2,
};
struct iscsi_logout_request {
	uint8_t opcode, reason, reserved[2], total_ahs_length, data_segment_length[3];
	uint8_t reserved2[8], itt[4];
	uint8_t cid[2], reserved3[2], cmdsn[4], expstatsn[4], reserved4[16];
};
enum iscsi_logout_result {
	ISCSI_LOGOUT_CLOSED = 0,
	ISCSI_LOGOUT_NO_CID = 1,
	ISCSI_LOGOUT_NO_RECOVERY = 2,
	ISCSI_LOGOUT_FAILED = 3,
};
struct iscsi_logout_response {
	uint8_t opcode, flags, response, reserved, total_ahs_length, data_segment_length[3];
	uint8_t reserved2[8], itt[4];
	uint8_t reserved3[4], statsn[4], expcmdsn[4], maxcmdsn[4], reserved4[4];
	uint8_t time2wait[2], time2retain[2], reserved5[4];
};

/* 11.16 */
struct iscsi_snack_request {
	uint8_t opcode, type, reserved[2], total_ahs_length, data_segment_length[3];
	uint8_t lun[8], itt[4];
	uint8_t ttt[4], reserved2[4], expstatsn[4], reserved3[8], begrun[4], runlength[4];
};

/* 11.17 */
enum iscsi_reject_reason {
	ISCSI_REJECT_DATA_DIGEST = 0x02,
	ISCSI_REJECT_SNACK = 0x03,
	ISCSI_REJECT_PROTOCOL = 0x04,
	ISCSI_REJECT_NOT_SUPPORTED = 0x05,
	ISCSI_REJECT_IMMEDIATE = 0x06,
	ISCSI_REJECT_TASK_IN_PROGRESS = 0x07,
	ISCSI_REJECT_INVALID_DATA_ACK = 0x08,
	ISCSI_REJECT_INVALID_FIELD = 0x09,
	ISCSI_REJECT_LONG_OPERATION = 0x0a,
	ISCSI_REJECT_NEGOTIATION_RESET = 0x0b,
	ISCSI_REJECT_WAITING_FOR_LOGOUT = 0x0c,
};
struct iscsi_reject {
	uint8_t opcode, flags, reason, reserved, total_ahs_length, data_segment_length[3];
	uint8_t reserved2[8], ffffffff[4];
	uint8_t reserved3[4], statsn[4], expcmdsn[4], maxcmdsn[4], datasn_r2tsn[4], reserved4[8];
};

/* 11.18, 11.19 */
struct iscsi_nop_out {
	uint8_t opcode, flags, reserved[2], total_ahs_length, data_segment_length[3];
	uint8_t lun[8], itt[4];
	uint8_t ttt[4], cmdsn[4], expstatsn[4], reserved2[16];
};
struct iscsi_nop_in {
	uint8_t opcode, flags, reserved[2], total_ahs_length, data_segment_length[3];
	uint8_t lun[8], itt[4];
	uint8_t ttt[4], statsn[4], expcmdsn[4], maxcmdsn[4], reserved2[12];
};

/* 11.2.2 */
enum iscsi_ahs_type { ISCSI_AHS_EXTENDED_CDB = 1, ISCSI_AHS_BIDI_READ_LENGTH = 2 };

#define ISCSI_ASSERT_BHS(s) static_assert(sizeof(struct s) == ISCSI_BHS_LEN, #s)
ISCSI_ASSERT_BHS(iscsi_bhs);
ISCSI_ASSERT_BHS(iscsi_scsi_command);
ISCSI_ASSERT_BHS(iscsi_scsi_response);
ISCSI_ASSERT_BHS(iscsi_tmf_request);
ISCSI_ASSERT_BHS(iscsi_tmf_response);
ISCSI_ASSERT_BHS(iscsi_data_out);
ISCSI_ASSERT_BHS(iscsi_data_in);
ISCSI_ASSERT_BHS(iscsi_r2t);
ISCSI_ASSERT_BHS(iscsi_async_message);
ISCSI_ASSERT_BHS(iscsi_text_request);
ISCSI_ASSERT_BHS(iscsi_text_response);
ISCSI_ASSERT_BHS(iscsi_login_request);
ISCSI_ASSERT_BHS(iscsi_login_response);
ISCSI_ASSERT_BHS(iscsi_logout_request);
ISCSI_ASSERT_BHS(iscsi_logout_response);
ISCSI_ASSERT_BHS(iscsi_snack_request);
ISCSI_ASSERT_BHS(iscsi_reject);
ISCSI_ASSERT_BHS(iscsi_nop_out);
ISCSI_ASSERT_BHS(iscsi_nop_in);

static inline uint8_t iscsi_opcode(const struct iscsi_bhs *bhs)
{
	return bhs->opcode & ISCSI_OPCODE_MASK;
}

static inline uint32_t iscsi_data_length(const struct iscsi_bhs *bhs)
{
	return get_be24(bhs->data_segment_length);
}

/* Bytes that pad a segment of `len` to a word (RFC 7143 11.1). */
static inline uint32_t iscsi_pad(uint32_t len)
{
	return -len & 3;
}

#endif

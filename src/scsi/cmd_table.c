/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands. One row each: what precheck and REPORT SUPPORTED OPERATION CODES need to know.
 *
 * Usage bytes: protection (RDPROTECT...), ANCHOR and CONTROL (NACA) are not there and must be zero.
 * FUA_NV (SBC-2) counts as FUA, SYNC_NV and GROUP NUMBER are ignored.
 */
#include "common/cleanup.h"
#include "scsi/lu_priv.h"

#define ANYTIME (SCSI_CMD_UA_OK | SCSI_CMD_NOT_READY_OK | SCSI_CMD_NO_LUN_OK)
#define BLOCKS  (SCSI_CMD_RANGE | SCSI_CMD_BLOCKS)
#define READ    (BLOCKS | SCSI_HAS_DPO)
#define WRITE   (BLOCKS | SCSI_CMD_WRITES | SCSI_HAS_DPO)
/* Those with a FUA bit; a LU that has none of these features takes none of their bits. */
#define FUA_READ   (READ | SCSI_HAS_FUA_READ)
#define FUA_WRITE  (WRITE | SCSI_HAS_FUA_WRITE)
#define WRITE_SAME (BLOCKS | SCSI_CMD_WRITES | SCSI_CMD_UNMAPS | SCSI_HAS_UNMAP_SAME)
#define RESERVES   (SCSI_CMD_NOT_READY_OK | SCSI_CMD_ALONE | SCSI_HAS_RESERVE)

/* clang-format off */

/* GROUP NUMBER: taken and without effect, as EXTENDED INQUIRY says with GROUP_SUP 0 */
#define GROUP 0x3f
#define FF2   0xff, 0xff
#define FF4   FF2, FF2
#define FF8   FF4, FF4

#define PR_IN(name, action, lengths, run)                                                     \
	{"PERSISTENT RESERVE IN: " name, 0x5e, action, 10, {0x5e, action, 0, 0, 0, 0, 0, FF2}, \
	 SCSI_CMD_NOT_READY_OK | SCSI_HAS_RESERVE, 7, 2, lengths, run}
#define PR_OUT(name, action)                                                                   \
	{"PERSISTENT RESERVE OUT: " name, 0x5f, action, 10, {0x5f, action, 0xff, 0, 0, FF4},   \
	 RESERVES, 5, 4, scsi_lengths_pr_out, scsi_cmd_pr_out}

static const struct scsi_command commands[256] = {
	[0x00] = {"TEST UNIT READY", 0x00, -1, 6, {0x00},
		  0, 0, 0, NULL, scsi_cmd_test_unit_ready},
	[0x03] = {"REQUEST SENSE", 0x03, -1, 6, {0x03, 0x01, 0, 0, 0xff},
		  ANYTIME, 4, 1, scsi_lengths_reply, scsi_cmd_request_sense},
	[0x08] = {"READ(6)", 0x08, -1, 6, {0x08, 0x1f, FF2, 0xff},
		  BLOCKS | SCSI_CMD_PLAIN, 4, 1, scsi_lengths_read, scsi_cmd_read},
	[0x0a] = {"WRITE(6)", 0x0a, -1, 6, {0x0a, 0x1f, FF2, 0xff},
		  BLOCKS | SCSI_CMD_WRITES | SCSI_CMD_PLAIN, 4, 1, scsi_lengths_write, scsi_cmd_write},
	[0x12] = {"INQUIRY", 0x12, -1, 6, {0x12, 0x01, 0xff, FF2},
		  ANYTIME, 3, 2, scsi_lengths_reply, scsi_cmd_inquiry},
	[0x15] = {"MODE SELECT(6)", 0x15, -1, 6, {0x15, 0x11, 0, 0, 0xff},
		  SCSI_CMD_NOT_READY_OK | SCSI_CMD_ALONE, 4, 1, scsi_lengths_list, scsi_cmd_mode_select},
	[0x16] = {"RESERVE(6)", 0x16, -1, 6, {0x16},
		  RESERVES, 0, 0, NULL, scsi_cmd_reserve},
	[0x17] = {"RELEASE(6)", 0x17, -1, 6, {0x17},
		  RESERVES, 0, 0, NULL, scsi_cmd_release},
	[0x1a] = {"MODE SENSE(6)", 0x1a, -1, 6, {0x1a, 0x08, FF2, 0xff},
		  SCSI_CMD_NOT_READY_OK, 4, 1, scsi_lengths_reply, scsi_cmd_mode_sense},
	[0x1b] = {"START STOP UNIT", 0x1b, -1, 6, {0x1b, 0x01, 0, 0, 0xf5},
		  SCSI_CMD_NOT_READY_OK | SCSI_CMD_ALONE, 0, 0, NULL, scsi_cmd_start_stop},
	[0x1e] = {"PREVENT ALLOW MEDIUM REMOVAL", 0x1e, -1, 6, {0x1e, 0, 0, 0, 0x03},
		  SCSI_CMD_NOT_READY_OK, 0, 0, NULL, scsi_cmd_prevent_allow},
	[0x25] = {"READ CAPACITY(10)", 0x25, -1, 10, {0x25},
		  0, 0, 0, scsi_lengths_reply, scsi_cmd_read_capacity10},
	[0x28] = {"READ(10)", 0x28, -1, 10, {0x28, 0x1a, FF4, GROUP, FF2},
		  FUA_READ | SCSI_CMD_PLAIN, 7, 2, scsi_lengths_read, scsi_cmd_read},
	[0x2a] = {"WRITE(10)", 0x2a, -1, 10, {0x2a, 0x1a, FF4, GROUP, FF2},
		  FUA_WRITE | SCSI_CMD_PLAIN, 7, 2, scsi_lengths_write, scsi_cmd_write},
	[0x2e] = {"WRITE AND VERIFY(10)", 0x2e, -1, 10, {0x2e, 0x12, FF4, GROUP, FF2},
		  WRITE, 7, 2, scsi_lengths_write_verify, scsi_cmd_write_verify},
	[0x2f] = {"VERIFY(10)", 0x2f, -1, 10, {0x2f, 0x16, FF4, GROUP, FF2},
		  READ, 7, 2, scsi_lengths_verify, scsi_cmd_verify},
	[0x34] = {"PRE-FETCH(10)", 0x34, -1, 10, {0x34, 0x02, FF4, GROUP, FF2},
		  BLOCKS, 7, 2, scsi_lengths_prefetch, scsi_cmd_prefetch},
	[0x35] = {"SYNCHRONIZE CACHE(10)", 0x35, -1, 10, {0x35, 0x06, FF4, GROUP, FF2},
		  SCSI_CMD_RANGE, 7, 2, scsi_lengths_range, scsi_cmd_sync_cache},
	[0x41] = {"WRITE SAME(10)", 0x41, -1, 10, {0x41, 0x08, FF4, GROUP, FF2},
		  WRITE_SAME, 7, 2, scsi_lengths_write_same, scsi_cmd_write_same},
	[0x42] = {"UNMAP", 0x42, -1, 10, {0x42, 0, 0, 0, 0, 0, GROUP, FF2},
		  SCSI_CMD_WRITES | SCSI_CMD_UNMAPS | SCSI_HAS_UNMAP, 7, 2, scsi_lengths_list, scsi_cmd_unmap},
	[0x4d] = {"LOG SENSE", 0x4d, -1, 10, {0x4d, 0x01, FF2, 0, FF4},
		  SCSI_CMD_NOT_READY_OK, 7, 2, scsi_lengths_reply,
		  scsi_cmd_log_sense},
	[0x55] = {"MODE SELECT(10)", 0x55, -1, 10, {0x55, 0x11, 0, 0, 0, 0, 0, FF2},
		  SCSI_CMD_NOT_READY_OK | SCSI_CMD_ALONE, 7, 2, scsi_lengths_list, scsi_cmd_mode_select},
	[0x56] = {"RESERVE(10)", 0x56, -1, 10, {0x56},
		  RESERVES, 0, 0, NULL, scsi_cmd_reserve},
	[0x57] = {"RELEASE(10)", 0x57, -1, 10, {0x57},
		  RESERVES, 0, 0, NULL, scsi_cmd_release},
	[0x5a] = {"MODE SENSE(10)", 0x5a, -1, 10, {0x5a, 0x18, FF2, 0, 0, 0, FF2},
		  SCSI_CMD_NOT_READY_OK, 7, 2, scsi_lengths_reply, scsi_cmd_mode_sense},
	[0x88] = {"READ(16)", 0x88, -1, 16, {0x88, 0x1a, FF8, FF4, GROUP},
		  FUA_READ | SCSI_CMD_PLAIN, 10, 4, scsi_lengths_read, scsi_cmd_read},
	[0x89] = {"COMPARE AND WRITE", 0x89, -1, 16, {0x89, 0x1a, FF8, 0, 0, 0, 0xff, GROUP},
		  FUA_WRITE | SCSI_CMD_ALONE | SCSI_HAS_COMPARE, 13, 1, scsi_lengths_compare,
		  scsi_cmd_compare_and_write},
	[0x8a] = {"WRITE(16)", 0x8a, -1, 16, {0x8a, 0x1a, FF8, FF4, GROUP},
		  FUA_WRITE | SCSI_CMD_PLAIN, 10, 4, scsi_lengths_write, scsi_cmd_write},
	[0x8b] = {"ORWRITE(16)", 0x8b, -1, 16, {0x8b, 0x1a, FF8, FF4, GROUP},
		  FUA_WRITE | SCSI_CMD_ALONE, 10, 4, scsi_lengths_write_verify, scsi_cmd_orwrite},
	[0x8e] = {"WRITE AND VERIFY(16)", 0x8e, -1, 16, {0x8e, 0x12, FF8, FF4, GROUP},
		  WRITE, 10, 4, scsi_lengths_write_verify, scsi_cmd_write_verify},
	[0x8f] = {"VERIFY(16)", 0x8f, -1, 16, {0x8f, 0x16, FF8, FF4, GROUP},
		  READ, 10, 4, scsi_lengths_verify, scsi_cmd_verify},
	[0x90] = {"PRE-FETCH(16)", 0x90, -1, 16, {0x90, 0x02, FF8, FF4, GROUP},
		  BLOCKS, 10, 4, scsi_lengths_prefetch, scsi_cmd_prefetch},
	[0x91] = {"SYNCHRONIZE CACHE(16)", 0x91, -1, 16, {0x91, 0x06, FF8, FF4, GROUP},
		  SCSI_CMD_RANGE, 10, 4, scsi_lengths_range, scsi_cmd_sync_cache},
	[0x93] = {"WRITE SAME(16)", 0x93, -1, 16, {0x93, 0x09, FF8, FF4, GROUP},
		  WRITE_SAME, 10, 4, scsi_lengths_write_same, scsi_cmd_write_same},
	[0x9c] = {"WRITE ATOMIC(16)", 0x9c, -1, 16, {0x9c, 0x18, FF8, 0, 0, FF2, GROUP},
		  FUA_WRITE | SCSI_CMD_ALONE | SCSI_CMD_ATOMIC | SCSI_HAS_ATOMIC, 12, 2,
		  scsi_lengths_write_atomic, scsi_cmd_write_atomic},
	[0xa0] = {"REPORT LUNS", 0xa0, -1, 12, {0xa0, 0, 0xff, 0, 0, 0, FF4},
		  ANYTIME, 6, 4, scsi_lengths_report_luns, scsi_cmd_report_luns},
	[0xa8] = {"READ(12)", 0xa8, -1, 12, {0xa8, 0x1a, FF4, FF4, GROUP},
		  FUA_READ | SCSI_CMD_PLAIN, 6, 4, scsi_lengths_read, scsi_cmd_read},
	[0xaa] = {"WRITE(12)", 0xaa, -1, 12, {0xaa, 0x1a, FF4, FF4, GROUP},
		  FUA_WRITE | SCSI_CMD_PLAIN, 6, 4, scsi_lengths_write, scsi_cmd_write},
	[0xae] = {"WRITE AND VERIFY(12)", 0xae, -1, 12, {0xae, 0x12, FF4, FF4, GROUP},
		  WRITE, 6, 4, scsi_lengths_write_verify, scsi_cmd_write_verify},
	[0xaf] = {"VERIFY(12)", 0xaf, -1, 12, {0xaf, 0x16, FF4, FF4, GROUP},
		  READ, 6, 4, scsi_lengths_verify, scsi_cmd_verify},
};

/* Those with a service action in the low five bits of byte 1, by opcode and action. */
static const struct scsi_command actions[] = {
	PR_IN("READ KEYS", 0x00, scsi_lengths_reply, scsi_cmd_pr_read_keys),
	PR_IN("READ RESERVATION", 0x01, scsi_lengths_reply, scsi_cmd_pr_read_reservation),
	PR_IN("REPORT CAPABILITIES", 0x02, scsi_lengths_reply, scsi_cmd_pr_capabilities),
	PR_IN("READ FULL STATUS", 0x03, scsi_lengths_pr_status, scsi_cmd_pr_full_status),
	PR_OUT("REGISTER", 0x00),
	PR_OUT("RESERVE", 0x01),
	PR_OUT("RELEASE", 0x02),
	PR_OUT("CLEAR", 0x03),
	PR_OUT("PREEMPT", 0x04),
	PR_OUT("PREEMPT AND ABORT", 0x05),
	PR_OUT("REGISTER AND IGNORE EXISTING KEY", 0x06),
	PR_OUT("REGISTER AND MOVE", 0x07),
	{"EXTENDED COPY(LID1)", 0x83, 0x00, 16, {0x83, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, FF4},
	 SCSI_HAS_COPY, 10, 4, scsi_lengths_copy, scsi_cmd_copy},
	{"RECEIVE COPY STATUS(LID1)", 0x84, 0x00, 16, {0x84, 0x00, 0xff, 0, 0, 0, 0, 0, 0, 0, FF4},
	 SCSI_HAS_COPY, 10, 4, scsi_lengths_reply, scsi_cmd_copy_status},
	{"RECEIVE COPY OPERATING PARAMETERS", 0x84, 0x03, 16, {0x84, 0x03, 0, 0, 0, 0, 0, 0, 0, 0, FF4},
	 SCSI_HAS_COPY, 10, 4, scsi_lengths_reply, scsi_cmd_copy_parameters},
	{"RECEIVE COPY FAILURE DETAILS(LID1)", 0x84, 0x04, 16, {0x84, 0x04, 0xff, 0, 0, 0, 0, 0, 0, 0, FF4},
	 SCSI_HAS_COPY, 10, 4, scsi_lengths_reply, scsi_cmd_copy_failure},
	{"READ CAPACITY(16)", 0x9e, 0x10, 16, {0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, FF4},
	 0, 10, 4, scsi_lengths_reply, scsi_cmd_read_capacity16},
	{"GET LBA STATUS(16)", 0x9e, 0x12, 16, {0x9e, 0x12, FF8, FF4},
	 0, 10, 4, scsi_lengths_reply, scsi_cmd_get_lba_status},
	{"REPORT SUPPORTED OPERATION CODES", 0xa3, 0x0c, 12, {0xa3, 0x0c, 0x87, 0xff, FF2, FF4},
	 SCSI_CMD_NOT_READY_OK | SCSI_HAS_OPCODES, 6, 4, scsi_lengths_reply, scsi_cmd_report_opcodes},
	{"REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", 0xa3, 0x0d, 12,
	 {0xa3, 0x0d, 0x80, 0, 0, 0, FF4},
	 SCSI_CMD_NOT_READY_OK, 6, 4, scsi_lengths_reply, scsi_cmd_report_tmf},
};
/* clang-format on */

static const struct scsi_command *first_action(uint8_t opcode)
{
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (actions[i].opcode == opcode)
			return &actions[i];
	return NULL;
}

/* The next action of the same opcode. */
static const struct scsi_command *next_action(const struct scsi_command *c)
{
	if (c->action < 0 || c == &actions[ARRAY_SIZE(actions) - 1] || c[1].opcode != c->opcode)
		return NULL;
	return c + 1;
}

const struct scsi_command *scsi_command_find(uint8_t opcode, unsigned action, bool *has_actions)
{
	const struct scsi_command *c = &commands[opcode];

	*has_actions = false;
	if (c->name)
		return c;
	for (c = first_action(opcode); c; c = next_action(c)) {
		*has_actions = true;
		if ((unsigned)c->action == action)
			return c;
	}
	return NULL;
}

const struct scsi_command *scsi_command_next(const struct scsi_command *prev)
{
	const struct scsi_command *c;

	if (prev && (c = next_action(prev)))
		return c;
	for (unsigned op = prev ? prev->opcode + 1u : 0; op < ARRAY_SIZE(commands); op++) {
		c = commands[op].name ? &commands[op] : first_action((uint8_t)op);
		if (c)
			return c;
	}
	return NULL;
}

/* Bits of byte 1 that are there with a feature only. */
static const struct {
	uint32_t feature;
	uint8_t bits;
} optional[] = {
	{SCSI_HAS_DPO, 0x10},
	{SCSI_HAS_FUA_READ, 0x0a}, /* FUA, FUA_NV */
	{SCSI_HAS_FUA_WRITE, 0x0a},
	{SCSI_HAS_UNMAP_SAME, 0x08},
};

uint8_t scsi_command_usage(const struct scsi_command *cmd, unsigned i, uint32_t features)
{
	uint32_t missing = cmd->flags & SCSI_HAS_ALL & ~features;
	uint8_t usage = cmd->usage[i];

	for (size_t n = 0; missing && i == 1 && n < ARRAY_SIZE(optional); n++)
		if (missing & optional[n].feature)
			usage &= (uint8_t)~optional[n].bits;
	return usage;
}

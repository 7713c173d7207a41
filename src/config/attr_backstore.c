/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What backstores have. A kind differs from another in what its store can: such defaults are arguments
 * of the common rows.
 */
#include "config/attr_rows.h"

/* clang-format off */
static const char *const block_sizes[] = {"512", "4096", NULL};

#define ALUA_NOTE   "groups of ports with states of their own belong to configfs: here a target's " \
		    "ports are all active/optimized"
#define NO_PI_NOTE  "protection information is not kept: only 0 is taken"
#define KERNEL_NOTE "how the kernel's target hands commands to its own threads"

/* The defaults of these are the kernel's, which are less than what we can do. */
#define MOST_NOTE(most) "the default and 0 mean as much as we can, " most "; more is never taken"

/* wce: write cache; rot: is_nonrot; unmap_*: what UNMAP takes, and in which units; same: WRITE SAME;
 * opt: optimal_sectors; hw_*: what the device says of itself. */
#define ATTRIBUTES(wce, rot, unmap_desc, unmap_lba, same, opt, unmap_gran)                   \
	FLAG_NOTE(ATTRIBUTE, NO_EFFECT, "alua_support", "1",                                 \
		  "Asymmetric access states are told to initiators", ALUA_NOTE),             \
	{.name = "block_size", .group = CONFIG_ATTRIBUTE, .form = CONFIG_FORM_WORD,          \
	 .effect = CONFIG_IN_PART, .flags = CONFIG_IDENTITY, .choices = block_sizes,         \
	 .standard = "512", .help = "Bytes of a logical block; as long as it is no LUN",     \
	 .note = "1024 and 2048 are not taken"},                                             \
	FLAG(ATTRIBUTE, "emulate_3pc", "1", "1: EXTENDED COPY is offered"),                  \
	FLAG(ATTRIBUTE, "emulate_caw", "1", "1: COMPARE AND WRITE is offered"), \
	FLAG(ATTRIBUTE, "emulate_dpo", "1", "1: the DPO bit of reads and writes is taken"),  \
	FLAG(ATTRIBUTE, "emulate_fua_read", "1", "1: the FUA bit of reads is taken"),        \
	FLAG(ATTRIBUTE, "emulate_fua_write", "1", "1: the FUA bit of writes is taken"),      \
	FLAG(ATTRIBUTE, "emulate_model_alias", "1",                                          \
	     "1: INQUIRY names the backstore as the product"),                               \
	FLAG(ATTRIBUTE, "emulate_pr", "1", "1: reservations are offered"),                   \
	FLAG(ATTRIBUTE, "emulate_rest_reord", "0",                                           \
	     "0: commands may overtake each other; 1: those of one initiator run one after the other"), \
	FLAG(ATTRIBUTE, "emulate_rsoc", "1", "1: REPORT SUPPORTED OPERATION CODES is offered"), \
	FLAG(ATTRIBUTE, "emulate_tas", "1",                                                  \
	     "1: who lost a task to another initiator's doing is told TASK ABORTED"),        \
	FLAG(ATTRIBUTE, "emulate_tpu", "0", "1: UNMAP is offered"),                          \
	FLAG(ATTRIBUTE, "emulate_tpws", "0", "1: WRITE SAME with UNMAP is offered"),         \
	NUMBER(ATTRIBUTE, "emulate_ua_intlck_ctrl", 0, 2, "0",                               \
	       "Unit attentions stay after they were told: 0 no, 1 yes, 2 and one for BUSY"), \
	FLAG(ATTRIBUTE, "emulate_write_cache", wce,                                          \
	     "1: writes are durable after a flush; 0: before they are answered"),            \
	FLAG(ATTRIBUTE, "enforce_pr_isids", "1",                                             \
	     "1: a registration holds for the initiator's port, ISID included; 0: for its name"), \
	FLAG(ATTRIBUTE, "force_pr_aptpl", "0",                                               \
	     "1: registrations outlive a restart, asked for or not"),                        \
	TOLD("hw_block_size", "512", "Bytes of a block of the store"),                       \
	TOLD("hw_max_sectors", "16384", "Blocks that the store takes at a time"),            \
	TOLD("hw_pi_prot_type", "0", "Type of protection information that the store keeps"), \
	TOLD("hw_queue_depth", "128", "Requests that the store takes at a time"),            \
	FLAG(ATTRIBUTE, "is_nonrot", rot, "1: initiators are told that nothing rotates"),    \
	NUMBER_NOTE(ATTRIBUTE, IN_PART, "max_unmap_block_desc_count", 0, 4095, unmap_desc,   \
		    "Block descriptors of one UNMAP", MOST_NOTE("256")),                     \
	NUMBER_NOTE(ATTRIBUTE, IN_PART, "max_unmap_lba_count", 0, UINT32_MAX, unmap_lba,     \
		    "Blocks of one UNMAP", MOST_NOTE("512 MiB")),                            \
	NUMBER_NOTE(ATTRIBUTE, IN_PART, "max_write_same_len", 0, UINT32_MAX, same,           \
		    "Blocks of one WRITE SAME", MOST_NOTE("16 MiB")),                        \
	NUMBER_NOTE(ATTRIBUTE, IN_PART, "optimal_sectors", 0, UINT32_MAX, opt,               \
		    "Blocks of the best transfer",                                           \
		    "the default and 0 mean ours, 1 MiB; never more than 8 MiB"),            \
	FLAG_NOTE(ATTRIBUTE, NO_EFFECT, "pgr_support", "1",                                  \
		  "Reservations of a device that is passed through",                         \
		  "a switch of the kernel's pass-through; emulate_pr is what decides"),      \
	NUMBER_NOTE(ATTRIBUTE, IN_PART, "pi_prot_format", 0, 0, "0",                         \
		    "Formats protection information", NO_PI_NOTE),                           \
	NUMBER_NOTE(ATTRIBUTE, IN_PART, "pi_prot_type", 0, 0, "0",                           \
		    "Type of protection information", NO_PI_NOTE),                           \
	NUMBER_NOTE(ATTRIBUTE, IN_PART, "pi_prot_verify", 0, 0, "0",                         \
		    "Checks protection information", NO_PI_NOTE),                            \
	NUMBER_NOTE(ATTRIBUTE, IN_PART, "queue_depth", 1, 4096, "128",                       \
		    "Commands of one initiator that the disk works on at a time",            \
		    "the default means as many as its session may have"),                    \
	NUMBER_NOTE(ATTRIBUTE, NO_EFFECT, "submit_type", 0, 2, "0",                          \
		    "Where commands are handed to the store", KERNEL_NOTE),                  \
	NUMBER_NOTE(ATTRIBUTE, IN_PART, "unmap_granularity", 0, UINT32_MAX, unmap_gran,      \
		    "Blocks that are unmapped together", "the default and 0 mean the store's own"), \
	NUMBER(ATTRIBUTE, "unmap_granularity_alignment", 0, UINT32_MAX, "0",                 \
	       "The first block at which such a group begins"),                              \
	FLAG_NOTE(ATTRIBUTE, IN_PART, "unmap_zeroes_data", "0",                              \
		  "1: initiators are told that unmapped blocks read as zeroes",              \
		  "they always do, and initiators are always told")

/* As targetcli writes it into its files; the groups are not ours to change. */
#define ALUA_GROUPS                                                                                  \
	"[{\"alua_access_state\":0,\"alua_access_status\":0,\"alua_access_type\":3,"                 \
	"\"alua_support_active_nonoptimized\":1,\"alua_support_active_optimized\":1,"                \
	"\"alua_support_offline\":1,\"alua_support_standby\":1,\"alua_support_transitioning\":1,"    \
	"\"alua_support_unavailable\":1,\"alua_write_metadata\":0,\"implicit_trans_secs\":0,"        \
	"\"name\":\"default_tg_pt_gp\",\"nonop_delay_msecs\":100,\"preferred\":0,"                   \
	"\"tg_pt_gp_id\":0,\"trans_delay_msecs\":0}]"

/* What the disk was called where it comes from (SPC-5 6.7.2, 7.7.6): so names by identity stay. */
#define PRESENTED                                                                                    \
	FORMED(OBJECT, CONFIG_OURS | CONFIG_OPTIONAL, HEX, "naa",                                    \
	       "The NAA designator that initiators see; else one made of wwn"),                      \
	TEXT(OBJECT, CONFIG_OURS | CONFIG_OPTIONAL, "product", 16,                                   \
	     "The product that INQUIRY names"),                                                      \
	TEXT(OBJECT, CONFIG_OURS | CONFIG_OPTIONAL, "revision", 4,                                   \
	     "The product's revision that INQUIRY names"),                                           \
	TEXT(OBJECT, CONFIG_OURS | CONFIG_OPTIONAL, "serial", 252,                                   \
	     "The serial number that initiators see; else wwn"),                                     \
	TEXT(OBJECT, CONFIG_OURS | CONFIG_OPTIONAL, "t10_id", 252,                                   \
	     "The T10 vendor identification designator that initiators see"),                        \
	TEXT(OBJECT, CONFIG_OURS | CONFIG_OPTIONAL, "vendor", 8, "The vendor that INQUIRY names")

#define WWN   TEXT(OBJECT, CONFIG_IDENTITY, "wwn", 252, "What tells this disk from all others: its serial number")
#define ALUA                                                                                         \
	{.name = "alua_tpgs", .group = CONFIG_OBJECT, .form = CONFIG_FORM_JSON,                      \
	 .effect = CONFIG_NO_EFFECT, .standard = ALUA_GROUPS,                                        \
	 .help = "Groups of target ports, as they were read", .note = ALUA_NOTE}

static const struct config_attr fileio[] = {
	TRUTH_NOTE(OBJECT, NO_EFFECT, CONFIG_FIXED, "aio", "False",
		   "The kernel's asynchronous reads and writes", KERNEL_NOTE),
	ALUA,
	{.name = "dev", .group = CONFIG_OBJECT, .form = CONFIG_FORM_PATH,
	 .flags = CONFIG_FIXED | CONFIG_IDENTITY,
	 .standard = "", .help = "The file, or block device, that holds the data"},
	TRUTH(OBJECT, CONFIG_OURS | CONFIG_OPTIONAL, "readonly", "False", "Nobody may write"),
	FORMED(OBJECT, 0, BYTES, "size", "Bytes of the disk"),
	TRUTH(OBJECT, CONFIG_OURS | CONFIG_OPTIONAL | CONFIG_FIXED, "sparse", "True",
	      "A file that is made takes room only where it was written"),
	TRUTH(OBJECT, CONFIG_FIXED, "write_back", "True",
	      "Writes are durable after a flush, not before they are answered"),
	WWN, PRESENTED,
	ATTRIBUTES("1", "0", "1", "8192", "4096", "16384", "1"),
};

static const struct config_attr block[] = {
	ALUA,
	{.name = "dev", .group = CONFIG_OBJECT, .form = CONFIG_FORM_PATH,
	 .flags = CONFIG_FIXED | CONFIG_IDENTITY,
	 .standard = "", .help = "The block device that holds the data"},
	TRUTH_NOTE(OBJECT, IN_PART, CONFIG_FIXED, "exclusive", "True",
		   "Nobody else on this machine may use the device", "always so"),
	TRUTH(OBJECT, CONFIG_FIXED, "readonly", "False", "Nobody may write"),
	FORMED(OBJECT, CONFIG_OURS | CONFIG_OPTIONAL, BYTES, "size",
	       "Bytes of the device when it was last seen"),
	TRUTH(OBJECT, CONFIG_FIXED, "write_back", "True",
	      "Writes are durable after a flush, not before they are answered"),
	WWN, PRESENTED,
	ATTRIBUTES("1", "0", "1", "8192", "4096", "16384", "1"),
};

static const struct config_attr ramdisk[] = {
	ALUA,
	TRUTH_NOTE(OBJECT, IN_PART, CONFIG_FIXED | CONFIG_OPTIONAL, "nullio", "False",
		   "A disk that keeps nothing, for measuring", "such a disk is refused"),
	FORMED(OBJECT, CONFIG_FIXED | CONFIG_IDENTITY, BYTES, "size", "Bytes of the disk"),
	WWN, PRESENTED,
	ATTRIBUTES("0", "1", "0", "0", "0", "4294967288", "0"),
};
/* clang-format on */

const struct config_attr_table config_backstore_tables[CONFIG_KINDS] = {
	[CONFIG_BLOCK] = CONFIG_TABLE(block),
	[CONFIG_FILEIO] = CONFIG_TABLE(fileio),
	[CONFIG_RAMDISK] = CONFIG_TABLE(ramdisk),
};

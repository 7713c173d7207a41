/* SPDX-License-Identifier: BSD-2-Clause */
/* What targets, their portal groups, portals, LUNs and ACLs have, and discovery. */
#include "config/attr_rows.h"

/* clang-format off */
static const char *const digests[] = {"CRC32C", "None", NULL};
static const char *const auth_methods[] = {"CHAP", "None", NULL};
static const char *const reject[] = {"Reject", NULL};

#define LENGTH_MAX 16777215 /* 2^24 - 1, RFC 7143 13.12 to 13.14 */
#define NAME_MAX_CHAP 255   /* RFC 7143 12.1.3: a CHAP name or secret fits a text value of this length */

#define LEVEL_NOTE   "sessions recover at level 0 whatever is offered: RFC 7143 13.20 lets either side"
#define NO_PI_NOTE   "protection information is not kept: only 0 is taken"
#define MARKER_NOTE  "RFC 7143 13.25 forbids what it stood for"
#define ORDER_NOTE   "a trial of initiators in the kernel's target: data goes in order, which all take"
#define RDMA_NOTE    "belongs to another transport: there is TCP and nothing else"
#define ALIAS_NOTE   "the name of a link in configfs"
#define DYNAMIC_NOTE "nothing is set up for it: it has the LUNs of the group for as long as it is there"
#define DISCOVERY_NOTE                                                                       \
	"who may not log in is never shown it; the kernel's target shows it to all then"
#define CPU_NOTE     "the kernel's threads"

#define NETWORKS(h) FORMED(ATTRIBUTE, CONFIG_OURS | CONFIG_OPTIONAL, NETWORK, "allowed_networks", h)
#define CHAP(key_of, g, who, target)                                                                 \
	KEYED(g, CONFIG_SECRET | CONFIG_OPTIONAL, "mutual_password", key_of "mutual_password",       \
	      NAME_MAX_CHAP, "The secret by which we prove to " who " that we are " target),         \
	KEYED(g, CONFIG_OPTIONAL, "mutual_userid", key_of "mutual_userid", NAME_MAX_CHAP,            \
	      "The user that we are to " who),                                                       \
	KEYED(g, CONFIG_SECRET | CONFIG_OPTIONAL, "password", key_of "password", NAME_MAX_CHAP,      \
	      "The secret for logins of " who),                                                 \
	KEYED(g, CONFIG_OPTIONAL, "userid", key_of "userid", NAME_MAX_CHAP,                          \
	      "The user for logins of " who)

static const struct config_attr discovery[] = {
	{.name = "enable", .key = "discovery_enable_auth", .group = CONFIG_DISCOVERY_AUTH,
	 .form = CONFIG_FORM_TRUTH, .standard = "False",
	 .help = "Discovery sessions log in with CHAP"},
	CHAP("discovery_", DISCOVERY_AUTH, "discovery sessions", "who they ask"),
};

static const struct config_attr target[] = {
	{.name = "cmd_completion_affinity", .group = CONFIG_PARAMETER, .form = CONFIG_FORM_NUMBER,
	 .effect = CONFIG_NO_EFFECT, .min = -2, .max = 4096,
	 .standard = "-1", .help = "The processor on which commands end", .note = CPU_NOTE},
};

static const struct config_attr tpg[] = {
	TRUTH(OBJECT, CONFIG_FIXED, "enable", "True", "Initiators may log in"),

	NETWORKS("Addresses from which initiators may log in; empty: all"),
	FLAG(ATTRIBUTE, "authentication", "0", "1: initiators log in with CHAP"),
	FLAG_NOTE(ATTRIBUTE, NO_EFFECT, "cache_dynamic_acls", "0",
	     "1: what was set up for an initiator without ACL stays when it has gone", DYNAMIC_NOTE),
	NUMBER(ATTRIBUTE, "default_cmdsn_depth", 1, 512, "64",
	       "Commands that a session may send before the first one ends"),
	NUMBER_NOTE(ATTRIBUTE, IN_PART, "default_erl", 0, 2, "0", "ErrorRecoveryLevel that is offered",
		    LEVEL_NOTE),
	FLAG_NOTE(ATTRIBUTE, IN_PART, "demo_mode_discovery", "1",
		  "1: discovery shows the target to initiators without ACL, if these may log in",
		  DISCOVERY_NOTE),
	FLAG(ATTRIBUTE, "demo_mode_write_protect", "1", "1: initiators without ACL may not write"),
	NUMBER_NOTE(ATTRIBUTE, IN_PART, "fabric_prot_type", 0, 0, "0",
		    "Protection information between us and the initiator", NO_PI_NOTE),
	FLAG(ATTRIBUTE, "generate_node_acls", "0",
	     "1: initiators without ACL may log in, and see all LUNs (demo mode)"),
	FLAG_NOTE(ATTRIBUTE, IN_PART, "login_keys_workaround", "1",
		  "1: keys that come at the wrong time in a login are answered",
		  "those that do no harm are answered always"),
	NUMBER(ATTRIBUTE, "login_timeout", 1, 3600, "15",
	       "Seconds that a login may take, once it has named its target"),
	FLAG(ATTRIBUTE, "prod_mode_write_protect", "0", "1: initiators with ACL may not write either"),
	NUMBER_NOTE(ATTRIBUTE, IN_PART, "t10_pi", 0, 0, "0", "Protection information", NO_PI_NOTE),
	FLAG(ATTRIBUTE, "tpg_enabled_sendtargets", "1",
	     "1: discovery does not show the group while it is disabled"),

	WORDS(PARAMETER, "AuthMethod", auth_methods, "CHAP,None", "Ways to log in that are offered"),
	WORDS(PARAMETER, "DataDigest", digests, "CRC32C,None", "Digests of data that are agreed to"),
	YES_NO_NOTE(IN_PART, "DataPDUInOrder", "Yes", "PDUs of a sequence come in order",
		    "they go out in order in any case"),
	YES_NO_NOTE(IN_PART, "DataSequenceInOrder", "Yes", "Sequences come in order",
		    "they go out in order in any case"),
	NUMBER(PARAMETER, "DefaultTime2Retain", 0, 3600, "20",
	       "Seconds that tasks of a lost connection are kept"),
	NUMBER(PARAMETER, "DefaultTime2Wait", 0, 3600, "2",
	       "Seconds that an initiator waits to reconnect"),
	NUMBER_NOTE(PARAMETER, IN_PART, "ErrorRecoveryLevel", 0, 2, "0",
		    "Recovery within a session that is offered", LEVEL_NOTE),
	NUMBER(PARAMETER, "FirstBurstLength", 512, LENGTH_MAX, "65536",
	       "Bytes that may come unasked with a command"),
	WORDS(PARAMETER, "HeaderDigest", digests, "CRC32C,None",
	      "Digests of headers that are agreed to"),
	WORD_NOTE(PARAMETER, IN_PART, "IFMarkInt", reject, "Reject", "Markers, to the target",
		  MARKER_NOTE),
	YES_NO_NOTE(IN_PART, "IFMarker", "No", "Markers, to the target", MARKER_NOTE),
	YES_NO("ImmediateData", "Yes", "Data may come in the PDU of the command"),
	YES_NO("InitialR2T", "Yes", "Data comes only when it was asked for"),
	NUMBER(PARAMETER, "MaxBurstLength", 512, LENGTH_MAX, "262144",
	       "Bytes of one sequence of data PDUs"),
	NUMBER_NOTE(PARAMETER, IN_PART, "MaxConnections", 1, 65535, "1", "Connections of one session",
		    "a session has one connection"),
	NUMBER(PARAMETER, "MaxOutstandingR2T", 1, 65535, "1",
	       "Requests for data at a time for one command"),
	NUMBER(PARAMETER, "MaxRecvDataSegmentLength", 512, LENGTH_MAX, "8192",
	       "Bytes of data in one PDU to the target"),
	NUMBER(PARAMETER, "MaxXmitDataSegmentLength", 512, LENGTH_MAX, "262144",
	       "Bytes of one Data-In PDU, if the initiator takes as many"),
	WORD_NOTE(PARAMETER, IN_PART, "OFMarkInt", reject, "Reject", "Markers, from the target",
		  MARKER_NOTE),
	YES_NO_NOTE(IN_PART, "OFMarker", "No", "Markers, from the target", MARKER_NOTE),
	TEXT(PARAMETER, CONFIG_OPTIONAL, "TargetAlias", 255,
	     "A name of the target for people, which initiators are told"),

	CHAP("chap_", AUTH, "initiators", "this target"),
};

static const struct config_attr acl[] = {
	TEXT(OBJECT, CONFIG_OPTIONAL, "tag", 63, "A name that several initiators share"),

	NETWORKS("Addresses from which this initiator may log in; empty: those of the group"),
	NUMBER(ATTRIBUTE, "authentication", -1, 1, "-1",
	       "1: log in with CHAP; 0: without, also where the group asks for it; -1: as the group says"),
	NUMBER(ATTRIBUTE, "dataout_timeout", 2, 60, "3",
	       "Seconds in which more of the data that was asked for comes"),
	NUMBER(ATTRIBUTE, "dataout_timeout_retries", 1, 15, "5",
	       "So many such times may pass before the connection is given up"),
	NUMBER_NOTE(ATTRIBUTE, IN_PART, "default_erl", 0, 2, "0", "ErrorRecoveryLevel that is offered",
		    LEVEL_NOTE),
	NUMBER(ATTRIBUTE, "nopin_response_timeout", 3, 60, "30",
	       "Seconds in which a ping is answered; if it is not, the connection is given up"),
	NUMBER(ATTRIBUTE, "nopin_timeout", 0, 60, "15",
	       "Seconds of quiet after which the initiator is pinged; 0: never"),
	FLAG_NOTE(ATTRIBUTE, NO_EFFECT, "random_datain_pdu_offsets", "0", "1: data PDUs out of order",
		  ORDER_NOTE),
	FLAG_NOTE(ATTRIBUTE, NO_EFFECT, "random_datain_seq_offsets", "0", "1: sequences out of order",
		  ORDER_NOTE),
	FLAG_NOTE(ATTRIBUTE, NO_EFFECT, "random_r2t_offsets", "0",
		  "1: data is asked for out of order", ORDER_NOTE),

	CHAP("chap_", AUTH, "this initiator", "its target"),
};

#define ALIAS                                                                                        \
	{.name = "alias", .group = CONFIG_OBJECT, .form = CONFIG_FORM_TEXT, .max = 63,               \
	 .effect = CONFIG_NO_EFFECT, .flags = CONFIG_FIXED, .standard = "",                          \
	 .help = "Ten letters by which the link is known", .note = ALIAS_NOTE}

static const struct config_attr mapped_lun[] = {
	ALIAS,
	TRUTH(OBJECT, 0, "write_protect", "False", "This initiator may not write"),
};

static const struct config_attr lun[] = {
	ALIAS,
	{.name = "alua_tg_pt_gp_name", .group = CONFIG_OBJECT, .form = CONFIG_FORM_TEXT, .max = 63,
	 .effect = CONFIG_NO_EFFECT, .standard = "default_tg_pt_gp",
	 .help = "The group of ports with one access state",
	 .note = "such groups belong to configfs: all ports are active/optimized"},
};

static const struct config_attr portal[] = {
	TRUTH_NOTE(OBJECT, NO_EFFECT, 0, "iser", "False", "iSCSI over RDMA", RDMA_NOTE),
	TRUTH_NOTE(OBJECT, NO_EFFECT, 0, "offload", "False", "iSCSI in the network card", RDMA_NOTE),
	FORMED(ATTRIBUTE, CONFIG_OURS | CONFIG_OPTIONAL, ADDRESS, "advertise",
	       "What discovery tells instead of this address, when there is translation between"),
};
/* clang-format on */

const struct config_attr_table config_target_tables[CONFIG_KINDS] = {
	[CONFIG_ISCSI] = CONFIG_TABLE(discovery), [CONFIG_TARGET] = CONFIG_TABLE(target),
	[CONFIG_TPG] = CONFIG_TABLE(tpg),         [CONFIG_ACL] = CONFIG_TABLE(acl),
	[CONFIG_LUN] = CONFIG_TABLE(lun),         [CONFIG_MAPPED_LUN] = CONFIG_TABLE(mapped_lun),
	[CONFIG_PORTAL] = CONFIG_TABLE(portal),
};

/* SPDX-License-Identifier: BSD-2-Clause */
#include "records/rows.h"

#include <string.h>

#define NODE     RECORD_IN(RECORD_NODE)
#define ST       RECORD_IN(RECORD_SENDTARGETS)
#define ISNS     RECORD_IN(RECORD_ISNS)
#define IFACE    RECORD_IN(RECORD_IFACE)
#define BOTH     (NODE | IFACE)
#define DISC     (ST | ISNS)
#define BIG      INT32_MAX
#define DAY      86400
#define SEGMENT  16777215 /* lengths on the wire have 24 bits, RFC 7143 11.7.5 */
#define OPTIONAL (RECORD_OPTIONAL | RECORD_OURS)
#define CARD     "it is for a network card with an initiator of its own"
#define MARKERS  "markers are obsolete (RFC 7143 13.25)"
#define TEXT_MAX 255

static const char *const startups[] = {"manual", "automatic", "onboot", NULL};
static const char *const disc_startups[] = {"manual", "automatic", NULL};
static const char *const yes_no[] = {"No", "Yes", NULL};
static const char *const auth_methods[] = {"None", "CHAP", NULL};
static const char *const scans[] = {"manual", "auto", NULL};
static const char *const digests[] = {"None", "CRC32C", "CRC32C,None", "None,CRC32C", NULL};
static const char *const algorithms[] = {"MD5", "SHA1", "SHA256", "SHA3-256", NULL};
static const char *const types[] = {"sendtargets", "isns", "offload_send_targets", "slp", "static",
				    "fw",          NULL};
static const char *const node_types[] = {
	"send_targets", "isns", "offload_send_targets", "slp", "static", "fw", NULL};
static const char *const outages[] = {"auto", "timeout", "wait", "fail", NULL};
static const char *const vias[] = {"auto", "kernel", "ublk", "nbd", "fuse", "nbd-socket", NULL};

#define TEXT(kinds, group, name, effect, flags, standard, help, note)                              \
	{                                                                                          \
		name, kinds, group, RECORD_TEXT, effect, flags, 0, TEXT_MAX, NULL, standard, help, \
			note                                                                       \
	}
#define FORM(kinds, group, name, form, effect, flags, standard, help, note)                      \
	{                                                                                        \
		name, kinds, group, form, effect, flags, 0, TEXT_MAX, NULL, standard, help, note \
	}
#define NUMBER(kinds, group, name, min, max, standard, effect, flags, help, note)                 \
	{                                                                                         \
		name, kinds, group, RECORD_NUMBER, effect, flags, min, max, NULL, standard, help, \
			note                                                                      \
	}
#define WORD(kinds, group, name, choices, standard, effect, flags, help, note)                 \
	{                                                                                      \
		name, kinds, group, RECORD_WORD, effect, flags, 0, 0, choices, standard, help, \
			note                                                                   \
	}
#define WORDS(kinds, group, name, choices, standard, effect, help, note)                         \
	{                                                                                        \
		name, kinds, group, RECORD_WORDS, effect, 0, 0, 0, choices, standard, help, note \
	}

/* Of a card: texts that are empty, and numbers that are 0. */
#define CARD_TEXT(name, flags, help) \
	TEXT(BOTH, RECORD_CARD, "iface." name, RECORD_NO_EFFECT, flags, "", help, CARD)
#define CARD_NUMBER(name, max, flags, help) \
	NUMBER(BOTH, RECORD_CARD, "iface." name, 0, max, "0", RECORD_NO_EFFECT, flags, help, CARD)

/* The seconds of a time. */
#define TIME(kinds, name, min, standard, effect, help, note) \
	NUMBER(kinds, RECORD_TIMES, name, min, DAY, standard, effect, 0, help, note)

/* A row for each account's parts; `who` is "node.session" or "discovery.sendtargets". */
#define ACCOUNT(kinds, who)                                                                        \
	WORD(kinds, RECORD_AUTH, who ".auth.authmethod", auth_methods, "None", RECORD_OBEYED, 0,   \
	     "whether we say who we are", NULL),                                                   \
		TEXT(kinds, RECORD_AUTH, who ".auth.username", RECORD_OBEYED, 0, "", "who we are", \
		     NULL),                                                                        \
		FORM(kinds, RECORD_AUTH, who ".auth.password", RECORD_SECRET, RECORD_OBEYED, 0,    \
		     "", "our secret", NULL),                                                      \
		FORM(kinds, RECORD_AUTH, who ".auth.password_file", RECORD_PATH, RECORD_OBEYED,    \
		     OPTIONAL, "", "a file with our secret, in place of it", NULL),                \
		FORM(kinds, RECORD_AUTH, who ".auth.password_key", RECORD_TEXT, RECORD_OBEYED,     \
		     OPTIONAL, "", "our secret in the kernel's keyring: the name of a user key",   \
		     NULL),                                                                        \
		NUMBER(kinds, RECORD_AUTH, who ".auth.password_length", 0, TEXT_MAX, "0",          \
		       RECORD_KEPT, RECORD_HIDDEN,                                                 \
		       "the length of our secret, which follows from it", NULL),                   \
		TEXT(kinds, RECORD_AUTH, who ".auth.username_in", RECORD_OBEYED, 0, "",            \
		     "who the target has to prove to be", NULL),                                   \
		FORM(kinds, RECORD_AUTH, who ".auth.password_in", RECORD_SECRET, RECORD_OBEYED, 0, \
		     "", "the target's secret", NULL),                                             \
		FORM(kinds, RECORD_AUTH, who ".auth.password_in_file", RECORD_PATH, RECORD_OBEYED, \
		     OPTIONAL, "", "a file with the target's secret, in place of it", NULL),       \
		FORM(kinds, RECORD_AUTH, who ".auth.password_in_key", RECORD_TEXT, RECORD_OBEYED,  \
		     OPTIONAL, "",                                                                 \
		     "the target's secret in the kernel's keyring: the name of a user key", NULL), \
		NUMBER(kinds, RECORD_AUTH, who ".auth.password_in_length", 0, TEXT_MAX, "0",       \
		       RECORD_KEPT, RECORD_HIDDEN,                                                 \
		       "the length of the target's secret, which follows from it", NULL),          \
		WORDS(kinds, RECORD_AUTH, "node.session.auth.chap_algs", algorithms, "MD5",        \
		      RECORD_OBEYED, "what may be computed from the secrets", NULL)

/* clang-format off */
const struct record_row record_rows[] = {
	FORM(NODE, RECORD_IDENTITY, "node.name", RECORD_ISCSI_NAME, RECORD_OBEYED, RECORD_LOOKUP, "",
	     "the target", NULL),
	NUMBER(NODE, RECORD_IDENTITY, "node.tpgt", -1, 65535, "-1", RECORD_OBEYED, RECORD_LOOKUP,
	       "the tag of the portal's group; -1: any", NULL),
	WORD(NODE, RECORD_STARTUP, "node.startup", startups, "manual", RECORD_OBEYED, 0,
	     "whether the daemon logs in when it starts", NULL),
	WORD(NODE, RECORD_STARTUP, "node.leading_login", yes_no, "No", RECORD_OBEYED, 0,
	     "one session with the target is enough: those by other ifaces are left out", NULL),

	FORM(BOTH, RECORD_FROM, "iface.iscsi_ifacename", RECORD_LABEL, RECORD_OBEYED, RECORD_LOOKUP, "default",
	     "the iface", NULL),
	TEXT(BOTH, RECORD_FROM, "iface.net_ifacename", RECORD_OBEYED, 0, "",
	     "the network interface that connections go out by", NULL),
	FORM(BOTH, RECORD_FROM, "iface.ipaddress", RECORD_HOST, RECORD_OBEYED, 0, "",
	     "the address that connections come from", NULL),
	CARD_NUMBER("prefix_len", 128, 0, "the length of the network's prefix"),
	TEXT(BOTH, RECORD_FROM, "iface.hwaddress", RECORD_NO_EFFECT, 0, "",
	     "the hardware address of the interface", "name the interface by iface.net_ifacename"),
	TEXT(BOTH, RECORD_FROM, "iface.transport_name", RECORD_IN_PART, 0, "tcp",
	     "what carries iSCSI", "only tcp: others are not logged in by"),
	FORM(BOTH, RECORD_FROM, "iface.initiatorname", RECORD_ISCSI_NAME, RECORD_OBEYED, 0, "",
	     "our name, in place of the one in initiatorname.iscsi", NULL),
	CARD_TEXT("state", 0, "enable or disable"),
	CARD_NUMBER("vlan_id", 65535, 0, "the virtual network"),
	CARD_NUMBER("vlan_priority", 255, 0, "priority in the virtual network"),
	CARD_TEXT("vlan_state", 0, "enable or disable"),
	CARD_NUMBER("iface_num", BIG, 0, "the number of the interface on the card"),
	CARD_NUMBER("mtu", 65535, 0, "the largest packet"),
	CARD_NUMBER("port", 65535, 0, "the TCP port"),
	CARD_TEXT("bootproto", RECORD_V4, "static or dhcp"),
	CARD_TEXT("subnet_mask", RECORD_V4, "the network's mask"),
	CARD_TEXT("gateway", RECORD_V4, "the router"),
	CARD_TEXT("dhcp_alt_client_id_state", RECORD_V4, "enable or disable"),
	CARD_TEXT("dhcp_alt_client_id", RECORD_V4, "the client's name for DHCP"),
	CARD_TEXT("dhcp_dns", RECORD_V4, "enable or disable"),
	CARD_TEXT("dhcp_learn_iqn", RECORD_V4, "enable or disable"),
	CARD_TEXT("dhcp_req_vendor_id_state", RECORD_V4, "enable or disable"),
	CARD_TEXT("dhcp_vendor_id_state", RECORD_V4, "enable or disable"),
	CARD_TEXT("dhcp_vendor_id", RECORD_V4, "the vendor's name for DHCP"),
	CARD_TEXT("dhcp_slp_da", RECORD_V4, "enable or disable"),
	CARD_TEXT("fragmentation", RECORD_V4, "enable or disable"),
	CARD_TEXT("gratuitous_arp", RECORD_V4, "enable or disable"),
	CARD_TEXT("incoming_forwarding", RECORD_V4, "enable or disable"),
	CARD_TEXT("tos_state", RECORD_V4, "enable or disable"),
	CARD_NUMBER("tos", 255, RECORD_V4, "the type of service"),
	CARD_NUMBER("ttl", 255, RECORD_V4, "the time to live"),
	CARD_TEXT("ipv6_autocfg", RECORD_V6, "nd, dhcpv6 or disable"),
	CARD_TEXT("linklocal_autocfg", RECORD_V6, "auto or off"),
	CARD_TEXT("router_autocfg", RECORD_V6, "auto or off"),
	CARD_TEXT("ipv6_linklocal", RECORD_V6, "the link-local address"),
	CARD_TEXT("ipv6_router", RECORD_V6, "the router"),
	CARD_NUMBER("dup_addr_detect_cnt", 255, RECORD_V6, "probes for an address that is taken"),
	CARD_NUMBER("flow_label", UINT32_MAX, RECORD_V6, "the flow label"),
	CARD_TEXT("gratuitous_neighbor_adv", RECORD_V6, "enable or disable"),
	CARD_NUMBER("hop_limit", 255, RECORD_V6, "the hop limit"),
	CARD_TEXT("mld", RECORD_V6, "enable or disable"),
	CARD_NUMBER("nd_reachable_tmo", UINT32_MAX, RECORD_V6, "how long a neighbour counts as reachable"),
	CARD_NUMBER("nd_rexmit_time", UINT32_MAX, RECORD_V6, "between two neighbour solicitations"),
	CARD_NUMBER("nd_stale_tmo", UINT32_MAX, RECORD_V6, "how long a neighbour is remembered"),
	CARD_NUMBER("router_adv_link_mtu", UINT32_MAX, RECORD_V6, "the MTU in router advertisements"),
	CARD_NUMBER("traffic_class", 255, RECORD_V6, "the traffic class"),
	CARD_TEXT("delayed_ack", 0, "enable or disable"),
	CARD_TEXT("tcp_nagle", 0, "enable or disable"),
	CARD_TEXT("tcp_wsf_state", 0, "enable or disable"),
	CARD_NUMBER("tcp_wsf", 255, 0, "the factor of TCP's window"),
	CARD_NUMBER("tcp_timer_scale", 255, 0, "the scale of TCP's timers"),
	CARD_TEXT("tcp_timestamp", 0, "enable or disable"),
	CARD_TEXT("redirect", 0, "enable or disable"),
	CARD_NUMBER("def_task_mgmt_timeout", 65535, 0, "the time for task management"),
	CARD_TEXT("header_digest", 0, "enable or disable"),
	CARD_TEXT("data_digest", 0, "enable or disable"),
	CARD_TEXT("immediate_data", 0, "enable or disable"),
	CARD_TEXT("initial_r2t", 0, "enable or disable"),
	CARD_TEXT("data_seq_inorder", 0, "enable or disable"),
	CARD_TEXT("data_pdu_inorder", 0, "enable or disable"),
	CARD_NUMBER("erl", 255, 0, "the error recovery level"),
	CARD_NUMBER("max_receive_data_len", UINT32_MAX, 0, "data in one PDU to us"),
	CARD_NUMBER("first_burst_len", UINT32_MAX, 0, "data that may come unasked"),
	CARD_NUMBER("max_outstanding_r2t", 65535, 0, "requests for data at a time"),
	CARD_NUMBER("max_burst_len", UINT32_MAX, 0, "data in one sequence"),
	CARD_TEXT("chap_auth", 0, "enable or disable"),
	CARD_TEXT("bidi_chap", 0, "enable or disable"),
	CARD_TEXT("strict_login_compliance", 0, "enable or disable"),
	CARD_TEXT("discovery_auth", 0, "enable or disable"),
	CARD_TEXT("discovery_logout", 0, "enable or disable"),

	FORM(NODE, RECORD_IDENTITY, "node.discovery_address", RECORD_HOST, RECORD_OBEYED,
	     RECORD_LOOKUP | RECORD_DISCOVERED, "", "who told of the target", NULL),
	NUMBER(NODE, RECORD_IDENTITY, "node.discovery_port", 0, 65535, "0", RECORD_OBEYED,
	       RECORD_LOOKUP | RECORD_DISCOVERED, "the port of who told of it", NULL),
	WORD(NODE, RECORD_IDENTITY, "node.discovery_type", node_types, "static", RECORD_OBEYED,
	     RECORD_LOOKUP | RECORD_DISCOVERED, "how the record came to be", NULL),
	NUMBER(NODE, RECORD_STARTUP, "node.boot_lun", 0, BIG, "", RECORD_KEPT, RECORD_OPTIONAL,
	       "the LUN that firmware boots from", NULL),
	NUMBER(NODE, RECORD_NEGOTIATION, "node.session.initial_cmdsn", 0, UINT32_MAX, "0", RECORD_NO_EFFECT, 0,
	       "the first CmdSN", "any number does, and we choose"),
	NUMBER(NODE, RECORD_STARTUP, "node.session.initial_login_retry_max", 0, BIG, "8", RECORD_OBEYED, 0,
	       "how often a first login that got no answer is tried again", NULL),
	NUMBER(NODE, RECORD_QUEUES, "node.session.xmit_thread_priority", -20, 19, "-20", RECORD_NO_EFFECT, 0,
	       "the priority of the thread that sends", "there is no such thread"),
	NUMBER(NODE, RECORD_QUEUES, "node.session.cmds_max", 2, 2048, "128", RECORD_OBEYED, 0,
	       "commands at a time in the session", NULL),
	NUMBER(NODE, RECORD_QUEUES, "node.session.queue_depth", 1, 1024, "32", RECORD_OBEYED, 0,
	       "commands at a time for one LUN", NULL),
	NUMBER(NODE, RECORD_STARTUP, "node.session.nr_sessions", 1, 64, "1", RECORD_IN_PART, 0,
	       "sessions by this record", "one"),
	ACCOUNT(NODE, "node.session"),
	NUMBER(NODE, RECORD_TIMES, "node.session.timeo.replacement_timeout", -1, BIG, "120", RECORD_OBEYED, 0,
	       "how long I/O waits for a lost session, in seconds; 0: not at all; -1: for ever", NULL),
	TIME(NODE, "node.session.err_timeo.abort_timeout", 0, "15", RECORD_OBEYED,
	     "an ABORT TASK is answered within this", NULL),
	TIME(NODE, "node.session.err_timeo.lu_reset_timeout", 0, "30", RECORD_OBEYED,
	     "a LOGICAL UNIT RESET is answered within this", NULL),
	TIME(NODE, "node.session.err_timeo.tgt_reset_timeout", 0, "30", RECORD_OBEYED,
	     "a TARGET RESET is answered within this", NULL),
	TIME(NODE, "node.session.err_timeo.host_reset_timeout", 0, "60", RECORD_OBEYED,
	     "the session is back within this, or its commands have failed", NULL),
	WORD(NODE, RECORD_NEGOTIATION, "node.session.iscsi.FastAbort", yes_no, "Yes", RECORD_KEPT, 0,
	     "data that was asked for is not sent any more after a LOGICAL UNIT RESET", NULL),
	WORD(NODE, RECORD_NEGOTIATION, "node.session.iscsi.InitialR2T", yes_no, "No", RECORD_OBEYED, 0,
	     "data goes out only when asked for", NULL),
	WORD(NODE, RECORD_NEGOTIATION, "node.session.iscsi.ImmediateData", yes_no, "Yes", RECORD_OBEYED, 0,
	     "data may go out with its command", NULL),
	NUMBER(NODE, RECORD_NEGOTIATION, "node.session.iscsi.FirstBurstLength", 512, SEGMENT, "262144",
	       RECORD_OBEYED, 0, "bytes that may go out unasked", NULL),
	NUMBER(NODE, RECORD_NEGOTIATION, "node.session.iscsi.MaxBurstLength", 512, SEGMENT, "16776192",
	       RECORD_OBEYED, 0, "bytes in one sequence", NULL),
	NUMBER(NODE, RECORD_NEGOTIATION, "node.session.iscsi.DefaultTime2Retain", 0, 3600, "0", RECORD_OBEYED, 0,
	       "seconds that tasks are kept for a lost connection", NULL),
	NUMBER(NODE, RECORD_NEGOTIATION, "node.session.iscsi.DefaultTime2Wait", 0, 3600, "2", RECORD_OBEYED, 0,
	       "seconds before a lost connection may come back", NULL),
	NUMBER(NODE, RECORD_NEGOTIATION, "node.session.iscsi.MaxConnections", 1, 65535, "1", RECORD_IN_PART, 0,
	       "connections of the session", "one"),
	NUMBER(NODE, RECORD_NEGOTIATION, "node.session.iscsi.MaxOutstandingR2T", 1, 65535, "1", RECORD_OBEYED, 0,
	       "requests for data at a time for one command", NULL),
	NUMBER(NODE, RECORD_NEGOTIATION, "node.session.iscsi.ERL", 0, 2, "0", RECORD_IN_PART, 0,
	       "the error recovery level", "0"),
	WORD(NODE, RECORD_STARTUP, "node.session.scan", scans, "auto", RECORD_OBEYED, 0,
	     "whether all LUNs become devices, or only those that are asked for", NULL),
	NUMBER(NODE, RECORD_TIMES, "node.session.reopen_max", 0, BIG, "0", RECORD_OBEYED, 0,
	       "how often a lost session is tried for; 0: without end", NULL),
	NUMBER(NODE, RECORD_TIMES, "node.session.sess_reopen_log_freq", 0, BIG, "", RECORD_KEPT, RECORD_OPTIONAL,
	       "how many of those attempts there are for a line in the log", NULL),

	FORM(NODE, RECORD_IDENTITY, "node.conn[0].address", RECORD_HOST, RECORD_OBEYED, RECORD_LOOKUP, "",
	     "the portal's address", NULL),
	NUMBER(NODE, RECORD_IDENTITY, "node.conn[0].port", 1, 65535, "3260", RECORD_OBEYED, RECORD_LOOKUP,
	       "the portal's port", NULL),
	WORD(NODE, RECORD_STARTUP, "node.conn[0].startup", startups, "manual", RECORD_KEPT, 0,
	     "as node.startup", NULL),
	NUMBER(NODE, RECORD_TCP, "node.conn[0].tcp.window_size", 0, BIG, "524288", RECORD_OBEYED, 0,
	       "bytes of the socket's buffers; 0: as the system has them", NULL),
	NUMBER(NODE, RECORD_TCP, "node.conn[0].tcp.type_of_service", 0, 255, "0", RECORD_OBEYED, 0,
	       "the type of service (IPv6: traffic class) of our packets", NULL),
	TEXT(NODE, RECORD_TCP, "node.conn[0].tcp.congestion_control", RECORD_KEPT, RECORD_OPTIONAL, "",
	     "the way to control congestion", NULL),
	TIME(NODE, "node.conn[0].timeo.logout_timeout", 1, "15", RECORD_OBEYED,
	     "a logout is answered within this", NULL),
	TIME(NODE, "node.conn[0].timeo.login_timeout", 1, "15", RECORD_OBEYED,
	     "connecting takes no longer than this, and a login no longer", NULL),
	TIME(NODE, "node.conn[0].timeo.auth_timeout", 0, "45", RECORD_NO_EFFECT,
	     "authentication takes no longer than this", "it is a part of the login, which has its own time"),
	TIME(NODE, "node.conn[0].timeo.noop_out_interval", 0, "5", RECORD_OBEYED,
	     "a connection this quiet is pinged; 0: never", NULL),
	TIME(NODE, "node.conn[0].timeo.noop_out_timeout", 0, "5", RECORD_OBEYED,
	     "a ping is answered within this; 0: never pinged", NULL),
	NUMBER(NODE, RECORD_NEGOTIATION, "node.conn[0].iscsi.MaxXmitDataSegmentLength", 0, SEGMENT, "0",
	       RECORD_OBEYED, 0, "data in one PDU to the target; 0: as much as it takes", NULL),
	NUMBER(NODE, RECORD_NEGOTIATION, "node.conn[0].iscsi.MaxRecvDataSegmentLength", 512, SEGMENT, "262144",
	       RECORD_OBEYED, 0, "data in one PDU to us", NULL),
	WORD(NODE, RECORD_NEGOTIATION, "node.conn[0].iscsi.HeaderDigest", digests, "None", RECORD_OBEYED, 0,
	     "checksums of headers, in order of preference", NULL),
	WORD(NODE, RECORD_NEGOTIATION, "node.conn[0].iscsi.DataDigest", digests, "None", RECORD_OBEYED, 0,
	     "checksums of data, in order of preference", NULL),
	WORD(NODE, RECORD_NEGOTIATION, "node.conn[0].iscsi.IFMarker", yes_no, "No", RECORD_NO_EFFECT, 0,
	     "markers to us", MARKERS),
	WORD(NODE, RECORD_NEGOTIATION, "node.conn[0].iscsi.OFMarker", yes_no, "No", RECORD_NO_EFFECT, 0,
	     "markers to the target", MARKERS),

	WORD(NODE, RECORD_TIMES, "node.lunar.outage", outages, "auto", RECORD_OBEYED, OPTIONAL,
	     "I/O while the session is lost: wait for ever, fail at once, or as replacement_timeout says; auto: "
	     "for ever while that is 120 and the disk has one path, else as it says", NULL),
	WORD(NODE, RECORD_STARTUP, "node.lunar.via", vias, "auto", RECORD_OBEYED, OPTIONAL,
	     "what makes a device of a LUN", NULL),
	FORM(NODE, RECORD_STARTUP, "node.lunar.luns", RECORD_LUNS, RECORD_OBEYED, OPTIONAL, "",
	     "LUNs that become devices; none: as node.session.scan says", NULL),
	FORM(NODE, RECORD_STARTUP, "node.lunar.attach", RECORD_LUNS_OR_ALL, RECORD_OBEYED, OPTIONAL, "",
	     "LUNs that are attached whenever a session shows them; all: those that become devices", NULL),
	FORM(NODE, RECORD_IDENTITY, "node.lunar.owner", RECORD_LABEL, RECORD_KEPT, OPTIONAL, "",
	     "the program that made the record", NULL),

	WORD(DISC, RECORD_STARTUP, "discovery.startup", disc_startups, "manual", RECORD_KEPT, 0,
	     "whether targets are asked for when the daemon starts", NULL),
	WORD(DISC, RECORD_IDENTITY, "discovery.type", types, "sendtargets", RECORD_OBEYED, RECORD_LOOKUP,
	     "how targets are asked for", NULL),
	FORM(DISC, RECORD_IDENTITY, "discovery.sendtargets.address", RECORD_HOST, RECORD_OBEYED, RECORD_LOOKUP, "",
	     "who is asked", NULL),
	NUMBER(DISC, RECORD_IDENTITY, "discovery.sendtargets.port", 1, 65535, "3260", RECORD_OBEYED,
	       RECORD_LOOKUP, "the port of who is asked", NULL),
	WORD(ISNS, RECORD_ASKING, "discovery.isns.use_discoveryd", yes_no, "No", RECORD_NO_EFFECT, 0,
	     "ask again and again", "name servers are not asked"),
	NUMBER(ISNS, RECORD_ASKING, "discovery.isns.discoveryd_poll_inval", -1, DAY, "-1", RECORD_NO_EFFECT, 0,
	       "seconds between two times", "name servers are not asked"),
	ACCOUNT(ST, "discovery.sendtargets"),
	TIME(ST, "discovery.sendtargets.timeo.login_timeout", 1, "15", RECORD_OBEYED,
	     "connecting takes no longer than this, and a login no longer", NULL),
	WORD(ST, RECORD_ASKING, "discovery.sendtargets.use_discoveryd", yes_no, "No", RECORD_OBEYED, 0,
	     "ask again and again", NULL),
	NUMBER(ST, RECORD_ASKING, "discovery.sendtargets.discoveryd_poll_inval", 1, DAY, "30", RECORD_OBEYED, 0,
	       "seconds between two times", NULL),
	NUMBER(ST, RECORD_TIMES, "discovery.sendtargets.reopen_max", 0, BIG, "5", RECORD_OBEYED, 0,
	       "how often a login that got no answer is tried again", NULL),
	TIME(ST, "discovery.sendtargets.timeo.auth_timeout", 0, "45", RECORD_NO_EFFECT,
	     "authentication takes no longer than this", "it is a part of the login, which has its own time"),
	TIME(ST, "discovery.sendtargets.timeo.active_timeout", 1, "30", RECORD_OBEYED,
	     "the answer takes no longer than this", NULL),
	NUMBER(ST, RECORD_NEGOTIATION, "discovery.sendtargets.iscsi.MaxRecvDataSegmentLength", 512, SEGMENT,
	       "32768", RECORD_OBEYED, 0, "data in one PDU to us", NULL),
};
/* clang-format on */

const size_t record_row_count = ARRAY_SIZE(record_rows);

static bool is_row(size_t at, enum record_kind kind, const char *name)
{
	return (record_rows[at].kinds & RECORD_IN(kind)) && !strcmp(record_rows[at].name, name);
}

size_t record_row_find(enum record_kind kind, const char *name, size_t from)
{
	for (size_t i = 0; i < record_row_count; i++) {
		size_t at = (from + i) % record_row_count;
		if (is_row(at, kind, name))
			return at;
	}
	return record_row_count;
}

const char *record_group_name(enum record_group group)
{
	static const char *const names[RECORD_GROUPS] = {
		[RECORD_IDENTITY] = "what it is",
		[RECORD_STARTUP] = "logging in",
		[RECORD_AUTH] = "authentication",
		[RECORD_TIMES] = "times",
		[RECORD_QUEUES] = "queues",
		[RECORD_NEGOTIATION] = "negotiation",
		[RECORD_TCP] = "TCP",
		[RECORD_FROM] = "from where",
		[RECORD_CARD] = "network cards",
		[RECORD_ASKING] = "asking",
	};
	return names[group];
}

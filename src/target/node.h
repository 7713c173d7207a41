/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may be logged in to, by whom, and where: target nodes, their portal groups, the portals of these, and
 * access control lists.
 *
 *   target_node    an iSCSI target node; its SCSI device has the nexuses and the LUN maps
 *   target_group   a target portal group, known by its tag: options, an account, and a LUN map for those who
 *                  have no ACL ("demo mode"), if they may come
 *   target_acl     an initiator's: its account, LUN map and queue depth, in one portal group
 *
 * All calls on home's thread, at any time, with sessions on any reactor. A login looks at the configuration from
 * its own thread, under a lock that home holds for a change only (a few assignments), and takes copies; when it
 * asks for its session home judges once more, so a login that was under way during a change is let in by what is
 * so then, or not at all. Sessions that are there keep what they negotiated and how they proved who they are:
 * changes of options, accounts, parameters and networks count for the next login, the times of an ACL at once.
 *
 * What is taken away ends its sessions: they are asked to log out (RFC 7143 11.9.1, event 1), dropped after
 * `seconds`, or at once with 0, and `done` (may be NULL) is called, not from inside, when nothing of them is
 * left; -ENOMEM, and nothing has happened. That is bounded in time, whatever the stores do, and other sessions do not notice. From the call on
 * nobody can log in there, and the handle is not to be used any more (but for target_group_disable()).
 *
 * Names are valid and normal (iscsi/names.h). 0 or -errno: -ENOMEM, and what stands with each.
 */
#ifndef LUNAR_TARGET_NODE_H
#define LUNAR_TARGET_NODE_H

#include "target/target.h"

#define TARGET_NETWORKS_MAX 64

struct target_group;
struct target_acl;

/* --- nodes */

/* Without portal groups: nobody can log in yet. -EEXIST, -EINVAL. */
int target_node_new(struct target_node **out, struct target *t, const char *name,
		    const char *alias);
struct target_node *target_node_find(struct target *t, const char *name);
/* With its groups and ACLs. The LUs are the caller's: scsi_lu_retire() says when they are free. */
int target_node_delete(struct target_node *node, uint32_t seconds, void (*done)(void *ctx),
		       void *ctx);

/* --- portal groups */

/* Disabled, with the options all off, no portals, an empty map. Tags are above 0: -EINVAL, -EEXIST. */
int target_group_new(struct target_group **out, struct target_node *node, uint16_t tag);
struct target_group *target_group_find(struct target_node *node, uint16_t tag);
void target_group_enable(struct target_group *group);
int target_group_disable(struct target_group *group, uint32_t seconds, void (*done)(void *ctx),
			 void *ctx);
int target_group_delete(struct target_group *group, uint32_t seconds, void (*done)(void *ctx),
			void *ctx);
/* What those see who have no ACL. */
struct scsi_map *target_group_map(struct target_group *group);

/* As LIO has them. */
struct target_group_options {
	bool generate_node_acls;      /* who has no ACL may log in, too */
	bool demo_mode_write_protect; /* ... and reads only */
	bool demo_mode_hidden;        /* ... and is not shown it by SendTargets */
	bool discovery_disabled;      /* SendTargets shows the group while it is disabled */
	bool authentication; /* CHAP is asked for: by the ACL's account; of who has none, the group's */
	bool chap_only;      /* AuthMethod=CHAP: likewise */
	uint32_t depth;      /* CmdSN window of whose ACL has none of its own; 0: max_commands */
	uint32_t
		login_timeout; /* seconds, once a login has named the target; 0: as the limit says */
};
void target_group_set_options(struct target_group *group,
			      const struct target_group_options *options);
/* The account of those without an ACL; `auth` may be NULL: there is none. -EINVAL as target_set_discovery_auth(). */
int target_group_set_auth(struct target_group *group, const struct target_auth *auth);

/* What is negotiated (RFC 7143 13). */
struct target_params {
	uint32_t max_recv_data_segment_length, max_burst_length, first_burst_length;
	uint32_t max_xmit_data_segment_length; /* of a Data-In; 0: as much as an initiator takes */
	uint32_t max_outstanding_r2t, default_time2wait, default_time2retain;
	bool initial_r2t, immediate_data;
	char header_digest[CONFIG_TEXT_SIZE], data_digest[CONFIG_TEXT_SIZE];
	char alias[256]; /* TargetAlias, UTF-8; "": that of the node, if it has one */
};
/* As config_limits has it: what a new group begins with. */
void target_params_from(struct target_params *params, const struct config_limits *limits);
/* -EINVAL: FirstBurstLength above MaxBurstLength. Ranges are config's to check. */
int target_group_set_params(struct target_group *group, const struct target_params *params);

/* --- who may come from where */

struct target_network {
	struct net_addr addr;
	uint8_t bits; /* of the prefix */
};
bool target_network_has(const struct target_network *net, const struct net_addr *addr);
/* None: from everywhere. -E2BIG. */
int target_group_set_networks(struct target_group *group, const struct target_network *nets,
			      size_t count);
int target_acl_set_networks(struct target_acl *acl, const struct target_network *nets,
			    size_t count);

/* --- portals of a group */

/*
 * The group can be reached at this address; with a wildcard, at every one of its family with that port. One
 * address may be that of groups of many nodes: it is listened at once, for all, from the first to the last
 * (and longer where target_listen() has asked for it); a wildcard that is listened at serves the addresses
 * under it. `advertise` is what SendTargets says instead, "host[:port]" (NAT, containers), or NULL. -EEXIST: it
 * is the address of this or another group of the node; -EINVAL: port 0, or an odd `advertise`; or what listening
 * says.
 */
int target_group_add_portal(struct target_group *group, const struct net_addr *addr,
			    const char *advertise);
/* Sessions by this portal stay. -ENOENT. */
int target_group_remove_portal(struct target_group *group, const struct net_addr *addr);

/* --- ACLs */

/* Without an account, with an empty map. -EEXIST, -EINVAL. */
int target_acl_new(struct target_acl **out, struct target_group *group, const char *initiator);
struct target_acl *target_acl_find(struct target_group *group, const char *initiator);
int target_acl_delete(struct target_acl *acl, uint32_t seconds, void (*done)(void *ctx), void *ctx);
struct scsi_map *target_acl_map(struct target_acl *acl);
int target_acl_set_auth(struct target_acl *acl, const struct target_auth *auth);
/* The CmdSN window of its sessions, never above max_commands; 0: as the group's options say. */
void target_acl_set_depth(struct target_acl *acl, uint32_t depth);

enum target_authentication {
	TARGET_AUTH_AS_GROUP = -1, /* what the options of the group say */
	TARGET_AUTH_NONE,          /* without CHAP, whatever they say */
	TARGET_AUTH_CHAP,
};
/* As LIO has them. */
struct target_acl_options {
	enum target_authentication authentication;
	/* Seconds, as the limits of the same names; of sessions that are there, too. */
	uint32_t data_out_timeout, nopin_interval, nopin_timeout;
};
/* As config_limits has it: what a new ACL begins with. */
void target_acl_options_from(struct target_acl_options *options,
			     const struct config_limits *limits);
void target_acl_set_options(struct target_acl *acl, const struct target_acl_options *options);

/* --- why, or why not */

struct target_verdict {
	bool allowed;
	uint16_t status;      /* of a Login Response, when it is not */
	uint16_t tag;         /* of the portal group that was looked at; 0: none */
	bool has_acl;         /* its own; else it is demo mode */
	bool chap;            /* it has to prove that it is `user` ... */
	char user[256];       /* "": no account */
	bool mutual;          /* ... and may have us prove who we are */
	bool readonly;        /* demo_mode_write_protect */
	uint32_t depth;       /* commands in its window */
	struct scsi_map *map; /* the LUNs: scsi_map_walk(); NULL when it is not allowed */
	char why[768];        /* the rule, in a sentence; safe to print */
};
/* May `initiator`, from the address `from`, log in to the node by the portal at `portal`? The same judgement as
 * that of a login. */
void target_explain(struct target *t, const char *initiator, const char *node,
		    const struct net_addr *from, const struct net_addr *portal,
		    struct target_verdict *out);

#endif

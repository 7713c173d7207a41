/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operations of an administrator, each inside of a transaction (txn.h): verified against the tree, then
 * done as one change or several, or refused with nothing changed.
 *
 * They return 0, or -errno with txn->why, a line for people: in targetcli's words where scripts may compare
 * them, else with object, operation, cause and remedy. What targetcli prints when it has done the same is
 * appended to txn->said. Arguments that are texts are as they were typed; NULL is one that was not given.
 *
 * What only the machine knows is not verified here: whether a file exists and how large it is, whether an
 * address can be listened on. The runtime does that when it is told of the change, and refuses in its own
 * words or tells the size with config_set_found().
 */
#ifndef LUNAR_CONFIG_EDIT_H
#define LUNAR_CONFIG_EDIT_H

#include "config/txn.h"

/* Of targetcli's global preferences, those that change what a command does; and what the tree cannot know
 * by itself. */
struct config_prefs {
	bool auto_add_default_portal; /* a group is made with 0.0.0.0:3260 */
	bool auto_add_mapped_luns;    /* ACLs see all LUNs */
	bool auto_enable_tpgt;        /* a group is made enabled */
	bool model_alias;             /* export_backstore_name_as_model */
	const char *iqn_prefix; /* of names we make: "iqn.2003-01.org.linux-iscsi.host.x8664" */
	void (*random)(void *ctx, void *out, size_t len);
	void *ctx;
	/* What config_wants_look() names can become, as whoever asked the machine says: CONFIG_BLOCK, CONFIG_FILEIO;
	 * else nothing. */
	enum config_kind found;
};

struct config_backstore_args {
	const char *name;
	const char *dev;  /* file or device */
	const char *size; /* "10G" */
	const char *wwn;  /* NULL: a random one */
	const char *write_back, *sparse, *readonly, *nullio, *exclusive, *aio; /* "true", ... */
};

/* Of what is typed where a backstore is named: whether it is a path of the machine, which makes a backstore
 * of what is there. */
bool config_wants_look(const struct config_tree *tree, const char *backstore);
/* `out` may be NULL. */
int config_create_backstore(struct config_txn *txn, const struct config_prefs *prefs,
			    enum config_kind kind, const struct config_backstore_args *args,
			    struct config_node **out);
/* "Created fileio disk0 with size 67108864", when the runtime knows the size: after config_txn_run(). */
void config_say_created(struct config_txn *txn, const struct config_node *backstore,
			const struct config_backstore_args *args);
/* With the LUNs that show it and what is mapped to those. */
int config_delete_backstore(struct config_txn *txn, struct config_node *backstore);
/* -EINVAL when it gets smaller, which loses data, unless `force`. */
int config_resize(struct config_txn *txn, struct config_node *backstore, const char *size,
		  bool force);
/* The runtime has found a size for a backstore that has none: part of the configuration, but no change that
 * anybody has asked for. 0 or -ENOMEM. */
int config_set_found(struct config_node *backstore, uint64_t size);

/* With the group tpg1. NULL: a random name. */
int config_create_target(struct config_txn *txn, const struct config_prefs *prefs, const char *wwn,
			 struct config_node **out);
int config_delete_target(struct config_txn *txn, struct config_node *target);
/* NULL: the lowest tag that is free. */
int config_create_tpg(struct config_txn *txn, const struct config_prefs *prefs,
		      struct config_node *target, const char *tag, struct config_node **out);
int config_delete_tpg(struct config_txn *txn, struct config_node *tpg);
int config_enable_tpg(struct config_txn *txn, struct config_node *tpg, bool enable);

/* NULL: 0.0.0.0; NULL: 3260. An IPv6 address with or without brackets. */
int config_create_portal(struct config_txn *txn, struct config_node *tpg, const char *address,
			 const char *port, struct config_node **out);
int config_delete_portal(struct config_txn *txn, struct config_node *tpg, const char *address,
			 const char *port);

/* enable_iser and enable_offload ("iSER", "offload"): there is neither. */
int config_enable_transport(struct config_txn *txn, struct config_node *portal,
			    const char *transport, const char *enable);

/* `backstore` is a path in the tree, or one of the machine, of a block device or an image, which becomes a
 * backstore that is called as the path is: "srv-iscsi-vm1.img"; `lun`: "7", "lun7", NULL: the lowest that is free; `map`: "true",
 * "false", NULL: as auto_add_mapped_luns says. */
int config_create_lun(struct config_txn *txn, const struct config_prefs *prefs,
		      struct config_node *tpg, const char *backstore, const char *lun,
		      const char *map, struct config_node **out);
int config_delete_lun(struct config_txn *txn, struct config_node *tpg, const char *lun);

int config_create_acl(struct config_txn *txn, const struct config_prefs *prefs,
		      struct config_node *tpg, const char *wwn, const char *map,
		      struct config_node **out);
int config_delete_acl(struct config_txn *txn, struct config_node *acl);
/* Gives a tag to the ACL of this name, or to all that have this tag. Who joins others of the tag sees the LUNs
 * that they see, by their users and attributes. */
int config_tag_acl(struct config_txn *txn, const struct config_prefs *prefs,
		   struct config_node *tpg, const char *wwn_or_tag, const char *tag);
int config_untag_acl(struct config_txn *txn, struct config_node *tpg, const char *wwn_or_tag);
/* `lun`: the number of a LUN of the group, or a backstore as above, of which a LUN is made if there is none. */
int config_create_mapped_lun(struct config_txn *txn, const struct config_prefs *prefs,
			     struct config_node *acl, const char *mapped_lun, const char *lun,
			     const char *write_protect, struct config_node **out);
int config_delete_mapped_lun(struct config_txn *txn, struct config_node *acl,
			     const char *mapped_lun);

/* `set GROUP name=value` on any object. */
int config_set(struct config_txn *txn, struct config_node *node, const char *group,
	       const char *name, const char *value);
/* All objects. */
int config_clear(struct config_txn *txn);

#endif

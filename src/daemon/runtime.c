/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a change of the tree to orders. What belongs to one change is a deed: its orders go out at once, for they
 * are carried out one after the other, and when all are answered it is done, with the first error that came.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "daemon/daemon.h"
#include "daemon/runtime_fill.h"

/* Seconds in which initiators may log out when what they use is taken away. */
#define LOGOUT_TIME 2
/* Changes of a transaction without an answer. */
#define AT_A_TIME 64

struct deed {
	struct daemon *d;
	struct config_node *node;
	unsigned left; /* orders without an answer, and one until all were given */
	int err;
	char why[ORDER_WHY_SIZE];
	/* What is to be noted here when it is over, before others hear of it. NULL: nothing. */
	void (*settle)(struct deed *deed);
	enum runtime_how how;
	struct disk *disk;
	struct bs_allocation allocation;
	bool was_there; /* the disk, before this */
	struct net_addr addr;
	runtime_done *done;
	void *ctx;
};

/* --- deeds */

static struct deed *deed_new(struct daemon *d, struct config_node *node, runtime_done *done,
			     void *ctx)
{
	struct deed *deed = calloc(1, sizeof(*deed));
	if (!deed) {
		done(ctx, -ENOMEM, "no memory");
		return NULL;
	}
	*deed = (struct deed){.d = d, .node = node, .left = 1, .done = done, .ctx = ctx};
	return deed;
}

static void deed_fail(struct deed *deed, int err, const char *why)
{
	/* What could not be brought up need not be taken down. */
	if (deed->err || (deed->how == RUNTIME_REMOVE && err == -ENOENT))
		return;
	deed->err = err;
	snprintf(deed->why, sizeof(deed->why), "%s", why);
}

static void deed_step(struct deed *deed)
{
	if (--deed->left)
		return;
	if (deed->settle)
		deed->settle(deed);
	runtime_done *done = deed->done;
	void *ctx = deed->ctx;
	int err = deed->err;
	char why[ORDER_WHY_SIZE];
	memcpy(why, deed->why, sizeof(why));
	if (!err && deed->how != RUNTIME_REMOVE && deed->node->pending)
		config_set_pending(deed->node, NULL);
	free(deed);
	done(ctx, err, why);
}

static void answered(struct errand_out *e, int err, const char *why)
{
	struct deed *deed = e->ctx;
	explicit_bzero(&e->order, sizeof(e->order));
	free(e);
	if (err)
		deed_fail(deed, err, why);
	deed_step(deed);
}

/* An order about the deed's node. NULL: there is no memory, and the deed has failed. */
static struct errand_out *order_new(struct deed *deed, enum order_kind kind)
{
	struct errand_out *e = calloc(1, sizeof(*e));
	if (!e) {
		deed_fail(deed, -ENOMEM, "no memory");
		return NULL;
	}
	e->file = -1;
	e->done = answered;
	e->ctx = deed;
	e->order.kind = kind;
	e->order.seconds = LOGOUT_TIME;
	fill_place(&e->order, deed->node);
	return e;
}

static void give(struct deed *deed, struct errand_out *e)
{
	deed->left++;
	courier_send(&deed->d->courier, e);
}

static void give_simple(struct deed *deed, enum order_kind kind)
{
	struct errand_out *e = order_new(deed, kind);
	if (e)
		give(deed, e);
}

static void give_flag(struct deed *deed, enum order_kind kind, bool flag)
{
	struct errand_out *e = order_new(deed, kind);
	if (!e)
		return;
	e->order.flag = flag;
	give(deed, e);
}

/* --- backstores */

static void disk_made(struct deed *deed)
{
	struct daemon *d = deed->d;
	struct config_node *node = deed->node;
	/* What was there before stays for the next process. */
	if (deed->err && !(deed->was_there && deed->err == -ECANCELED)) {
		node->runtime = NULL;
		disk_close(d, deed->disk);
		return;
	}
	if (deed->err)
		return;
	disk_handed_over(d, deed->disk);
	if (node->pending)
		runtime_disk_came(d, node);
}

static void hand_over(struct deed *deed)
{
	char why[ORDER_WHY_SIZE] = "";
	/* LUNs of it may be told of at once: orders are carried out one after the other. */
	deed->node->runtime = deed->disk;
	struct errand_out *e = order_new(deed, ORDER_LU_ADD);
	if (!e)
		return;
	int err = disk_order(deed->d, deed->disk, &e->order, &e->file, why, sizeof(why));
	if (!err)
		err = store_open(deed->d, deed->disk, &e->store, why, sizeof(why));
	e->borrows = true;
	e->order.disk.keeps = deed->disk->keeps;
	e->order.disk.has_store = e->store >= 0;
	if (err) {
		free(e);
		deed_fail(deed, err, why);
		return;
	}
	give(deed, e);
}

static void allocated(struct bs_allocation *a, int err, const char *why)
{
	struct deed *deed = container_of(a, struct deed, allocation);
	if (err)
		deed_fail(deed, err, why);
	else
		hand_over(deed);
	deed_step(deed);
}

static void give_disk(struct deed *deed, struct disk *disk)
{
	deed->disk = disk;
	deed->settle = disk_made;
	if (!disk_wants_room(disk)) {
		hand_over(deed);
		return;
	}
	deed->left++;
	bs_allocate(&deed->allocation, disk->bs, allocated);
}

static void disk_is_open(void *ctx, struct disk *disk, int err, const char *why)
{
	struct deed *deed = ctx;
	if (err)
		deed_fail(deed, err, why);
	else
		give_disk(deed, disk);
	deed_step(deed);
}

static void make_disk(struct deed *deed)
{
	struct disk *disk = deed->node->runtime;
	/* The process that had it alone has gone. */
	if (disk && !disk_is_at_hand(disk)) {
		disk_close(deed->d, disk);
		deed->node->runtime = disk = NULL;
	}
	deed->was_there = disk;
	if (disk) {
		give_disk(deed, disk);
		return;
	}
	deed->left++;
	disk_open_node(deed->d, deed->node, deed->how == RUNTIME_NEW, disk_is_open, deed);
}

static void disk_unmade(struct deed *deed)
{
	disk_forget(deed->d, deed->disk);
	disk_close(deed->d, deed->disk);
	deed->node->runtime = NULL;
}

static void unmake_disk(struct deed *deed)
{
	disk_forget_opening(deed->d, deed->node);
	struct disk *disk = deed->node->runtime;
	struct errand_out *e = disk ? order_new(deed, ORDER_LU_REMOVE) : NULL;
	if (!disk)
		disk_forget_node(deed->d, deed->node);
	if (!e)
		return;
	e->order.lu = disk->number;
	deed->disk = disk;
	deed->settle = disk_unmade;
	give(deed, e);
}

/* --- LUNs */

/* NULL: its disk is pending. */
static const struct disk *disk_of(const struct config_node *lun)
{
	const struct config_node *n = lun->kind == CONFIG_MAPPED_LUN ? lun->ref : lun;
	return n->ref->runtime;
}

static bool is_readonly(const struct config_node *lun)
{
	const struct config_node *tpg = config_above(lun, CONFIG_TPG);
	if (lun->kind != CONFIG_MAPPED_LUN)
		return false; /* demo mode has an option of its own */
	return config_true(lun, CONFIG_OBJECT, "write_protect") ||
	       config_true(tpg, CONFIG_ATTRIBUTE, "prod_mode_write_protect");
}

static void make_lun(struct deed *deed)
{
	const struct disk *disk = disk_of(deed->node);
	struct errand_out *e = disk ? order_new(deed, ORDER_MAP_ADD) : NULL;
	if (!e)
		return;
	e->order.lu = disk->number;
	e->order.flag = is_readonly(deed->node);
	give(deed, e);
}

static void unmake_lun(struct deed *deed)
{
	if (disk_of(deed->node))
		give_simple(deed, ORDER_MAP_REMOVE);
}

/* --- targets, groups, ACLs */

static void make_target(struct deed *deed)
{
	give_simple(deed, ORDER_NODE_ADD);
}

static void unmake_target(struct deed *deed)
{
	give_simple(deed, ORDER_NODE_REMOVE);
}

static void set_group(struct deed *deed, const struct fill_instead *instead)
{
	struct errand_out *e = order_new(deed, ORDER_GROUP_SET);
	if (!e)
		return;
	int err = fill_group(&e->order.group, deed->node, instead, deed->why, sizeof(deed->why));
	if (err) {
		free(e);
		deed->err = err;
		return;
	}
	give(deed, e);
}

static void make_group(struct deed *deed)
{
	give_simple(deed, ORDER_GROUP_ADD);
	set_group(deed, NULL);
	if (config_true(deed->node, CONFIG_OBJECT, "enable"))
		give_flag(deed, ORDER_GROUP_ENABLE, true);
}

static void unmake_group(struct deed *deed)
{
	give_simple(deed, ORDER_GROUP_REMOVE);
}

static void set_acl(struct deed *deed, const struct fill_instead *instead)
{
	struct errand_out *e = order_new(deed, ORDER_ACL_SET);
	if (!e)
		return;
	int err = fill_acl(&e->order.acl, deed->node, instead, deed->why, sizeof(deed->why));
	if (err) {
		free(e);
		deed->err = err;
		return;
	}
	give(deed, e);
}

static void make_acl(struct deed *deed)
{
	give_simple(deed, ORDER_ACL_ADD);
	set_acl(deed, NULL);
}

static void unmake_acl(struct deed *deed)
{
	give_simple(deed, ORDER_ACL_REMOVE);
}

/* --- portals */

static void portal_made(struct deed *deed)
{
	struct daemon *d = deed->d;
	struct errand_out *e;
	if (!deed->err || !listener_remove(d, &deed->addr) || !(e = calloc(1, sizeof(*e))))
		return;
	e->file = -1;
	e->done = courier_forget;
	e->order = (struct order){.kind = ORDER_UNLISTEN, .addr = deed->addr};
	courier_send(&d->courier, e);
}

static void give_portal(struct deed *deed, enum order_kind kind, const char *advertise)
{
	struct errand_out *e = order_new(deed, kind);
	if (!e)
		return;
	e->order.addr = deed->addr;
	snprintf(e->order.text, sizeof(e->order.text), "%s", advertise);
	give(deed, e);
}

static const char *advertise_of(const struct config_node *portal)
{
	return config_value(portal, CONFIG_ATTRIBUTE, "advertise");
}

static bool find_address(struct deed *deed)
{
	int err = net_addr_parse(&deed->addr, deed->node->name, 3260);
	if (err)
		deed_fail(deed, err, "its address cannot be read");
	return !err;
}

static void make_portal(struct deed *deed)
{
	char why[ORDER_WHY_SIZE];
	int file;
	if (!find_address(deed))
		return;
	int err = listener_add(deed->d, &deed->addr, &file, why, sizeof(why));
	if (err) {
		deed_fail(deed, err, why);
		return;
	}
	deed->settle = portal_made;
	if (file >= 0) {
		struct errand_out *e = order_new(deed, ORDER_LISTEN);
		if (!e) {
			close(file);
			return;
		}
		e->file = file;
		give(deed, e);
	}
	give_portal(deed, ORDER_PORTAL_ADD, advertise_of(deed->node));
}

static void unmake_portal(struct deed *deed)
{
	if (!find_address(deed))
		return;
	give_portal(deed, ORDER_PORTAL_REMOVE, "");
	struct errand_out *e =
		listener_remove(deed->d, &deed->addr) ? order_new(deed, ORDER_UNLISTEN) : NULL;
	if (!e)
		return;
	/* The next change may be to listen there again: it comes when both processes have let go. */
	e->order.addr = deed->addr;
	give(deed, e);
}

/* --- objects */

static const struct {
	void (*make)(struct deed *deed), (*unmake)(struct deed *deed);
} objects[CONFIG_KINDS] = {
	[CONFIG_BLOCK] = {make_disk, unmake_disk},
	[CONFIG_FILEIO] = {make_disk, unmake_disk},
	[CONFIG_RAMDISK] = {make_disk, unmake_disk},
	[CONFIG_TARGET] = {make_target, unmake_target},
	[CONFIG_TPG] = {make_group, unmake_group},
	[CONFIG_LUN] = {make_lun, unmake_lun},
	[CONFIG_MAPPED_LUN] = {make_lun, unmake_lun},
	[CONFIG_ACL] = {make_acl, unmake_acl},
	[CONFIG_PORTAL] = {make_portal, unmake_portal},
};

void runtime_object(struct daemon *d, struct config_node *node, enum runtime_how how,
		    runtime_done *done, void *ctx)
{
	void (*run)(struct deed *) =
		how == RUNTIME_REMOVE ? objects[node->kind].unmake : objects[node->kind].make;
	struct deed *deed = deed_new(d, node, done, ctx);
	if (!deed)
		return;
	deed->how = how;
	if (run)
		run(deed);
	deed_step(deed);
}

/* --- values */

static void portal_value(struct deed *deed, const struct config_attr *attr, const char *value)
{
	if (attr->group != CONFIG_ATTRIBUTE || !find_address(deed))
		return;
	give_portal(deed, ORDER_PORTAL_REMOVE, "");
	give_portal(deed, ORDER_PORTAL_ADD, value);
}

/* What the ACLs of the group see; what has write_protect itself has it in any case. */
static void protect_all(struct deed *deed, bool all)
{
	list_for_each (a, &config_part(deed->node, CONFIG_ACLS)->children) {
		list_for_each (it, &list_entry(a, struct config_node, sibling)->children) {
			const struct config_node *lun = list_entry(it, struct config_node, sibling);
			struct errand_out *e =
				disk_of(lun) ? order_new(deed, ORDER_MAP_READONLY) : NULL;
			if (!e)
				continue;
			fill_place(&e->order, lun);
			e->order.flag = all || config_true(lun, CONFIG_OBJECT, "write_protect");
			give(deed, e);
		}
	}
}

static void group_value(struct deed *deed, const struct config_attr *attr, const char *value)
{
	struct fill_instead instead = {attr, value};
	if (attr->group == CONFIG_OBJECT)
		give_flag(deed, ORDER_GROUP_ENABLE, !strcmp(value, "True"));
	else
		set_group(deed, &instead);
	if (attr->group == CONFIG_ATTRIBUTE && !strcmp(attr->name, "prod_mode_write_protect"))
		protect_all(deed, value[0] == '1');
}

static void acl_value(struct deed *deed, const struct config_attr *attr, const char *value)
{
	struct fill_instead instead = {attr, value};
	set_acl(deed, &instead);
}

static void mapped_value(struct deed *deed, const struct config_attr *attr, const char *value)
{
	const struct config_node *tpg = config_above(deed->node, CONFIG_TPG);
	if (!disk_of(deed->node) || strcmp(attr->name, "write_protect") != 0)
		return;
	give_flag(deed, ORDER_MAP_READONLY,
		  !strcmp(value, "True") ||
			  config_true(tpg, CONFIG_ATTRIBUTE, "prod_mode_write_protect"));
}

static void discovery_value(struct deed *deed, const struct config_attr *attr, const char *value)
{
	struct fill_instead instead = {attr, value};
	struct errand_out *e = order_new(deed, ORDER_DISCOVERY);
	if (!e)
		return;
	e->order.flag = fill_discovery(&e->order.auth, deed->node, &instead);
	give(deed, e);
}

static void disk_attribute(struct deed *deed, const struct config_attr *attr, const char *value)
{
	const struct disk *disk = deed->node->runtime;
	struct fill_instead instead = {attr, value};
	bool format = !strcmp(attr->name, "block_size");
	struct errand_out *e = order_new(deed, format ? ORDER_LU_FORMAT : ORDER_LU_SET);
	if (!e)
		return;
	e->order.lu = disk->number;
	if (format)
		e->order.block_size = fill_block_size(disk, &instead);
	else
		fill_options(&e->order.options, deed->node, &instead);
	give(deed, e);
}

static void has_size(void *ctx, int err, const char *why)
{
	struct deed *deed = ctx;
	const struct disk *disk = deed->node->runtime;
	struct errand_out *e = err ? NULL : order_new(deed, ORDER_LU_RESIZE);
	if (err)
		deed_fail(deed, err, why);
	if (e) {
		e->order.lu = disk->number;
		e->order.size = disk->bs->size;
		e->order.flag = true; /* who asked for it was asked whether it may get smaller */
		give(deed, e);
	}
	deed_step(deed);
}

static void disk_value(struct deed *deed, const struct config_attr *attr, const char *value)
{
	struct disk *disk = deed->node->runtime;
	if (disk && attr->group == CONFIG_ATTRIBUTE)
		disk_attribute(deed, attr, value);
	if (!disk || attr->group != CONFIG_OBJECT || strcmp(attr->name, "size") != 0)
		return; /* it is obeyed when the disk is opened next */
	deed->left++;
	disk_resize(deed->d, disk, strtoull(value, NULL, 10), has_size, deed);
}

static void (*const values[CONFIG_KINDS])(struct deed *deed, const struct config_attr *attr,
					  const char *value) = {
	[CONFIG_BLOCK] = disk_value,        [CONFIG_FILEIO] = disk_value,
	[CONFIG_RAMDISK] = disk_value,      [CONFIG_ISCSI] = discovery_value,
	[CONFIG_TPG] = group_value,         [CONFIG_ACL] = acl_value,
	[CONFIG_MAPPED_LUN] = mapped_value, [CONFIG_PORTAL] = portal_value,
};

void runtime_value(struct daemon *d, struct config_node *node, const struct config_attr *attr,
		   const char *instead, runtime_done *done, void *ctx)
{
	struct deed *deed = deed_new(d, node, done, ctx);
	if (!deed)
		return;
	if (values[node->kind])
		values[node->kind](deed, attr, instead ? instead : config_get(node, attr));
	deed_step(deed);
}

/* --- a disk that came late */

static void lun_came(void *ctx, int err, const char *why)
{
	struct daemon *d = ctx;
	if (err)
		log_error(d->log, "a LUN of a disk that came: %s", why);
}

void runtime_disk_came(struct daemon *d, struct config_node *backstore)
{
	char path[CONFIG_PATH_SIZE];
	log_info(d->log, "%s is there now", config_path(backstore, path));
	list_for_each (it, &backstore->users) {
		struct config_node *lun = list_entry(it, struct config_node, use);
		runtime_object(d, lun, RUNTIME_AGAIN, lun_came, d);
		list_for_each (mapped, &lun->users)
			runtime_object(d, list_entry(mapped, struct config_node, use), false,
				       lun_came, d);
	}
}

/* --- transactions */

static void go_on(void *ctx, int err, const char *why)
{
	const struct config_change *change = ctx;
	const struct config_txn *txn = change->txn;
	struct config_why reason = {""};
	if (err && !txn->back && txn->waits && change->verb == CONFIG_CREATE &&
	    pending_may_come(change->node, err)) {
		err = config_set_pending(change->node, why);
		pending_wait(txn->ctx);
	}
	snprintf(reason.text, sizeof(reason.text), "%s", why);
	config_txn_answer(change, err, &reason);
}

static int apply(void *ctx, struct config_txn *txn, const struct config_change *change, bool back,
		 struct config_why *why)
{
	struct daemon *d = ctx;
	if (d->handover.phase >= HANDOVER_DRAIN)
		return config_refuse(why, EBUSY,
				     "The daemon is being handed over to its successor; try again "
				     "in a moment");
	if (d->bringing_up)
		return config_refuse(
			why, EBUSY,
			"The daemon is bringing up its configuration; try again when it "
			"has: `lunar status` shows that");
	switch (change->verb) {
	case CONFIG_CREATE:
		runtime_object(d, change->node,
			       back         ? RUNTIME_REMOVE
			       : txn->waits ? RUNTIME_AGAIN
					    : RUNTIME_NEW,
			       go_on, (void *)change);
		break;
	case CONFIG_DELETE:
		runtime_object(d, change->node, back ? RUNTIME_AGAIN : RUNTIME_REMOVE, go_on,
			       (void *)change);
		break;
	case CONFIG_SET:
		runtime_value(d, change->node, change->attr, back ? change->before : change->after,
			      go_on, (void *)change);
		break;
	}
	return CONFIG_LATER;
}

const struct config_runtime daemon_runtime = {apply, AT_A_TIME};

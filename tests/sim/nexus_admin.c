/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The target's administrator in the world of nexus.h. The host with paths has an ACL, with an account, and without it
 * what all others see ("demo mode"): by either its disks have numbers that change. The other hosts have ACLs, and
 * numbers that stay. Each change is undone some time later. What a configuration file would hold outlives the
 * target's process; that a group is disabled does not.
 */
#include <stdio.h>
#include <string.h>
#include "nexus.h"
#include "scsi/lu.h"
#include "target/node.h"

#define NOWHERE  -1
#define GROW_MAX 20

static void over(void *ctx)
{
	bool *under_way = ctx;
	*under_way = false;
}

/* What the host with paths sees. NULL: nothing, just now. */
static struct scsi_map *map_of(const struct nexus_admin *a, enum nexus_map m)
{
	if (m == MAP_OF_GROUP)
		return a->group ? target_group_map(a->group) : NULL;
	return a->acl ? target_acl_map(a->acl) : NULL;
}

static void show(struct nexus_world *w, enum nexus_map m, unsigned disk)
{
	struct nexus_admin *a = &w->admin;
	struct scsi_map *map = map_of(a, m);
	if (map && a->lun_of[m][disk] != NOWHERE &&
	    scsi_map_add(map, (uint16_t)a->lun_of[m][disk], w->lu[disk], false))
		wrong(w, "disk %u cannot be mapped", disk);
}

static void hide(struct nexus_world *w, enum nexus_map m, unsigned disk)
{
	struct nexus_admin *a = &w->admin;
	struct scsi_map *map = map_of(a, m);
	if (map && a->lun_of[m][disk] != NOWHERE &&
	    scsi_map_remove(map, (uint16_t)a->lun_of[m][disk]))
		wrong(w, "disk %u cannot be unmapped", disk);
}

/* --- changes */

static void say(const struct nexus_world *w, const char *what, int a, int b)
{
	if (w->verbose)
		fprintf(stderr, "%10.6f admin: %s %d %d\n", (double)sim_now(w->sim) / 1e9, what, a,
			b);
}

/* To a number that is free, or that of another disk, which gets its own. */
static void renumber(struct nexus_world *w, enum nexus_map m, unsigned disk, int number)
{
	int *lun_of = w->admin.lun_of[m], old = lun_of[disk];
	unsigned other = LUNS;
	say(w, "renumber", (int)disk, number);
	for (unsigned i = 0; i < LUNS; i++)
		if (i != disk && number != NOWHERE && lun_of[i] == number)
			other = i;
	hide(w, m, disk);
	if (other < LUNS) {
		hide(w, m, other);
		lun_of[other] = old;
		show(w, m, other);
	}
	lun_of[disk] = number;
	show(w, m, disk);
	w->result->n[N_REMAPS]++;
}

static void grow(struct nexus_world *w, unsigned disk)
{
	struct nexus_admin *a = &w->admin;
	if (a->grown[disk] >= GROW_MAX)
		return;
	a->grown[disk]++;
	say(w, "grow", (int)disk, (int)a->grown[disk]);
	if (sim_disk_resize(w->sim, nexus_disks[disk], nexus_disk_size(w, disk)) ||
	    scsi_lu_resized(w->lu[disk], nexus_disk_size(w, disk), false))
		wrong(w, "disk %u cannot grow", disk);
	w->result->n[N_RESIZES]++;
}

static int make_acl(struct nexus_world *w)
{
	struct nexus_admin *a = &w->admin;
	struct target_acl_options options;
	char secret[32];
	struct target_auth auth = {.user = NEXUS_USER, .secret = secret};
	int err = target_acl_new(&a->acl, a->group, NEXUS_PATHS_NAME);
	nexus_secret(w, secret, sizeof(secret));
	target_acl_options_from(&options, &w->limits);
	options.authentication = TARGET_AUTH_CHAP;
	if (!err)
		err = target_acl_set_auth(a->acl, &auth);
	if (err)
		return err;
	target_acl_set_options(a->acl, &options);
	for (unsigned i = 0; i < LUNS; i++)
		show(w, MAP_OF_ACL, i);
	return 0;
}

static void delete_acl(struct nexus_world *w)
{
	struct nexus_admin *a = &w->admin;
	if (!a->acl || a->acl_ends)
		return;
	say(w, "delete the ACL", 0, 0);
	a->acl_ends = true;
	if (target_acl_delete(a->acl, (uint32_t)below(w, 3), over, &a->acl_ends))
		wrong(w, "an ACL cannot be deleted");
	a->acl = NULL;
	w->result->n[N_ACLS]++;
}

static void disable(struct nexus_world *w)
{
	struct nexus_admin *a = &w->admin;
	if (a->disabled)
		return;
	say(w, "disable", 0, 0);
	a->disabled = a->group_ends = true;
	if (target_group_disable(a->group, (uint32_t)below(w, 3), over, &a->group_ends))
		wrong(w, "the group cannot be disabled");
	w->result->n[N_DISABLED]++;
}

static void undo(struct nexus_world *w)
{
	struct nexus_admin *a = &w->admin;
	if (a->disabled && !a->group_ends) {
		say(w, "enable", 0, 0);
		target_group_enable(a->group);
		a->disabled = false;
	}
	if (!a->acl && !a->acl_ends && make_acl(w))
		wrong(w, "an ACL cannot be made");
	for (unsigned m = 0; m < NEXUS_MAPS; m++)
		for (unsigned i = 0; i < LUNS; i++)
			if (a->lun_of[m][i] == NOWHERE)
				renumber(w, m, i, (int)(i + LUNS * below(w, NEXUS_NUMBERS / LUNS)));
}

void nexus_admin_act(struct nexus_world *w)
{
	const struct nexus_admin *a = &w->admin;
	unsigned disk = (unsigned)below(w, LUNS);
	enum nexus_map m = below(w, 2) ? MAP_OF_ACL : MAP_OF_GROUP;
	if (!w->up || !a->group)
		return;
	switch (below(w, 16)) {
	case 0: disable(w); break;
	case 1: delete_acl(w); break;
	case 2: grow(w, disk); break;
	case 3: renumber(w, m, disk, NOWHERE); break;
	case 4:
	case 5:
	case 6:
	case 7: renumber(w, m, disk, (int)below(w, NEXUS_NUMBERS)); break;
	case 8:
	case 9:
	case 10: renumber(w, m, disk, a->lun_of[m][LUNS - 1 - disk]); break;
	default: undo(w);
	}
}

bool nexus_admin_rest(struct nexus_world *w)
{
	const struct nexus_admin *a = &w->admin;
	if (!w->up || !a->group)
		return false;
	undo(w);
	/* By whatever session the host comes, it finds what it knows. */
	for (unsigned m = 0; m < NEXUS_MAPS; m++)
		for (unsigned i = 0; i < LUNS; i++)
			if (a->lun_of[m][i] != (int)i)
				renumber(w, m, i, (int)i);
	return !a->disabled && !a->group_ends && !a->acl_ends && a->acl;
}

/* --- what outlives the target's process, and what does not */

void nexus_secret(const struct nexus_world *w, char *out, size_t size)
{
	snprintf(out, size, "a secret, number %u", w->admin.secret);
}

void nexus_new_secret(struct nexus_world *w)
{
	char secret[32];
	struct target_auth auth = {.user = NEXUS_USER, .secret = secret};
	w->admin.secret++;
	nexus_secret(w, secret, sizeof(secret));
	if (w->up && w->admin.acl && target_acl_set_auth(w->admin.acl, &auth))
		wrong(w, "a secret cannot be changed");
}

uint64_t nexus_disk_size(const struct nexus_world *w, unsigned disk)
{
	return (BLOCKS + 8 * w->admin.grown[disk]) * MODEL_BLOCK;
}

void nexus_admin_init(struct nexus_world *w)
{
	for (unsigned m = 0; m < NEXUS_MAPS; m++)
		for (unsigned i = 0; i < LUNS; i++)
			w->admin.lun_of[m][i] = (int)(m ? LUNS - 1 - i : i);
}

/* An ACL with numbers that stay. */
static int open_host(struct nexus_world *w, unsigned host)
{
	struct target_acl *acl;
	char name[64];
	int err;
	nexus_host_name(host, name, sizeof(name));
	err = target_acl_new(&acl, w->admin.group, name);
	for (unsigned i = 0; i < LUNS && !err; i++)
		err = scsi_map_add(target_acl_map(acl), (uint16_t)i, w->lu[i], false);
	return err;
}

int nexus_admin_open(struct nexus_world *w)
{
	struct nexus_admin *a = &w->admin;
	int err = 0;
	a->group = target_group_find(w->node, 1);
	for (unsigned i = 0; i < HOSTS_MAX && !err; i++)
		err = open_host(w, i);
	for (unsigned i = 0; i < LUNS && !err; i++)
		show(w, MAP_OF_GROUP, i);
	return err ? err : make_acl(w);
}

void nexus_admin_forget(struct nexus_world *w)
{
	struct nexus_admin *a = &w->admin;
	a->group = NULL;
	a->acl = NULL;
	a->disabled = a->group_ends = a->acl_ends = false;
}

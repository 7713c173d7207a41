/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/commands.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
static const char *const confirm_words[] = {"True", NULL};
static const char *const session_words[] = {"list", "detail", NULL};
static const char *const bookmark_words[] = {"add", "del", "go", "show", NULL};
static const char *const disk_words[] = {"disk", NULL};

#define AT(k)       CONFIG_AT(CONFIG_##k)
#define EVERYWHERE  (CONFIG_AT(CONFIG_KINDS) - 1)
#define BACKSTORE   (AT(BLOCK) | AT(FILEIO) | AT(RAMDISK))
#define NEEDED(n, f, h)   {.name = n, .form = CONFIG_PARAM_##f, .needed = true, .help = h}
#define OPTION(n, f, h)   {.name = n, .form = CONFIG_PARAM_##f, .help = h}
#define CHOICE(n, w, r, h) {.name = n, .form = CONFIG_PARAM_WORD, .words = w, .needed = r, .help = h}

#define WWN      OPTION("wwn", TEXT, "the serial number that initiators tell disks apart by; else a new one")
#define READONLY OPTION("readonly", TRUTH, "true: nobody may write")
#define MAP      OPTION("add_mapped_luns", TRUTH, "false: no LUN is mapped to an ACL by itself")
#define SAVEFILE "a file; else the daemon's own"

/* By name, and of one name from the root down. */
static const struct config_command commands[] = {
	{"bookmarks", EVERYWHERE, 0, 0, "remember paths, and go to them",
	 {CHOICE("action", bookmark_words, true, "show, add, del or go"),
	  OPTION("bookmark", TEXT, "its name")}},
	{"cd", EVERYWHERE, 0, 0, "go to another object",
	 {OPTION("path", NODE, "where to; ..: the object above, -: the one before, @NAME: a bookmark")}},
	{"clearconfig", AT(ROOT), 0, 0, "delete all targets and all backstores; the disks' data stays",
	 {CHOICE("confirm", confirm_words, false, "True, or nothing is done")}},

	{"create", AT(ROOT) | AT(BACKSTORES), 0, CONFIG_COMMAND_OURS,
	 "make a disk image, and a backstore that is called as the image is",
	 {CHOICE("what", disk_words, true, "disk"),
	  NEEDED("image", FILE, "the file; it is made when there is none"),
	  OPTION("size", TEXT, "such as 10G; of a file that is there: as large as it is")}},
	{"create", AT(PLUGIN), CONFIG_BLOCK, 0, "make a backstore of a block device",
	 {NEEDED("name", TEXT, "how it is called here"),
	  NEEDED("dev", FILE, "the device: /dev/disk/by-id/... stays the same when disks are added"),
	  READONLY, WWN,
	  OPTION("exclusive", TRUTH, "nobody else on this machine may use the device: always so")}},
	{"create", AT(PLUGIN), CONFIG_FILEIO, 0, "make a backstore of a file",
	 {NEEDED("name", TEXT, "how it is called here"),
	  NEEDED("file_or_dev", FILE, "the file, which is made when there is none, or a block device"),
	  OPTION("size", TEXT, "such as 10G; needed for a file that is made"),
	  OPTION("write_back", TRUTH, "false: writes are durable before they are answered"),
	  OPTION("sparse", TRUTH, "false: a file that is made takes all its room at once"),
	  WWN, READONLY}},
	{"create", AT(PLUGIN), CONFIG_RAMDISK, 0, "make a backstore of memory, which forgets",
	 {NEEDED("name", TEXT, "how it is called here"),
	  OPTION("size", TEXT, "such as 1G"),
	  OPTION("nullio", TRUTH, "a disk that keeps nothing: refused"), WWN}},
	{"create", AT(ISCSI), 0, 0, "make a target, with its first portal group",
	 {OPTION("wwn", TEXT, "its iSCSI name, such as iqn.2026-11.org.example:name; else a new one")}},
	{"create", AT(TARGET), 0, 0, "make one more portal group",
	 {OPTION("tag", TEXT, "its number; else the lowest that is free")}},
	{"create", AT(ACLS), 0, 0, "let an initiator in",
	 {NEEDED("wwn", TEXT, "the initiator's name"), MAP}},
	{"create", AT(ACL), 0, 0, "show a LUN to this initiator",
	 {NEEDED("mapped_lun", TEXT, "the number under which the initiator sees it"),
	  NEEDED("tpg_lun_or_backstore", BACKSTORE, "the LUN of the group, or a backstore"),
	  OPTION("write_protect", TRUTH, "true: this initiator may not write")}},
	{"create", AT(LUNS), 0, 0, "make a LUN of a backstore",
	 {NEEDED("storage_object", BACKSTORE,
		 "the backstore's path: /backstores/fileio/disk0; of a device or an image, /dev/sdb, one is made"),
	  OPTION("lun", TEXT, "its number; else the lowest that is free"), MAP}},
	{"create", AT(PORTALS), 0, 0, "listen on one more address",
	 {OPTION("ip_address", TEXT, "IPv4 or IPv6; else all of IPv4's"),
	  OPTION("ip_port", TEXT, "else 3260")}},

	{"delete", AT(PLUGIN), 0, 0, "delete a backstore, its LUNs and what is mapped to them; its data stays",
	 {NEEDED("name", CHILD, "the backstore"),
	  OPTION("save", TRUTH, "no effect: what is saved is what saveconfig saves")}},
	{"delete", AT(ISCSI), 0, 0, "delete a target and all that is in it",
	 {NEEDED("wwn", CHILD, "the target")}},
	{"delete", AT(TARGET), 0, 0, "delete a portal group and all that is in it",
	 {NEEDED("tag", CHILD, "its number")}},
	{"delete", AT(ACLS), 0, 0, "let an initiator in no more", {NEEDED("wwn", CHILD, "the initiator")}},
	{"delete", AT(ACL), 0, 0, "hide a LUN from this initiator",
	 {NEEDED("mapped_lun", CHILD, "its number")}},
	{"delete", AT(LUNS), 0, 0, "delete a LUN and what is mapped to it",
	 {NEEDED("lun", CHILD, "its number")}},
	{"delete", AT(PORTALS), 0, 0, "listen on an address no more",
	 {NEEDED("ip_address", TEXT, "of the portal"), NEEDED("ip_port", TEXT, "of the portal")}},

	{"disable", AT(TPG), 0, 0, "let no initiator log in to this group any more", {{0}}},
	{"enable", AT(TPG), 0, 0, "let initiators log in to this group", {{0}}},
	{"enable_iser", AT(PORTAL), 0, 0, "no effect: there is no iSCSI over RDMA",
	 {NEEDED("boolean", TRUTH, "true or false")}},
	{"enable_offload", AT(PORTAL), 0, 0, "no effect: no network card does iSCSI for us",
	 {NEEDED("boolean", TRUTH, "true or false")}},
	{"exit", EVERYWHERE, 0, 0, "save, unless auto_save_on_exit is false, and leave", {{0}}},
	{"get", EVERYWHERE, 0, CONFIG_COMMAND_NAMES, "show what is set",
	 {OPTION("group", GROUP, "attribute, parameter, auth, discovery_auth or global")}},
	{"help", EVERYWHERE, 0, 0, "explain a command", {OPTION("topic", COMMAND, "a command")}},
	{"info", BACKSTORE | AT(ISCSI) | AT(TARGET) | AT(TPG) | AT(ACL) | AT(MAPPED_LUN) | AT(LUN) | AT(PORTAL),
	 0, 0, "show what the object is", {{0}}},
	{"log", AT(ROOT), 0, CONFIG_COMMAND_OURS | CONFIG_COMMAND_LEVELS,
	 "show what the daemon logs, or change it until its end", {{0}}},
	{"ls", EVERYWHERE, 0, 0, "show the objects below",
	 {OPTION("path", NODE, "where to begin"),
	  OPTION("depth", TEXT, "how far down; 0: all")}},
	{"pwd", EVERYWHERE, 0, 0, "show where you are", {{0}}},
	{"refresh", EVERYWHERE, 0, 0, "no effect: what is shown is never old", {{0}}},
	{"resize", AT(BLOCK) | AT(FILEIO), 0, CONFIG_COMMAND_OURS, "make the disk larger while it is in use",
	 {NEEDED("size", TEXT, "such as 20G"),
	  OPTION("force", TRUTH, "true: make it smaller, and lose what is past its end")}},
	{"restart", AT(ROOT), 0, CONFIG_COMMAND_OURS,
	 "the daemon goes on as the program that is installed now; initiators come back by themselves", {{0}}},
	{"restoreconfig", AT(ROOT), 0, 0, "add what a saved configuration has",
	 {OPTION("savefile", FILE, SAVEFILE),
	  OPTION("clear_existing", TRUTH, "true: instead of what there is"),
	  OPTION("target", TEXT, "this target only"),
	  OPTION("storage_object", TEXT, "this backstore only")}},
	{"saveconfig", AT(ROOT) | BACKSTORE, 0, 0, "save the configuration",
	 {OPTION("savefile", FILE, SAVEFILE)}},
	{"sessions", AT(ROOT), 0, 0, "show who is logged in",
	 {CHOICE("action", session_words, false, "list or detail"),
	  OPTION("sid", TEXT, "one session, by its number")}},
	{"set", EVERYWHERE, 0, CONFIG_COMMAND_VALUES, "set something",
	 {OPTION("group", GROUP, "attribute, parameter, auth, discovery_auth or global")}},
	{"status", EVERYWHERE, 0, 0, "show the object in one line", {{0}}},
	{"tag", AT(ACLS), 0, 0, "give an initiator one more name",
	 {NEEDED("wwn_or_tag", CHILD, "the initiator"), NEEDED("new_tag", TEXT, "the name")}},
	{"untag", AT(ACLS), 0, 0, "take that name away", {NEEDED("wwn_or_tag", CHILD, "the initiator")}},
	{"version", AT(ROOT) | AT(ISCSI) | BACKSTORE, 0, 0, "show the version", {{0}}},
};
/* clang-format on */

static const char *const kind_names[CONFIG_KINDS] = {
	[CONFIG_ROOT] = "root",       [CONFIG_BACKSTORES] = "backstores",
	[CONFIG_PLUGIN] = "plugin",   [CONFIG_BLOCK] = "block",
	[CONFIG_FILEIO] = "fileio",   [CONFIG_RAMDISK] = "ramdisk",
	[CONFIG_ISCSI] = "iscsi",     [CONFIG_TARGET] = "target",
	[CONFIG_TPG] = "tpg",         [CONFIG_ACLS] = "acls",
	[CONFIG_ACL] = "acl",         [CONFIG_MAPPED_LUN] = "mapped_lun",
	[CONFIG_LUNS] = "luns",       [CONFIG_LUN] = "lun",
	[CONFIG_PORTALS] = "portals", [CONFIG_PORTAL] = "portal",
};

const struct config_command *config_commands(size_t *count)
{
	*count = ARRAY_SIZE(commands);
	return commands;
}

bool config_command_at(const struct config_command *c, enum config_kind kind,
		       enum config_kind plugin)
{
	return c->kinds & CONFIG_AT(kind) &&
	       (kind != CONFIG_PLUGIN || c->plugin == CONFIG_ROOT || c->plugin == plugin);
}

const struct config_command *config_command_find(enum config_kind kind, enum config_kind plugin,
						 const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i].name, name) &&
		    config_command_at(&commands[i], kind, plugin))
			return &commands[i];
	}
	return NULL;
}

size_t config_param_count(const struct config_command *c)
{
	size_t n = 0;
	while (n < CONFIG_PARAMS_MAX && c->params[n].name)
		n++;
	return n;
}

const struct config_param *config_param_find(const struct config_command *c, const char *name)
{
	size_t count = config_param_count(c);
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(c->params[i].name, name))
			return &c->params[i];
	}
	return NULL;
}

char *config_command_syntax(const struct config_command *c, char *out, size_t size)
{
	size_t count = config_param_count(c);
	size_t len = (size_t)snprintf(out, size, "%s", c->name);
	for (size_t i = 0; i < count && len < size; i++) {
		const struct config_param *p = &c->params[i];
		len += (size_t)snprintf(out + len, size - len, p->needed ? " %s" : " [%s]",
					p->name);
	}
	if (c->flags & CONFIG_COMMAND_NAMES && len < size)
		snprintf(out + len, size - len, " [parameter...]");
	if (c->flags & CONFIG_COMMAND_VALUES && len < size)
		snprintf(out + len, size - len, " [parameter=value...]");
	if (c->flags & CONFIG_COMMAND_LEVELS && len < size)
		snprintf(out + len, size - len, " [level...]");
	return out;
}

const char *config_kind_name(enum config_kind kind)
{
	return kind_names[kind];
}

enum config_kind config_kind_find(const char *name)
{
	for (unsigned i = 0; i < CONFIG_KINDS; i++) {
		if (!strcmp(kind_names[i], name))
			return (enum config_kind)i;
	}
	return CONFIG_KINDS;
}

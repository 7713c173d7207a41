/* SPDX-License-Identifier: BSD-2-Clause */
/* tables NAME: one of the tables of docs/, as Markdown. */
#include <stdio.h>
#include <string.h>
#include "config/commands.h"
#include "daemon/admin.h"
#include "daemon/status.h"
#include "lunar/lunar.h"
#include "records/rows.h"

static const char *const places[CONFIG_KINDS] = {
	[CONFIG_ROOT] = "`/`",
	[CONFIG_BACKSTORES] = "`/backstores`",
	[CONFIG_PLUGIN] = "`/backstores/KIND`",
	[CONFIG_BLOCK] = "`/backstores/block/NAME`",
	[CONFIG_FILEIO] = "`/backstores/fileio/NAME`",
	[CONFIG_RAMDISK] = "`/backstores/ramdisk/NAME`",
	[CONFIG_ISCSI] = "`/iscsi`",
	[CONFIG_TARGET] = "`/iscsi/IQN`",
	[CONFIG_TPG] = "`/iscsi/IQN/tpgN`",
	[CONFIG_ACLS] = "`.../tpgN/acls`",
	[CONFIG_ACL] = "`.../acls/INITIATOR`",
	[CONFIG_MAPPED_LUN] = "`.../INITIATOR/mapped_lunN`",
	[CONFIG_LUNS] = "`.../tpgN/luns`",
	[CONFIG_LUN] = "`.../luns/lunN`",
	[CONFIG_PORTALS] = "`.../tpgN/portals`",
	[CONFIG_PORTAL] = "`.../portals/ADDRESS:PORT`",
};

/* ---- docs/control.md ---- */

static void print_method(const struct control_method *m)
{
	printf("| `%s` | %s | %s |\n", m->name, m->params, m->help);
}

static void methods(void)
{
	printf("| method | parameters | what it does |\n|---|---|---|\n");
	for (size_t i = 0; i < admin_method_count; i++)
		print_method(&admin_methods[i]);
	for (size_t i = 0; i < daemon_method_count; i++)
		print_method(&daemon_methods[i]);
}

/* ---- docs/targetcli.md ---- */

static void print_places(const struct config_command *c)
{
	const char *before = "";
	if (c->kinds == CONFIG_AT(CONFIG_KINDS) - 1) {
		printf("everywhere");
		return;
	}
	if (c->plugin) {
		printf("`/backstores/%s`", config_plugin_name(c->plugin));
		return;
	}
	for (unsigned k = 0; k < CONFIG_KINDS; k++) {
		if (!(c->kinds & CONFIG_AT(k)))
			continue;
		printf("%s%s", before, places[k]);
		before = " ";
	}
}

static void commands(void)
{
	size_t count;
	const struct config_command *all = config_commands(&count);
	printf("| command | at | what it does | in targetcli |\n|---|---|---|---|\n");
	for (size_t i = 0; i < count; i++) {
		char syntax[256];
		printf("| `%s` | ", config_command_syntax(&all[i], syntax, sizeof(syntax)));
		print_places(&all[i]);
		printf(" | %s | %s |\n", all[i].help,
		       all[i].flags & CONFIG_COMMAND_OURS ? "no" : "yes");
	}
}

/* What somebody who knows the original has to know. */
static void print_difference(const struct config_attr *a)
{
	static const char *const effects[] = {[CONFIG_OBEYED] = "",
					      [CONFIG_IN_PART] = "in part: ",
					      [CONFIG_NO_EFFECT] = "no effect: "};
	if (a->flags & CONFIG_OURS)
		printf("ours");
	else if (a->effect != CONFIG_OBEYED)
		printf("%s%s", effects[a->effect], a->note);
	if (a->flags & CONFIG_READ_ONLY)
		printf(" [ro]");
}

static const char *standard(const struct config_attr *a)
{
	if (!a)
		return "-";
	if (a->form == CONFIG_FORM_JSON)
		return "one group";
	return a->standard[0] ? a->standard : "(none)";
}

static void print_values(const struct config_attr *a)
{
	char syntax[256];
	printf("%s | %s | ", config_attr_syntax(a, syntax, sizeof(syntax)), a->help);
	print_difference(a);
	printf(" |\n");
}

static void backstore_group(enum config_group group)
{
	static const enum config_kind kinds[] = {CONFIG_FILEIO, CONFIG_BLOCK, CONFIG_RAMDISK};
	printf("| name | fileio | block | ramdisk | values | what it is | difference |\n"
	       "|---|---|---|---|---|---|---|\n");
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		size_t count;
		const struct config_attr *rows = config_attrs(kinds[k], &count);
		for (size_t i = 0; i < count; i++) {
			const struct config_attr *a = &rows[i];
			bool before = false;
			for (size_t n = 0; n < k; n++)
				before = before || config_attr_find(kinds[n], group, a->name);
			if (a->group != group || before)
				continue;
			printf("| `%s` |", a->name);
			for (size_t n = 0; n < ARRAY_SIZE(kinds); n++)
				printf(" %s |",
				       standard(config_attr_find(kinds[n], group, a->name)));
			printf(" ");
			print_values(a);
		}
	}
}

static void group_of(enum config_kind kind, enum config_group group)
{
	size_t count;
	const struct config_attr *rows = config_attrs(kind, &count);
	if (!config_group_of(kind, group))
		return;
	printf("\n%s, `%s`:\n\n", places[kind],
	       group == CONFIG_OBJECT ? "info" : config_group_name(group));
	printf("| name | default | values | what it is | difference |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < count; i++) {
		if (rows[i].group != group)
			continue;
		printf("| `%s` | %s | ", rows[i].name, standard(&rows[i]));
		print_values(&rows[i]);
	}
}

static void attributes(void)
{
	printf("Backstores, `attribute`:\n\n");
	backstore_group(CONFIG_ATTRIBUTE);
	printf("\nBackstores, `info`:\n\n");
	backstore_group(CONFIG_OBJECT);
	for (unsigned k = 0; k < CONFIG_KINDS; k++) {
		if (config_is_backstore((enum config_kind)k))
			continue;
		for (unsigned g = 0; g < CONFIG_GROUPS; g++)
			group_of((enum config_kind)k, (enum config_group)g);
	}
}

static void global(void)
{
	size_t count;
	const struct config_attr *rows = config_global_attrs(&count);
	printf("| name | default | values | what it is | difference |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < count; i++) {
		printf("| `%s` | %s | ", rows[i].name, standard(&rows[i]));
		print_values(&rows[i]);
	}
}

/* ---- docs/records.md ---- */

static void print_record_effect(const struct record_row *row)
{
	static const char *const effects[] = {[RECORD_OBEYED] = "obeyed",
					      [RECORD_IN_PART] = "in part: ",
					      [RECORD_KEPT] = "kept",
					      [RECORD_NO_EFFECT] = "no effect: "};
	printf("%s%s%s", row->flags & RECORD_OURS ? "ours; " : "", effects[row->effect],
	       row->note ? row->note : "");
}

static void print_record_row(const struct record_row *row)
{
	char syntax[256];
	printf("| `%s` | %s | %s | %s | ", row->name, row->standard[0] ? row->standard : "(none)",
	       record_syntax(row, syntax, sizeof(syntax)), row->help);
	print_record_effect(row);
	printf("%s |\n", row->flags & RECORD_LOOKUP ? "; cannot be changed" : "");
}

static void record_group(enum record_kind kind, enum record_group group)
{
	bool begun = false;
	for (size_t i = 0; i < record_row_count; i++) {
		const struct record_row *row = &record_rows[i];
		if (!(row->kinds & RECORD_IN(kind)) || row->group != group ||
		    (row->flags & RECORD_HIDDEN))
			continue;
		if (!begun)
			printf("\n%s:\n\n| key | default | values | what it is | what is done with "
			       "it |\n"
			       "|---|---|---|---|---|\n",
			       record_group_name(group));
		begun = true;
		print_record_row(row);
	}
}

static void record_kind(enum record_kind kind)
{
	for (unsigned g = 0; g < RECORD_GROUPS; g++)
		record_group(kind, (enum record_group)g);
	printf("\n");
}

/* Without what nodes have of their ifaces, which has a table of its own. */
static void records_node(void)
{
	for (unsigned g = 0; g < RECORD_GROUPS; g++) {
		if (g != RECORD_FROM && g != RECORD_CARD)
			record_group(RECORD_NODE, (enum record_group)g);
	}
	printf("\n");
}

static void records_iface(void)
{
	record_kind(RECORD_IFACE);
}

static void records_sendtargets(void)
{
	record_kind(RECORD_SENDTARGETS);
}

static void records_isns(void)
{
	record_kind(RECORD_ISNS);
}

/* ---- man/ ---- */

/* As a line of text: what would be a request or an escape is none. */
static void roff(const char *text)
{
	printf("%s", *text == '.' || *text == '\'' ? "\\&" : "");
	for (; *text; text++)
		printf(*text == '\\' ? "\\e" : *text == '-' ? "\\-" : "%c", *text);
}

static void man_attr(const struct config_attr *a)
{
	static const char *const effects[] = {[CONFIG_OBEYED] = "",
					      [CONFIG_IN_PART] = "Obeyed in part: ",
					      [CONFIG_NO_EFFECT] = "No effect: "};
	char syntax[256];
	printf(".TP\n.B ");
	roff(a->name);
	printf("\n");
	roff(a->help);
	printf(".\nValues: ");
	roff(config_attr_syntax(a, syntax, sizeof(syntax)));
	if (a->standard[0] && a->form != CONFIG_FORM_JSON) {
		printf("; by default ");
		roff(a->standard);
	}
	printf(".\n");
	if (a->flags & CONFIG_READ_ONLY)
		printf("It can be read only.\n");
	if (a->effect != CONFIG_OBEYED) {
		roff(effects[a->effect]);
		roff(a->note);
		printf(".\n");
	}
}

static const char *const man_places[CONFIG_KINDS] = {
	[CONFIG_BLOCK] = "block devices",
	[CONFIG_FILEIO] = "files",
	[CONFIG_RAMDISK] = "ramdisks",
	[CONFIG_ISCSI] = "/iscsi",
	[CONFIG_TARGET] = "targets",
	[CONFIG_TPG] = "portal groups",
	[CONFIG_ACL] = "ACLs",
	[CONFIG_MAPPED_LUN] = "mapped LUNs",
	[CONFIG_LUN] = "LUNs",
	[CONFIG_PORTAL] = "portals",
};

static void man_attributes(void)
{
	for (unsigned k = 0; k < CONFIG_KINDS; k++) {
		size_t count;
		const struct config_attr *rows = config_attrs((enum config_kind)k, &count);
		for (unsigned g = 0; g < CONFIG_GROUPS && man_places[k]; g++) {
			if (!config_group_of((enum config_kind)k, (enum config_group)g))
				continue;
			printf(".SS Of %s, group %s\n", man_places[k],
			       g == CONFIG_OBJECT ? "info" : config_group_name(g));
			for (size_t i = 0; i < count; i++)
				if (rows[i].group == g)
					man_attr(&rows[i]);
		}
	}
}

static void man_global(void)
{
	size_t count;
	const struct config_attr *rows = config_global_attrs(&count);
	for (size_t i = 0; i < count; i++)
		man_attr(&rows[i]);
}

/* ---- man/lunar-settings.7 ---- */

static void man_settings(void)
{
	struct lunar_setting row;
	for (size_t i = 0; lunar_setting(i, &row); i++) {
		printf(".TP\n.B ");
		roff(row.name);
		printf("\n");
		roff(row.help);
		printf(".\nValues: ");
		roff(row.form);
		printf("%s", row.range[0] ? ", " : "");
		roff(row.range);
		printf("%s", row.standard[0] ? "; by default " : "");
		roff(row.standard);
		printf(".\n");
	}
}

static const struct {
	const char *name;
	void (*print)(void);
} tables[] = {
	{"attributes", attributes},
	{"commands", commands},
	{"global", global},
	{"man_attributes", man_attributes},
	{"man_global", man_global},
	{"man_settings", man_settings},
	{"methods", methods},
	{"records_iface", records_iface},
	{"records_isns", records_isns},
	{"records_node", records_node},
	{"records_sendtargets", records_sendtargets},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(tables); i++) {
		if (!strcmp(argv[1], tables[i].name)) {
			tables[i].print();
			return 0;
		}
	}
	fprintf(stderr, "usage: tables");
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		fprintf(stderr, "%c%s", i ? '|' : ' ', tables[i].name);
	fprintf(stderr, "\n");
	return 2;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The preferences of a shell. */
#include <string.h>
#include "config/attr_rows.h"

/* clang-format off */
static const char *const truth[] = {"true", "false", NULL};
static const char *const levels[] = {"debug", "info", "warning", "error", "critical", NULL};
static const char *const colours[] = {"black", "red", "green", "yellow", "blue", "magenta", "cyan", "white",
				      "none", "default", NULL};

#define CHOICE(n, c, d, h)                                                                           \
	{.name = n, .group = CONFIG_GLOBAL, .form = CONFIG_FORM_WORD, .choices = c, .standard = d,   \
	 .help = h}
#define LOG_NOTE    "the daemon logs who changed what, to the journal"
#define DAEMON_NOTE "there is always a daemon"

static const struct config_attr rows[] = {
	CHOICE("auto_add_default_portal", truth, "true", "A new group gets the portal 0.0.0.0:3260"),
	CHOICE("auto_add_mapped_luns", truth, "true", "New LUNs show in all ACLs, new ACLs see all LUNs"),
	CHOICE("auto_cd_after_create", truth, "false", "The shell goes to what it has made"),
	CHOICE("auto_enable_tpgt", truth, "true", "A new group is enabled"),
	CHOICE("auto_save_on_exit", truth, "true", "The shell saves the configuration when it ends"),
	WORD_NOTE(GLOBAL, NO_EFFECT, "auto_use_daemon", truth, "false", "Commands go to a daemon",
		  DAEMON_NOTE),
	CHOICE("color_command", colours, "cyan", "Colour of commands that complete what was typed"),
	WORD_NOTE(GLOBAL, NO_EFFECT, "color_default", colours, "none", "Colour of everything else",
		  "it has that of the terminal"),
	CHOICE("color_keyword", colours, "cyan", "Colour of keywords that complete what was typed"),
	CHOICE("color_mode", truth, "true", "There are colours, on a terminal"),
	CHOICE("color_parameter", colours, "magenta", "Colour of parameters that complete what was typed"),
	CHOICE("color_path", colours, "magenta", "Colour of paths that complete what was typed"),
	WORD_NOTE(GLOBAL, NO_EFFECT, "daemon_use_batch_mode", truth, "false",
		  "Commands go to a daemon many at a time", DAEMON_NOTE),
	CHOICE("export_backstore_name_as_model", truth, "true",
	       "INQUIRY names a new backstore as the product"),
	{.name = "logfile", .group = CONFIG_GLOBAL, .form = CONFIG_FORM_TEXT, .effect = CONFIG_NO_EFFECT,
	 .max = 4000, .standard = "", .help = "The file into which the shell writes what it did",
	 .note = LOG_NOTE},
	WORD_NOTE(GLOBAL, NO_EFFECT, "loglevel_console", levels, "info", "What of it is shown", LOG_NOTE),
	WORD_NOTE(GLOBAL, NO_EFFECT, "loglevel_file", levels, "debug", "What of it is written", LOG_NOTE),
	NUMBER_NOTE(GLOBAL, NO_EFFECT, "max_backup_files", 0, 1000, "10", "Old configurations that are kept",
		    "the daemon keeps ten"),
	NUMBER(GLOBAL, "prompt_length", 0, 1000, "30", "Letters of the path in the prompt; 0: all"),
	NUMBER(GLOBAL, "tree_max_depth", 0, 100, "0", "Levels that ls shows; 0: all"),
	CHOICE("tree_round_nodes", truth, "true", "ls draws nodes as o and not as +"),
	CHOICE("tree_show_root", truth, "true", "ls shows the object that it begins with"),
	CHOICE("tree_status_mode", truth, "true", "ls shows what state objects are in"),
};
/* clang-format on */

const struct config_attr *config_global_attrs(size_t *count)
{
	*count = ARRAY_SIZE(rows);
	return rows;
}

const struct config_attr *config_global_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	}
	return NULL;
}

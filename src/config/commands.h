/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of the shell: which there are at which object, and what they take, one row each. Names,
 * parameters and their order are those of targetcli 2.1.53; what is ours is marked. The shell reads command
 * lines, completes and helps by these rows, the daemon checks arguments by them, and manuals are made of
 * them.
 *
 * Constant tables: any thread may read them.
 */
#ifndef LUNAR_CONFIG_COMMANDS_H
#define LUNAR_CONFIG_COMMANDS_H

#include "config/attributes.h"

#define CONFIG_PARAMS_MAX 8

/* What an argument is, for completion. */
enum config_param_form {
	CONFIG_PARAM_TEXT,
	CONFIG_PARAM_FILE, /* on the machine of the shell, or of the daemon: one and the same */
	CONFIG_PARAM_TRUTH,
	CONFIG_PARAM_WORD,      /* one of `words` */
	CONFIG_PARAM_NODE,      /* a path in the tree */
	CONFIG_PARAM_CHILD,     /* the name of one of the object's children */
	CONFIG_PARAM_BACKSTORE, /* the path of one */
	CONFIG_PARAM_COMMAND,
	CONFIG_PARAM_GROUP, /* attribute, parameter, ... */
};

struct config_param {
	const char *name; /* NULL: behind the last one */
	enum config_param_form form;
	bool needed;
	const char *const *words; /* CONFIG_PARAM_WORD; ends with NULL */
	const char *help;         /* one line, no full stop */
};

enum config_command_flag {
	CONFIG_COMMAND_OURS = 1, /* targetcli has no such thing */
	/* Behind its parameters it takes names, or name=value, as many as there are. */
	CONFIG_COMMAND_NAMES = 2,
	CONFIG_COMMAND_VALUES = 4,
	CONFIG_COMMAND_LEVELS = 8, /* of the log: LEVEL or MODULE=LEVEL */
	CONFIG_COMMAND_OPEN_END =
		CONFIG_COMMAND_NAMES | CONFIG_COMMAND_VALUES | CONFIG_COMMAND_LEVELS,
};

struct config_command {
	const char *name;
	unsigned kinds;          /* CONFIG_AT() of the objects that have it */
	enum config_kind plugin; /* of CONFIG_PLUGIN the one for this kind; CONFIG_ROOT: all */
	unsigned flags;
	const char *help; /* one line, no full stop */
	struct config_param params[CONFIG_PARAMS_MAX];
};

#define CONFIG_AT(kind) (1u << (kind))

const struct config_command *config_commands(size_t *count);
/* NULL: an object of this kind has no such command. `plugin` is looked at for CONFIG_PLUGIN only. */
const struct config_command *config_command_find(enum config_kind kind, enum config_kind plugin,
						 const char *name);
bool config_command_at(const struct config_command *c, enum config_kind kind,
		       enum config_kind plugin);
/* NULL: it has no such parameter. */
const struct config_param *config_param_find(const struct config_command *c, const char *name);
size_t config_param_count(const struct config_command *c);
/* "create name file_or_dev [size]"; returns `out`. */
char *config_command_syntax(const struct config_command *c, char *out, size_t size);

/* "root", "fileio", "tpg", ...: how kinds are named in answers. */
const char *config_kind_name(enum config_kind kind);
/* CONFIG_KINDS: no kind is called so. */
enum config_kind config_kind_find(const char *name);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be set on the objects of the configuration tree, and what is told of them: one row each, with
 * form, range, default and help. The names, groups and defaults are those of targetcli 2.1.53; what is
 * ours is marked. `get`, `set`, completion, saved files and manuals are made of these rows and of nothing
 * else.
 *
 * Constant tables: any thread may read them.
 */
#ifndef LUNAR_CONFIG_ATTRIBUTES_H
#define LUNAR_CONFIG_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/cleanup.h"

/* The objects of the tree, from the root down; those in the middle only hold others. */
enum config_kind {
	CONFIG_ROOT,
	CONFIG_BACKSTORES, /* /backstores */
	CONFIG_PLUGIN,     /* /backstores/fileio */
	CONFIG_BLOCK,      /* a backstore */
	CONFIG_FILEIO,     /* a backstore */
	CONFIG_RAMDISK,    /* a backstore */
	CONFIG_ISCSI,      /* /iscsi */
	CONFIG_TARGET,     /* IQN */
	CONFIG_TPG,        /* tpgN */
	CONFIG_ACLS,
	CONFIG_ACL, /* an initiator's name */
	CONFIG_MAPPED_LUN,
	CONFIG_LUNS,
	CONFIG_LUN,
	CONFIG_PORTALS,
	CONFIG_PORTAL, /* address:port */
	CONFIG_KINDS,
};

/* The groups of `set GROUP name=value`. What belongs to CONFIG_OBJECT is shown by `info`. */
enum config_group {
	CONFIG_OBJECT,
	CONFIG_ATTRIBUTE,
	CONFIG_PARAMETER,
	CONFIG_AUTH,
	CONFIG_DISCOVERY_AUTH,
	CONFIG_GLOBAL, /* preferences of a shell: no object has them */
	CONFIG_GROUPS,
};

/* How a value is written. */
enum config_form {
	CONFIG_FORM_NUMBER,  /* min to max */
	CONFIG_FORM_FLAG,    /* 0 or 1 */
	CONFIG_FORM_TRUTH,   /* True or False, kept so whatever was typed */
	CONFIG_FORM_YES_NO,  /* Yes or No, likewise */
	CONFIG_FORM_WORD,    /* one of `choices` */
	CONFIG_FORM_WORDS,   /* some of `choices`, with commas, in order of preference */
	CONFIG_FORM_TEXT,    /* printable, at most `max` bytes; empty: not set */
	CONFIG_FORM_BYTES,   /* a size: 10G; kept as a number of bytes */
	CONFIG_FORM_PATH,    /* absolute, kept without what is doubled in it */
	CONFIG_FORM_HEX,     /* 16 or 32 hexadecimal digits */
	CONFIG_FORM_NETWORK, /* addresses with or without /LENGTH, with commas; empty: all */
	CONFIG_FORM_ADDRESS, /* HOST:PORT or [ADDRESS]:PORT */
	CONFIG_FORM_JSON,    /* kept as it was read */
};

/* What is to happen when it is set. The rows say what is owed; that it is done is for whoever runs the tree. */
enum config_effect {
	CONFIG_OBEYED,
	CONFIG_IN_PART,   /* `note` says which part */
	CONFIG_NO_EFFECT, /* it belongs to the kernel's target; `note` says what to */
};

enum config_attr_flag {
	CONFIG_READ_ONLY = 1, /* told by the runtime, shown with [ro], not saved */
	CONFIG_FIXED = 2,     /* decided when the object is made */
	CONFIG_SECRET = 4,    /* printed only where that was asked for */
	CONFIG_OURS = 8,      /* targetcli has no such thing */
	CONFIG_OPTIONAL = 16, /* in files only when it is set */
	CONFIG_IDENTITY = 32, /* with another value it is another object */
};

struct config_attr {
	const char *name;
	const char *key; /* in saved files; NULL: the name */
	enum config_group group;
	enum config_form form;
	enum config_effect effect;
	unsigned flags;
	int64_t min, max;
	const char *const *choices; /* ends with NULL */
	const char *standard;       /* the default; "" where there is none */
	const char *help;           /* one line, no full stop */
	const char *note;           /* NULL, or why not all of it is obeyed */
};

#define CONFIG_WHY_SIZE 512

/* Why something was refused: one line for a person, no newline at its end. */
struct config_why {
	char text[CONFIG_WHY_SIZE];
};

/* Writes the line and is -err, so that a check ends with `return config_refuse(...)`. */
#define config_refuse(why, err, ...) (config_write_why(why, __VA_ARGS__), -(err))
void config_write_why(struct config_why *why, const char *fmt, ...) PRINTF(2, 3);

/* What may have come from anywhere, made fit for a terminal: no control characters, and UTF-8. */
void config_clean(char *text);

/* The rows of a kind, sorted by group and in a group by name as targetcli lists them; NULL and 0: none. */
const struct config_attr *config_attrs(enum config_kind kind, size_t *count);
/* NULL: no such row. */
const struct config_attr *config_attr_find(enum config_kind kind, enum config_group group,
					   const char *name);
/* By the key in saved files. */
const struct config_attr *config_attr_by_key(enum config_kind kind, enum config_group group,
					     const char *key);
/* The rows of `get global`: preferences of a shell, which keeps them itself. */
const struct config_attr *config_global_attrs(size_t *count);
const struct config_attr *config_global_find(const char *name);
const char *config_attr_key(const struct config_attr *attr);

/* "attribute", "parameter", ...; CONFIG_GROUPS: there is no such group. */
const char *config_group_name(enum config_group group);
enum config_group config_group_find(const char *name);
/* Whether objects of this kind have values in the group. */
bool config_group_of(enum config_kind kind, enum config_group group);

/* "fileio" for CONFIG_FILEIO; CONFIG_KINDS: no backstore is called so. */
const char *config_plugin_name(enum config_kind kind);
enum config_kind config_plugin_kind(const char *name);
bool config_is_backstore(enum config_kind kind);

/*
 * Checks what a person or a file wrote and gives it in its normal form, to be freed. 0; -EINVAL: not of
 * this form; -ERANGE; -ENOMEM. `why` begins "Syntax error, '...' is not" as targetcli's does, and then
 * names the range and an example.
 */
int config_attr_check(const struct config_attr *attr, const char *text, char **out,
		      struct config_why *why);
/* A line to be shown after a value was taken that will bring trouble: a CHAP secret that some initiators
 * refuse. NULL: nothing. */
const char *config_attr_hint(const struct config_attr *attr, const char *value);
/* What may be written, for help: "a number from 512 to 16777215", "Yes or No". */
const char *config_attr_syntax(const struct config_attr *attr, char *out, size_t size);
/* The i-th word that completion offers; NULL: no more. */
const char *config_attr_choice(const struct config_attr *attr, size_t i);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* How the tables of attributes are written, and what their files give to attributes.c. */
#ifndef LUNAR_CONFIG_ATTR_ROWS_H
#define LUNAR_CONFIG_ATTR_ROWS_H

#include "config/attributes.h"

struct config_attr_table {
	const struct config_attr *rows;
	size_t count;
};

/* Tables of the kinds that have any, by kind. */
extern const struct config_attr_table config_backstore_tables[CONFIG_KINDS];
extern const struct config_attr_table config_target_tables[CONFIG_KINDS];

#define CONFIG_TABLE(rows)             \
	{                              \
		rows, ARRAY_SIZE(rows) \
	}

#define NUMBER(g, n, lo, hi, d, h)                                                                \
	{                                                                                         \
		.name = n, .group = CONFIG_##g, .form = CONFIG_FORM_NUMBER, .min = lo, .max = hi, \
		.standard = d, .help = h                                                          \
	}
/* Obeyed in part, or not at all. */
#define NUMBER_NOTE(g, e, n, lo, hi, d, h, t)                                                     \
	{                                                                                         \
		.name = n, .group = CONFIG_##g, .form = CONFIG_FORM_NUMBER, .effect = CONFIG_##e, \
		.min = lo, .max = hi, .standard = d, .help = h, .note = t                         \
	}
#define TOLD(n, d, h)                                                                           \
	{                                                                                       \
		.name = n, .group = CONFIG_ATTRIBUTE, .form = CONFIG_FORM_NUMBER,               \
		.flags = CONFIG_READ_ONLY, .min = 0, .max = INT64_MAX, .standard = d, .help = h \
	}
#define FLAG(g, n, d, h)                                                                      \
	{                                                                                     \
		.name = n, .group = CONFIG_##g, .form = CONFIG_FORM_FLAG, .min = 0, .max = 1, \
		.standard = d, .help = h                                                      \
	}
#define FLAG_NOTE(g, e, n, d, h, t)                                                             \
	{                                                                                       \
		.name = n, .group = CONFIG_##g, .form = CONFIG_FORM_FLAG, .effect = CONFIG_##e, \
		.min = 0, .max = 1, .standard = d, .help = h, .note = t                         \
	}
#define TRUTH(g, f, n, d, h)                                                           \
	{                                                                              \
		.name = n, .group = CONFIG_##g, .form = CONFIG_FORM_TRUTH, .flags = f, \
		.standard = d, .help = h                                               \
	}
#define TRUTH_NOTE(g, e, f, n, d, h, t)                                                          \
	{                                                                                        \
		.name = n, .group = CONFIG_##g, .form = CONFIG_FORM_TRUTH, .effect = CONFIG_##e, \
		.flags = f, .standard = d, .help = h, .note = t                                  \
	}
#define YES_NO(n, d, h)                                                                          \
	{                                                                                        \
		.name = n, .group = CONFIG_PARAMETER, .form = CONFIG_FORM_YES_NO, .standard = d, \
		.help = h                                                                        \
	}
#define YES_NO_NOTE(e, n, d, h, t)                                                \
	{                                                                         \
		.name = n, .group = CONFIG_PARAMETER, .form = CONFIG_FORM_YES_NO, \
		.effect = CONFIG_##e, .standard = d, .help = h, .note = t         \
	}
#define WORD_NOTE(g, e, n, c, d, h, t)                                                          \
	{                                                                                       \
		.name = n, .group = CONFIG_##g, .form = CONFIG_FORM_WORD, .effect = CONFIG_##e, \
		.choices = c, .standard = d, .help = h, .note = t                               \
	}
#define WORDS(g, n, c, d, h)                                                             \
	{                                                                                \
		.name = n, .group = CONFIG_##g, .form = CONFIG_FORM_WORDS, .choices = c, \
		.standard = d, .help = h                                                 \
	}
#define TEXT(g, f, n, m, h)                                                                     \
	{                                                                                       \
		.name = n, .group = CONFIG_##g, .form = CONFIG_FORM_TEXT, .flags = f, .max = m, \
		.standard = "", .help = h                                                       \
	}
#define FORMED(g, f, w, n, h)                                                        \
	{                                                                            \
		.name = n, .group = CONFIG_##g, .form = CONFIG_FORM_##w, .flags = f, \
		.max = INT64_MAX, .standard = "", .help = h                          \
	}
/* A text whose key in files is another word. */
#define KEYED(g, f, n, k, m, h)                                                                 \
	{                                                                                       \
		.name = n, .key = k, .group = CONFIG_##g, .form = CONFIG_FORM_TEXT, .flags = f, \
		.max = m, .standard = "", .help = h                                             \
	}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The tree of objects as targetcli draws it, from the answer of tree.list. */
#ifndef LUNAR_CLI_SHELL_TREE_H
#define LUNAR_CLI_SHELL_TREE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "common/buf.h"

/* Columns of a line where there is no terminal, and at most where there is one. */
#define SHELL_TREE_WIDTH 132

struct shell_tree_style {
	unsigned width;
	bool show_root, show_status, round; /* tree_show_root, tree_status_mode, tree_round_nodes */
	bool colour;
};

/* 0 or -errno of the buffer. */
int shell_tree_draw(const json_t *tree, const struct shell_tree_style *style, struct buf *out);

/* A text of an answer; "": it is not there. */
static inline const char *shell_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

/* A number of it; 0: it is not there. */
static inline uint64_t shell_count(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

/* Whether it is there, and true. */
static inline bool shell_flag(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

#endif

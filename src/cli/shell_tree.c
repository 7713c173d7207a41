/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/shell_tree.h"

#include <string.h>

#define MARGIN_MAX 64
#define NODE       "o- "

struct health {
	const char *name, *colour;
	const char *alone; /* what is in the brackets when nothing else is */
};

static const struct health healths[] = {
	{"ok", "\033[32m", "OK"},
	{"warning", "\033[33m", "WARNING"},
	{"error", "\033[31m", "ERROR"},
	{"none", "", "..."},
};

static const struct health *health_of(const json_t *node)
{
	size_t i = 0;
	while (i + 1 < ARRAY_SIZE(healths) &&
	       strcmp(healths[i].name, shell_text(node, "health")) != 0)
		i++;
	return &healths[i];
}

/* A line is as wide as the style says; of one that does not fit, nothing is left out. */
static void draw_line(const json_t *node, const char *margin, const struct shell_tree_style *style,
		      struct buf *out)
{
	const struct health *health = health_of(node);
	const char *name = shell_text(node, "name");
	const char *summary = shell_text(node, "summary");
	name = name[0] ? name : "/";
	summary = summary[0] ? summary : health->alone;
	(void)buf_printf(out, "%s%s- %s%s%s", margin, style->round ? "o" : "+",
			 style->colour ? "\033[1m" : "", name, style->colour ? "\033[0m" : "");
	if (style->show_status) {
		size_t used = strlen(margin) + strlen(NODE) + strlen(name) + strlen(summary) + 4;
		size_t dots = used < style->width ? style->width - used : 1;
		(void)buf_printf(out, " ");
		while (dots--)
			(void)buf_add(out, ".", 1);
		(void)buf_printf(out, " [%s%s%s]", style->colour ? health->colour : "", summary,
				 style->colour ? "\033[0m" : "");
	}
	(void)buf_printf(out, "\n");
}

/* `margin` is that of the node's own line, and is as it was afterwards. */
/* NOLINTNEXTLINE(misc-no-recursion): the tree is seven levels deep, and margins are bounded */
static void draw(const json_t *node, char margin[MARGIN_MAX], const char *below,
		 const struct shell_tree_style *style, struct buf *out)
{
	const json_t *children = json_object_get(node, "children");
	size_t count = json_array_size(children), len = strlen(margin);
	if (style->show_root || len)
		draw_line(node, margin, style, out);
	if (len + 3 > MARGIN_MAX)
		return;
	memcpy(margin + len, below, 3);
	for (size_t i = 0; i < count; i++)
		draw(json_array_get(children, i), margin, i + 1 < count ? "| " : "  ", style, out);
	margin[len] = 0;
}

int shell_tree_draw(const json_t *tree, const struct shell_tree_style *style, struct buf *out)
{
	char margin[MARGIN_MAX] = "";
	draw(tree, margin, "  ", style, out);
	return out->err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of nested blocks, as Config::General and Apache have them:
 *
 *   key value                  # a comment
 *   <tag name>
 *       key "value" \
 *   </tag>
 *   include /etc/more/ *.conf
 *
 * Blocks are kept as they come, with the lines in them; what they mean is for the caller.
 */
#ifndef LUNAR_CONFIG_CONF_BLOCK_H
#define LUNAR_CONFIG_CONF_BLOCK_H

#include "config/targets_conf.h"

#define CONF_PLACE_SIZE 320

struct conf_line {
	struct list link;
	char *key, *value;
	char place[CONF_PLACE_SIZE]; /* "FILE:LINE" */
};

struct conf_block {
	struct list link; /* in its parent's `blocks` */
	struct conf_block *parent;
	unsigned order; /* the caller's */
	char *tag, *name;
	char place[CONF_PLACE_SIZE];
	struct list lines, blocks; /* conf_line.link, conf_block.link */
};

void conf_block_init(struct conf_block *root);
/* What is in it. */
void conf_block_free(struct conf_block *root);
/* Reads a text and what it includes into the block. 0, also when report->errors grew; -ENOMEM. */
int conf_parse(struct conf_block *root, const char *path, const char *text, size_t len,
	       const struct config_files *files, struct config_report *report);
/* The last line with this key; NULL: there is none. */
const struct conf_line *conf_find(const struct conf_block *block, const char *key);

#endif

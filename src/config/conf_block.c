/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/conf_block.h"

#include <errno.h>
#include <glob.h>
#include <string.h>
#include "config/store.h"

#define MAX_INCLUDES 8 /* of files in files: one that includes itself ends here */
#define MAX_FILES    1000
#define MAX_BLOCKS   8 /* in each other */
#define BLANKS       " \t\r\f\v"

struct parser {
	struct conf_block *block; /* the innermost that is open */
	struct conf_block *floor; /* the one in which the file began */
	const struct config_files *files;
	struct config_report *report;
	unsigned includes, depth, total;
	/* of the file that is being read */
	const char *path;
	unsigned line;
	char place[CONF_PLACE_SIZE];
};

/* ---- blocks ---- */

void conf_block_init(struct conf_block *root)
{
	memset(root, 0, sizeof(*root));
	list_init(&root->link);
	list_init(&root->lines);
	list_init(&root->blocks);
}

static void free_line(struct conf_line *line)
{
	list_del(&line->link);
	free(line->key);
	free(line->value);
	free(line);
}

static void free_block(struct conf_block *block)
{
	conf_block_free(block);
	list_del(&block->link);
	free(block->tag);
	free(block->name);
	free(block);
}

void conf_block_free(struct conf_block *root)
{
	list_for_each_safe (it, &root->lines)
		free_line(list_entry(it, struct conf_line, link));
	list_for_each_safe (it, &root->blocks)
		free_block(list_entry(it, struct conf_block, link));
}

const struct conf_line *conf_find(const struct conf_block *block, const char *key)
{
	const struct conf_line *found = NULL;
	list_for_each (it, &block->lines) {
		const struct conf_line *line = list_entry(it, struct conf_line, link);
		if (!strcmp(line->key, key))
			found = line;
	}
	return found;
}

/* ---- pieces of a line ---- */

/* Without blanks at its ends, and without quotes that are around all of it. */
static char *trim(char *text)
{
	text += strspn(text, BLANKS);
	size_t len = strlen(text);
	while (len && strchr(BLANKS, text[len - 1]))
		text[--len] = 0;
	if (len > 1 && (text[0] == '"' || text[0] == '\'') && text[len - 1] == text[0]) {
		text[len - 1] = 0;
		text++;
	}
	return text;
}

/* A comment begins a line or follows a blank: a name may have '#' in it. */
static void cut_comment(char *text)
{
	for (char *p = text; (p = strchr(p, '#')); p++) {
		if (p == text || strchr(BLANKS, p[-1])) {
			*p = 0;
			return;
		}
	}
}

static int add_line(struct parser *p, const char *key, const char *value)
{
	struct conf_line *line = calloc(1, sizeof(*line));
	if (!line)
		return -ENOMEM;
	line->key = strdup(key);
	line->value = strdup(value);
	strcpy(line->place, p->place);
	list_add_tail(&p->block->lines, &line->link);
	return line->key && line->value ? 0 : -ENOMEM;
}

static int open_block(struct parser *p, char *text)
{
	size_t len = strlen(text);
	if (text[len - 1] != '>') {
		config_report_error(p->report, p->place,
				    "a block begins as <target NAME>; its \">\" is "
				    "missing");
		return 0;
	}
	text[len - 1] = 0;
	text = trim(text + 1);
	if (++p->depth > MAX_BLOCKS) {
		config_report_error(p->report, p->place, "more than %d blocks in each other",
				    MAX_BLOCKS);
		return -EINVAL;
	}
	struct conf_block *block = calloc(1, sizeof(*block));
	if (!block)
		return -ENOMEM;
	conf_block_init(block);
	size_t tag = strcspn(text, BLANKS);
	block->tag = strndup(text, tag);
	block->name = strdup(trim(text + tag));
	block->parent = p->block;
	strcpy(block->place, p->place);
	list_add_tail(&p->block->blocks, &block->link);
	p->block = block;
	return block->tag && block->name ? 0 : -ENOMEM;
}

static void close_block(struct parser *p, char *text)
{
	size_t len = strlen(text);
	if (text[len - 1] == '>')
		text[len - 1] = 0;
	const char *tag = trim(text + 2);
	if (p->block == p->floor)
		config_report_error(p->report, p->place, "</%.60s> without a block that is open",
				    tag);
	else if (strcmp(p->block->tag, tag))
		config_report_error(p->report, p->place,
				    "</%.60s> where <%.60s %.200s> is open, since %s", tag,
				    p->block->tag, p->block->name, p->block->place);
	if (p->block == p->floor)
		return;
	p->block = p->block->parent;
	p->depth--;
}

/* ---- lines and files ---- */

static int parse_text(struct parser *p, const char *path, const char *text, size_t len);

static int include(struct parser *p, const char *pattern)
{
	struct config_why why;
	char place[CONF_PLACE_SIZE];
	int err = 0, more = 1;
	strcpy(place, p->place);
	if (p->includes >= MAX_INCLUDES || p->total > MAX_FILES) {
		config_report_error(p->report, place,
				    "more than %d files in each other, or %d in all", MAX_INCLUDES,
				    MAX_FILES);
		return -EINVAL;
	}
	for (size_t n = 0; !err && more > 0; n++) {
		struct buf path, text;
		buf_init(&path, 4096);
		buf_init(&text, CONFIG_TEXT_MAX);
		more = p->files->nth(p->files->ctx, pattern, n, &path, &text, &why);
		if (more > 0)
			err = parse_text(p, buf_str(&path), buf_str(&text), text.len);
		buf_free(&path);
		buf_free(&text);
	}
	if (more < 0 && more != -ENOMEM)
		config_report_error(p->report, place, "%s", why.text);
	return more == -ENOMEM ? more : err;
}

/* "<<include FILE>>" is another way to say "include FILE". */
static char *include_of(char *text)
{
	static const char angle[] = "<<include", word[] = "include";
	char *rest = NULL;
	if (!strncmp(text, angle, strlen(angle)))
		rest = text + strlen(angle);
	else if (!strncmp(text, word, strlen(word)))
		rest = text + strlen(word);
	if (!rest || !*rest || !strchr(BLANKS, *rest))
		return NULL;
	size_t len = strlen(rest);
	if (text[0] == '<' && len > 2 && !strcmp(rest + len - 2, ">>"))
		rest[len - 2] = 0;
	return trim(rest);
}

/* Blanks or '=' stand between key and value. */
static int key_and_value(struct parser *p, char *text)
{
	size_t len = strcspn(text, BLANKS "=");
	char *value = text + len + strspn(text + len, BLANKS);
	if (*value == '=')
		value++;
	value = trim(value);
	text[len] = 0;
	return add_line(p, text, value);
}

static int parse_line(struct parser *p, char *text)
{
	cut_comment(text);
	text += strspn(text, BLANKS);
	size_t len = strlen(text);
	while (len && strchr(BLANKS, text[len - 1]))
		text[--len] = 0;
	if (!len)
		return 0;
	char *pattern = include_of(text);
	if (pattern)
		return include(p, pattern);
	if (!strncmp(text, "</", 2)) {
		close_block(p, text);
		return 0;
	}
	return text[0] == '<' ? open_block(p, text) : key_and_value(p, text);
}

static void say_place(struct parser *p)
{
	snprintf(p->place, sizeof(p->place), "%.300s:%u", p->path, p->line);
}

/* One line of the file; one that ends with '\' goes on in the next. */
static int take_line(struct parser *p, const char **at, const char *end, struct buf *line)
{
	bool more = true;
	buf_clear(line);
	say_place(p);
	while (more && *at < end) {
		const char *newline = memchr(*at, '\n', (size_t)(end - *at));
		const char *stop = newline ? newline : end;
		more = stop > *at && stop[-1] == '\\';
		int err = buf_add(line, *at, (size_t)(stop - *at) - more);
		if (err)
			return err;
		*at = newline ? newline + 1 : end;
		p->line++;
	}
	return buf_add(line, "", 1);
}

static int parse_lines(struct parser *p, const char *text, size_t len, struct buf *line)
{
	const char *end = text + len;
	int err = 0;
	for (const char *at = text; at < end && !err;) {
		err = take_line(p, &at, end, line);
		if (!err)
			err = parse_line(p, (char *)line->data);
	}
	return err;
}

static int parse_text(struct parser *p, const char *path, const char *text, size_t len)
{
	struct parser outer = *p;
	struct buf line;
	p->path = path;
	p->line = 1;
	p->includes++;
	p->total++;
	p->floor = p->block;
	say_place(p);
	if (memchr(text, 0, len)) {
		config_report_error(p->report, p->place,
				    "is not a text: there is a zero byte in it");
		len = 0;
	}
	buf_init(&line, CONFIG_TEXT_MAX);
	int err = parse_lines(p, text, len, &line);
	buf_free(&line);
	if (!err && p->block != outer.block) {
		config_report_error(p->report, p->block->place, "<%.60s %.200s> is not closed",
				    p->block->tag, p->block->name);
		err = -EINVAL;
	}
	p->path = outer.path;
	p->line = outer.line;
	p->includes--;
	p->floor = outer.floor;
	strcpy(p->place, outer.place);
	return err;
}

int conf_parse(struct conf_block *root, const char *path, const char *text, size_t len,
	       const struct config_files *files, struct config_report *report)
{
	struct parser p = {.block = root, .files = files, .report = report};
	int err = parse_text(&p, path, text, len);
	/* What is wrong was told. */
	return err == -ENOMEM ? err : 0;
}

/* ---- files of this machine ---- */

static int nth_file(void *ctx, const char *pattern, size_t n, struct buf *path, struct buf *text,
		    struct config_why *why)
{
	glob_t found;
	int err = glob(pattern, GLOB_BRACE, NULL, &found);
	if (err == GLOB_NOMATCH)
		return 0;
	if (err)
		return config_refuse(why, err == GLOB_NOSPACE ? ENOMEM : EIO,
				     "Could not look for %.300s", pattern);
	int result = n < found.gl_pathc;
	if (result) {
		err = buf_printf(path, "%s", found.gl_pathv[n]);
		if (!err)
			err = config_store_read(found.gl_pathv[n], text, why);
		result = err ? err : 1;
	}
	globfree(&found);
	return result;
}

const struct config_files config_real_files = {nth_file, NULL};

/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/shell_line.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- words ---- */

struct reader {
	const char *at;
	char *out; /* grows in `store`; what comes out is never longer than what went in */
};

struct token {
	char *text;
	char *equals; /* in `text`: the first "=" behind a name that is not quoted; NULL: none */
	bool quoted;  /* began with a quote */
};

static bool is_name(const char *from, const char *to)
{
	if (from == to || isdigit((unsigned char)*from))
		return false;
	for (; from < to; from++) {
		if (!isalnum((unsigned char)*from) && *from != '_')
			return false;
	}
	return true;
}

/* What is between quotes, up to the closing one. */
static int read_quoted(struct reader *r)
{
	char quote = *r->at++;
	while (*r->at && *r->at != quote) {
		if (quote == '"' && *r->at == '\\' && (r->at[1] == '"' || r->at[1] == '\\'))
			r->at++;
		*r->out++ = *r->at++;
	}
	if (!*r->at)
		return -EINVAL;
	r->at++;
	return 0;
}

/* The next word; `text` NULL: there is none. 0 or -EINVAL: a quote has no end. */
static int read_token(struct reader *r, struct token *t)
{
	*t = (struct token){0};
	while (isspace((unsigned char)*r->at))
		r->at++;
	if (!*r->at)
		return 0;
	t->text = r->out;
	t->quoted = *r->at == '"' || *r->at == '\'';
	bool plain = true;
	while (*r->at && !isspace((unsigned char)*r->at)) {
		if (*r->at == '"' || *r->at == '\'') {
			plain = plain && t->equals;
			if (read_quoted(r))
				return -EINVAL;
			continue;
		}
		if (*r->at == '=' && !t->equals && plain && is_name(t->text, r->out))
			t->equals = r->out;
		*r->out++ = *r->at++;
	}
	*r->out++ = 0;
	return 0;
}

/* ---- lines ---- */

static bool is_path(const struct token *t)
{
	return !t->quoted && !t->equals &&
	       (strchr(t->text, '/') || t->text[0] == '@' || !strcmp(t->text, ".") ||
		!strcmp(t->text, ".."));
}

/* "--force" is force=true, as programs say it. */
static struct shell_word word_of(const struct token *t)
{
	static const char force[] = "--force";
	if (!t->quoted && !strcmp(t->text, force))
		return (struct shell_word){t->text + 2, "true"};
	if (!t->equals)
		return (struct shell_word){NULL, t->text};
	*t->equals = 0;
	return (struct shell_word){t->text, t->equals + 1};
}

static int read_line(struct shell_line *out, struct reader *r)
{
	struct token t;
	int err;
	while (!(err = read_token(r, &t)) && t.text) {
		if (!out->path && !out->command && is_path(&t))
			out->path = t.text;
		else if (!out->command)
			out->command = t.text;
		else
			out->words[out->count++] = word_of(&t);
	}
	return err;
}

int shell_line_parse(struct shell_line *out, const char *text, char *why, size_t why_size)
{
	size_t len = strlen(text);
	*out = (struct shell_line){0};
	text += strspn(text, " \t\r\n");
	if (*text == '#')
		text += strlen(text);
	/* A word and its space are two bytes at least. */
	out->store = malloc(len + 2);
	out->words = calloc(len / 2 + 1, sizeof(out->words[0]));
	if (!out->store || !out->words) {
		shell_line_free(out);
		snprintf(why, why_size, "There is not enough memory for that.");
		return -ENOMEM;
	}
	struct reader r = {text, out->store};
	int err = read_line(out, &r);
	if (err) {
		shell_line_free(out);
		snprintf(why, why_size,
			 "Syntax error: a quote has no end; write a quote that is meant as it is "
			 "between quotes of the other kind");
	}
	return err;
}

void shell_line_free(struct shell_line *line)
{
	free(line->store);
	free(line->words);
	*line = (struct shell_line){0};
}

/* ---- paths ---- */

/* Appends "/part", or goes up for "..". */
static int add_part(char *out, size_t size, const char *part, size_t len)
{
	size_t at = strlen(out);
	if (!len || (len == 1 && part[0] == '.'))
		return 0;
	if (len == 2 && !memcmp(part, "..", 2)) {
		char *slash = strrchr(out, '/');
		if (slash)
			*slash = 0;
		return 0;
	}
	if (at + 1 + len >= size)
		return -ENAMETOOLONG;
	out[at] = '/';
	memcpy(out + at + 1, part, len);
	out[at + 1 + len] = 0;
	return 0;
}

static int add_parts(char *out, size_t size, const char *path)
{
	int err = 0;
	while (*path && !err) {
		size_t len = strcspn(path, "/");
		err = add_part(out, size, path, len);
		path += len + (path[len] == '/');
	}
	return err;
}

int shell_path(const char *cwd, const char *path, char *out, size_t size)
{
	out[0] = 0;
	int err = path[0] == '/' ? 0 : add_parts(out, size, cwd);
	if (!err)
		err = add_parts(out, size, path);
	if (!err && !out[0])
		snprintf(out, size, "/");
	return err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines that somebody types: editing, history and completion are libedit's. */
#include <histedit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cli/shell.h"
#include "cli/shell_complete.h"

#define HISTORY_FILE  ".lunar_history"
#define HISTORY_LINES 1000

struct typist {
	struct shell *s;
	EditLine *el;
	History *history;
	char *file; /* of the history; NULL: none */
	char prompt[CONFIG_PATH_SIZE + 8];
};

static char *prompt(EditLine *el)
{
	struct typist *t = NULL;
	el_get(el, EL_CLIENTDATA, &t);
	shell_prompt(t->s, t->prompt, sizeof(t->prompt));
	return t->prompt;
}

/* ---- completion ---- */

/* How much all of them have in common. */
static size_t common(const json_t *list)
{
	const char *first = json_string_value(json_array_get(list, 0));
	size_t len = strlen(first);
	for (size_t i = 1; i < json_array_size(list); i++) {
		const char *other = json_string_value(json_array_get(list, i));
		size_t n = 0;
		while (n < len && other[n] == first[n])
			n++;
		len = n;
	}
	return len;
}

/* By what kind of word is offered behind `before`: the terminal's sequence, or "". */
static const char *colour_of(const struct shell *s, const char *before, const char *word)
{
	static const struct {
		const char *name, *sequence;
	} colours[] = {
		{"black", "\033[30m"},  {"red", "\033[31m"},   {"green", "\033[32m"},
		{"yellow", "\033[33m"}, {"blue", "\033[34m"},  {"magenta", "\033[35m"},
		{"cyan", "\033[36m"},   {"white", "\033[37m"},
	};
	char why[256];
	struct shell_line line;
	if (!s->colour || !shell_pref_true(&s->prefs, "color_mode") ||
	    shell_line_parse(&line, before, why, sizeof(why)))
		return "";
	const char *pref = strchr(word, '=')                     ? "color_parameter"
			   : strchr(word, '/') || word[0] == '@' ? "color_path"
			   : line.command                        ? "color_keyword"
								 : "color_command";
	shell_line_free(&line);
	for (size_t i = 0; i < ARRAY_SIZE(colours); i++) {
		if (!strcmp(colours[i].name, shell_pref(&s->prefs, pref)))
			return colours[i].sequence;
	}
	return "";
}

static void show(const struct shell *s, const char *before, const json_t *list)
{
	size_t widest = 0, column = 0, width = s->width ? s->width : 80;
	for (size_t i = 0; i < json_array_size(list); i++)
		widest = MAX(widest, json_string_length(json_array_get(list, i)) + 2);
	putchar('\n');
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (column && column + widest > width) {
			putchar('\n');
			column = 0;
		}
		const char *word = json_string_value(json_array_get(list, i));
		const char *colour = colour_of(s, before, word);
		printf("%s%-*s%s", colour, (int)widest, word, colour[0] ? "\033[0m" : "");
		column += widest;
	}
	putchar('\n');
	fflush(stdout);
}

/* Puts in what all of them have in common, or shows them. `typed` bytes of it are there, behind `before`. */
static unsigned char go_on(struct typist *t, const char *before, const json_t *list, size_t typed)
{
	const char *first = json_string_value(json_array_get(list, 0));
	size_t len = common(list);
	char more[CONFIG_PATH_SIZE];
	bool whole =
		json_array_size(list) == 1 && len && first[len - 1] != '/' && first[len - 1] != '=';
	snprintf(more, sizeof(more), "%.*s%s", (int)(len - typed), first + typed, whole ? " " : "");
	if (!more[0]) {
		show(t->s, before, list);
		return CC_REDISPLAY;
	}
	el_insertstr(t->el, more);
	return CC_REFRESH;
}

static unsigned char complete(EditLine *el, int key)
{
	struct typist *t = NULL;
	(void)key;
	el_get(el, EL_CLIENTDATA, &t);
	const LineInfo *info = el_line(el);
	CLEANUP(free) char *line = strndup(info->buffer, (size_t)(info->cursor - info->buffer));
	if (!line)
		return CC_ERROR;
	size_t from;
	json_t *list = shell_complete(t->s, line, &from);
	unsigned char answer = CC_ERROR;
	if (json_array_size(list)) {
		size_t typed = strlen(line) - from;
		line[from] = 0;
		answer = go_on(t, line, list, typed);
	}
	json_decref(list);
	return answer;
}

/* ---- history ---- */

/* Secrets that were typed are not written down. */
static bool is_secret(const char *line)
{
	return strstr(line, "password");
}

static void open_history(struct typist *t)
{
	HistEvent event;
	const char *home = getenv("HOME");
	t->history = history_init();
	if (!t->history)
		return;
	history(t->history, &event, H_SETSIZE, HISTORY_LINES);
	history(t->history, &event, H_SETUNIQUE, 1);
	if (!home || !home[0] || asprintf(&t->file, "%s/%s", home, HISTORY_FILE) < 0)
		t->file = NULL;
	if (t->file)
		history(t->history, &event, H_LOAD, t->file);
	el_set(t->el, EL_HIST, history, t->history);
}

static void close_history(struct typist *t)
{
	HistEvent event;
	if (t->history && t->file) {
		mode_t mask = umask(077);
		history(t->history, &event, H_SAVE, t->file);
		umask(mask);
	}
	if (t->history)
		history_end(t->history);
	free(t->file);
}

static void remember(const struct typist *t, const char *line)
{
	HistEvent event;
	if (t->history && line[strspn(line, " \t")] && !is_secret(line))
		history(t->history, &event, H_ENTER, line);
}

/* ---- lines ---- */

/*
 * libedit shows the prompt and then takes the terminal out of its line mode; a Ctrl-D between the two is made the
 * end of a line by the terminal, and libedit reads a NUL (n_tty). So the mode is changed first.
 */
static const char *next_line(const struct typist *t)
{
	int len;
	el_set(t->el, EL_PREP_TERM, 1);
	const char *line = el_gets(t->el, &len);
	return line && len > 0 ? line : NULL;
}

static void run_lines(struct typist *t)
{
	const char *line;
	while (!t->s->quit && (line = next_line(t))) {
		char *copy = strndup(line, strcspn(line, "\r\n"));
		if (!copy)
			return;
		remember(t, copy);
		shell_run(t->s, copy);
		explicit_bzero(copy, strlen(copy));
		free(copy);
	}
}

int shell_interactive(struct shell *s)
{
	struct typist t = {.s = s, .el = el_init("lunar", stdin, stdout, stderr)};
	if (!t.el)
		return shell_script(s);
	el_set(t.el, EL_CLIENTDATA, &t);
	el_set(t.el, EL_PROMPT, prompt);
	el_set(t.el, EL_EDITOR, "emacs");
	el_set(t.el, EL_SIGNAL, 1);
	el_set(t.el, EL_ADDFN, "complete", "completes the word", complete);
	el_set(t.el, EL_BIND, "\t", "complete", NULL);
	open_history(&t);
	/* The person's own keys. */
	el_source(t.el, NULL);
	run_lines(&t);
	if (!s->quit)
		putchar('\n');
	close_history(&t);
	el_end(t.el);
	return shell_leave(s);
}

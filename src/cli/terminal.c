/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/terminal.h"

#include <string.h>
#include <sys/ioctl.h>

static void clear(struct terminal *t)
{
	if (t->status_shown)
		fputs("\r\033[K", stderr);
	t->status_shown = false;
}

static void write_line(struct log *log, enum log_level level, const char *line)
{
	static const char *const names[] = {"error: ", "warning: ", "", ""};
	struct terminal *t = log->ctx;
	pthread_mutex_lock(&t->lock);
	clear(t);
	fprintf(stderr, "lunar: %s%s\n", names[level], line);
	pthread_mutex_unlock(&t->lock);
}

void terminal_init(struct terminal *t, enum log_level level)
{
	*t = (struct terminal){
		.log = {.level = level, .write = write_line, .ctx = t},
		.is_tty = isatty(STDERR_FILENO),
	};
	pthread_mutex_init(&t->lock, NULL);
}

void terminal_status(struct terminal *t, const char *text)
{
	struct winsize size = {0};
	if (!t->is_tty)
		return;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		size.ws_col = 80;
	/* A line that reaches the last column cannot be written over. */
	pthread_mutex_lock(&t->lock);
	fprintf(stderr, "\r%.*s\033[K", size.ws_col - 1, text);
	t->status_shown = true;
	pthread_mutex_unlock(&t->lock);
}

void terminal_clear(struct terminal *t)
{
	pthread_mutex_lock(&t->lock);
	clear(t);
	pthread_mutex_unlock(&t->lock);
}

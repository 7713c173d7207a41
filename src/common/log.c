/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const level_names[] = {"error", "warning", "info", "debug"};

static const char *const module_names[LOG_MODULES] = {
	[LOG_ISCSI] = "iscsi",         [LOG_LOGIN] = "login",     [LOG_SCSI] = "scsi",
	[LOG_BACKSTORE] = "backstore", [LOG_REACTOR] = "reactor", [LOG_SANDBOX] = "sandbox",
	[LOG_CONFIG] = "config",       [LOG_CONTROL] = "control", [LOG_DAEMON] = "daemon",
	[LOG_AUDIT] = "audit",         [LOG_CLI] = "cli",         [LOG_OTHER] = "other",
};

/* The first row that is part of the file's name. */
static const struct {
	const char *part;
	enum log_module module;
} files[] = {
	{"/target/login", LOG_LOGIN},  {"/target/backoff", LOG_LOGIN},
	{"/target/access", LOG_LOGIN}, {"/daemon/admin", LOG_AUDIT},
	{"/target/", LOG_ISCSI},       {"/iscsi/", LOG_ISCSI},
	{"/scsi/", LOG_SCSI},          {"/backstore/", LOG_BACKSTORE},
	{"/reactor/", LOG_REACTOR},    {"/sandbox/", LOG_SANDBOX},
	{"/config/", LOG_CONFIG},      {"/control/", LOG_CONTROL},
	{"/daemon/", LOG_DAEMON},      {"/cli/", LOG_CLI},
};

static enum log_module module_of(const char *file)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (strstr(file, files[i].part))
			return files[i].module;
	return LOG_OTHER;
}

const char *log_module_name(enum log_module module)
{
	return module_names[module];
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

/* --- lines */

static unsigned get(const unsigned char *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

static bool is_wanted(const struct log *log, enum log_level level, const char *file)
{
	bool wanted = level <= __atomic_load_n(&log->level, __ATOMIC_RELAXED);
	if (!get(&log->some))
		return wanted;
	unsigned own = get(&log->own[module_of(file)]);
	return own ? level + 1u <= own : wanted;
}

void log_line(struct log *log, enum log_level level, const char *file, const char *fmt, ...)
{
	char line[1024];
	size_t len = 0;
	if (!log || !is_wanted(log, level, file))
		return;
	if (log->tagged)
		len = (size_t)snprintf(line, sizeof(line), "%s: ", module_names[module_of(file)]);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line + len, sizeof(line) - len, fmt, ap);
	va_end(ap);
	if (log->write)
		log->write(log, level, line);
	else
		fprintf(stderr, "lunar: %s: %s\n", level_names[level], line);
}

/* --- levels */

/* The place of `name` in the list; `count`: it is not there. */
static unsigned find(const char *const *names, unsigned count, const char *name, size_t len)
{
	unsigned i = 0;
	while (i < count && (strlen(names[i]) != len || memcmp(names[i], name, len) != 0))
		i++;
	return i;
}

static int refuse(char *why, size_t why_size, const char *what, const char *text, size_t len,
		  const char *const *names, unsigned count)
{
	char safe[64];
	size_t n = (size_t)snprintf(
		why, why_size, "\"%s\" is no %s:", log_safe(safe, sizeof(safe), text, len), what);
	for (unsigned i = 0; i < count && n < why_size; i++)
		n += (size_t)snprintf(why + n, why_size - n, " %s", names[i]);
	return -EINVAL;
}

/* What is being put together, before any of it is so. */
struct levels {
	enum log_level level;
	unsigned char own[LOG_MODULES];
};

static int take(struct levels *to, const char *text, size_t len, char *why, size_t why_size)
{
	const char *equals = memchr(text, '=', len);
	const char *word = equals ? equals + 1 : text;
	size_t word_len = len - (size_t)(word - text);
	unsigned level = find(level_names, ARRAY_SIZE(level_names), word, word_len);
	if (level == ARRAY_SIZE(level_names))
		return refuse(why, why_size, "level of the log", word, word_len, level_names,
			      ARRAY_SIZE(level_names));
	if (!equals) {
		*to = (struct levels){.level = (enum log_level)level};
		return 0;
	}
	unsigned module = find(module_names, LOG_MODULES, text, (size_t)(equals - text));
	if (module == LOG_MODULES)
		return refuse(why, why_size, "module of the log", text, (size_t)(equals - text),
			      module_names, LOG_MODULES);
	to->own[module] = (unsigned char)(level + 1);
	return 0;
}

static void apply(struct log *log, const struct levels *from)
{
	unsigned char some = 0;
	__atomic_store_n(&log->level, from->level, __ATOMIC_RELAXED);
	for (size_t i = 0; i < LOG_MODULES; i++) {
		__atomic_store_n(&log->own[i], from->own[i], __ATOMIC_RELAXED);
		some |= from->own[i] != 0;
	}
	__atomic_store_n(&log->some, some, __ATOMIC_RELAXED);
}

int log_set_levels(struct log *log, const char *text, char *why, size_t why_size)
{
	struct levels levels = {.level = log->level};
	memcpy(levels.own, log->own, sizeof(levels.own));
	for (;;) {
		size_t len = strcspn(text, ",");
		int err = take(&levels, text, len, why, why_size);
		if (err)
			return err;
		if (!text[len])
			break;
		text += len + 1;
	}
	apply(log, &levels);
	return 0;
}

char *log_levels(const struct log *log, char out[LOG_LEVELS_TEXT])
{
	size_t n = (size_t)snprintf(out, LOG_LEVELS_TEXT, "%s", level_names[log->level]);
	for (size_t i = 0; i < LOG_MODULES && n < LOG_LEVELS_TEXT; i++)
		if (log->own[i])
			n += (size_t)snprintf(out + n, LOG_LEVELS_TEXT - n, ",%s=%s",
					      module_names[i], level_names[log->own[i] - 1]);
	return out;
}

char *log_safe(char *out, size_t size, const void *text, size_t len)
{
	const unsigned char *in = text;
	size_t n = 0;
	for (size_t i = 0; i < len && n + 5 <= size; i++) {
		if (in[i] >= 0x20 && in[i] < 0x7f && in[i] != '\\')
			out[n++] = (char)in[i];
		else
			n += (size_t)snprintf(out + n, 5, "\\x%02x", in[i]);
	}
	if (size)
		out[n] = 0;
	return out;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "config/schema.h"

int args_refuse(const char *option, const char *value, const char *what, char *why, size_t why_size)
{
	snprintf(why, why_size, "--%s: \"%.40s\" is not %s", option, value, what);
	return -EINVAL;
}

int args_number(const char *option, const char *value, unsigned most, unsigned *out, char *why,
		size_t why_size)
{
	char *end, what[40];
	errno = 0;
	unsigned long n = strtoul(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || errno || !n || n > most) {
		snprintf(what, sizeof(what), "a number from 1 to %u", most);
		return args_refuse(option, value, what, why, why_size);
	}
	*out = (unsigned)n;
	return 0;
}

static const struct arg_option *find(const struct arg_table *table, const char *name, size_t len)
{
	for (size_t i = 0; i < table->count; i++) {
		const char *n = table->options[i].name;
		if (strlen(n) == len && !memcmp(n, name, len))
			return &table->options[i];
	}
	return NULL;
}

static int set(const struct arg_option *o, void *options, const char *value, char *why,
	       size_t why_size)
{
	void *at = (char *)options + o->offset;
	uint64_t size;
	switch (o->type) {
	case ARG_SWITCH: *(bool *)at = true; return 0;
	case ARG_TEXT: *(const char **)at = value; return 0;
	case ARG_CALL: return o->call(options, value, why, why_size);
	case ARG_SIZE: break;
	}
	if (config_parse_size(value, &size) || !size) {
		snprintf(why, why_size,
			 "--%s: \"%.60s\" is not a size; write it as 512M, 10G or 1T", o->name,
			 value);
		return -EINVAL;
	}
	*(uint64_t *)at = size;
	return 0;
}

/* One option at argv[0]. Returns how many words it took, or -errno. */
static int parse_option(const struct arg_table *table, void *options, char **argv, char *why,
			size_t why_size)
{
	const char *name = argv[0] + 2;
	const char *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct arg_option *o = argv[0][1] == '-' ? find(table, name, len) : NULL;
	if (!o) {
		snprintf(why, why_size, "there is no option %.80s", argv[0]);
		return -EINVAL;
	}
	if (!o->value && equals) {
		snprintf(why, why_size, "--%s takes no value", o->name);
		return -EINVAL;
	}
	bool separate = o->value && !equals;
	const char *value = equals ? equals + 1 : separate ? argv[1] : "";
	if (!value) {
		snprintf(why, why_size, "--%s needs a value: --%s %s", o->name, o->name, o->value);
		return -EINVAL;
	}
	int err = set(o, options, value, why, why_size);
	return err ? err : 1 + separate;
}

static int args_unexpected(const char *word, char *why, size_t why_size)
{
	snprintf(why, why_size, "\"%.60s\" is not expected here", word);
	return -EINVAL;
}

int args_parse(const struct arg_table *table, void *options, char **argv, char *why,
	       size_t why_size)
{
	bool only_files = false;
	while (*argv) {
		int used = 1;
		if (only_files || argv[0][0] != '-' || !argv[0][1]) {
			int err = table->positional
					  ? table->positional(options, argv[0], why, why_size)
					  : args_unexpected(argv[0], why, why_size);
			if (err)
				return err;
		} else if (!strcmp(argv[0], "--")) {
			only_files = true;
		} else if (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h")) {
			return ARGS_HELP;
		} else {
			used = parse_option(table, options, argv, why, why_size);
			if (used < 0)
				return used;
		}
		argv += used;
	}
	return 0;
}

void args_help(const struct arg_table *table, FILE *out)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct arg_option *o = &table->options[i];
		char left[48];
		snprintf(left, sizeof(left), "--%s%s%s", o->name, o->value ? " " : "",
			 o->value ? o->value : "");
		fprintf(out, "  %-28s %s\n", left, o->help);
	}
	fprintf(out, "  %-28s %s\n", "--help", "this text");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Command lines by table: "--name VALUE", "--name=VALUE", switches, and "--" before odd file names. */
#ifndef LUNAR_CONFIG_ARGS_H
#define LUNAR_CONFIG_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum arg_type {
	ARG_SWITCH, /* bool */
	ARG_TEXT,   /* const char *, into argv */
	ARG_SIZE,   /* uint64_t, bytes, more than 0 */
	ARG_CALL,   /* `call` takes it */
};

typedef int arg_call(void *options, const char *value, char *why, size_t why_size);

struct arg_option {
	const char *name;  /* without its dashes */
	const char *value; /* what the help calls its value; NULL for a switch */
	const char *help;
	enum arg_type type;
	size_t offset;  /* of the field, in the struct of options */
	arg_call *call; /* ARG_CALL: 0, or -errno with `why` */
};

struct arg_table {
	const struct arg_option *options;
	size_t count;
	arg_call *positional; /* takes what is no option; NULL: there is no such thing */
};

enum { ARGS_HELP = 1 }; /* --help or -h was met */

/* 0, ARGS_HELP, or -errno with one line in `why`. */
int args_parse(const struct arg_table *table, void *options, char **argv, char *why,
	       size_t why_size);
/* For calls: "--OPTION: "VALUE" is not WHAT" into `why`. -EINVAL. */
int args_refuse(const char *option, const char *value, const char *what, char *why,
		size_t why_size);
/* Likewise: a number from 1 to `most`. 0, or -EINVAL with `why`. */
int args_number(const char *option, const char *value, unsigned most, unsigned *out, char *why,
		size_t why_size);
void args_help(const struct arg_table *table, FILE *out);

#endif

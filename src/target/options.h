/* SPDX-License-Identifier: BSD-2-Clause */
/* How a target runs, as every command line that starts one takes it. */
#ifndef LUNAR_TARGET_OPTIONS_H
#define LUNAR_TARGET_OPTIONS_H

#include "config/schema.h"

struct target_options {
	struct config_limits limits;
	const char *engine; /* NULL: the first that the kernel lets us have */
	unsigned reactors;  /* 0: one for each processor, as far as memory goes */
};

/* Values of --engine, --reactors and --limit. 0, or -errno with one line in `why`. Engine names are not copied. */
int target_take_engine(struct target_options *o, const char *value, char *why, size_t why_size);
int target_take_reactors(struct target_options *o, const char *value, char *why, size_t why_size);
int target_take_limit(struct target_options *o, const char *value, char *why, size_t why_size);
/* What they cannot say one by one. */
int target_options_verify(const struct target_options *o, char *why, size_t why_size);

/* How many reactors that makes here. */
unsigned target_reactors(const struct target_options *o);

#endif

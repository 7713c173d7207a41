/* SPDX-License-Identifier: BSD-2-Clause */
/* Secrets: from a file, from the environment, or asked for. Never from an argument, which all see. */
#ifndef LUNAR_CLI_SECRET_H
#define LUNAR_CLI_SECRET_H

#include "common/log.h"

#define SECRET_SIZE 256

struct secret_source {
	const char *user;
	const char *file;     /* NULL: none was named */
	const char *option;   /* that would name one */
	const char *variable; /* of the environment; taken out of it */
};

/* 0, or -errno with `why`. The caller wipes `out` with secret_wipe(). */
int secret_get(const struct secret_source *from, char out[SECRET_SIZE], struct log *log, char *why,
	       size_t why_size);
void secret_wipe(char secret[SECRET_SIZE]);

#endif

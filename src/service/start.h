/* SPDX-License-Identifier: BSD-2-Clause */
/* The start of a daemon: its log, its places, who may administer. */
#ifndef LUNAR_SERVICE_START_H
#define LUNAR_SERVICE_START_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "common/log.h"

#define SERVICE_PATH 512 /* of a place, with its NUL */

/* --log-level, --verbose and --quiet, as the options of both daemons have them. `levels` may be NULL. */
void service_log(struct log *log, const char *levels, bool verbose, bool quiet);
/* Whether `levels` is a word of --log-level: 0, or -errno with `why`. They are taken when there is a log. */
int service_check_levels(const char *levels, char *why, size_t why_size);

/* One of a daemon's files and directories: what was given, or `name` in `dir`, or `standard`. */
struct service_place {
	char *out; /* of SERVICE_PATH */
	const char *given, *dir, *name, *standard;
};
/* 0, or -ENAMETOOLONG with `why`. */
int service_places(const struct service_place *places, size_t count, char *why, size_t why_size);
/* Found from wherever the process is. 0, or -errno with `why`. */
int service_make_absolute(char path[SERVICE_PATH], char *why, size_t why_size);
/* `out`: the directory of a file. */
void service_dir_of(const char *file, char out[SERVICE_PATH]);
/* Makes it, and those above it. 0, or -errno with `why`. */
int service_make_dir(const char *path, mode_t mode, char *why, size_t why_size);
/* (gid_t)-1 for NULL. 0, or -ENOENT with `why`. */
int service_find_group(const char *name, gid_t *out, char *why, size_t why_size);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* How far a copy came, in a file, for one that goes on. It speaks of what is durable, and of nothing else. */
#ifndef LUNAR_COPY_JOURNAL_H
#define LUNAR_COPY_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_MAX      8192 /* bytes of its text */
#define JOURNAL_IDENTITY 600

struct journal {
	char from[JOURNAL_IDENTITY], to[JOURNAL_IDENTITY]; /* what both have to be */
	uint64_t total, done;                              /* bytes */
};

/* 0, or -EINVAL: it is none, or not whole; -EPROTONOSUPPORT: of a later version. Any bytes. */
int journal_parse(struct journal *out, const char *text, size_t len);
/* 0; -ENOENT: there is none; -EINVAL and so on as above; what open(2) says. */
int journal_read(struct journal *out, const char *path);
/* So that the name of a file is there after a power cut, too. 0 or -errno. */
int journal_sync_name(const char *path);
/* It replaces the one before at once, and is durable. 0 or -errno. */
int journal_write(const struct journal *j, const char *path);

#endif

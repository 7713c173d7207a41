/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One record in memory: a value for each row of its kind, and the text that it is in a file:
 *
 *     # BEGIN RECORD 2.1.8
 *     node.name = iqn.2026-11.org.example:store
 *     # END RECORD
 *
 * Memory is the record's; secrets are wiped when it goes. One thread.
 */
#ifndef LUNAR_RECORDS_RECORD_H
#define LUNAR_RECORDS_RECORD_H

#include "common/buf.h"
#include "records/rows.h"

#define RECORD_TEXT_MAX   65536 /* bytes of a file */
#define RECORD_LINE_MAX   2047  /* bytes of a line: open-iscsi reads no longer ones */
#define RECORD_OTHERS_MAX 64    /* keys of a record that are not ours */

struct record {
	enum record_kind kind;
	char **values; /* one for each of record_rows; NULL: the default */
	/* "key = value" that is not known: kept, so that another program's record stays whole. */
	char *others[RECORD_OTHERS_MAX];
	size_t other_count;
};

/* What is said of a text while it is read, line by line. */
struct record_say {
	void (*say)(void *ctx, const char *line); /* NULL: nobody listens */
	void *ctx;
};
void record_say(const struct record_say *to, const char *fmt, ...) PRINTF(2, 3);

/* All defaults; NULL: no memory. */
struct record *record_new(enum record_kind kind);
void record_free(struct record *r);
struct record *record_copy(const struct record *r);

/* The value, or the default; "" where there is none. NULL: this kind has no such key. */
const char *record_get(const struct record *r, const char *key);
/* The value of a number, or a default. */
int64_t record_number(const struct record *r, const char *key);
/* The value is that of the row's default. */
bool record_is_default(const struct record *r, const char *key);

/*
 * Sets a value. 0; -ENOENT: no such key; -EPERM: the record is found by it; -EINVAL, -ERANGE: not of its form;
 * -ENOMEM. With `why`. On error nothing is changed.
 */
int record_set(struct record *r, const char *key, const char *value, struct config_why *why);
/* Likewise, of what records are found by, too: for who makes them. */
int record_put(struct record *r, const char *key, const char *value, struct config_why *why);
int record_put_number(struct record *r, const char *key, int64_t value, struct config_why *why);

/* A change that somebody asks for, as -n NAME -v VALUE. */
struct record_change {
	const char *key, *value;
};
/* All of them or none. */
int record_set_all(struct record *r, const struct record_change *changes, size_t count,
		   struct config_why *why);

/* Takes the values of `from` for the rows that both kinds have: a node those of its iface. */
int record_take(struct record *r, const struct record *from);

enum record_print {
	RECORD_MASKED, /* for eyes: "<empty>" for what is empty, "********" for secrets */
	RECORD_BARE,   /* likewise, with secrets: who asks for that has said so */
	RECORD_FILE, /* for the file: without what is empty, with secrets, and with what is not ours */
};
/* Appends the record, from BEGIN to END. The caller wipes `out` when there are secrets in it. 0, -ENOMEM,
 * -EMSGSIZE. */
int record_print(const struct record *r, enum record_print how, struct buf *out);

/*
 * Reads the text of a file, which may have lines in any order, with or without CR, BEGIN and END. Keys that are
 * not known are said and kept. `name` is for what is said. 0, and *out is to be freed; -EBADMSG: it is damaged,
 * and `why` says in which line and by what; -ENOMEM.
 */
int record_parse(struct record **out, enum record_kind kind, const char *name, const void *text,
		 size_t len, const struct record_say *say, struct config_why *why);

/*
 * One line of such a text, in place: its key and value, without the spaces around them. 1; 0: nothing is on it;
 * -EBADMSG with `why`.
 */
int record_line(char *line, char **key, char **value, struct config_why *why);
/* The next line of a text, without LF and CR, copied to `line` (RECORD_LINE_MAX + 1 bytes). 1; 0: no more;
 * -EBADMSG: too long, or with control characters. */
int record_next_line(const char *text, size_t len, size_t *at, char *line, struct config_why *why);

/* Frees text that may be a secret. */
void record_wipe(char *text);
/* A buffer with room for any record: it does not grow, and so leaves no copies. 0, or -ENOMEM. */
int record_buf_init(struct buf *b);
void record_wipe_buf(struct buf *b);

#endif

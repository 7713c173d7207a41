/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a record of the initiator has: one row for each key, with form, range, default and help. The names,
 * their order, the defaults and what is printed are those of open-iscsi 2.1.8; what is ours is marked, and is
 * printed only where it is set. Records, iscsid.conf, settings and documents are made of these rows and of
 * nothing else.
 *
 * Constant tables: any thread may read them.
 */
#ifndef LUNAR_RECORDS_ROWS_H
#define LUNAR_RECORDS_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "config/attributes.h"

enum record_kind {
	RECORD_NODE,        /* one portal of a target, by one iface */
	RECORD_SENDTARGETS, /* a portal that is asked for targets */
	RECORD_ISNS,        /* a name server: kept, and not asked */
	RECORD_IFACE,       /* from where connections go out */
	RECORD_KINDS,
};
#define RECORD_IN(kind) (1u << (kind)) /* in a mask of kinds */

/* What keys are about, for documents. */
enum record_group {
	RECORD_IDENTITY,
	RECORD_STARTUP,
	RECORD_AUTH,
	RECORD_TIMES,
	RECORD_QUEUES,
	RECORD_NEGOTIATION,
	RECORD_TCP,
	RECORD_FROM, /* the iface */
	RECORD_CARD, /* the iface, as cards with an initiator of their own want it */
	RECORD_ASKING,
	RECORD_GROUPS,
};

enum record_form {
	RECORD_TEXT,   /* UTF-8 without control characters, at most `max` bytes */
	RECORD_SECRET, /* likewise; masked where it is shown */
	RECORD_NUMBER, /* min to max */
	RECORD_WORD,   /* one of `choices` */
	RECORD_WORDS,  /* some of `choices`, with commas, in order of preference */
	RECORD_ISCSI_NAME,
	RECORD_HOST,  /* an address, or the name of a host */
	RECORD_LABEL, /* what may be the name of a file */
	RECORD_PATH,  /* absolute */
	RECORD_LUNS,  /* numbers and ranges with commas */
	RECORD_LUNS_OR_ALL,
	RECORD_FORMS,
};

/* What the initiator does with it. */
enum record_effect {
	RECORD_OBEYED,
	RECORD_IN_PART,   /* `note` says which part */
	RECORD_KEPT,      /* for those who read records: nothing here depends on it */
	RECORD_NO_EFFECT, /* `note` says why */
};

enum record_flag {
	RECORD_LOOKUP = 1,     /* the record is found by it: it cannot be changed */
	RECORD_DISCOVERED = 2, /* says where the record came from; discovery writes it */
	RECORD_HIDDEN = 4,     /* taken, and neither kept nor shown */
	RECORD_OPTIONAL = 8,   /* printed only where it is set */
	RECORD_OURS = 16,      /* open-iscsi has no such thing; optional, too */
	RECORD_V4 = 32,        /* of ifaces with an IPv4 address, or none */
	RECORD_V6 = 64,        /* of ifaces with an IPv6 address */
};

struct record_row {
	const char *name;
	unsigned kinds; /* RECORD_IN() */
	enum record_group group;
	enum record_form form;
	enum record_effect effect;
	unsigned flags;
	int64_t min, max;
	const char *const *choices; /* ends with NULL */
	const char *standard;       /* the default; "" where there is none */
	const char *help;           /* one line, no full stop */
	const char *note;           /* NULL, or why not all of it is obeyed */
};

/* In the order in which they are printed. */
extern const struct record_row record_rows[];
extern const size_t record_row_count;

/* The place in record_rows of a key of this kind, searched for from `from` on and then from the start;
 * record_row_count: there is none. */
size_t record_row_find(enum record_kind kind, const char *name, size_t from);
const char *record_group_name(enum record_group group);

#define RECORD_SECRET_MAX 255 /* bytes */

/*
 * Checks what a person or a file wrote and gives it in its normal form, to be freed. "<empty>", which is how
 * nothing is shown, is nothing. 0; -EINVAL; -ERANGE; -ENOMEM. `why` names key, value, range and an example;
 * a secret is not in it.
 */
int record_check(const struct record_row *row, const char *text, char **out,
		 struct config_why *why);
/* What may be written: "a number from 512 to 16777215", "manual, automatic or onboot". */
const char *record_syntax(const struct record_row *row, char *out, size_t size);

/* Whether `text` may be part of the name of a file: not empty, not "." or "..", no '/', ',', space or control
 * character, and ASCII. Such names cannot lead elsewhere (CVE-2026-44943). */
bool record_label_valid(const char *text);
bool record_host_valid(const char *text);

#endif

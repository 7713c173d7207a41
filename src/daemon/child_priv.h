/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the process that faces the network share. */
#ifndef LUNAR_DAEMON_CHILD_PRIV_H
#define LUNAR_DAEMON_CHILD_PRIV_H

#include <pthread.h>
#include "daemon/child.h"
#include "daemon/orders.h"
#include "reactor/crew.h"
#include "scsi/ending.h"
#include "scsi/lu_store.h"
#include "service/voice.h"

/* A LU, and whoever opens its device for it. */
struct child_lu {
	struct bs_opener opener;
	struct child *child;
	uint32_t number;
	struct scsi_lu *lu;
	struct lu_store_opener keeper;
	struct lu_store *store; /* the LU's; NULL: none */
	enum { REOPEN_IDLE, REOPEN_ASKED, REOPEN_ANSWERED } state;
	int file; /* or -errno, once it is answered */
	char why[ORDER_WHY_SIZE];
	struct errand *removal;
	struct errand *format; /* waits until nothing of it is in use any more */
	struct timer format_timer;
};

/* An order on its way. */
struct errand {
	struct mail mail;
	struct child *child;
	struct order order;
	int file;  /* -1: none, or taken */
	int store; /* likewise, the second one */
	char why[ORDER_WHY_SIZE];
};

struct child {
	const struct child_options *o;
	int end;
	pthread_t listener;
	struct reactor *r;
	struct crew *crew; /* NULL: no other reactors */
	struct target *target;
	struct child_lu **lus; /* by number; NULL: none */
	size_t lu_count;

	struct voice voice;
	struct ending stores;
	int result;
};

/* Of an order's text: NULL for "". */
static inline const char *or_null(const char *text)
{
	return text[0] ? text : NULL;
}

/* `word` is copied. What was said before comes first. */
static inline void child_say(struct child *c, const struct word *word)
{
	voice_say(&c->voice, word, sizeof(*word));
}

/* --- child_orders.c */
enum {
	ERRAND_LATER = 1, /* errand_end() comes, not from inside */
	ERRAND_GONE,      /* it has come, or will */
};
/* Carries it out: 0, -errno with e->why, or one of these. */
int errand_run(struct errand *e);
void errand_end(struct errand *e, int err);

/* --- child_lu.c */
int child_lu_add(struct errand *e);
int child_lu_remove(struct errand *e);
int child_lu_resize(struct errand *e);
int child_lu_opened(struct errand *e);
int child_lu_store(struct errand *e);
int child_lu_set(struct errand *e);
int child_lu_format(struct errand *e);
int child_stats(struct errand *e);
/* NULL, with e->why: there is none. */
struct child_lu *child_lu_find(struct errand *e);

#endif

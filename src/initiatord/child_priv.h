/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the process that faces the network share. */
#ifndef LUNAR_INITIATORD_CHILD_PRIV_H
#define LUNAR_INITIATORD_CHILD_PRIV_H

#include <pthread.h>
#include "driver/link.h"
#include "initiatord/child.h"
#include "initiatord/orders.h"
#include "initiatord/rights_link.h"
#include "service/voice.h"

/* An order on its way. */
struct errand {
	struct mail mail;
	struct child *child;
	struct order order;
	int file; /* -1: none, or taken */
	uint32_t reason;
	char why[ORDER_WHY_SIZE];
};

/* A session with a target. */
struct child_session {
	struct list link; /* child->sessions */
	struct child *child;
	uint32_t number;
	struct node_settings settings; /* without its secrets, once it is made */
	struct ini_link *ini;
	struct dev_session *devices;
	bool settled;          /* its LUNs were asked since it was made */
	bool ended;            /* for good: it is freed when nothing of it runs any more */
	struct errand *login;  /* waits for it; NULL: nobody does */
	struct errand *logout; /* likewise */
	struct deferred ending;
};

/* A disk that is attached, or is to be. */
struct child_disk {
	struct list link; /* child->disks */
	struct child *child;
	uint32_t number;
	struct order_attach o;
	struct device *device;      /* NULL: it is waited for */
	struct attach *attach;      /* NULL: not begun */
	int listener;               /* -1: none, or the attach's */
	char links[3][ATTACH_PATH]; /* "": none */
	struct errand *begin, *end;
	bool forced;
	struct timer deadline;
	struct deferred freeing;
};

struct child {
	const struct child_options *o;
	int end;
	pthread_t listener;
	struct reactor *r;
	struct rights_link rights;
	struct dev_set *set;
	struct list sessions, disks, finds;
	struct deferred look, sweep, compare;
	struct list seen; /* struct seen_lu, in the order of the set's devices */

	struct voice voice;
	bool ending, leaving;
	struct timer end_timer;
};

/* `word` is copied. What was said before comes first. */
static inline void child_say(struct child *c, const struct word *word)
{
	voice_say(&c->voice, word, sizeof(*word));
}

/* --- child.c */
enum {
	ERRAND_LATER = 1, /* errand_end() comes, not from inside */
};
/* The answer to it; frees it. */
void errand_end(struct errand *e, int err);
/* Writes e->why, and is -err. */
int errand_refuse(struct errand *e, int err, const char *fmt, ...) PRINTF(3, 4);
/* Everything has ended, if it has. */
void child_end_if_over(struct child *c);

/* --- child_session.c */
int child_login(struct errand *e);
int child_logout(struct errand *e);
int child_rescan(struct errand *e);
int child_resolved(struct errand *e);
void child_sessions_end(struct child *c, bool force);
void child_session_row(const struct child_session *s, struct word *word);
/* What a node's settings say, but for its names and its addresses. */
void child_config(const struct child *c, const struct node_settings *s, struct ini_config *out);
/* Asks the parent for the addresses of a name. */
void child_resolve(struct child *c, uint32_t number, uint32_t query, const char *host,
		   uint16_t port);
/* Why a login did not come to be. */
int errand_take_why(struct errand *e, const struct ini_why *why);

/* --- child_find.c: what a portal tells of */
int child_discover(struct errand *e);
bool child_find_resolved(struct child *c, uint32_t number, const struct order_resolved *o);

/* --- child_disk.c */
extern const struct dev_set_ops child_set_ops;
int child_attach(struct errand *e);
int child_detach(struct errand *e);
/* Disks that wait look for their devices; devices that nobody needs go. Later, from the reactor's loop. */
void child_look(struct child *c);
void child_disks_init(struct child *c);
void child_disks_end(struct child *c);

/* --- child_seen.c: what is different of LUs is said, once */
void child_seen_init(struct child *c);
/* Something may be. Later, from the reactor's loop. */
void child_compare(struct child *c);
/* The device is about to be freed. */
void child_seen_forget(struct child *c, const struct device *device);

/* --- child_rows.c */
void child_path_row(const struct dev_path_view *v, struct word_path *out);
int child_say_sessions(struct errand *e);
int child_say_devices(struct errand *e);

#endif

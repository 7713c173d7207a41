/* SPDX-License-Identifier: BSD-2-Clause */
#include "initiatord/fdstore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "initiatord/fdholder.h"

struct entry {
	struct list link;
	char name[FDHOLDER_NAME];
	int fd; /* ours; in `put` it is somebody else's, and good for as long as it is put */
};

static struct entry *find(const struct list *list, const char *name)
{
	list_for_each (it, list) {
		struct entry *e = list_entry(it, struct entry, link);
		if (!strcmp(e->name, name))
			return e;
	}
	return NULL;
}

static struct entry *add(struct list *list, const char *name, int fd)
{
	struct entry *e = find(list, name);
	if (!e) {
		e = calloc(1, sizeof(*e));
		if (!e)
			return NULL;
		snprintf(e->name, sizeof(e->name), "%s", name);
		list_add_tail(list, &e->link);
	}
	e->fd = fd;
	return e;
}

static void forget(struct entry *e)
{
	list_del(&e->link);
	free(e);
}

static void found(struct fdstore *s, const char *name, int fd)
{
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (find(&s->found, name) || !add(&s->found, name, fd))
		close(fd);
}

/* --- who keeps them */

static void take_from_manager(struct fdstore *s)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(true, &names);
	if (n < 0)
		log_warning(s->log, "what the service manager passes cannot be used: %s",
			    strerror(-n));
	for (int i = 0; i < n; i++) {
		found(s, names ? names[i] : "", SD_LISTEN_FDS_START + i);
		if (names)
			free(names[i]);
	}
	free(names);
}

static void take_from_holder(struct fdstore *s)
{
	s->holder = fdholder_connect(s->dir, false);
	for (uint32_t i = 0; s->holder >= 0; i++) {
		struct fdholder_message m = {.kind = FDHOLDER_GET, .index = i};
		int fd = -1;
		if (fdholder_ask(s->holder, &m, &fd))
			return;
		found(s, m.name, fd);
	}
}

static int ask_holder(struct fdstore *s, enum fdholder_kind kind, const char *name, int fd)
{
	struct fdholder_message m = {.kind = kind};
	if (s->holder < 0 && kind == FDHOLDER_PUT)
		s->holder = fdholder_connect(s->dir, true);
	if (s->holder < 0)
		return s->holder;
	snprintf(m.name, sizeof(m.name), "%s", name);
	int err = fdholder_ask(s->holder, &m, &fd);
	if (err == -EPIPE || err == -ECONNRESET) {
		close(s->holder);
		s->holder = -1;
	}
	return err;
}

static int ask_manager(const char *name, int fd)
{
	char text[FDHOLDER_NAME + 64];
	/* FDPOLL: that a connection is in trouble is no reason to forget it. */
	snprintf(text, sizeof(text),
		 fd < 0 ? "FDSTOREREMOVE=1\nFDNAME=%s" : "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	int n = fd < 0 ? sd_notify(0, text) : sd_pid_notify_with_fds(0, 0, text, &fd, 1);
	return MIN(n, 0);
}

/* --- what there is */

void fdstore_open(struct fdstore *s, const char *dir, struct log *log)
{
	*s = (struct fdstore){
		.log = log, .dir = dir, .managed = getenv("NOTIFY_SOCKET") != NULL, .holder = -1};
	list_init(&s->found);
	list_init(&s->put);
	take_from_manager(s);
	if (!s->managed)
		take_from_holder(s);
}

int fdstore_put(struct fdstore *s, const char *name, int fd)
{
	struct entry *e = add(&s->put, name, fd);
	if (!e)
		return -ENOMEM;
	int err = s->managed ? ask_manager(name, fd) : ask_holder(s, FDHOLDER_PUT, name, fd);
	if (err == -EPIPE || err == -ECONNRESET) /* the holder was killed */
		err = ask_holder(s, FDHOLDER_PUT, name, fd);
	return err;
}

static void let_go(struct fdstore *s, const char *name)
{
	if (s->managed)
		ask_manager(name, -1);
	else
		ask_holder(s, FDHOLDER_REMOVE, name, -1);
}

void fdstore_remove(struct fdstore *s, const char *name)
{
	struct entry *e = find(&s->put, name);
	if (!e)
		return;
	forget(e);
	let_go(s, name);
}

int fdstore_take(struct fdstore *s, const char *name)
{
	struct entry *e = find(&s->found, name);
	if (!e)
		return -1;
	int fd = e->fd;
	forget(e);
	if (!add(&s->put, name, fd))
		let_go(s, name);
	return fd;
}

void fdstore_drop_rest(struct fdstore *s)
{
	while (!list_empty(&s->found)) {
		struct entry *e = list_first(&s->found, struct entry, link);
		log_warning(s->log, "nobody needs \"%.32s\", which was kept: it is let go",
			    e->name);
		close(e->fd);
		let_go(s, e->name);
		forget(e);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "config/fdio.h"
#include "config/json.h"
#include "daemon/daemon.h"

/* For changes that are under way to end, and for the new program to read what it is given. */
#define PATIENCE (20 * NSEC_PER_SEC)
#define LATER    (20 * NSEC_PER_MSEC)
/* For the process that faces the network to end: stores that hang are given up before. */
#define DRAIN_PATIENCE (30 * NSEC_PER_SEC)
/* For callers to have their answers; who does not read has none. */
#define TELL_PATIENCE (200 * NSEC_PER_MSEC)
#define TELL_AGAIN    NSEC_PER_MSEC

static const char deleted[] = " (deleted)";

void handover_init(struct handover *h, char **argv)
{
	*h = (struct handover){.argv = argv};
	ssize_t n = readlink("/proc/self/exe", h->exe, sizeof(h->exe) - 1);
	h->exe[MAX(n, 0)] = 0;
	size_t len = strlen(h->exe), tail = sizeof(deleted) - 1;
	if (len > tail && !strcmp(h->exe + len - tail, deleted))
		h->exe[len - tail] = 0;
}

/* --- what goes along */

static json_t *listeners_of(const struct daemon *d)
{
	json_t *list = json_array();
	for (const struct listener *l = listeners_next(d, NULL); l; l = listeners_next(d, l))
		json_array_append_new(list, json_integer(listener_socket(l)));
	return list;
}

static void add_disk(json_t *disks, json_t *ramdisks, struct disk *disk)
{
	struct bs_whole *whole = malloc(sizeof(*whole));
	int files[2];
	if (!whole)
		return;
	bs_pack_whole(disk->bs, whole, files);
	free(whole);
	if (disk->node->kind == CONFIG_RAMDISK)
		json_array_append_new(
			ramdisks, json_pack("{s:s, s:i}", "wwn", disk_wwn(disk), "fd", files[0]));
	else
		json_array_append_new(disks, json_pack("{s:s, s:i, s:i}", "path", disk->bs->path,
						       "fd", files[0], "lock", files[1]));
}

static json_t *document(struct daemon *d)
{
	struct buf text;
	buf_init(&text, CONFIG_TEXT_MAX);
	json_t *disks = json_array(), *ramdisks = json_array();
	for (size_t i = 0; i < d->disk_count; i++)
		if (d->disks[i])
			add_disk(disks, ramdisks, d->disks[i]);
	json_t *doc = config_save(d->tree, &text)
			      ? NULL
			      : json_pack("{s:i, s:s, s:s%, s:i, s:b, s:o, s:O, s:O}", "format",
					  HANDOVER_FORMAT, "version", LUNAR_VERSION, "config",
					  buf_str(&text), text.len, "control",
					  control_server_socket(d->control), "control_stays",
					  control_server_stays(d->control), "listeners",
					  listeners_of(d), "disks", disks, "ramdisks", ramdisks);
	json_decref(disks);
	json_decref(ramdisks);
	explicit_bzero(text.data, text.len);
	buf_free(&text);
	return doc;
}

/* The memfd, or -errno. */
static int write_state(struct daemon *d)
{
	json_t *doc = document(d);
	char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	json_decref(doc);
	int fd = text ? memfd_create("lunar-handover", MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1;
	int err = !text ? -ENOMEM : fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
	if (!err &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL))
		err = -errno;
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

/* --- the new program, for this process or for one that only looks */

/* Returns when it cannot be. */
static void become(const struct handover *h, const char *variable, int fd)
{
	char text[16];
	snprintf(text, sizeof(text), "%d", fd);
	if (fcntl(fd, F_SETFD, 0) || setenv(variable, text, 1))
		return;
	execv(h->exe, h->argv);
	int err = errno;
	unsetenv(variable);
	errno = err;
}

static void set_inherited(struct daemon *d, int flag)
{
	fcntl(control_server_socket(d->control), F_SETFD, flag);
	for (const struct listener *l = listeners_next(d, NULL); l; l = listeners_next(d, l))
		fcntl(listener_socket(l), F_SETFD, flag);
	struct bs_whole *whole = malloc(sizeof(*whole));
	for (size_t i = 0; whole && i < d->disk_count; i++) {
		int files[2];
		if (!d->disks[i])
			continue;
		bs_pack_whole(d->disks[i]->bs, whole, files);
		for (int k = 0; k < 2; k++)
			if (files[k] >= 0)
				fcntl(files[k], F_SETFD, flag);
	}
	free(whole);
}

/* --- step by step */

static void fail(struct daemon *d, const char *why)
{
	struct handover *h = &d->handover;
	timer_cancel(d->r, &h->timer);
	h->phase = HANDOVER_NONE;
	log_error(d->log, "the daemon is not handed over, and goes on as it is: %s", why);
	if (h->call)
		control_refuse(h->call, RPC_REFUSED, "The daemon goes on as it is: %s", why);
	h->call = NULL;
}

static void check(struct daemon *d)
{
	struct handover *h = &d->handover;
	int fd = write_state(d);
	int end = fd;
	h->checker = fd < 0 ? fd : spawn_process(&d->seat, &end);
	if (h->checker == 0) {
		become(h, HANDOVER_CHECK_ENV, end);
		_exit(127);
	}
	if (fd >= 0)
		close(fd);
	if (h->checker < 0) {
		fail(d, strerror(-h->checker));
		return;
	}
	h->phase = HANDOVER_CHECK;
	h->deadline = reactor_now(d->r) + PATIENCE;
	timer_set(d->r, &h->timer, h->deadline);
}

static bool is_busy(const struct daemon *d)
{
	return !d->ready || d->bringing_up || config_is_busy(d->tree);
}

static void go(struct daemon *d)
{
	struct handover *h = &d->handover;
	uint64_t now = reactor_now(d->r);
	if (control_server_is_sending(d->control) && now < h->deadline) {
		timer_set(d->r, &h->timer, now + TELL_AGAIN);
		return;
	}
	int fd = write_state(d), err = fd;
	if (fd >= 0) {
		openers_close(&d->openers);
		set_inherited(d, 0);
		become(h, HANDOVER_ENV, fd);
		err = -errno;
		set_inherited(d, FD_CLOEXEC);
		close(fd);
	}
	fail(d, strerror(-err));
	openers_init(&d->openers, d->r, &d->seat);
	daemon_start_again(d);
}

static void look(struct timer *t)
{
	struct daemon *d = container_of(t, struct daemon, handover.timer);
	struct handover *h = &d->handover;
	uint64_t now = reactor_now(d->r);
	if (h->phase == HANDOVER_GO) {
		if (!d->ending)
			go(d);
	} else if (h->phase == HANDOVER_DRAIN) {
		if (d->child > 0)
			kill(d->child, SIGKILL);
	} else if (h->phase == HANDOVER_CHECK) {
		kill(h->checker, SIGKILL);
	} else if (!is_busy(d)) {
		check(d);
	} else if (now < h->deadline) {
		timer_set(d->r, t, now + LATER);
	} else {
		fail(d, "its configuration is being changed, for too long");
	}
}

void handover_start(struct daemon *d, struct control_call *call)
{
	struct handover *h = &d->handover;
	if (h->phase || d->ending) {
		if (call)
			control_refuse(call, RPC_BUSY, "The daemon is %s already.",
				       d->ending ? "ending" : "being handed over");
		return;
	}
	h->phase = HANDOVER_WAIT;
	h->call = call;
	h->deadline = reactor_now(d->r) + PATIENCE;
	timer_init(&h->timer, look);
	timer_set(d->r, &h->timer, reactor_now(d->r));
}

/* Initiators see their connections end, and log in again; what has been answered is with the kernel. */
static void drain(struct daemon *d)
{
	struct handover *h = &d->handover;
	struct errand_out *e = is_busy(d) ? NULL : calloc(1, sizeof(*e));
	if (!e) {
		fail(d, "its configuration is being changed; try again");
		return;
	}
	h->phase = HANDOVER_DRAIN;
	timer_set(d->r, &h->timer, reactor_now(d->r) + DRAIN_PATIENCE);
	log_info(d->log, "the daemon is handed over to %s", h->exe);
	if (h->call)
		control_answer(h->call, json_pack("{s:[s]}", "said", "The daemon is handed over."));
	h->call = NULL;
	e->order = (struct order){.kind = ORDER_DRAIN, .seconds = 0, .flag = true};
	e->file = -1;
	e->done = courier_forget;
	courier_send(&d->courier, e);
}

bool handover_child_ended(struct daemon *d, pid_t pid, int status)
{
	struct handover *h = &d->handover;
	char why[600];
	if (h->phase != HANDOVER_CHECK || pid != h->checker)
		return false;
	timer_cancel(d->r, &h->timer);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		drain(d);
		return true;
	}
	snprintf(why, sizeof(why), "%s %s", h->exe,
		 WIFSIGNALED(status) ? "was killed when it was asked whether it can take over"
		 : WEXITSTATUS(status) == 127 ? "cannot be executed"
					      : "cannot take over");
	fail(d, why);
	return true;
}

bool handover_go(struct daemon *d)
{
	struct handover *h = &d->handover;
	if (h->phase != HANDOVER_DRAIN)
		return false;
	h->phase = HANDOVER_GO;
	h->deadline = reactor_now(d->r) + TELL_PATIENCE;
	timer_set(d->r, &h->timer, reactor_now(d->r));
	return true;
}

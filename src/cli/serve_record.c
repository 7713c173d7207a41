/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What outlives the LUs of `lunar serve` (scsi/lu_store.h): in the directory for its state, under their identities.
 * What is there is opened before the split; what is not is made by the parent when a LU first has something to keep.
 */
#include <errno.h>
#include <string.h>
#include "cli/serve.h"
#include "reactor/file.h"

/* How often the parent's answer is looked for. */
#define INTERVAL (2 * NSEC_PER_MSEC)

/* Memory has another identity each time, and who may only read need not be the only one who serves it. */
static bool keeps(const struct serve *s, size_t n)
{
	return s->state_dir[0] && s->o.disks[n].path && !s->o.readonly;
}

static int open_it(struct serve *s, size_t n, bool make, char *why, size_t why_size)
{
	char path[sizeof(s->state_dir) + 64] = "";
	int file =
		keeps(s, n) ? lu_store_path(path, sizeof(path), s->state_dir, s->ids[n]) : -EROFS;
	if (!file)
		file = lu_store_open(s->opening, path, make);
	if (file < 0)
		snprintf(why, why_size,
			 "%.240s: its persistent reservations, %s, cannot be %s: %s; set that "
			 "right, or move it away, and there are none",
			 s->o.disks[n].path, path, make ? "kept" : "read", lu_store_problem(file));
	return file;
}

int serve_record_open(struct serve *s, size_t n)
{
	s->records[n] = -1;
	if (!keeps(s, n))
		return 0;
	int file = open_it(s, n, false, s->why, sizeof(s->why));
	s->records[n] = MAX(file, -1);
	return file == -ENOENT ? 0 : MIN(file, 0);
}

int serve_record_make(struct serve *s, size_t n, char *why, size_t why_size)
{
	int file = open_it(s, n, true, why, why_size);
	if (file < 0)
		log_error(&s->term.log, "%s", why);
	return file;
}

void serve_record_close(struct serve *s)
{
	for (size_t i = 0; i < s->store_count; i++) {
		if (s->records[i] >= 0)
			file_close(s->opening, s->records[i]);
		s->records[i] = -1;
	}
}

/* --- asked for by a LU */

/* Behind those for disks. */
static int ask(struct serve_keeper *k)
{
	struct serve *s = k->s;
	char why[CHANNEL_WHY];
	if (s->o.no_sandbox)
		return serve_record_make(s, k->disk, why, sizeof(why));
	return channel_reopen(&s->channel, (uint32_t)(s->store_count + k->disk), why, sizeof(why));
}

static void look(struct timer *t)
{
	struct serve_keeper *k = container_of(t, struct serve_keeper, timer);
	int file = ask(k);
	if (file == -EINPROGRESS)
		timer_set(k->s->r, t, reactor_now(k->s->r) + INTERVAL);
	else
		lu_store_opened(k->store, file);
}

static int let_keep(struct lu_store_opener *o)
{
	struct serve_keeper *k = container_of(o, struct serve_keeper, opener);
	int file = ask(k);
	if (file == -EINPROGRESS)
		timer_set(k->s->r, &k->timer, reactor_now(k->s->r) + INTERVAL);
	return file;
}

int serve_record_give(struct serve *s, size_t n)
{
	struct serve_keeper *k = &s->keepers[n];
	if (!keeps(s, n))
		return 0;
	*k = (struct serve_keeper){.opener = {let_keep}, .s = s, .disk = n};
	timer_init(&k->timer, look);
	k->store = lu_store_new(s->r, s->records[n], &k->opener, s->ids[n]);
	if (!k->store)
		return serve_fail(s, -ENOMEM, "no memory");
	s->records[n] = -1;
	scsi_lu_set_store(s->lus[n], k->store);
	return 0;
}

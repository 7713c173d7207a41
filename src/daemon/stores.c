/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What outlives LUs: files in the state directory, which is ours and does not keep who opens waiting. Most LUs never
 * have one. The first time that one is to be made it is made elsewhere (opener.h), for its name has to be durable.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "daemon/daemon.h"
#include "reactor/file.h"
#include "scsi/lu_store.h"

int store_open(const struct daemon *d, const struct disk *disk, int *file, char *why,
	       size_t why_size)
{
	char path[BS_PATH_SIZE];
	*file = -1;
	if (!disk->keeps)
		return 0;
	int err = lu_store_path(path, sizeof(path), d->o.state_dir, disk->id);
	if (err) {
		snprintf(why, why_size, "the path of the state directory is too long");
		return err;
	}
	int opened = lu_store_open(d->r, path, false);
	if (opened >= 0)
		*file = opened;
	if (opened >= 0 || opened == -ENOENT)
		return 0;
	snprintf(why, why_size,
		 "its persistent reservations, %.300s, cannot be read: %s; set that right, or move "
		 "it away, and there are none",
		 path, lu_store_problem(opened));
	return opened;
}

/* --- made */

struct store_making {
	struct opening o;
	struct daemon *d;
	uint32_t number;
};

static struct disk *find(const struct daemon *d, uint32_t number)
{
	return number < d->disk_count ? d->disks[number] : NULL;
}

/* Takes over the descriptor. */
static void tell(struct daemon *d, uint32_t number, int file)
{
	struct errand_out *e = calloc(1, sizeof(*e));
	if (!e) {
		/* Whoever waits for it would for ever. */
		log_error(d->log, "no memory");
		if (file >= 0)
			close(file);
		if (d->child > 0)
			kill(d->child, SIGKILL);
		return;
	}
	e->order = (struct order){.kind = ORDER_LU_STORE, .lu = number, .err = MIN(file, 0)};
	e->file = MAX(file, -1);
	e->done = courier_forget;
	courier_send(&d->courier, e);
}

static void made(struct opening *o, const struct opener_answer *answer, const int files[2])
{
	struct store_making *w = container_of(o, struct store_making, o);
	struct daemon *d = w->d;
	struct disk *disk = find(d, w->number);
	bool wanted = disk && disk->making == w;
	if (answer->err)
		log_error(d->log, "persistent reservations cannot be kept: %s: %s", o->request.path,
			  lu_store_problem(answer->err));
	if (wanted) {
		disk->making = NULL;
		tell(d, w->number, answer->err ? answer->err : files[0]);
	} else if (files[0] >= 0) {
		close(files[0]);
	}
	free(w);
}

void store_make(struct daemon *d, uint32_t number)
{
	struct disk *disk = find(d, number);
	if (!disk || !disk->keeps) {
		tell(d, number, -EROFS);
		return;
	}
	if (disk->making)
		return; /* its answer comes */
	struct store_making *w = calloc(1, sizeof(*w));
	if (!w) {
		tell(d, number, -ENOMEM);
		return;
	}
	w->d = d;
	w->number = number;
	opening_init(&w->o, OPENER_STORE, made, NULL);
	int err = lu_store_path(w->o.request.path, sizeof(w->o.request.path), d->o.state_dir,
				disk->id);
	if (err) {
		free(w);
		tell(d, number, err);
		return;
	}
	disk->making = w;
	opener_ask(&d->openers, &w->o);
}

/* Its name goes for good: a LU that gets the same identity later has nothing of it. */
void store_remove(const struct daemon *d, const uint8_t id[16])
{
	char path[BS_PATH_SIZE];
	int err = lu_store_path(path, sizeof(path), d->o.state_dir, id);
	if (!err)
		err = file_remove(d->r, path);
	if (!err)
		err = file_sync_name(d->r, path);
	if (err && err != -ENOENT && err != -ENAMETOOLONG)
		log_warning(d->log, "%s, of a disk that is deleted, cannot be removed: %s", path,
			    strerror(-err));
}

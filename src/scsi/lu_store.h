/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of a LU outlives the daemon: records with versions, compared and set, durable when `done` says so. One
 * record for each LU today, its persistent reservations (pr_record.c). The first kind is a file of the LU's own;
 * an object that several gateways share is another.
 *
 * The file is two slots with the same record. A put writes one and makes it durable, then the other. So whatever
 * a power cut tears, the slot that was not being written is whole; and whatever rots, the other one has it. At
 * rest both are alike, which is why one damaged slot never hides an older record behind a newer one: when they
 * are not, after a put that was cut short or has failed, the store writes both by itself.
 *
 * All on the thread of its reactor.
 */
#ifndef LUNAR_SCSI_LU_STORE_H
#define LUNAR_SCSI_LU_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/list.h"
#include "reactor/reactor.h"

#define LU_STORE_MAX (192u << 10) /* bytes of a record */

struct lu_store;

/* One record on its way out. The owner's until `done`, its bytes too. */
struct lu_put {
	const uint8_t *data;
	size_t len; /* at most LU_STORE_MAX: else -EFBIG */
	/* The version that it follows, of lu_store_version(): -ESTALE when there is another by now. */
	uint64_t follows;
	/* 0: it is on stable storage. Once, maybe from inside. After an error either record may be found after a
	 * power cut, until the next put. */
	void (*done)(struct lu_put *put, int err);
	struct list link;
};

/* Who opens the file of a store that has none yet. `open` returns the handle, which is the store's then; or -errno;
 * or -EINPROGRESS, and lu_store_opened() is called later, not from inside. */
struct lu_store_opener {
	int (*open)(struct lu_store_opener *o);
};

/*
 * `file`: a handle that may be read and written; -1: there is no record yet, and the first put has it opened by
 * `opener` (NULL: -EROFS). Nobody else writes to it any more. Reads, which may block for a moment, and may begin
 * to write. What is wrong with the file is told by lu_store_get(). NULL: no memory; then `file` stays the
 * caller's. The store is the LU's, see scsi_lu_set_store().
 */
struct lu_store *lu_store_new(struct reactor *r, int file, struct lu_store_opener *opener,
			      const uint8_t id[16]);
/* It is quiet, or its reactor's operations are dead. NULL is fine. */
void lu_store_free(struct lu_store *s);
/* The record that was put last, or found when it was opened: 0; -ENODATA: none; -EBADMSG: there was one, and it is
 * damaged; or what reading said. The bytes last until the next put is done. */
int lu_store_get(const struct lu_store *s, const uint8_t **data, size_t *len);
/* Of that record. 0 for none. */
uint64_t lu_store_version(const struct lu_store *s);
/* One after the other. */
void lu_store_put(struct lu_store *s, struct lu_put *put);
/* The answer to -EINPROGRESS: the handle, or -errno. */
void lu_store_opened(struct lu_store *s, int file);
/* Nothing of it is under way. `quiet` is called each time it has become so, maybe from inside lu_store_put();
 * it does not free the store. */
bool lu_store_is_quiet(const struct lu_store *s);
void lu_store_watch(struct lu_store *s, void (*quiet)(void *ctx), void *ctx);

/* "DIR/reservations-ID". 0 or -ENAMETOOLONG. */
int lu_store_path(char *out, size_t size, const char *dir, const uint8_t id[16]);
/*
 * For who may open files: that one's handle; -ENOENT: there is none, unless it is to be made, and then its name is
 * durable. What is no file of its own is not followed: -ELOOP of a link, -EINVAL of a device or what else there is.
 */
int lu_store_open(struct reactor *r, const char *path, bool make);
/* What is wrong there, in words. */
const char *lu_store_problem(int err);

#endif

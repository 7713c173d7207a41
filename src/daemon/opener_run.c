/* SPDX-License-Identifier: BSD-2-Clause */
/* A process that opens disks for another one, one after the other. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "daemon/opener.h"
#include "sandbox/channel.h"
#include "sandbox/sandbox.h"
#include "scsi/lu_store.h"

struct opener {
	struct reactor *r;
	int end, answers;
	struct opener_request request;
	struct opener_answer answer;
	struct bs_files given;
	struct backstore *bs; /* what the answer is about; NULL: nothing */
	int files[2];
};

static void open_it(struct opener *o)
{
	struct opener_answer *a = &o->answer;
	a->err = bs_open_with(&o->bs, o->r, o->request.path, &o->request.opt, &o->given, a->why,
			      sizeof(a->why));
	if (!a->err)
		a->err = bs_identity(o->bs, o->request.state_dir, a->id, a->why, sizeof(a->why));
	if (!a->err)
		bs_pack_whole(o->bs, &a->whole, o->files);
}

static void open_again(struct opener *o)
{
	static const int none[2] = {-1, -1};
	struct opener_answer *a = &o->answer;
	a->err = bs_unpack_whole(&o->bs, o->r, &o->request.whole, none);
	int file = a->err ? a->err : bs_open_again(o->bs, a->why, sizeof(a->why));
	if (file < 0) {
		a->err = file;
		return;
	}
	bs_pack_whole(o->bs, &a->whole, o->files);
	bs_opened_again(o->bs, &a->whole, file);
	o->files[0] = file;
}

static void resize(struct opener *o)
{
	struct opener_answer *a = &o->answer;
	uint64_t size = o->request.size;
	struct file_info info;
	int file = file_open(o->r, o->request.path, O_RDWR, 0);
	int err = file < 0 ? file : file_info(o->r, file, &info);
	if (!err && info.kind == FILE_REGULAR && info.size != size)
		err = file_truncate(o->r, file, size);
	else if (!err && info.size != size)
		err = -EOPNOTSUPP;
	if (!err)
		err = file_sync(o->r, file);
	if (file >= 0)
		file_close(o->r, file);
	if (err)
		snprintf(a->why, sizeof(a->why), "%.256s cannot be given %llu bytes: %s%s",
			 o->request.path, (unsigned long long)size, strerror(-err),
			 err == -EOPNOTSUPP ? "; a device has the size that it has" : "");
	a->err = err;
}

static void make_store(struct opener *o)
{
	int file = lu_store_open(o->r, o->request.path, true);
	if (file < 0)
		o->answer.err = file;
	else
		o->files[0] = file;
}

static void look(struct opener *o)
{
	struct opener_answer *a = &o->answer;
	struct file_info info;
	a->err = file_stat(o->r, o->request.path, &info);
	if (a->err)
		snprintf(a->why, sizeof(a->why), "%.256s: %s", o->request.path, strerror(-a->err));
	else
		a->kind = info.kind;
}

static void (*const kinds[])(struct opener *o) = {
	[OPENER_OPEN] = open_it,     [OPENER_AGAIN] = open_again, [OPENER_RESIZE] = resize,
	[OPENER_STORE] = make_store, [OPENER_LOOK] = look,
};

/* The answer goes where descriptors can be taken out, and a word of it where it is waited for. */
static int answer(struct opener *o)
{
	int err = channel_send_files(o->answers, &o->answer, sizeof(o->answer), o->files, 2);
	return err ? err : channel_send(o->end, "", 1, -1);
}

/* Whoever asked has what was opened now, or is not there any more: then it was for nothing. */
static void let_go(struct opener *o, bool taken)
{
	if (o->bs && !taken && o->request.kind == OPENER_OPEN)
		bs_discard(o->bs);
	if (taken)
		bs_leave(o->bs);
	else
		bs_close(o->bs);
	o->bs = NULL;
	if (o->request.kind == OPENER_STORE && o->files[0] >= 0)
		file_close(o->r, o->files[0]);
	if (o->given.handle >= 0)
		close(o->given.handle);
	if (o->given.id_lock >= 0)
		close(o->given.id_lock);
}

static int serve_one(struct opener *o)
{
	int files[CHANNEL_FILES];
	size_t count;
	ssize_t n =
		channel_receive_files(o->end, &o->request, sizeof(o->request), files, &count, 0);
	if (n != (ssize_t)sizeof(o->request) || o->request.kind >= ARRAY_SIZE(kinds))
		return n < 0 ? (int)n : -EPIPE;
	o->given = (struct bs_files){-1, -1};
	if (count && o->request.has_handle)
		o->given.handle = files[0];
	size_t lock_at = o->request.has_handle ? 1 : 0;
	if (count > lock_at && o->request.has_lock)
		o->given.id_lock = files[lock_at];
	memset(&o->answer, 0, sizeof(o->answer));
	o->files[0] = o->files[1] = -1;
	kinds[o->request.kind](o);
	if (o->answer.err)
		o->files[0] = o->files[1] = -1;
	int err = answer(o);
	let_go(o, !err && !o->answer.err);
	return err;
}

void opener_run(struct log *log, pid_t parent, int end)
{
	struct opener *o = calloc(1, sizeof(*o));
	size_t count = 0;
	int files[CHANNEL_FILES];
	char byte = 0;
	spawn_end_with(parent);
	prctl(PR_SET_NAME, "lunar-opener", 0, 0, 0);
	if (!o || sandbox_keep(&end, 1) || reactor_new_epoll(&o->r, log) ||
	    channel_receive_files(end, &byte, 1, files, &count, 0) != 1 || count != 1)
		_exit(1);
	o->end = end;
	o->answers = files[0];
	while (!serve_one(o))
		;
	_exit(0);
}

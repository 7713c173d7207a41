/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A loop device on a file that FUSE shows: works wherever a kernel has both. The loop device does direct I/O, so
 * no page of the disk is cached twice; requests go from /dev/fuse into the buffers that the disk reads and writes.
 *
 * Whoever has the rights keeps the connection to FUSE open. So another process can take it over when this one
 * has gone; what was under way is asked for again, by kernels that can (Linux 6.9).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "attach/attach.h"
#include "attach/fuse_session.h"
#include "attach/probe.h"
#include "attach/rights.h"

enum keep_number { KEEP_RESENDS };

struct fuse {
	struct attach attach;
	struct rights *rights;
	struct rights_call call, abort, change;
	bool calling, aborting, changing, change_again;
	struct fuse_session session;
	bool serving; /* the session is there */
	bool force, losing;
	int outcome; /* of a start or a stop, while the session closes */
	void (*closed)(struct fuse *f);
};

static struct fuse *of(struct attach *a)
{
	return container_of(a, struct fuse, attach);
}

static int probe(char *why, size_t why_size)
{
	static const struct probe_path paths[] = {
		{.path = "/dev/fuse", .what = "FUSE (modprobe fuse)"},
		{.path = "/dev/loop-control", .what = "loop devices (modprobe loop)"},
	};
	return probe_paths(paths, ARRAY_SIZE(paths), why, why_size);
}

/* --- orders */

static void ask(struct fuse *f, enum rights_kind kind, void (*done)(struct rights_call *call))
{
	rights_call_init(&f->call, &f->attach, kind, done);
	f->call.order.force = f->force;
	f->calling = true;
	f->rights->submit(f->rights, &f->call);
}

/* What an answer says, and whose it is. */
static struct fuse *answered(struct rights_call *call)
{
	struct fuse *f = container_of(call, struct fuse, call);
	f->calling = false;
	if (call->answer.err)
		attach_set_why(&f->attach, "fuse: %s", call->answer.why);
	return f;
}

/* --- its end */

static void session_closed(struct fuse_session *s)
{
	struct fuse *f = container_of(s, struct fuse, session);
	f->serving = false;
	f->closed(f);
}

static void close_session(struct fuse *f, void (*closed)(struct fuse *f))
{
	f->closed = closed;
	if (f->serving)
		fuse_session_close(&f->session, session_closed);
	else
		closed(f);
}

static void say_not_ready(struct fuse *f)
{
	attach_say_ready(&f->attach, f->outcome);
}

static void cleaned_up(struct rights_call *call)
{
	struct fuse *f = container_of(call, struct fuse, call);
	f->calling = false;
	close_session(f, say_not_ready);
}

/* It did not come to be: nothing of it stays. `why` has been set. */
static void fail(struct fuse *f, int err)
{
	f->outcome = err;
	f->force = true;
	ask(f, RIGHTS_STOP, cleaned_up);
}

static void say_stopped(struct fuse *f)
{
	attach_say_stopped(&f->attach, 0);
}

static void say_lost(struct fuse *f)
{
	attach_set_why(&f->attach, "%s was ended by somebody else", f->attach.path);
	attach_say_lost(&f->attach);
}

static void stop_answered(struct rights_call *call)
{
	struct fuse *f = answered(call);
	if (call->answer.err && !f->losing)
		attach_say_stopped(&f->attach, call->answer.err);
	else
		close_session(f, f->attach.stopping ? say_stopped : say_lost);
}

static void stop_now(struct fuse *f)
{
	ask(f, RIGHTS_STOP, stop_answered);
}

static void aborted(struct rights_call *call)
{
	struct fuse *f = container_of(call, struct fuse, abort);
	f->aborting = false;
	if (!f->calling)
		stop_now(f);
}

/* A stop that waits for the disk is helped along by an abort. */
static void stop(struct attach *a, bool force)
{
	struct fuse *f = of(a);
	f->force |= force;
	if (!f->calling) {
		stop_now(f);
	} else if (force && !f->aborting) {
		f->aborting = true;
		rights_call_init(&f->abort, a, RIGHTS_FUSE_ABORT, aborted);
		f->rights->submit(f->rights, &f->abort);
	}
}

/* The loop device has let go of the file: it has been stopped, or somebody has done that behind our back. */
static void unused(struct fuse_session *s)
{
	struct fuse *f = container_of(s, struct fuse, session);
	if (f->calling || !f->attach.is_ready || f->losing)
		return;
	f->losing = f->force = true;
	stop_now(f);
}

/* --- its beginning */

static void loop_started(struct rights_call *call)
{
	struct fuse *f = answered(call);
	if (call->answer.err) {
		fail(f, call->answer.err);
		return;
	}
	snprintf(f->attach.path, sizeof(f->attach.path), "%s", call->answer.path);
	f->attach.keep.numbers[KEEP_RESENDS] = f->session.resends;
	if (call->answer.why[0])
		log_warning(reactor_log(f->session.r), "%s: %s", f->attach.name, call->answer.why);
	attach_say_ready(&f->attach, 0);
}

static int serve(struct fuse *f, bool taken_over)
{
	int err =
		fuse_session_start(&f->session, f->attach.o.disk, f->call.file, taken_over, unused);
	f->call.file = -1;
	f->serving = !err;
	if (err)
		attach_set_why(&f->attach, "fuse: %s", strerror(-err));
	return err;
}

static void mounted(struct rights_call *call)
{
	struct fuse *f = answered(call);
	int err = call->answer.err ? call->answer.err : serve(f, false);
	if (err)
		fail(f, err);
	else
		ask(f, RIGHTS_LOOP_START, loop_started);
}

static void taken_over(struct rights_call *call)
{
	struct fuse *f = answered(call);
	int err = call->answer.err ? call->answer.err : serve(f, true);
	if (err) {
		fail(f, err);
		return;
	}
	snprintf(f->attach.path, sizeof(f->attach.path), "%s", call->answer.path);
	attach_say_ready(&f->attach, 0);
}

/* --- changes */

static void changed(struct rights_call *call);

static void change(struct fuse *f)
{
	f->changing = true;
	f->change_again = false;
	fuse_session_resized(&f->session);
	rights_call_init(&f->change, &f->attach, RIGHTS_CHANGE, changed);
	f->rights->submit(f->rights, &f->change);
}

static void changed(struct rights_call *call)
{
	struct fuse *f = container_of(call, struct fuse, change);
	f->changing = false;
	if (call->answer.err)
		log_error(reactor_log(f->session.r), "%s: %s", f->attach.name, call->answer.why);
	if (f->change_again && !f->attach.stopping && !f->losing)
		change(f);
}

static void disk_changed(struct disk_watch *w, unsigned changes)
{
	struct fuse *f = container_of(w, struct fuse, attach.watch);
	if (!(changes & (DISK_RESIZED | DISK_READ_ONLY)) || !f->attach.is_ready || f->losing)
		return;
	if (f->changing)
		f->change_again = true;
	else
		change(f);
}

static const char *mortal(const struct attach_keep *keep)
{
	return keep->numbers[KEEP_RESENDS]
		       ? NULL
		       : "this kernel does not ask again for what was under way (Linux 6.9 does)";
}

static int start(struct attach **out, const struct attach_options *o, char *why, size_t why_size)
{
	if (o->keep && mortal(o->keep)) {
		snprintf(why, why_size, "fuse: %s", mortal(o->keep));
		return -EOPNOTSUPP;
	}
	struct fuse *f = calloc(1, sizeof(*f));
	if (!f) {
		snprintf(why, why_size, "fuse: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	f->rights = o->rights;
	attach_init(&f->attach, &attach_fuse, o);
	if (o->keep)
		f->attach.keep = *o->keep;
	f->attach.watch.changed = disk_changed;
	disk_watch(o->disk, &f->attach.watch);
	*out = &f->attach;
	ask(f, o->keep ? RIGHTS_FUSE_KEPT : RIGHTS_FUSE_MOUNT, o->keep ? taken_over : mounted);
	return 0;
}

static void leave(struct attach *a)
{
	close_session(of(a), say_stopped);
}

static void free_fuse(struct attach *a)
{
	free(of(a));
}

const struct attach_method attach_fuse = {
	.name = "fuse",
	.help = "a loop device on a FUSE file, wherever there are both",
	.takes_over = true,
	.mortal = mortal,
	.probe = probe,
	.start = start,
	.stop = stop,
	.leave = leave,
	.free = free_fuse,
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stall DIRECTORY FILE: a filesystem with one file, "disk", whose bytes are those of FILE, and which stops
 * answering when it is told to. Commands come as lines on standard input:
 *
 *   read, write, fsync,   operations of this kind hang from now on; a durable write is an fsync, too
 *   open, close, look     to look is to find it by its name
 *   size                  what asks for its size hangs, once it has got another one
 *   go                    those that hang are done, in their order, and none hangs any more
 *
 * The end of the input, or a SIGTERM, ends it, after a "go". It says "mounted" when it is ready, "done" to a command, and
 * "hangs" for each operation that does. One thread: what hangs is a list.
 */
#define FUSE_USE_VERSION 34
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include "common/cleanup.h"
#include "common/list.h"

#define DISK 2 /* its inode; the directory has 1 */

enum kind { READ, WRITE, FSYNC, OPEN, CLOSE, LOOK, SIZE, KINDS };
static const char *const names[KINDS] = {"read", "write", "fsync", "open", "close", "look", "size"};

struct request {
	struct list link;
	enum kind kind;
	fuse_req_t req;
	off_t offset;
	size_t size;
	struct fuse_file_info file; /* OPEN */
	char data[];                /* to be written */
};

struct disk {
	int fd;
	bool hangs[KINDS];
	bool resized; /* since then */
	struct list hanging;
	struct fuse_session *session;
};

static struct stat look(const struct disk *d, fuse_ino_t ino)
{
	struct stat st = {.st_ino = 1, .st_mode = S_IFDIR | 0755, .st_nlink = 2};
	if (ino == DISK) {
		fstat(d->fd, &st);
		st.st_ino = DISK;
	}
	return st;
}

/* --- what may hang */

/* True: it is none that moves bytes. */
static bool answer(const struct disk *d, const struct request *r)
{
	struct fuse_entry_param entry = {.ino = DISK, .attr = look(d, DISK)};
	switch (r->kind) {
	case OPEN: fuse_reply_open(r->req, &r->file); return true;
	case CLOSE: fuse_reply_err(r->req, 0); return true;
	case LOOK: fuse_reply_entry(r->req, &entry); return true;
	case SIZE: fuse_reply_attr(r->req, &entry.attr, 0); return true;
	default: return false;
	}
}

static void carry_out(struct disk *d, struct request *r)
{
	if (answer(d, r)) {
		free(r);
		return;
	}
	char *buf = r->kind == READ ? malloc(r->size) : NULL;
	ssize_t n = r->kind == READ    ? pread(d->fd, buf, r->size, r->offset)
		    : r->kind == WRITE ? pwrite(d->fd, r->data, r->size, r->offset)
				       : fdatasync(d->fd);
	if (n < 0)
		fuse_reply_err(r->req, errno);
	else if (r->kind == READ)
		fuse_reply_buf(r->req, buf, (size_t)n);
	else if (r->kind == WRITE)
		fuse_reply_write(r->req, (size_t)n);
	else
		fuse_reply_err(r->req, 0);
	free(buf);
	free(r);
}

static void take(fuse_req_t req, enum kind kind, bool durable, const char *data, size_t size,
		 off_t offset)
{
	struct disk *d = fuse_req_userdata(req);
	struct request *r = malloc(sizeof(*r) + (data ? size : 0));
	if (!r) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	*r = (struct request){.kind = kind, .req = req, .size = size, .offset = offset};
	if (data)
		memcpy(r->data, data, size);
	if (!d->hangs[kind] && !(durable && d->hangs[FSYNC])) {
		carry_out(d, r);
		return;
	}
	list_add_tail(&d->hanging, &r->link);
	puts("hangs");
}

static void disk_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		      struct fuse_file_info *fi)
{
	take(req, READ, false, NULL, size, offset);
}

static void disk_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t offset,
		       struct fuse_file_info *fi)
{
	take(req, WRITE, fi->flags & O_DSYNC, buf, size, offset);
}

static void disk_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	take(req, FSYNC, false, NULL, 0, 0);
}

/* Around the page cache, or a read would not get here. */
static void disk_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct disk *d = fuse_req_userdata(req);
	struct request *r = malloc(sizeof(*r));
	if (!r) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	*r = (struct request){.kind = OPEN, .req = req, .file = *fi};
	r->file.direct_io = 1;
	if (!d->hangs[OPEN]) {
		carry_out(d, r);
		return;
	}
	list_add_tail(&d->hanging, &r->link);
	puts("hangs");
}

static void disk_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	take(req, CLOSE, false, NULL, 0, 0);
}

static void disk_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (parent == FUSE_ROOT_ID && !strcmp(name, "disk"))
		take(req, LOOK, false, NULL, 0, 0);
	else
		fuse_reply_err(req, ENOENT);
}

static void disk_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct disk *d = fuse_req_userdata(req);
	struct stat st = look(d, ino);
	if (ino == DISK && d->resized)
		take(req, SIZE, false, NULL, 0, 0);
	else
		fuse_reply_attr(req, &st, 0);
}

/* --- what may not */

static void disk_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *to, int which,
			 struct fuse_file_info *fi)
{
	struct disk *d = fuse_req_userdata(req);
	if (which & FUSE_SET_ATTR_SIZE && ftruncate(d->fd, to->st_size)) {
		fuse_reply_err(req, errno);
		return;
	}
	d->resized = true;
	struct stat st = look(d, ino);
	fuse_reply_attr(req, &st, 0);
}

static void disk_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
			   struct fuse_file_info *fi)
{
	const struct disk *d = fuse_req_userdata(req);
	fuse_reply_err(req, fallocate(d->fd, mode, offset, length) ? errno : 0);
}

static const struct fuse_lowlevel_ops ops = {
	.lookup = disk_lookup,
	.getattr = disk_getattr,
	.setattr = disk_setattr,
	.open = disk_open,
	.flush = disk_flush,
	.read = disk_read,
	.write = disk_write,
	.fsync = disk_fsync,
	.fallocate = disk_fallocate,
};

/* --- commands */

static void go(struct disk *d)
{
	memset(d->hangs, 0, sizeof(d->hangs));
	d->resized = false;
	while (!list_empty(&d->hanging)) {
		struct request *r = list_first(&d->hanging, struct request, link);
		list_del(&r->link);
		carry_out(d, r);
	}
}

/* False at the end of the input. */
static bool obey(struct disk *d)
{
	char line[16] = "";
	size_t n = 0;
	while (n < sizeof(line) - 1 && read(STDIN_FILENO, line + n, 1) == 1 && line[n] != '\n')
		n++;
	if (!n)
		return false;
	line[n] = 0;
	for (size_t i = 0; i < KINDS; i++)
		d->hangs[i] |= !strcmp(line, names[i]);
	d->resized &= strcmp(line, names[SIZE]) != 0;
	if (!strcmp(line, "go"))
		go(d);
	printf("%s: done\n", line);
	return true;
}

static void serve(struct disk *d)
{
	struct fuse_buf buf = {0};
	struct pollfd fds[] = {{.fd = fuse_session_fd(d->session), .events = POLLIN},
			       {.fd = STDIN_FILENO, .events = POLLIN}};
	while (!fuse_session_exited(d->session)) {
		poll(fds, ARRAY_SIZE(fds), -1);
		if (fds[1].revents && !obey(d))
			break;
		if (fds[0].revents && fuse_session_receive_buf(d->session, &buf) > 0)
			fuse_session_process_buf(d->session, &buf);
		else if (fds[0].revents & (POLLERR | POLLHUP))
			break;
	}
	go(d);
	free(buf.mem);
}

int main(int argc, char **argv)
{
	char *options[] = {argv[0], "-oallow_other"};
	struct fuse_args args = FUSE_ARGS_INIT(2, options);
	struct disk d = {.fd = argc == 3 ? open(argv[2], O_RDWR | O_CLOEXEC) : -1};
	setvbuf(stdout, NULL, _IOLBF, 0);
	list_init(&d.hanging);
	if (d.fd < 0) {
		fprintf(stderr, "usage: stall DIRECTORY FILE, of a file that is there\n");
		return 2;
	}
	d.session = fuse_session_new(&args, &ops, sizeof(ops), &d);
	if (!d.session || fuse_session_mount(d.session, argv[1]))
		return 1;
	puts("mounted");
	fuse_set_signal_handlers(d.session);
	serve(&d);
	fuse_session_unmount(d.session);
	fuse_session_destroy(d.session);
	return 0;
}

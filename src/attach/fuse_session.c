/* SPDX-License-Identifier: BSD-2-Clause */
#include "attach/fuse_session.h"

#include <errno.h>
#include <linux/falloc.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include "common/cleanup.h"

/* What a request moves at most: 256 pages, the kernel's own limit. */
#define PAYLOAD    (1u << 20)
#define PAGES      (PAYLOAD / 4096)
#define DISK_INODE 2
/* Seconds; attributes change only by what we say. So the kernel does not ask for them when nobody serves. */
#define FOREVER UINT32_MAX

/* Newer than Debian 12's header (Linux 6.9, 6.2). */
#define INIT_HAS_RESEND      (UINT64_C(1) << 39)
#define NOTIFY_RESEND        7
#define OPEN_PARALLEL_WRITES (1u << 6)

/* A write's data begin where its buffer does; what other requests have behind the header fits beside it. */
#define HEAD      (sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in))
#define HEAD_ROOM 512

struct fuse_slot {
	struct list link; /* in idle, or nowhere */
	struct fuse_session *session;
	struct disk_request q;
	union {
		struct fuse_in_header in;
		uint8_t head[HEAD_ROOM];
	};
	uint8_t *payload; /* PAYLOAD bytes; the kernel gives pages as they are touched */
	void *context;
};

/* --- answers: a call of its own each, so that what waits for it goes on at once */

static void reply_with(struct fuse_slot *slot, int err, const void *data, size_t len)
{
	struct fuse_session *s = slot->session;
	struct fuse_out_header out = {
		.len = (uint32_t)(sizeof(out) + len), .error = err, .unique = slot->in.unique};
	struct iovec iov[2] = {{&out, sizeof(out)}, {(void *)(uintptr_t)data, len}};
	list_add_tail(&s->idle, &slot->link);
	/* ENOENT: nobody waits for it any more. Whatever else it is, reading will tell. */
	if (!s->closing && writev(s->fd, iov, len ? 2 : 1) < 0 && errno == EINVAL)
		log_error(reactor_log(s->r), "fuse: an answer to request %u was refused",
			  slot->in.opcode);
}

static void reply(struct fuse_slot *slot, int err)
{
	reply_with(slot, err, NULL, 0);
}

static void no_reply(struct fuse_slot *slot)
{
	list_add_tail(&slot->session->idle, &slot->link);
}

/* What the kernel takes for "never ask for this again". */
static void not_here(struct fuse_slot *slot)
{
	reply(slot, -ENOSYS);
}

/* --- requests to the disk */

static void read_more(struct fuse_session *s);

static void disk_done(struct disk_request *q, int err)
{
	struct fuse_slot *slot = container_of(q, struct fuse_slot, q);
	struct fuse_session *s = slot->session;
	s->running--;
	if (err || q->op == DISK_FLUSH || q->op == DISK_WRITE_ZEROES) {
		reply(slot, err);
	} else if (q->op == DISK_READ) {
		reply_with(slot, 0, slot->payload, q->length);
	} else {
		const struct fuse_write_out out = {.size = (uint32_t)q->length};
		reply_with(slot, 0, &out, sizeof(out));
	}
	if (s->closing)
		reactor_defer(s->r, &s->end);
	else if (!s->polling && !s->reading)
		read_more(s);
}

static void ask(struct fuse_slot *slot, struct disk_request q)
{
	struct fuse_session *s = slot->session;
	slot->q = q;
	slot->q.buf = slot->payload;
	slot->q.context = slot->context;
	slot->q.done = disk_done;
	int err = disk_check(s->disk, &slot->q);
	if (err) {
		reply(slot, err);
		return;
	}
	s->running++;
	disk_submit(s->disk, &slot->q);
}

static const void *body(const struct fuse_slot *slot)
{
	return slot->head + sizeof(struct fuse_in_header);
}

static void do_read(struct fuse_slot *slot)
{
	const struct fuse_read_in *in = body(slot);
	if (in->size > PAYLOAD)
		reply(slot, -EINVAL);
	else
		ask(slot, (struct disk_request){
				  .op = DISK_READ, .offset = in->offset, .length = in->size});
}

static void do_write(struct fuse_slot *slot)
{
	const struct fuse_write_in *in = body(slot);
	if (in->size != slot->in.len - HEAD)
		reply(slot, -EINVAL);
	else
		ask(slot, (struct disk_request){
				  .op = DISK_WRITE, .offset = in->offset, .length = in->size});
}

static void do_fsync(struct fuse_slot *slot)
{
	if (slot->session->disk->traits.write_cache)
		ask(slot, (struct disk_request){.op = DISK_FLUSH});
	else
		not_here(slot);
}

/* A hole must read as zeroes, which a discard alone does not promise. */
static void do_fallocate(struct fuse_slot *slot)
{
	const struct fuse_fallocate_in *in = body(slot);
	const uint32_t known = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
	if (!(in->mode & FALLOC_FL_KEEP_SIZE) || !(in->mode & known) ||
	    in->mode & ~(known | FALLOC_FL_KEEP_SIZE))
		reply(slot, -EOPNOTSUPP);
	else
		ask(slot, (struct disk_request){.op = DISK_WRITE_ZEROES,
						.keep = in->mode & FALLOC_FL_ZERO_RANGE,
						.offset = in->offset,
						.length = in->length});
}

/* --- the file system around it */

static struct fuse_attr attributes(const struct fuse_session *s, uint64_t inode)
{
	bool disk = inode == DISK_INODE;
	return (struct fuse_attr){
		.ino = inode,
		.size = disk ? disk_size(s->disk) : 0,
		.blocks = disk ? disk_size(s->disk) / 512 : 0,
		.mode = disk ? S_IFREG | 0600 : S_IFDIR | 0700,
		.nlink = disk ? 1 : 2,
		.blksize = s->disk->traits.physical_block,
	};
}

static void do_init(struct fuse_slot *slot)
{
	const struct fuse_init_in *in = body(slot);
	uint64_t theirs = in->flags;
	if (theirs & FUSE_INIT_EXT)
		theirs |= (uint64_t)in->flags2 << 32;
	uint64_t ours = theirs & (FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_MAX_PAGES |
				  FUSE_ASYNC_DIO | FUSE_INIT_EXT | INIT_HAS_RESEND);
	slot->session->resends = ours & INIT_HAS_RESEND;
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = in->minor,
		.max_readahead = in->max_readahead,
		.flags = (uint32_t)ours,
		.flags2 = (uint32_t)(ours >> 32),
		/* A loop device with direct I/O asks in the background, and this is how much. */
		.max_background = FUSE_SESSION_DEPTH,
		.congestion_threshold = FUSE_SESSION_DEPTH,
		.max_write = PAYLOAD,
		.time_gran = 1,
		.max_pages = PAGES,
	};
	if (in->major != FUSE_KERNEL_VERSION || in->minor < 28 || !(ours & FUSE_MAX_PAGES))
		reply(slot, -EPROTO); /* before Linux 4.20 */
	else
		reply_with(slot, 0, &out, sizeof(out));
}

static void do_lookup(struct fuse_slot *slot)
{
	struct fuse_entry_out out = {
		.nodeid = DISK_INODE,
		.entry_valid = FOREVER,
		.attr_valid = FOREVER,
		.attr = attributes(slot->session, DISK_INODE),
	};
	const char *name = body(slot);
	size_t room = slot->in.len - sizeof(slot->in);
	if (slot->in.nodeid != FUSE_ROOT_ID || room != sizeof("disk") || memcmp(name, "disk", room))
		reply(slot, -ENOENT);
	else
		reply_with(slot, 0, &out, sizeof(out));
}

static void do_getattr(struct fuse_slot *slot)
{
	struct fuse_attr_out out = {.attr_valid = FOREVER,
				    .attr = attributes(slot->session, slot->in.nodeid)};
	reply_with(slot, 0, &out, sizeof(out));
}

/* The loop device takes the block size for the granularity of its discards. */
static void do_statfs(struct fuse_slot *slot)
{
	const struct disk_traits *t = &slot->session->disk->traits;
	uint32_t unit = MAX(t->discard_granularity, t->logical_block);
	struct fuse_statfs_out out = {
		.st = {.bsize = unit, .frsize = unit, .blocks = t->size / unit, .namelen = 255}};
	reply_with(slot, 0, &out, sizeof(out));
}

static void do_open(struct fuse_slot *slot)
{
	/* Around the page cache, and writes beside each other. */
	struct fuse_open_out out = {.open_flags = FOPEN_DIRECT_IO | OPEN_PARALLEL_WRITES};
	slot->session->opens++;
	reply_with(slot, 0, &out, sizeof(out));
}

static void do_release(struct fuse_slot *slot)
{
	struct fuse_session *s = slot->session;
	s->opens -= s->opens > 0;
	reply(slot, 0);
	if (!s->opens)
		s->unused(s);
}

static void do_destroy(struct fuse_slot *slot)
{
	reply(slot, 0);
}

static const struct {
	void (*run)(struct fuse_slot *slot);
	size_t size; /* behind the header, at least */
} handlers[] = {
	[FUSE_LOOKUP] = {do_lookup, 1},
	[FUSE_FORGET] = {no_reply, 0},
	[FUSE_GETATTR] = {do_getattr, 0},
	[FUSE_OPEN] = {do_open, 0},
	[FUSE_READ] = {do_read, sizeof(struct fuse_read_in)},
	[FUSE_WRITE] = {do_write, sizeof(struct fuse_write_in)},
	[FUSE_STATFS] = {do_statfs, 0},
	[FUSE_RELEASE] = {do_release, 0},
	[FUSE_FSYNC] = {do_fsync, 0},
	[FUSE_INIT] = {do_init, offsetof(struct fuse_init_in, flags2)},
	[FUSE_DESTROY] = {do_destroy, 0},
	[FUSE_BATCH_FORGET] = {no_reply, 0},
	[FUSE_FALLOCATE] = {do_fallocate, sizeof(struct fuse_fallocate_in)},
};

/* --- in */

static void run(struct fuse_slot *slot, size_t n)
{
	uint32_t op = slot->in.opcode;
	size_t size = n - sizeof(slot->in);
	if (n < sizeof(slot->in) || n != slot->in.len)
		no_reply(slot); /* it is not the kernel who does that */
	else if (op >= ARRAY_SIZE(handlers) || !handlers[op].run)
		not_here(slot);
	else if (size < handlers[op].size)
		reply(slot, -EIO);
	else
		handlers[op].run(slot);
}

/* One request; 0: there is none. -errno: the connection has ended. */
static int read_one(struct fuse_session *s)
{
	struct fuse_slot *slot = list_first(&s->idle, struct fuse_slot, link);
	struct iovec iov[2] = {{slot->head, HEAD}, {slot->payload, PAYLOAD}};
	ssize_t n = readv(s->fd, iov, 2);
	if (n < 0) /* ENOENT: it was withdrawn while it was read */
		return errno == EAGAIN ? 0 : errno == EINTR || errno == ENOENT ? 1 : -errno;
	list_del(&slot->link);
	if (n > (ssize_t)HEAD && slot->in.opcode != FUSE_WRITE)
		memcpy(slot->head + HEAD, slot->payload, MIN((size_t)n - HEAD, HEAD_ROOM - HEAD));
	run(slot, (size_t)n);
	return 1;
}

static void wait_for_more(struct fuse_session *s)
{
	s->polling = true;
	file_poll(s->r, &s->poll, s->fd);
}

static void read_more(struct fuse_session *s)
{
	int n = 1;
	/* A request that is answered at once would lead here again. */
	s->reading = true;
	while (n > 0 && !s->closing && !list_empty(&s->idle))
		n = read_one(s);
	s->reading = false;
	if (n < 0 && !s->closing) {
		s->gone = true;
		s->unused(s);
	} else if (!n && !s->closing) {
		wait_for_more(s);
	}
}

static void end(struct deferred *d)
{
	struct fuse_session *s = container_of(d, struct fuse_session, end);
	if (s->polling || s->running)
		return;
	munmap(s->slots[0].payload, (size_t)FUSE_SESSION_DEPTH * PAYLOAD);
	free(s->slots[0].context);
	free(s->slots);
	s->slots = NULL;
	s->closed(s);
}

static void shut(struct fuse_session *s)
{
	if (s->fd >= 0)
		file_close(s->r, s->fd);
	s->fd = -1;
}

static void polled(struct op *op, int res)
{
	struct fuse_session *s = container_of(op, struct fuse_session, poll);
	s->polling = false;
	if (!s->closing) {
		read_more(s);
		return;
	}
	shut(s);
	reactor_defer(s->r, &s->end);
}

/* --- the whole */

static int make_slots(struct fuse_session *s)
{
	/* malloc's alignment, for each of them. */
	size_t context = (s->disk->context_size + 15) / 16 * 16;
	s->slots = calloc(FUSE_SESSION_DEPTH, sizeof(*s->slots));
	uint8_t *contexts = calloc(FUSE_SESSION_DEPTH, MAX(context, (size_t)16));
	uint8_t *payload = mmap(NULL, (size_t)FUSE_SESSION_DEPTH * PAYLOAD, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!s->slots || !contexts || payload == MAP_FAILED) {
		free(s->slots);
		free(contexts);
		if (payload != MAP_FAILED)
			munmap(payload, (size_t)FUSE_SESSION_DEPTH * PAYLOAD);
		return -ENOMEM;
	}
	list_init(&s->idle);
	for (size_t i = 0; i < FUSE_SESSION_DEPTH; i++) {
		s->slots[i].session = s;
		s->slots[i].payload = payload + i * PAYLOAD;
		s->slots[i].context = contexts + i * context;
		list_add_tail(&s->idle, &s->slots[i].link);
	}
	return 0;
}

static int notify(struct fuse_session *s, int code, const void *data, size_t len)
{
	struct fuse_out_header out = {.len = (uint32_t)(sizeof(out) + len), .error = code};
	struct iovec iov[2] = {{&out, sizeof(out)}, {(void *)(uintptr_t)data, len}};
	return writev(s->fd, iov, len ? 2 : 1) < 0 ? -errno : 0;
}

int fuse_session_start(struct fuse_session *s, struct disk *disk, int fd, bool taken_over,
		       void (*unused)(struct fuse_session *s))
{
	*s = (struct fuse_session){
		.r = disk->queues[0],
		.disk = disk,
		.fd = fd,
		.unused = unused,
		.poll.done = polled,
		.opens = taken_over,
		.resends = taken_over,
	};
	deferred_init(&s->end, end);
	int err = make_slots(s);
	if (!err && taken_over) {
		err = notify(s, NOTIFY_RESEND, NULL, 0);
		if (err)
			log_error(reactor_log(s->r), "fuse: what was asked for before: %s",
				  strerror(-err));
	}
	if (err) {
		shut(s);
		return err;
	}
	wait_for_more(s);
	return 0;
}

void fuse_session_resized(struct fuse_session *s)
{
	/* Attributes only. ENOENT: the kernel does not know it yet. */
	const struct fuse_notify_inval_inode_out out = {.ino = DISK_INODE, .off = -1};
	if (s->fd >= 0)
		notify(s, FUSE_NOTIFY_INVAL_INODE, &out, sizeof(out));
}

void fuse_session_close(struct fuse_session *s, void (*closed)(struct fuse_session *s))
{
	s->closing = true;
	s->closed = closed;
	if (s->polling)
		reactor_cancel(s->r, &s->poll);
	else
		shut(s);
	reactor_defer(s->r, &s->end);
}

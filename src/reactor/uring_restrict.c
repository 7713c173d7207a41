/* SPDX-License-Identifier: BSD-2-Clause */
#include "reactor/uring_restrict.h"

#include <errno.h>
#include <liburing.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "common/cleanup.h"

/*
 * What the engine asks for, and no more. Nothing here opens a file or makes a socket but accept; connect is
 * an initiator's, and where one is not to connect, Landlock says no.
 */
static const uint8_t operations[] = {
	IORING_OP_ACCEPT,       IORING_OP_CONNECT,      IORING_OP_RECV,
	IORING_OP_RECVMSG,      IORING_OP_SEND,         IORING_OP_SENDMSG,
	IORING_OP_READ,         IORING_OP_READV,        IORING_OP_READ_FIXED,
	IORING_OP_WRITE,        IORING_OP_WRITEV,       IORING_OP_WRITE_FIXED,
	IORING_OP_FSYNC,        IORING_OP_FALLOCATE,    IORING_OP_POLL_ADD,
	IORING_OP_POLL_REMOVE,  IORING_OP_TIMEOUT,      IORING_OP_TIMEOUT_REMOVE,
	IORING_OP_LINK_TIMEOUT, IORING_OP_ASYNC_CANCEL, IORING_OP_MSG_RING,
	IORING_OP_NOP,
};

/* Calls on the ring itself, the oldest first: a kernel refuses the list for one that it does not know. */
static const uint8_t calls[] = {
	IORING_REGISTER_BUFFERS,        IORING_UNREGISTER_BUFFERS,        IORING_REGISTER_FILES,
	IORING_UNREGISTER_FILES,        IORING_REGISTER_FILES_UPDATE,     IORING_REGISTER_PROBE,
	IORING_REGISTER_FILES2,         IORING_REGISTER_FILES_UPDATE2,    IORING_REGISTER_BUFFERS2,
	IORING_REGISTER_BUFFERS_UPDATE, IORING_REGISTER_IOWQ_MAX_WORKERS, IORING_REGISTER_RING_FDS,
	IORING_UNREGISTER_RING_FDS,
};
#define CALLS_ALWAYS 6 /* those that every kernel with restrictions has */

struct restrictions {
	struct io_uring_restriction rows[ARRAY_SIZE(operations) + ARRAY_SIZE(calls) + 1];
	unsigned count;
};

static struct io_uring_restriction *add(struct restrictions *r, uint16_t kind)
{
	struct io_uring_restriction *row = &r->rows[r->count++];
	*row = (struct io_uring_restriction){.opcode = kind};
	return row;
}

/* liburing 2.3 has functions for both in its header, and not in its library. */
static int call(const struct io_uring *ring, unsigned opcode, const void *rows, unsigned count)
{
	return syscall(SYS_io_uring_register, ring->ring_fd, opcode, rows, count) < 0 ? -errno : 0;
}

static int restrict_to(struct io_uring *ring, const struct io_uring_probe *probe, size_t call_count)
{
	struct restrictions r = {.count = 0};
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
		if (io_uring_opcode_supported(probe, operations[i]))
			add(&r, IORING_RESTRICTION_SQE_OP)->sqe_op = operations[i];
	}
	for (size_t i = 0; i < call_count; i++)
		add(&r, IORING_RESTRICTION_REGISTER_OP)->register_op = calls[i];
	add(&r, IORING_RESTRICTION_SQE_FLAGS_ALLOWED)->sqe_flags = UINT8_MAX; /* they only order */
	return call(ring, IORING_REGISTER_RESTRICTIONS, r.rows, r.count);
}

int uring_restrict(struct io_uring *ring)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	if (!probe)
		return -ENOMEM;
	int err = restrict_to(ring, probe, ARRAY_SIZE(calls));
	if (err == -EINVAL)
		err = restrict_to(ring, probe, CALLS_ALWAYS);
	io_uring_free_probe(probe);
	return err ? err : call(ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

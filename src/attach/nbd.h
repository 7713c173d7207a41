/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The NBD protocol as a server speaks it ("doc/proto.md" of the NBD project): its numbers, the handshake, and
 * connections that serve a disk. What is on the wire is in network byte order.
 */
#ifndef LUNAR_ATTACH_NBD_H
#define LUNAR_ATTACH_NBD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "attach/disk.h"
#include "attach/bufpool.h"
#include "common/buf.h"

/* --- numbers */

#define NBD_MAGIC            UINT64_C(0x4e42444d41474943) /* "NBDMAGIC" */
#define NBD_OPTION_MAGIC     UINT64_C(0x49484156454f5054) /* "IHAVEOPT" */
#define NBD_OPTION_REPLY     UINT64_C(0x0003e889045565a9)
#define NBD_REQUEST_MAGIC    0x25609513u
#define NBD_SIMPLE_REPLY     0x67446698u
#define NBD_STRUCTURED_REPLY 0x668e33efu

/* Of the handshake, either side's. */
#define NBD_FIXED_NEWSTYLE 1u
#define NBD_NO_ZEROES      2u

enum nbd_option {
	NBD_OPT_EXPORT_NAME = 1,
	NBD_OPT_ABORT = 2,
	NBD_OPT_LIST = 3,
	NBD_OPT_INFO = 6,
	NBD_OPT_GO = 7,
	NBD_OPT_STRUCTURED_REPLY = 8,
	NBD_OPT_LIST_META_CONTEXT = 9,
	NBD_OPT_SET_META_CONTEXT = 10,
};

enum nbd_option_reply {
	NBD_REP_ACK = 1,
	NBD_REP_SERVER = 2,
	NBD_REP_INFO = 3,
	NBD_REP_META_CONTEXT = 4,
};
#define NBD_REP_ERR_UNSUP           0x80000001u
#define NBD_REP_ERR_INVALID         0x80000003u
#define NBD_REP_ERR_UNKNOWN         0x80000006u
#define NBD_REP_ERR_BLOCK_SIZE_REQD 0x80000008u
#define NBD_REP_ERR_TOO_BIG         0x80000009u

enum nbd_info { NBD_INFO_EXPORT, NBD_INFO_NAME, NBD_INFO_DESCRIPTION, NBD_INFO_BLOCK_SIZE };

/* Of an export. */
#define NBD_HAS_FLAGS         (1u << 0)
#define NBD_READ_ONLY         (1u << 1)
#define NBD_SEND_FLUSH        (1u << 2)
#define NBD_SEND_FUA          (1u << 3)
#define NBD_ROTATIONAL        (1u << 4)
#define NBD_SEND_TRIM         (1u << 5)
#define NBD_SEND_WRITE_ZEROES (1u << 6)
#define NBD_SEND_DF           (1u << 7)
#define NBD_CAN_MULTI_CONN    (1u << 8)

enum nbd_command {
	NBD_READ,
	NBD_WRITE,
	NBD_DISCONNECT,
	NBD_FLUSH,
	NBD_TRIM,
	NBD_CACHE,
	NBD_WRITE_ZEROES,
	NBD_BLOCK_STATUS,
};

/* Of a command. */
#define NBD_CMD_FUA     (1u << 0)
#define NBD_CMD_NO_HOLE (1u << 1)
#define NBD_CMD_DF      (1u << 2)
#define NBD_CMD_REQ_ONE (1u << 3)

enum nbd_chunk {
	NBD_CHUNK_NONE = 0,
	NBD_CHUNK_OFFSET_DATA = 1,
	NBD_CHUNK_BLOCK_STATUS = 5,
	NBD_CHUNK_ERROR = 0x8001,
};
#define NBD_CHUNK_DONE 1u

#define NBD_STATE_HOLE 1u
#define NBD_STATE_ZERO 2u

#define NBD_REQUEST_SIZE    28
#define NBD_TRANSFER_MAX    DISK_TRANSFER_MAX
#define NBD_CONTEXT         "base:allocation"
#define NBD_ALLOCATION      1u /* the number of that context */
#define NBD_NAME_MAX        4096
#define NBD_PREFERRED_BLOCK 4096u

/* --- what is served */

struct nbd_export {
	struct disk *disk;
	const char *name; /* clients may also ask for "" */
};

/* For clients that understand structured replies, and for others. */
uint16_t nbd_flags(const struct disk *d, bool structured);

/* --- the handshake, sans I/O (nbd_handshake.c) */

enum nbd_phase { NBD_CLIENT_FLAGS, NBD_OPTIONS, NBD_TRANSMISSION, NBD_ENDED };

struct nbd_handshake {
	const struct nbd_export *export;
	enum nbd_phase phase;
	bool zeroes;      /* behind the answer to EXPORT_NAME */
	bool structured;  /* replies */
	bool allocation;  /* the context has been asked for */
	unsigned options; /* so far */
	uint32_t skip;    /* bytes of an option that is not listened to */
};

/* The longest option that is listened to, with its header: what a caller must have room for. */
#define NBD_OPTION_ROOM 8192u

/* Puts the server's greeting into `out`. */
void nbd_handshake_begin(struct nbd_handshake *h, const struct nbd_export *export, struct buf *out);
/*
 * One step: the client's flags, or an option. The bytes that were used, 0 for more are needed, or -errno with
 * `why`: nothing can be said to this client any more. The answer is in `out`. In NBD_TRANSMISSION and
 * NBD_ENDED there is no further step.
 */
ssize_t nbd_handshake_step(struct nbd_handshake *h, const uint8_t *data, size_t len,
			   struct buf *out, const char **why);

/* --- requests and replies on the wire, sans I/O (nbd_request.c) */

struct nbd_request_header {
	uint16_t flags, command;
	uint64_t cookie, offset;
	uint32_t length;
};

/* 0, or -EPROTO: it is not one. */
int nbd_request_parse(struct nbd_request_header *out, const uint8_t data[NBD_REQUEST_SIZE]);
/* Whether data follow it on the wire. */
static inline bool nbd_carries_data(const struct nbd_request_header *h)
{
	return h->command == NBD_WRITE;
}
/* What it asks of the disk, but buffer and `done`. 0, or -errno: it is to be answered so. `allocation`: the
 * context has been agreed on. */
int nbd_request_translate(const struct disk *d, const struct nbd_request_header *h, bool allocation,
			  struct disk_request *out);

#define NBD_REPLY_ROOM 32

/* How many bytes the header of a reply takes in `out`; `length` bytes of data follow it. */
size_t nbd_reply_header(uint8_t out[NBD_REPLY_ROOM], const struct nbd_request_header *h,
			bool structured, int err, size_t length);
/* `room` of these at `data` hold the extents of an answer; the bytes of it. Each is 8 bytes. */
size_t nbd_reply_extents(uint8_t *data, const struct disk_extent *extents, uint32_t count,
			 const struct nbd_request_header *h);

/* --- connections (nbd_conn.c) */

struct nbd_host {
	struct reactor *r;
	struct nbd_export export;
	struct bufpool pool;
	struct list conns;
	unsigned count;
	/* One has gone, and is not counted any more. */
	void (*gone)(struct nbd_host *host);
};

void nbd_host_init(struct nbd_host *host, struct reactor *r, struct disk *disk, const char *name);
/* No connection is left. */
void nbd_host_free(struct nbd_host *host);

enum nbd_greeting {
	NBD_FROM_HANDSHAKE,
	NBD_AT_ONCE, /* both sides know it all: the kernel */
};

/*
 * Serves the export on a connected socket, which is the connection's from now on, also on failure, until it
 * ends or is dropped. 0 or -errno.
 */
int nbd_conn_new(struct nbd_host *host, int sock, enum nbd_greeting greeting);
/* Ends all connections; each has gone when the disk has let go of its requests. */
void nbd_host_drop(struct nbd_host *host);
/* How many are past their handshake. */
unsigned nbd_host_busy(const struct nbd_host *host);

#endif

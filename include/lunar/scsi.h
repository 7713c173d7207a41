/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * liblunar: SCSI commands ready made. lunar_scsi(3).
 *
 * lunar_prepare_...() fill in what a task (lunar/lunar.h) asks for, and leave `done`, `user`, `timeout` and
 * `attribute` as they are. lunar_parse_...() read the reply, any bytes of any length: what is not there leaves its
 * member at what lunar_parse_...() says, and nothing past `len` is looked at. lunar_read() and so on do both, wait
 * for the answer, and return 0 or -errno:
 *
 *   -ENXIO       there is no such LUN           -EOPNOTSUPP  the LU does not know the command, or a part of it
 *   -ERANGE      past the end of the LU         -EROFS       write protected
 *   -EILSEQ      compared, and not equal        -ENOSPC      no room on a thin LU
 *   -EBUSY       reserved by another            -ENODATA     the medium cannot be read there
 *   -EAGAIN      not ready, or busy for long    -EPROTO      a reply that cannot be right
 *   -ESTALE      the LUN has become another disk
 *   -EIO         another status or sense        and what `done` of a task may get
 *
 * lunar_error() has it in words.
 */
#ifndef LUNAR_SCSI_H
#define LUNAR_SCSI_H

#include <lunar/lunar.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ================================ commands ================================ */

enum lunar_io_flags {
	LUNAR_FUA = 1, /* durable when answered; of a read: from the medium */
	LUNAR_DPO = 2  /* not worth a place in a cache */
};

void lunar_prepare_test_unit_ready(struct lunar_task *t, uint64_t lun);
/* `page`: a VPD page, or -1: the standard data. */
void lunar_prepare_inquiry(struct lunar_task *t, uint64_t lun, int page, void *reply,
			   uint16_t size);
void lunar_prepare_capacity(struct lunar_task *t, uint64_t lun, void *reply, uint32_t size);
/* `iov` holds blocks * block_size bytes; the vector itself stays, too. */
void lunar_prepare_read(struct lunar_task *t, uint64_t lun, uint64_t lba, uint32_t blocks,
			uint32_t block_size, const struct iovec *iov, unsigned count,
			unsigned flags);
void lunar_prepare_write(struct lunar_task *t, uint64_t lun, uint64_t lba, uint32_t blocks,
			 uint32_t block_size, const struct iovec *iov, unsigned count,
			 unsigned flags);
/* blocks 0: to the end. */
void lunar_prepare_flush(struct lunar_task *t, uint64_t lun, uint64_t lba, uint32_t blocks);
/* One range; its parameter list is in the task. */
void lunar_prepare_unmap(struct lunar_task *t, uint64_t lun, uint64_t lba, uint32_t blocks);
/* `block` is one block, written to all of them; `unmap`: they may be unmapped instead, where it is zero. */
void lunar_prepare_write_same(struct lunar_task *t, uint64_t lun, uint64_t lba, uint32_t blocks,
			      uint32_t block_size, const void *block, bool unmap);
/* `iov` holds what is compared, then what is written, blocks * block_size bytes of each. */
void lunar_prepare_compare_and_write(struct lunar_task *t, uint64_t lun, uint64_t lba,
				     uint8_t blocks, uint32_t block_size, const struct iovec *iov,
				     unsigned count);
void lunar_prepare_lba_status(struct lunar_task *t, uint64_t lun, uint64_t lba, void *reply,
			      uint32_t size);
/* Of the whole target; LUN 0 is asked. */
void lunar_prepare_report_luns(struct lunar_task *t, void *reply, uint32_t size);
void lunar_prepare_port_groups(struct lunar_task *t, uint64_t lun, void *reply, uint32_t size);
/* SPC-4 6.15: 0 READ KEYS, 1 READ RESERVATION, 2 REPORT CAPABILITIES, 3 READ FULL STATUS */
void lunar_prepare_reserve_in(struct lunar_task *t, uint64_t lun, uint8_t action, void *reply,
			      uint16_t size);

enum lunar_reserve_action {
	LUNAR_PR_REGISTER = 0,
	LUNAR_PR_RESERVE = 1,
	LUNAR_PR_RELEASE = 2,
	LUNAR_PR_CLEAR = 3,
	LUNAR_PR_PREEMPT = 4,
	LUNAR_PR_PREEMPT_AND_ABORT = 5,
	LUNAR_PR_REGISTER_AND_IGNORE = 6
};
enum lunar_reserve_type {
	LUNAR_PR_WRITE_EXCLUSIVE = 1,
	LUNAR_PR_EXCLUSIVE_ACCESS = 3,
	LUNAR_PR_WRITE_EXCLUSIVE_REGISTRANTS = 5,
	LUNAR_PR_EXCLUSIVE_ACCESS_REGISTRANTS = 6,
	LUNAR_PR_WRITE_EXCLUSIVE_ALL = 7,
	LUNAR_PR_EXCLUSIVE_ACCESS_ALL = 8
};
/* The parameter list is in the task. */
void lunar_prepare_reserve_out(struct lunar_task *t, uint64_t lun, uint8_t action, uint8_t type,
			       uint64_t key, uint64_t service_key, bool persist);

/* ================================ replies ================================ */

struct lunar_sense {
	uint8_t key;       /* SPC-4 4.5.6 */
	uint16_t asc_ascq; /* additional sense code << 8 | qualifier */
	bool deferred;     /* of an earlier command */
	bool has_info;
	uint64_t info;
};
/* False, and all zero: no sense data, or of no format that is known. */
bool lunar_parse_sense(struct lunar_sense *out, const void *sense, size_t len);
/* The outcome of a task whose `done` got `err`: 0, or -errno as above. */
int lunar_task_result(const struct lunar_task *t, int err);
/* ... in a sentence, cut at `size`. Returns `out`. */
char *lunar_task_text(const struct lunar_task *t, int err, char *out, size_t size);

struct lunar_inquiry {
	uint8_t qualifier, type; /* 0, 0: a disk that is there */
	bool removable;
	uint8_t version;
	uint8_t tpgs; /* 0: no ALUA; bit 0 implicit, bit 1 explicit */
	/* without the blanks around them, printable */
	char vendor[9], product[17], revision[5];
};
bool lunar_parse_inquiry(struct lunar_inquiry *out, const void *reply, size_t len);

struct lunar_capacity {
	uint64_t blocks;
	uint32_t block_size;          /* bytes, a power of two */
	uint32_t physical_block_size; /* likewise */
	bool thin, reads_zeroes;      /* LBPME, LBPRZ */
};
bool lunar_parse_capacity(struct lunar_capacity *out, const void *reply, size_t len);

struct lunar_lba_status {
	uint64_t lba;
	uint32_t blocks;
	uint8_t status; /* 0 mapped, 1 deallocated, 2 anchored */
};
/* At most `max`; how many there were in the reply. */
size_t lunar_parse_lba_status(struct lunar_lba_status *out, size_t max, const void *reply,
			      size_t len);

/* The LUNs, as in struct lunar_task. At most `max` are written. How many the list has in all, which may be more than
 * came: then it is to be asked for again with more room. */
size_t lunar_parse_luns(uint64_t *out, size_t max, size_t *took, const void *reply, size_t len);

struct lunar_port_group {
	uint16_t group;
	uint8_t access; /* SPC-4 5.15.2.4: 0 optimized, 1 non-optimized, 2 standby, 3 unavailable, 14 offline, 15 transitioning */
	bool preferred;
	uint8_t status;
	uint8_t ports;           /* how many it has ... */
	uint16_t first_ports[8]; /* ... and the relative identifiers of the first ones */
};
size_t lunar_parse_port_groups(struct lunar_port_group *out, size_t max, const void *reply,
			       size_t len);

struct lunar_reservation {
	uint32_t generation;
	bool held;
	uint64_t key;
	uint8_t type; /* enum lunar_reserve_type */
};
bool lunar_parse_reservation(struct lunar_reservation *out, const void *reply, size_t len);
size_t lunar_parse_keys(uint64_t *out, size_t max, uint32_t *generation, const void *reply,
			size_t len);

/* A designation descriptor of VPD page 83h (SPC-4 7.8.6). */
struct lunar_designator {
	uint8_t code_set;    /* 1 binary, 2 ASCII, 3 UTF-8 */
	uint8_t association; /* 0 the LU, 1 the port, 2 the target */
	uint8_t type; /* 1 T10, 2 EUI-64, 3 NAA, 4 relative port, 5 port group, 8 SCSI name */
	uint8_t len;
	uint8_t id[255];
};
size_t lunar_parse_designators(struct lunar_designator *out, size_t max, const void *reply,
			       size_t len);

/* What a disk says of itself. */
struct lunar_disk {
	struct lunar_inquiry inquiry;
	struct lunar_capacity capacity;
	char id[132];    /* the identity, as udev's scsi_id prints it; "": it has none */
	char serial[64]; /* VPD page 80h */
	bool read_only, write_cache, fua, rotational;
	/* in blocks; 0: no limit is told */
	uint32_t max_transfer, optimal_transfer;
	uint32_t max_unmap_blocks, unmap_granularity;
	uint64_t max_write_same;
	bool unmap, write_same_unmap;
	uint16_t port_group; /* 0: not told */
};

/* ================================ ... that wait ================================ */

int lunar_test_unit_ready(struct lunar_session *s, uint64_t lun);
int lunar_inquiry(struct lunar_session *s, uint64_t lun, struct lunar_inquiry *out);
/* A VPD page; *len: the bytes that `reply` has room for, then those that came. */
int lunar_vpd(struct lunar_session *s, uint64_t lun, uint8_t page, void *reply, uint16_t *len);
/* READ CAPACITY (16), or (10) where the LU knows that only. */
int lunar_capacity(struct lunar_session *s, uint64_t lun, struct lunar_capacity *out);
/* INQUIRY, VPD pages, capacity and mode. What a LU does not know is left out; -ENODEV: it is no disk. */
int lunar_identify(struct lunar_session *s, uint64_t lun, struct lunar_disk *out);
/* One command each; block_size as the capacity has it. */
int lunar_read(struct lunar_session *s, uint64_t lun, uint64_t lba, uint32_t blocks,
	       uint32_t block_size, void *buf);
int lunar_write(struct lunar_session *s, uint64_t lun, uint64_t lba, uint32_t blocks,
		uint32_t block_size, const void *buf, unsigned flags);
int lunar_flush(struct lunar_session *s, uint64_t lun);
int lunar_unmap(struct lunar_session *s, uint64_t lun, uint64_t lba, uint32_t blocks);
int lunar_write_same(struct lunar_session *s, uint64_t lun, uint64_t lba, uint32_t blocks,
		     uint32_t block_size, const void *block, bool unmap);
/* `compare` and `write` hold blocks * block_size bytes each. -EILSEQ: not equal; *at, unless NULL, is the offset of the
 * first byte that differs, where the target tells it. */
int lunar_compare_and_write(struct lunar_session *s, uint64_t lun, uint64_t lba, uint8_t blocks,
			    uint32_t block_size, const void *compare, const void *write,
			    uint64_t *at);
/* At least one extent, from `lba` on. */
int lunar_lba_status(struct lunar_session *s, uint64_t lun, uint64_t lba,
		     struct lunar_lba_status *out, size_t max, size_t *count);
/* *luns is to be given to free(). */
int lunar_report_luns(struct lunar_session *s, uint64_t **luns, size_t *count);
int lunar_port_groups(struct lunar_session *s, uint64_t lun, struct lunar_port_group *out,
		      size_t max, size_t *count);
int lunar_reservation(struct lunar_session *s, uint64_t lun, struct lunar_reservation *out);
int lunar_reserve(struct lunar_session *s, uint64_t lun, uint8_t action, uint8_t type, uint64_t key,
		  uint64_t service_key, bool persist);

#ifdef __cplusplus
}
#endif

#endif

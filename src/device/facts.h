/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a LU says of itself, taken from the replies to INQUIRY, READ CAPACITY, MODE SENSE, REPORT TARGET PORT
 * GROUPS and REPORT LUNS. A reply may be of any length and hold anything: what is not there or cannot be right
 * leaves the facts as they are.
 */
#ifndef LUNAR_DEVICE_FACTS_H
#define LUNAR_DEVICE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LU_ID_SIZE    132 /* of the longest identity that is kept, with its NUL */
#define LU_SERIAL     64
#define LU_GROUPS_MAX 32 /* target port groups of one LU that are looked at */

/* Asymmetric access states (SPC-4 5.15.2.4), as REPORT TARGET PORT GROUPS has them. */
enum lu_access {
	LU_OPTIMIZED = 0x0,
	LU_NON_OPTIMIZED = 0x1,
	LU_STANDBY = 0x2,
	LU_UNAVAILABLE = 0x3,
	LU_LBA_DEPENDENT = 0x4,
	LU_OFFLINE = 0xe,
	LU_TRANSITIONING = 0xf,
};

struct lu_facts {
	/* INQUIRY */
	uint8_t peripheral; /* qualifier and device type, byte 0 */
	uint8_t tpgs;       /* 0: no ALUA; bit 0 implicit, bit 1 explicit */
	char vendor[9], product[17], revision[5];
	uint8_t pages[32]; /* the VPD pages that it has, a bit each */
	/* The best designator of VPD page 83h, as udev's scsi_id prints it: its type in one digit, then the rest;
	 * else vendor, product and serial number behind an "S"; "": it has no identity. */
	char id[LU_ID_SIZE];
	char serial[LU_SERIAL]; /* VPD page 80h */
	uint16_t port_group;    /* of the port that was asked; 0: not told */
	/* READ CAPACITY */
	uint64_t blocks;
	uint32_t block_size;
	uint8_t physical_exponent; /* logical blocks in a physical one, as a power of two */
	bool thin, reads_zeroes;   /* LBPME, LBPRZ */
	/* MODE SENSE */
	bool write_protected, write_cache, dpofua;
	/* VPD B0h, in blocks; 0: no limit is told */
	uint32_t max_transfer, optimal_transfer;
	uint32_t max_unmap_blocks, max_unmap_descriptors;
	uint32_t unmap_granularity, unmap_alignment;
	uint64_t max_write_same;
	/* VPD B1h, B2h */
	bool rotational;
	bool unmaps, write_same_unmaps; /* LBPU, LBPWS */
	/* REPORT TARGET PORT GROUPS, of the group of the port that was asked */
	enum lu_access access;
	bool preferred;
};

/* What is so until somebody says otherwise. */
void lu_facts_init(struct lu_facts *f);

/* A disk that is there: peripheral qualifier 0, direct access block device. */
bool lu_is_disk(const struct lu_facts *f);
bool lu_has_page(const struct lu_facts *f, uint8_t page);

/* One reply each; true: it could be used. */
bool lu_take_inquiry(struct lu_facts *f, const uint8_t *p, size_t len);
bool lu_take_pages(struct lu_facts *f, const uint8_t *p, size_t len);
bool lu_take_serial(struct lu_facts *f, const uint8_t *p, size_t len);
bool lu_take_identification(struct lu_facts *f, const uint8_t *p, size_t len);
bool lu_take_limits(struct lu_facts *f, const uint8_t *p, size_t len);
bool lu_take_characteristics(struct lu_facts *f, const uint8_t *p, size_t len);
bool lu_take_provisioning(struct lu_facts *f, const uint8_t *p, size_t len);
bool lu_take_capacity10(struct lu_facts *f, const uint8_t *p, size_t len);
bool lu_take_capacity16(struct lu_facts *f, const uint8_t *p, size_t len);
/* MODE SENSE(6) of the caching page, or of all. */
bool lu_take_mode(struct lu_facts *f, const uint8_t *p, size_t len);
bool lu_take_port_groups(struct lu_facts *f, const uint8_t *p, size_t len);

/*
 * REPORT LUNS: how many LUNs the list has in all, and the first `max` of those that came. A list longer than
 * the reply is to be asked for again with more room.
 */
size_t lu_list_luns(const uint8_t *p, size_t len, uint8_t (*luns)[8], size_t max, size_t *took);

#endif

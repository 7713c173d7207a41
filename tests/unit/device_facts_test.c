/* SPDX-License-Identifier: BSD-2-Clause */
/* What is taken from the replies of a LU: good ones, odd ones, and ones that end anywhere. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "common/endian.h"
#include "device/facts.h"

static struct lu_facts fresh(void)
{
	struct lu_facts f;
	lu_facts_init(&f);
	return f;
}

static const uint8_t inquiry[96] = {0x00, 0x00, 0x06, 0x12, 91,  0x10, 0x00, 0x02, 'L',
				    'I',  'O',  '-',  'O',  'R', 'G',  ' ',  'd',  'i',
				    's',  'k',  ' ',  ' ',  ' ', ' ',  ' ',  ' ',  ' ',
				    ' ',  ' ',  ' ',  ' ',  ' ', '4',  '.',  '0',  ' '};

static void test_inquiry(void **state)
{
	struct lu_facts f = fresh();
	assert_false(lu_is_disk(&f)); /* until it says so */
	assert_false(lu_take_inquiry(&f, inquiry, 35));
	assert_true(lu_take_inquiry(&f, inquiry, sizeof(inquiry)));
	assert_true(lu_is_disk(&f));
	assert_string_equal(f.vendor, "LIO-ORG");
	assert_string_equal(f.product, "disk");
	assert_string_equal(f.revision, "4.0");
	assert_int_equal(f.tpgs, 1);
}

/* A page of VPD 83 that is made of these designators, one after the other. */
struct page {
	uint8_t bytes[512];
	size_t len;
};

static void add(struct page *p, uint8_t code_set, uint8_t association, uint8_t type, const void *id,
		size_t len)
{
	if (!p->len) {
		p->bytes[1] = 0x83;
		p->len = 4;
	}
	uint8_t *d = p->bytes + p->len;
	d[0] = code_set;
	d[1] = (uint8_t)(association << 4 | type);
	d[3] = (uint8_t)len;
	memcpy(d + 4, id, len);
	p->len += 4 + len;
	put_be16(p->bytes + 2, (uint16_t)(p->len - 4));
}

#define NAA6 "\x60\x01\x40\x51\x11\x11\x11\x12\x22\x23\x33\x34\x44\x45\x55\x55"
#define NAA5 "\x50\x01\x40\x51\x11\x11\x11\x12"

static const char *identity(const struct page *p, struct lu_facts *f)
{
	*f = fresh();
	assert_true(lu_take_inquiry(f, inquiry, sizeof(inquiry)));
	assert_true(lu_take_identification(f, p->bytes, p->len));
	return f->id;
}

static void test_identity(void **state)
{
	struct lu_facts f;
	struct page p = {.len = 0};

	/* As udev takes them: whatever their order, NAA 6 before NAA 5 before EUI-64 before T10. */
	add(&p, 2, 0, 1, "LIO-ORG disk:11111111", 21);
	assert_string_equal(identity(&p, &f), "1LIO-ORG disk:11111111");
	add(&p, 1, 0, 2, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	assert_string_equal(identity(&p, &f), "20102030405060708");
	add(&p, 1, 0, 3, NAA5, 8);
	assert_string_equal(identity(&p, &f), "35001405111111112");
	add(&p, 1, 0, 3, NAA6, 16);
	assert_string_equal(identity(&p, &f), "360014051111111122223333444455555");
	/* A port's is none of the LU's; its group is what access states are asked for. */
	p.len = 0;
	add(&p, 1, 1, 3, NAA6, 16);
	add(&p, 1, 1, 5, "\x00\x00\x12\x34", 4);
	assert_string_equal(identity(&p, &f), "");
	assert_int_equal(f.port_group, 0x1234);
	/* A vendor's own is one for this vendor and product only. */
	p.len = 0;
	add(&p, 2, 0, 0, "7", 1);
	assert_string_equal(identity(&p, &f), "0LIO-ORGdisk7");
	/* What would steer a terminal, or leave a directory, is no identity. */
	p.len = 0;
	add(&p, 2, 0, 1, "a\nb", 3);
	assert_string_equal(identity(&p, &f), "");
}

static void test_serial(void **state)
{
	static const uint8_t page[] = {0, 0x80, 0, 6, ' ', 'a', 'b', '\x1b', 'c', ' '};
	struct lu_facts f = fresh();
	assert_true(lu_take_serial(&f, page, sizeof(page)));
	assert_string_equal(f.serial, "ab?c");
	assert_string_equal(f.id, "Sab?c"); /* better than none */
	assert_false(lu_take_serial(&f, inquiry, sizeof(inquiry)));
}

static void test_capacity(void **state)
{
	struct lu_facts f = fresh();
	uint8_t p[32] = {0};
	put_be64(p, 0x1ffffffff);
	put_be32(p + 8, 4096);
	p[13] = 1;
	p[14] = 0xc0; /* LBPME, LBPRZ */
	assert_true(lu_take_capacity16(&f, p, 32));
	assert_int_equal(f.blocks, 0x200000000);
	assert_int_equal(f.block_size, 4096);
	assert_int_equal(f.physical_exponent, 1);
	assert_true(f.thin && f.reads_zeroes);
	/* Sizes that nobody can mean. */
	put_be64(p, UINT64_MAX);
	assert_false(lu_take_capacity16(&f, p, 32));
	put_be64(p, 100);
	for (uint32_t size = 0; size < 600; size++) {
		put_be32(p + 8, size);
		assert_int_equal(lu_take_capacity16(&f, p, 32), size == 512);
	}
	put_be32(p + 8, 1u << 31);
	assert_false(lu_take_capacity16(&f, p, 32));
	put_be32(p, 9);
	put_be32(p + 4, 512);
	assert_true(lu_take_capacity10(&f, p, 8));
	assert_int_equal(f.blocks, 10);
	assert_false(lu_take_capacity10(&f, p, 7));
}

static void test_mode(void **state)
{
	struct lu_facts f = fresh();
	/* a page in front of the caching page */
	uint8_t p[] = {0, 0, 0x90, 0, 0x01, 2, 0, 0, 0x08, 2, 0x04, 0};
	p[0] = sizeof(p) - 1;
	assert_true(lu_take_mode(&f, p, sizeof(p)));
	assert_true(f.write_protected && f.dpofua && f.write_cache);
	p[10] = 0;
	p[2] = 0;
	assert_true(lu_take_mode(&f, p, sizeof(p)));
	assert_false(f.write_protected || f.dpofua || f.write_cache);
}

static void test_port_groups(void **state)
{
	struct lu_facts f = fresh();
	uint8_t p[4 + 12 + 16] = {0};
	put_be32(p, sizeof(p) - 4);
	p[4] = 0x02; /* standby */
	put_be16(p + 6, 1);
	p[4 + 7] = 1; /* one port */
	p[16] = 0x81; /* preferred, non-optimized */
	put_be16(p + 18, 7);
	p[16 + 7] = 2;
	f.port_group = 7;
	assert_true(lu_take_port_groups(&f, p, sizeof(p)));
	assert_int_equal(f.access, LU_NON_OPTIMIZED);
	assert_true(f.preferred);
	f.port_group = 1;
	assert_true(lu_take_port_groups(&f, p, sizeof(p)));
	assert_int_equal(f.access, LU_STANDBY);
	f.port_group = 9;
	assert_false(lu_take_port_groups(&f, p, sizeof(p)));
	assert_int_equal(f.access, LU_STANDBY);
}

static void test_luns(void **state)
{
	uint8_t p[8 + 24] = {0}, luns[2][8];
	size_t took;
	put_be32(p, 24);
	p[8 + 8 + 1] = 5;
	assert_int_equal(lu_list_luns(p, sizeof(p), luns, 2, &took), 3);
	assert_int_equal(took, 2);
	assert_int_equal(luns[1][1], 5);
	/* The list is longer than what came, by its own word. */
	put_be32(p, UINT32_MAX);
	assert_int_equal(lu_list_luns(p, 8 + 15, luns, 2, &took), UINT32_MAX / 8);
	assert_int_equal(took, 1);
	assert_int_equal(lu_list_luns(p, 7, luns, 2, &took), 0);
}

/* Each reply cut at each byte, in memory that ends there. */
static void test_cut(void **state)
{
	static bool (*const takers[])(struct lu_facts * f, const uint8_t *p, size_t len) = {
		lu_take_inquiry,        lu_take_pages,       lu_take_serial,
		lu_take_identification, lu_take_limits,      lu_take_characteristics,
		lu_take_provisioning,   lu_take_capacity10,  lu_take_capacity16,
		lu_take_mode,           lu_take_port_groups,
	};
	for (unsigned page = 0; page < 256; page++)
		for (size_t len = 0; len < 80; len++) {
			CLEANUP(free) uint8_t *p = malloc(len + !len);
			memset(p, 0xff, len);
			if (len > 1)
				p[1] = (uint8_t)page;
			for (size_t i = 0; i < ARRAY_SIZE(takers); i++) {
				struct lu_facts f = fresh();
				takers[i](&f, p, len);
			}
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inquiry), cmocka_unit_test(test_identity),
		cmocka_unit_test(test_serial),  cmocka_unit_test(test_capacity),
		cmocka_unit_test(test_mode),    cmocka_unit_test(test_port_groups),
		cmocka_unit_test(test_luns),    cmocka_unit_test(test_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

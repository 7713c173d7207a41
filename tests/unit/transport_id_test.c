/* SPDX-License-Identifier: BSD-2-Clause */
/* TransportIDs of iSCSI: what an initiator may send, byte by byte, and what it gets. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "scsi/transport_id.h"

#define PORT   0x45
#define DEVICE 0x05

/* In memory of its own, so that a sanitizer sees who reads past its end. */
static int parse(uint8_t first, size_t additional, const char *text, size_t size, char *name)
{
	uint8_t *p = calloc(1, size);
	int used;

	assert_non_null(p);
	p[0] = first;
	p[2] = (uint8_t)(additional >> 8);
	p[3] = (uint8_t)additional;
	memcpy(p + 4, text, MIN(strlen(text), size - 4));
	used = scsi_transport_id_parse(p, size, name);
	free(p);
	return used;
}

static void both_forms_are_taken(void **state)
{
	char name[SCSI_PORT_NAME_SIZE];

	assert_int_equal(parse(DEVICE, 20, "iqn.2026-01.a:b", 24, name), 24);
	assert_string_equal(name, "iqn.2026-01.a:b");
	assert_false(scsi_names_port(name));
	assert_int_equal(parse(PORT, 36, "iqn.2026-01.a:b,i,0x00023d000001", 60, name), 40);
	assert_string_equal(name, "iqn.2026-01.a:b,i,0x00023d000001");
	assert_true(scsi_names_port(name));
	assert_int_equal(parse(PORT, 36, "IQN.2026-01.A:B,i,0x00023D00000A", 40, name), 40);
	assert_string_equal(name, "iqn.2026-01.a:b,i,0x00023d00000a");
	assert_int_equal(parse(DEVICE, 20, "eui.0123456789abcde", 24, name), 24);
}

static const struct refusal {
	const char *why, *text;
	uint8_t first;
	size_t additional, size;
} refusals[] = {
	{"shorter than the shortest", "iqn.a", DEVICE, 20, 23},
	{"ADDITIONAL LENGTH below 20", "iqn.a", DEVICE, 16, 24},
	{"ADDITIONAL LENGTH no multiple of four", "iqn.a", DEVICE, 22, 40},
	{"ADDITIONAL LENGTH past the list", "iqn.a", DEVICE, 24, 24},
	{"of Fibre Channel", "iqn.a", 0x00, 20, 24},
	{"of SAS", "iqn.a", 0x06, 20, 24},
	{"FORMAT CODE 10b", "iqn.a", 0x85, 20, 24},
	{"FORMAT CODE 11b", "iqn.a", 0xc5, 20, 24},
	{"reserved bits of byte 0", "iqn.a", 0x15, 20, 24},
	{"no NUL", "iqn.2026-01.aaaaaaaa", DEVICE, 20, 24},
	{"no name", "", DEVICE, 20, 24},
	{"nothing behind the kind", "iqn.", DEVICE, 20, 24},
	{"none of the kinds", "urn.2026", DEVICE, 20, 24},
	{"a blank", "iqn.a b", DEVICE, 20, 24},
	{"a line's end", "iqn.a\nb", DEVICE, 20, 24},
	{"of a port, and a port is missing", "iqn.2026-01.a", PORT, 20, 24},
	{"of a device, and a port is there", "iqn.a,i,0x00023d000001", DEVICE, 24, 28},
	{"no digits", "iqn.a,i,0x", PORT, 20, 24},
	{"a digit too few", "iqn.a,i,0x00023d00000", PORT, 24, 28},
	{"a digit too many", "iqn.a,i,0x00023d0000011", PORT, 24, 28},
	{"no hexadecimal digit", "iqn.a,i,0x00023d00000g", PORT, 24, 28},
	{"of a target port", "iqn.a,t,0x00023d000001", PORT, 24, 28},
};

static void others_are_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		const struct refusal *r = &refusals[i];
		char name[SCSI_PORT_NAME_SIZE];

		if (parse(r->first, r->additional, r->text, r->size, name) != -EINVAL)
			fail_msg("taken: %s", r->why);
	}
}

static void names_end_at_223_bytes(void **state)
{
	char text[400] = "iqn.", name[SCSI_PORT_NAME_SIZE];

	memset(text + 4, 'a', 223 - 4);
	assert_int_equal(parse(DEVICE, 224, text, 228, name), 228);
	strcat(text, ",i,0x00023d000001");
	assert_int_equal(parse(PORT, 244, text, 248, name), 248);
	text[223] = 'a';
	text[224] = '\0';
	assert_int_equal(parse(DEVICE, 228, text, 232, name), -EINVAL);
	memset(text + 4, 'a', 300);
	assert_int_equal(parse(DEVICE, 340, text, 344, name), -EINVAL);
}

/* SPC-4 7.6.4.6: NUL terminated, padded to four bytes, at least 20 of them. */
static void what_is_put_is_padded(void **state)
{
	static const struct {
		const char *name;
		size_t size;
		uint8_t first;
	} rows[] = {
		{"iqn.a", 24, DEVICE},
		{"iqn.2026-01.aaaaaaa", 24, DEVICE},
		{"iqn.2026-01.aaaaaaaa", 28, DEVICE},
		{"iqn.a,i,0x00023d000001", 28, PORT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t out[64] = {0};
		char name[SCSI_PORT_NAME_SIZE];

		assert_int_equal(scsi_transport_id_put(NULL, rows[i].name), rows[i].size);
		assert_int_equal(scsi_transport_id_put(out, rows[i].name), rows[i].size);
		assert_int_equal(out[0], rows[i].first);
		assert_int_equal(out[1], 0);
		assert_int_equal(out[2] << 8 | out[3], rows[i].size - 4);
		assert_int_equal(scsi_transport_id_parse(out, rows[i].size, name), rows[i].size);
		assert_string_equal(name, rows[i].name);
	}
}

static void ports_of_a_device_are_known(void **state)
{
	assert_true(scsi_same_device("iqn.a,i,0x1", "iqn.a,i,0x2"));
	assert_true(scsi_same_device("iqn.a", "iqn.a,i,0x2"));
	assert_false(scsi_same_device("iqn.a", "iqn.ab"));
	assert_false(scsi_same_device("iqn.ab,i,0x1", "iqn.a,i,0x1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_forms_are_taken),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(names_end_at_223_bytes),
		cmocka_unit_test(what_is_put_is_padded),
		cmocka_unit_test(ports_of_a_device_are_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

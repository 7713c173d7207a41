/* SPDX-License-Identifier: BSD-2-Clause */
/* Which portals an initiator is told of, and by what address. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "target/priv.h"

static const struct {
	const char *listens, *reached_at;
	const char *told; /* NULL: not at all */
} cases[] = {
	{"192.0.2.1:3260", "192.0.2.1:3260", "192.0.2.1:3260"},
	{"192.0.2.1:3260", "198.51.100.1:3260", "192.0.2.1:3260"},
	{"192.0.2.1:3260", "[2001:db8::1]:3260", "192.0.2.1:3260"},
	{"[2001:db8::1]:860", "192.0.2.1:3260", "[2001:db8::1]:860"},
	/* A wildcard is what the asking side has come to, with its own port. */
	{"0.0.0.0:860", "192.0.2.1:3260", "192.0.2.1:860"},
	{"[::]:860", "[2001:db8::1]:3260", "[2001:db8::1]:860"},
	{"0.0.0.0:3260", "[2001:db8::1]:3260", NULL},
	{"[::]:3260", "192.0.2.1:3260", NULL},
	{"0.0.0.0:3260", "127.0.0.1:3260", "127.0.0.1:3260"},
	/* Loopback, for those on this host. */
	{"127.0.0.1:3260", "192.0.2.1:3260", NULL},
	{"127.0.0.1:3260", "[2001:db8::1]:3260", NULL},
	{"[::1]:3260", "[2001:db8::1]:3260", NULL},
	{"127.0.0.1:3260", "127.0.0.2:3260", "127.0.0.1:3260"},
	{"127.0.0.1:3260", "[::1]:3260", "127.0.0.1:3260"},
	{"192.0.2.1:3260", "127.0.0.1:3260", "192.0.2.1:3260"},
	/* Link-local ones, on their link; with a zone they cannot be told. */
	{"169.254.1.1:3260", "192.0.2.1:3260", NULL},
	{"169.254.1.1:3260", "169.254.1.1:860", "169.254.1.1:3260"},
	{"[fe80::1%1]:3260", "[2001:db8::1]:3260", NULL},
	{"[fe80::1%1]:3260", "[fe80::1%1]:3260", NULL},
	{"[::]:3260", "[fe80::1%1]:3260", NULL},
	{"192.0.2.1:3260", "[fe80::1%1]:3260", "192.0.2.1:3260"},
};

static void told_what_can_be_reached(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct net_addr listens, reached_at, out;
		char text[NET_ADDR_TEXT];
		assert_int_equal(net_addr_parse(&listens, cases[i].listens, 0), 0);
		assert_int_equal(net_addr_parse(&reached_at, cases[i].reached_at, 0), 0);
		bool told = portal_address(&listens, &reached_at, &out);
		print_message("%s from %s\n", cases[i].listens, cases[i].reached_at);
		assert_int_equal(told, cases[i].told != NULL);
		if (told)
			assert_string_equal(net_addr_format(text, &out), cases[i].told);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(told_what_can_be_reached)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

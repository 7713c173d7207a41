/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of addresses, and what is asked of them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include "common/cleanup.h"
#include "reactor/net.h"

#define DEFAULT_PORT 3260

static void good_addresses(void **state)
{
	static const struct {
		const char *in, *out, *host;
		int family;
	} rows[] = {
		{"1.2.3.4", "1.2.3.4:3260", "1.2.3.4", AF_INET},
		{"1.2.3.4:99", "1.2.3.4:99", "1.2.3.4", AF_INET},
		{"0.0.0.0:0", "0.0.0.0:0", "0.0.0.0", AF_INET},
		{"255.255.255.255:65535", "255.255.255.255:65535", "255.255.255.255", AF_INET},
		{"1.2.3.4:03260", "1.2.3.4:3260", "1.2.3.4", AF_INET},
		{"::", "[::]:3260", "[::]", AF_INET6},
		{"[::]:1", "[::]:1", "[::]", AF_INET6},
		{"::1", "[::1]:3260", "[::1]", AF_INET6},
		{"[::1]", "[::1]:3260", "[::1]", AF_INET6},
		{"2001:DB8:0:0::0:1", "[2001:db8::1]:3260", "[2001:db8::1]", AF_INET6},
		/* A bare IPv6 address has no port, whatever its end looks like. */
		{"2001:db8::1:3261", "[2001:db8::1:3261]:3260", "[2001:db8::1:3261]", AF_INET6},
		{"::ffff:1.2.3.4", "[::ffff:1.2.3.4]:3260", "[::ffff:1.2.3.4]", AF_INET6},
		{"[fe80::1%4000000]:5", "[fe80::1%4000000]:5", "[fe80::1]", AF_INET6},
		{"fe80::1%lo", "[fe80::1%lo]:3260", "[fe80::1]", AF_INET6},
		{"[fe80::1%lo]:5", "[fe80::1%lo]:5", "[fe80::1]", AF_INET6},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[NET_ADDR_TEXT];
		struct net_addr addr, again;
		assert_int_equal(net_addr_parse(&addr, rows[i].in, DEFAULT_PORT), 0);
		assert_int_equal(addr.sa.sa_family, rows[i].family);
		assert_string_equal(net_addr_format(text, &addr), rows[i].out);
		assert_int_equal(net_addr_parse(&again, text, 1), 0);
		assert_memory_equal(&addr, &again, sizeof(addr));
		assert_string_equal(net_addr_format_host(text, &addr), rows[i].host);
	}
}

static void bad_addresses(void **state)
{
	static const char *const rows[] = {
		"",
		" ",
		":",
		":3260",
		"host",
		"host:3260",
		"1.2.3",
		"1.2.3.4.5",
		"1.2.3.256",
		"1.2.3.04x",
		"1.2.3.4 ",
		" 1.2.3.4",
		"1.2.3.4:",
		"1.2.3.4:-1",
		"1.2.3.4:+1",
		"1.2.3.4:65536",
		"1.2.3.4:99999999999999999999",
		"1.2.3.4:1x",
		"1.2.3.4: 1",
		"1.2.3.4,1",
		"[",
		"]",
		"[]",
		"[]:1",
		"[::1",
		"[::1]x",
		"[::1]3260",
		"[::1]:",
		"[::1]:65536",
		"[1.2.3.4]",
		"[1.2.3.4]:1",
		"[[::1]]",
		":::",
		"1:2:3:4:5:6:7:8:9",
		"::g",
		"12345::",
		"[fe80::1%]",
		"[fe80::1%0]",
		"fe80::1%no-such-if0",
		"[fe80::1%4294967296]",
		"[fe80::1%interface-name-too-long-to-be-one]:1",
		"[%lo]",
		"1.2.3.4%lo",
		"::1%lo%lo",
		"1111:2222:3333:4444:5555:6666:7777:8888:1111:2222:3333:4444:5555:6666:7777:8888",
		"111111111111111111111111111111111111111111111111111111111111111111111111111111",
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct net_addr addr;
		memset(&addr, 0x5a, sizeof(addr));
		struct net_addr before = addr;
		int ret = net_addr_parse(&addr, rows[i], DEFAULT_PORT);
		if (ret != -EINVAL)
			fail_msg("\"%s\" gives %d", rows[i], ret);
		assert_memory_equal(&addr, &before, sizeof(addr));
	}
}

static void longest_text_fits(void **state)
{
	char text[NET_ADDR_TEXT];
	struct net_addr addr;
	assert_int_equal(
		net_addr_parse(&addr, "[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]:65535",
			       DEFAULT_PORT),
		0);
	assert_string_equal(net_addr_format(text, &addr),
			    "[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]:65535");
}

static void scope_is_the_interface(void **state)
{
	struct net_addr addr;
	assert_int_equal(net_addr_parse(&addr, "fe80::1%lo", DEFAULT_PORT), 0);
	assert_int_equal(addr.in6.sin6_scope_id, if_nametoindex("lo"));
}

static void no_address_has_text(void **state)
{
	char text[NET_ADDR_TEXT];
	struct net_addr addr;
	memset(&addr, 0, sizeof(addr));
	assert_string_equal(net_addr_format(text, &addr), "-");
	assert_string_equal(net_addr_format_host(text, &addr), "-");
	assert_int_equal(net_addr_port(&addr), 0);
}

static void kinds(void **state)
{
	enum { ANY = 1, LOOPBACK = 2, LINK_LOCAL = 4 };
	static const struct {
		const char *text;
		int kind;
	} rows[] = {
		{"0.0.0.0", ANY},
		{"0.0.0.1", 0},
		{"::", ANY},
		{"::2", 0},
		{"127.0.0.1", LOOPBACK},
		{"127.255.255.254", LOOPBACK},
		{"126.255.255.255", 0},
		{"128.0.0.0", 0},
		{"::1", LOOPBACK},
		{"169.254.0.1", LINK_LOCAL},
		{"169.254.255.255", LINK_LOCAL},
		{"169.253.255.255", 0},
		{"169.255.0.0", 0},
		{"fe80::1", LINK_LOCAL},
		{"febf::1", LINK_LOCAL},
		{"fec0::1", 0},
		{"fe7f::1", 0},
		{"10.0.0.1", 0},
		{"2001:db8::1", 0},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct net_addr addr;
		assert_int_equal(net_addr_parse(&addr, rows[i].text, 1), 0);
		int kind = (net_addr_is_any(&addr) ? ANY : 0) |
			   (net_addr_is_loopback(&addr) ? LOOPBACK : 0) |
			   (net_addr_is_link_local(&addr) ? LINK_LOCAL : 0);
		if (kind != rows[i].kind)
			fail_msg("%s is %d", rows[i].text, kind);
	}
}

static void equal_hosts(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} rows[] = {
		{"1.2.3.4:1", "1.2.3.4:2", true},     {"1.2.3.4", "1.2.3.5", false},
		{"[::1]:1", "[::1]:2", true},         {"::1", "::2", false},
		{"1.2.3.4", "::ffff:1.2.3.4", false}, {"0.0.0.0", "::", false},
		{"fe80::1%1", "[fe80::1%1]:9", true}, {"fe80::1%1", "fe80::1%2", false},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct net_addr a, b;
		assert_int_equal(net_addr_parse(&a, rows[i].a, 1), 0);
		assert_int_equal(net_addr_parse(&b, rows[i].b, 1), 0);
		assert_int_equal(net_addr_equal_host(&a, &b), rows[i].equal);
		assert_int_equal(net_addr_equal_host(&b, &a), rows[i].equal);
	}
}

static void unmapping(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"[::ffff:192.0.2.7]:77", "192.0.2.7:77"},
		{"[::1]:77", "[::1]:77"},
		{"[::192.0.2.7]:77", "[::192.0.2.7]:77"},
		{"192.0.2.7:77", "192.0.2.7:77"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[NET_ADDR_TEXT];
		struct net_addr addr;
		assert_int_equal(net_addr_parse(&addr, rows[i].in, 1), 0);
		net_addr_unmap(&addr);
		assert_string_equal(net_addr_format(text, &addr), rows[i].out);
	}
}

static void port_in_network_order(void **state)
{
	struct net_addr addr;
	assert_int_equal(net_addr_parse(&addr, "1.2.3.4", 0x1234), 0);
	assert_int_equal(addr.in4.sin_port, htons(0x1234));
	net_addr_set_port(&addr, 0xabcd);
	assert_int_equal(addr.in4.sin_port, htons(0xabcd));
	assert_int_equal(net_addr_port(&addr), 0xabcd);
	assert_int_equal(net_addr_parse(&addr, "::1", 0x1234), 0);
	assert_int_equal(addr.in6.sin6_port, htons(0x1234));
	net_addr_set_port(&addr, 0xabcd);
	assert_int_equal(net_addr_port(&addr), 0xabcd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_addresses),        cmocka_unit_test(bad_addresses),
		cmocka_unit_test(longest_text_fits),     cmocka_unit_test(scope_is_the_interface),
		cmocka_unit_test(no_address_has_text),   cmocka_unit_test(kinds),
		cmocka_unit_test(equal_hosts),           cmocka_unit_test(unmapping),
		cmocka_unit_test(port_in_network_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

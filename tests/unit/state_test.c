/* SPDX-License-Identifier: BSD-2-Clause */
/* state.json, as a daemon before, a disk or somebody with an editor has left it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "initiatord/initiatord.h"
#include "initiatord/state_read.h"

#define KEY "iqn.2026-11.org.example:store,192.0.2.1,3260,1,default"

struct rig {
	struct log log;
	struct initiatord d;
	char path[INITIATORD_PATH + 16];
};

static const struct record_key key = {.target = "iqn.2026-11.org.example:store",
				      .address = "192.0.2.1",
				      .port = 3260,
				      .tpgt = 1,
				      .iface = "default"};

static void begin(struct rig *rig, const char *text)
{
	char why[256];
	memset(rig, 0, sizeof(*rig));
	snprintf(rig->d.o.state_dir, sizeof(rig->d.o.state_dir), "/tmp/lunar-state-XXXXXX");
	assert_non_null(mkdtemp(rig->d.o.state_dir));
	snprintf(rig->path, sizeof(rig->path), "%s/state.json", rig->d.o.state_dir);
	rig->d.log = &rig->log;
	list_init(&rig->d.sessions);
	list_init(&rig->d.disks);
	assert_int_equal(reactor_new_engine(&rig->d.r, "epoll", &rig->log), 0);
	if (text) {
		FILE *f = fopen(rig->path, "we");
		assert_non_null(f);
		assert_true(fputs(text, f) >= 0);
		assert_int_equal(fclose(f), 0);
	}
	assert_int_equal(state_load(&rig->d, why, sizeof(why)), 0);
}

static void end(struct rig *rig)
{
	char command[INITIATORD_PATH + 32];
	reactor_free(rig->d.r);
	json_decref(rig->d.left);
	json_decref(rig->d.isids);
	snprintf(command, sizeof(command), "rm -r %s", rig->d.o.state_dir);
	assert_int_equal(system(command), 0);
}

/* None of these is an ISID, nor any reason not to start. */
static const char *const damaged[] = {
	"",
	"{",
	"[]",
	"7",
	"{\"isids\": 7}",
	"{\"isids\": [\"400000000001\"]}",
	"{\"isids\": {\"" KEY "\": 7}}",
	"{\"isids\": {\"" KEY "\": \"\"}}",
	"{\"isids\": {\"" KEY "\": \"4\"}}",
	"{\"isids\": {\"" KEY "\": \"4000000000\"}}",
	"{\"isids\": {\"" KEY "\": \"40000000000100\"}}",
	"{\"isids\": {\"" KEY "\": \"40000000 -+1\"}}",
	"{\"isids\": {\"" KEY "\": \"40000000000g\"}}",
	"{\"sessions\": 7, \"disks\": {}}",
	"{\"sessions\": [7, null, []], \"disks\": [7, {\"boot\": true, \"method\": 7}]}",
};

static void damage_costs_an_isid_at_most(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
		struct rig rig;
		uint8_t isid[ISCSI_ISID_LEN], again[ISCSI_ISID_LEN];
		print_message("%s\n", damaged[i]);
		begin(&rig, damaged[i]);
		assert_int_equal(state_isid(&rig.d, &key, isid), 0);
		assert_int_equal(isid[0] & 0xc0, 0x80); /* random, RFC 7143 11.12.5 */
		assert_int_equal(state_isid(&rig.d, &key, again), 0);
		assert_memory_equal(isid, again, sizeof(isid));
		end(&rig);
	}
}

static bool is_aside(const struct rig *rig)
{
	char aside[INITIATORD_PATH + 32];
	snprintf(aside, sizeof(aside), "%s.damaged", rig->path);
	return !access(aside, F_OK);
}

/* Somebody may want to read in it what was attached. */
static void what_is_damaged_is_kept(void **state)
{
	static const char *const texts[] = {"", "{", "[]", "{} {}"};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct rig rig;
		begin(&rig, texts[i]);
		assert_true(is_aside(&rig));
		assert_int_equal(access(rig.path, F_OK), -1);
		end(&rig);
	}
	struct rig rig;
	begin(&rig, "{\"isids\": {}}");
	assert_false(is_aside(&rig));
	end(&rig);
}

static void what_a_later_version_wrote_is_left_alone(void **state)
{
	struct rig rig;
	char why[INITIATORD_PATH + 256];
	begin(&rig, "{\"version\": 1}");
	FILE *f = fopen(rig.path, "we");
	assert_non_null(f);
	assert_true(fputs("{\"version\": 2}", f) >= 0);
	assert_int_equal(fclose(f), 0);
	json_decref(rig.d.isids);
	json_decref(rig.d.left);
	rig.d.isids = rig.d.left = NULL;
	assert_int_equal(state_load(&rig.d, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "of version 2"));
	assert_false(is_aside(&rig));
	end(&rig);
}

static void numbers_that_cannot_be_are_told(void **state)
{
	json_t *o = json_pack("{s:i, s:i, s:i, s:s}", "zero", 0, "high", 65535, "over", 65536,
			      "text", "7");
	assert_non_null(o);
	assert_true(state_in_range(o, "zero", 0, UINT16_MAX));
	assert_true(state_in_range(o, "high", 0, UINT16_MAX));
	assert_false(state_in_range(o, "zero", 1, UINT16_MAX));
	assert_false(state_in_range(o, "over", 0, UINT16_MAX));
	assert_false(state_in_range(o, "text", 0, UINT16_MAX));
	assert_false(state_in_range(o, "none", 0, UINT16_MAX));
	json_decref(o);
}

#define SESSION                                                                                 \
	"\"target\": \"iqn.2026-11.org.example:store\", \"address\": \"192.0.2.1\", \"port\": " \
	"3260, \"tpgt\": 1"
#define DISK                                                                                    \
	"\"target\": \"iqn.2026-11.org.example:store\", \"address\": \"192.0.2.1\", \"port\": " \
	"3260, \"lun\": 7"
#define DEVICE                                                                              \
	"\"slot\": 3, \"number\": 1, \"queues\": 2, \"fuse_dev\": 70, \"kind\": \"loop\", " \
	"\"path\": \"/dev/loop1\""

static json_t *json_of(const char *text)
{
	json_t *o = json_loads(text, 0, NULL);
	if (!o)
		fail_msg("%s", text);
	return o;
}

/* As it stands there, or not at all: what is cut or wrapped around is another target, path or number. */
static void a_session_is_read_whole_or_not(void **state)
{
	static const struct {
		const char *text, *bad;
	} rows[] = {
		{"{" SESSION "}", NULL},
		{"{" SESSION ", \"iface\": \"default\", \"for_disks\": true}", NULL},
		{"{" SESSION ", \"port\": 0}", "port"},
		{"{" SESSION ", \"port\": 68796}", "port"},
		{"{" SESSION ", \"tpgt\": -2}", "portal group"},
		{"{" SESSION ", \"target\": 7}", "target"},
		{"{" SESSION ", \"target\": \"\"}", "target"},
		{"{" SESSION ", \"address\": null}", "address"},
		{"{" SESSION
		 ", \"iface\": \"a-name-that-is-longer-than-any-that-an-interface-has-and-"
		 "than-the-room-for-it-which-is-why-it-cannot-be-one-of-them-whatever-it-says\"}",
		 "iface"},
		{"{}", "target"},
		{"[]", "target"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct state_session s;
		json_t *o = json_of(rows[i].text);
		const char *bad = state_session_read(o, &s);
		print_message("%s\n", rows[i].text);
		if (rows[i].bad)
			assert_string_equal(bad, rows[i].bad);
		else
			assert_null(bad);
		json_decref(o);
	}
}

static void a_disk_is_read_whole_or_not(void **state)
{
	static const struct {
		const char *text, *bad;
		bool has_device;
	} rows[] = {
		{"{" DISK "}", NULL, false},
		{"{" DISK ", \"device\": {" DEVICE "}}", NULL, true},
		{"{" DISK ", \"device\": {" DEVICE
		 ", \"links\": [\"by-path/a\"], \"keep\": [1, 2]}}",
		 NULL, true},
		{"{" DISK ", \"device\": 7}", NULL, false},
		{"{" DISK ", \"device\": {" DEVICE ", \"slot\": -1}}", NULL, false},
		{"{" DISK ", \"device\": {" DEVICE ", \"slot\": 4294967299}}", NULL, false},
		{"{" DISK ", \"device\": {" DEVICE ", \"kind\": \"a-long-word\"}}", NULL, false},
		{"{" DISK ", \"device\": {" DEVICE ", \"keep\": [1, -1]}}", NULL, false},
		{"{" DISK ", \"device\": {" DEVICE ", \"keep\": [1, 2, 3, 4, 5, 6, 7]}}", NULL,
		 false},
		{"{" DISK ", \"device\": {" DEVICE ", \"links\": [7]}}", NULL, false},
		{"{" DISK ", \"lun\": 16384}", "LUN", false},
		{"{" DISK ", \"lun\": -1}", "LUN", false},
		{"{" DISK ", \"port\": 65536}", "port", false},
		{"{" DISK ", \"method\": 7}", "method", false},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct state_disk k;
		json_t *o = json_of(rows[i].text);
		const char *bad = state_disk_read(o, &k);
		print_message("%s\n", rows[i].text);
		if (rows[i].bad)
			assert_string_equal(bad, rows[i].bad);
		else
			assert_null(bad);
		assert_int_equal(!bad && k.has_device, rows[i].has_device);
		if (rows[i].has_device)
			assert_int_equal(k.device.slot, 3);
		json_decref(o);
	}
}

static void an_isid_is_kept(void **state)
{
	static const uint8_t kept[ISCSI_ISID_LEN] = {0x80, 0x12, 0x34, 0xab, 0xcd, 0xef};
	struct rig rig;
	uint8_t isid[ISCSI_ISID_LEN];
	begin(&rig, "{\"version\": 1, \"isids\": {\"" KEY "\": \"801234abcdef\"}}");
	assert_int_equal(state_isid(&rig.d, &key, isid), 0);
	assert_memory_equal(isid, kept, sizeof(isid));
	end(&rig);
}

/* It is there before the first login by it. */
static void a_new_isid_is_in_the_file(void **state)
{
	struct rig rig;
	uint8_t isid[ISCSI_ISID_LEN];
	begin(&rig, NULL);
	assert_int_equal(state_isid(&rig.d, &key, isid), 0);
	json_t *whole = json_load_file(rig.path, 0, NULL);
	assert_non_null(json_string_value(json_object_get(json_object_get(whole, "isids"), KEY)));
	json_decref(whole);
	end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damage_costs_an_isid_at_most),
		cmocka_unit_test(what_is_damaged_is_kept),
		cmocka_unit_test(what_a_later_version_wrote_is_left_alone),
		cmocka_unit_test(numbers_that_cannot_be_are_told),
		cmocka_unit_test(a_session_is_read_whole_or_not),
		cmocka_unit_test(a_disk_is_read_whole_or_not),
		cmocka_unit_test(an_isid_is_kept),
		cmocka_unit_test(a_new_isid_is_in_the_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

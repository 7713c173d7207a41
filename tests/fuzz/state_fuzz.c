/* SPDX-License-Identifier: BSD-2-Clause */
/* lunar-initiatord's state.json: what is taken from it has texts that end, and numbers that can be. */
#include <string.h>
#include "fuzz.h"
#include "initiatord/state_read.h"

#define MUST_END(text) MUST(strnlen(text, sizeof(text)) < sizeof(text))

static void sessions(const json_t *whole)
{
	struct state_session s;
	const json_t *o;
	size_t i;
	json_array_foreach(json_object_get(whole, "sessions"), i, o)
	{
		const char *bad = state_session_read(o, &s);
		MUST_END(s.key.target); /* it is said in any case */
		if (bad)
			continue;
		MUST(s.key.target[0] && s.key.port);
		MUST(s.key.tpgt >= RECORDS_TPGT_UNKNOWN && s.key.tpgt <= UINT16_MAX);
		MUST_END(s.key.address);
		MUST_END(s.key.iface);
	}
}

static void disks(const json_t *whole)
{
	struct state_disk k;
	const json_t *o;
	size_t i;
	json_array_foreach(json_object_get(whole, "disks"), i, o)
	{
		const char *bad = state_disk_read(o, &k);
		MUST_END(k.target);
		if (bad)
			continue;
		MUST(k.target[0] && k.lun <= 16383 && k.size <= INT64_MAX);
		MUST_END(k.method);
		MUST_END(k.host);
		MUST_END(k.wwid);
		if (!k.has_device)
			continue;
		MUST_END(k.device.kept.kind);
		MUST_END(k.device.kept.path);
		MUST_END(k.device.kept.name);
		for (size_t n = 0; n < ATTACH_LINKS; n++)
			MUST_END(k.device.kept.links[n]);
	}
}

static void isids(json_t *whole)
{
	uint8_t isid[ISCSI_ISID_LEN];
	const char *name;
	json_t *value;
	json_object_foreach(json_object_get(whole, "isids"), name, value)
	{
		const char *text = json_string_value(value);
		if (text && state_isid_read(text, isid))
			MUST(strlen(text) == 2 * ISCSI_ISID_LEN);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_error_t error;
	uint8_t *copy = copy_of(data, size);
	json_t *whole = state_parse(copy, size, &error);
	free(copy);
	MUST(whole ? json_is_object(whole) : error.text[0] != 0);
	sessions(whole);
	disks(whole);
	isids(whole);
	json_decref(whole);
	return 0;
}

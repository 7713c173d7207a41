/* SPDX-License-Identifier: BSD-2-Clause */
#include "initiatord/state_read.h"

#include <stdio.h>
#include <string.h>
#include "common/cleanup.h"

json_t *state_parse(const void *text, size_t len, json_error_t *error)
{
	memset(error, 0, sizeof(*error));
	snprintf(error->text, sizeof(error->text), "it is empty");
	json_t *whole = len ? json_loadb(text, len, 0, error) : NULL;
	if (!whole || json_is_object(whole))
		return whole;
	json_decref(whole);
	memset(error, 0, sizeof(*error));
	snprintf(error->text, sizeof(error->text), "it is not an object");
	return NULL;
}

bool state_in_range(const json_t *o, const char *name, int64_t min, int64_t max)
{
	const json_t *value = json_object_get(o, name);
	return json_is_integer(value) && json_integer_value(value) >= min &&
	       json_integer_value(value) <= max;
}

bool state_isid_read(const char *text, uint8_t isid[ISCSI_ISID_LEN])
{
	/* Before anything is read: a shorter one would be read past its end, and "%x" takes signs and blanks. */
	if (strlen(text) != 2 * ISCSI_ISID_LEN ||
	    strspn(text, "0123456789abcdef") != 2 * ISCSI_ISID_LEN)
		return false;
	for (size_t i = 0; i < ISCSI_ISID_LEN; i++) {
		unsigned byte;
		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return false;
		isid[i] = (uint8_t)byte;
	}
	return true;
}

/* A text that is there, or none: it fits. */
static bool take_text(char *out, size_t size, const json_t *o, const char *name)
{
	const json_t *value = json_object_get(o, name);
	const char *text = json_string_value(value);
	out[0] = 0;
	if (!value)
		return true;
	return text && snprintf(out, size, "%s", text) < (int)size;
}

static bool take_number(uint32_t *out, const json_t *o, const char *name, uint32_t max)
{
	if (!state_in_range(o, name, 0, max))
		return false;
	*out = (uint32_t)json_integer_value(json_object_get(o, name));
	return true;
}

static bool is_true(const json_t *o, const char *name)
{
	return json_is_true(json_object_get(o, name));
}

/* --- sessions */

const char *state_session_read(const json_t *o, struct state_session *out)
{
	struct record_key *k = &out->key;
	uint32_t port;
	memset(out, 0, sizeof(*out));
	if (!take_text(k->target, sizeof(k->target), o, "target") || !k->target[0])
		return "target";
	if (!take_text(k->address, sizeof(k->address), o, "address"))
		return "address";
	if (!take_text(k->iface, sizeof(k->iface), o, "iface"))
		return "iface";
	if (!take_number(&port, o, "port", UINT16_MAX) || !port)
		return "port";
	if (!state_in_range(o, "tpgt", RECORDS_TPGT_UNKNOWN, UINT16_MAX))
		return "portal group";
	k->port = (uint16_t)port;
	k->tpgt = (int32_t)json_integer_value(json_object_get(o, "tpgt"));
	out->for_disks = is_true(o, "for_disks");
	return NULL;
}

/* --- disks */

static bool take_links(struct rights_kept *out, const json_t *links)
{
	if (json_array_size(links) > ATTACH_LINKS)
		return false;
	for (size_t i = 0; i < json_array_size(links); i++) {
		const char *text = json_string_value(json_array_get(links, i));
		if (!text || snprintf(out->links[i], RIGHTS_NAME, "%s", text) >= RIGHTS_NAME)
			return false;
	}
	return true;
}

static bool take_keep(struct attach_keep *out, const json_t *numbers)
{
	if (json_array_size(numbers) > ARRAY_SIZE(out->numbers))
		return false;
	for (size_t i = 0; i < json_array_size(numbers); i++) {
		const json_t *n = json_array_get(numbers, i);
		if (!json_is_integer(n) || json_integer_value(n) < 0 ||
		    json_integer_value(n) > UINT32_MAX)
			return false;
		out->numbers[i] = (uint32_t)json_integer_value(n);
	}
	return true;
}

static bool device_read(const json_t *o, struct state_device *out)
{
	struct rights_kept *k = &out->kept;
	if (!take_number(&out->slot, o, "slot", UINT32_MAX) ||
	    !take_number(&k->number, o, "number", INT32_MAX) ||
	    !take_number(&k->queues, o, "queues", INT32_MAX) ||
	    !state_in_range(o, "fuse_dev", 0, INT64_MAX) ||
	    !take_text(k->kind, sizeof(k->kind), o, "kind") ||
	    !take_text(k->path, sizeof(k->path), o, "path") ||
	    !take_text(k->name, sizeof(k->name), o, "name") ||
	    !take_links(k, json_object_get(o, "links")) ||
	    !take_keep(&out->keep, json_object_get(o, "keep")))
		return false;
	k->encoded = is_true(o, "encoded");
	k->resizes = is_true(o, "resizes");
	k->fuse_dev = (uint64_t)json_integer_value(json_object_get(o, "fuse_dev"));
	return true;
}

const char *state_disk_read(const json_t *o, struct state_disk *out)
{
	const json_t *device = json_object_get(o, "device");
	uint32_t port;
	memset(out, 0, sizeof(*out));
	if (!take_text(out->target, sizeof(out->target), o, "target") || !out->target[0])
		return "target";
	if (!take_text(out->method, sizeof(out->method), o, "method"))
		return "method";
	if (!take_text(out->host, sizeof(out->host), o, "address"))
		return "address";
	if (!take_text(out->wwid, sizeof(out->wwid), o, "wwid"))
		return "identity";
	if (!take_number(&out->lun, o, "lun", ISCSI_LUN_MAX))
		return "LUN";
	if (!take_number(&port, o, "port", UINT16_MAX))
		return "port";
	out->port = (uint16_t)port;
	if (state_in_range(o, "size", 0, INT64_MAX))
		out->size = (uint64_t)json_integer_value(json_object_get(o, "size"));
	out->has_device = json_is_object(device) && device_read(device, &out->device);
	return NULL;
}

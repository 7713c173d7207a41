/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/initiator.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/commands.h"
#include "common/cleanup.h"
#include "control/client.h"
#include "iscsi/lun.h"

#define SOCKET_STANDARD "/run/lunar/initiator.sock"

/* Each reason is one that a person acts on in a way of its own: lunar-attach(8) has the same table. */
static const struct {
	const char *reason;
	int code;
} codes[] = {
	{"bad-address", 10},   {"unresolved", 11},      {"unreachable", 12},
	{"refused", 13},       {"connect-timeout", 14}, {"login-timeout", 15},
	{"wrong-secret", 16},  {"target-unproven", 17}, {"no-authentication", 18},
	{"forbidden", 19},     {"no-such-target", 20},  {"not-now", 21},
	{"login-refused", 22}, {"moved-too-often", 23}, {"no-agreement", 24},
	{"lost", 25},          {"no-answer", 26},       {"damaged", 27},
	{"nonsense", 28},      {"stuck", 29},           {"no-such-lun", 30},
	{"in-use", 31},        {"no-method", 32},       {"timeout", 33},
	{"other-disk", 34},    {"not-found", 35},       {"no-rights", 36},
	{"no-daemon", 37},       {"no-name-server", 38},
};

int initiator_code(const char *reason)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (!strcmp(codes[i].reason, reason))
			return codes[i].code;
	return EXIT_FAILED;
}

/* --- URLs */

static int bad(char *why, size_t size, const char *what)
{
	snprintf(why, size,
		 "%s; a URL is iscsi://[USER@]HOST[:PORT]/TARGET/LUN, such as "
		 "iscsi://192.0.2.1/iqn.2026-11.org.example:disk/0",
		 what);
	return -EINVAL;
}

/* Copies up to `end`, if it fits and is printable. */
static bool copy(char *out, size_t size, const char *text, const char *end)
{
	size_t len = (size_t)(end - text);
	if (len >= size)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
			return false;
	memcpy(out, text, len);
	out[len] = 0;
	return true;
}

static bool take_account(struct iscsi_url *u, const char *text, const char *end)
{
	const char *secret = memchr(text, '%', (size_t)(end - text));
	return copy(u->user, sizeof(u->user), text, secret ? secret : end) && u->user[0] &&
	       (!secret || copy(u->password, sizeof(u->password), secret + 1, end));
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static bool take_place(struct iscsi_url *u, const char *text, const char *end)
{
	bool v6 = text < end && *text == '[';
	const char *stop = memchr(text, v6 ? ']' : ':', (size_t)(end - text));
	if (v6 && !stop)
		return false;
	if (!copy(u->host, sizeof(u->host), text + v6, stop ? stop : end) || !u->host[0])
		return false;
	const char *colon = v6 ? stop + 1 : stop;
	if (!colon || colon == end)
		return true;
	char *after;
	unsigned long port = *colon == ':' ? strtoul(colon + 1, &after, 10) : 0;
	if (!port || port > UINT16_MAX || after != end)
		return false;
	u->port = (uint16_t)port;
	return true;
}

static int take_target(struct iscsi_url *u, const char *text, char *why, size_t why_size)
{
	char name[ISCSI_NAME_SIZE];
	const char *slash = strchr(text, '/');
	const char *end = slash ? slash : text + strlen(text);
	if (end == text)
		return 0;
	if (!copy(name, sizeof(name), text, end))
		return bad(why, why_size, "the target's name is too long, or has odd characters");
	if (iscsi_name_normalize(name, u->target))
		return bad(why, why_size, iscsi_name_problem(name));
	if (!slash || !slash[1])
		return 0;
	u->has_lun = true;
	return iscsi_lun_parse(slash + 1, &u->lun)
		       ? bad(why, why_size, "the LUN is a number from 0 to 16383")
		       : 0;
}

int iscsi_url_parse(struct iscsi_url *u, const char *text, bool scheme, char *why, size_t why_size)
{
	static const char head[] = "iscsi://";
	bool headed = !strncmp(text, head, strlen(head));
	*u = (struct iscsi_url){.port = 3260};
	if (scheme && !headed)
		return bad(why, why_size, "this is no URL");
	if (headed)
		text += strlen(head);
	const char *end = text + strcspn(text, "/"), *at = NULL;
	for (const char *p = text; p < end; p++)
		at = *p == '@' ? p : at;
	if (at && !take_account(u, text, at))
		return bad(why, why_size, "user and password before the @ cannot be read");
	if (!take_place(u, at ? at + 1 : text, end))
		return bad(why, why_size, "there is no host with a port or without one in it");
	return *end ? take_target(u, end + 1, why, why_size) : 0;
}

/* --- the daemon */

int initiator_fail(const struct initiator *i, int code, const char *reason, const char *message)
{
	if (!i->json) {
		fprintf(stderr, "%s: %s\n", i->name, message);
		return code;
	}
	json_t *error = json_pack("{s:{s:i, s:s, s:s}}", "error", "code", code, "reason", reason,
				  "message", message);
	json_dumpf(error, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(error);
	return code;
}

static const char *socket_of(const struct initiator *i)
{
	const char *set = getenv("LUNAR_INITIATOR_SOCKET");
	return i->socket ? i->socket : set && set[0] ? set : SOCKET_STANDARD;
}

static int no_daemon(const struct initiator *i, int err)
{
	char text[700];
	if (err == -EACCES || err == -EPERM)
		snprintf(text, sizeof(text),
			 "you may not use %.300s: its owner, root and its group may", socket_of(i));
	else
		snprintf(text, sizeof(text),
			 "no daemon is running: nobody listens on %.300s (%s); start "
			 "lunar-initiatord, or say where it is by --socket or "
			 "LUNAR_INITIATOR_SOCKET",
			 socket_of(i), strerror(-err));
	return initiator_fail(i, initiator_code("no-daemon"), "no-daemon", text);
}

json_t *initiator_ask(const struct initiator *i, const char *method, json_t *params,
		      unsigned seconds, int *code)
{
	struct control_client *client;
	struct control_error error;
	int err = control_connect(&client, socket_of(i));
	if (err) {
		json_decref(params);
		*code = no_daemon(i, err);
		return NULL;
	}
	json_t *result = control_call(client, method, params, seconds, &error);
	if (!result) {
		const char *reason = json_string_value(json_object_get(error.data, "reason"));
		*code = initiator_fail(i, reason ? initiator_code(reason) : EXIT_FAILED,
				       reason ? reason : "failed", error.message);
	}
	control_error_free(&error);
	control_disconnect(client);
	return result;
}

bool initiator_print(const struct initiator *i, json_t *result)
{
	if (!i->json)
		return false;
	json_dumpf(result, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(result);
	return true;
}

const char *initiator_size(char out[32], uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	size_t unit = 0;
	uint64_t whole = bytes;
	while (unit + 1 < ARRAY_SIZE(units) && whole >= 1024 && whole % 1024 == 0) {
		whole /= 1024;
		unit++;
	}
	snprintf(out, 32, "%" PRIu64 " %s", whole, units[unit]);
	return out;
}

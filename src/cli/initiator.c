/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/initiator.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "cli/commands.h"
#include "common/cleanup.h"
#include "control/client.h"

#define SOCKET_STANDARD "/run/lunar/initiator.sock"

/* Each reason is one that a person acts on in a way of its own: lunar-attach(8) has the same table. */
static const struct {
	const char *reason;
	int code;
} codes[] = {
	{"bad-address", 10},
	{"unresolved", 11},
	{"unreachable", 12},
	{"refused", 13},
	{"connect-timeout", 14},
	{"login-timeout", 15},
	{"wrong-secret", 16},
	{"target-unproven", 17},
	{"no-authentication", 18},
	{"forbidden", 19},
	{"no-such-target", 20},
	{"not-now", 21},
	{"login-refused", 22},
	{"moved-too-often", 23},
	{"no-agreement", 24},
	{"lost", 25},
	{"no-answer", 26},
	{"damaged", 27},
	{"nonsense", 28},
	{"stuck", 29},
	{"no-such-lun", 30},
	{"in-use", 31},
	{"no-method", 32},
	{"timeout", 33},
	{"other-disk", 34},
	{"not-found", 35},
	{"no-rights", 36},
	{"no-daemon", 37},
	{"no-name-server", 38},
	{"portal-unreachable", 39},
	{"bad-setting", EXIT_USAGE},
};

int initiator_code(const char *reason)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (!strcmp(codes[i].reason, reason))
			return codes[i].code;
	return EXIT_FAILED;
}

/* --- URLs */

int initiator_url(struct url *u, const char *text, bool scheme, char *why, size_t why_size)
{
	char whole[1024], said[URL_WHY];
	bool headed = scheme || !strncasecmp(text, "iscsi://", 8);
	int len = snprintf(whole, sizeof(whole), "%s%s", headed ? "" : "iscsi://", text);
	int err = len >= (int)sizeof(whole) ? -ENAMETOOLONG : url_parse(u, whole, said);
	bool set = !err && u->settings[0];
	explicit_bzero(whole, sizeof(whole));
	if (err) {
		memset(u, 0, sizeof(*u));
		snprintf(why, why_size, "%s",
			 err == -ENAMETOOLONG ? "the URL is longer than any" : said);
	} else if (set) {
		/* Who asks the daemon gets what its records say. */
		snprintf(why, why_size,
			 "settings behind \"?\" are for records here: lunar-initiatord(8)");
		err = -EINVAL;
	}
	/* It pointed into `whole`. */
	u->settings = "";
	return err ? -EINVAL : 0;
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

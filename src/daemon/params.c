/* SPDX-License-Identifier: BSD-2-Clause */
/* What steps take. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "daemon/ops.h"

static int missing(struct config_txn *txn, const char *name)
{
	return config_refuse(&txn->why, EBADMSG, "\"%s\" is missing", name);
}

int admin_text(struct config_txn *txn, json_t *params, const char *name, bool needed,
	       const char **out)
{
	const json_t *value = json_object_get(params, name);
	*out = json_string_value(value);
	if (*out)
		return 0;
	if (value && !json_is_null(value))
		return config_refuse(&txn->why, EBADMSG, "\"%s\" is not a string", name);
	return needed ? missing(txn, name) : 0;
}

int admin_flag(struct config_txn *txn, json_t *params, const char *name, bool *out)
{
	const json_t *value = json_object_get(params, name);
	*out = json_is_true(value);
	if (!value || json_is_null(value) || json_is_boolean(value))
		return 0;
	return config_refuse(&txn->why, EBADMSG, "\"%s\" is not true or false", name);
}

int admin_node(struct config_txn *txn, json_t *params, struct config_node **out)
{
	const char *path = NULL;
	int err = admin_text(txn, params, "path", true, &path);
	if (err)
		return err;
	*out = config_lookup(txn->tree, path);
	return *out ? 0 : config_refuse(&txn->why, ENOENT, "No such path %.400s", path);
}

/* NULL: neither text nor number nor truth. */
static json_t *text_of(const json_t *value)
{
	char number[32];
	if (json_is_string(value))
		return json_incref((json_t *)value);
	if (json_is_boolean(value))
		return json_string(json_is_true(value) ? "true" : "false");
	if (!json_is_integer(value))
		return NULL;
	snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return json_string(number);
}

int admin_texts(struct config_txn *txn, json_t *params, const char *name, json_t **out)
{
	json_t *given = json_object_get(params, name), *value;
	const char *key;
	if (given && !json_is_object(given) && !json_is_null(given))
		return config_refuse(&txn->why, EBADMSG, "\"%s\" is not an object", name);
	*out = json_object();
	json_object_foreach(given, key, value)
	{
		json_t *text = text_of(value);
		if (text)
			json_object_set_new(*out, key, text);
		else if (!json_is_null(value))
			return config_refuse(&txn->why, EBADMSG,
					     "\"%.60s\" in \"%s\" is not a text, a number, true "
					     "or false",
					     key, name);
	}
	return 0;
}

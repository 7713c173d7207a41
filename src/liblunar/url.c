/* SPDX-License-Identifier: BSD-2-Clause */
#include "liblunar/url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "iscsi/lun.h"

#define SCHEME "iscsi://"

static int refuse(char why[URL_WHY], const char *text)
{
	snprintf(why, URL_WHY, "%s; a URL is iscsi://[USER[%%SECRET]@]HOST[:PORT]/TARGET/LUN",
		 text);
	return -EINVAL;
}

/* `len` bytes of `from`, which have to fit, and to be there. */
static bool cut(char *out, size_t size, const char *from, size_t len)
{
	if (!len || len >= size)
		return false;
	memcpy(out, from, len);
	out[len] = '\0';
	return true;
}

static int take_account(struct url *out, const char *text, size_t len, char why[URL_WHY])
{
	const char *percent = memchr(text, '%', len);
	size_t user = percent ? (size_t)(percent - text) : len;
	if (!cut(out->user, sizeof(out->user), text, user))
		return refuse(why, "the user before \"@\" is empty, or longer than 255 bytes");
	if (percent && !cut(out->secret, sizeof(out->secret), percent + 1, len - user - 1))
		return refuse(why, "the secret before \"@\" is empty, or longer than 255 bytes");
	return 0;
}

static int take_host(struct url *out, const char *text, size_t len, char why[URL_WHY])
{
	char address[ISCSI_ADDRESS_SIZE];
	if (!cut(address, sizeof(address), text, len) || strchr(address, ',') ||
	    ini_address_parse(&out->address, address))
		return refuse(why, "the host is not a name or an address, with or without a port");
	ini_address_format(out->portal, &out->address);
	return 0;
}

static int take_target(struct url *out, const char *text, size_t len, char why[URL_WHY])
{
	char name[ISCSI_NAME_SIZE] = "";
	if (!cut(name, sizeof(name), text, len) || iscsi_name_normalize(name, out->target)) {
		out->target[0] = '\0';
		const char *problem = name[0] ? iscsi_name_problem(name) : NULL;
		char text_of[100];
		snprintf(text_of, sizeof(text_of), "the target's name: %s",
			 problem ? problem : "it is empty, or longer than 223 bytes");
		return refuse(why, text_of);
	}
	return 0;
}

static int take_lun(struct url *out, const char *text, size_t len, char why[URL_WHY])
{
	char number[16];
	if (!cut(number, sizeof(number), text, len) || iscsi_lun_parse(number, &out->lun))
		return refuse(why, "the LUN is not a number from 0 to 16383");
	out->has_lun = true;
	return 0;
}

static int take_path(struct url *out, const char *path, size_t len, char why[URL_WHY])
{
	while (len && path[len - 1] == '/')
		len--;
	if (!len)
		return 0;
	const char *slash = memchr(path, '/', len);
	size_t name = slash ? (size_t)(slash - path) : len;
	int err = take_target(out, path, name, why);
	return err || !slash ? err : take_lun(out, slash + 1, len - name - 1, why);
}

static int parse(struct url *out, const char *text, char why[URL_WHY])
{
	if (strncasecmp(text, SCHEME, strlen(SCHEME)) != 0)
		return refuse(why, "it does not begin with iscsi://");
	text += strlen(SCHEME);
	size_t len = strcspn(text, "?");
	out->settings = text[len] ? text + len + 1 : text + len;
	const char *slash = memchr(text, '/', len);
	size_t authority = slash ? (size_t)(slash - text) : len;
	const char *at = memrchr(text, '@', authority);
	int err = at ? take_account(out, text, (size_t)(at - text), why) : 0;
	const char *host = at ? at + 1 : text;
	if (!err)
		err = take_host(out, host, authority - (size_t)(host - text), why);
	if (!err && slash)
		err = take_path(out, slash + 1, len - authority - 1, why);
	return err;
}

int url_parse(struct url *out, const char *text, char why[URL_WHY])
{
	memset(out, 0, sizeof(*out));
	int err = parse(out, text, why);
	if (err)
		url_wipe(out);
	return err;
}

void url_wipe(struct url *url)
{
	explicit_bzero(url->secret, sizeof(url->secret));
}

/* --- behind the "?" */

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static bool decode(char value[URL_VALUE_MAX + 1], const char *text, size_t len)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)text[i];
		if (c == '%') {
			int high = len - i < 3 ? -1 : hex(text[i + 1]);
			int low = high < 0 ? -1 : hex(text[i + 2]);
			if (low < 0)
				return false;
			c = high << 4 | low;
			i += 2;
		}
		if (!c || n >= URL_VALUE_MAX)
			return false;
		value[n++] = (char)c;
	}
	value[n] = '\0';
	return true;
}

int url_next_setting(const char **at, char name[64], char value[URL_VALUE_MAX + 1],
		     char why[URL_WHY])
{
	while (**at == '&')
		(*at)++;
	if (!**at)
		return 0;
	size_t len = strcspn(*at, "&"), word = strcspn(*at, "=&");
	if (word == len || !cut(name, 64, *at, word))
		return refuse(why, "behind \"?\" there is something that is not SETTING=VALUE");
	if (!decode(value, *at + word + 1, len - word - 1))
		return refuse(
			why,
			"a value behind \"?\" is too long, or has a \"%\" without two hex digits");
	*at += len;
	return 1;
}

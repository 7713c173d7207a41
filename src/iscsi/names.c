/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "iscsi/text.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* What there is to say against a character of a name; NULL: nothing. */
static const char *char_problem(char c)
{
	if (iscsi_is_digit(c) || (c >= 'a' && c <= 'z') || (c && strchr("-.:_", c)))
		return NULL;
	return c == ' ' ? "a space, which no iSCSI name may have"
			: "a character other than letters, digits, '-', '.', ':', '_'";
}

static bool all_hex(const char *s)
{
	return s[strspn(s, "0123456789abcdefABCDEF")] == 0;
}

/* What follows "iqn.": yyyy-mm, a dot, the naming authority (RFC 7143 4.2.7.4). */
static const char *iqn_problem(const char *s)
{
	for (int i = 0; i < 7; i++)
		if (i == 4 ? s[i] != '-' : !iscsi_is_digit(s[i]))
			return "\"iqn.\" is followed by year and month, as in "
			       "iqn.2001-04.com.example";
	int month = (s[5] - '0') * 10 + s[6] - '0';
	if (month < 1 || month > 12)
		return "the month is not 01 to 12";
	if (s[7] != '.' || !s[8] || s[8] == ':' || s[8] == '.')
		return "no naming authority after the date, as in iqn.2001-04.com.example";
	return NULL;
}

const char *iscsi_name_problem(const char *name)
{
	size_t len = strlen(name);
	if (len > ISCSI_NAME_MAX)
		return "longer than 223 bytes";
	for (size_t i = 0; i < len; i++)
		if (char_problem(lower(name[i])))
			return char_problem(lower(name[i]));
	if (strncasecmp(name, "iqn.", 4) == 0)
		return iqn_problem(name + 4);
	if (strncasecmp(name, "eui.", 4) == 0)
		return len == 4 + 16 && all_hex(name + 4) ? NULL
							  : "\"eui.\" is followed by 16 hex digits";
	if (strncasecmp(name, "naa.", 4) == 0)
		return (len == 4 + 16 || len == 4 + 32) && all_hex(name + 4)
			       ? NULL
			       : "\"naa.\" is followed by 16 or 32 hex digits";
	return "begins with none of \"iqn.\", \"eui.\", \"naa.\"";
}

int iscsi_name_normalize(const char *name, char *out)
{
	const char *problem = iscsi_name_problem(name);
	if (problem) {
		int err = strlen(name) > ISCSI_NAME_MAX ? -ENAMETOOLONG : -EINVAL;
		*out = 0;
		return err;
	}
	while ((*out++ = lower(*name++)))
		;
	return 0;
}

bool iscsi_name_valid(const char *name)
{
	for (const char *p = name; *p; p++)
		if (lower(*p) != *p)
			return false;
	return !iscsi_name_problem(name);
}

size_t iscsi_initiator_port_name(char *out, const char *name, const uint8_t isid[ISCSI_ISID_LEN])
{
	return (size_t)snprintf(out, ISCSI_PORT_NAME_SIZE, "%.*s,i,0x%02x%02x%02x%02x%02x%02x",
				ISCSI_NAME_MAX, name, isid[0], isid[1], isid[2], isid[3], isid[4],
				isid[5]);
}

size_t iscsi_target_port_name(char *out, const char *name, uint16_t tpgt)
{
	return (size_t)snprintf(out, ISCSI_PORT_NAME_SIZE, "%.*s,t,0x%04x", ISCSI_NAME_MAX, name,
				tpgt);
}

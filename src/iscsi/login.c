/* SPDX-License-Identifier: BSD-2-Clause */
/* What both roles of the login say alike. */
#include "iscsi/login.h"

#include "iscsi/login_common.h"

static const struct {
	uint16_t status;
	const char *text;
} statuses[] = {
	{ISCSI_LOGIN_SUCCESS, "success"},
	{ISCSI_LOGIN_MOVED_TEMPORARILY, "the target has moved temporarily"},
	{ISCSI_LOGIN_MOVED_PERMANENTLY, "the target has moved permanently"},
	{ISCSI_LOGIN_INITIATOR_ERROR, "initiator error"},
	{ISCSI_LOGIN_AUTH_FAILED, "authentication failed"},
	{ISCSI_LOGIN_FORBIDDEN, "this initiator is not allowed access to the target"},
	{ISCSI_LOGIN_NOT_FOUND, "no such target at this address"},
	{ISCSI_LOGIN_REMOVED, "the target has been removed"},
	{ISCSI_LOGIN_UNSUPPORTED_VERSION, "protocol version not supported"},
	{ISCSI_LOGIN_TOO_MANY_CONNECTIONS, "too many connections in this session"},
	{ISCSI_LOGIN_MISSING_PARAMETER, "missing parameter"},
	{ISCSI_LOGIN_CANT_INCLUDE, "the session does not span to this address"},
	{ISCSI_LOGIN_SESSION_TYPE, "session type not supported"},
	{ISCSI_LOGIN_NO_SESSION, "the session does not exist"},
	{ISCSI_LOGIN_INVALID_REQUEST, "invalid request during login"},
	{ISCSI_LOGIN_TARGET_ERROR, "target error"},
	{ISCSI_LOGIN_UNAVAILABLE, "service unavailable"},
	{ISCSI_LOGIN_OUT_OF_RESOURCES, "the target is out of resources"},
};

const char *iscsi_login_status_text(uint16_t status)
{
	static const char *const class[] = {"success", "redirection", "initiator error",
					    "target error"};
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].text;
	/* RFC 7143 11.13.5: the class is enough to know what to do. */
	return status >> 8 < ARRAY_SIZE(class) ? class[status >> 8] : "unknown status";
}

bool iscsi_login_others(const struct iscsi_values *v, uint64_t mask)
{
	for (unsigned i = ISCSI_KEY_AUTH_METHOD; i <= ISCSI_KEY_CHAP_R; i++)
		if (v->of[i] && !(mask & ISCSI_KEY_BIT(i)))
			return true;
	return false;
}

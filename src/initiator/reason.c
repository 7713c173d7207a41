/* SPDX-License-Identifier: BSD-2-Clause */
#include "initiator/reason.h"

#include <stddef.h>
#include "common/cleanup.h"

static const struct {
	const char *word, *text;
	bool may_pass;
} reasons[INI_REASONS] = {
	[INI_NO_REASON] = {"none", "nothing is wrong", true},
	[INI_BAD_ADDRESS] = {"bad-address", "the address is not one", false},
	[INI_UNRESOLVED] = {"unresolved", "the host's name has no address", false},
	[INI_NO_NAME_SERVER] = {"no-name-server", "no name server can be asked for the host's name",
				true},
	[INI_UNREACHABLE] = {"unreachable", "the host cannot be reached", true},
	[INI_REFUSED] = {"refused", "nobody listens at this address and port", true},
	[INI_CONNECT_TIMEOUT] = {"connect-timeout", "nobody answers at this address", true},
	[INI_LOGIN_TIMEOUT] = {"login-timeout", "the login is not answered in time", true},
	[INI_WRONG_SECRET] = {"wrong-secret", "the target does not accept this user and secret",
			      false},
	[INI_TARGET_UNPROVEN] = {"target-unproven",
				 "the target does not prove that it is the right one", false},
	[INI_NO_AUTHENTICATION] = {"no-authentication",
				   "the target and this initiator want different authentication",
				   false},
	[INI_FORBIDDEN] = {"forbidden", "this initiator may not log in to the target", false},
	[INI_NO_SUCH_TARGET] = {"no-such-target", "there is no such target at this address", false},
	[INI_NOT_NOW] = {"not-now", "the target cannot serve just now", true},
	[INI_LOGIN_REFUSED] = {"login-refused", "the target refuses the login", false},
	[INI_MOVED_TOO_OFTEN] = {"moved-too-often",
				 "the target is always somewhere else: redirection without an end",
				 false},
	[INI_NO_AGREEMENT] = {"no-agreement", "the negotiation with the target fails", false},
	[INI_LOST] = {"lost", "the connection is lost", true},
	[INI_NO_ANSWER] = {"no-answer", "the target does not answer any more", true},
	[INI_DAMAGED] = {"damaged", "data was damaged on its way", true},
	[INI_NONSENSE] = {"nonsense", "what answers speaks no iSCSI that makes sense", false},
	[INI_STUCK] = {"stuck", "a command can neither end nor be aborted", true},
	[INI_ASKED_OUT] = {"asked-out", "the target has asked for a logout", true},
	[INI_DROPPED] = {"dropped", "the target has dropped the session", true},
	[INI_STOPPED] = {"stopped", "it was asked to end", false},
	[INI_NO_MEMORY] = {"no-memory", "there is no memory left", true},
};

const char *ini_reason_text(enum ini_reason reason)
{
	return (unsigned)reason < INI_REASONS ? reasons[reason].text : "unknown";
}

const char *ini_reason_word(enum ini_reason reason)
{
	return (unsigned)reason < INI_REASONS ? reasons[reason].word : "unknown";
}

bool ini_reason_may_pass(enum ini_reason reason)
{
	return (unsigned)reason < INI_REASONS && reasons[reason].may_pass;
}

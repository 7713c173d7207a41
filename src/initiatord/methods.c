/* SPDX-License-Identifier: BSD-2-Clause */
/* The methods, one row each; docs/initiator-control.md has the same rows. */
#include <errno.h>
#include <string.h>
#include "initiatord/initiatord.h"

#define PROTOCOL_VERSION 1

static void version(void *ctx, struct control_call *call)
{
	(void)ctx;
	control_answer(call, json_pack("{s:s, s:i}", "version", LUNAR_VERSION, "protocol",
				       PROTOCOL_VERSION));
}

const struct control_method initiatord_methods[] = {
	{"discovery.sendtargets", op_discover, "address, port?, user?, password?, record?, delete?",
	 "asks a portal for its targets; with record they become nodes"},
	{"node.list", op_node_list, "target?, address?, port?",
	 "the nodes that there are records of"},
	{"node.show", op_node_show, "target, address?, port?, secrets?", "what records say"},
	{"node.update", op_node_update, "target, address?, port?, values",
	 "sets values of records, all or none"},
	{"node.delete", op_node_delete, "target, address?, port?",
	 "deletes records that nobody is logged in by"},
	{"session.login", op_session_login, "target?, address?, port?, automatic?",
	 "logs in by records, at once; succeeds when one session is up"},
	{"session.logout", op_session_logout, "target?, address?, port?, force?",
	 "logs out, unless a disk needs it; with force without a word"},
	{"session.list", op_session_list, "", "sessions, and what became of them"},
	{"session.rescan", op_session_rescan, "target?, address?, port?",
	 "asks for LUNs and their sizes anew"},
	{"attach", op_attach,
	 "target, lun, address?, port?, user?, password?, user_in?, password_in?, via?, boot?, "
	 "seconds?",
	 "makes a LUN a disk of this host, with all that this takes; answers with its path"},
	{"detach", op_detach, "target?, lun?, path?, all?, force?",
	 "lets a disk go, unless it is in use"},
	{"device.list", op_device_list, "histograms?",
	 "disks that targets have for us, with their paths"},
	{"events.subscribe", op_subscribe, "",
	 "from now on tells this connection of what happens, as notifications"},
	{"status", op_status, "", "what the daemon does"},
	{"version", version, "", "the daemon's version, and that of these methods"},
};
const size_t initiatord_method_count = ARRAY_SIZE(initiatord_methods);

/* --- refusals */

static const struct {
	int err;
	const char *word;
} err_words[] = {
	{-ENXIO, "no-such-lun"}, {-EBUSY, "in-use"},       {-ETIMEDOUT, "timeout"},
	{-ESTALE, "other-disk"}, {-ENOENT, "not-found"},   {-EOPNOTSUPP, "no-method"},
	{-EINVAL, "invalid"},    {-ECANCELED, "canceled"}, {-ENODEV, "gone"},
	{-EACCES, "no-rights"},  {-EPERM, "no-rights"},
};

static const char *word_of(int err)
{
	for (size_t i = 0; i < ARRAY_SIZE(err_words); i++)
		if (err_words[i].err == err)
			return err_words[i].word;
	return "failed";
}

/* It may have come from a peer. */
static void refuse(struct control_call *call, int err, const char *reason, const char *what,
		   const char *why)
{
	char text[ORDER_WHY_SIZE + 300];
	snprintf(text, sizeof(text), "%s%s%s", what, what[0] ? ": " : "", why);
	config_clean(text);
	control_refuse_with(call, err == -EBUSY ? RPC_BUSY : RPC_REFUSED, text,
			    json_pack("{s:s}", "reason", reason));
}

void refuse_by_word(struct control_call *call, const struct word *w, const char *what)
{
	const char *reason = w->reason != INI_NO_REASON
				     ? ini_reason_word((enum ini_reason)w->reason)
				     : word_of(w->err);
	refuse(call, w->err, reason, what, w->why[0] ? w->why : strerror(-w->err));
}

void refuse_by_why(struct control_call *call, int err, const char *why)
{
	refuse(call, err, word_of(err), "", why);
}

uint32_t number_or(struct control_call *call, const char *name, uint32_t most, uint32_t standard,
		   bool *ok)
{
	const json_t *value = json_object_get(control_params(call), name);
	json_int_t n = json_integer_value(value);
	*ok = true;
	if (!value || json_is_null(value))
		return standard;
	if (json_is_integer(value) && n >= 0 && n <= most)
		return (uint32_t)n;
	*ok = false;
	control_refuse(call, RPC_BAD_PARAMS, "\"%s\" is a number from 0 to %u", name, most);
	return 0;
}

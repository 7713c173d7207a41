/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/orders.h"

#include <string.h>

#define UPTO(field) (offsetof(struct order, field) + sizeof(((struct order *)NULL)->field))

size_t order_size(uint32_t kind)
{
	switch (kind) {
	case ORDER_LU_ADD: return UPTO(disk);
	case ORDER_LU_RESIZE: return UPTO(size);
	case ORDER_LU_SET: return UPTO(options);
	case ORDER_LU_FORMAT: return UPTO(block_size);
	case ORDER_LU_OPENED: return UPTO(why);
	case ORDER_GROUP_SET: return UPTO(group);
	case ORDER_ACL_SET: return UPTO(acl);
	case ORDER_DISCOVERY: return UPTO(auth);
	default: return UPTO(text);
	}
}

int order_receive(int end, struct order *order, int files[2])
{
	return order_take(end, (struct order_head *)order, sizeof(*order), ORDER_KINDS, order_size,
			  files);
}

static bool ends(const char *text, size_t size)
{
	return memchr(text, 0, size) != NULL;
}

#define ENDS(text) ends(text, sizeof(text))

bool word_check(const struct word *word, size_t len)
{
	if (len != sizeof(*word))
		return false;
	switch (word->kind) {
	case WORD_READY:
	case WORD_LATER:
	case WORD_DONE:
	case WORD_REOPEN:
	case WORD_STORE: return ENDS(word->why);
	case WORD_VERDICT: return ENDS(word->verdict.user) && ENDS(word->verdict.why);
	case WORD_SESSION: {
		const struct target_session *s = &word->session.s;
		return ENDS(s->node) && ENDS(s->initiator) && ENDS(s->alias) && ENDS(s->user);
	}
	case WORD_LU:
	case WORD_STATS: return true;
	default: return false;
	}
}

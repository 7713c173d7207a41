/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/orders.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "sandbox/channel.h"

#define UPTO(field) (offsetof(struct order, field) + sizeof(((struct order *)NULL)->field))

size_t order_size(uint32_t kind)
{
	switch (kind) {
	case ORDER_LU_ADD: return UPTO(disk);
	case ORDER_LU_SET: return UPTO(options);
	case ORDER_LU_FORMAT: return UPTO(block_size);
	case ORDER_LU_OPENED: return UPTO(why);
	case ORDER_GROUP_SET: return UPTO(group);
	case ORDER_ACL_SET: return UPTO(acl);
	case ORDER_DISCOVERY: return UPTO(auth);
	default: return UPTO(text);
	}
}

int order_send(int end, const struct order *order, int file)
{
	return channel_send(end, order, order_size(order->kind), file);
}

int order_receive(int end, struct order *order, int *file)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {order, sizeof(*order)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	*file = -1;
	ssize_t n;
	do
		n = recvmsg(end, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(file, CMSG_DATA(c), sizeof(*file));
	if ((size_t)n >= sizeof(order->number) + sizeof(order->kind) && order->kind < ORDER_KINDS &&
	    (size_t)n == order_size(order->kind))
		return 1;
	if (*file >= 0)
		close(*file);
	return -EBADMSG;
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
	case WORD_REOPEN: return ENDS(word->why);
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

/* SPDX-License-Identifier: BSD-2-Clause */
#include "initiatord/orders.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "sandbox/channel.h"

#define UPTO(field) (offsetof(struct order, field) + sizeof(((struct order *)NULL)->field))

size_t order_size(uint32_t kind)
{
	switch (kind) {
	case ORDER_LOGIN:
	case ORDER_DISCOVER: return UPTO(login);
	case ORDER_RESOLVED: return UPTO(resolved);
	case ORDER_ATTACH: return UPTO(attach);
	case ORDER_LOG_LEVELS: return UPTO(levels);
	default: return offsetof(struct order, login);
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

static bool check_why(const struct word *w)
{
	return ENDS(w->why);
}

static bool check_state(const struct word *w)
{
	const struct word_session *s = &w->state;
	return s->state <= INI_ENDED && s->reason < INI_REASONS && ENDS(s->address) && ENDS(s->why);
}

static bool check_resolve(const struct word *w)
{
	return ENDS(w->resolve.host);
}

static bool check_attached(const struct word *w)
{
	const struct word_attached *a = &w->attached;
	return ENDS(a->path) && ENDS(a->wwid) && ENDS(a->keep.method);
}

static bool check_found(const struct word *w)
{
	return ENDS(w->found.target) && ENDS(w->found.host);
}

static bool check_device(const struct word *w)
{
	const struct word_device *d = &w->device;
	return ENDS(d->vendor) && ENDS(d->model) && ENDS(d->serial) && ENDS(d->wwid);
}

static bool check_path(const struct word *w)
{
	return w->path.state <= PATH_OTHER && w->path.access <= LU_TRANSITIONING;
}

static bool (*const checks[WORD_KINDS])(const struct word *w) = {
	[WORD_READY] = check_why,       [WORD_LATER] = check_why,
	[WORD_DONE] = check_why,        [WORD_STATE] = check_state,
	[WORD_RESOLVE] = check_resolve, [WORD_ATTACHED] = check_attached,
	[WORD_LOST] = check_why,        [WORD_CHANGED] = check_why,
	[WORD_FOUND] = check_found,     [WORD_SESSION] = check_state,
	[WORD_DEVICE] = check_device,   [WORD_PATH] = check_path,
};

bool word_check(const struct word *word, size_t len)
{
	return len == sizeof(*word) && word->kind < WORD_KINDS && word->reason < INI_REASONS &&
	       checks[word->kind](word);
}

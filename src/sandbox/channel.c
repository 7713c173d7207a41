/* SPDX-License-Identifier: BSD-2-Clause */
#include "sandbox/channel.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "common/cleanup.h"

/* Room for one descriptor beside a message. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

union files {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(CHANNEL_FILES * sizeof(int))];
};

int channel_pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) ? -errno : 0;
}

int channel_open(struct channel *c, int end, size_t count)
{
	*c = (struct channel){.end = end, .count = count};
	c->slots = calloc(count + 1, sizeof(*c->slots));
	if (!c->slots)
		return -ENOMEM;
	pthread_mutex_init(&c->lock, NULL);
	return 0;
}

void channel_close(struct channel *c)
{
	if (!c->slots)
		return;
	for (size_t i = 0; i < c->count; i++) {
		if (c->slots[i].state == CHANNEL_ANSWERED && c->slots[i].file >= 0)
			close(c->slots[i].file);
	}
	pthread_mutex_destroy(&c->lock);
	free(c->slots);
	c->slots = NULL;
	close(c->end);
}

static int ask(const struct channel *c, enum channel_kind kind, uint32_t index)
{
	const struct channel_request request = {.kind = kind, .index = index};
	return send(c->end, &request, sizeof(request), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno
											: 0;
}

int channel_ready(const struct channel *c)
{
	return ask(c, CHANNEL_READY, 0);
}

/* The descriptor that came with a message, or -1. */
static int descriptor_of(struct msghdr *msg)
{
	int file = -1;
	const struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(file)))
		memcpy(&file, CMSG_DATA(c), sizeof(file));
	return file;
}

/* The next answer goes to whom it is for. False: there is none. */
static bool hear(struct channel *c)
{
	struct channel_answer answer;
	union control control;
	struct iovec iov = {&answer, sizeof(answer)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n = recvmsg(c->end, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return false;
	int file = descriptor_of(&msg);
	struct channel_slot *slot = &c->slots[MIN(answer.index, c->count)];
	if (n == (ssize_t)sizeof(answer) && slot->state == CHANNEL_ASKED) {
		slot->state = CHANNEL_ANSWERED;
		slot->file = file;
		slot->answer = answer;
	} else if (file >= 0) {
		close(file);
	}
	return true;
}

static int take_answer(struct channel_slot *slot, char *why, size_t why_size)
{
	const struct channel_answer *a = &slot->answer;
	slot->state = CHANNEL_IDLE;
	if (!a->err)
		return slot->file >= 0 ? slot->file : -EIO;
	snprintf(why, why_size, "%.*s", (int)sizeof(a->why) - 1, a->why);
	return a->err < 0 ? a->err : -EIO;
}

static int ask_again(struct channel *c, uint32_t index)
{
	struct channel_slot *slot = &c->slots[index];
	int err = slot->state == CHANNEL_IDLE ? ask(c, CHANNEL_REOPEN, index) : 0;
	if (!err)
		slot->state = CHANNEL_ASKED;
	return err && err != -EAGAIN ? err : -EINPROGRESS;
}

int channel_reopen(struct channel *c, uint32_t index, char *why, size_t why_size)
{
	if (index >= c->count)
		return -EINVAL;
	pthread_mutex_lock(&c->lock);
	while (hear(c))
		;
	struct channel_slot *slot = &c->slots[index];
	int file = slot->state == CHANNEL_ANSWERED ? take_answer(slot, why, why_size)
						   : ask_again(c, index);
	pthread_mutex_unlock(&c->lock);
	return file;
}

int channel_take(int end, size_t count, struct channel_request *out)
{
	/* Without room for descriptors: one that is sent goes nowhere. */
	struct iovec iov = {out, sizeof(*out)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n = recvmsg(end, &msg, MSG_DONTWAIT);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : errno == ECONNRESET ? 0 : -errno;
	if (n == 0)
		return 0;
	if (n != (ssize_t)sizeof(*out) || msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return -EBADMSG;
	switch (out->kind) {
	case CHANNEL_READY: return out->index == 0 ? 1 : -EBADMSG;
	case CHANNEL_REOPEN: return out->index < count ? 1 : -EBADMSG;
	}
	return -EBADMSG;
}

int channel_send_files(int end, const void *message, size_t len, const int *files, size_t count)
{
	union files control = {0};
	struct iovec iov = {(void *)(uintptr_t)message, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int there[CHANNEL_FILES];
	size_t n = 0;
	for (size_t i = 0; i < count && n < CHANNEL_FILES; i++)
		if (files[i] >= 0)
			there[n++] = files[i];
	if (n) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), there, n * sizeof(int));
	}
	return sendmsg(end, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int channel_send(int end, const void *message, size_t len, int file)
{
	return channel_send_files(end, message, len, &file, 1);
}

ssize_t channel_receive_files(int end, void *message, size_t size, int files[CHANNEL_FILES],
			      size_t *count, int flags)
{
	union files control;
	struct iovec iov = {message, size};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	ssize_t n;
	*count = 0;
	do
		n = recvmsg(end, &msg, MSG_CMSG_CLOEXEC | flags);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	const struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		*count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(files, CMSG_DATA(c), *count * sizeof(int));
	}
	return n;
}

int channel_answer(int end, const struct channel_answer *answer, int file)
{
	return channel_send(end, answer, sizeof(*answer), file);
}

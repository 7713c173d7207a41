/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "common/buf.h"

struct control_client {
	int sock;
	json_int_t last_id;
	struct buf in;
};

int control_connect(struct control_client **out, const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	struct control_client *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	buf_init(&c->in, RPC_LINE_MAX);
	c->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->sock < 0 || connect(c->sock, (const struct sockaddr *)&addr, sizeof(addr))) {
		int err = -errno;
		control_disconnect(c);
		return err;
	}
	*out = c;
	return 0;
}

void control_disconnect(struct control_client *c)
{
	if (!c)
		return;
	if (c->sock >= 0)
		close(c->sock);
	buf_free(&c->in);
	free(c);
}

static int64_t now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int wait_for(const struct control_client *c, short events, int64_t deadline)
{
	struct pollfd fd = {.fd = c->sock, .events = events};
	for (;;) {
		int64_t left = deadline ? deadline - now_ms() : -1;
		int n = poll(&fd, 1, deadline ? (int)MAX(left, 0) : -1);
		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static int send_line(struct control_client *c, const char *line, size_t len, int64_t deadline)
{
	while (len) {
		int err = wait_for(c, POLLOUT, deadline);
		if (err)
			return err;
		ssize_t n = send(c->sock, line, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		line += MAX(n, 0);
		len -= (size_t)MAX(n, 0);
	}
	return 0;
}

/* The next line, without its newline, in c->in; it has `*len` bytes. */
static int receive_line(struct control_client *c, size_t *len, int64_t deadline)
{
	size_t looked = 0;
	for (;;) {
		const uint8_t *end = looked < c->in.len
					     ? memchr(c->in.data + looked, '\n', c->in.len - looked)
					     : NULL;
		if (end) {
			*len = (size_t)(end - c->in.data);
			return 0;
		}
		looked = c->in.len;
		uint8_t stage[65536];
		int err = wait_for(c, POLLIN, deadline);
		if (err)
			return err;
		ssize_t n = recv(c->sock, stage, sizeof(stage), MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n == 0)
			return -ECONNRESET;
		if (n > 0 && (err = buf_add(&c->in, stage, (size_t)n)))
			return err;
	}
}

static json_t *fail(struct control_error *error, int code, const char *message)
{
	error->code = code;
	snprintf(error->message, sizeof(error->message), "%s", message);
	return NULL;
}

static json_t *take_answer(json_t *answer, struct control_error *error)
{
	json_t *result = json_object_get(answer, "result");
	json_t *refused = json_object_get(answer, "error");
	if (json_is_object(refused)) {
		const char *message = json_string_value(json_object_get(refused, "message"));
		error->data = json_incref(json_object_get(refused, "data"));
		result = fail(error, (int)json_integer_value(json_object_get(refused, "code")),
			      message ? message : "refused, without a reason");
	} else if (!result) {
		fail(error, -EBADMSG, "what answers there is no daemon of ours");
	}
	json_incref(result);
	json_decref(answer);
	return result;
}

/* Answers to calls that were given up may come first. */
static json_t *receive_answer(struct control_client *c, struct control_error *error,
			      int64_t deadline)
{
	for (;;) {
		size_t len = 0;
		int err = receive_line(c, &len, deadline);
		if (err)
			return fail(error, err, strerror(-err));
		json_t *answer = json_loadb((const char *)c->in.data, len, 0, NULL);
		buf_consume(&c->in, len + 1);
		if (!answer || json_integer_value(json_object_get(answer, "id")) == c->last_id)
			return take_answer(answer, error);
		json_decref(answer);
	}
}

json_t *control_call(struct control_client *c, const char *method, json_t *params, unsigned seconds,
		     struct control_error *error)
{
	int64_t deadline = seconds ? now_ms() + (int64_t)seconds * 1000 : 0;
	size_t len = 0;
	*error = (struct control_error){0};
	char *line = rpc_write_request(++c->last_id, method, params, &len);
	if (!line)
		return fail(error, -ENOMEM, strerror(ENOMEM));
	int err = send_line(c, line, len, deadline);
	/* It may hold secrets. */
	explicit_bzero(line, len);
	free(line);
	return err ? fail(error, err, strerror(-err)) : receive_answer(c, error, deadline);
}

json_t *control_next_event(struct control_client *c, unsigned wait_ms, int *err)
{
	int64_t deadline = now_ms() + wait_ms;
	for (;;) {
		size_t len = 0;
		*err = receive_line(c, &len, deadline);
		if (*err)
			return NULL;
		json_t *line = json_loadb((const char *)c->in.data, len, 0, NULL);
		json_t *event = json_incref(json_object_get(line, "params"));
		json_decref(line);
		buf_consume(&c->in, len + 1);
		if (json_is_object(event))
			return event;
		json_decref(event);
	}
}

int control_socket(const struct control_client *c)
{
	return c->sock;
}

void control_error_free(struct control_error *e)
{
	json_decref(e->data);
	e->data = NULL;
}

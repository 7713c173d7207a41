/* SPDX-License-Identifier: BSD-2-Clause */
/* Connections that serve a disk: well and badly behaved clients at the other end of a socket pair. */
#include "engine_rig.h"

#include <fcntl.h>
#include <sys/socket.h>
#include "attach/nbd.h"
#include "common/endian.h"

#define SIZE (64u << 20)

/* A disk that holds what it is asked for until it is told to go on. */
struct rig {
	struct reactor *r;
	struct disk disk;
	struct disk_ops ops;
	uint8_t *bytes;
	bool holds;
	struct disk_request *held[512];
	unsigned held_count, most;
	struct nbd_host host;
	int client;
};

static void carry_out(struct rig *rig, struct disk_request *q)
{
	if (q->op == DISK_READ)
		memcpy(q->buf, rig->bytes + q->offset, q->length);
	else if (q->op == DISK_WRITE)
		memcpy(rig->bytes + q->offset, q->buf, q->length);
	else if (q->op == DISK_WRITE_ZEROES || q->op == DISK_DISCARD)
		memset(rig->bytes + q->offset, 0, q->length);
	q->done(q, 0);
}

static void submit(struct disk *d, struct disk_request *q)
{
	struct rig *rig = container_of(d, struct rig, disk);
	memset(q->context, 0xee, d->context_size); /* it is ours */
	if (!rig->holds) {
		carry_out(rig, q);
		return;
	}
	assert_true(rig->held_count < ARRAY_SIZE(rig->held));
	rig->held[rig->held_count++] = q;
	rig->most = MAX(rig->most, rig->held_count);
}

static void let_go(struct rig *rig)
{
	rig->holds = false;
	/* Out of order: who asks knows answers by their cookie. */
	while (rig->held_count)
		carry_out(rig, rig->held[--rig->held_count]);
}

static int conn_setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	int pair[2];
	assert_int_equal(engine_new(&rig->r), 0);
	rig->bytes = calloc(1, SIZE);
	rig->ops.submit = submit;
	rig->disk = (struct disk){
		.ops = &rig->ops,
		.context_size = 24,
		.queue_count = 1,
		.queues = &rig->r,
		.traits = {.size = SIZE,
			   .logical_block = 512,
			   .physical_block = 512,
			   .write_cache = true,
			   .discard_granularity = 512,
			   .write_zeroes = true},
	};
	disk_init(&rig->disk);
	nbd_host_init(&rig->host, rig->r, &rig->disk, "lun");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	rig->client = pair[0];
	fcntl(rig->client, F_SETFL, O_NONBLOCK);
	assert_int_equal(nbd_conn_new(&rig->host, pair[1], NBD_AT_ONCE), 0);
	*state = rig;
	return 0;
}

static void wait_until_gone(struct rig *rig)
{
	uint64_t until = reactor_now(rig->r) + PATIENCE;
	while (rig->host.count && reactor_now(rig->r) < until)
		assert_true(reactor_turn(rig->r, reactor_now(rig->r) + NSEC_PER_MSEC) >= 0);
	assert_int_equal(rig->host.count, 0);
}

static int conn_teardown(void **state)
{
	struct rig *rig = *state;
	let_go(rig);
	nbd_host_drop(&rig->host);
	wait_until_gone(rig);
	nbd_host_free(&rig->host);
	close(rig->client);
	reactor_free(rig->r);
	free(rig->bytes);
	free(rig);
	return 0;
}

/* --- the client */

static void turn(struct rig *rig)
{
	assert_true(reactor_turn(rig->r, reactor_now(rig->r) + NSEC_PER_MSEC) >= 0);
}

static void say(struct rig *rig, const void *data, size_t len)
{
	const uint8_t *p = data;
	for (int patience = 20000; len && patience; patience--) {
		ssize_t n = send(rig->client, p, len, MSG_NOSIGNAL);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
		turn(rig);
	}
	assert_int_equal(len, 0);
}

/* Bytes; fewer when the other side has ended. */
static size_t hear(struct rig *rig, void *data, size_t len)
{
	size_t got = 0;
	for (int patience = 20000; got < len && patience; patience--) {
		ssize_t n = recv(rig->client, (uint8_t *)data + got, len - got, 0);
		if (!n || (n < 0 && errno == ECONNRESET))
			return got;
		got += n > 0 ? (size_t)n : 0;
		if (n < 0)
			turn(rig);
	}
	return got;
}

static void request(uint8_t out[28], uint16_t flags, uint16_t command, uint64_t cookie,
		    uint64_t offset, uint32_t length)
{
	put_be32(out, NBD_REQUEST_MAGIC);
	put_be16(out + 4, flags);
	put_be16(out + 6, command);
	put_be64(out + 8, cookie);
	put_be64(out + 16, offset);
	put_be32(out + 24, length);
}

static void ask(struct rig *rig, uint16_t command, uint64_t cookie, uint64_t offset,
		uint32_t length)
{
	uint8_t head[28];
	request(head, 0, command, cookie, offset, length);
	say(rig, head, sizeof(head));
}

/* The error of the next reply, which is for `cookie` unless that is 0. */
static uint32_t answer(struct rig *rig, uint64_t cookie)
{
	uint8_t reply[16];
	assert_int_equal(hear(rig, reply, sizeof(reply)), sizeof(reply));
	assert_int_equal(get_be32(reply), NBD_SIMPLE_REPLY);
	if (cookie)
		assert_int_equal(get_be64(reply + 8), cookie);
	return get_be32(reply + 4);
}

static bool is_over(struct rig *rig)
{
	uint8_t byte;
	return hear(rig, &byte, 1) == 0;
}

/* --- cases */

static void sizes_of_all_kinds(void **state)
{
	struct rig *rig = *state;
	static const uint32_t sizes[] = {512, 4096, 32 << 10, (32 << 10) + 512, 1 << 20, 32 << 20};
	CLEANUP(free) uint8_t *data = malloc(32 << 20);
	CLEANUP(free) uint8_t *back = malloc(32 << 20);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		memset(data, (int)i + 1, sizes[i]);
		data[sizes[i] - 1] = 0x77;
		ask(rig, NBD_WRITE, 10 + i, 512, sizes[i]);
		say(rig, data, sizes[i]);
		assert_int_equal(answer(rig, 10 + i), 0);
		ask(rig, NBD_READ, 20 + i, 512, sizes[i]);
		assert_int_equal(answer(rig, 20 + i), 0);
		assert_int_equal(hear(rig, back, sizes[i]), sizes[i]);
		assert_memory_equal(data, back, sizes[i]);
	}
}

/* Several headers and their data in one piece, and one header in single bytes. */
static void bytes_come_as_they_like(void **state)
{
	struct rig *rig = *state;
	uint8_t stream[4 * (28 + 512)], head[28];
	for (unsigned i = 0; i < 4; i++) {
		request(stream + i * 540, 0, NBD_WRITE, i + 1, 512 * i, 512);
		memset(stream + i * 540 + 28, (int)i + 1, 512);
	}
	say(rig, stream, sizeof(stream));
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(answer(rig, i + 1), 0);
	request(head, NBD_CMD_FUA, NBD_WRITE, 9, 0, 512);
	for (size_t i = 0; i < sizeof(head); i++)
		say(rig, head + i, 1);
	say(rig, stream, 100);
	say(rig, stream + 100, 412);
	assert_int_equal(answer(rig, 9), 0);
	assert_int_equal(rig->bytes[512 * 3], 4);
}

static void many_at_a_time_and_no_more(void **state)
{
	struct rig *rig = *state;
	uint8_t data[512];
	rig->holds = true;
	for (unsigned i = 0; i < 300; i++)
		ask(rig, NBD_READ, i + 1, 512 * i, 512);
	for (int i = 0; i < 50; i++)
		turn(rig);
	assert_int_equal(rig->most, 128);
	let_go(rig);
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(answer(rig, 0), 0);
		assert_int_equal(hear(rig, data, sizeof(data)), sizeof(data));
	}
}

/* Two of the largest do not fit together: one waits for the other. */
static void memory_is_bounded(void **state)
{
	struct rig *rig = *state;
	CLEANUP(free) uint8_t *back = malloc(32 << 20);
	rig->holds = true;
	ask(rig, NBD_READ, 1, 0, 32 << 20);
	ask(rig, NBD_READ, 2, 512, 32 << 20);
	for (int i = 0; i < 50; i++)
		turn(rig);
	assert_int_equal(rig->held_count, 1);
	let_go(rig);
	for (unsigned i = 1; i <= 2; i++) {
		assert_int_equal(answer(rig, i), 0);
		assert_int_equal(hear(rig, back, 32 << 20), 32 << 20);
	}
}

static void errors_keep_the_stream_in_step(void **state)
{
	struct rig *rig = *state;
	CLEANUP(free) uint8_t *data = calloc(1, 48 << 20);
	disk_set_read_only(&rig->disk, true);
	ask(rig, NBD_WRITE, 1, 0, 1 << 20);
	say(rig, data, 1 << 20);
	assert_int_equal(answer(rig, 1), 1); /* EPERM */
	disk_set_read_only(&rig->disk, false);
	ask(rig, NBD_WRITE, 2, 0, 48 << 20);
	say(rig, data, 48 << 20);
	assert_int_equal(answer(rig, 2), 22);
	ask(rig, NBD_READ, 3, SIZE, 512);
	assert_int_equal(answer(rig, 3), 22);
	ask(rig, NBD_FLUSH, 4, 0, 0);
	assert_int_equal(answer(rig, 4), 0);
}

/* The disk shrinks while the data of a write come. */
static void the_disk_changes_in_between(void **state)
{
	struct rig *rig = *state;
	CLEANUP(free) uint8_t *data = calloc(1, 1 << 20);
	ask(rig, NBD_WRITE, 1, SIZE - (1 << 20), 1 << 20);
	say(rig, data, 1 << 19);
	disk_resize(&rig->disk, SIZE / 2);
	say(rig, data, 1 << 19);
	assert_int_equal(answer(rig, 1), 28); /* ENOSPC */
}

static void what_is_no_request_ends_the_connection(void **state)
{
	struct rig *rig = *state;
	uint8_t junk[28] = "GET / HTTP/1.1";
	say(rig, junk, sizeof(junk));
	assert_true(is_over(rig));
	wait_until_gone(rig);
}

static void answers_come_before_the_end(void **state)
{
	struct rig *rig = *state;
	rig->holds = true;
	ask(rig, NBD_FLUSH, 1, 0, 0);
	ask(rig, NBD_DISCONNECT, 2, 0, 0);
	for (int i = 0; i < 20; i++)
		turn(rig);
	let_go(rig);
	assert_int_equal(answer(rig, 1), 0);
	assert_true(is_over(rig));
	wait_until_gone(rig);
}

/* The client goes in the middle of a write, and of what the disk has. */
static void a_client_that_goes(void **state)
{
	struct rig *rig = *state;
	uint8_t data[512] = {0};
	rig->holds = true;
	ask(rig, NBD_READ, 1, 0, 1 << 20);
	ask(rig, NBD_WRITE, 2, 0, 1 << 20);
	say(rig, data, sizeof(data));
	close(rig->client);
	for (int i = 0; i < 20; i++)
		turn(rig);
	assert_int_equal(rig->host.count, 1); /* the disk has a buffer of it */
	let_go(rig);
	wait_until_gone(rig);
	rig->client = -1;
}

/* Who does not read gets no more than there is room for, and holds up nobody else. */
static void a_client_that_does_not_read(void **state)
{
	struct rig *rig = *state;
	int pair[2];
	for (unsigned i = 0; i < 100; i++)
		ask(rig, NBD_READ, i + 1, 0, 1 << 20);
	for (int i = 0; i < 50; i++)
		turn(rig);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	assert_int_equal(nbd_conn_new(&rig->host, pair[1], NBD_AT_ONCE), 0);
	int first = rig->client;
	rig->client = pair[0];
	ask(rig, NBD_FLUSH, 1, 0, 0);
	assert_int_equal(answer(rig, 1), 0);
	assert_int_equal(nbd_host_busy(&rig->host), 2);
	close(first);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, conn_setup, conn_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(sizes_of_all_kinds),
		CASE(bytes_come_as_they_like),
		CASE(many_at_a_time_and_no_more),
		CASE(memory_is_bounded),
		CASE(errors_keep_the_stream_in_step),
		CASE(the_disk_changes_in_between),
		CASE(what_is_no_request_ends_the_connection),
		CASE(answers_come_before_the_end),
		CASE(a_client_that_goes),
		CASE(a_client_that_does_not_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Letters between reactors on threads of their own. */
#include "reactor/crew.h"
#include "engine_rig.h"

#define ROUNDS  5000
#define SENDERS 3
#define EACH    2000

static struct crew *crew_of(unsigned count)
{
	struct crew *crew;
	assert_int_equal(crew_new(&crew, count, getenv("LUNAR_ENGINE"), NULL), 0);
	assert_int_equal(crew_size(crew), count);
	return crew;
}

struct ball {
	struct mail mail;
	struct reactor *here, *there;
	unsigned count; /* touched by whoever has the ball */
	bool over;
};

static void hit(struct mail *m);

static void hit_back(struct mail *m)
{
	struct ball *ball = container_of(m, struct ball, mail);
	ball->count++;
	reactor_post(ball->here, m, hit);
}

static void hit(struct mail *m)
{
	struct ball *ball = container_of(m, struct ball, mail);
	ball->over = ball->count >= ROUNDS;
	if (!ball->over)
		reactor_post(ball->there, m, hit_back);
}

/* Both sleep each time: none of the letters finds its reader awake, and each has to wake it. */
static void to_and_fro(void **state)
{
	struct reactor *r = *state;
	struct crew *crew = crew_of(1);
	struct ball ball = {.here = r, .there = crew_reactor(crew, 0)};
	uint64_t deadline = reactor_now(r) + PATIENCE;
	reactor_post(ball.there, &ball.mail, hit_back);
	while (!ball.over && reactor_now(r) < deadline)
		assert_true(reactor_turn(r, deadline) >= 0);
	assert_int_equal(ball.count, ROUNDS);
	crew_free(crew);
}

struct letter {
	struct mail mail;
	struct reader *reader;
	unsigned sender, number;
};

struct reader {
	unsigned next[SENDERS];
	unsigned count;
};

static void read_letter(struct mail *m)
{
	struct letter *l = container_of(m, struct letter, mail);
	assert_int_equal(l->number, l->reader->next[l->sender]++);
	l->reader->count++;
}

struct sender {
	struct mail mail;
	struct reactor *to;
	struct letter letters[EACH];
};

static void send_all(struct mail *m)
{
	struct sender *s = container_of(m, struct sender, mail);
	for (unsigned i = 0; i < EACH; i++)
		reactor_post(s->to, &s->letters[i].mail, read_letter);
}

/* Of one sender they come in the order in which they were sent, and none is lost. */
static void in_order(void **state)
{
	struct reactor *r = *state;
	struct crew *crew = crew_of(SENDERS);
	struct reader reader = {.count = 0};
	struct sender *senders = calloc(SENDERS, sizeof(*senders));
	uint64_t deadline = reactor_now(r) + PATIENCE;
	assert_non_null(senders);
	for (unsigned i = 0; i < SENDERS; i++) {
		senders[i].to = r;
		for (unsigned n = 0; n < EACH; n++)
			senders[i].letters[n] =
				(struct letter){.reader = &reader, .sender = i, .number = n};
		reactor_post(crew_reactor(crew, i), &senders[i].mail, send_all);
	}
	while (reader.count < SENDERS * EACH && reactor_now(r) < deadline)
		assert_true(reactor_turn(r, deadline) >= 0);
	assert_int_equal(reader.count, SENDERS * EACH);
	crew_free(crew);
	free(senders);
}

static void count_up(struct mail *m)
{
	struct letter *l = container_of(m, struct letter, mail);
	l->number++;
}

/* What is under way already is not sent twice; what has come can be sent again. */
static void posted_twice(void **state)
{
	struct reactor *r = *state;
	struct letter l = {.number = 0};
	reactor_post(r, &l.mail, count_up);
	reactor_post(r, &l.mail, count_up);
	assert_int_equal(l.number, 0);
	assert_int_equal(reactor_turn(r, REACTOR_NEVER), 1);
	assert_int_equal(l.number, 1);
	reactor_post(r, &l.mail, count_up);
	assert_int_equal(reactor_turn(r, REACTOR_NEVER), 1);
	assert_int_equal(l.number, 2);
}

static void stopped_and_gone(void **state)
{
	unsigned before = open_descriptors();
	struct crew *crew = crew_of(2);
	crew_stop(crew);
	crew_stop(crew);
	crew_free(crew);
	assert_int_equal(open_descriptors(), before);
	crew_free(NULL);
}

static void no_such_engine(void **state)
{
	struct crew *crew;
	assert_int_equal(crew_new(&crew, 2, "steam", NULL), -EINVAL);
	assert_null(crew);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_CASE(to_and_fro),          ENGINE_CASE(in_order),
		ENGINE_CASE(posted_twice),        ENGINE_CASE(stopped_and_gone),
		cmocka_unit_test(no_such_engine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "initiatord/orders.h"

#include <string.h>
#include <unistd.h>

#define ERRNO_MOST 4095 /* the kernel's: no -errno is below it */

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

int order_receive(int end, struct order *order, int *file)
{
	int files[2];
	int n = order_take(end, (struct order_head *)order, sizeof(*order), ORDER_KINDS, order_size,
			   files);
	*file = n > 0 ? files[0] : -1;
	if (n > 0 && files[1] >= 0)
		close(files[1]); /* no order has two */
	return n;
}

static bool ends(const char *text, size_t size)
{
	return memchr(text, 0, size) != NULL;
}

#define ENDS(text) ends(text, sizeof(text))

/* A bool that holds anything but 0 and 1 must not even be looked at as one. */
static bool is_flag(const void *flag)
{
	return *(const uint8_t *)flag <= 1;
}

static bool check_why(const struct word *w)
{
	return ENDS(w->why);
}

static bool check_state(const struct word *w)
{
	const struct word_session *s = &w->state;
	return s->state <= INI_ENDED && s->reason < INI_REASONS && ENDS(s->address) &&
	       ENDS(s->why) && is_flag(&s->header_digest) && is_flag(&s->data_digest);
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
	return ENDS(d->vendor) && ENDS(d->model) && ENDS(d->serial) && ENDS(d->wwid) &&
	       is_flag(&d->gone) && is_flag(&d->read_only) && is_flag(&d->attached);
}

static bool check_path(const struct word *w)
{
	return w->path.state <= PATH_OTHER && w->path.access <= LU_TRANSITIONING &&
	       is_flag(&w->path.used);
}

static bool check_seen(const struct word *w)
{
	const struct word_seen *s = &w->seen;
	return s->what < SEEN_WHATS && s->path.state <= PATH_OTHER &&
	       s->path.access <= LU_TRANSITIONING && ENDS(s->wwid) && ENDS(s->now) &&
	       ENDS(s->vendor) && ENDS(s->model) && ENDS(s->serial) && ENDS(s->target) &&
	       ENDS(s->host) && is_flag(&s->path.used);
}

static bool (*const checks[WORD_KINDS])(const struct word *w) = {
	[WORD_READY] = check_why,       [WORD_LATER] = check_why,
	[WORD_DONE] = check_why,        [WORD_STATE] = check_state,
	[WORD_RESOLVE] = check_resolve, [WORD_ATTACHED] = check_attached,
	[WORD_LOST] = check_why,        [WORD_CHANGED] = check_why,
	[WORD_FOUND] = check_found,     [WORD_SESSION] = check_state,
	[WORD_SEEN] = check_seen,       [WORD_DEVICE] = check_device,
	[WORD_PATH] = check_path,
};

bool word_check(const struct word *word, size_t len)
{
	return len == sizeof(*word) && word->kind < WORD_KINDS && word->err <= 0 &&
	       word->err >= -ERRNO_MOST && word->reason < INI_REASONS && checks[word->kind](word);
}

bool word_is_its_own(uint32_t kind)
{
	static const bool own[WORD_KINDS] = {
		[WORD_READY] = true, [WORD_STATE] = true,   [WORD_RESOLVE] = true,
		[WORD_LOST] = true,  [WORD_CHANGED] = true, [WORD_ATTACHED] = true,
		[WORD_SEEN] = true,
	};
	return own[kind];
}

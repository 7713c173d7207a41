/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record, big-endian: form, flags, type, 0, holder (4), count (4); then for each registrant its key (8), target
 * port (2), the lengths of both names (1, 1), and the names. PRGENERATION is not in it: a power loss sets it to zero
 * (SPC-4 6.15.2).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/endian.h"
#include "scsi/pr.h"

#define FORM  1
#define HEAD  12
#define ONE   12
#define APTPL 0x01
#define LOST  0x02 /* what there was nobody knows yet */

static size_t put_registrant(uint8_t *out, const struct pr_registrant *r)
{
	size_t a = strlen(r->initiator), b = strlen(r->target);

	if (out) {
		put_be64(out, r->key);
		put_be16(out + 8, r->rel_port);
		out[10] = (uint8_t)a;
		out[11] = (uint8_t)b;
		memcpy(out + ONE, r->initiator, a);
		memcpy(out + ONE + a, r->target, b);
	}
	return ONE + a + b;
}

size_t pr_encode(const struct pr_state *s, bool lost, uint8_t *out)
{
	uint32_t count = s ? s->count : 0;
	size_t at = HEAD;

	if (out) {
		memset(out, 0, HEAD);
		out[0] = FORM;
		out[1] = lost ? LOST : 0;
		put_be32(out + 8, count);
	}
	if (out && s) {
		out[1] |= s->aptpl ? APTPL : 0;
		out[2] = s->type;
		put_be32(out + 4, s->holder);
	}
	for (uint32_t i = 0; i < count; i++)
		at += put_registrant(out ? out + at : NULL, &s->of[i]);
	return at;
}

/* Printable, and no NUL: it goes to initiators. */
static bool take_name(char *to, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] < 0x21 || p[i] > 0x7e)
			return false;
	memcpy(to, p, len);
	to[len] = '\0';
	return len > 0;
}

/* Bytes used, 0: it is damaged. */
static size_t take_registrant(struct pr_registrant *r, const uint8_t *p, size_t len)
{
	size_t a, b;

	if (len < ONE)
		return 0;
	a = p[10];
	b = p[11];
	if (len < ONE + a + b)
		return 0;
	r->key = get_be64(p);
	r->rel_port = get_be16(p + 8);
	if (!r->key || !take_name(r->initiator, p + ONE, a) ||
	    !take_name(r->target, p + ONE + a, b))
		return 0;
	return ONE + a + b;
}

static bool is_sound(const struct pr_state *s)
{
	if (!s->type)
		return true;
	return pr_type_valid(s->type) && s->count &&
	       (pr_all_registrants(s->type) || s->holder < s->count);
}

static int take_registrants(struct pr_state **s, uint32_t count, const uint8_t *p, size_t len)
{
	struct pr_registrant r;
	size_t n;

	for (; count; count--, p += n, len -= n) {
		int err;

		n = take_registrant(&r, p, len);
		err = n ? pr_add(s, &r) : -EBADMSG;
		if (err)
			return err == -ENOSPC ? -EBADMSG : err;
	}
	return len ? -EBADMSG : 0;
}

int pr_decode(struct pr_state **out, bool *lost, const uint8_t *p, size_t len)
{
	struct pr_state *s;
	int err;

	if (len < HEAD || p[0] != FORM || p[1] & ~(APTPL | LOST) || p[3])
		return -EBADMSG;
	s = pr_copy(NULL);
	if (!s)
		return -ENOMEM;
	s->aptpl = p[1] & APTPL;
	s->type = p[2];
	s->holder = get_be32(p + 4);
	err = take_registrants(&s, get_be32(p + 8), p + HEAD, len - HEAD);
	if (!err && !is_sound(s))
		err = -EBADMSG;
	if (err) {
		free(s);
		return err;
	}
	*lost = p[1] & LOST;
	*out = s;
	return 0;
}

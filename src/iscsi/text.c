/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/text.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <openssl/crypto.h>

/* ---- in ---- */

void iscsi_text_in_init(struct iscsi_text_in *in, size_t max_bytes, unsigned max_pdus)
{
	*in = (struct iscsi_text_in){.max_pdus = max_pdus};
	buf_init(&in->buf, max_bytes);
}

static void wipe(struct buf *b)
{
	if (b->data)
		OPENSSL_cleanse(b->data, b->size);
}

void iscsi_text_in_free(struct iscsi_text_in *in)
{
	wipe(&in->buf);
	buf_free(&in->buf);
	in->pdus = 0;
}

void iscsi_text_in_reset(struct iscsi_text_in *in)
{
	buf_clear(&in->buf);
	in->pdus = 0;
}

int iscsi_text_in_add(struct iscsi_text_in *in, const void *data, size_t len)
{
	if (in->pdus == in->max_pdus)
		return -EMSGSIZE;
	in->pdus++;
	return buf_add(&in->buf, data, len);
}

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/*
 * A standard-label (RFC 7143 6.1), and two liberties that the keys of the RFCs take themselves:
 * iSCSIProtocolLevel begins with a small letter, X#NodeArchitecture has a '#'.
 */
static bool key_ok(const char *key, size_t len)
{
	if (!len || len > ISCSI_KEY_MAX || !is_letter(key[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_letter(key[i]) && !iscsi_is_digit(key[i]) &&
		    (!key[i] || !strchr(".-+@_#", key[i])))
			return false;
	return true;
}

int iscsi_text_next(const void *text, size_t len, size_t *at, struct iscsi_pair *pair)
{
	const char *p = text;
	while (*at < len && !p[*at])
		++*at;
	if (*at == len)
		return 0;
	p += *at;
	len -= *at;
	const char *end = memchr(p, 0, len);
	const char *eq = end ? memchr(p, '=', (size_t)(end - p)) : NULL;
	if (!eq || !key_ok(p, (size_t)(eq - p)) || end - eq - 1 > ISCSI_VALUE_MAX)
		return -EBADMSG;
	*pair = (struct iscsi_pair){
		.key = p,
		.key_len = (size_t)(eq - p),
		.value = eq + 1,
		.value_len = (size_t)(end - eq - 1),
	};
	*at += (size_t)(end - p) + 1;
	return 1;
}

/* ---- values ---- */

static int hex_digit(char c)
{
	if (iscsi_is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (iscsi_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* "0" and this letter, in either case. */
static bool has_prefix(const char *s, char letter)
{
	return s[0] == '0' && (s[1] | 0x20) == letter;
}

/* The number that `len` digits make. */
static int parse_digits(const char *s, size_t len, unsigned base, uint64_t *out)
{
	uint64_t v = 0;
	if (!len)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		int d = hex_digit(s[i]);
		if (d < 0 || (unsigned)d >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)d, &v))
			return -ERANGE;
	}
	*out = v;
	return 0;
}

int iscsi_parse_number(const char *value, uint64_t *out)
{
	size_t len = strlen(value);
	if (len > 2 && has_prefix(value, 'x'))
		return parse_digits(value + 2, len - 2, 16, out);
	if (len > 1 && value[0] == '0') /* a decimal-constant begins with a non-zero digit */
		return -EINVAL;
	return parse_digits(value, len, 10, out);
}

int iscsi_parse_bool(const char *value, bool *out)
{
	*out = strcmp(value, "Yes") == 0;
	return *out || strcmp(value, "No") == 0 ? 0 : -EINVAL;
}

static int parse_hex(const char *s, uint8_t *out, size_t size, size_t *len)
{
	size_t digits = strlen(s);
	size_t odd = digits & 1;
	if (!digits)
		return -EINVAL;
	if ((digits + 1) / 2 > size)
		return -EMSGSIZE;
	memset(out, 0, (digits + 1) / 2);
	for (size_t i = 0; i < digits; i++) {
		int d = hex_digit(s[i]);
		if (d < 0)
			return -EINVAL;
		size_t at = (i + odd) / 2;
		out[at] = (uint8_t)(out[at] << 4 | d);
	}
	*len = (digits + 1) / 2;
	return 0;
}

/* RFC 4648 4: whole groups of four, and no bits left over in the last. */
static int parse_base64(const char *s, uint8_t *out, size_t size, size_t *len)
{
	size_t chars = strlen(s), pad = 0;
	if (!chars || chars % 4)
		return -EINVAL;
	while (pad < 2 && s[chars - 1 - pad] == '=')
		pad++;
	if (chars / 4 * 3 - pad > size)
		return -EMSGSIZE;
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;
	for (size_t i = 0; i < chars - pad; i++) {
		int d = base64_digit(s[i]);
		if (d < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)d;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = (uint8_t)(bits >> have);
		}
	}
	if (bits & ((1u << have) - 1))
		return -EINVAL;
	*len = n;
	return 0;
}

int iscsi_parse_binary(const char *value, void *out, size_t size, size_t *len)
{
	if (has_prefix(value, 'x'))
		return parse_hex(value + 2, out, size, len);
	if (has_prefix(value, 'b'))
		return parse_base64(value + 2, out, size, len);
	return -EINVAL;
}

/* The bytes of the character at `s`, or 0. Overlong forms, surrogates and what is above U+10FFFF
 * have no valid form (RFC 3629). */
static size_t utf8_len(const unsigned char *s)
{
	static const struct {
		uint8_t mask, lead, len;
		uint32_t least;
	} form[] = {{0x80, 0, 1, 0},
		    {0xe0, 0xc0, 2, 0x80},
		    {0xf0, 0xe0, 3, 0x800},
		    {0xf8, 0xf0, 4, 0x10000}};
	for (size_t f = 0; f < ARRAY_SIZE(form); f++) {
		if ((s[0] & form[f].mask) != form[f].lead)
			continue;
		uint32_t c = s[0] & (unsigned char)~form[f].mask;
		for (size_t i = 1; i < form[f].len; i++) {
			if ((s[i] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (s[i] & 0x3f);
		}
		bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
		bool bad = c < form[f].least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000);
		return control || bad ? 0 : form[f].len;
	}
	return 0;
}

int iscsi_check_utf8(const char *value)
{
	const unsigned char *s = (const unsigned char *)value;
	while (*s) {
		size_t n = utf8_len(s);
		if (!n)
			return -EINVAL;
		s += n;
	}
	return 0;
}

bool iscsi_list_next(const char **list, const char **item, size_t *len)
{
	if (!*list)
		return false;
	*item = *list;
	*len = strcspn(*list, ",");
	*list = (*item)[*len] ? *item + *len + 1 : NULL;
	return true;
}

bool iscsi_list_has(const char *list, const char *name)
{
	const char *item;
	size_t len;
	while (iscsi_list_next(&list, &item, &len))
		if (len == strlen(name) && memcmp(item, name, len) == 0)
			return true;
	return false;
}

/* ---- out ---- */

void iscsi_text_add(struct buf *out, const char *key, const char *fmt, ...)
{
	char *value;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&value, fmt, ap);
	va_end(ap);
	if (n < 0) {
		if (!out->err)
			out->err = -ENOMEM;
		return;
	}
	buf_printf(out, "%s=%s", key, value);
	buf_add(out, "", 1);
	free(value);
}

void iscsi_text_add_binary(struct buf *out, const char *key, const void *data, size_t len)
{
	const uint8_t *p = data;
	buf_printf(out, "%s=0x", key);
	for (size_t i = 0; i < len; i++)
		buf_printf(out, "%02x", p[i]);
	buf_add(out, "", 1);
}

void iscsi_text_out_init(struct iscsi_text_out *out, size_t max_bytes)
{
	*out = (struct iscsi_text_out){0};
	buf_init(&out->buf, max_bytes);
}

void iscsi_text_out_free(struct iscsi_text_out *out)
{
	wipe(&out->buf);
	buf_free(&out->buf);
	out->gone = 0;
}

void iscsi_text_out_reset(struct iscsi_text_out *out)
{
	buf_clear(&out->buf);
	out->gone = 0;
}

size_t iscsi_text_out_left(const struct iscsi_text_out *out)
{
	return out->buf.len - out->gone;
}

size_t iscsi_text_out_part(struct iscsi_text_out *out, size_t max, const uint8_t **part, bool *more)
{
	size_t left = iscsi_text_out_left(out), n = MIN(left, max);
	*part = left ? out->buf.data + out->gone : NULL;
	if (n < left) {
		const uint8_t *nul = memrchr(*part, 0, n);
		if (nul)
			n = (size_t)(nul - *part) + 1;
	}
	out->gone += n;
	*more = n < left;
	return n;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text of Login and Text PDUs: "key=value" and a NUL, again and again (RFC 7143 6.1).
 *
 * Text that came in several PDUs is gathered first (the C bit, RFC 7143 6.2), under a limit of
 * bytes and of PDUs, and then read pair by pair where it lies. Text to be sent is written to a
 * struct buf, and cut to PDUs at the end.
 */
#ifndef LUNAR_ISCSI_TEXT_H
#define LUNAR_ISCSI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/buf.h"

#define ISCSI_KEY_MAX    63   /* bytes of a key */
#define ISCSI_VALUE_MAX  8192 /* bytes of a value, as it is encoded */
#define ISCSI_SIMPLE_MAX 255  /* bytes of a simple value, when its key does not say otherwise */
#define ISCSI_BINARY_MAX 1024 /* bytes that a binary value stands for (RFC 7143 12.1.3) */
/* Bytes of one text, of a login or not; at least 8192 (RFC 7143 6.1). How many pairs these are does
 * not matter: the shortest has three. */
#define ISCSI_TEXT_MAX      (16 * 1024)
#define ISCSI_TEXT_PDUS_MAX 64
/* ... and of an answer to the worst of them, "A=" again and again, with our own keys. */
#define ISCSI_REPLY_MAX (ISCSI_TEXT_MAX / 3 * sizeof("A=NotUnderstood") + 4096)

/* Text that comes in. */
struct iscsi_text_in {
	struct buf buf; /* what has come so far */
	unsigned pdus, max_pdus;
};

void iscsi_text_in_init(struct iscsi_text_in *in, size_t max_bytes, unsigned max_pdus);
/* Wiped: it may hold what proves a secret. The next text may be added all the same. */
void iscsi_text_in_free(struct iscsi_text_in *in);
/* Forgets the text, to begin the next one. */
void iscsi_text_in_reset(struct iscsi_text_in *in);
/* The data segment of the next PDU. 0; -EMSGSIZE: more bytes or PDUs than the limit; -ENOMEM. */
int iscsi_text_in_add(struct iscsi_text_in *in, const void *data, size_t len);

/* A pair, where it lies in the text. */
struct iscsi_pair {
	const char *key;   /* key_len bytes, and then the '=' */
	const char *value; /* ends with its NUL */
	size_t key_len, value_len;
};

/*
 * Reads the pair at `*at` (0 to begin with) and moves `*at` past it. 1: there it is; 0: the text
 * has ended; -EBADMSG: no '=', no NUL at the end, an empty key, one that is too long or has
 * characters that no key has, or too long a value. Empty pairs (a second NUL, padding that was
 * counted as text) are passed over.
 */
int iscsi_text_next(const void *text, size_t len, size_t *at, struct iscsi_pair *pair);

/* ---- values: 0, -EINVAL (not of this form), -ERANGE or -EMSGSIZE (too large) ---- */

static inline bool iscsi_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A decimal-constant or hex-constant below 2^64. */
int iscsi_parse_number(const char *value, uint64_t *out);
/* "Yes" or "No". */
int iscsi_parse_bool(const char *value, bool *out);
/* "0x..." or "0b..." (base64); an odd number of hex digits has a zero in front (RFC 7143 6.1). At
 * most `size` bytes; `*len` says how many came. */
int iscsi_parse_binary(const char *value, void *out, size_t size, size_t *len);
/* Well-formed UTF-8 without control characters. */
int iscsi_check_utf8(const char *value);

/* The next item of a comma-separated list. `*list` moves on and is NULL after the last. False: the
 * list has ended. An empty item has length 0. */
bool iscsi_list_next(const char **list, const char **item, size_t *len);
/* The list has an item `name`. */
bool iscsi_list_has(const char *list, const char *name);

/* ---- text that goes out ---- */

/* Appends a pair with its NUL; errors stay in out->err (common/buf.h). */
void iscsi_text_add(struct buf *out, const char *key, const char *fmt, ...) PRINTF(3, 4);
/* ... its value as "0x..." */
void iscsi_text_add_binary(struct buf *out, const char *key, const void *data, size_t len);

/* A text on its way out, part by part. */
struct iscsi_text_out {
	struct buf buf; /* the owner writes to it */
	size_t gone;    /* bytes that earlier parts have taken */
};

void iscsi_text_out_init(struct iscsi_text_out *out, size_t max_bytes);
void iscsi_text_out_free(struct iscsi_text_out *out);
/* Forgets the text, to write the next one. */
void iscsi_text_out_reset(struct iscsi_text_out *out);
/*
 * Takes the next part, at most `max` bytes, cut between pairs where that can be. Returns its length
 * and in `*part` where it lies (until the buffer is written to again); `*more` says that another
 * part follows: the C bit.
 */
size_t iscsi_text_out_part(struct iscsi_text_out *out, size_t max, const uint8_t **part,
			   bool *more);
/* Bytes not yet taken. */
size_t iscsi_text_out_left(const struct iscsi_text_out *out);

#endif

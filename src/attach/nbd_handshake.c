/* SPDX-License-Identifier: BSD-2-Clause */
/* Fixed newstyle negotiation. Who asks has no rights beyond the socket, and is believed nothing. */
#include "attach/nbd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/endian.h"

#define OPTION_HEADER 16u
#define OPTIONS_MAX   64u        /* a client that asks for more only keeps us busy */
#define SKIP_MAX      (1u << 20) /* an option that is longer is no option */

/* What is left of an option's data. */
struct cursor {
	const uint8_t *p;
	size_t left;
};

static bool take_u16(struct cursor *c, uint16_t *out)
{
	if (c->left < 2)
		return false;
	*out = get_be16(c->p);
	c->p += 2;
	c->left -= 2;
	return true;
}

static bool take_text(struct cursor *c, struct cursor *out)
{
	if (c->left < 4)
		return false;
	uint32_t len = get_be32(c->p);
	if (len > c->left - 4 || len > NBD_NAME_MAX)
		return false;
	*out = (struct cursor){c->p + 4, len};
	c->p += 4 + len;
	c->left -= 4 + len;
	return true;
}

static bool is_text(const struct cursor *c, const char *text)
{
	return c->left == strlen(text) && !memcmp(c->p, text, c->left);
}

static bool is_export(const struct nbd_handshake *h, const struct cursor *name)
{
	return !name->left || is_text(name, h->export->name);
}

/* --- answers */

static void put_u64(struct buf *out, uint64_t v)
{
	uint8_t b[8];
	put_be64(b, v);
	buf_add(out, b, sizeof(b));
}

static void put_u32(struct buf *out, uint32_t v)
{
	uint8_t b[4];
	put_be32(b, v);
	buf_add(out, b, sizeof(b));
}

static void put_u16(struct buf *out, uint16_t v)
{
	uint8_t b[2];
	put_be16(b, v);
	buf_add(out, b, sizeof(b));
}

static void reply(struct buf *out, uint32_t option, uint32_t type, size_t len)
{
	put_u64(out, NBD_OPTION_REPLY);
	put_u32(out, option);
	put_u32(out, type);
	put_u32(out, (uint32_t)len);
}

static void refuse(struct buf *out, uint32_t option, uint32_t type, const char *why)
{
	reply(out, option, type, strlen(why));
	buf_add(out, why, strlen(why));
}

static void malformed(struct buf *out, uint32_t option)
{
	refuse(out, option, NBD_REP_ERR_INVALID, "the option is malformed");
}

uint16_t nbd_flags(const struct disk *d, bool structured)
{
	const struct disk_traits *t = &d->traits;
	const struct {
		bool has;
		unsigned flag;
	} rows[] = {
		{true, NBD_HAS_FLAGS},
		{disk_is_read_only(d), NBD_READ_ONLY},
		{t->write_cache, NBD_SEND_FLUSH | NBD_SEND_FUA},
		{t->rotational, NBD_ROTATIONAL},
		{t->discard_granularity != 0, NBD_SEND_TRIM},
		{t->write_zeroes, NBD_SEND_WRITE_ZEROES},
		{structured, NBD_SEND_DF},
		/* A flush is for all writes that were done, whoever asked for them. */
		{true, NBD_CAN_MULTI_CONN},
	};
	unsigned flags = 0;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		flags |= rows[i].has ? rows[i].flag : 0;
	return (uint16_t)flags;
}

/* --- options; each is an answer, and 0, or -errno */

static int opt_export_name(struct nbd_handshake *h, uint32_t option, struct cursor data,
			   struct buf *out, const char **why)
{
	static const uint8_t zeroes[124];
	if (!is_export(h, &data)) {
		*why = "it asks for an export that is not there";
		return -ENOENT; /* this option has no answer for that */
	}
	put_u64(out, disk_size(h->export->disk));
	put_u16(out, nbd_flags(h->export->disk, h->structured));
	if (h->zeroes)
		buf_add(out, zeroes, sizeof(zeroes));
	h->phase = NBD_TRANSMISSION;
	return 0;
}

static int opt_abort(struct nbd_handshake *h, uint32_t option, struct cursor data, struct buf *out,
		     const char **why)
{
	reply(out, option, NBD_REP_ACK, 0);
	h->phase = NBD_ENDED;
	return 0;
}

static int opt_list(struct nbd_handshake *h, uint32_t option, struct cursor data, struct buf *out,
		    const char **why)
{
	size_t len = strlen(h->export->name);
	if (data.left) {
		malformed(out, option);
		return 0;
	}
	reply(out, option, NBD_REP_SERVER, 4 + len);
	put_u32(out, (uint32_t)len);
	buf_add(out, h->export->name, len);
	reply(out, option, NBD_REP_ACK, 0);
	return 0;
}

static void info_export(const struct nbd_handshake *h, uint32_t option, struct buf *out)
{
	reply(out, option, NBD_REP_INFO, 12);
	put_u16(out, NBD_INFO_EXPORT);
	put_u64(out, disk_size(h->export->disk));
	put_u16(out, nbd_flags(h->export->disk, h->structured));
}

static void info_text(uint32_t option, enum nbd_info type, const char *text, struct buf *out)
{
	reply(out, option, NBD_REP_INFO, 2 + strlen(text));
	put_u16(out, (uint16_t)type);
	buf_add(out, text, strlen(text));
}

static void info_description(const struct nbd_handshake *h, uint32_t option, struct buf *out)
{
	const struct disk_traits *t = &h->export->disk->traits;
	const char *const words[] = {t->vendor, t->model, t->serial};
	char text[4 * DISK_TEXT] = "";
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i][0])
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.63s", n ? " " : "",
					      words[i]);
	info_text(option, NBD_INFO_DESCRIPTION, text, out);
}

static void info_block_size(const struct nbd_handshake *h, uint32_t option, struct buf *out)
{
	const struct disk_traits *t = &h->export->disk->traits;
	uint32_t preferred = MAX(NBD_PREFERRED_BLOCK, t->physical_block);
	reply(out, option, NBD_REP_INFO, 14);
	put_u16(out, NBD_INFO_BLOCK_SIZE);
	put_u32(out, t->logical_block);
	put_u32(out, preferred);
	put_u32(out, NBD_TRANSFER_MAX);
}

/* What is asked for, a bit for each kind that there is. False: it is malformed. */
static bool take_infos(struct cursor *data, unsigned *asked)
{
	uint16_t count, type;
	*asked = 0;
	if (!take_u16(data, &count) || data->left != 2 * (size_t)count)
		return false;
	while (take_u16(data, &type))
		if (type <= NBD_INFO_BLOCK_SIZE)
			*asked |= 1u << type;
	return true;
}

static int opt_info(struct nbd_handshake *h, uint32_t option, struct cursor data, struct buf *out,
		    const char **why)
{
	struct cursor name;
	unsigned asked;
	if (!take_text(&data, &name) || !take_infos(&data, &asked)) {
		malformed(out, option);
		return 0;
	}
	if (!is_export(h, &name)) {
		refuse(out, option, NBD_REP_ERR_UNKNOWN, "there is no export of this name");
		return 0;
	}
	/* A client that does not ask takes 512 bytes for what there is. */
	if (option == NBD_OPT_GO && h->export->disk->traits.logical_block > 512 &&
	    !(asked & 1u << NBD_INFO_BLOCK_SIZE)) {
		refuse(out, option, NBD_REP_ERR_BLOCK_SIZE_REQD,
		       "this disk has large blocks: ask for the block size");
		return 0;
	}
	info_export(h, option, out);
	if (asked & 1u << NBD_INFO_NAME)
		info_text(option, NBD_INFO_NAME, h->export->name, out);
	if (asked & 1u << NBD_INFO_DESCRIPTION)
		info_description(h, option, out);
	if (asked & 1u << NBD_INFO_BLOCK_SIZE)
		info_block_size(h, option, out);
	reply(out, option, NBD_REP_ACK, 0);
	if (option == NBD_OPT_GO)
		h->phase = NBD_TRANSMISSION;
	return 0;
}

static int opt_structured(struct nbd_handshake *h, uint32_t option, struct cursor data,
			  struct buf *out, const char **why)
{
	if (data.left) {
		malformed(out, option);
		return 0;
	}
	h->structured = true;
	reply(out, option, NBD_REP_ACK, 0);
	return 0;
}

/* Whether one of the queries means our context. False: they are malformed. */
static bool take_queries(struct cursor *data, bool list, bool *wanted)
{
	struct cursor query;
	if (data->left < 4)
		return false;
	uint32_t count = get_be32(data->p);
	data->p += 4;
	data->left -= 4;
	*wanted = list && !count;
	for (; count; count--) {
		if (!take_text(data, &query))
			return false;
		*wanted |= is_text(&query, NBD_CONTEXT) || (list && is_text(&query, "base:"));
	}
	return !data->left;
}

static int opt_meta_context(struct nbd_handshake *h, uint32_t option, struct cursor data,
			    struct buf *out, const char **why)
{
	struct cursor name;
	bool wanted, list = option == NBD_OPT_LIST_META_CONTEXT;
	if (!list)
		h->allocation = false;
	if (!take_text(&data, &name) || !take_queries(&data, list, &wanted)) {
		malformed(out, option);
		return 0;
	}
	if (!h->structured) {
		refuse(out, option, NBD_REP_ERR_INVALID, "structured replies come first");
		return 0;
	}
	if (!is_export(h, &name)) {
		refuse(out, option, NBD_REP_ERR_UNKNOWN, "there is no export of this name");
		return 0;
	}
	if (wanted && h->export->disk->traits.extents) {
		reply(out, option, NBD_REP_META_CONTEXT, 4 + strlen(NBD_CONTEXT));
		put_u32(out, list ? 0 : NBD_ALLOCATION);
		buf_add(out, NBD_CONTEXT, strlen(NBD_CONTEXT));
		h->allocation |= !list;
	}
	reply(out, option, NBD_REP_ACK, 0);
	return 0;
}

static int (*const options[])(struct nbd_handshake *h, uint32_t option, struct cursor data,
			      struct buf *out, const char **why) = {
	[NBD_OPT_EXPORT_NAME] = opt_export_name,
	[NBD_OPT_ABORT] = opt_abort,
	[NBD_OPT_LIST] = opt_list,
	[NBD_OPT_INFO] = opt_info,
	[NBD_OPT_GO] = opt_info,
	[NBD_OPT_STRUCTURED_REPLY] = opt_structured,
	[NBD_OPT_LIST_META_CONTEXT] = opt_meta_context,
	[NBD_OPT_SET_META_CONTEXT] = opt_meta_context,
};

/* --- steps */

static ssize_t take_client_flags(struct nbd_handshake *h, const uint8_t *data, size_t len,
				 const char **why)
{
	if (len < 4)
		return 0;
	uint32_t flags = get_be32(data);
	if (!(flags & NBD_FIXED_NEWSTYLE) || flags & ~(NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES)) {
		*why = "its handshake is not the fixed newstyle one";
		return -EPROTO;
	}
	h->zeroes = !(flags & NBD_NO_ZEROES);
	h->phase = NBD_OPTIONS;
	return 4;
}

static ssize_t skip(struct nbd_handshake *h, size_t len)
{
	size_t n = MIN(len, h->skip);
	h->skip -= (uint32_t)n;
	return (ssize_t)n;
}

static ssize_t take_option(struct nbd_handshake *h, const uint8_t *data, size_t len,
			   struct buf *out, const char **why)
{
	if (len < OPTION_HEADER)
		return 0;
	uint32_t option = get_be32(data + 8), size = get_be32(data + 12);
	if (get_be64(data) != NBD_OPTION_MAGIC || size > SKIP_MAX || h->options++ >= OPTIONS_MAX) {
		*why = "what it sends is not an option of NBD, or one too many";
		return -EPROTO;
	}
	if (size > NBD_OPTION_ROOM - OPTION_HEADER) {
		refuse(out, option, NBD_REP_ERR_TOO_BIG, "the option is too long");
		h->skip = size;
		return OPTION_HEADER;
	}
	if (len < OPTION_HEADER + size) {
		h->options--;
		return 0;
	}
	int err = 0;
	if (option < ARRAY_SIZE(options) && options[option])
		err = options[option](h, option, (struct cursor){data + OPTION_HEADER, size}, out,
				      why);
	else
		refuse(out, option, NBD_REP_ERR_UNSUP, "there is no such option here");
	return err ? err : (ssize_t)(OPTION_HEADER + size);
}

void nbd_handshake_begin(struct nbd_handshake *h, const struct nbd_export *export, struct buf *out)
{
	*h = (struct nbd_handshake){.export = export, .phase = NBD_CLIENT_FLAGS};
	put_u64(out, NBD_MAGIC);
	put_u64(out, NBD_OPTION_MAGIC);
	put_u16(out, NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
}

ssize_t nbd_handshake_step(struct nbd_handshake *h, const uint8_t *data, size_t len,
			   struct buf *out, const char **why)
{
	if (h->phase == NBD_CLIENT_FLAGS)
		return take_client_flags(h, data, len, why);
	if (h->phase != NBD_OPTIONS)
		return 0;
	return h->skip ? skip(h, len) : take_option(h, data, len, out, why);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells images of other formats from raw ones: served as they are, their headers would be the
 * initiator's first sectors.
 */
#include "backstore/priv.h"

#include <errno.h>
#include <string.h>

#define HEAD_SIZE 4096

struct format {
	const char *name;
	bool footer;   /* counted from the last sector instead of the start */
	size_t offset; /* within the first HEAD_SIZE bytes, or within the last sector */
	const char *magic;
	size_t len;
};

#define MAGIC(text) text, sizeof(text) - 1

static const struct format formats[] = {
	{"qcow2", false, 0, MAGIC("QFI\xfb")},
	{"QED", false, 0, MAGIC("QED\0")},
	{"VMDK", false, 0, MAGIC("KDMV")},
	{"VMDK", false, 0, MAGIC("COWD")},
	{"VMDK", false, 0, MAGIC("# Disk DescriptorFile")},
	{"VHDX", false, 0, MAGIC("vhdxfile")},
	{"VHD", false, 0, MAGIC("conectix")},
	{"VHD", true, 0, MAGIC("conectix")},
	{"VDI", false, 0x40, MAGIC("\x7f\x10\xda\xbe")},
	{"Parallels", false, 0, MAGIC("WithoutFreeSpace")},
	{"Parallels", false, 0, MAGIC("WithouFreSpacExt")},
	{"DMG", true, 0, MAGIC("koly")},
};

/* `tail` is the last sector, of tail_len bytes: all of it, or 0. */
static const struct format *recognise(const uint8_t *head, size_t head_len, const uint8_t *tail,
				      size_t tail_len)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		const struct format *f = &formats[i];
		const uint8_t *at = f->footer ? tail : head;
		size_t have = f->footer ? tail_len : head_len;
		if (f->offset + f->len <= have && !memcmp(at + f->offset, f->magic, f->len))
			return f;
	}
	return NULL;
}

/* `text` for a shell, cut to fit. */
static void quote(char *out, size_t size, const char *text, const char *suffix)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_-+=:,./@%";
	bool bare = text[0] && text[0] != '-' && !text[strspn(text, plain)];
	const char *mark = bare ? "" : "'";
	size_t n = (size_t)snprintf(out, size, "%s", mark);
	for (const char *p = text; *p && n + 5 + strlen(suffix) + 2 < size; p++)
		n += (size_t)snprintf(out + n, size - n, *p == '\'' ? "'\\''" : "%c", *p);
	snprintf(out + n, size - n, "%s%s", suffix, mark);
}

/* disk.qcow2 becomes disk.raw. */
static void suggest(char *out, size_t size, const char *path)
{
	const char *name = strrchr(path, '/');
	const char *dot = strrchr(name ? name : path, '.');
	int keep = dot && dot > (name ? name + 1 : path) ? (int)(dot - path) : (int)strlen(path);
	char stem[1024];
	snprintf(stem, sizeof(stem), "%.*s", keep, path);
	quote(out, size, stem, dot && !strcmp(dot, ".raw") ? "-converted.raw" : ".raw");
}

int image_check_raw(struct reactor *r, int file, const char *path, uint64_t size,
		    const char *remedy, char *why, size_t why_size)
{
	_Alignas(HEAD_SIZE) uint8_t head[HEAD_SIZE], tail[HEAD_SIZE];
	ssize_t head_len = file_peek(r, file, head, sizeof(head), 0);
	if (head_len < 0)
		return bs_why(why, why_size, (int)head_len, "%s cannot be read: %s", path,
			      strerror((int)-head_len));
	/* The footer is in the last 512 bytes, wherever those are; O_DIRECT reads whole blocks. */
	uint64_t footer = size > SECTOR ? size - SECTOR : 0;
	size_t skip = footer % HEAD_SIZE;
	ssize_t got = file_peek(r, file, tail, sizeof(tail), footer - skip);
	size_t tail_len = got > 0 && skip + SECTOR <= (size_t)got ? SECTOR : 0;
	const struct format *f =
		recognise(head, (size_t)head_len, tail + (tail_len ? skip : 0), tail_len);
	if (!f)
		return 0;
	char in[1100], out[1100];
	quote(in, sizeof(in), path, "");
	suggest(out, sizeof(out), path);
	return bs_why(why, why_size, -EMEDIUMTYPE,
		      "%s is a %s image, and only raw images are served; convert it with "
		      "`qemu-img convert -O raw %s %s`%s",
		      path, f->name, in, out, remedy);
}

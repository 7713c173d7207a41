/* SPDX-License-Identifier: BSD-2-Clause */
/* What is opened and what is refused, and the identity that is found there. */
#include "backstore_rig.h"

static void assert_refused(struct rig *rig, const struct bs_file_options *opt, int err,
			   const char *word)
{
	int res = open_with(rig, opt);
	if (res != err || !strstr(rig->why, word) || strchr(rig->why, '\n') ||
	    !strstr(rig->why, rig->path))
		fail_msg("%d (expected %d): \"%s\" (expected \"%s\")", res, err, rig->why, word);
	assert_null(rig->bs);
}

static bool exists(const char *path)
{
	struct stat st;
	return !lstat(path, &st);
}

static void a_missing_file_is_made_sparse(void **state)
{
	struct rig *rig = *state;
	struct stat st;
	assert_refused(rig, &(struct bs_file_options){0}, -ENOENT, "--size");
	assert_false(exists(rig->path));
	open_new(rig, 1024 * 1024 * MIB);
	assert_true(rig->bs->created);
	assert_int_equal(rig->bs->size, 1024 * 1024 * MIB);
	assert_true(blocks_used(rig) < MIB);
	assert_int_equal(stat(rig->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	close_store(rig);
	/* It stays as it is when it is there, whatever --size says. */
	open_new(rig, MIB);
	assert_int_equal(rig->bs->size, 1024 * 1024 * MIB);
	assert_false(rig->bs->created);
}

static void what_was_made_can_be_discarded(void **state)
{
	struct rig *rig = *state;
	open_new(rig, MIB);
	bs_discard(rig->bs);
	close_store(rig);
	assert_false(exists(rig->path));
	open_new(rig, MIB);
	reopen(rig);
	bs_discard(rig->bs);
	assert_true(exists(rig->path));
}

static void nothing_half_made_stays(void **state)
{
	struct rig *rig = *state;
	struct bs_file_options huge = {.create_size = (uint64_t)INT64_MAX / 512 * 512};
	struct bs_file_options odd = {.create_size = 1000};
	struct bs_file_options readonly = {.create_size = MIB, .readonly = true};
	assert_int_not_equal(open_with(rig, &huge), 0);
	assert_false(exists(rig->path));
	assert_refused(rig, &odd, -EINVAL, "512");
	assert_false(exists(rig->path));
	assert_refused(rig, &readonly, -ENOENT, "--readonly");
	readonly.typed = true;
	assert_refused(rig, &readonly, -ENOENT, "with readonly=true none");
	assert_refused(rig, &(struct bs_file_options){.typed = true}, -ENOENT,
		       "a size, such as 10G, would");
	assert_false(exists(rig->path));
	snprintf(rig->path, sizeof(rig->path), "%s/none/disk.img", rig->dir);
	assert_refused(rig, &(struct bs_file_options){.create_size = MIB}, -ENOENT, "No such file");
}

static void what_is_no_disk_is_refused(void **state)
{
	struct rig *rig = *state;
	struct bs_file_options rw = {0}, ro = {.readonly = true};
	make_file(rig, 0, 0, "", 0);
	assert_refused(rig, &rw, -EINVAL, "empty");
	make_file(rig, 1000000, 0, "", 0);
	assert_refused(rig, &rw, -EINVAL, "multiple of 512");
	unlink(rig->path);
	assert_int_equal(mkfifo(rig->path, 0600), 0);
	assert_refused(rig, &rw, -ENOTBLK, "not a regular file");
	assert_refused(rig, &ro, -ENOTBLK, "not a regular file");
	snprintf(rig->path, sizeof(rig->path), "%s", rig->state);
	assert_refused(rig, &rw, -EISDIR, "directory");
	assert_refused(rig, &ro, -EISDIR, "directory");
	snprintf(rig->path, sizeof(rig->path), "/dev/null");
	assert_refused(rig, &rw, -ENOTBLK, "not a regular file");
}

static void a_file_has_one_writer_or_many_readers(void **state)
{
	struct rig *rig = *state;
	struct backstore *second = NULL;
	struct bs_file_options rw = {0}, ro = {.readonly = true};
	open_new(rig, MIB);
	assert_int_equal(bs_open_path(&second, rig->r, rig->path, &rw, rig->why, sizeof(rig->why)),
			 -EAGAIN);
	assert_non_null(strstr(rig->why, "locked"));
	assert_int_equal(bs_open_path(&second, rig->r, rig->path, &ro, rig->why, sizeof(rig->why)),
			 -EAGAIN);
	assert_null(second);
	close_store(rig);
	assert_int_equal(open_with(rig, &ro), 0);
	assert_int_equal(bs_open_path(&second, rig->r, rig->path, &ro, rig->why, sizeof(rig->why)),
			 0);
	bs_close(second);
	assert_int_equal(bs_open_path(&second, rig->r, rig->path, &rw, rig->why, sizeof(rig->why)),
			 -EAGAIN);
}

static void a_file_that_may_not_be_written(void **state)
{
	struct rig *rig = *state;
	uid_t user = geteuid();
	make_file(rig, MIB, 0, "", 0);
	assert_int_equal(chmod(rig->path, 0444), 0);
	assert_int_equal(chmod(rig->dir, 0755), 0);
	if (!user)
		assert_int_equal(seteuid(65534), 0);
	assert_refused(rig, &(struct bs_file_options){0}, -EACCES, "--readonly");
	assert_int_equal(open_with(rig, &(struct bs_file_options){.readonly = true}), 0);
	assert_int_equal(seteuid(user), 0);
}

static void readonly_takes_no_writes(void **state)
{
	struct rig *rig = *state;
	char buf[512] = {0};
	make_file(rig, MIB, 512, "here", 4);
	assert_int_equal(open_with(rig, &(struct bs_file_options){.readonly = true}), 0);
	assert_int_equal(do_io(rig, BS_WRITE, false, 0, 512, buf), -EROFS);
	assert_int_equal(do_io(rig, BS_ZERO, false, 512, 512, NULL), -EROFS);
	assert_int_equal(do_io(rig, BS_UNMAP, true, 512, 512, NULL), -EROFS);
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0, NULL), 0);
	assert_int_equal(do_io(rig, BS_READ, false, 512, 512, buf), 0);
	assert_memory_equal(buf, "here", 5);
}

struct format_case {
	const char *name, *magic;
	size_t len;
	int64_t offset; /* < 0: from the end */
};

static void other_formats_are_refused(void **state)
{
	static const struct format_case cases[] = {
		{"qcow2", "QFI\xfb\0\0\0\3", 8, 0},
		{"VMDK", "KDMV", 4, 0},
		{"VMDK", "# Disk DescriptorFile\nversion=1\n", 32, 0},
		{"VHDX", "vhdxfile", 8, 0},
		{"VHD", "conectix", 8, 0},
		{"VHD", "conectix", 8, -512},
		{"VDI", "\x7f\x10\xda\xbe", 4, 64},
		{"QED", "QED\0", 4, 0},
		{"Parallels", "WithoutFreeSpace", 16, 0},
	};
	struct rig *rig = *state;
	struct bs_file_options opt = {0}, raw = {.raw = true}, direct = {.direct = true};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t size = MIB + 1536;
		const struct format_case *c = &cases[i];
		make_file(rig, size,
			  c->offset < 0 ? size - (uint64_t)-c->offset : (uint64_t)c->offset,
			  c->magic, c->len);
		assert_refused(rig, &opt, -EMEDIUMTYPE, c->name);
		assert_non_null(strstr(rig->why, "qemu-img convert -O raw /"));
		assert_non_null(strstr(rig->why, "/disk.raw`"));
		assert_non_null(strstr(rig->why, "--raw"));
		if (open_with(rig, &direct) != -EINVAL)
			assert_non_null(strstr(rig->why, c->name));
		assert_int_equal(open_with(rig, &raw), 0);
		close_store(rig);
	}
	/* An odd size does not hide what it is. */
	make_file(rig, 1000, 0, "QFI\xfb", 4);
	assert_refused(rig, &opt, -EMEDIUMTYPE, "qcow2");
	make_file(rig, MIB, 1, "QFI\xfb", 4);
	assert_int_equal(open_with(rig, &opt), 0);
}

static void names_are_quoted_for_a_shell(void **state)
{
	struct rig *rig = *state;
	snprintf(rig->path, sizeof(rig->path), "%s/it's mine.raw", rig->dir);
	make_file(rig, MIB, 0, "QFI\xfb", 4);
	assert_int_equal(open_with(rig, &(struct bs_file_options){0}), -EMEDIUMTYPE);
	assert_non_null(strstr(rig->why, "/it'\\''s mine.raw' '"));
	assert_non_null(strstr(rig->why, "/it'\\''s mine-converted.raw'`"));
}

/* --- identity */

static void identity_of(struct rig *rig, uint8_t id[16])
{
	int err = bs_identity(rig->bs, rig->state, id, rig->why, sizeof(rig->why));
	if (err)
		fail_msg("%d: %s", err, rig->why);
}

static void the_identity_stays_with_the_file(void **state)
{
	struct rig *rig = *state;
	uint8_t first[16], second[16];
	char moved[192];
	open_new(rig, MIB);
	identity_of(rig, first);
	identity_of(rig, second);
	assert_memory_equal(first, second, 16);
	reopen(rig);
	identity_of(rig, second);
	assert_memory_equal(first, second, 16);
	close_store(rig);
	snprintf(moved, sizeof(moved), "%s/moved.img", rig->dir);
	assert_int_equal(rename(rig->path, moved), 0);
	open_new(rig, MIB);
	identity_of(rig, second);
	assert_memory_not_equal(first, second, 16);
	close_store(rig);
	snprintf(rig->path, sizeof(rig->path), "%s", moved);
	reopen(rig);
	identity_of(rig, second);
	if (getxattr(moved, "user.lunar.id", NULL, 0) > 0)
		assert_memory_equal(first, second, 16);
}

static void a_copy_beside_its_original_is_refused(void **state)
{
	struct rig *rig = *state;
	struct backstore *copy;
	uint8_t id[16];
	char path[192], text[33] = {0};
	struct bs_file_options opt = {.create_size = MIB};
	open_new(rig, MIB);
	identity_of(rig, id);
	if (getxattr(rig->path, "user.lunar.id", text, 32) != 32) {
		cannot("attributes");
		return;
	}
	snprintf(path, sizeof(path), "%s/copy.img", rig->dir);
	assert_int_equal(bs_open_path(&copy, rig->r, path, &opt, rig->why, sizeof(rig->why)), 0);
	assert_int_equal(setxattr(path, "user.lunar.id", text, 32, 0), 0);
	assert_int_equal(bs_identity(copy, rig->state, id, rig->why, sizeof(rig->why)), -EEXIST);
	assert_non_null(strstr(rig->why, "identity"));
	assert_non_null(strstr(rig->why, path));
	/* Once the original is gone, the copy may take its place. */
	close_store(rig);
	assert_int_equal(bs_identity(copy, rig->state, id, rig->why, sizeof(rig->why)), 0);
	bs_close(copy);
}

/* Whether nobody else has the lock of this identity: its byte, in one of the files. */
static bool identity_is_free(struct rig *rig, const uint8_t id[16])
{
	char path[192];
	uint64_t byte = 0;
	snprintf(path, sizeof(path), "%s/serving-%02x", rig->state, id[0]);
	for (size_t i = 1; i < 9; i++)
		byte = byte << 8 | id[i];
	int file = file_open(rig->r, path, O_RDWR | O_CREAT, 0600);
	assert_true(file >= 0);
	int err = file_lock_byte(rig->r, file, true, byte >> 4);
	file_close(rig->r, file);
	assert_true(!err || err == -EAGAIN);
	return !err;
}

static void no_lock_stays_behind(void **state)
{
	struct rig *rig = *state;
	static struct bs_whole whole;
	int files[2];
	uint8_t id[16];
	open_new(rig, MIB);
	identity_of(rig, id);
	assert_false(identity_is_free(rig, id));
	id[15] ^= 1; /* what is beyond the lock's digits */
	assert_false(identity_is_free(rig, id));
	id[8] ^= 0x80;
	assert_true(identity_is_free(rig, id));
	id[8] ^= 0x80;
	/* Nor while another process has a descriptor of it still. */
	bs_pack_whole(rig->bs, &whole, files);
	int held = dup(files[1]);
	close_store(rig);
	assert_true(identity_is_free(rig, id));
	close(held);
}

/* The lock of another identity, which came along by mistake, does not hold this one. */
static void a_given_lock_is_of_this_identity(void **state)
{
	struct rig *rig = *state;
	struct backstore *other;
	struct bs_files given = {-1, -1};
	uint8_t id[16];
	char path[192];
	struct bs_file_options opt = {.create_size = MIB};
	open_new(rig, MIB);
	identity_of(rig, id);
	snprintf(path, sizeof(path), "%s/serving-%02x", rig->state, id[0]);
	given.id_lock = open(path, O_RDWR | O_CLOEXEC);
	assert_true(given.id_lock >= 0);
	if (getxattr(rig->path, "user.lunar.id", NULL, 0) <= 0) {
		cannot("attributes");
		return;
	}
	char text[32];
	assert_int_equal(getxattr(rig->path, "user.lunar.id", text, sizeof(text)), 32);
	snprintf(path, sizeof(path), "%s/copy.img", rig->dir);
	assert_int_equal(
		bs_open_with(&other, rig->r, path, &opt, &given, rig->why, sizeof(rig->why)), 0);
	assert_int_equal(setxattr(path, "user.lunar.id", text, 32, 0), 0);
	assert_int_equal(bs_identity(other, rig->state, id, rig->why, sizeof(rig->why)), -EEXIST);
	assert_true(given.id_lock >= 0);
	bs_close(other);
	close(given.id_lock);
}

static void a_damaged_identity_is_not_replaced(void **state)
{
	struct rig *rig = *state;
	uint8_t id[16];
	open_new(rig, MIB);
	if (setxattr(rig->path, "user.lunar.id", "nonsense", 8, 0)) {
		cannot("attributes");
		return;
	}
	assert_int_equal(bs_identity(rig->bs, rig->state, id, rig->why, sizeof(rig->why)),
			 -EBADMSG);
	assert_non_null(strstr(rig->why, "setfattr"));
}

static void memory_has_a_new_identity_each_time(void **state)
{
	struct rig *rig = *state;
	uint8_t first[16], second[16];
	assert_int_equal(bs_open_memory(&rig->bs, rig->r, MIB, rig->why, sizeof(rig->why)), 0);
	assert_int_equal(bs_identity(rig->bs, NULL, first, rig->why, sizeof(rig->why)), 0);
	assert_int_equal(bs_identity(rig->bs, NULL, second, rig->why, sizeof(rig->why)), 0);
	assert_memory_not_equal(first, second, 16);
}

static int nobody_opens(struct bs_opener *o, char *why, size_t why_size)
{
	return -EINPROGRESS;
}

/* A store opened here and served there, with all that opening has found out. */
static void a_parcel_is_the_store(void **state)
{
	struct rig *rig = *state;
	static struct bs_parcel parcel;
	struct bs_opener nobody = {nobody_opens};
	struct backstore *other, *first;
	uint8_t id[16];
	char buf[4096];
	open_new(rig, 4 * MIB);
	assert_int_equal(bs_identity(rig->bs, rig->state, id, rig->why, sizeof(rig->why)), 0);
	int file = bs_pack(rig->bs, &parcel);
	assert_true(file >= 0);
	assert_int_equal(bs_unpack(&other, rig->r, &parcel, -1, &nobody), -EINVAL);
	assert_int_equal(bs_unpack(&other, rig->r, &parcel, dup(file), &nobody), 0);
	first = rig->bs;
	bs_hand_over(first);
	assert_string_equal(other->path, first->path);
	assert_int_equal(other->size, 4 * MIB);
	assert_int_equal(other->unmap_granularity, first->unmap_granularity);
	assert_int_equal(other->rotational, first->rotational);
	assert_true(other->volatile_cache && other->dirty && !other->readonly);
	rig->bs = other;
	memset(buf, 0x31, sizeof(buf));
	assert_int_equal(do_io(rig, BS_WRITE, true, MIB, sizeof(buf), buf), 0);
	assert_int_equal(do_io(rig, BS_UNMAP, false, MIB, sizeof(buf), NULL), 0);
	assert_int_equal(do_io(rig, BS_READ, false, MIB, sizeof(buf), buf), 0);
	assert_int_equal(buf[0], 0);
	bs_close(first);
	/* The lock went along with the handle. */
	struct bs_file_options opt = {0};
	assert_int_equal(bs_open_path(&first, rig->r, rig->path, &opt, rig->why, sizeof(rig->why)),
			 -EAGAIN);
}

/* Opened for somebody else, who has it as if he had opened it himself. */
static void a_whole_store_goes_over(void **state)
{
	struct rig *rig = *state;
	static struct bs_whole whole;
	struct backstore *other;
	struct bs_file_options opt = {0};
	uint8_t id[16], same[16];
	int files[2], theirs[2];
	open_new(rig, 4 * MIB);
	assert_int_equal(bs_identity(rig->bs, rig->state, id, rig->why, sizeof(rig->why)), 0);
	bs_pack_whole(rig->bs, &whole, files);
	assert_true(files[0] >= 0 && files[1] >= 0);
	for (int i = 0; i < 2; i++)
		theirs[i] = dup(files[i]);
	assert_int_equal(bs_unpack_whole(&other, rig->r, &whole, theirs), 0);
	assert_true(other->created);
	bs_leave(rig->bs);
	rig->bs = other;
	/* Both locks went along. */
	assert_int_equal(bs_open_path(&other, rig->r, rig->path, &opt, rig->why, sizeof(rig->why)),
			 -EAGAIN);
	assert_false(identity_is_free(rig, id));
	assert_int_equal(bs_identity(rig->bs, rig->state, same, rig->why, sizeof(rig->why)), 0);
	assert_memory_equal(id, same, sizeof(id));
	/* And so does the right to undo it. */
	bs_discard(rig->bs);
	assert_false(exists(rig->path));
	bs_close(rig->bs);
	rig->bs = NULL;
	assert_true(identity_is_free(rig, id));
}

static void a_parcel_of_memory(void **state)
{
	struct rig *rig = *state;
	static struct bs_parcel parcel;
	struct backstore *other;
	assert_int_equal(bs_open_memory(&rig->bs, rig->r, MIB, rig->why, sizeof(rig->why)), 0);
	assert_int_equal(bs_pack(rig->bs, &parcel), -1);
	assert_int_equal(bs_unpack(&other, rig->r, &parcel, -1, NULL), 0);
	assert_int_equal(other->size, MIB);
	assert_string_equal(other->ops->kind, "ramdisk");
	bs_close(other);
}

static uint64_t blocks_of(int file)
{
	struct stat st;
	assert_int_equal(fstat(file, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

/* One process after the other has it in sight; the one that keeps it never does. */
static void memory_that_is_kept(void **state)
{
	struct rig *rig = *state;
	static struct bs_parcel parcel;
	struct backstore *keeper;
	bool mapped;
	uint64_t length;
	char buf[4096];
	assert_int_equal(bs_keep_memory(&keeper, rig->r, 1000, -1, rig->why, sizeof(rig->why)),
			 -EINVAL);
	assert_int_equal(bs_keep_memory(&keeper, rig->r, 64 * MIB, -1, rig->why, sizeof(rig->why)),
			 0);
	int file = bs_pack(keeper, &parcel);
	assert_true(parcel.memory && file >= 0);
	assert_true(bs_is_memory_of(file, 64 * MIB));
	assert_false(bs_is_memory_of(file, 65 * MIB));
	assert_int_equal(ftruncate(file, 0), -1);
	assert_int_equal(bs_unpack(&rig->bs, rig->r, &parcel, dup(file), NULL), 0);
	memset(buf, 0x31, sizeof(buf));
	assert_int_equal(do_io(rig, BS_WRITE, true, MIB, sizeof(buf), buf), 0);
	close_store(rig);
	assert_int_equal(bs_unpack(&rig->bs, rig->r, &parcel, dup(file), NULL), 0);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(do_io(rig, BS_READ, false, MIB, sizeof(buf), buf), 0);
	assert_true(buf[0] == 0x31 && buf[4095] == 0x31);
	/* What was never written to is zeroes, and stays nothing. */
	uint64_t before = blocks_of(file);
	for (uint64_t at = 2 * MIB; at < 64 * MIB; at += sizeof(buf)) {
		assert_int_equal(do_io(rig, BS_READ, false, at, sizeof(buf), buf), 0);
		assert_int_equal(buf[at % sizeof(buf)], 0);
	}
	assert_int_equal(blocks_of(file), before);
	assert_int_equal(bs_extent(rig->bs, MIB, &mapped, &length), 0);
	assert_true(mapped && length == 64 * 1024);
	/* What is given back is given back here as well. */
	assert_int_equal(do_io(rig, BS_UNMAP, false, MIB, 64 * 1024, NULL), 0);
	assert_true(blocks_of(file) < before);
	assert_int_equal(do_io(rig, BS_READ, false, MIB, sizeof(buf), buf), 0);
	assert_int_equal(buf[0], 0);
	assert_int_equal(bs_unpack(&keeper, rig->r, &parcel, open("/dev/null", O_RDONLY), NULL),
			 -EINVAL);
	bs_close(keeper);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(a_missing_file_is_made_sparse),
		CASE(what_was_made_can_be_discarded),
		CASE(nothing_half_made_stays),
		CASE(what_is_no_disk_is_refused),
		CASE(a_file_has_one_writer_or_many_readers),
		CASE(a_file_that_may_not_be_written),
		CASE(readonly_takes_no_writes),
		CASE(other_formats_are_refused),
		CASE(names_are_quoted_for_a_shell),
		CASE(the_identity_stays_with_the_file),
		CASE(a_copy_beside_its_original_is_refused),
		CASE(no_lock_stays_behind),
		CASE(a_given_lock_is_of_this_identity),
		CASE(a_damaged_identity_is_not_replaced),
		CASE(memory_has_a_new_identity_each_time),
		CASE(a_parcel_is_the_store),
		CASE(a_whole_store_goes_over),
		CASE(a_parcel_of_memory),
		CASE(memory_that_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

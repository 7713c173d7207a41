/* SPDX-License-Identifier: BSD-2-Clause */
/* Backstores, in the process that opens them: files and devices, and their identities. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "daemon/daemon.h"
#include "daemon/runtime_fill.h"

#define DISKS_MOST 65536

static const char *object(const struct config_node *node, const char *name)
{
	return config_attr_find(node->kind, CONFIG_OBJECT, name)
		       ? config_value(node, CONFIG_OBJECT, name)
		       : "";
}

static bool is_true(const struct config_node *node, const char *name)
{
	return !strcmp(object(node, name), "True");
}

/* --- what is opened elsewhere: opener.h */

struct disk_opening {
	struct opening o;
	struct daemon *d;
	struct config_node *node;
	struct list link; /* daemon.openings */
	bool make;
	disk_opened *done; /* NULL: nobody waits for it right now */
	void *ctx;
	struct opener_answer *answer; /* it has come, and nobody waited */
	int files[2];
};

static struct disk_opening *find_opening(const struct daemon *d, const struct config_node *node)
{
	list_for_each (it, &d->openings) {
		struct disk_opening *w = list_entry(it, struct disk_opening, link);
		if (w->node == node)
			return w;
	}
	return NULL;
}

static void opening_free(struct disk_opening *w)
{
	list_del(&w->link);
	free(w->answer);
	free(w);
}

static int hex_digits(const char *text, uint8_t *out, size_t most)
{
	size_t n = 0;
	for (; *text; text++) {
		const char *digits = "0123456789abcdef", *at = strchr(digits, *text | 0x20);
		if (*text == '-')
			continue;
		if (!at || n == 2 * most)
			return -EINVAL;
		out[n / 2] = (uint8_t)(out[n / 2] << 4 | (at - digits));
		n++;
	}
	return n % 2 ? -EINVAL : (int)(n / 2);
}

/* The wwn, when it is a UUID as those that we make. */
static bool is_named(const struct config_node *node, uint8_t wwn[16])
{
	return hex_digits(object(node, "wwn"), wwn, 16) == 16;
}

/* Else that of the image itself; memory has another one each time. */
static void take_identity(struct disk *disk)
{
	uint8_t wwn[16];
	bool named = is_named(disk->node, wwn);
	if (named)
		memcpy(disk->id, wwn, sizeof(wwn));
	/* Who may only read need not be the only one who serves it. */
	disk->keeps = (named || disk->node->kind != CONFIG_RAMDISK) &&
		      !is_true(disk->node, "readonly") && !disk->bs->readonly;
}

static int take_number(struct daemon *d, struct disk *disk)
{
	size_t i = d->disk_free;
	while (i < d->disk_count && d->disks[i])
		i++;
	if (i == DISKS_MOST)
		return -ENOSPC;
	if (i == d->disk_count) {
		size_t count = MAX(2 * i, (size_t)64);
		struct disk **disks = realloc(d->disks, count * sizeof(struct disk *));
		if (!disks)
			return -ENOMEM;
		memset(disks + i, 0, (count - i) * sizeof(struct disk *));
		d->disks = disks;
		d->disk_count = count;
	}
	disk->number = (uint32_t)i;
	d->disks[i] = disk;
	d->disk_free = i + 1;
	return 0;
}

/* Closes what is open of it, and removes what was made and is not wanted. */
static void let_go(void *ctx)
{
	struct backstore *bs = ctx;
	bs_discard(bs);
	bs_hand_over(bs);
}

static void close_store(struct backstore *bs)
{
	if (bs_may_block(bs)) {
		spawn_aside(let_go, bs);
		bs_forget_handle(bs);
	} else {
		bs_discard(bs);
	}
	bs_close(bs);
}

/* Takes over the store, also when it fails. */
static int disk_new(struct daemon *d, struct config_node *node, struct backstore *bs,
		    struct disk **out, char *why, size_t why_size)
{
	struct disk *disk = calloc(1, sizeof(*disk));
	int err = disk ? 0 : -ENOMEM;
	if (!err) {
		disk->node = node;
		disk->bs = bs;
		err = take_number(d, disk);
	}
	if (err) {
		snprintf(why, why_size, "%s", strerror(-err));
		close_store(bs);
		free(disk);
		return err;
	}
	config_set_found(node, bs->size);
	*out = disk;
	return 0;
}

bool disk_wants_room(const struct disk *disk)
{
	return disk->bs->created && !strcmp(object(disk->node, "sparse"), "False");
}

const char *disk_wwn(const struct disk *disk)
{
	return object(disk->node, "wwn");
}

/* Whether a successor is to have what is in it. */
static void store_memory(struct daemon *d, const struct disk *disk, bool wanted)
{
	struct bs_parcel *parcel = malloc(sizeof(*parcel));
	char name[128];
	snprintf(name, sizeof(name), "ramdisk-%s", disk_wwn(disk));
	if (parcel && disk_wwn(disk)[0])
		d->store(d, name, wanted ? bs_pack(disk->bs, parcel) : -1);
	free(parcel);
}

static int open_memory(struct daemon *d, struct config_node *node, struct disk **out, char *why,
		       size_t why_size)
{
	struct backstore *bs;
	uint64_t size = strtoull(object(node, "size"), NULL, 10);
	int kept = inherit_ramdisk(&d->inherited, object(node, "wwn"), size);
	int err = bs_keep_memory(&bs, d->r, size, kept, why, why_size);
	if (!err)
		err = disk_new(d, node, bs, out, why, why_size);
	if (err)
		return err;
	store_memory(d, *out, true);
	bs_identity(bs, NULL, (*out)->id, why, why_size);
	take_identity(*out);
	return 0;
}

static int take_opened(struct daemon *d, struct config_node *node,
		       const struct opener_answer *answer, const int files[2], struct disk **out,
		       char *why, size_t why_size)
{
	struct backstore *bs;
	snprintf(why, why_size, "%s", answer->why);
	if (answer->err)
		return answer->err;
	int err = bs_unpack_whole(&bs, d->r, &answer->whole, files);
	if (err) {
		snprintf(why, why_size, "%s", strerror(-err));
		for (int i = 0; i < 2; i++)
			if (files[i] >= 0)
				close(files[i]);
		return err;
	}
	err = disk_new(d, node, bs, out, why, why_size);
	if (err)
		return err;
	memcpy((*out)->id, answer->id, sizeof(answer->id));
	take_identity(*out);
	return 0;
}

/* Whoever is waiting hears of it, and else who looks for what is pending. */
static void opened(struct opening *o, const struct opener_answer *answer, const int files[2])
{
	struct disk_opening *w = container_of(o, struct disk_opening, o);
	struct daemon *d = w->d;
	struct config_node *node = w->node;
	disk_opened *done = w->done;
	void *ctx = w->ctx;
	struct disk *disk = NULL;
	char why[ORDER_WHY_SIZE];
	if (!done && !answer->err) {
		w->answer = malloc(sizeof(*answer));
		if (w->answer) {
			*w->answer = *answer;
			memcpy(w->files, files, sizeof(w->files));
			pending_look(d);
			return;
		}
	}
	opening_free(w);
	if (!done)
		return;
	int err = take_opened(d, node, answer, files, &disk, why, sizeof(why));
	done(ctx, disk, err, why);
}

static void is_slow(struct opening *o)
{
	struct disk_opening *w = container_of(o, struct disk_opening, o);
	struct daemon *d = w->d;
	disk_opened *done = w->done;
	void *ctx = w->ctx;
	char why[ORDER_WHY_SIZE];
	bool make = w->make;
	snprintf(why, sizeof(why), "%.256s does not answer: to open it takes more than %u s%s",
		 o->request.path, (unsigned)(OPENER_PATIENCE / NSEC_PER_SEC),
		 make ? "; see to the disk or file system that it is on, and try again" : "");
	w->done = NULL;
	if (make) {
		opener_drop(&d->openers, o);
		opening_free(w);
	}
	if (done)
		done(ctx, NULL, -EINPROGRESS, why);
}

static int ask_to_open(struct daemon *d, struct config_node *node, bool make, disk_opened *done,
		       void *ctx)
{
	struct disk_opening *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	struct opener_request *q = &w->o.request;
	*w = (struct disk_opening){.d = d, .node = node, .make = make, .done = done, .ctx = ctx};
	opening_init(&w->o, OPENER_OPEN, opened, is_slow);
	q->opt.readonly = is_true(node, "readonly");
	q->opt.typed = true;
	if (make && node->kind == CONFIG_FILEIO)
		q->opt.create_size = strtoull(object(node, "size"), NULL, 10);
	snprintf(q->path, sizeof(q->path), "%s", object(node, "dev"));
	snprintf(q->state_dir, sizeof(q->state_dir), "%s", d->o.state_dir);
	inherit_disk(&d->inherited, q->path, w->o.files);
	list_add_tail(&d->openings, &w->link);
	opener_ask(&d->openers, &w->o);
	return 0;
}

void disk_open_node(struct daemon *d, struct config_node *node, bool make, disk_opened *done,
		    void *ctx)
{
	struct disk *disk = NULL;
	char why[ORDER_WHY_SIZE] = "";
	struct disk_opening *w = find_opening(d, node);
	int err;
	if (node->kind == CONFIG_RAMDISK) {
		err = open_memory(d, node, &disk, why, sizeof(why));
	} else if (w && w->answer) {
		err = take_opened(d, node, w->answer, w->files, &disk, why, sizeof(why));
		opening_free(w);
	} else if (w) {
		err = -EINPROGRESS;
		snprintf(why, sizeof(why), "%.256s does not answer: it is being opened",
			 w->o.request.path);
	} else {
		err = ask_to_open(d, node, make, done, ctx);
		if (!err)
			return;
		snprintf(why, sizeof(why), "%s", strerror(-err));
	}
	done(ctx, disk, err, why);
}

void disk_forget_opening(struct daemon *d, struct config_node *node)
{
	struct disk_opening *w = find_opening(d, node);
	if (!w)
		return;
	disk_opened *done = w->done;
	void *ctx = w->ctx;
	struct disk *disk = NULL;
	char why[ORDER_WHY_SIZE];
	if (!w->answer)
		opener_drop(&d->openers, &w->o);
	else if (!take_opened(d, node, w->answer, w->files, &disk, why, sizeof(why)))
		disk_close(d, disk);
	opening_free(w);
	if (done)
		done(ctx, NULL, -ECANCELED, "it is not wanted any more");
}

void disk_forget(struct daemon *d, struct disk *disk)
{
	if (disk->node->kind == CONFIG_RAMDISK)
		store_memory(d, disk, false);
	store_remove(d, disk->id);
}

void disk_forget_node(const struct daemon *d, const struct config_node *node)
{
	uint8_t wwn[16];
	if (is_named(node, wwn))
		store_remove(d, wwn);
}

void disk_close(struct daemon *d, struct disk *disk)
{
	d->disks[disk->number] = NULL;
	d->disk_free = MIN(d->disk_free, (size_t)disk->number);
	close_store(disk->bs);
	free(disk);
}

/* --- another size */

struct resizing {
	struct opening o;
	struct daemon *d;
	struct disk *disk;
	disk_resized *done;
	void *ctx;
};

static void resized(struct opening *o, const struct opener_answer *answer, const int files[2])
{
	struct resizing *z = container_of(o, struct resizing, o);
	/* This one's store is what the next process is given. */
	int err = answer->err ? answer->err : bs_set_size(z->disk->bs, o->request.size);
	z->done(z->ctx, err, answer->err ? answer->why : err ? strerror(-err) : "");
	free(z);
}

static void resize_is_slow(struct opening *o)
{
	struct resizing *z = container_of(o, struct resizing, o);
	char why[ORDER_WHY_SIZE];
	snprintf(why, sizeof(why),
		 "%.256s does not answer: it may get its new size later; see to the disk or file "
		 "system that it is on, and try again",
		 o->request.path);
	opener_drop(&z->d->openers, o);
	z->done(z->ctx, -ETIMEDOUT, why);
	free(z);
}

void disk_resize(struct daemon *d, struct disk *disk, uint64_t size, disk_resized *done, void *ctx)
{
	struct resizing *z = calloc(1, sizeof(*z));
	if (!z) {
		done(ctx, -ENOMEM, "no memory");
		return;
	}
	*z = (struct resizing){.d = d, .disk = disk, .done = done, .ctx = ctx};
	opening_init(&z->o, OPENER_RESIZE, resized, resize_is_slow);
	z->o.request.size = size;
	snprintf(z->o.request.path, sizeof(z->o.request.path), "%s", object(disk->node, "dev"));
	opener_ask(&d->openers, &z->o);
}

/* --- what a path is */

struct looking {
	struct opening o;
	struct daemon *d;
	disk_looked *done;
	void *ctx;
};

static void looked(struct opening *o, const struct opener_answer *answer, const int files[2])
{
	struct looking *l = container_of(o, struct looking, o);
	enum config_kind found = CONFIG_KINDS;
	(void)files;
	if (!answer->err && answer->kind == FILE_BLOCK)
		found = CONFIG_BLOCK;
	else if (!answer->err && answer->kind == FILE_REGULAR)
		found = CONFIG_FILEIO;
	/* That it cannot be looked at is as good as nothing: whoever asked has words for that. */
	l->done(l->ctx, found, 0, "");
	free(l);
}

static void look_is_slow(struct opening *o)
{
	struct looking *l = container_of(o, struct looking, o);
	char why[ORDER_WHY_SIZE];
	snprintf(why, sizeof(why),
		 "%.256s does not answer: to look at it takes more than %u s; see to the disk or "
		 "file system that it is on, and try again",
		 o->request.path, (unsigned)(OPENER_PATIENCE / NSEC_PER_SEC));
	opener_drop(&l->d->openers, o);
	l->done(l->ctx, CONFIG_KINDS, -ETIMEDOUT, why);
	free(l);
}

int disk_look(struct daemon *d, const char *path, disk_looked *done, void *ctx)
{
	struct looking *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	*l = (struct looking){.d = d, .done = done, .ctx = ctx};
	opening_init(&l->o, OPENER_LOOK, looked, look_is_slow);
	snprintf(l->o.request.path, sizeof(l->o.request.path), "%s", path);
	opener_ask(&d->openers, &l->o);
	return 0;
}

/* --- to the other process */

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

static void present(const struct config_node *node, struct order_disk *o)
{
	const char *serial = object(node, "serial");
	copy(o->vendor, sizeof(o->vendor), object(node, "vendor"));
	copy(o->revision, sizeof(o->revision), object(node, "revision"));
	copy(o->serial, sizeof(o->serial), serial[0] ? serial : object(node, "wwn"));
	copy(o->t10_id, sizeof(o->t10_id), object(node, "t10_id"));
	int n = hex_digits(object(node, "naa"), o->naa, sizeof(o->naa));
	o->naa_len = (uint8_t)(n == 8 || n == 16 ? n : 0);
}

int disk_order(struct daemon *d, const struct disk *disk, struct order *order, int *file, char *why,
	       size_t why_size)
{
	const struct config_node *node = disk->node;
	struct order_disk *o = &order->disk;
	*order = (struct order){.kind = ORDER_LU_ADD, .lu = disk->number};
	*file = bs_pack(disk->bs, &o->parcel);
	if (*file < 0 && !o->parcel.memory) {
		snprintf(why, why_size, "%s has gone", disk->bs->path);
		return -ENODEV;
	}
	memcpy(o->id, disk->id, sizeof(o->id));
	present(node, o);
	o->block_size = fill_block_size(disk, NULL);
	o->readonly = is_true(node, "readonly");
	fill_options(&o->options, node, NULL);
	return 0;
}

bool disk_is_at_hand(const struct disk *disk)
{
	struct bs_parcel *parcel = malloc(sizeof(*parcel));
	bool is = parcel && bs_pack(disk->bs, parcel) >= 0;
	free(parcel);
	return is;
}

static void close_handle(struct backstore *bs)
{
	if (bs_may_block(bs)) {
		spawn_aside(let_go, bs);
		bs_forget_handle(bs);
	} else {
		bs_hand_over(bs);
	}
}

/* Of each disk there are two, the other one is the lock of its identity. */
#define KEPT_PART 4

void disk_handed_over(const struct daemon *d, const struct disk *disk)
{
	disk->bs->created = false;
	if (disk->number >= d->o.files / KEPT_PART && disk->node->kind != CONFIG_RAMDISK)
		close_handle(disk->bs);
}

/* --- a device that went and came back */

struct reopening {
	struct opening o;
	struct daemon *d;
	uint32_t number;
};

static void tell_opened(struct daemon *d, uint32_t number, int err, const char *why)
{
	struct disk *disk = number < d->disk_count ? d->disks[number] : NULL;
	struct errand_out *e = calloc(1, sizeof(*e));
	if (!e)
		return; /* it is asked again */
	struct bs_parcel *parcel = err ? NULL : malloc(sizeof(*parcel));
	e->order = (struct order){.kind = ORDER_LU_OPENED, .lu = number, .err = err};
	e->done = courier_forget;
	e->file = parcel && disk ? bs_pack(disk->bs, parcel) : -1;
	e->borrows = true;
	free(parcel);
	snprintf(e->order.why, sizeof(e->order.why), "%s", why);
	courier_send(&d->courier, e);
}

static void reopened(struct opening *o, const struct opener_answer *answer, const int files[2])
{
	struct reopening *w = container_of(o, struct reopening, o);
	struct daemon *d = w->d;
	struct disk *disk = w->number < d->disk_count ? d->disks[w->number] : NULL;
	if (disk && disk->reopening == w) {
		disk->reopening = NULL;
		if (!answer->err)
			bs_opened_again(disk->bs, &answer->whole, files[0]);
		tell_opened(d, w->number, answer->err, answer->why);
	} else if (files[0] >= 0) {
		close(files[0]);
	}
	free(w);
}

/* The old handle, whose device has gone, would keep the new one from its name and its locks. */
void disk_reopen(struct daemon *d, uint32_t number)
{
	struct disk *disk = number < d->disk_count ? d->disks[number] : NULL;
	if (!disk) {
		tell_opened(d, number, -ENOENT, "");
		return;
	}
	if (disk->reopening)
		return; /* its answer comes */
	struct reopening *w = calloc(1, sizeof(*w));
	int files[2];
	if (!w)
		return;
	bs_pack_whole(disk->bs, &w->o.request.whole, files);
	close_handle(disk->bs);
	w->d = d;
	w->number = number;
	opening_init(&w->o, OPENER_AGAIN, reopened, NULL);
	disk->reopening = w;
	opener_ask(&d->openers, &w->o);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The file that has a LU's record: a byte says what is mended of it, the next two how long the first slot is; then
 * come both slots. */
#include <fcntl.h>
#include "common/crc32c.h"
#include "common/endian.h"
#include "fuzz.h"
#include "reactor/file.h"
#include "reactor/sim.h"
#include "scsi/lu_store.h"

#define SLOT   (256u << 10)
#define HEADER 512u
#define DISK   "/record"

static const uint8_t id[16] = {1};
static const uint8_t record[] = "what is put over it";

static uint32_t checksum(const uint8_t *p, size_t len)
{
	return crc32c_final(crc32c_update(CRC32C_INIT, p, len));
}

/* What would keep an invention from being looked at. */
static void mend(uint8_t *slot, size_t len, uint8_t how)
{
	static const uint8_t begins[] = {'L', 'U', 'N', 'A', 'R', ' ', 'L', 'U', 0, 0, 0, 1};
	if (how & 1)
		memcpy(slot, begins, sizeof(begins));
	if (how & 2)
		memcpy(slot + 24, id, sizeof(id));
	if (how & 4)
		put_be32(slot + 40, checksum(slot + HEADER, MIN(get_be32(slot + 12), len)));
	if (how & 8)
		put_be32(slot + HEADER - 4, checksum(slot, HEADER - 4));
}

struct world {
	struct sim *sim;
	struct reactor *r;
	struct lu_store *s;
};

static void look(struct world *w)
{
	int file = file_open(w->r, DISK, O_RDWR, 0);
	MUST(file >= 0);
	w->s = lu_store_new(w->r, file, NULL, id);
	MUST(w->s);
}

static void settle(struct world *w)
{
	while (!lu_store_is_quiet(w->s))
		MUST(sim_step(w->sim, REACTOR_NEVER));
}

static void done(struct lu_put *put, int err)
{
	(void)put;
	MUST(!err);
}

/* As long as what was invented. */
static void make_file(const struct world *w, struct input *in)
{
	uint8_t how = take_byte(in);
	size_t first = take_number(in, 2);
	uint8_t *file = calloc(2, SLOT);
	const uint8_t *p;
	MUST(file);
	for (unsigned i = 0; i < 2; i++, how >>= 4) {
		size_t n = take_bytes(in, i ? SLOT : first, &p);
		if (n)
			memcpy(file + i * SLOT, p, n);
		if (n >= HEADER)
			mend(file + i * SLOT, SLOT - HEADER, how);
	}
	MUST(!file_store(w->r, DISK, file, 2 * SLOT, 0600));
	free(file);
}

/* Whatever is found, is found again; and what is put is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct world w = {.sim = sim_new(1, NULL)};
	struct lu_put put = {.data = record, .len = sizeof(record), .done = done};
	const uint8_t *found;
	size_t len;
	w.r = sim_node(w.sim);
	make_file(&w, &in);
	look(&w);
	int err = lu_store_get(w.s, &found, &len);
	MUST(err || len <= LU_STORE_MAX);
	uint8_t *before = err ? NULL : copy_of(found, len);
	size_t before_len = len;
	settle(&w);
	lu_store_free(w.s);
	look(&w);
	MUST(lu_store_get(w.s, &found, &len) == err);
	MUST(err || (len == before_len && !memcmp(found, before, len)));
	MUST(lu_store_is_quiet(w.s));
	put.follows = lu_store_version(w.s);
	lu_store_put(w.s, &put);
	settle(&w);
	lu_store_free(w.s);
	look(&w);
	MUST(!lu_store_get(w.s, &found, &len) && len == sizeof(record) &&
	     !memcmp(found, record, len));
	lu_store_free(w.s);
	free(before);
	sim_free(w.sim);
	return 0;
}

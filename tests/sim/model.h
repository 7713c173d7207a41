/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a disk may hold, by what its initiators were told. It knows nothing of the target: it sees
 * commands issued, answered, or given up, and says whether what a read returned could be true.
 *
 * Every write has an interval, from its issue to its end. It ends with its answer, or, when there is
 * none, at the moment from which the target has promised that it cannot land any more: the session
 * is reinstated, a task management function is answered, the target has died. For each block the
 * model keeps the values that may be there:
 *
 *   superseded   a value whose write ended before a later acknowledged write was issued
 *   refuted      a value whose write ended before a read was issued that returned another one
 *
 * Both are gone for readers that are issued later; a power cut brings them back, unless a flush that
 * was issued after they were gone has been acknowledged, or a durable write that was issued after
 * they had ended. An answer that comes after a power cut was sent before, and promises what was so
 * then.
 */
#ifndef LUNAR_TESTS_SIM_MODEL_H
#define LUNAR_TESTS_SIM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_BLOCK 512
#define MODEL_OPEN  UINT64_MAX /* a write that has not ended */

struct model;

struct model *model_new(uint64_t blocks);
void model_free(struct model *m);

/* Times are any numbers that rise with every event. A write is known by its number, > 0; its blocks
 * hold what model_fill() makes of it. `zero`: it writes zeroes (UNMAP and the like). */
void model_write(struct model *m, uint64_t id, uint64_t lba, uint64_t blocks, bool zero, bool same,
		 uint64_t now);
/* It was acknowledged; with `durable` as FUA. */
void model_write_good(struct model *m, uint64_t id, uint64_t lba, uint64_t blocks, bool durable,
		      uint64_t issued, uint64_t now);
/*
 * A write of one block that happens if there is `expected`, and as if nobody else were there. After
 * model_write(). Then model_compare_good() instead of model_write_good(), or model_compare_differs()
 * when there was something else, and nothing was written. False: this cannot be. When one of these has
 * replaced a value, no other one can find it; and what is read afterwards tells when nobody can have
 * written in between.
 */
void model_compare(struct model *m, uint64_t id, uint64_t lba, const uint8_t *expected);
bool model_compare_good(struct model *m, uint64_t id, uint64_t lba, const uint8_t *expected,
			bool durable, uint64_t issued, uint64_t now, char *why, size_t why_size);
bool model_compare_differs(struct model *m, uint64_t id, uint64_t lba, const uint8_t *expected,
			   uint64_t issued, uint64_t now);
/* It failed, or its answer will never come: it may have happened, and ends now. */
void model_write_over(struct model *m, uint64_t id, uint64_t lba, uint64_t blocks, uint64_t now);
/* A flush was acknowledged. */
void model_flush_good(struct model *m, uint64_t issued);
/* A flush or a durable write failed, or may have: what was issued until now may be lost at the next
 * power cut, whatever reads show, and no later flush can be believed to have saved it. */
void model_flush_bad(struct model *m, uint64_t issued, uint64_t now);
/* The power went: every write in flight has ended, and what was not durable may be back. */
void model_power_cut(struct model *m, uint64_t now);

/*
 * A read that was issued at `issued` has returned these blocks. False: this cannot be; `why` says
 * which block, and what was to be expected.
 */
bool model_read(struct model *m, uint64_t lba, uint64_t blocks, const uint8_t *data,
		uint64_t issued, uint64_t now, char *why, size_t why_size);

/* The content of block `index` of write `id`. */
void model_fill(uint64_t id, uint64_t index, uint8_t block[MODEL_BLOCK]);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* read-block URL LBA: one block to standard output. Everything here waits for its answer. */
#include <lunar/scsi.h>
#include <stdio.h>
#include <stdlib.h>

static int copy_out(struct lunar_session *s, uint64_t lun, uint64_t lba)
{
	struct lunar_capacity cap;
	int err = lunar_capacity(s, lun, &cap);
	if (err)
		return err;
	void *block = malloc(cap.block_size);
	if (!block)
		return -1;
	err = lunar_read(s, lun, lba, 1, cap.block_size, block);
	if (!err)
		fwrite(block, cap.block_size, 1, stdout);
	free(block);
	return err;
}

int main(int argc, char **argv)
{
	struct lunar *l;
	struct lunar_session *s;
	uint64_t lun;

	if (argc != 3) {
		fprintf(stderr, "usage: read-block iscsi://HOST/TARGET/LUN LBA\n");
		return 2;
	}
	if (lunar_new(&l) || lunar_session_new(l, &s))
		return 1;
	int err = lunar_set_url(s, argv[1], &lun);
	if (!err)
		err = lunar_login(s);
	if (!err)
		err = copy_out(s, lun, strtoull(argv[2], NULL, 0));
	if (err)
		fprintf(stderr, "read-block: %s\n", lunar_error(s));
	lunar_logout(s);
	lunar_free(l);
	return err ? 1 : 0;
}

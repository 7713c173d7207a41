/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a fuzz target on all the inputs of a file, as TAP. An input has its length before it, 32 bits, most
 * significant byte first: see tests/fuzz/run. */
#include <stdio.h>
#include "fuzz.h"

static uint8_t *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	if (!f || fseek(f, 0, SEEK_END)) {
		perror(path);
		exit(2);
	}
	*size = (size_t)ftell(f);
	rewind(f);
	uint8_t *data = malloc(*size + 1);
	MUST(data && fread(data, 1, *size, f) == *size);
	fclose(f);
	return data;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s SEEDS\n", argv[0]);
		return 2;
	}
	size_t size;
	uint8_t *all = read_file(argv[1], &size);
	struct input in = {all, size};
	unsigned n = 0;
	printf("1..1\n");
	for (; in.left; n++) {
		const uint8_t *p;
		size_t len = take_bytes(&in, take_number(&in, 4), &p);
		uint8_t *copy = copy_of(p, len);
		/* The last line says which one ended it all. */
		printf("# input %u, %zu bytes\n", n, len);
		fflush(stdout);
		LLVMFuzzerTestOneInput(copy, len);
		free(copy);
	}
	free(all);
	printf("%sok 1 - %u inputs\n", n ? "" : "not ", n);
	return n ? 0 : 1;
}

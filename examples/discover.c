/* SPDX-License-Identifier: BSD-2-Clause */
/* discover HOST[:PORT]: the targets that a portal tells of, a line for each address. */
#include <lunar/lunar.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	struct lunar *l;
	struct lunar_session *s;
	struct lunar_found *found = NULL;
	size_t count = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: discover HOST[:PORT]\n");
		return 2;
	}
	if (lunar_new(&l) || lunar_session_new(l, &s))
		return 1;
	int err = lunar_set(s, "portal", argv[1]);
	if (!err)
		err = lunar_discover(s, &found, &count);
	if (err)
		fprintf(stderr, "discover: %s\n", lunar_error(s));
	for (size_t i = 0; i < count; i++)
		printf("%s %s\n", found[i].address, found[i].target);
	free(found);
	lunar_free(l);
	return err ? 1 : 0;
}

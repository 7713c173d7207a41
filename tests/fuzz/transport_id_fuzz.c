/* SPDX-License-Identifier: BSD-2-Clause */
/* TransportIDs one after the other, as a parameter list has them. What is taken comes out as it went in. */
#include <string.h>
#include "fuzz.h"
#include "scsi/transport_id.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = copy_of(data, size);
	char name[SCSI_PORT_NAME_SIZE], again[SCSI_PORT_NAME_SIZE];
	int used;

	for (size_t at = 0; at < size; at += (size_t)used) {
		uint8_t out[4 + SCSI_PORT_NAME_SIZE] = {0};
		size_t len;

		used = scsi_transport_id_parse(copy + at, size - at, name);
		if (used < 0)
			break;
		MUST(used >= 24 && (size_t)used <= size - at);
		for (const char *c = name; *c; c++)
			MUST(*c > 0x20 && *c < 0x7f);
		len = scsi_transport_id_put(NULL, name);
		MUST(len <= sizeof(out) && scsi_transport_id_put(out, name) == len);
		MUST(scsi_transport_id_parse(out, len, again) == (int)len);
		MUST(!strcmp(name, again));
	}
	free(copy);
	return 0;
}

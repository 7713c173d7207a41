/* SPDX-License-Identifier: BSD-2-Clause */
/* Levels of the log: what was taken is told, and taken again. */
#include <errno.h>
#include <string.h>
#include "common/log.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct log log = {.level = LOG_LEVEL_INFO}, again = {.level = LOG_LEVEL_ERROR};
	char why[64], told[LOG_LEVELS_TEXT], twice[LOG_LEVELS_TEXT];
	char *text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = 0;
	int err = log_set_levels(&log, text, why, sizeof(why));
	free(text);
	MUST(err == 0 || err == -EINVAL);
	log_levels(&log, told);
	if (err) {
		MUST(!strcmp(told, "info") && strlen(why) < sizeof(why));
		return 0;
	}
	MUST(!log_set_levels(&again, told, why, sizeof(why)));
	MUST(!strcmp(log_levels(&again, twice), told));
	return 0;
}

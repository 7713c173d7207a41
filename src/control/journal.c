/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

static void write_to_journal(struct log *log, enum log_level level, const char *line)
{
	static const char *const prefix[] = {SD_ERR, SD_WARNING, SD_INFO, SD_DEBUG};
	fprintf(stderr, "%s%s\n", prefix[level], line);
}

/* JOURNAL_STREAM is inherited by whoever is started by a service, wherever his output goes (systemd.exec(5)). */
static bool is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;
	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 && !fstat(fd, &st) &&
	       st.st_dev == dev && st.st_ino == ino;
}

void journal_use(struct log *log)
{
	if (!is_journal(STDERR_FILENO))
		return;
	log->write = write_to_journal;
	log->tagged = true;
}

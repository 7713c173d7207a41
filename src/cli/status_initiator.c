/* SPDX-License-Identifier: BSD-2-Clause */
/* What lunar-initiatord does, as tables. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "cli/initiator.h"
#include "cli/shell.h"
#include "cli/status_print.h"

static void print_head(const json_t *status)
{
	printf("lunar-initiatord %s, process %" PRIu64 "%s: %" PRIu64 " of %" PRIu64
	       " sessions up, %" PRIu64 " of %" PRIu64 " disks attached, as %s\n",
	       shell_text(status, "version"), shell_count(status, "pid"),
	       shell_flag(status, "ready") ? "" : " (its other process is starting)",
	       shell_count(status, "sessions_up"), shell_count(status, "session_count"),
	       shell_count(status, "disks_attached"), shell_count(status, "disk_count"),
	       shell_text(status, "initiator"));
}

/* --- sessions */

static const char *chap(const json_t *session, char *out, size_t size)
{
	const char *user = shell_text(session, "user");
	snprintf(out, size, "%s%s", user[0] ? user : "-",
		 shell_flag(session, "mutual") ? " (mutual)" : "");
	return out;
}

static const char *digests(const json_t *session)
{
	static const char *const words[] = {"none", "header", "data", "both"};
	return words[shell_flag(session, "header_digest") + 2 * shell_flag(session, "data_digest")];
}

static double megabytes(const json_t *session, const char *name)
{
	const json_t *interval = json_object_get(session, "interval");
	double seconds = json_real_value(json_object_get(interval, "seconds"));
	return (double)shell_count(interval ? interval : session, name) / 1e6 /
	       (seconds > 0 ? seconds : 1);
}

static void print_session(const json_t *session)
{
	const char *host = shell_text(session, "address"), *why = shell_text(session, "why");
	char place[300], user[300];
	bool v6 = strchr(host, ':');
	snprintf(place, sizeof(place), "%s%.250s%s:%" PRIu64, v6 ? "[" : "", host, v6 ? "]" : "",
		 shell_count(session, "port"));
	printf("%-48s %-24s %-11s %-16s %-7s %8" PRIu64 " %10.1f %10.1f\n",
	       shell_text(session, "target"), place, shell_text(session, "state"),
	       chap(session, user, sizeof(user)), digests(session),
	       shell_count(session, "in_flight") + shell_count(session, "waiting"),
	       megabytes(session, "bytes_in"), megabytes(session, "bytes_out"));
	if (why[0])
		printf("    %s\n", why);
}

static void print_sessions(const json_t *sessions)
{
	if (!json_array_size(sessions))
		return;
	bool watched = json_object_get(json_array_get(sessions, 0), "interval");
	printf("\n%-48s %-24s %-11s %-16s %-7s %8s %10s %10s\n", "SESSION WITH", "AT", "STATE",
	       "CHAP", "DIGESTS", "COMMANDS", watched ? "IN MB/S" : "IN MB",
	       watched ? "OUT MB/S" : "OUT MB");
	for (size_t i = 0; i < json_array_size(sessions); i++)
		print_session(json_array_get(sessions, i));
}

/* --- devices */

static void print_path(const json_t *path)
{
	printf("    %s LUN %" PRIu64 " at %s port %" PRIu64 ": %s, %s%s\n",
	       shell_text(path, "target"), shell_count(path, "lun"), shell_text(path, "address"),
	       shell_count(path, "port"), shell_text(path, "state"), shell_text(path, "access"),
	       shell_flag(path, "used") ? ", used" : "");
}

static void print_outages(const json_t *device)
{
	double now = json_real_value(json_object_get(device, "outage_now"));
	uint64_t outages = shell_count(device, "outages");
	if (outages)
		printf("    %" PRIu64 " outage%s, %.1f s in all", outages, outages == 1 ? "" : "s",
		       json_real_value(json_object_get(device, "outage_seconds")));
	if (now > 0)
		printf("; no path for %.1f s", now);
	if (outages)
		printf("\n");
}

static void print_device(const json_t *device)
{
	const json_t *attached = json_object_get(device, "attached");
	const json_t *paths = json_object_get(device, "paths");
	bool is_attached = json_is_object(attached);
	char size[32];
	printf("%-40s %12s  %-10s %-36s %s %s%s%s\n",
	       is_attached ? shell_text(attached, "path") : "(not attached)",
	       initiator_size(size, shell_count(device, "size")),
	       is_attached ? shell_text(attached, "method") : "-", shell_text(device, "wwid"),
	       shell_text(device, "vendor"), shell_text(device, "model"),
	       shell_flag(device, "read_only") ? ", read-only" : "",
	       shell_flag(device, "gone") ? ", gone" : "");
	for (size_t i = 0; i < json_array_size(paths); i++)
		print_path(json_array_get(paths, i));
	print_outages(device);
}

/* Those that are to be attached, and are not yet. */
static void print_waiting(const json_t *disks)
{
	for (size_t i = 0; i < json_array_size(disks); i++) {
		const json_t *disk = json_array_get(disks, i);
		if (strcmp(shell_text(disk, "state"), "attached") != 0)
			printf("%-40s %12s  %-10s LUN %" PRIu64 " of %s: %s\n", "(to be attached)",
			       "", shell_text(disk, "method"), shell_count(disk, "lun"),
			       shell_text(disk, "target"), shell_text(disk, "state"));
	}
}

void status_print_initiator(const json_t *status)
{
	const json_t *devices = json_object_get(status, "devices");
	const json_t *disks = json_object_get(status, "disks");
	print_head(status);
	print_sessions(json_object_get(status, "sessions"));
	if (json_array_size(devices) || json_array_size(disks))
		printf("\n%-40s %12s  %-10s %-36s %s\n", "DEVICE", "SIZE", "METHOD", "IDENTITY",
		       "MODEL");
	for (size_t i = 0; i < json_array_size(devices); i++)
		print_device(json_array_get(devices, i));
	print_waiting(disks);
	status_print_disks(devices);
}

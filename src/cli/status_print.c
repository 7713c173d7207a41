/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/status_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "cli/shell.h"

static void print_head(const json_t *status)
{
	printf("lunar-targetd %s, process %" PRIu64 "%s: %" PRIu64 " sessions, %" PRIu64
	       " logins, %" PRIu64 " refused, %.1f MiB of buffers\n",
	       shell_text(status, "version"), shell_count(status, "pid"),
	       shell_flag(status, "ready") ? "" : " (bringing up its configuration)",
	       shell_count(status, "session_count"), shell_count(status, "logins"),
	       shell_count(status, "failed_logins"),
	       (double)shell_count(status, "memory") / (1 << 20));
}

/* --- targets */

/* {"IQN tag": how many sessions} */
static json_t *count_sessions(const json_t *sessions)
{
	json_t *counts = json_object();
	for (size_t i = 0; i < json_array_size(sessions); i++) {
		const json_t *row = json_array_get(sessions, i);
		char key[300];
		snprintf(key, sizeof(key), "%.240s %" PRIu64, shell_text(row, "target"),
			 shell_count(row, "tag"));
		json_object_set_new(counts, key,
				    json_integer((json_int_t)shell_count(counts, key) + 1));
	}
	return counts;
}

static void print_targets(const json_t *status)
{
	const json_t *rows = json_object_get(status, "targets");
	if (!json_array_size(rows))
		return;
	json_t *sessions = count_sessions(json_object_get(status, "sessions"));
	printf("\n%-48s %-6s %-9s %8s %8s %8s %8s\n", "TARGET", "GROUP", "STATE", "PORTALS", "LUNS",
	       "ACLS", "SESSIONS");
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		char key[300], tag[16];
		snprintf(key, sizeof(key), "%.240s %" PRIu64, shell_text(row, "target"),
			 shell_count(row, "tag"));
		snprintf(tag, sizeof(tag), "tpg%" PRIu64, shell_count(row, "tag"));
		printf("%-48s %-6s %-9s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n",
		       shell_text(row, "target"), tag,
		       shell_flag(row, "enabled") ? "enabled" : "disabled",
		       shell_count(row, "portals"), shell_count(row, "luns"),
		       shell_count(row, "acls"), shell_count(sessions, key));
	}
	json_decref(sessions);
}

/* --- sessions */

static const char *digests(const json_t *connection)
{
	static const char *const words[] = {"none", "header", "data", "both"};
	return words[shell_flag(connection, "header_digest") +
		     2 * shell_flag(connection, "data_digest")];
}

static void print_sessions(const json_t *status)
{
	const json_t *rows = json_object_get(status, "sessions");
	if (!json_array_size(rows))
		return;
	printf("\n%-6s %-44s %-40s %-24s %-12s %-7s %s\n", "SID", "INITIATOR", "TARGET", "FROM",
	       "CHAP", "DIGESTS", "COMMANDS");
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const json_t *connection = json_array_get(json_object_get(row, "connections"), 0);
		const char *target = shell_text(row, "target"), *user = shell_text(row, "user");
		printf("%-6" PRIu64 " %-44s %-40s %-24s %-12s %-7s %" PRIu64 "\n",
		       shell_count(row, "sid"), shell_text(row, "initiator"),
		       target[0] ? target : "(discovery)", shell_text(connection, "address"),
		       user[0] ? user : "-", digests(connection), shell_count(row, "commands"));
	}
}

/* --- disks: since start, or in the interval */

const char *status_disk_name(const json_t *disk)
{
	const char *path = json_string_value(json_object_get(disk, "path"));
	const char *attached = shell_text(json_object_get(disk, "attached"), "path");
	return path ? path : attached[0] ? attached : shell_text(disk, "wwid");
}

/* Of how many seconds `*from` tells; 0: since start. */
static double span(const json_t *disk, const json_t **from)
{
	const json_t *interval = json_object_get(disk, "interval");
	*from = interval ? interval : disk;
	return json_real_value(json_object_get(interval, "seconds"));
}

static double per_second(const json_t *from, const char *name, double seconds)
{
	return (double)shell_count(from, name) / (seconds > 0 ? seconds : 1);
}

/* The target counts those that it has, the initiator also those that wait for a path. */
static uint64_t under_way(const json_t *disk)
{
	return shell_count(disk, "inflight") + shell_count(disk, "in_flight") +
	       shell_count(disk, "waiting");
}

static void print_work(const json_t *disks, bool watched)
{
	printf("\n%-40s %10s %10s %12s %12s %9s %8s\n", "DISK", watched ? "READS/S" : "READS",
	       watched ? "WRITES/S" : "WRITES", watched ? "READ MB/S" : "READ MB",
	       watched ? "WRITE MB/S" : "WRITE MB", "UNDER WAY", "ERRORS");
	for (size_t i = 0; i < json_array_size(disks); i++) {
		const json_t *disk = json_array_get(disks, i), *from;
		double seconds = span(disk, &from);
		printf("%-40s %10.0f %10.0f %12.1f %12.1f %9" PRIu64 " %8" PRIu64 "%s\n",
		       status_disk_name(disk), per_second(from, "reads", seconds),
		       per_second(from, "writes", seconds),
		       per_second(from, "read_bytes", seconds) / 1e6,
		       per_second(from, "write_bytes", seconds) / 1e6, under_way(disk),
		       shell_count(disk, "errors"),
		       shell_flag(disk, "missing") || shell_flag(disk, "gone")
			       ? "  its device has gone"
			       : "");
	}
}

/* "0.25", "3.1", "1200" */
static void print_ms(const json_t *side, const char *name)
{
	double ms = (double)shell_count(side, name) / 1e3;
	printf(" %8.*f", ms < 10 ? 3 : ms < 1000 ? 1 : 0, ms);
}

static void print_side(const char *path, const char *what, const json_t *side)
{
	static const char *const columns[] = {"p50_us", "p99_us", "p999_us", "max_us"};
	if (!side)
		return;
	printf("%-40s %-7s %12" PRIu64, path, what, shell_count(side, "count"));
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		print_ms(side, columns[i]);
	printf("\n");
}

static void print_times(const json_t *disks)
{
	bool headed = false;
	for (size_t i = 0; i < json_array_size(disks); i++) {
		const json_t *disk = json_array_get(disks, i), *from;
		span(disk, &from);
		const json_t *latency = json_object_get(from, "latency");
		if (!json_object_size(latency))
			continue;
		if (!headed)
			printf("\n%-40s %-7s %12s %8s %8s %8s %8s\n", "LATENCY, MS", "", "COMMANDS",
			       "50 %", "99 %", "99.9 %", "MAX");
		headed = true;
		print_side(status_disk_name(disk), "reads", json_object_get(latency, "reads"));
		print_side(status_disk_name(disk), "writes", json_object_get(latency, "writes"));
	}
}

void status_print_disks(const json_t *disks)
{
	if (!json_array_size(disks))
		return;
	print_work(disks, json_object_get(json_array_get(disks, 0), "interval") != NULL);
	print_times(disks);
}

void status_print(const json_t *status)
{
	print_head(status);
	print_targets(status);
	print_sessions(status);
	status_print_disks(json_object_get(status, "disks"));
}

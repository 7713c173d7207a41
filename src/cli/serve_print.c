/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/serve_print.h"

#include <ctype.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <net/if.h>
#include <string.h>
#include "common/cleanup.h"
#include "iscsi/names.h"

#define NAME_PREFIX "iqn.2026-11.io.lunar:"
#define PART_MAX    63

/* --- the target's name */

/* The part of a name that `text` makes: what iSCSI names do not take becomes '-'. */
static void sanitise(char out[PART_MAX + 1], const char *text, size_t len, const char *otherwise)
{
	size_t n = 0;
	for (size_t i = 0; i < len && n < PART_MAX; i++) {
		unsigned char c = (unsigned char)text[i];
		bool plain = c < 0x80 && (isalnum(c) || c == '.' || c == '-' || c == '_');
		char next = plain ? (char)tolower(c) : '-';
		if (next != '-' || (n && out[n - 1] != '-'))
			out[n++] = next;
	}
	while (n && (out[n - 1] == '-' || out[n - 1] == '.'))
		n--;
	out[n] = 0;
	if (!n)
		snprintf(out, PART_MAX + 1, "%s", otherwise);
}

void serve_default_name(char *out, const char *path)
{
	char host[HOST_NAME_MAX + 1] = "", host_part[PART_MAX + 1], file_part[PART_MAX + 1];
	gethostname(host, sizeof(host) - 1);
	sanitise(host_part, host, strcspn(host, "."), "host");
	const char *name = path ? strrchr(path, '/') : NULL;
	name = name ? name + 1 : path ? path : "memory";
	const char *dot = strrchr(name, '.');
	sanitise(file_part, name, dot && dot != name ? (size_t)(dot - name) : strlen(name), "disk");
	snprintf(out, ISCSI_NAME_SIZE, NAME_PREFIX "%s.%s", host_part, file_part);
}

/* --- where it is reached */

/* An address of this host for others, in place of a wildcard. Of its family, or loopback. */
static void own_address(struct net_addr *addr)
{
	uint16_t port = net_addr_port(addr);
	int family = addr->sa.sa_family;
	struct ifaddrs *all = NULL;
	struct net_addr found;
	net_addr_parse(&found, family == AF_INET6 ? "::1" : "127.0.0.1", port);
	if (getifaddrs(&all))
		all = NULL;
	for (struct ifaddrs *i = all; i; i = i->ifa_next) {
		struct net_addr candidate = {0};
		if (!i->ifa_addr || i->ifa_addr->sa_family != family || !(i->ifa_flags & IFF_UP))
			continue;
		memcpy(&candidate, i->ifa_addr,
		       family == AF_INET6 ? sizeof(candidate.in6) : sizeof(candidate.in4));
		if (net_addr_is_loopback(&candidate) || net_addr_is_link_local(&candidate))
			continue;
		found = candidate;
		break;
	}
	if (all)
		freeifaddrs(all);
	net_addr_set_port(&found, port);
	*addr = found;
}

void serve_find_place(struct serve_place *p, const struct net_addr *bound)
{
	struct net_addr addr = *bound;
	if (net_addr_is_any(&addr))
		own_address(&addr);
	p->port = net_addr_port(&addr);
	net_addr_format(p->portal, &addr);
	net_addr_format_host(p->host, &addr);
	size_t len = strlen(p->host);
	if (p->host[0] == '[') {
		memmove(p->host, p->host + 1, len - 2);
		p->host[len - 2] = 0;
	}
}

/* --- words for other programs: a name or a path may hold what they take for something else */

#define WORD_SIZE (4 * PATH_MAX + 3)

static bool is_plain(const char *text)
{
	return *text && !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789_-./:@%+=,")];
}

/* Between single quotes where there is need; `quote` stands for one inside. Cut to fit. */
static const char *quoted(char out[WORD_SIZE], const char *text, const char *quote)
{
	size_t n = 0, len = strlen(quote);
	if (is_plain(text))
		return text;
	out[n++] = '\'';
	for (; *text && n + len + 2 < WORD_SIZE; text++) {
		bool special = *text == '\'';
		memcpy(out + n, special ? quote : text, special ? len : 1);
		n += special ? len : 1;
	}
	out[n++] = '\'';
	out[n] = 0;
	return out;
}

static const char *for_shell(char out[WORD_SIZE], const char *text)
{
	return quoted(out, text, "'\\''");
}

static const char *for_powershell(char out[WORD_SIZE], const char *text)
{
	return quoted(out, text, "''");
}

/* In a list of QEMU's, a comma is doubled. */
static void for_qemu(char *out, size_t size, const char *text)
{
	size_t n = 0;
	for (; *text && n + 3 < size; text++) {
		if (*text == ',')
			out[n++] = ',';
		out[n++] = *text;
	}
	out[n] = 0;
}

/* --- clients */

static void print_lus(const struct serve_found *f)
{
	printf("\ntarget %s\n", f->iqn);
	for (size_t i = 0; i < f->lu_count; i++) {
		const struct backstore *bs = scsi_lu_backstore(f->lus[i]);
		char size[CONFIG_TEXT_SIZE];
		printf("  LUN %zu: %s, %s, blocks of %" PRIu32 "%s, serial %s\n", i,
		       bs->path[0] ? bs->path : "memory", config_format_size(size, bs->size),
		       scsi_lu_block_size(f->lus[i]), bs->readonly ? ", read-only" : "",
		       scsi_lu_serial(f->lus[i]));
	}
	for (size_t i = 0; i < f->portal_count; i++) {
		char text[NET_ADDR_TEXT];
		printf("  listens on %s\n", net_addr_format(text, &f->portals[i]));
	}
}

static void print_node_setting(const struct serve_place *p, const char *iqn, const char *name,
			       const char *value)
{
	char word[WORD_SIZE];
	printf("  iscsiadm -m node -T %s -p %s -o update -n node.session.auth.%s -v %s\n", iqn,
	       p->portal, name, for_shell(word, value));
}

static void print_iscsiadm(const struct serve_found *f, const struct serve_place *p,
			   const struct serve_options *o)
{
	printf("\nLinux (open-iscsi), as root:\n"
	       "  iscsiadm -m discovery -t sendtargets -p %s\n",
	       p->portal);
	if (o->chap) {
		print_node_setting(p, f->iqn, "authmethod", "CHAP");
		print_node_setting(p, f->iqn, "username", o->chap);
		print_node_setting(p, f->iqn, "password", "SECRET");
	}
	if (o->mutual_chap) {
		print_node_setting(p, f->iqn, "username_in", o->mutual_chap);
		print_node_setting(p, f->iqn, "password_in", "MUTUAL-SECRET");
	}
	printf("  iscsiadm -m node -T %s -p %s --login\n", f->iqn, p->portal);
}

static void print_qemu_secret(const struct serve_options *o)
{
	char value[2 * PATH_MAX], option[sizeof(value) + 64], word[WORD_SIZE];
	for_qemu(value, sizeof(value), o->chap_secret_file ? o->chap_secret_file : "SECRET-FILE");
	snprintf(option, sizeof(option), "secret,id=chap,file=%s", value);
	printf("-object %s ", for_shell(word, option));
	for_qemu(value, sizeof(value), o->chap);
	snprintf(option, sizeof(option), "user=%s,password-secret=chap", value);
	printf("-iscsi %s ", for_shell(word, option));
}

static void print_qemu(const struct serve_found *f, const struct serve_place *p,
		       const struct serve_options *o)
{
	printf("\nQEMU:\n  qemu-system-x86_64 -m 2G ");
	if (o->chap)
		print_qemu_secret(o);
	printf("-drive file=iscsi://%s/%s/0,format=raw,if=virtio%s\n", p->portal, f->iqn,
	       o->readonly ? ",readonly=on" : "");
}

static void print_windows(const struct serve_found *f, const struct serve_place *p,
			  const struct serve_options *o)
{
	char word[WORD_SIZE];
	printf("\nWindows (PowerShell as administrator):\n"
	       "  New-IscsiTargetPortal -TargetPortalAddress %s -TargetPortalPortNumber %u\n",
	       p->host, p->port);
	if (o->mutual_chap)
		printf("  Set-IscsiChapSecret -ChapSecret MUTUAL-SECRET\n");
	printf("  Connect-IscsiTarget -NodeAddress %s -TargetPortalAddress %s "
	       "-TargetPortalPortNumber %u",
	       f->iqn, p->host, p->port);
	if (o->chap)
		printf(" -AuthenticationType %s -ChapUsername %s -ChapSecret SECRET",
		       o->mutual_chap ? "MUTUALCHAP" : "ONEWAYCHAP", for_powershell(word, o->chap));
	putchar('\n');
}

/* --- for programs */

static json_t *lu_json(const struct serve_found *f, size_t i)
{
	const struct backstore *bs = scsi_lu_backstore(f->lus[i]);
	char url[ISCSI_NAME_SIZE + NET_ADDR_TEXT + 32], path[WORD_SIZE];
	snprintf(url, sizeof(url), "iscsi://%s/%s/%zu", f->place->portal, f->iqn, i);
	/* A path may be of any bytes. */
	log_safe(path, sizeof(path), bs->path, strlen(bs->path));
	return json_pack("{s:I, s:s, s:s, s:I, s:i, s:b, s:s}", "lun", (json_int_t)i, "url", url,
			 "path", path, "size", (json_int_t)bs->size, "block_size",
			 (int)scsi_lu_block_size(f->lus[i]), "readonly", bs->readonly, "serial",
			 scsi_lu_serial(f->lus[i]));
}

static void print_json(const struct serve_found *f)
{
	json_t *luns = json_array(), *portals = json_array();
	for (size_t i = 0; i < f->lu_count; i++)
		json_array_append_new(luns, lu_json(f, i));
	for (size_t i = 0; i < f->portal_count; i++) {
		char text[NET_ADDR_TEXT];
		json_array_append_new(portals, json_string(net_addr_format(text, &f->portals[i])));
	}
	json_t *all =
		json_pack("{s:s, s:o, s:o}", "target", f->iqn, "portals", portals, "luns", luns);
	json_dumpf(all, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(all);
}

void serve_print(const struct serve_found *f, const struct serve_options *o)
{
	if (o->json) {
		print_json(f);
		return;
	}
	for (size_t i = 0; i < f->lu_count; i++)
		printf("iscsi://%s/%s/%zu\n", f->place->portal, f->iqn, i);
	if (!o->quiet) {
		print_lus(f);
		print_iscsiadm(f, f->place, o);
		print_qemu(f, f->place, o);
		print_windows(f, f->place, o);
		printf("\nCtrl-C ends it: initiators are asked to log out, and what was written is "
		       "flushed.\n");
	}
	fflush(stdout);
}

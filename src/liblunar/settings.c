/* SPDX-License-Identifier: BSD-2-Clause */
#include "liblunar/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "config/schema.h"
#include "initiator/discovery.h"
#include "iscsi/text.h"

#define NS_PER_SEC  UINT64_C(1000000000)
#define SECONDS_MAX (86400 * 365)

struct row;

struct form {
	const char *word;
	/* 0, -EINVAL, -ERANGE. */
	int (*take)(const struct row *row, void *at, const char *text);
	int (*give)(const void *at, char *out, size_t size);
};

struct row {
	const char *name;
	const struct form *form;
	size_t offset, size;
	uint64_t min, max;
	const char *range, *standard, *help;
};

/* --- forms */

static int put(char *out, size_t size, const char *text)
{
	return snprintf(out, size, "%s", text);
}

static int take_text(const struct row *row, void *at, const char *text)
{
	if (strlen(text) >= row->size)
		return -ERANGE;
	if (iscsi_check_utf8(text))
		return -EINVAL;
	snprintf(at, row->size, "%s", text);
	return 0;
}

static int give_text(const void *at, char *out, size_t size)
{
	return put(out, size, at);
}

static int give_secret(const void *at, char *out, size_t size)
{
	return put(out, size, *(const char *)at ? "***" : "");
}

static int take_name(const struct row *row, void *at, const char *text)
{
	char name[ISCSI_NAME_SIZE] = "";
	if (*text && iscsi_name_normalize(text, name))
		return -EINVAL;
	memcpy(at, name, sizeof(name));
	return 0;
}

static int take_portal(const struct row *row, void *at, const char *text)
{
	struct ini_address a;
	if (ini_address_parse(&a, text))
		return -EINVAL;
	ini_address_format(at, &a);
	return 0;
}

static int take_bool(const struct row *row, void *at, const char *text)
{
	static const char *const words[] = {"no", "yes", "0", "1", "off", "on", "false", "true"};
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcasecmp(text, words[i])) {
			*(bool *)at = i & 1;
			return 0;
		}
	return -EINVAL;
}

static int give_bool(const void *at, char *out, size_t size)
{
	return put(out, size, *(const bool *)at ? "yes" : "no");
}

static int take_number(const struct row *row, void *at, const char *text)
{
	uint64_t n = 0;
	if (iscsi_parse_number(text, &n))
		return -EINVAL;
	if (n < row->min || n > row->max)
		return -ERANGE;
	*(uint32_t *)at = (uint32_t)n;
	return 0;
}

static int give_number(const void *at, char *out, size_t size)
{
	return snprintf(out, size, "%u", *(const uint32_t *)at);
}

static int take_bytes(const struct row *row, void *at, const char *text)
{
	uint64_t n = 0;
	int err = config_parse_size(text, &n);
	if (err)
		return err;
	if (n < row->min || n > row->max)
		return -ERANGE;
	*(uint32_t *)at = (uint32_t)n;
	return 0;
}

static int give_bytes(const void *at, char *out, size_t size)
{
	char text[CONFIG_TEXT_SIZE];
	return put(out, size, config_format_size(text, *(const uint32_t *)at));
}

/* "1", "0.25": at most nine places behind the point, and no locale's idea of it. */
static int parse_seconds(const char *text, uint64_t *ns)
{
	uint64_t whole = 0, part = 0, unit = NS_PER_SEC;
	const char *p = text;
	for (; *p >= '0' && *p <= '9'; p++) {
		whole = whole * 10 + (uint64_t)(*p - '0');
		if (whole > SECONDS_MAX)
			return -ERANGE;
	}
	if (p == text)
		return -EINVAL;
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9' && unit > 1; p++) {
			unit /= 10;
			part += (uint64_t)(*p - '0') * unit;
		}
	if (*p)
		return -EINVAL;
	*ns = whole * NS_PER_SEC + part;
	return 0;
}

static int take_time(const struct row *row, void *at, const char *text)
{
	uint64_t ns = 0;
	int err = parse_seconds(text, &ns);
	if (err)
		return err;
	if (ns < row->min * (NS_PER_SEC / 1000))
		return -ERANGE;
	*(uint64_t *)at = ns;
	return 0;
}

static int give_time(const void *at, char *out, size_t size)
{
	uint64_t ns = *(const uint64_t *)at;
	char part[16] = "";
	if (ns == INI_NEVER)
		return put(out, size, "forever");
	if (ns % NS_PER_SEC) {
		int n = snprintf(part, sizeof(part), ".%09u", (unsigned)(ns % NS_PER_SEC));
		while (part[n - 1] == '0')
			part[--n] = '\0';
	}
	return snprintf(out, size, "%llu%s", (unsigned long long)(ns / NS_PER_SEC), part);
}

static int take_time_or_forever(const struct row *row, void *at, const char *text)
{
	if (strcasecmp(text, "forever") != 0)
		return take_time(row, at, text);
	*(uint64_t *)at = INI_NEVER;
	return 0;
}

static int take_tag(const struct row *row, void *at, const char *text)
{
	uint64_t n = 0;
	if (!strcasecmp(text, "any")) {
		*(int32_t *)at = -1;
		return 0;
	}
	if (iscsi_parse_number(text, &n))
		return -EINVAL;
	if (n > row->max)
		return -ERANGE;
	*(int32_t *)at = (int32_t)n;
	return 0;
}

static int give_tag(const void *at, char *out, size_t size)
{
	int32_t tag = *(const int32_t *)at;
	return tag < 0 ? put(out, size, "any") : snprintf(out, size, "%d", tag);
}

/* Words behind each other with commas: their places in `words`, in `order`, each at most once. */
static int take_list(const char *text, const char *const *words, size_t count, unsigned *order,
		     size_t *found)
{
	unsigned seen = 0;
	*found = 0;
	for (const char *p = text;; p++) {
		size_t len = strcspn(p, ","), i = 0;
		while (i < count && (strlen(words[i]) != len || strncasecmp(words[i], p, len) != 0))
			i++;
		if (i == count || seen & 1u << i)
			return -EINVAL;
		seen |= 1u << i;
		order[(*found)++] = (unsigned)i;
		p += len;
		if (!*p)
			return 0;
	}
}

static const char *const digest_words[] = {"none", "crc32c"};

/* Which are agreed to, the one that is asked for first. */
static int take_digest(const char *text, unsigned *mask, bool *want)
{
	unsigned order[2] = {0};
	size_t n;
	int err = take_list(text, digest_words, 2, order, &n);
	if (err)
		return err;
	*mask = n == 2 ? ISCSI_DIGEST_NONE | ISCSI_DIGEST_CRC32C : 1u << order[0];
	*want = order[0] == 1;
	return 0;
}

static int give_digest(unsigned mask, bool want, char *out, size_t size)
{
	bool both = mask == (ISCSI_DIGEST_NONE | ISCSI_DIGEST_CRC32C);
	return snprintf(out, size, "%s%s", digest_words[want],
			!both  ? ""
			: want ? ",none"
			       : ",crc32c");
}

static int take_header_digest(const struct row *row, void *at, const char *text)
{
	struct iscsi_offer *o = at;
	return take_digest(text, &o->header_digests, &o->want.header_digest);
}

static int give_header_digest(const void *at, char *out, size_t size)
{
	const struct iscsi_offer *o = at;
	return give_digest(o->header_digests, o->want.header_digest, out, size);
}

static int take_data_digest(const struct row *row, void *at, const char *text)
{
	struct iscsi_offer *o = at;
	return take_digest(text, &o->data_digests, &o->want.data_digest);
}

static int give_data_digest(const void *at, char *out, size_t size)
{
	const struct iscsi_offer *o = at;
	return give_digest(o->data_digests, o->want.data_digest, out, size);
}

static const char *const chap_words[] = {"sha3-256", "sha256", "sha1", "md5"};
static const unsigned chap_bits[] = {
	ISCSI_CHAP_BIT(ISCSI_CHAP_SHA3_256), ISCSI_CHAP_BIT(ISCSI_CHAP_SHA256),
	ISCSI_CHAP_BIT(ISCSI_CHAP_SHA1), ISCSI_CHAP_BIT(ISCSI_CHAP_MD5)};

static int take_algorithms(const struct row *row, void *at, const char *text)
{
	unsigned order[4] = {0}, mask = 0;
	size_t n;
	int err = take_list(text, chap_words, 4, order, &n);
	if (err)
		return err;
	for (size_t i = 0; i < n; i++)
		mask |= chap_bits[order[i]];
	*(unsigned *)at = mask;
	return 0;
}

static int give_algorithms(const void *at, char *out, size_t size)
{
	char text[64] = "";
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_SIZE(chap_bits); i++)
		if (*(const unsigned *)at & chap_bits[i])
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? "," : "",
					      chap_words[i]);
	return put(out, size, text);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static int take_isid(const struct row *row, void *at, const char *text)
{
	struct settings *s = at;
	uint8_t isid[ISCSI_ISID_LEN];
	if (!strcasecmp(text, "random")) {
		s->has_isid = false;
		return 0;
	}
	if (strlen(text) != 2 * sizeof(isid))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(isid); i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return -EINVAL;
		isid[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(s->config.isid, isid, sizeof(isid));
	s->has_isid = true;
	return 0;
}

static int give_isid(const void *at, char *out, size_t size)
{
	const struct settings *s = at;
	const uint8_t *i = s->config.isid;
	if (!s->has_isid)
		return put(out, size, "random");
	return snprintf(out, size, "%02x%02x%02x%02x%02x%02x", i[0], i[1], i[2], i[3], i[4], i[5]);
}

static const struct form text_form = {"text", take_text, give_text};
static const struct form secret_form = {"secret", take_text, give_secret};
static const struct form name_form = {"iSCSI name", take_name, give_text};
static const struct form portal_form = {"host[:port]", take_portal, give_text};
static const struct form bool_form = {"yes or no", take_bool, give_bool};
static const struct form number_form = {"number", take_number, give_number};
static const struct form bytes_form = {"bytes", take_bytes, give_bytes};
static const struct form time_form = {"seconds", take_time, give_time};
static const struct form forever_form = {"seconds, or forever", take_time_or_forever, give_time};
static const struct form tag_form = {"number, or any", take_tag, give_tag};
static const struct form header_form = {"crc32c, none, or both", take_header_digest,
					give_header_digest};
static const struct form data_form = {"crc32c, none, or both", take_data_digest, give_data_digest};
static const struct form algorithms_form = {"list", take_algorithms, give_algorithms};
static const struct form isid_form = {"12 hex digits, or random", take_isid, give_isid};

/* --- the table */

/* clang-format off */
#define STRING(name, form, member, standard, help) \
	{#name, &form##_form, offsetof(struct settings, member), sizeof(((struct settings *)0)->member), 0, 0, "", \
	 standard, help}
#define TIME(name, form, member, min, range, standard, help) \
	{#name, &form##_form, offsetof(struct settings, config.member), 0, min, 0, range, standard, help}
#define BOOL(name, member, standard, help) \
	{#name, &bool_form, offsetof(struct settings, config.member), 0, 0, 1, "", standard, help}
#define COUNT(name, form, member, min, max, range, standard, help) \
	{#name, &form##_form, offsetof(struct settings, config.member), 0, min, max, range, standard, help}
#define LENGTH(name, member, standard, help) \
	COUNT(name, bytes, offer.want.member, 512, 16777215, "512 to 16777215", standard, help)

static const struct row rows[] = {
	STRING(portal, portal, portal, "", "where the target is; a name is looked up at each attempt"),
	STRING(target, name, target, "", "the target's name; none: a discovery session"),
	STRING(initiator_name, name, initiator_name, "", "who we are; else iqn.2026-11.io.lunar.host: and the host's name"),
	STRING(initiator_alias, text, alias, "", "what administrators of the target may see beside that"),
	STRING(user, text, user, "", "our CHAP name; none: no authentication"),
	STRING(secret, secret, secret, "", "and secret"),
	STRING(target_user, text, target_user, "", "the CHAP name that the target has to prove to be"),
	STRING(target_secret, secret, target_secret, "", "and its secret, another than ours"),
	COUNT(chap, algorithms, algorithms, 0, 0, "", "sha3-256,sha256,sha1,md5", "algorithms that may be used; the strongest is proposed first"),
	BOOL(allow_none, allow_none, "yes", "with a user, a target that does not ask for CHAP is good, too; never with a target_user"),
	COUNT(header_digest, header, offer, 0, 0, "", "none,crc32c", "checksums of headers that are agreed to, the preferred one first"),
	COUNT(data_digest, data, offer, 0, 0, "", "none,crc32c", "checksums of data, likewise"),
	BOOL(initial_r2t, offer.want.initial_r2t, "no", "data go only when asked for"),
	BOOL(immediate_data, offer.want.immediate_data, "yes", "data may go with the command"),
	LENGTH(max_recv_data, max_recv_data, "256K", "data in one PDU from the target"),
	LENGTH(max_burst, max_burst, "1M", "data in one sequence of PDUs"),
	LENGTH(first_burst, first_burst, "256K", "data that may go unasked; at most max_burst"),
	COUNT(max_outstanding_r2t, number, offer.want.max_outstanding_r2t, 1, INI_R2T_MAX, "1 to 8", "8", "requests for data at a time for one command"),
	COUNT(time2wait, number, offer.want.time2wait, 0, 3600, "0 to 3600", "0", "seconds to wait after a connection was lost, unless the target wants more"),
	COUNT(portal_group, tag, tpgt, 0, 65535, "0 to 65535", "any", "the target's portal group that it has to be"),
	{"isid", &isid_form, 0, 0, 0, 0, "", "random", "of the session; one that is kept ends what a crash has left at the target"},
	COUNT(depth, number, depth, 1, INI_DEPTH_MAX, "1 to 4000", "128", "commands under way at most; what is more waits"),
	TIME(connect_timeout, time, times.connect, 1, "0.001 or more", "15", "until there is a connection"),
	TIME(reconnect_timeout, time, times.reconnect, 1, "0.001 or more", "2", "likewise, of a session that is to come back"),
	TIME(login_timeout, time, times.login, 1, "0.001 or more", "15", "from there to the end of the login"),
	TIME(patience, forever, patience, 0, "", "0", "the first login is tried again for so long; 0: once"),
	TIME(outage, forever, outage, 0, "", "forever", "commands wait so long for a session that was lost, then they fail"),
	TIME(ping_interval, time, times.ping_interval, 0, "", "5", "nothing was heard for so long: a ping; 0: never"),
	TIME(ping_timeout, time, times.ping_timeout, 1, "0.001 or more", "5", "and nothing still: the connection is lost"),
	TIME(answer_timeout, forever, times.answer, 1, "0.001 or more", "30", "a command that is not answered is aborted"),
	TIME(abort_timeout, time, times.abort, 1, "0.001 or more", "10", "when that is not answered: the LU is reset"),
	TIME(reset_timeout, time, times.reset, 1, "0.001 or more", "15", "nor that: the session begins anew"),
	TIME(text_timeout, time, times.text, 1, "0.001 or more", "30", "SendTargets, all of its answer"),
	TIME(logout_timeout, time, times.leave, 1, "0.001 or more", "5", "commands may end at a logout, then as much for the logout"),
	TIME(busy_timeout, time, times.busy, 0, "", "30", "BUSY and TASK SET FULL are waited out for so long"),
	TIME(backoff_first, time, times.backoff_first, 1, "0.001 or more", "0.1", "before the second attempt to log in again; doubled each time"),
	TIME(backoff_max, time, times.backoff_max, 1, "0.001 or more", "0.8", "and never more than this"),
	TIME(backoff_told, time, times.backoff_told, 1, "0.001 or more", "4", "or this, when the target has said that we may not"),
};
/* clang-format on */

/* Words that others have for the same. */
static const struct {
	const char *word, *name;
} aliases[] = {{"target_password", "target_secret"}, {"password", "secret"}};

static const struct row *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
		if (!strcmp(aliases[i].word, name))
			name = aliases[i].name;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

bool lunar_setting(size_t i, struct lunar_setting *out)
{
	if (i >= ARRAY_SIZE(rows))
		return false;
	*out = (struct lunar_setting){rows[i].name, rows[i].form->word, rows[i].range,
				      rows[i].standard, rows[i].help};
	return true;
}

void settings_init(struct settings *s)
{
	memset(s, 0, sizeof(*s));
	ini_config_init(&s->config);
	s->config.allow_none = true;
	s->config.algorithms = ISCSI_CHAP_ALL;
}

void settings_wipe(struct settings *s)
{
	explicit_bzero(s->secret, sizeof(s->secret));
	explicit_bzero(s->target_secret, sizeof(s->target_secret));
}

int settings_set(struct settings *s, const char *name, const char *value, char why[SETTINGS_WHY])
{
	const struct row *row = find(name);
	if (!row) {
		snprintf(why, SETTINGS_WHY, "there is no setting of this name; lunar-settings(7)");
		return -ENOENT;
	}
	int err = row->form->take(row, (char *)s + row->offset, value);
	if (err && row->size)
		snprintf(why, SETTINGS_WHY, "%s: not a value for it: it takes %s, up to %zu bytes",
			 row->name, row->form->word, row->size - 1);
	else if (err)
		snprintf(why, SETTINGS_WHY, "%s: not a value for it: it takes %s%s%s%s%s",
			 row->name, row->form->word, *row->range ? ", " : "", row->range,
			 *row->standard ? ", as in " : "", row->standard);
	return err;
}

int settings_get(const struct settings *s, const char *name, char *out, size_t size)
{
	const struct row *row = find(name);
	if (!row)
		return -ENOENT;
	return row->form->give((const char *)s + row->offset, out, size);
}

/* --- use */

/* The host's name, as far as an iSCSI name can have it. */
static void name_of_host(char out[ISCSI_NAME_SIZE])
{
	char host[128] = "";
	if (gethostname(host, sizeof(host) - 1) != 0 || !host[0])
		strcpy(host, "localhost");
	for (char *p = host; *p; p++)
		if (!(*p >= 'a' && *p <= 'z') && !(*p >= '0' && *p <= '9') && *p != '.' &&
		    *p != '-')
			*p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 'a' - 'A') : '-';
	snprintf(out, ISCSI_NAME_SIZE, "iqn.2026-11.io.lunar.host:%s", host);
}

static int account(struct iscsi_chap_account *out, const char *user, const char *secret,
		   const char *prefix, char why[SETTINGS_WHY])
{
	out->name[0] = '\0';
	if (!*user && !*secret)
		return 0;
	if (!*user || !*secret || iscsi_chap_account_set(out, user, secret, strlen(secret))) {
		snprintf(why, SETTINGS_WHY,
			 "%suser and %ssecret go together: one of them is not set", prefix, prefix);
		return -EINVAL;
	}
	return 0;
}

static int check(const struct settings *s, char why[SETTINGS_WHY])
{
	const struct iscsi_params *want = &s->config.offer.want;
	if (!s->portal[0])
		snprintf(why, SETTINGS_WHY,
			 "no portal is set: where the target is, HOST or HOST:PORT");
	else if (want->first_burst > want->max_burst)
		snprintf(why, SETTINGS_WHY, "first_burst is more than max_burst");
	else if (s->target_user[0] && !s->user[0])
		snprintf(why, SETTINGS_WHY,
			 "target_user needs a user: both sides authenticate, or we");
	else if (s->secret[0] && !strcmp(s->secret, s->target_secret))
		snprintf(why, SETTINGS_WHY,
			 "secret and target_secret are the same: RFC 7143 9.2.1 forbids it");
	else
		return 0;
	return -EINVAL;
}

int settings_use(const struct settings *s, struct ini_config *out, struct iscsi_chap_account *ours,
		 struct iscsi_chap_account *theirs, char why[SETTINGS_WHY])
{
	static const struct iscsi_chap_account none;
	*ours = *theirs = none;
	int err = check(s, why);
	if (!err)
		err = account(ours, s->user, s->secret, "", why);
	if (!err)
		err = account(theirs, s->target_user, s->target_secret, "target_", why);
	if (err)
		return err;
	*out = s->config;
	out->initiator_name = s->initiator_name;
	out->initiator_alias = s->alias[0] ? s->alias : NULL;
	out->target_name = s->target[0] ? s->target : NULL;
	out->discovery = !s->target[0];
	out->address = s->portal;
	out->ours = ours->name[0] ? ours : NULL;
	out->theirs = theirs->name[0] ? theirs : NULL;
	if (out->theirs)
		out->allow_none = false;
	return 0;
}

void settings_name_host(struct settings *s)
{
	if (!s->initiator_name[0])
		name_of_host(s->initiator_name);
}

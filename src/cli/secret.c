/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/secret.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include "config/secret.h"

/* What Microsoft's initiator takes; RFC 7143 9.2.1 wants 96 bits at least. */
#define SHORTEST 12
#define LONGEST  16

void secret_wipe(char secret[SECRET_SIZE])
{
	explicit_bzero(secret, SECRET_SIZE);
}

/* The first line of what is there. -EMSGSIZE: more than a secret may have. */
static int first_line(char out[SECRET_SIZE], const char *text, size_t len)
{
	size_t n = 0;
	while (n < len && text[n] && text[n] != '\n' && text[n] != '\r')
		n++;
	if (n >= SECRET_SIZE)
		return -EMSGSIZE;
	memcpy(out, text, n);
	out[n] = 0;
	return 0;
}

static int from_file(const char *path, char out[SECRET_SIZE], struct log *log, char *why,
		     size_t why_size)
{
	struct config_secret secret;
	struct config_why refused;
	int err = config_secret_read(path, true, &secret, &refused);
	if (!err)
		err = first_line(out, (const char *)secret.bytes, secret.len);
	else
		snprintf(why, why_size, "%s", refused.text);
	if (!err && secret.newline)
		log_warning(
			log,
			"the secret's file %s ends in a newline; we do without it, but QEMU takes "
			"it for a part of the secret: make such a file with printf '%%s'",
			path);
	explicit_bzero(&secret, sizeof(secret));
	return err;
}

/* `value` is that of the variable, in place. */
static int from_environment(const char *variable, char *value, char out[SECRET_SIZE], char *why,
			    size_t why_size)
{
	int err = first_line(out, value, strlen(value));
	explicit_bzero(value, strlen(value));
	unsetenv(variable);
	if (err)
		snprintf(why, why_size, "%s: a secret has 255 bytes at most", variable);
	return err;
}

/*
 * The signals that end a program wait until the terminal echoes again; then they do what they do.
 * -EINTR: one of them has come.
 */
static ssize_t read_line(char *text, size_t size, int signals)
{
	struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
			       {.fd = signals, .events = POLLIN}};
	if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		return -errno;
	if (fds[1].revents)
		return -EINTR;
	ssize_t n = read(STDIN_FILENO, text, size);
	return n < 0 ? -errno : n;
}

/* Without echo; `old` is how the terminal was. */
static int ask(const char *user, char out[SECRET_SIZE], const struct termios *old)
{
	static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	char text[SECRET_SIZE + 2];
	struct termios silent = *old;
	sigset_t set, before;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
		sigaddset(&set, ending[i]);
	CLEANUP(fd) int signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &set, &before);
	silent.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	fprintf(stderr, "CHAP secret of %s: ", user);
	ssize_t n = read_line(text, sizeof(text), signals);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, old);
	fputc('\n', stderr);
	sigprocmask(SIG_SETMASK, &before, NULL);
	int err = n < 0 ? (int)n : first_line(out, text, (size_t)n);
	explicit_bzero(text, sizeof(text));
	return err;
}

static int from_prompt(const char *user, char out[SECRET_SIZE], char *why, size_t why_size)
{
	struct termios old;
	if (tcgetattr(STDIN_FILENO, &old)) {
		snprintf(why, why_size, "the terminal cannot hide what is typed: %s",
			 strerror(errno));
		return -ENOTTY;
	}
	int err = ask(user, out, &old);
	if (err)
		snprintf(why, why_size, "no secret: %s",
			 err == -EMSGSIZE ? "it has 255 bytes at most" : strerror(-err));
	return err;
}

int secret_get(const struct secret_source *from, char out[SECRET_SIZE], struct log *log, char *why,
	       size_t why_size)
{
	char *value = getenv(from->variable);
	int err = -ENOENT;
	if (from->file) {
		err = from_file(from->file, out, log, why, why_size);
	} else if (value) {
		err = from_environment(from->variable, value, out, why, why_size);
	} else if (isatty(STDIN_FILENO)) {
		err = from_prompt(from->user, out, why, why_size);
	} else {
		snprintf(why, why_size,
			 "the secret of %s is missing: give it in a file by %s, in the environment "
			 "as %s, or on a terminal when asked",
			 from->user, from->option, from->variable);
	}
	if (!err && !out[0]) {
		snprintf(why, why_size,
			 "the secret of %s is empty; it needs at least %d characters", from->user,
			 SHORTEST);
		err = -EINVAL;
	}
	size_t len = err ? SHORTEST : strlen(out);
	if (len < SHORTEST || len > LONGEST)
		log_warning(log,
			    "the secret of %s has %zu characters; Windows takes %d to %d only%s",
			    from->user, len, SHORTEST, LONGEST,
			    len < SHORTEST ? ", and shorter ones are guessed" : "");
	return err;
}

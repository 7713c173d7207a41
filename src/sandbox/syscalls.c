/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system calls that the process has left: one table. What is not in it is, to the process, not in the
 * kernel (ENOSYS): the C library has another way then, or somebody gets an error, which is better than
 * that a rare path in some version of a library ends everybody's disks. But what no path of this
 * program or of a library can want is a sign that somebody else is at work: that ends the process.
 *
 * A filter cannot look into memory, so what is judged is numbers: flags, not names.
 */
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "sandbox/priv.h"

/* Sanitizers open files, start processes and trace themselves at the end: they cannot be had with it. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZER true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
#define SANITIZER true
#endif
#endif
#ifndef SANITIZER
#define SANITIZER false
#endif

struct row {
	struct scmp_arg_cmp when; /* the values of an argument that it is for */
	int call;
	bool judged;
};

#define ROW(name)              .call = SCMP_SYS(name)
#define ARG(name, n, ...)      .when = {(n), __VA_ARGS__}, .call = SCMP_SYS(name), .judged = true
#define IS(name, n, value)     ARG(name, n, SCMP_CMP_EQ, (scmp_datum_t)(value), 0)
#define NO_BITS(name, n, bits) ARG(name, n, SCMP_CMP_MASKED_EQ, (scmp_datum_t)(bits), 0)
#define NEW_NAMESPACES                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET)

static const struct row allowed[] = {
	/* rings; sandbox_seal() takes the first one away */
	{ROW(io_uring_setup)},
	{ROW(io_uring_enter)},
	{ROW(io_uring_register)},

	/* the other engine */
	{ROW(epoll_create1)},
	{ROW(epoll_ctl)},
	{ROW(epoll_wait)},
	{ROW(epoll_pwait)},
	{ROW(epoll_pwait2)},
	{ROW(eventfd2)},
	{ROW(signalfd4)},
	{ROW(timerfd_create)},
	{ROW(timerfd_settime)},
	{ROW(timerfd_gettime)},
	{ROW(poll)},
	{ROW(ppoll)},
	{ROW(ppoll_time64)},

	/* files and devices that are open; none is opened */
	{ROW(read)},
	{ROW(write)},
	{ROW(readv)},
	{ROW(writev)},
	{ROW(pread64)},
	{ROW(pwrite64)},
	{ROW(preadv)},
	{ROW(pwritev)},
	{ROW(preadv2)},
	{ROW(pwritev2)},
	{ROW(fsync)},
	{ROW(fdatasync)},
	{ROW(sync_file_range)},
	{ROW(fallocate)},
	{ROW(fadvise64)},
	{ROW(lseek)},
	{ROW(_llseek)},
	{ROW(fstat)},
	{ROW(fstat64)},
	{IS(newfstatat, 3, AT_EMPTY_PATH)},
	{IS(fstatat64, 3, AT_EMPTY_PATH)},
	{IS(statx, 2, AT_EMPTY_PATH)},
	{ROW(close)},
	{IS(fcntl, 1, F_GETFL)},
	{IS(fcntl, 1, F_SETFL)},
	{IS(fcntl, 1, F_GETFD)},
	{IS(fcntl, 1, F_SETFD)},
	{IS(fcntl, 1, F_OFD_SETLK)}, /* a file that is let go is unlocked first */
	{IS(fcntl64, 1, F_GETFL)},
	{IS(fcntl64, 1, F_SETFL)},
	{IS(fcntl64, 1, F_GETFD)},
	{IS(fcntl64, 1, F_SETFD)},
	{IS(fcntl64, 1, F_OFD_SETLK)},
	/* The size of a device; that of the terminal, into which TIOCSTI would type. */
	{IS(ioctl, 1, BLKGETSIZE64)},
	{IS(ioctl, 1, BLKSSZGET)},
	{IS(ioctl, 1, TIOCGWINSZ)},
	{IS(ioctl, 1, TCGETS)},

	/* connections that have come; none is made unless by an initiator, and nothing new is listened on */
	{ROW(accept4)},
	{ROW(accept)},
	{ROW(recvfrom)},
	{ROW(recvmsg)},
	{ROW(recv)},
	{ROW(sendto)},
	{ROW(sendmsg)},
	{ROW(send)},
	{ROW(shutdown)},
	{ROW(getsockname)},
	{ROW(getpeername)},
	{ROW(getsockopt)},
	{IS(setsockopt, 1, SOL_SOCKET)},
	{IS(setsockopt, 1, IPPROTO_TCP)},

	/* memory; none of it can become code */
	{ROW(brk)},
	{NO_BITS(mmap, 2, PROT_EXEC)},
	{NO_BITS(mmap2, 2, PROT_EXEC)},
	{NO_BITS(mprotect, 2, PROT_EXEC)},
	{ROW(munmap)},
	{ROW(mremap)},
	{ROW(madvise)},
	{ROW(mincore)},

	/* Threads, not processes. clone3() is not here, for its flags are in memory; the C library
	 * does with clone() then. */
	{ARG(clone, 0, SCMP_CMP_MASKED_EQ, CLONE_THREAD | NEW_NAMESPACES, CLONE_THREAD)},
	{ROW(futex)},
	{ROW(futex_time64)},
	{ROW(set_robust_list)},
	{ROW(rseq)},
	{ROW(membarrier)},
	{ROW(sched_yield)},
	{ROW(sched_getaffinity)},
	{ROW(sched_setaffinity)},
	{ROW(getcpu)},
	{IS(prctl, 0, PR_SET_NAME)},
	{ROW(exit)},
	{ROW(exit_group)},
	{ROW(restart_syscall)},

	/* signals */
	{ROW(rt_sigaction)},
	{ROW(rt_sigprocmask)},
	{ROW(rt_sigreturn)},
	{ROW(sigreturn)},
	{ROW(sigaltstack)},

	/* clock, random numbers, and who we are */
	{ROW(clock_gettime)},
	{ROW(clock_gettime64)},
	{ROW(clock_getres)},
	{ROW(clock_getres_time64)},
	{ROW(clock_nanosleep)},
	{ROW(clock_nanosleep_time64)},
	{ROW(nanosleep)},
	{ROW(gettimeofday)},
	{ROW(time)},
	{ROW(getrandom)},
	{ROW(getpid)},
	{ROW(getppid)},
	{ROW(gettid)},
	{ROW(getuid)},
	{ROW(geteuid)},
	{ROW(getgid)},
	{ROW(getegid)},
	{ROW(uname)},
	{ROW(sysinfo)},
	{ROW(getrusage)},
	{IS(prlimit64, 2, 0)}, /* asks, and sets nothing */
	{ROW(ugetrlimit)},
	{ROW(getrlimit)},

	/* the filter that seals */
	{ROW(seccomp)},
};

/* An initiator's, besides. */
static const struct row connecting[] = {
	{IS(socket, 0, AF_INET)},
	{IS(socket, 0, AF_INET6)},
	{ROW(connect)},
	{ROW(bind)}, /* to where connections come from; nothing is listened on */
	/* The kernel's NBD client is given one end. No datagrams: those could be connected anew. */
	{IS(socketpair, 1, SOCK_STREAM | SOCK_CLOEXEC)},
};

/* Other programs and processes, other namespaces, the kernel itself. */
static const int deadly[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(keyctl),
	SCMP_SYS(personality),
	SCMP_SYS(modify_ldt),
	SCMP_SYS(iopl),
	SCMP_SYS(ioperm),
	SCMP_SYS(reboot),
};

/* A call that this architecture does not have needs no rule. */
static int add_row(scmp_filter_ctx ctx, uint32_t action, const struct row *row)
{
	int err = seccomp_rule_add_array(ctx, action, row->call, row->judged, &row->when);
	return err == -EDOM ? 0 : err;
}

static int add_rows(scmp_filter_ctx ctx, bool connects)
{
	/* abort() kills its own process, and nobody may kill another. */
	const struct row own = {IS(tgkill, 0, getpid())};
	int err = add_row(ctx, SCMP_ACT_ALLOW, &own);
	for (size_t i = 0; !err && i < ARRAY_SIZE(allowed); i++)
		err = add_row(ctx, SCMP_ACT_ALLOW, &allowed[i]);
	for (size_t i = 0; !err && connects && i < ARRAY_SIZE(connecting); i++)
		err = add_row(ctx, SCMP_ACT_ALLOW, &connecting[i]);
	for (size_t i = 0; !err && i < ARRAY_SIZE(deadly); i++) {
		const struct row row = {.call = deadly[i]};
		err = add_row(ctx, SCMP_ACT_KILL_PROCESS, &row);
	}
	return err;
}

/* For every thread where the kernel can; the kernel's own errors, not the library's. */
static int load(scmp_filter_ctx ctx)
{
	int err = seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 1);
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* That has been done, and cannot be done again from inside. */
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	if (!err)
		(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	return err ? err : seccomp_load(ctx);
}

int syscalls_enter(struct sandbox *s)
{
	if (SANITIZER) {
		log_warning(s->log, "this build has a sanitizer, which a system call filter would "
				    "break: there is none");
		return LEFT_OUT;
	}
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	if (!ctx)
		return -ENOMEM;
	int err = add_rows(ctx, s->connects);
	if (!err)
		err = load(ctx);
	seccomp_release(ctx);
	return err;
}

int syscalls_no_more_rings(void)
{
	const struct row row = {ROW(io_uring_setup)};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (!ctx)
		return -ENOMEM;
	int err = add_row(ctx, SCMP_ACT_ERRNO(EPERM), &row);
	if (!err)
		err = load(ctx);
	seccomp_release(ctx);
	return err;
}

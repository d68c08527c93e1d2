// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig selftests: processes that do what they are told, credentials, cpusets,
 * and memory that cannot move, or is merged.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/mempolicy.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "swapmig_util.h"

/* fork(), and the child does not outlive its parent. */
pid_t sm_fork(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	return 0;
}

/*
 * Counts up in a word of each page, and checks that nothing of that is lost, until
 * there is another message. The pattern is there again afterwards.
 */
static long peer_busy(int fd, char *buf, size_t len)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	__u64 *keep = calloc(len / SM_PAGE, sizeof(*keep));
	__u64 round = 0, old;
	long lost = 0;
	size_t off;

	if (!keep)
		return -ENOMEM;
	for (off = 0; off < len; off += SM_PAGE)
		keep[off / SM_PAGE] = *(__u64 *)(buf + off);
	while (poll(&poll_fd, 1, 0) == 0) {
		for (off = 0; off < len; off += SM_PAGE) {
			__u64 *word = (__u64 *)(buf + off);

			old = keep[off / SM_PAGE] + round;
			lost += __atomic_load_n(word, __ATOMIC_RELAXED) != old;
			__atomic_store_n(word, old + 1, __ATOMIC_RELAXED);
		}
		round++;
	}
	for (off = 0; off < len; off += SM_PAGE)
		*(__u64 *)(buf + off) -= round;
	free(keep);
	return lost ? -EIO : 0;
}

static long peer_obey(int fd, const struct sm_msg *m, void *buf, size_t len)
{
	switch (m->order) {
	case SM_ORD_FILL:
		sm_fill_on(buf, len, m->value, m->node);
		return 0;
	case SM_ORD_CHECK:
		return sm_bad(buf, len, m->value);
	case SM_ORD_TOUCH:
		sm_run_on_node(m->node);
		sm_touch(buf, len);
		return 0;
	case SM_ORD_MIGRATE:
		return sm_migrate(m->value, m->node, m->node2);
	case SM_ORD_MBIND:
		return sm_mbind(buf, len, m->node ? MPOL_BIND : MPOL_DEFAULT,
				m->node, m->value);
	case SM_ORD_PREFER:
		return sm_mbind(buf, len, MPOL_PREFERRED, m->node, m->value);
	case SM_ORD_PAGEOUT:
		return madvise(buf, len, MADV_PAGEOUT) ? -errno : 0;
	case SM_ORD_DROP_ROOT:
		return sm_drop_root(m->value ? m->value : SM_USER);
	case SM_ORD_REAL_UID:
		return setresuid(m->value, -1, -1) ? -errno : 0;
	case SM_ORD_DROP_NICE:
		return sm_drop_cap_sys_nice();
	case SM_ORD_POLICY:
		return sm_set_mempolicy(m->value, m->node);
	case SM_ORD_MLOCK:
		return mlock(buf, len) ? -errno : 0;
	case SM_ORD_FREE:
		return madvise(buf, len, MADV_DONTNEED) ? -errno : 0;
	case SM_ORD_PIN:
		return sm_pin(buf, len);
	case SM_ORD_FRAGMENT:
		return sm_fragment(m->node) ? 0 : -ENOMEM;
	case SM_ORD_BUSY:
		return peer_busy(fd, buf, len);
	case SM_ORD_PART:
		return 0;
	default:
		return -EINVAL;
	}
}

static void peer_main(int fd, void *buf, size_t len)
{
	char *all = buf;
	struct sm_msg m;
	long answer;

	while (read(fd, &m, sizeof(m)) == sizeof(m)) {
		if (m.order == SM_ORD_QUIT)
			_exit(0);
		if (m.order == SM_ORD_PART) {
			buf = all + m.node;
			len = m.value;
		}
		answer = peer_obey(fd, &m, buf, len);
		if (write(fd, &answer, sizeof(answer)) != sizeof(answer))
			break;
	}
	_exit(1);
}

int sm_peer_start(struct sm_peer *p, void *buf, size_t len)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds))
		return -errno;
	p->buf = buf;
	p->len = len;
	p->pid = sm_fork();
	if (p->pid < 0) {
		p->pid = 0;
		close(fds[0]);
		close(fds[1]);
		return -EAGAIN;
	}
	if (!p->pid) {
		close(fds[0]);
		peer_main(fds[1], buf, len);
	}
	close(fds[1]);
	p->fd = fds[0];
	return 0;
}

static int tell(struct sm_peer *p, const struct sm_msg *m)
{
	return write(p->fd, m, sizeof(*m)) == sizeof(*m) ? 0 : -EPIPE;
}

/* Does not wait for the answer. */
int sm_peer_tell(struct sm_peer *p, enum sm_order order, long node, long value)
{
	struct sm_msg m = { .order = order, .node = node, .value = value };

	return tell(p, &m);
}

int sm_peer_order_migrate(struct sm_peer *p, pid_t pid, long from, long to)
{
	struct sm_msg m = {
		.order = SM_ORD_MIGRATE, .node = from, .node2 = to, .value = pid,
	};

	return tell(p, &m);
}

long sm_peer_answer(struct sm_peer *p)
{
	long answer;

	if (read(p->fd, &answer, sizeof(answer)) != sizeof(answer))
		return -EPIPE;
	return answer;
}

long sm_peer(struct sm_peer *p, enum sm_order order, long node, long value)
{
	return sm_peer_tell(p, order, node, value) ?: sm_peer_answer(p);
}

long sm_peer_migrate(struct sm_peer *p, pid_t pid, long from, long to)
{
	return sm_peer_order_migrate(p, pid, from, to) ?: sm_peer_answer(p);
}

/* All of its pages by move_pages(2), @status for each */
long sm_peer_move_pages(const struct sm_peer *p, int node, int *status)
{
	size_t nr = SM_PAGES(p->len), i;
	void **pages = calloc(nr, sizeof(*pages));
	int *nodes = calloc(nr, sizeof(*nodes));
	long ret = -ENOMEM;

	if (pages && nodes) {
		for (i = 0; i < nr; i++) {
			pages[i] = p->buf + i * SM_PAGE;
			nodes[i] = node;
		}
		ret = sm_move_pages(p->pid, nr, pages, nodes, status, MPOL_MF_MOVE);
	}
	free(pages);
	free(nodes);
	return ret;
}

/* What it is told from now on is about this part of its memory. */
int sm_peer_part(struct sm_peer *p, size_t off, size_t len)
{
	return sm_peer(p, SM_ORD_PART, off, len);
}

/* How often has a process gone to sleep? */
long sm_naps(pid_t pid)
{
	char path[64], line[128];
	long n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	if (!f)
		return -1;
	while (n < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "voluntary_ctxt_switches: %ld", &n) != 1)
			n = -1;
	fclose(f);
	return n;
}

/* 0 when it ended by itself with status 0. */
int sm_peer_stop(struct sm_peer *p)
{
	struct sm_msg m = { .order = SM_ORD_QUIT };
	int status = -1;

	if (!p->pid)
		return 0;
	if (write(p->fd, &m, sizeof(m)) != sizeof(m))
		kill(p->pid, SIGKILL);
	close(p->fd);
	waitpid(p->pid, &status, 0);
	p->pid = 0;
	return status;
}

/* Become an ordinary user whom others of the same user may look at. */
int sm_drop_root(int uid)
{
	if (setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		return -errno;
	prctl(PR_SET_DUMPABLE, 1);
	return 0;
}

int sm_drop_cap_sys_nice(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		return -errno;
	data[0].effective &= ~(1U << CAP_SYS_NICE);
	data[0].permitted &= ~(1U << CAP_SYS_NICE);
	data[0].inheritable &= ~(1U << CAP_SYS_NICE);
	return syscall(SYS_capset, &head, data) ? -errno : 0;
}

/* Controllers change hierarchies a while after the last group is gone. */
bool sm_v2_cpusets(bool on)
{
	return SM_WAIT(!sm_write(SM_V2_ROOT "/cgroup.subtree_control",
				 on ? "+cpuset" : "-cpuset"));
}

static bool mount_v1(void)
{
	return !mount("none", SM_V1_ROOT, "cgroup", 0, "cpuset");
}

static bool v2_has_cpusets(void)
{
	char list[256];

	return sm_read(SM_V2_ROOT "/cgroup.controllers", list,
		       sizeof(list)) > 0 && strstr(list, "cpuset");
}

/*
 * The kernel lets go of a hierarchy of version 1 when it is unmounted without
 * groups in it. A removed group is really gone only a little later, so mount and
 * unmount until it does.
 */
static bool release_v1(void)
{
	int i;

	if (umount(SM_V1_ROOT) && errno != EINVAL)
		return false;
	for (i = 0; i < 100; i++) {
		if (v2_has_cpusets())
			return true;
		sm_nap();
	}
	mount_v1();
	return false;
}

/* The hierarchy of version 1, which has the controller meanwhile */
bool sm_v1_cpusets(bool on)
{
	bool done;

	mkdir(SM_V1_ROOT, 0755);
	done = on ? SM_WAIT(mount_v1()) : SM_WAIT(release_v1());
	if (!on)
		rmdir(SM_V1_ROOT);
	return done;
}

int sm_group_set(const char *dir, const char *file, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return sm_write(path, "%s", value);
}

int sm_group_join(const char *dir, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	return sm_group_set(dir, "cgroup.procs", text);
}

int sm_group_make(const char *dir, const char *mems)
{
	int ret = mkdir(dir, 0755) ? -errno : 0;

	if (!ret)
		ret = sm_group_set(dir, "cpuset.cpus", SM_CPUS);
	return ret ? ret : sm_group_set(dir, "cpuset.mems", mems);
}

/* A process that has been waited for may be in its group for a moment. */
bool sm_group_remove(const char *dir)
{
	return SM_WAIT(!rmdir(dir) || errno == ENOENT);
}

/*
 * Pin memory for as long as the returned descriptor is open: buffers that are
 * registered with an io_uring are pinned for long.
 */
int sm_pin(void *p, size_t len)
{
	struct io_uring_params params;
	struct iovec iov = { .iov_base = p, .iov_len = len };
	int fd, ret;

	memset(&params, 0, sizeof(params));
	fd = syscall(SYS_io_uring_setup, 4, &params);
	if (fd < 0)
		return -errno;
	if (syscall(SYS_io_uring_register, fd, IORING_REGISTER_BUFFERS, &iov,
		    1)) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

/* Have a pipe hold references to the pages of @p. */
int sm_vmsplice(void *p, size_t len, int pipefd[2])
{
	struct iovec iov = { .iov_base = p, .iov_len = len };

	if (pipe(pipefd))
		return -errno;
	if (fcntl(pipefd[1], F_SETPIPE_SZ, 2 * len) < 0)
		return -errno;
	return vmsplice(pipefd[1], &iov, 1, 0) == (ssize_t)len ? 0 : -EIO;
}

/* Runs ksmd until so many pages are merged or merged with; then stops it. */
bool sm_ksm_merged(long want)
{
	bool merged;

	sm_write(SM_KSM("pages_to_scan"), "20000");
	sm_write(SM_KSM("sleep_millisecs"), "1");
	sm_write(SM_KSM("run"), "1");
	merged = SM_WAIT(sm_read_long(SM_KSM("pages_sharing")) +
			 sm_read_long(SM_KSM("pages_shared")) >= want);
	sm_write(SM_KSM("run"), "0");
	return merged;
}

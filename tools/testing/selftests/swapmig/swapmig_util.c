// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig selftests: small files, the system calls under test, and memory with a
 * pattern.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "swapmig_util.h"

double sm_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

void sm_nap(void)
{
	struct timespec ts = { .tv_nsec = 2000000 };

	nanosleep(&ts, NULL);
}

/* Whoever watches for silence hears of what goes on. Say it of progress only. */
void sm_alive(const char *what, long n)
{
	printf("# alive %s %ld\n", what, n);
	fflush(stdout);
}

/* Reads the first line of a file without its newline; length or -errno. */
int sm_read(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, len - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return n;
}

long sm_read_long(const char *path)
{
	char buf[64];
	int ret = sm_read(path, buf, sizeof(buf));

	return ret < 0 ? ret : strtol(buf, NULL, 10);
}

/* Is a page that has to move on its new node at once? Else it goes by way of swap. */
bool sm_direct(void)
{
	char list[128];

	return sm_read(SM_ENGINES, list, sizeof(list)) > 0 &&
	       !strncmp(list, "direct", 6);
}

int sm_write(const char *path, const char *fmt, ...)
{
	char buf[256];
	va_list ap;
	int fd, len, ret = 0;

	va_start(ap, fmt);
	len = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= sizeof(buf))
		return -E2BIG;
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	if (write(fd, buf, len) != len)
		ret = errno ? -errno : -EIO;
	close(fd);
	return ret;
}

/* The number after @key in a file of lines that begin with one, or -1 */
static long value_of(const char *path, const char *key)
{
	FILE *f = fopen(path, "r");
	char name[64], line[128];
	long val, ret = -1;

	if (!f)
		return -1;
	while (ret < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63[^: ]%*[: ]%ld", name, &val) == 2 &&
		    !strcmp(name, key))
			ret = val;
	fclose(f);
	return ret;
}

long sm_vmstat(const char *name)
{
	return value_of("/proc/vmstat", name);
}

long sm_meminfo_kib(const char *field)
{
	return value_of("/proc/meminfo", field);
}

long sm_isolated(void)
{
	return sm_vmstat("nr_isolated_anon") + sm_vmstat("nr_isolated_file");
}

const char * const sm_stayed_why[SM_STAYED] = {
	"mlocked", "pinned", "hugetlb", "writeback", "no_room", "raced",
};

/* Pages that have stayed since boot; negative if this kernel does not say so. */
long sm_stayed(const char *why)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/kernel/mm/swapmig/stayed/%s", why);
	return sm_read_long(path);
}

/* Reading stat_refresh folds what the CPUs have not added up yet. */
static bool none_isolated(void)
{
	char buf[16];

	sm_read("/proc/sys/vm/stat_refresh", buf, sizeof(buf));
	return sm_isolated() == 0;
}

bool sm_isolated_settles(void)
{
	return SM_WAIT(none_isolated());
}

/* Forgets what was traced before. */
int sm_trace(bool on)
{
	if (on)
		close(open(SM_TRACING "trace", O_WRONLY | O_TRUNC));
	return sm_write(SM_TRACING "events/swapmig/enable", on ? "1" : "0");
}

/* Is there such a line, with this at its end? */
bool sm_traced(const char *event, const char *text)
{
	FILE *f = fopen(SM_TRACING "trace", "r");
	char line[512], *at;
	bool found = false;

	while (f && fgets(line, sizeof(line), f)) {
		at = strstr(line, event);
		found |= at && strstr(at, text);
	}
	if (f)
		fclose(f);
	return found;
}

int sm_nodes(void)
{
	char path[64];
	int n = 0;

	do {
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d",
			 n);
	} while (!access(path, F_OK) && ++n < SM_NODES);
	return n;
}

/* Run on the first CPU of @node; node -1: anywhere. There must be one. */
void sm_run_on_node(int node)
{
	char path[64], list[64] = "";
	cpu_set_t set;
	int i;

	CPU_ZERO(&set);
	if (node < 0) {
		for (i = 0; i < CPU_SETSIZE; i++)
			CPU_SET(i, &set);
	} else {
		snprintf(path, sizeof(path),
			 "/sys/devices/system/node/node%d/cpulist", node);
		if (sm_read(path, list, sizeof(list)) <= 0 || !list[0]) {
			fprintf(stderr, "# Test ended: node %d has no CPU\n",
				node);
			abort();
		}
		CPU_SET(strtol(list, NULL, 10), &set);
	}
	if (sched_setaffinity(0, sizeof(set), &set)) {
		fprintf(stderr, "# Test ended: no CPU of node %d: %s\n", node,
			strerror(errno));
		abort();
	}
}

static long result(long ret)
{
	return ret < 0 ? -errno : ret;
}

long sm_mbind(void *addr, size_t len, int mode, unsigned long mask,
	      unsigned int flags)
{
	return result(syscall(SYS_mbind, addr, len, mode, mask ? &mask : NULL,
			      mask ? SM_MAXNODE : 0, flags));
}

long sm_set_mempolicy(int mode, unsigned long mask)
{
	return result(syscall(SYS_set_mempolicy, mode, mask ? &mask : NULL,
			      mask ? SM_MAXNODE : 0));
}

long sm_get_mempolicy(void *addr, int *mode, unsigned long *mask)
{
	*mask = 0;
	return result(syscall(SYS_get_mempolicy, mode, mask, SM_MAXNODE, addr,
			      addr ? MPOL_F_ADDR : 0));
}

long sm_migrate(pid_t pid, unsigned long from, unsigned long to)
{
	return result(syscall(SYS_migrate_pages, pid, SM_MAXNODE, &from, &to));
}

long sm_move_pages(pid_t pid, size_t nr, void **pages, const int *nodes,
		   int *status, int flags)
{
	return result(syscall(SYS_move_pages, pid, nr, pages, nodes, status,
			      flags));
}

static void *map(size_t len, int flags)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS,
		       -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void *sm_map(size_t len)
{
	return map(len, MAP_PRIVATE);
}

void *sm_map_shared(size_t len)
{
	return map(len, MAP_SHARED);
}

/* A file that is so long from now on */
void *sm_map_fd(int fd, size_t len, int flags)
{
	void *p = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, len))
		p = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* A new file without data; its descriptor is open if there is one, else -1. */
void *sm_map_file(const char *path, size_t len, int flags, int *fd)
{
	*fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	return sm_map_fd(*fd, len, flags);
}

/* munmap() detaches it, and that is its end. NULL leaves errno. */
void *sm_map_sysv(size_t len)
{
	int id = shmget(IPC_PRIVATE, len, IPC_CREAT | 0600);
	void *p;

	if (id < 0)
		return NULL;
	p = shmat(id, NULL, 0);
	shmctl(id, IPC_RMID, NULL);
	return p == (void *)-1 ? NULL : p;
}

/*
 * Never 0, and different for each page. Four neighbours have the same word, so a
 * page can be compressed to about two fifths of its size.
 */
__u64 sm_word(size_t page, size_t word, __u64 seed)
{
	__u64 x = (page << 7 | word >> 2) + 1 + (seed << 40);

	x *= 0x9e3779b97f4a7c15ULL;
	x ^= x >> 29;
	return x | 1;
}

void sm_fill(void *p, size_t len, __u64 seed)
{
	size_t words = SM_PAGE / sizeof(__u64), i, w;
	__u64 *at = p;

	for (i = 0; i < len / SM_PAGE; i++, at += words)
		for (w = 0; w < words; w++)
			__atomic_store_n(&at[w], sm_word(i, w, seed),
					 __ATOMIC_RELAXED);
}

void sm_fill_on(void *p, size_t len, __u64 seed, int node)
{
	sm_set_mempolicy(MPOL_BIND, SM_NODE(node));
	sm_fill(p, len, seed);
	sm_set_mempolicy(MPOL_DEFAULT, 0);
}

/* Number of pages that do not hold their pattern. */
long sm_bad(const void *p, size_t len, __u64 seed)
{
	size_t words = SM_PAGE / sizeof(__u64), i, w;
	const __u64 *at = p;
	long bad = 0;

	for (i = 0; i < len / SM_PAGE; i++, at += words) {
		for (w = 0; w < words; w++)
			if (__atomic_load_n(&at[w], __ATOMIC_RELAXED) !=
			    sm_word(i, w, seed))
				break;
		bad += w < words;
	}
	return bad;
}

long sm_nonzero(const void *p, size_t len)
{
	const __u64 *at = p;
	long n = 0;
	size_t i;

	for (i = 0; i < len / sizeof(*at); i++)
		n += !!at[i];
	return n;
}

void sm_touch(const void *p, size_t len)
{
	const char *c = p;
	size_t i;

	for (i = 0; i < len; i += SM_PAGE)
		(void)__atomic_load_n(&c[i], __ATOMIC_RELAXED);
}

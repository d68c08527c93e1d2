/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers shared by the swapmig selftests: memory with a pattern, where its
 * pages are, the system calls under test, swap areas, cpusets, and processes
 * that do what a test tells them to.
 */
#ifndef SWAPMIG_UTIL_H
#define SWAPMIG_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>
#include <sys/types.h>

/* The machine: as many nodes, of which these have a CPU each */
#define SM_NODES	4
#define SM_CPU_NODES	2
#define SM_CPUS		"0-1"

#define SM_PAGE		4096UL
#define SM_MIB		(1024UL * 1024)
#define SM_HUGE		(2 * SM_MIB)

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

/* The errno of a system call that this kernel has not */
#define SM_NO_SYSCALL	38

/* What sm_page() says of a page that is on no node */
#define SM_NONE		(-1)
#define SM_SWAPPED	(-2)

#define SM_NODE(n)	(1UL << (n))
#define SM_PAGES(len)	((long)((len) / SM_PAGE))

/*
 * Waits until @cond holds. What comes at all comes in time, however slow the
 * machine: the limit, in seconds, only keeps what is broken from waiting forever.
 */
#define SM_PATIENCE	120.0
#define SM_WAIT(cond) ({						\
	double __end = sm_now() + SM_PATIENCE;				\
	bool __ok;							\
									\
	while (!(__ok = (cond)) && sm_now() < __end)			\
		sm_nap();						\
	__ok;								\
})

double sm_now(void);
void sm_nap(void);
void sm_alive(const char *what, long n);

/* Files of one value */
int sm_read(const char *path, char *buf, size_t len);
long sm_read_long(const char *path);
int sm_write(const char *path, const char *fmt, ...);
long sm_vmstat(const char *name);
long sm_meminfo_kib(const char *field);
long sm_isolated(void);
bool sm_isolated_settles(void);

/* Why pages stay: the names of the counters */
#define SM_STAYED	6
extern const char * const sm_stayed_why[SM_STAYED];
long sm_stayed(const char *why);

/* Trace events of ours */
#define SM_TRACING	"/sys/kernel/tracing/"
int sm_trace(bool on);
bool sm_traced(const char *event, const char *text);

int sm_nodes(void);
void sm_run_on_node(int node);

/* The migration engines */
#define SM_ENGINES	"/proc/sys/vm/migration_engines"
#define SM_BATCH	"/proc/sys/vm/migration_batch"

bool sm_direct(void);

/* The system calls, raw: results are 0 or more, or -errno */
#define SM_MAXNODE	65UL
long sm_mbind(void *addr, size_t len, int mode, unsigned long mask,
	      unsigned int flags);
long sm_set_mempolicy(int mode, unsigned long mask);
long sm_get_mempolicy(void *addr, int *mode, unsigned long *mask);
long sm_migrate(pid_t pid, unsigned long from, unsigned long to);
long sm_move_pages(pid_t pid, size_t nr, void **pages, const int *nodes,
		   int *status, int flags);

/* Memory and its contents */
void *sm_map(size_t len);
void *sm_map_shared(size_t len);
void *sm_map_fd(int fd, size_t len, int flags);
void *sm_map_file(const char *path, size_t len, int flags, int *fd);
void *sm_map_sysv(size_t len);
__u64 sm_word(size_t page, size_t word, __u64 seed);
void sm_fill(void *p, size_t len, __u64 seed);
void sm_fill_on(void *p, size_t len, __u64 seed, int node);
long sm_bad(const void *p, size_t len, __u64 seed);
long sm_nonzero(const void *p, size_t len);
void sm_touch(const void *p, size_t len);

/* Where pages are, without touching them; pid 0 is this process */
struct sm_count {
	long none;
	long swapped;
	long node[SM_NODES];
};

int sm_page(pid_t pid, const void *addr);
__u64 sm_pagemap(pid_t pid, const void *addr);
int sm_count(pid_t pid, const void *addr, size_t len, struct sm_count *c);
const char *sm_where(pid_t pid, const void *addr, size_t len);
long sm_on(pid_t pid, const void *addr, size_t len, int node);
long sm_swapped(pid_t pid, const void *addr, size_t len);
long sm_present(pid_t pid, const void *addr, size_t len);

/* Nodes, and how full they are */
long sm_node_kib(int node, const char *field);
void sm_trim_pcp(bool on);
long sm_huge(int node, long nr);
void *sm_map_huge(int node, __u64 seed);
long sm_hog(int node, size_t keep);
bool sm_locked(const void *addr);
long sm_smaps_kib(pid_t pid, const void *addr, const char *field);

/* Nodes that are to be filled */
long sm_mark(int node, const char *mark);
long sm_room(int node, const char *mark);
long sm_zone_room(int node, const char *mark);
long sm_full_room(int nodes);
void sm_boost(bool on);
int sm_huge_pages(bool on);
long sm_full_begin(int nodes, size_t room);
void sm_full_end(void);
bool sm_fragment(int node);

/* @percent of @len, in whole pages */
static inline size_t sm_part(size_t len, int percent)
{
	return len / 100 * percent / SM_PAGE * SM_PAGE;
}

/* Credentials: given up for good, in this process */
#define SM_USER		1000
int sm_drop_root(int uid);
int sm_drop_cap_sys_nice(void);

/* Swap: one area at a time */
enum sm_swap {
	SM_SWAP_NONE,
	SM_SWAP_DISK,
	SM_SWAP_ZRAM,
	SM_SWAP_FILE,
	SM_SWAP_DM,		/* the disk, behind a device that obeys */
};

#define SM_DISK		"/dev/vdb"
#define SM_SWAPFILE	"/var/tmp/swapmig.swap"
#define SM_ZRAM		"/dev/zram0"
#define SM_ZRAM_SYS(f)	"/sys/block/zram0/" f
#define SM_ZSWAP	"/sys/module/zswap/parameters/enabled"

int sm_swap_on(enum sm_swap kind, size_t len);
int sm_swap_off(void);

const char *sm_dm_create(size_t len);
int sm_dm_remove(void);
int sm_dm_stall(bool stall);
int sm_dm_fail(bool fail);

/* A file system whose pages cannot be migrated while they are dirty */
int sm_crypt_mount(const char *lower, const char *dir);

/* Allocations that fail */
int sm_fault_setup(void);
int sm_fault_arm(long nth);
long sm_fault_disarm(void);
int sm_fault_huge(bool on);

/* A process that does as it is told */
enum sm_order {
	SM_ORD_QUIT,
	SM_ORD_FILL,		/* value: seed, node: where */
	SM_ORD_CHECK,		/* value: seed; answers bad pages */
	SM_ORD_TOUCH,		/* node: on whose CPU */
	SM_ORD_MIGRATE,		/* value: pid; node: from, node2: to */
	SM_ORD_MBIND,		/* node: mask or 0, value: flags */
	SM_ORD_PREFER,		/* the same, but only preferred */
	SM_ORD_PAGEOUT,
	SM_ORD_DROP_ROOT,	/* value: who it is from now on, or 0 for SM_USER */
	SM_ORD_REAL_UID,	/* value: who it is, though with the rights of root */
	SM_ORD_DROP_NICE,
	SM_ORD_PART,		/* node: offset, value: length */
	SM_ORD_POLICY,		/* node: mask, value: mode */
	SM_ORD_MLOCK,
	SM_ORD_FREE,
	SM_ORD_PIN,
	SM_ORD_FRAGMENT,	/* node: which, until it quits */
	SM_ORD_BUSY,		/* writes until it is told something else */
};

struct sm_peer {
	pid_t pid;
	int fd;
	char *buf;
	size_t len;
};

struct sm_msg {
	enum sm_order order;
	long node;
	long node2;
	long value;
};

pid_t sm_fork(void);
long sm_naps(pid_t pid);
int sm_peer_start(struct sm_peer *p, void *buf, size_t len);
long sm_peer(struct sm_peer *p, enum sm_order order, long node, long value);
int sm_peer_tell(struct sm_peer *p, enum sm_order order, long node, long value);
long sm_peer_answer(struct sm_peer *p);
long sm_peer_move_pages(const struct sm_peer *p, int node, int *status);
int sm_peer_order_migrate(struct sm_peer *p, pid_t pid, long from, long to);
long sm_peer_migrate(struct sm_peer *p, pid_t pid, long from, long to);
int sm_peer_part(struct sm_peer *p, size_t off, size_t len);
int sm_peer_stop(struct sm_peer *p);

/* Cpusets: groups are named by their directories */
#define SM_V1_ROOT	"/tmp/swapmig.cpuset"
#define SM_V2_ROOT	"/sys/fs/cgroup"

bool sm_v1_cpusets(bool on);
bool sm_v2_cpusets(bool on);
int sm_group_set(const char *dir, const char *file, const char *value);
int sm_group_join(const char *dir, pid_t pid);
int sm_group_make(const char *dir, const char *mems);
bool sm_group_remove(const char *dir);

/* Memory that cannot move, or that is merged */
int sm_pin(void *p, size_t len);
int sm_vmsplice(void *p, size_t len, int pipefd[2]);

#define SM_KSM(name)	"/sys/kernel/mm/ksm/" name

bool sm_ksm_merged(long want);

#endif /* SWAPMIG_UTIL_H */

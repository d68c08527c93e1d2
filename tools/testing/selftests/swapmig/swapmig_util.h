/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers shared by the swapmig selftests: memory with a pattern, where its
 * pages are, the system calls under test, swap devices, and processes that
 * do what a test tells them to.
 */
#ifndef SWAPMIG_UTIL_H
#define SWAPMIG_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>
#include <sys/types.h>

#define SM_MAX_NODES	8
#define SM_PAGE		4096UL
#define SM_THP		(2UL << 20)
#define SM_MIB		(1UL << 20)

/* The errno of a system call that this kernel has not */
#define SM_NO_SYSCALL	38

/* What sm_page() says of a page that is on no node. */
#define SM_NONE		(-1)
#define SM_SWAPPED	(-2)

#define SM_ENGINES	"/proc/sys/vm/migration_engines"
#define SM_BATCH	"/proc/sys/vm/migration_batch"

#define SM_NODE(n)	(1UL << (n))
#define SM_PAGES(len)	((long)((len) / SM_PAGE))

/* Sizes and times: SWAPMIG_SCALE is a percentage, set by runtests.sh. */
unsigned long sm_scale(unsigned long n);
size_t sm_size(size_t len);
double sm_now(void);
void sm_nap(void);

/* Files of one value */
int sm_read(const char *path, char *buf, size_t len);
long sm_read_long(const char *path);
int sm_write(const char *path, const char *fmt, ...);
long sm_vmstat(const char *name);
long sm_isolated(void);
bool sm_isolated_settles(void);

/* What the kernel can do */
bool sm_has_engine(const char *name);
bool sm_has_migration(void);
bool sm_has_swapmig(void);
int sm_nodes(void);
int sm_cpu_of_node(int node);
int sm_run_on_node(int node);

/* The system calls, raw: results are 0 or more, or -errno. */
#define SM_MAXNODE	65UL
long sm_mbind(void *addr, size_t len, int mode, unsigned long mask,
	      unsigned int flags);
long sm_set_mempolicy(int mode, unsigned long mask);
long sm_get_mempolicy(void *addr, int *mode, unsigned long *mask);
long sm_migrate(pid_t pid, unsigned long from, unsigned long to);
long sm_node_of(void *addr);

long sm_move_pages(pid_t pid, void *addr, size_t len, int node, int *status);

/* Memory and its contents. Of a whole node only each sm_stride'th word counts */
extern size_t sm_stride;
void *sm_map(size_t len);
void *sm_map_shared(size_t len);
void sm_fill(void *p, size_t len, __u64 seed);
void sm_fill_on(void *p, size_t len, __u64 seed, int node);
long sm_bad(const void *p, size_t len, __u64 seed);
void sm_touch(const void *p, size_t len);
__u64 sm_word(size_t page, size_t word, __u64 seed);

/* Where pages are, without touching them */
struct sm_count {
	long none;
	long swapped;
	long moving;
	long node[SM_MAX_NODES];
};

int sm_page(pid_t pid, const void *addr);
__u64 sm_pagemap(pid_t pid, const void *addr);
int sm_count(pid_t pid, const void *addr, size_t len, struct sm_count *c);
const char *sm_where(pid_t pid, const void *addr, size_t len);
long sm_on(pid_t pid, const void *addr, size_t len, int node);
long sm_swapped(pid_t pid, const void *addr, size_t len);
long sm_present(pid_t pid, const void *addr, size_t len);
long sm_smaps_kib(pid_t pid, const void *addr, const char *field);
long sm_numa_maps(pid_t pid, const void *addr, int node);

/* Credentials: give up root for good, in this process. */
int sm_drop_root(void);
int sm_drop_cap_sys_nice(void);

/* Swap */
enum sm_swap {
	SM_SWAP_NONE,
	SM_SWAP_DISK,
	SM_SWAP_ZRAM,
	SM_SWAP_FILE,
	SM_SWAP_DM,
};

#define SM_DISK		"/dev/vdb"
#define SM_ZRAM		"/dev/zram0"
#define SM_SWAPFILE	"/var/tmp/swapmig.swap"

int sm_swap_on(enum sm_swap kind, size_t len);
int sm_swap_off(void);
const char *sm_swap_path(void);
int sm_dm_fail(bool fail);
void sm_dm_announce(void);
long sm_swap_free_kib(void);

/* A process that does as it is told */
enum sm_order {
	SM_ORD_QUIT,
	SM_ORD_FILL,		/* value: seed, node: where */
	SM_ORD_CHECK,		/* value: seed; answers bad pages */
	SM_ORD_TOUCH,		/* node: on whose CPU */
	SM_ORD_MIGRATE,		/* value: pid; node: from, node2: to */
	SM_ORD_MBIND,		/* node: mask, value: flags */
	SM_ORD_POLICY,		/* value: mode, node: mask */
	SM_ORD_PAGEOUT,
	SM_ORD_UNMAP,
	SM_ORD_DROP_ROOT,
	SM_ORD_DROP_NICE,
	SM_ORD_PART,		/* node: offset, value: length */
	SM_ORD_MLOCK,
	SM_ORD_PIN,		/* answers a descriptor */
	SM_ORD_BUSY,		/* value: seed, node: write too? until told */
	SM_ORD_IDLE,		/* ends SM_ORD_BUSY, which answers bad pages */
};

struct sm_peer {
	pid_t pid;
	int fd;
	void *buf;
	size_t len;
};

struct sm_msg {
	enum sm_order order;
	long node;
	long node2;
	long value;
};

int sm_peer_start(struct sm_peer *p, void *buf, size_t len);
long sm_peer(struct sm_peer *p, enum sm_order order, long node, long value);
long sm_peer_migrate(struct sm_peer *p, pid_t pid, long from, long to);
int sm_peer_tell(struct sm_peer *p, enum sm_order order, long node, long node2,
		 long value);
long sm_peer_answer(struct sm_peer *p);
long sm_peer_idle(struct sm_peer *p);
int sm_peer_part(struct sm_peer *p, size_t off, size_t len);
int sm_peer_stop(struct sm_peer *p);
pid_t sm_fork(void);

/* Groups of the unified hierarchy, by name; "" is the root */
bool sm_cgroup_on(const char *controller);
bool sm_cgroup_off(const char *controller);
int sm_cgroup_make(const char *name);
bool sm_cgroup_remove(const char *name);
int sm_cgroup_set(const char *name, const char *file, const char *value);
long sm_cgroup_get(const char *name, const char *file);
int sm_cgroup_join(const char *name, pid_t pid);

/* Nodes and how full they are */
long sm_node_kib(int node, const char *field);
long sm_zone_pages(int node, const char *field);
void sm_boost(bool on);
void sm_trim_pcp(bool on);
size_t sm_room(int node);

/* Memory that cannot move, and a node without room */
int sm_pin(void *p, size_t len);
int sm_vmsplice(void *p, size_t len, int pipefd[2]);
long sm_hog(int node, size_t keep);
void sm_unhog(int node);

/* Blocks of memory */
#define SM_MAX_BLOCKS	16
#define SM_BLOCK_STATE	"/sys/devices/system/memory/memory%d/state"

int sm_node_blocks(int node, int *blocks);
int sm_block_set(int block, const char *state);

#define SM_KSM(name)	"/sys/kernel/mm/ksm/" name

bool sm_ksm_merged(long want);

#endif /* SWAPMIG_UTIL_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * What stands in the way of a block of memory that is taken offline, what an
 * administrator sees of it, and what does not stand in the way.
 */
#include <sys/mman.h>

#include "swapmig_dimm.h"

#define TRACING		"/sys/kernel/tracing/"
#define THP_ENABLED	"/sys/kernel/mm/transparent_hugepage/enabled"
#define HUGE_NODE	"/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/nr_hugepages"

/* What the log and the trace say */
#define LINE		"swapmig: memory%lu stays online: "		\
			"%lu pages left, %lu pinned, %lu mlocked, "	\
			"%lu hugetlb, %lu of the kernel, %lu "
#define EVENT		" swapmig_offline: pfn=%lx-%lx rounds=%*u "	\
			"idle=%*u left=%lu pinned=%lu mlocked=%lu "	\
			"hugetlb=%lu unmovable=%lu"

/* What was said of a block that stays online */
struct obstacles {
	unsigned long block;
	unsigned long left;
	unsigned long pinned;
	unsigned long mlocked;
	unsigned long hugetlb;
	unsigned long unmovable;
	unsigned long rest;
};

FIXTURE(offline_limits)
{
	struct dimm dimm;
	int log;
	char engines[64];
	char thp[64];
};

/* Of "always madvise [never]" */
static void thp_restore(const char *old)
{
	char word[16];

	if (sscanf(strchr(old, '[') ?: "[never]", "[%15[^]]", word) == 1)
		sm_write(THP_ENABLED, "%s", word);
}

static bool trace_on(bool on)
{
	if (on)
		close(open(TRACING "trace", O_WRONLY | O_TRUNC));
	return !sm_write(TRACING "events/swapmig/swapmig_offline/enable", "%d",
			 on);
}

FIXTURE_SETUP(offline_limits)
{
	sm_read(THP_ENABLED, self->thp, sizeof(self->thp));
	dimm_setup(&self->dimm);
	self->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, self->log);
	ASSERT_LT(0, sm_read(SM_ENGINES, self->engines, sizeof(self->engines)));
	/* The buffer is allocated when it is first used, which may be too late. */
	trace_on(true);
	trace_on(false);
}

static int huge_set(int node, long nr)
{
	char path[128];

	snprintf(path, sizeof(path), HUGE_NODE, node);
	return sm_write(path, "%ld", nr);
}

FIXTURE_TEARDOWN(offline_limits)
{
	EXPECT_EQ(0, sm_write(SM_ENGINES, "%s", self->engines));
	thp_restore(self->thp);
	huge_set(0, 0);
	if (self->dimm.nr)
		huge_set(self->dimm.node, 0);
	close(self->log);
	DIMM_TEARDOWN(&self->dimm);
}

/* Lines of the log since the last look about blocks that stay; the last one */
static int log_lines(int fd, struct obstacles *o)
{
	char rec[2048], *at;
	int lines = 0;
	ssize_t n;

	while ((n = read(fd, rec, sizeof(rec) - 1)) > 0 || errno == EPIPE) {
		if (n <= 0)
			continue;
		rec[n] = '\0';
		at = strstr(rec, "swapmig: memory");
		if (!at)
			continue;
		lines++;
		if (sscanf(at, LINE, &o->block, &o->left, &o->pinned,
			   &o->mlocked, &o->hugetlb, &o->unmovable,
			   &o->rest) != 7)
			return -1;
	}
	return lines;
}

/* The last round that was traced; how many there were */
static int trace_rounds(struct obstacles *o)
{
	FILE *f = fopen(TRACING "trace", "r");
	unsigned long start, end;
	char line[512], *at;
	int n = 0;

	while (f && fgets(line, sizeof(line), f)) {
		at = strstr(line, " swapmig_offline: ");
		if (at && sscanf(at, EVENT, &start, &end, &o->left, &o->pinned,
				 &o->mlocked, &o->hugetlb,
				 &o->unmovable) == 7) {
			o->block = start / (end - start);
			n++;
		}
	}
	if (f)
		fclose(f);
	return n;
}

static void sysfs_says(struct obstacles *o)
{
	o->block = sm_read_long(SEEN "block");
	o->left = sm_read_long(SEEN "left");
	o->pinned = sm_read_long(SEEN "pinned");
	o->mlocked = sm_read_long(SEEN "mlocked");
	o->hugetlb = sm_read_long(SEEN "hugetlb");
	o->unmovable = sm_read_long(SEEN "unmovable");
}

static void expect_same(struct __test_metadata *_metadata,
			const struct obstacles *a, const struct obstacles *b)
{
	EXPECT_EQ(a->block, b->block);
	EXPECT_EQ(a->left, b->left);
	EXPECT_EQ(a->pinned, b->pinned);
	EXPECT_EQ(a->mlocked, b->mlocked);
	EXPECT_EQ(a->hugetlb, b->hugetlb);
	EXPECT_EQ(a->unmovable, b->unmovable);
}

/*
 * @block stays online with @err: in one line of the log, in the last traced round
 * and in sysfs the figures are the same.
 */
#define EXPECT_STAYS(block, err, o)					\
	expect_stays(_metadata, self, __LINE__, block, err, o)

static void expect_stays(struct __test_metadata *_metadata,
			 struct _test_data_offline_limits *self, int line,
			 int block, int err, struct obstacles *o)
{
	struct obstacles seen = { 0 }, traced = { 0 };

	lseek(self->log, 0, SEEK_END);
	EXPECT_TRUE(trace_on(true));
	EXPECT_EQ(err, sm_block_set(block, "offline")) {
		TH_LOG("line %d", line);
	}
	EXPECT_TRUE(trace_on(false));
	EXPECT_TRUE(block_is_online(block));
	EXPECT_EQ(1, log_lines(self->log, o)) {
		TH_LOG("line %d", line);
	}
	sysfs_says(&seen);
	EXPECT_LT(0, trace_rounds(&traced));
	EXPECT_EQ((unsigned long)block, o->block);
	EXPECT_LT(0UL, o->left);
	EXPECT_EQ(o->left, o->pinned + o->mlocked + o->hugetlb + o->unmovable +
		  o->rest);
	expect_same(_metadata, o, &seen);
	expect_same(_metadata, o, &traced);
}

/* Pages of @p in @block */
static long in_block(struct sm_peer *p, int block)
{
	unsigned long pages = 128 * SM_MIB / SM_PAGE;
	size_t off;
	__u64 pm;
	long n = 0;

	for (off = 0; off < p->len; off += SM_PAGE) {
		pm = sm_pagemap(p->pid, (char *)p->buf + off);
		n += pm >> 63 && (pm & ((1ULL << 55) - 1)) / pages ==
				 (__u64)block;
	}
	return n;
}

/* The block that has most of @p */
static int main_block(struct _test_data_offline_limits *self, struct sm_peer *p)
{
	int i, best = 0;

	for (i = 1; i < self->dimm.nr; i++)
		if (in_block(p, self->dimm.blocks[i]) >
		    in_block(p, self->dimm.blocks[best]))
			best = i;
	return self->dimm.blocks[best];
}

/*
 * Memory pinned for long leaves the movable zone first, so the module is ordinary
 * memory here, as it is where it was there at boot.
 */
TEST_F(offline_limits, pinned)
{
	struct obstacles o;
	struct sm_peer a;
	int i, err = 0, block;
	long fd;

	NEED_ORDINARY(return);
	ASSERT_EQ(0, offline_all(&self->dimm, &err));
	for (i = 0; i < self->dimm.nr; i++)
		ASSERT_EQ(0, sm_block_set(self->dimm.blocks[i], "online_kernel"));
	/* Page tables would obey the policy, too, and stay */
	START(&a, 2 * SM_MIB, 0, 1);
	ASSERT_EQ(0, MOVE(&a, 0, self->dimm.node));
	ASSERT_EQ(SM_PAGES(a.len), ON(&a, self->dimm.node));
	ASSERT_EQ(0, sm_peer_part(&a, 0, 37 * SM_PAGE));
	fd = sm_peer(&a, SM_ORD_PIN, 0, 0);
	ASSERT_EQ(0, sm_peer_part(&a, 0, 2 * SM_MIB));
	if (fd < 0)
		SKIP(return, "needs CONFIG_IO_URING (%ld)", fd);
	block = main_block(self, &a);
	EXPECT_STAYS(block, -EBUSY, &o);
	EXPECT_EQ(37UL, o.pinned);
	EXPECT_EQ(37UL, o.left);
	EXPECT_EQ(37, ON(&a, self->dimm.node));
	EXPECT_EQ(0, sm_peer(&a, SM_ORD_CHECK, 0, 1));
	/* The pin ends some time after the process. */
	STOP(&a);
	for (i = 0; i < 50 && offline_all(&self->dimm, &err); i++)
		usleep(100000);
	EXPECT_EQ(0, offline_all(&self->dimm, &err));
}

/* Memory that a process locked is moved, while there is room for it. */
TEST_F_TIMEOUT(offline_limits, mlocked, 300)
{
	struct sm_peer a, b;
	struct obstacles o;
	int err = 0;

	NEED_DIMM(return);
	FILL_UP(&a, &b, LEN_A, 8 * SM_MIB);
	ASSERT_EQ(0, sm_peer(&a, SM_ORD_MLOCK, 0, 0));
	/* The other block is no place either */
	ASSERT_LT(0, sm_hog(self->dimm.node, 8 * SM_MIB));
	EXPECT_STAYS(main_block(self, &a), -EBUSY, &o);
	EXPECT_LT(0UL, o.mlocked);
	EXPECT_EQ(0, sm_peer(&a, SM_ORD_CHECK, 0, 1));
	EXPECT_EQ(SM_PAGES(a.len), sm_present(a.pid, a.buf, a.len));
	sm_unhog(self->dimm.node);
	/* B can be evicted, if A cannot */
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	EXPECT_EQ(0, offline_all(&self->dimm, &err));
	EXPECT_EQ(SM_PAGES(a.len), ON(&a, 0));
	EXPECT_LT(0, sm_swapped(b.pid, b.buf, b.len));
	EXPECT_BOTH_INTACT();
}

static char *map_huge(size_t len, int node, __u64 seed)
{
	char *p;

	sm_set_mempolicy(MPOL_BIND, SM_NODE(node));
	p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (p != MAP_FAILED)
		sm_fill(p, len, seed);
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* With huge pages free on another node they move; free ones are dissolved. */
TEST_F(offline_limits, hugetlb)
{
	size_t len = 4 * SM_THP;
	int err = 0;
	char *p;

	NEED_DIMM(return);
	ASSERT_EQ(0, huge_set(0, 4));
	ASSERT_EQ(0, huge_set(self->dimm.node, 8));
	p = map_huge(len, self->dimm.node, 3);
	ASSERT_NE(NULL, p);
	ASSERT_EQ(SM_PAGES(len), sm_on(0, p, len, self->dimm.node));
	EXPECT_EQ(0, offline_all(&self->dimm, &err));
	EXPECT_EQ(0, err);
	EXPECT_EQ(SM_PAGES(len), sm_on(0, p, len, 0));
	EXPECT_EQ(0, sm_bad(p, len, 3));
	munmap(p, len);
}

/* The module is full of huge pages in use, and no node has room for them. */
TEST_F_TIMEOUT(offline_limits, hugetlb_without_room, 300)
{
	struct obstacles o;
	char path[128], *p;
	int err = 0;
	size_t len;

	NEED_DIMM(return);
	sm_stride = 64;
	sync();
	sm_write("/proc/sys/vm/drop_caches", "3");
	full_trim(0, 4 * SM_MIB);
	ASSERT_EQ(0, huge_set(self->dimm.node, 1000));
	snprintf(path, sizeof(path), HUGE_NODE, self->dimm.node);
	len = sm_read_long(path) * SM_THP;
	ASSERT_LT(128 * SM_MIB, len);
	p = map_huge(len, self->dimm.node, 4);
	ASSERT_NE(NULL, p);
	ASSERT_EQ(SM_PAGES(len), sm_on(0, p, len, self->dimm.node));
	EXPECT_STAYS(self->dimm.blocks[0], -EBUSY, &o);
	EXPECT_LT(0UL, o.hugetlb);
	EXPECT_EQ(SM_PAGES(len), sm_present(0, p, len));
	EXPECT_EQ(0, sm_bad(p, len, 4));
	munmap(p, len);
	/* What else is on the module needs room, too */
	full_end(self->dimm.node + 1);
	EXPECT_EQ(0, offline_all(&self->dimm, &err));
	EXPECT_EQ(0, err);
}

/* A pipe's buffers are the kernel's. It says at once that they stay. */
TEST_F(offline_limits, of_the_kernel)
{
	int i, err = 0, pipefd[2], stayed = 0;
	struct obstacles o;
	char page[SM_PAGE];

	NEED_ORDINARY(return);
	ASSERT_EQ(0, offline_all(&self->dimm, &err));
	for (i = 0; i < self->dimm.nr; i++)
		ASSERT_EQ(0, sm_block_set(self->dimm.blocks[i], "online_kernel"));
	printf("# EXPECT-LOG page: refcount\n");
	fflush(stdout);
	memset(page, 7, sizeof(page));
	ASSERT_EQ(0, pipe(pipefd));
	sm_set_mempolicy(MPOL_BIND, SM_NODE(self->dimm.node));
	for (i = 0; i < 8; i++)
		ASSERT_EQ((ssize_t)SM_PAGE, write(pipefd[1], page, SM_PAGE));
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	for (i = 0; i < self->dimm.nr; i++) {
		if (!sm_block_set(self->dimm.blocks[i], "offline"))
			continue;
		EXPECT_STAYS(self->dimm.blocks[i], -EBUSY, &o);
		EXPECT_LE(8UL, o.unmovable);
		stayed++;
	}
	EXPECT_EQ(1, stayed);
	for (i = 0; i < 8; i++) {
		ASSERT_EQ((ssize_t)SM_PAGE, read(pipefd[0], page, SM_PAGE));
		EXPECT_EQ(7, page[i]);
	}
	close(pipefd[0]);
	close(pipefd[1]);
	EXPECT_EQ(0, offline_all(&self->dimm, &err));
}

/* Each round writes all that is left again, so there is little of it. */
TEST_F_TIMEOUT(offline_limits, swap_fails, 300)
{
	struct obstacles o;
	struct sm_peer a;
	int err = 0;

	NEED_DIMM(return);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DM, 64 * SM_MIB));
	sm_dm_announce();
	START(&a, 24 * SM_MIB, self->dimm.node, 1);
	sync();
	sm_write("/proc/sys/vm/drop_caches", "3");
	sm_trim_pcp(true);
	/* Some is left, for the rest of the machine has no other memory. */
	full_trim(0, 8 * SM_MIB);
	/* The other block is no place */
	ASSERT_LT(0, sm_hog(self->dimm.node, 2 * SM_MIB));
	ASSERT_EQ(0, sm_dm_fail(true));
	EXPECT_STAYS(main_block(self, &a), -EBUSY, &o);
	EXPECT_LT(0UL, o.rest);
	ASSERT_EQ(0, sm_dm_fail(false));
	sm_unhog(self->dimm.node);
	EXPECT_EQ(0, sm_peer(&a, SM_ORD_CHECK, 0, 1));
	EXPECT_EQ(0, offline_all(&self->dimm, &err));
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, ON(&a, self->dimm.node));
	EXPECT_EQ(0, sm_peer(&a, SM_ORD_CHECK, 0, 1));
	STOP(&a);
}

/* Its own pages may be on the module, too. */
TEST_F_TIMEOUT(offline_limits, zram, 300)
{
	struct sm_peer a, b;
	int err = 0;

	NEED_DIMM(return);
	if (access(SM_ZRAM, F_OK))
		SKIP(return, "needs CONFIG_ZRAM");
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_ZRAM, 0));
	FILL_UP(&a, &b, LEN_A, 8 * SM_MIB);
	EXPECT_EQ(0, offline_all(&self->dimm, &err));
	EXPECT_EQ(0, err);
	EXPECT_LT(0, sm_swapped(a.pid, a.buf, a.len) +
		     sm_swapped(b.pid, b.buf, b.len));
	EXPECT_EQ(0, ON(&a, self->dimm.node));
	EXPECT_BOTH_INTACT();
}

/* A small machine has them switched off. */
#define NEED_THP(stmt) do {						\
	if (sm_write(THP_ENABLED, "madvise"))				\
		SKIP(stmt, "needs CONFIG_TRANSPARENT_HUGEPAGE");	\
} while (0)

#define THP_START(...) thp_start(_metadata, __VA_ARGS__)

static void thp_start(struct __test_metadata *_metadata, struct sm_peer *a,
		      size_t len, int node)
{
	char *map = sm_map(len + SM_THP);

	ASSERT_NE(NULL, map);
	map = (char *)(((uintptr_t)map + SM_THP - 1) & ~(SM_THP - 1));
	ASSERT_EQ(0, madvise(map, len, MADV_HUGEPAGE));
	ASSERT_EQ(0, sm_peer_start(a, map, len));
	ASSERT_EQ(0, sm_peer(a, SM_ORD_FILL, node, 1));
	ASSERT_EQ(SM_PAGES(len), ON(a, node));
	ASSERT_EQ((long)len / 1024,
		  sm_smaps_kib(a->pid, map, "AnonHugePages:"));
}

TEST_F(offline_limits, thp)
{
	size_t len = 24 * SM_THP;
	struct sm_peer a;
	int err = 0;

	NEED_DIMM(return);
	NEED_THP(return);
	THP_START(&a, len, self->dimm.node);
	EXPECT_EQ(0, offline_all(&self->dimm, &err));
	EXPECT_EQ(SM_PAGES(len), ON(&a, 0));
	EXPECT_LT((long)len / 2048,
		  sm_smaps_kib(a.pid, a.buf, "AnonHugePages:"));
	EXPECT_EQ(0, sm_peer(&a, SM_ORD_CHECK, 0, 1));
	STOP(&a);
}

TEST_F_TIMEOUT(offline_limits, thp_without_room, 300)
{
	size_t len = 48 * SM_THP;
	struct sm_peer a, b;
	int err = 0;

	NEED_DIMM(return);
	NEED_THP(return);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	THP_START(&a, len, self->dimm.node);
	FILL_NODE_0(&b, 8 * SM_MIB);
	EXPECT_EQ(0, offline_all(&self->dimm, &err));
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, ON(&a, self->dimm.node));
	EXPECT_BOTH_INTACT();
}

/* A signal while pages are on their way to a disk */
TEST_F_TIMEOUT(offline_limits, interrupted, 300)
{
	struct sigaction act = { .sa_handler = on_signal };
	int status, err, tries, delay = 400000;
	struct sm_peer a, b;
	bool hit = false;
	pid_t pid;

	NEED_DIMM(return);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	FILL_UP(&a, &b, LEN_A, 8 * SM_MIB);
	for (tries = 0; tries < 10 && !hit; tries++, delay /= 2) {
		int block = main_block(self, &a);

		pid = sm_fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			sigaction(SIGUSR1, &act, NULL);
			err = sm_block_set(block, "offline");
			_exit(err == -EINTR ? 0 : err ? 2 : 1);
		}
		usleep(delay);
		kill(pid, SIGUSR1);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFEXITED(status) || WTERMSIG(status) == SIGUSR1);
		hit = status == 0;
		EXPECT_EQ(hit, block_is_online(block) && WIFEXITED(status) &&
			  !WEXITSTATUS(status));
		EXPECT_EQ(0, online_all(&self->dimm));
		if (!hit)
			EXPECT_LE(0, MOVE(&a, 0, self->dimm.node));
	}
	EXPECT_TRUE(hit);
	EXPECT_BOTH_INTACT();
}

/* Another block of the same node is a place, too, where no other node has any. */
TEST_F_TIMEOUT(offline_limits, room_in_the_other_block, 300)
{
	struct sm_peer a, b;
	int i, block;

	NEED_DIMM(return);
	if (self->dimm.nr < 2)
		SKIP(return, "needs a module of two blocks");
	FILL_UP(&a, &b, 48 * SM_MIB, 0);
	for (i = 0; i < 2; i++) {
		block = main_block(self, &a);
		ASSERT_LT(0, in_block(&a, block));
		EXPECT_EQ(0, sm_block_set(block, "offline"));
		EXPECT_EQ(0, in_block(&a, block));
		EXPECT_LT(SM_PAGES(a.len) / 2, ON(&a, self->dimm.node)) {
			TH_LOG("%s", WHERE(&a));
		}
		EXPECT_EQ(SM_PAGES(a.len), sm_present(a.pid, a.buf, a.len));
		EXPECT_EQ(0, online_all(&self->dimm));
	}
	EXPECT_BOTH_INTACT();
}

/* Pages in swap that were sent to the module come back elsewhere. */
TEST_F(offline_limits, tags_of_a_dead_node)
{
	size_t len = 6 * SM_MIB, third = len / 3;
	struct sm_peer a;
	long forwarded;
	int err = 0;

	NEED_DIMM(return);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	ASSERT_EQ(0, sm_write(SM_ENGINES, "swapout"));
	START(&a, len, 0, 1);
	ASSERT_EQ(0, MOVE(&a, 0, self->dimm.node));
	ASSERT_EQ(SM_PAGES(len), sm_swapped(a.pid, a.buf, len));
	/* What is touched before it goes is where it was sent. */
	ASSERT_EQ(0, sm_peer_part(&a, 0, third));
	ASSERT_EQ(0, sm_peer(&a, SM_ORD_TOUCH, 0, 0));
	EXPECT_EQ(SM_PAGES(third), sm_on(a.pid, a.buf, third, self->dimm.node));
	EXPECT_EQ(0, offline_all(&self->dimm, &err));
	forwarded = sm_vmstat("swapmig_forwarded");
	ASSERT_EQ(0, sm_peer_part(&a, third, third));
	ASSERT_EQ(0, sm_peer(&a, SM_ORD_TOUCH, 0, 0));
	EXPECT_EQ(SM_PAGES(third), sm_on(a.pid, (char *)a.buf + third, third, 0));
	/* Nor does it get them when it is back. */
	EXPECT_EQ(0, online_all(&self->dimm));
	ASSERT_EQ(0, sm_peer_part(&a, 0, len));
	ASSERT_EQ(0, sm_peer(&a, SM_ORD_TOUCH, 0, 0));
	EXPECT_EQ(SM_PAGES(len), ON(&a, 0)) {
		TH_LOG("%s", WHERE(&a));
	}
	EXPECT_EQ(forwarded, sm_vmstat("swapmig_forwarded"));
	EXPECT_EQ(0, sm_peer(&a, SM_ORD_CHECK, 0, 1));
	/* It is a node like any other again. */
	EXPECT_EQ(0, MOVE(&a, 0, self->dimm.node));
	ASSERT_EQ(0, sm_peer(&a, SM_ORD_TOUCH, 0, 0));
	EXPECT_EQ(SM_PAGES(len), ON(&a, self->dimm.node));
	EXPECT_EQ(0, sm_peer(&a, SM_ORD_CHECK, 0, 1));
	STOP(&a);
}

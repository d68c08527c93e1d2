// SPDX-License-Identifier: GPL-2.0
/*
 * Soft offline of every kind of page: what comes of it in a kernel that can
 * migrate pages, and in one that can only evict them.
 */
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include "swapmig_bad.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

#define FILE_PATH	"/var/tmp/swapmig.file"
#define TMPFS_DIR	"/tmp/swapmig.mnt"
#define THP_ENABLED	"/sys/kernel/mm/transparent_hugepage/enabled"
#define HUGEPAGES	"/proc/sys/vm/nr_hugepages"
#define LEN		(32 * SM_PAGE)

FIXTURE(soft_offline_kinds)
{
	struct bad_frames bad;
	char *buf;
	int fd;
	bool mounted;
	bool migrates;
};

FIXTURE_SETUP(soft_offline_kinds)
{
	self->fd = -1;
	self->migrates = sm_has_migration();
	self->buf = sm_map(LEN);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
}

FIXTURE_TEARDOWN(soft_offline_kinds)
{
	if (self->buf)
		munmap(self->buf, LEN);
	if (self->fd >= 0)
		close(self->fd);
	unlink(FILE_PATH);
	if (self->mounted)
		EXPECT_EQ(0, umount(TMPFS_DIR));
	EXPECT_EQ(0, sm_swap_off());
	EXPECT_EQ(0, bad_repair(&self->bad));
	EXPECT_TRUE(sm_isolated_settles());
}

static void map_file(struct _test_data_soft_offline_kinds *self,
		     const char *path)
{
	void *p;

	munmap(self->buf, LEN);
	self->buf = NULL;
	self->fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (self->fd < 0 || ftruncate(self->fd, LEN))
		return;
	p = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
	self->buf = p == MAP_FAILED ? NULL : p;
}

static long bad_on_disk(const char *path, __u64 seed)
{
	void *p = sm_map(LEN);
	int fd = open(path, O_RDONLY | O_DIRECT);
	long ret = -1;

	if (fd >= 0 && pread(fd, p, LEN, 0) == (ssize_t)LEN)
		ret = sm_bad(p, LEN, seed);
	close(fd);
	munmap(p, LEN);
	return ret;
}

TEST_F(soft_offline_kinds, anon)
{
	NEED_MF(return);
	sm_fill(self->buf, LEN, 1);
	EXPECT_OFFLINED(&self->bad, self->buf, LEN, 1);
	sm_fill(self->buf, LEN, 2);
	EXPECT_EQ(0, sm_bad(self->buf, LEN, 2));
}

TEST_F(soft_offline_kinds, shared_by_fork)
{
	struct sm_peer p;

	NEED_MF(return);
	sm_fill(self->buf, LEN, 2);
	ASSERT_EQ(0, sm_peer_start(&p, self->buf, LEN));
	ASSERT_EQ(0, sm_peer(&p, SM_ORD_CHECK, 0, 2));
	ASSERT_EQ(sm_pagemap(0, self->buf) << 9,
		  sm_pagemap(p.pid, self->buf) << 9);
	EXPECT_OFFLINED(&self->bad, self->buf, LEN, 2);
	EXPECT_EQ(0, sm_peer(&p, SM_ORD_CHECK, 0, 2));
	EXPECT_EQ(sm_pagemap(0, self->buf) << 9,
		  sm_pagemap(p.pid, self->buf) << 9);
	/* What one writes the other does not see. */
	sm_fill(self->buf, LEN, 3);
	EXPECT_EQ(0, sm_peer(&p, SM_ORD_CHECK, 0, 2));
	EXPECT_EQ(0, sm_bad(self->buf, LEN, 3));
	EXPECT_EQ(0, sm_peer_stop(&p));
}

TEST_F(soft_offline_kinds, ksm)
{
	char *one = self->buf, *two = self->buf + LEN / 2;
	size_t half = LEN / 2, off;
	bool merged;

	NEED_MF(return);
	if (access(SM_KSM("run"), W_OK))
		SKIP(return, "needs CONFIG_KSM");
	sm_fill(one, half, 3);
	sm_fill(two, half, 3);
	ASSERT_EQ(0, madvise(self->buf, LEN, MADV_MERGEABLE));
	merged = sm_ksm_merged(SM_PAGES(LEN));
	sm_write(SM_KSM("run"), "0");
	ASSERT_TRUE(merged);
	for (off = 0; off < half; off += SM_PAGE)
		ASSERT_EQ(frame_of(one + off), frame_of(two + off));
	EXPECT_OFFLINED(&self->bad, one, half, 3);
	EXPECT_EQ(0, sm_bad(two, half, 3));
	EXPECT_EQ(0, bad_in(&self->bad, two, half));
	sm_fill(one, half, 4);
	EXPECT_EQ(0, sm_bad(two, half, 3));
	sm_write(SM_KSM("run"), "2");
	EXPECT_EQ(0, sm_bad(one, half, 4));
	EXPECT_EQ(0, sm_bad(two, half, 3));
	sm_write(SM_KSM("run"), "0");
}

TEST_F(soft_offline_kinds, shmem)
{
	struct sm_peer p;

	NEED_MF(return);
	munmap(self->buf, LEN);
	self->buf = sm_map_shared(LEN);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, sm_peer_start(&p, self->buf, LEN));
	ASSERT_EQ(0, sm_peer(&p, SM_ORD_FILL, 0, 4));
	EXPECT_OFFLINED(&self->bad, self->buf, LEN, 4);
	EXPECT_EQ(0, sm_peer(&p, SM_ORD_CHECK, 0, 4));
	sm_fill(self->buf, LEN, 5);
	EXPECT_EQ(0, sm_peer(&p, SM_ORD_CHECK, 0, 5));
	EXPECT_EQ(0, sm_peer_stop(&p));
}

TEST_F(soft_offline_kinds, tmpfs)
{
	char *again;

	NEED_MF(return);
	mkdir(TMPFS_DIR, 0700);
	ASSERT_EQ(0, mount("none", TMPFS_DIR, "tmpfs", 0, NULL));
	self->mounted = true;
	map_file(self, TMPFS_DIR "/file");
	ASSERT_NE(NULL, self->buf);
	sm_fill(self->buf, LEN, 5);
	EXPECT_OFFLINED(&self->bad, self->buf, LEN, 5);
	again = malloc(LEN);
	ASSERT_EQ((ssize_t)LEN, pread(self->fd, again, LEN, 0));
	EXPECT_EQ(0, sm_bad(again, LEN, 5));
	free(again);
}

TEST_F(soft_offline_kinds, sysv)
{
	int id = shmget(IPC_PRIVATE, LEN, IPC_CREAT | 0600);
	void *p;

	NEED_MF(return);
	if (id < 0 && errno == SM_NO_SYSCALL)
		SKIP(return, "needs CONFIG_SYSVIPC");
	ASSERT_LE(0, id);
	p = shmat(id, NULL, 0);
	shmctl(id, IPC_RMID, NULL);
	ASSERT_NE((void *)-1, p);
	sm_fill(p, LEN, 6);
	EXPECT_OFFLINED(&self->bad, p, LEN, 6);
	EXPECT_EQ(0, shmdt(p));
}

TEST_F(soft_offline_kinds, clean_file)
{
	NEED_MF(return);
	map_file(self, FILE_PATH);
	ASSERT_NE(NULL, self->buf);
	sm_fill(self->buf, LEN, 7);
	ASSERT_EQ(0, msync(self->buf, LEN, MS_SYNC));
	EXPECT_OFFLINED(&self->bad, self->buf, LEN, 7);
}

TEST_F(soft_offline_kinds, dirty_file)
{
	NEED_MF(return);
	map_file(self, FILE_PATH);
	ASSERT_NE(NULL, self->buf);
	sm_fill(self->buf, LEN, 7);
	ASSERT_EQ(0, msync(self->buf, LEN, MS_SYNC));
	sm_fill(self->buf, LEN, 8);
	EXPECT_OFFLINED(&self->bad, self->buf, LEN, 8);
	ASSERT_EQ(0, msync(self->buf, LEN, MS_SYNC));
	EXPECT_EQ(0, bad_on_disk(FILE_PATH, 8));
}

/* Blocks that the disk has never seen */
TEST_F(soft_offline_kinds, dirty_new_file)
{
	NEED_MF(return);
	map_file(self, FILE_PATH);
	ASSERT_NE(NULL, self->buf);
	sm_fill(self->buf, LEN, 9);
	EXPECT_OFFLINED(&self->bad, self->buf, LEN, 9);
	ASSERT_EQ(0, msync(self->buf, LEN, MS_SYNC));
	EXPECT_EQ(0, bad_on_disk(FILE_PATH, 9));
}

/* Unmapped page cache: what is clean is dropped, in any kernel. */
TEST_F(soft_offline_kinds, unmapped_file)
{
	__u64 pfn[SM_PAGES(LEN)];
	unsigned char in_core[SM_PAGES(LEN)];
	long i, n = 0;
	void *p;

	NEED_MF(return);
	NEED_BY_PFN(return);
	map_file(self, FILE_PATH);
	ASSERT_NE(NULL, self->buf);
	sm_fill(self->buf, LEN, 10);
	ASSERT_EQ(0, msync(self->buf, LEN, MS_SYNC));
	for (i = 0; i < SM_PAGES(LEN); i++) {
		pfn[i] = frame_of(self->buf + i * SM_PAGE);
		ASSERT_NE(0ULL, pfn[i]);
	}
	munmap(self->buf, LEN);
	self->buf = NULL;
	for (i = 0; i < SM_PAGES(LEN); i++)
		EXPECT_EQ(0, bad_pfn(&self->bad, pfn[i]));
	EXPECT_EQ(SM_PAGES(LEN), self->bad.nr);
	p = mmap(NULL, LEN, PROT_READ, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	self->buf = p;
	ASSERT_EQ(0, mincore(p, LEN, in_core));
	for (i = 0; i < SM_PAGES(LEN); i++)
		n += in_core[i] & 1;
	EXPECT_EQ(0, n);
	EXPECT_EQ(0, sm_bad(p, LEN, 10));
	EXPECT_EQ(0, bad_in(&self->bad, p, LEN));
}

/* Without migration they have to stay. */
TEST_F(soft_offline_kinds, mlocked)
{
	NEED_MF(return);
	sm_fill(self->buf, LEN, 11);
	ASSERT_EQ(0, mlock(self->buf, LEN));
	if (self->migrates)
		EXPECT_OFFLINED(&self->bad, self->buf, LEN, 11);
	else
		EXPECT_REFUSED(&self->bad, -EBUSY, self->buf, LEN, 11);
	EXPECT_EQ((long)(LEN / 1024), sm_smaps_kib(0, self->buf, "Locked:"));
	EXPECT_EQ(SM_PAGES(LEN), sm_present(0, self->buf, LEN));
	ASSERT_EQ(0, munlock(self->buf, LEN));
	EXPECT_OFFLINED(&self->bad, self->buf, LEN, 11);
}

TEST_F(soft_offline_kinds, pinned)
{
	__u64 pfn[SM_PAGES(LEN)];
	long i;
	int fd;

	NEED_MF(return);
	sm_fill(self->buf, LEN, 12);
	fd = sm_pin(self->buf, LEN);
	if (fd < 0)
		SKIP(return, "needs CONFIG_IO_URING (%d)", fd);
	for (i = 0; i < SM_PAGES(LEN); i++)
		pfn[i] = frame_of(self->buf + i * SM_PAGE);
	EXPECT_REFUSED(&self->bad, -EBUSY, self->buf, LEN, 12);
	/* Whoever has it pinned uses the very same frames. */
	for (i = 0; i < SM_PAGES(LEN); i++)
		EXPECT_EQ(pfn[i], frame_of(self->buf + i * SM_PAGE));
	close(fd);
}

/* A reference that is not a pin */
TEST_F(soft_offline_kinds, in_a_pipe)
{
	__u64 back[512];
	int pipefd[2], i;

	NEED_MF(return);
	sm_fill(self->buf, LEN, 13);
	ASSERT_EQ(0, sm_vmsplice(self->buf, LEN, pipefd));
	EXPECT_REFUSED(&self->bad, -EBUSY, self->buf, LEN, 13);
	for (i = 0; i < SM_PAGES(LEN); i++) {
		ASSERT_EQ((ssize_t)SM_PAGE, read(pipefd[0], back, SM_PAGE));
		EXPECT_EQ(sm_word(i, 77, 13), back[77]);
	}
	close(pipefd[0]);
	close(pipefd[1]);
	EXPECT_OFFLINED(&self->bad, self->buf, LEN, 13);
}

/* It is split; one of its pages goes, the others stay where they are. */
TEST_F(soft_offline_kinds, thp)
{
	char *map = sm_map(2 * SM_THP), *buf, now[64];
	__u64 pfn[512];
	long i, stayed = 0;

	NEED_MF(return);
	if (sm_read(THP_ENABLED, now, sizeof(now)) < 0 || strstr(now, "[never]"))
		SKIP(return, "needs CONFIG_TRANSPARENT_HUGEPAGE");
	buf = (char *)(((uintptr_t)map + SM_THP - 1) & ~(SM_THP - 1));
	ASSERT_EQ(0, madvise(buf, SM_THP, MADV_HUGEPAGE));
	sm_fill(buf, SM_THP, 14);
	ASSERT_EQ((long)(SM_THP / 1024),
		  sm_smaps_kib(0, buf, "AnonHugePages:"));
	/* khugepaged would make it one again */
	ASSERT_EQ(0, madvise(buf, SM_THP, MADV_NOHUGEPAGE));
	for (i = 0; i < 512; i++)
		pfn[i] = frame_of(buf + i * SM_PAGE);
	ASSERT_EQ(pfn[0] + 511, pfn[511]);
	EXPECT_EQ(0, bad_page(&self->bad, buf + 77 * SM_PAGE));
	EXPECT_EQ(1, self->bad.nr);
	EXPECT_TRUE(frame_is_bad(pfn[77]));
	EXPECT_EQ(0, sm_smaps_kib(0, buf, "AnonHugePages:"));
	EXPECT_EQ(0, sm_bad(buf, SM_THP, 14));
	for (i = 0; i < 512; i++)
		stayed += pfn[i] == frame_of(buf + i * SM_PAGE);
	EXPECT_EQ(511, stayed);
	munmap(map, 2 * SM_THP);
}

/* The rest of the huge page becomes ordinary free memory. */
TEST_F(soft_offline_kinds, hugetlb)
{
	__u64 pfn;
	char *p;

	NEED_MF(return);
	if (access(HUGEPAGES, W_OK))
		SKIP(return, "needs CONFIG_HUGETLBFS");
	ASSERT_EQ(0, sm_write(HUGEPAGES, "2"));
	ASSERT_EQ(2, sm_read_long(HUGEPAGES));
	p = mmap(NULL, SM_THP, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	sm_fill(p, SM_THP, 15);
	pfn = frame_of(p + 5 * SM_PAGE);
	ASSERT_NE(0ULL, pfn);
	EXPECT_EQ(self->migrates ? 0 : -EBUSY,
		  bad_page(&self->bad, p + 5 * SM_PAGE));
	EXPECT_EQ(self->migrates, self->bad.nr);
	EXPECT_EQ(self->migrates, frame_is_bad(pfn));
	EXPECT_EQ(!self->migrates, pfn == frame_of(p + 5 * SM_PAGE));
	EXPECT_EQ(SM_PAGES(SM_THP), sm_present(0, p, SM_THP));
	EXPECT_EQ(0, bad_in(&self->bad, p, SM_THP));
	EXPECT_EQ(0, sm_bad(p, SM_THP, 15));
	munmap(p, SM_THP);
	EXPECT_EQ(0, sm_write(HUGEPAGES, "0"));
}

/* It is the kernel's, and everybody's. */
TEST_F(soft_offline_kinds, zero_page)
{
	size_t i, bad = 0;
	__u64 pfn;

	NEED_MF(return);
	sm_touch(self->buf, LEN);
	pfn = frame_of(self->buf);
	ASSERT_NE(0ULL, pfn);
	ASSERT_EQ(pfn, frame_of(self->buf + SM_PAGE));
	EXPECT_EQ(-EIO, bad_page(&self->bad, self->buf));
	EXPECT_EQ(pfn, frame_of(self->buf));
	EXPECT_FALSE(frame_is_bad(pfn));
	for (i = 0; i < LEN; i++)
		bad += !!self->buf[i];
	EXPECT_EQ(0, bad);
	sm_fill(self->buf, LEN, 16);
	EXPECT_OFFLINED(&self->bad, self->buf, LEN, 16);
}

/* Read back from swap, and not written to since */
TEST_F(soft_offline_kinds, swap_cache_mapped)
{
	NEED_MF(return);
	sm_fill(self->buf, LEN, 17);
	ASSERT_EQ(0, madvise(self->buf, LEN, MADV_PAGEOUT));
	ASSERT_LT(SM_PAGES(LEN) * 9 / 10, sm_swapped(0, self->buf, LEN));
	sm_touch(self->buf, LEN);
	ASSERT_LT(SM_PAGES(LEN) * 9 / 10 * 4,
		  sm_smaps_kib(0, self->buf, "Swap:") +
		  sm_smaps_kib(0, self->buf, "Rss:"));
	EXPECT_OFFLINED(&self->bad, self->buf, LEN, 17);
}

/* One process has it in its page table, then none; another knows the slot. */
TEST_F(soft_offline_kinds, swap_cache_unmapped)
{
	__u64 pfn[SM_PAGES(LEN)];
	struct sm_peer p;
	char old[64];
	long i;

	NEED_MF(return);
	NEED_BY_PFN(return);
	NEED_NODES(return, 2);
	sm_fill_on(self->buf, LEN, 18, 0);
	ASSERT_EQ(0, sm_peer_start(&p, self->buf, LEN));
	/* MADV_PAGEOUT leaves alone what two processes map */
	ASSERT_LT(0, sm_read(SM_ENGINES, old, sizeof(old)));
	ASSERT_EQ(0, sm_write(SM_ENGINES, "swapout"));
	EXPECT_EQ(0, sm_mbind(self->buf, LEN, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE_ALL | MPOL_MF_STRICT));
	EXPECT_EQ(0, sm_write(SM_ENGINES, "%s", old));
	ASSERT_EQ(SM_PAGES(LEN), sm_swapped(p.pid, self->buf, LEN));
	sm_touch(self->buf, LEN);
	for (i = 0; i < SM_PAGES(LEN); i++) {
		pfn[i] = frame_of(self->buf + i * SM_PAGE);
		ASSERT_NE(0ULL, pfn[i]);
	}
	munmap(self->buf, LEN);
	ASSERT_EQ(SM_PAGES(LEN), sm_swapped(p.pid, self->buf, LEN));
	for (i = 0; i < SM_PAGES(LEN); i++)
		EXPECT_EQ(0, bad_pfn(&self->bad, pfn[i]));
	EXPECT_EQ(SM_PAGES(LEN), self->bad.nr);
	EXPECT_EQ(0, sm_peer(&p, SM_ORD_CHECK, 0, 18));
	for (i = 0; i < SM_PAGES(LEN); i++)
		EXPECT_TRUE(frame_is_bad(pfn[i]));
	EXPECT_EQ(0, sm_peer_stop(&p));
	self->buf = NULL;
}

/* Nobody uses it: taken from the free lists. */
TEST_F(soft_offline_kinds, free_frame)
{
	__u64 pfn;

	NEED_MF(return);
	NEED_BY_PFN(return);
	sm_fill(self->buf, SM_PAGE, 19);
	pfn = frame_of(self->buf);
	ASSERT_NE(0ULL, pfn);
	ASSERT_EQ(0, madvise(self->buf, LEN, MADV_DONTNEED));
	EXPECT_EQ(0, bad_pfn(&self->bad, pfn));
	EXPECT_TRUE(frame_is_bad(pfn));
	sm_fill(self->buf, LEN, 20);
	EXPECT_EQ(0, bad_in(&self->bad, self->buf, LEN));
}

/* A frame of a slab, 0 for none */
static __u64 slab_frame(void)
{
	int fd = open("/proc/kpageflags", O_RDONLY);
	__u64 flags[4096], pfn, found = 0;
	ssize_t n, i;

	/* Not of the first 16 MiB, which are special in many ways */
	for (pfn = 4096; !found; pfn += n / 8) {
		n = pread(fd, flags, sizeof(flags), pfn * 8);
		if (n <= 0)
			break;
		for (i = 0; i < n / 8 && !found; i++)
			if (flags[i] >> KPF_SLAB & 1)
				found = pfn + i;
	}
	close(fd);
	return found;
}

/* The kernel's own memory stays, and nothing comes of it. */
TEST_F(soft_offline_kinds, slab)
{
	__u64 pfn = slab_frame();

	NEED_MF(return);
	if (access(BY_ADDRESS, W_OK))
		SKIP(return, "needs CONFIG_MEMORY_HOTPLUG");
	ASSERT_NE(0ULL, pfn);
	EXPECT_EQ(-EIO, bad_pfn(&self->bad, pfn));
	EXPECT_FALSE(frame_is_bad(pfn));
	EXPECT_EQ(0, self->bad.nr);
}

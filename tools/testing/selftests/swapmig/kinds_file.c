// SPDX-License-Identifier: GPL-2.0
/*
 * Every kind of page that has a file behind it: shared memory of all sorts,
 * and ext4, clean and dirty.
 */
#include "swapmig_harness.h"

#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/stat.h>

#define FILE_PATH	"/var/tmp/swapmig.file"
#define TMPFS_DIR	"/tmp/swapmig.mnt"

FIXTURE(kinds_file)
{
	char *buf;
	size_t len;
	long pages;
	int fd;
	bool mounted;
};

FIXTURE_VARIANT(kinds_file)
{
	bool mbind;
};

FIXTURE_VARIANT_ADD(kinds_file, migrate_pages)
{
	.mbind = false,
};

FIXTURE_VARIANT_ADD(kinds_file, mbind)
{
	.mbind = true,
};

FIXTURE_SETUP(kinds_file)
{
	self->len = sm_size(2 * SM_MIB);
	self->pages = SM_PAGES(self->len);
	self->fd = -1;
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
}

FIXTURE_TEARDOWN(kinds_file)
{
	if (self->buf)
		munmap(self->buf, self->len);
	if (self->fd >= 0)
		close(self->fd);
	unlink(FILE_PATH);
	if (self->mounted)
		EXPECT_EQ(0, umount(TMPFS_DIR));
	EXPECT_EQ(0, sm_swap_off());
}

static long move(const struct _test_data_kinds_file *self, bool by_mbind)
{
	long ret;

	if (!by_mbind)
		return sm_migrate(0, SM_NODE(0), SM_NODE(1));
	ret = sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
		       MPOL_MF_MOVE_ALL | MPOL_MF_STRICT);
	return ret == -EIO ? 1 : ret;
}

static void open_file(struct _test_data_kinds_file *self, const char *path,
		      int flags)
{
	void *p;

	self->fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (self->fd < 0 || ftruncate(self->fd, self->len))
		return;
	p = mmap(NULL, self->len, PROT_READ | PROT_WRITE, flags, self->fd, 0);
	self->buf = p == MAP_FAILED ? NULL : p;
}

/* What is on the disk, whatever is in memory. */
static long bad_on_disk(const char *path, size_t len, __u64 seed)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open(path, O_RDONLY | O_DIRECT);
	long ret = -1;

	if (fd >= 0 && pread(fd, p, len, 0) == (ssize_t)len)
		ret = sm_bad(p, len, seed);
	if (fd >= 0)
		close(fd);
	munmap(p, len);
	return ret;
}

TEST_F(kinds_file, shared_anon)
{
	NEED_NODES(return, 2);
	self->buf = sm_map_shared(self->len);
	ASSERT_NE(NULL, self->buf);
	sm_fill_on(self->buf, self->len, 1, 0);
	EXPECT_EQ(0, move(self, variant->mbind));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 1, false);
}

/* Two processes see each other's writes before and after. */
TEST_F(kinds_file, shared_anon_two_processes)
{
	struct sm_peer peer;

	NEED_NODES(return, 2);
	self->buf = sm_map_shared(self->len);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 2));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 2));
	EXPECT_EQ(0, move(self, variant->mbind));
	EXPECT_EQ(0, sm_on(peer.pid, self->buf, self->len, 0));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 2, false);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 2));
	sm_fill(self->buf, self->len, 3);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 3));
	EXPECT_EQ(self->pages, sm_on(peer.pid, self->buf, self->len, 1));
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

TEST_F(kinds_file, tmpfs)
{
	NEED_NODES(return, 2);
	mkdir(TMPFS_DIR, 0700);
	ASSERT_EQ(0, mount("none", TMPFS_DIR, "tmpfs", 0, NULL));
	self->mounted = true;
	open_file(self, TMPFS_DIR "/file", MAP_SHARED);
	ASSERT_NE(NULL, self->buf);
	sm_fill_on(self->buf, self->len, 4, 0);
	EXPECT_EQ(0, move(self, variant->mbind));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 4, false);
	/* The file says the same as the mapping. */
	munmap(self->buf, self->len);
	self->buf = mmap(NULL, self->len, PROT_READ, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, self->buf);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 4));
}

/* Copies of a tmpfs file's pages are anonymous. */
TEST_F(kinds_file, tmpfs_private)
{
	__u64 word;

	NEED_NODES(return, 2);
	mkdir(TMPFS_DIR, 0700);
	ASSERT_EQ(0, mount("none", TMPFS_DIR, "tmpfs", 0, NULL));
	self->mounted = true;
	open_file(self, TMPFS_DIR "/file", MAP_PRIVATE);
	ASSERT_NE(NULL, self->buf);
	sm_fill_on(self->buf, self->len, 5, 0);
	EXPECT_EQ(0, move(self, variant->mbind));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 5, true);
	ASSERT_EQ((ssize_t)sizeof(word),
		  pread(self->fd, &word, sizeof(word), SM_PAGE));
	EXPECT_EQ(0UL, word);
}

TEST_F(kinds_file, sysv)
{
	int id = shmget(IPC_PRIVATE, self->len, IPC_CREAT | 0600);
	void *p;

	NEED_NODES(return, 2);
	if (id < 0 && errno == SM_NO_SYSCALL)
		SKIP(return, "needs CONFIG_SYSVIPC");
	ASSERT_LE(0, id);
	p = shmat(id, NULL, 0);
	shmctl(id, IPC_RMID, NULL);
	ASSERT_NE((void *)-1, p);
	self->buf = p;
	sm_fill_on(self->buf, self->len, 6, 0);
	EXPECT_EQ(0, move(self, variant->mbind));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 6, false);
}

/*
 * Clean file pages: copied, or dropped and read again where the policy of the
 * task says. The policy of an mbind() does not apply to a file's page cache.
 */
TEST_F(kinds_file, ext4_clean)
{
	NEED_NODES(return, 3);
	open_file(self, FILE_PATH, MAP_SHARED);
	ASSERT_NE(NULL, self->buf);
	sm_fill_on(self->buf, self->len, 7, 0);
	ASSERT_EQ(0, msync(self->buf, self->len, MS_SYNC));
	ASSERT_EQ(self->pages, sm_on(0, self->buf, self->len, 0));
	EXPECT_EQ(0, move(self, variant->mbind));
	EXPECT_EQ(0, sm_on(0, self->buf, self->len, 0)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
	EXPECT_EQ(sm_has_engine("direct") ? self->pages : 0,
		  sm_on(0, self->buf, self->len, 1));
	sm_set_mempolicy(MPOL_BIND, SM_NODE(2));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 7));
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len,
				     sm_has_engine("direct") ? 1 : 2)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
}

/* Dirty ones are written back first: nothing is lost. */
TEST_F(kinds_file, ext4_dirty)
{
	NEED_NODES(return, 2);
	open_file(self, FILE_PATH, MAP_SHARED);
	ASSERT_NE(NULL, self->buf);
	sm_fill_on(self->buf, self->len, 8, 0);
	ASSERT_EQ(0, msync(self->buf, self->len, MS_SYNC));
	sm_fill(self->buf, self->len, 9);
	EXPECT_EQ(0, move(self, variant->mbind));
	EXPECT_EQ(0, sm_on(0, self->buf, self->len, 0)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 9));
	ASSERT_EQ(0, msync(self->buf, self->len, MS_SYNC));
	EXPECT_EQ(0, bad_on_disk(FILE_PATH, self->len, 9));
}

/* Blocks that were never on the disk before: written in the middle of it. */
TEST_F(kinds_file, ext4_dirty_new)
{
	NEED_NODES(return, 2);
	open_file(self, FILE_PATH, MAP_SHARED);
	ASSERT_NE(NULL, self->buf);
	sm_fill_on(self->buf, self->len, 10, 0);
	EXPECT_EQ(0, move(self, variant->mbind));
	EXPECT_EQ(0, sm_on(0, self->buf, self->len, 0)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
	if (!sm_has_engine("direct")) {
		/* Evicted means written: the disk has it without msync(). */
		EXPECT_EQ(0, bad_on_disk(FILE_PATH, self->len, 10));
	}
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 10));
}

TEST_F(kinds_file, ext4_private)
{
	__u64 word = 1;

	NEED_NODES(return, 2);
	open_file(self, FILE_PATH, MAP_PRIVATE);
	ASSERT_NE(NULL, self->buf);
	sm_fill_on(self->buf, self->len, 11, 0);
	EXPECT_EQ(0, move(self, variant->mbind));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 11, true);
	ASSERT_EQ((ssize_t)sizeof(word),
		  pread(self->fd, &word, sizeof(word), SM_PAGE));
	EXPECT_EQ(0UL, word);
}

/* mlocked file pages */
TEST_F(kinds_file, ext4_mlocked)
{
	bool direct = sm_has_engine("direct");
	long want = variant->mbind ? 1 : self->pages;

	NEED_NODES(return, 2);
	open_file(self, FILE_PATH, MAP_SHARED);
	ASSERT_NE(NULL, self->buf);
	sm_fill_on(self->buf, self->len, 12, 0);
	ASSERT_EQ(0, msync(self->buf, self->len, MS_SYNC));
	ASSERT_EQ(0, mlock(self->buf, self->len));
	EXPECT_EQ(direct ? 0 : want, move(self, variant->mbind));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, direct)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 12));
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Every kind of page that has a file behind it: shared memory of all sorts,
 * ext4, clean and dirty, and a file system that cannot migrate a dirty page.
 */
#include "swapmig_harness.h"

#include <sys/mount.h>
#include <sys/stat.h>

#define FILE_PATH	"/var/tmp/swapmig.file"
#define TMPFS_DIR	"/tmp/swapmig.mnt"
#define CRYPT_LOWER	"/var/tmp/swapmig.crypt"

FIXTURE(kinds_file)
{
	char *buf;
	size_t len;
	long pages;
	int fd;
	bool mounted;
};

FIXTURE_SETUP(kinds_file)
{
	self->len = SM_MIB;
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

/* A new file without data, mapped */
static bool map_file(struct _test_data_kinds_file *self, const char *path,
		     int flags)
{
	self->buf = sm_map_file(path, self->len, flags, &self->fd);
	return self->buf;
}

static bool map_tmpfs(struct _test_data_kinds_file *self, int flags)
{
	mkdir(TMPFS_DIR, 0700);
	self->mounted = !mount("none", TMPFS_DIR, "tmpfs", 0, NULL);
	return self->mounted && map_file(self, TMPFS_DIR "/file", flags);
}

/*
 * Pages of a file's cache are evicted to the file, and read again where the
 * policy of the task says; the policy of an mbind() does not apply to them.
 */
static void file_evicted(struct __test_metadata *_metadata,
			 struct _test_data_kinds_file *self, __u64 seed)
{
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(0, sm_present(0, self->buf, self->len));
	sm_set_mempolicy(MPOL_BIND, SM_NODE(2));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, seed));
	EXPECT_ON(2, self->buf, self->len);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE_ALL | MPOL_MF_STRICT));
	EXPECT_EQ(0, sm_present(0, self->buf, self->len));
	sm_set_mempolicy(MPOL_BIND, SM_NODE(3));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, seed));
	EXPECT_ON(3, self->buf, self->len);
	sm_set_mempolicy(MPOL_DEFAULT, 0);
}

/*
 * Pages of the file that differ on the disk. A direct read writes what is dirty
 * first, and then does not look at the cache; so what lost its dirty bit differs.
 */
static long bad_on_disk(const struct _test_data_kinds_file *self, __u64 seed)
{
	int fd = open(FILE_PATH, O_RDONLY | O_DIRECT);
	void *p = sm_map(self->len);
	long bad = -1;

	if (fd >= 0 && p && read(fd, p, self->len) == (ssize_t)self->len)
		bad = sm_bad(p, self->len, seed);
	if (p)
		munmap(p, self->len);
	if (fd >= 0)
		close(fd);
	return bad;
}

/* Migrated by the kernel itself they go where the request says, as others do. */
static void file_moves(struct __test_metadata *_metadata,
		       struct _test_data_kinds_file *self, __u64 seed)
{
	if (sm_direct())
		EXPECT_MOVES(self->buf, self->len, seed, false);
	else
		file_evicted(_metadata, self, seed);
	EXPECT_EQ(0, bad_on_disk(self, seed));
}

/* Copies of a file's pages are anonymous; the file knows nothing of them. */
static void copies_move(struct __test_metadata *_metadata,
			struct _test_data_kinds_file *self)
{
	__u64 word = 1;

	sm_fill_on(self->buf, self->len, 1, 0);
	EXPECT_MOVES(self->buf, self->len, 1, true);
	EXPECT_EQ((ssize_t)sizeof(word),
		  pread(self->fd, &word, sizeof(word), SM_PAGE));
	EXPECT_EQ(0UL, word);
}

TEST_F(kinds_file, shared_anon)
{
	self->buf = sm_map_shared(self->len);
	ASSERT_NE(NULL, self->buf);
	sm_fill_on(self->buf, self->len, 1, 0);
	EXPECT_MOVES(self->buf, self->len, 1, false);
}

/* Two processes see each other's writes before and after. */
TEST_F(kinds_file, shared_anon_two_processes)
{
	struct sm_peer peer;

	self->buf = sm_map_shared(self->len);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 2));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 2));
	EXPECT_MOVES(self->buf, self->len, 2, false);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 2));
	sm_fill(self->buf, self->len, 3);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 3));
	EXPECT_PEER_ON(peer, 2);
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

TEST_F(kinds_file, tmpfs)
{
	void *p;

	ASSERT_TRUE(map_tmpfs(self, MAP_SHARED));
	sm_fill_on(self->buf, self->len, 4, 0);
	EXPECT_MOVES(self->buf, self->len, 4, false);
	/* The file says the same as the mapping. */
	p = mmap(NULL, self->len, PROT_READ, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(0, sm_bad(p, self->len, 4));
	munmap(p, self->len);
}

TEST_F(kinds_file, tmpfs_private)
{
	ASSERT_TRUE(map_tmpfs(self, MAP_PRIVATE));
	copies_move(_metadata, self);
}

TEST_F(kinds_file, sysv)
{
	self->buf = sm_map_sysv(self->len);
	if (!self->buf && errno == SM_NO_SYSCALL)
		SKIP(return, "needs CONFIG_SYSVIPC");
	ASSERT_NE(NULL, self->buf);
	sm_fill_on(self->buf, self->len, 6, 0);
	EXPECT_MOVES(self->buf, self->len, 6, false);
}

TEST_F(kinds_file, ext4_clean)
{
	ASSERT_TRUE(map_file(self, FILE_PATH, MAP_SHARED));
	sm_fill_on(self->buf, self->len, 7, 0);
	ASSERT_EQ(0, msync(self->buf, self->len, MS_SYNC));
	EXPECT_ON(0, self->buf, self->len);
	file_moves(_metadata, self, 7);
}

/* Dirty ones are written back before they are evicted. */
TEST_F(kinds_file, ext4_dirty)
{
	ASSERT_TRUE(map_file(self, FILE_PATH, MAP_SHARED));
	sm_fill_on(self->buf, self->len, 8, 0);
	ASSERT_EQ(0, msync(self->buf, self->len, MS_SYNC));
	sm_fill(self->buf, self->len, 9);
	EXPECT_ON(0, self->buf, self->len);
	file_moves(_metadata, self, 9);
}

/* Blocks that were never on the disk before: written in the middle of it. */
TEST_F(kinds_file, ext4_dirty_new)
{
	ASSERT_TRUE(map_file(self, FILE_PATH, MAP_SHARED));
	sm_fill_on(self->buf, self->len, 10, 0);
	EXPECT_ON(0, self->buf, self->len);
	file_moves(_metadata, self, 10);
}

TEST_F(kinds_file, ext4_private)
{
	ASSERT_TRUE(map_file(self, FILE_PATH, MAP_PRIVATE));
	copies_move(_metadata, self);
}

TEST_F(kinds_file, ext4_mlocked)
{
	ASSERT_TRUE(map_file(self, FILE_PATH, MAP_SHARED));
	sm_fill_on(self->buf, self->len, 12, 0);
	ASSERT_EQ(0, msync(self->buf, self->len, MS_SYNC));
	ASSERT_EQ(0, mlock(self->buf, self->len));
	EXPECT_MOVES_DIRECTLY(self->buf, self->len, 12, self->pages);
}

/* Only what is on the disk can be moved, so what is dirty has to be written. */
static void crypt_moves(struct __test_metadata *_metadata,
			struct _test_data_kinds_file *self, bool dirty)
{
	int err = sm_crypt_mount(CRYPT_LOWER, TMPFS_DIR);

	if (err == -ENODEV || err == -SM_NO_SYSCALL)
		SKIP(return, "needs CONFIG_ECRYPT_FS");
	ASSERT_EQ(0, err);
	self->mounted = true;
	/* A file that grows gets its pages at once */
	sm_run_on_node(0);
	ASSERT_TRUE(map_file(self, TMPFS_DIR "/file", MAP_SHARED));
	sm_fill_on(self->buf, self->len, 13, 0);
	ASSERT_EQ(0, msync(self->buf, self->len, MS_SYNC));
	if (dirty)
		sm_fill(self->buf, self->len, 14);
	EXPECT_ON(0, self->buf, self->len);
	if (sm_direct())
		EXPECT_MOVES(self->buf, self->len, 13 + dirty, false);
	else
		file_evicted(_metadata, self, 13 + dirty);

	/* It is in the file as well, not only in the cache */
	munmap(self->buf, self->len);
	close(self->fd);
	EXPECT_EQ(0, umount(TMPFS_DIR));
	ASSERT_EQ(0, sm_crypt_mount(CRYPT_LOWER, TMPFS_DIR));
	self->fd = open(TMPFS_DIR "/file", O_RDWR);
	self->buf = mmap(NULL, self->len, PROT_READ, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->buf);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 13 + dirty));
	unlink(TMPFS_DIR "/file");
}

TEST_F(kinds_file, crypt_clean)
{
	crypt_moves(_metadata, self, false);
}

TEST_F(kinds_file, crypt_dirty)
{
	crypt_moves(_metadata, self, true);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * What never comes back: a disk that stands still, a disk that fails, and a file
 * whose server does not answer. The call ends, says how many, and loses nothing.
 */
#include "swapmig_harness.h"

#include <linux/fuse.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define WRITEBACK	"/sys/kernel/mm/swapmig/stayed/writeback"
#define FUSE_DIR	"/tmp/swapmig.fuse"
#define FUSE_FILE	FUSE_DIR "/file"
#define FUSE_INO	2

FIXTURE(waits)
{
	char *buf;
	size_t len;
	long pages;
};

FIXTURE_SETUP(waits)
{
	self->len = SM_MIB;
	self->pages = SM_PAGES(self->len);
	self->buf = sm_map(self->len);
	ASSERT_NE(NULL, self->buf);
	if (access("/dev/mapper/control", R_OK))
		SKIP(return, "needs CONFIG_BLK_DEV_DM");
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DM, 0));
}

FIXTURE_TEARDOWN(waits)
{
	sm_dm_stall(false);
	sm_dm_fail(false);
	munmap(self->buf, self->len);
	EXPECT_EQ(0, sm_swap_off());
}

#define BIND(node)	sm_mbind(self->buf, self->len, MPOL_BIND,	\
				 SM_NODE(node), MPOL_MF_MOVE | MPOL_MF_STRICT)

/* Under writeback to a disk that stands still, and mapped again since */
TEST_F(waits, disk_stands_still)
{
	long before = sm_read_long(WRITEBACK);

	sm_fill_on(self->buf, self->len, 1, 0);
	ASSERT_EQ(0, sm_dm_stall(true));
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_PAGEOUT));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 1));
	EXPECT_ON(0, self->buf, self->len);
	EXPECT_EQ(-EIO, BIND(1));
	EXPECT_EQ(before + self->pages, sm_read_long(WRITEBACK));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 1));
	EXPECT_ON(0, self->buf, self->len);
	EXPECT_TRUE(sm_isolated_settles());
	ASSERT_EQ(0, sm_dm_stall(false));
	EXPECT_EQ(0, BIND(1));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 1, true);
}

/* What cannot be written stays where it is; "direct" has nothing to write. */
TEST_F(waits, disk_fails)
{
	printf("# EXPECT-LOG [Ww]rite-error on swap-device\n");
	printf("# EXPECT-LOG I/O error, dev dm-\n");
	fflush(stdout);
	sm_fill_on(self->buf, self->len, 2, 0);
	ASSERT_EQ(0, sm_dm_fail(true));
	if (sm_direct()) {
		EXPECT_EQ(0, BIND(1));
		EXPECT_ON(1, self->buf, self->len);
	} else {
		EXPECT_EQ(-EIO, BIND(1));
	}
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 2));
	EXPECT_ON(sm_direct(), self->buf, self->len);
	EXPECT_TRUE(sm_isolated_settles());
	ASSERT_EQ(0, sm_dm_fail(false));
	EXPECT_EQ(0, BIND(2));
	EXPECT_MOVED(self->buf, self->len, 2, 0, 2, true);
}

/* ------------------------------------------------------------------------- */
/* A file system in a process                                                 */
/* ------------------------------------------------------------------------- */

struct server {
	int dev;
	pid_t pid;
	size_t len;
	bool *mute;		/* shared: writes are not answered */
	bool *muted;		/* shared: one was not */
};

static void answer(const struct server *s, __u64 unique, int err,
		   const void *data, size_t len)
{
	struct fuse_out_header out = {
		.len = sizeof(out) + len,
		.error = err,
		.unique = unique,
	};
	struct iovec iov[] = {
		{ &out, sizeof(out) }, { (void *)data, len },
	};

	if (writev(s->dev, iov, 2) < 0 && errno != ENOENT)
		_exit(2);
}

static struct fuse_attr attr_of(const struct server *s, __u64 ino)
{
	struct fuse_attr attr = {
		.ino = ino,
		.size = ino == FUSE_INO ? s->len : 0,
		.nlink = 1,
		.mode = ino == FUSE_INO ? S_IFREG | 0600 : S_IFDIR | 0700,
		.blksize = SM_PAGE,
	};

	return attr;
}

static void serve_one(struct server *s, const struct fuse_in_header *in,
		      const void *arg)
{
	static char data[256 * 1024];
	const struct fuse_read_in *rd = arg;
	const struct fuse_write_in *wr = arg;
	struct fuse_init_out init = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_write = 64 * 1024,
	};
	struct fuse_write_out written = { 0 };
	struct fuse_entry_out entry = {
		.nodeid = FUSE_INO, .entry_valid = 3600, .attr_valid = 3600,
		.attr = attr_of(s, FUSE_INO),
	};
	struct fuse_attr_out attr = {
		.attr_valid = 3600, .attr = attr_of(s, in->nodeid),
	};
	struct fuse_open_out opened = { .open_flags = FOPEN_KEEP_CACHE };
	size_t len;

	switch (in->opcode) {
	case FUSE_INIT:
		answer(s, in->unique, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		answer(s, in->unique, 0, &entry, sizeof(entry));
		break;
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		answer(s, in->unique, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		answer(s, in->unique, 0, &opened, sizeof(opened));
		break;
	case FUSE_READ:
		len = rd->offset < s->len ? s->len - rd->offset : 0;
		len = len < rd->size ? len : rd->size;
		memset(data, 'r', len);
		answer(s, in->unique, 0, data, len);
		break;
	case FUSE_WRITE:
		if (*s->mute) {
			*s->muted = true;
			/* Later, when it has been told to speak again */
			SM_WAIT(!*s->mute);
		}
		written.size = wr->size;
		answer(s, in->unique, 0, &written, sizeof(written));
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_FSYNC:
		answer(s, in->unique, 0, NULL, 0);
		break;
	default:
		answer(s, in->unique, -SM_NO_SYSCALL, NULL, 0);
	}
}

static void serve(struct server *s)
{
	static char buf[512 * 1024];
	ssize_t n;

	for (;;) {
		n = read(s->dev, buf, sizeof(buf));
		if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
			continue;
		if (n < (ssize_t)sizeof(struct fuse_in_header))
			_exit(0);
		serve_one(s, (void *)buf, buf + sizeof(struct fuse_in_header));
	}
}

static bool start_server(struct server *s, size_t len)
{
	char opts[128];

	s->len = len;
	s->mute = sm_map_shared(SM_PAGE);
	s->muted = s->mute + 1;
	s->dev = open("/dev/fuse", O_RDWR);
	if (s->dev < 0 || !s->mute)
		return false;
	mkdir(FUSE_DIR, 0700);
	snprintf(opts, sizeof(opts), "fd=%d,rootmode=40000,user_id=0,group_id=0",
		 s->dev);
	if (mount("swapmig", FUSE_DIR, "fuse", 0, opts))
		return false;
	s->pid = sm_fork();
	if (!s->pid)
		serve(s);
	close(s->dev);
	return s->pid > 0;
}

static void stop_server(struct server *s)
{
	*s->mute = false;
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	umount2(FUSE_DIR, MNT_DETACH);
	rmdir(FUSE_DIR);
	munmap(s->mute, SM_PAGE);
}

static void *write_again(void *p)
{
	__atomic_store_n((char *)p, 'b', __ATOMIC_RELAXED);
	return NULL;
}

/* A page is locked by who waits for the server to take what was written before. */
TEST_F(waits, server_does_not_answer)
{
	size_t len = 32 * SM_PAGE;
	struct server s = { 0 };
	pthread_t writer;
	long before;
	char *p;
	int fd;

	if (access("/dev/fuse", R_OK | W_OK))
		SKIP(return, "needs CONFIG_FUSE_FS");
	ASSERT_TRUE(start_server(&s, len));
	fd = open(FUSE_FILE, O_RDWR);
	ASSERT_LE(0, fd);
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)p);
	sm_set_mempolicy(MPOL_BIND, SM_NODE(0));
	sm_touch(p, len);
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	EXPECT_ON(0, p, len);

	*s.mute = true;
	p[0] = 'a';
	ASSERT_EQ(0, sync_file_range(fd, 0, SM_PAGE, SYNC_FILE_RANGE_WRITE));
	EXPECT_TRUE(SM_WAIT(*s.muted));
	ASSERT_EQ(0, pthread_create(&writer, NULL, write_again, p));
	EXPECT_TRUE(SM_WAIT(sm_locked(p)));

	/* Not mbind(): the writer has the lock that it takes to set a policy. */
	before = sm_read_long(WRITEBACK);
	EXPECT_LE(1, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_LE(before + 1, sm_read_long(WRITEBACK));
	EXPECT_ON(0, p, SM_PAGE);
	EXPECT_OFF(0, p + SM_PAGE, len - SM_PAGE);
	EXPECT_TRUE(sm_isolated_settles());

	*s.mute = false;
	ASSERT_EQ(0, pthread_join(writer, NULL));
	EXPECT_EQ('b', p[0]);
	EXPECT_EQ('r', p[SM_PAGE]);
	munmap(p, len);
	close(fd);
	stop_server(&s);
}

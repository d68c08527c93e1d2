// SPDX-License-Identifier: GPL-2.0
/*
 * What never comes back: a disk that stands still, a disk that fails, and a file
 * whose server does not answer. The call ends, says how many, and loses nothing;
 * it ends at once if it is killed.
 */
#include "swapmig_harness.h"

#include <linux/fuse.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#define WRITEBACK	"/sys/kernel/mm/swapmig/stayed/writeback"
#define FUSE_DIR	"/tmp/swapmig.fuse"
#define FUSE_FILE	FUSE_DIR "/file"
#define FUSE_INO	2

/* Seconds after which a wait ends by itself */
#define PATIENCE	10.0

/* Who has slept so often in a call waits for something; and how often to try */
#define NAPS		50
#define TRIES		3

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
	char *store;
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
		answer(s, in->unique, 0, s->store + rd->offset, len);
		break;
	case FUSE_WRITE:
		if (*s->mute) {
			*s->muted = true;
			/* Later, when it has been told to speak again */
			SM_WAIT(!*s->mute);
		}
		if (wr->offset + wr->size <= s->len)
			memcpy(s->store + wr->offset, wr + 1, wr->size);
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

/*
 * Who dirties a page of a server's is made to wait for it, once in a while, if that has
 * not taken as much as others lately: not here, where it is not going to.
 */
static bool unlimit_server(void)
{
	struct stat st;
	char path[64];

	if (stat(FUSE_DIR, &st))
		return false;
	snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/strict_limit",
		 major(st.st_dev), minor(st.st_dev));
	return !sm_write(path, "0");
}

static bool start_server(struct server *s, size_t len)
{
	char opts[128];

	s->len = len;
	s->store = sm_map(len);
	s->mute = sm_map_shared(SM_PAGE);
	s->dev = open("/dev/fuse", O_RDWR);
	if (s->dev < 0 || !s->mute || !s->store)
		return false;
	memset(s->store, 'r', len);
	s->muted = s->mute + 1;
	mkdir(FUSE_DIR, 0700);
	snprintf(opts, sizeof(opts), "fd=%d,rootmode=40000,user_id=0,group_id=0",
		 s->dev);
	if (mount("swapmig", FUSE_DIR, "fuse", 0, opts))
		return false;
	s->pid = sm_fork();
	if (!s->pid)
		serve(s);
	close(s->dev);
	return s->pid > 0 && unlimit_server();
}

static void stop_server(struct server *s)
{
	*s->mute = false;
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	umount2(FUSE_DIR, MNT_DETACH);
	rmdir(FUSE_DIR);
	munmap(s->mute, SM_PAGE);
	munmap(s->store, s->len);
}

/* A file of that server, mapped, with all of its pages on node 0 */
struct file {
	struct server server;
	char *p;
	size_t len;
	int fd;
};

static bool open_file(struct file *f)
{
	f->len = 32 * SM_PAGE;
	if (!start_server(&f->server, f->len))
		return false;
	f->fd = open(FUSE_FILE, O_RDWR);
	f->p = mmap(NULL, f->len, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	if (f->p == MAP_FAILED)
		return false;
	sm_set_mempolicy(MPOL_BIND, SM_NODE(0));
	sm_touch(f->p, f->len);
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	return sm_on(0, f->p, f->len, 0) == SM_PAGES(f->len);
}

static void close_file(struct file *f)
{
	munmap(f->p, f->len);
	close(f->fd);
	stop_server(&f->server);
}

/* Its first page is written, and nobody takes what is written. */
static bool write_in_vain(struct file *f)
{
	*f->server.mute = true;
	f->p[0] = 'a';
	return !sync_file_range(f->fd, 0, SM_PAGE, SYNC_FILE_RANGE_WRITE) &&
	       SM_WAIT(*f->server.muted);
}

/*
 * To write to it again a process locks the page, and waits. Its mmap lock is its
 * own, so others can set policies meanwhile.
 */
static pid_t start_writer(struct file *f)
{
	pid_t pid = sm_fork();

	if (!pid) {
		__atomic_store_n(f->p, 'b', __ATOMIC_RELAXED);
		_exit(0);
	}
	return pid;
}

/* ------------------------------------------------------------------------- */
/* Waits that have an end                                                     */
/* ------------------------------------------------------------------------- */

struct binding {
	void *addr;
	size_t len;
	long ret;
};

static void *bind_range(void *arg)
{
	struct binding *b = arg;

	b->ret = sm_mbind(b->addr, b->len, MPOL_BIND, SM_NODE(1),
			  MPOL_MF_MOVE | MPOL_MF_STRICT);
	return NULL;
}

/*
 * Memory under writeback to a disk that stands still, and mapped again since; and
 * a page that is locked by who waits for a server to take what was written before.
 * Each of the calls waits for as long as it may: so both do at the same time.
 */
TEST_F(waits, disk_and_server_do_not_answer)
{
	struct binding b = { .addr = self->buf, .len = self->len };
	struct file f = { .fd = -1 };
	pthread_t thread;
	int status;
	pid_t writer;
	long before;

	if (access("/dev/fuse", R_OK | W_OK))
		SKIP(return, "needs CONFIG_FUSE_FS");
	ASSERT_TRUE(open_file(&f));
	ASSERT_TRUE(write_in_vain(&f));
	writer = start_writer(&f);
	ASSERT_LT(0, writer);
	EXPECT_TRUE(SM_WAIT(sm_locked(f.p)));

	sm_fill_on(self->buf, self->len, 1, 0);
	ASSERT_EQ(0, sm_dm_stall(true));
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_PAGEOUT));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 1));
	EXPECT_ON(0, self->buf, self->len);

	before = sm_read_long(WRITEBACK);
	ASSERT_EQ(0, pthread_create(&thread, NULL, bind_range, &b));
	EXPECT_EQ(-EIO, sm_mbind(f.p, f.len, MPOL_BIND, SM_NODE(1),
				 MPOL_MF_MOVE | MPOL_MF_STRICT));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(-EIO, b.ret);
	EXPECT_EQ(before + self->pages + 1, sm_read_long(WRITEBACK));
	EXPECT_TRUE(sm_isolated_settles());

	EXPECT_EQ(0, sm_bad(self->buf, self->len, 1));
	EXPECT_ON(0, self->buf, self->len);
	ASSERT_EQ(0, sm_dm_stall(false));
	EXPECT_EQ(0, BIND(1));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 1, true);

	EXPECT_ON(0, f.p, SM_PAGE);
	EXPECT_OFF(0, f.p + SM_PAGE, f.len - SM_PAGE);
	*f.server.mute = false;
	ASSERT_EQ(writer, waitpid(writer, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ('b', f.p[0]);
	EXPECT_EQ('r', f.p[SM_PAGE]);
	close_file(&f);
}

/*
 * A page that is dirty only has to be copied, or written; and what FUSE writes is a
 * copy, so that the page goes whenever the server takes it.
 */
TEST_F(waits, server_takes_nothing)
{
	struct file f = { .fd = -1 };

	if (access("/dev/fuse", R_OK | W_OK))
		SKIP(return, "needs CONFIG_FUSE_FS");
	ASSERT_TRUE(open_file(&f));
	*f.server.mute = true;
	f.p[0] = 'a';
	EXPECT_LE(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_OFF(0, f.p, f.len);
	/* Nothing is written by "direct". */
	EXPECT_TRUE(sm_direct() || SM_WAIT(*f.server.muted));
	EXPECT_TRUE(sm_isolated_settles());
	*f.server.mute = false;
	/* Copied to node 1, or gone and read again from there */
	sm_run_on_node(1);
	EXPECT_EQ('a', f.p[0]);
	EXPECT_EQ('r', f.p[SM_PAGE]);
	sm_touch(f.p, f.len);
	EXPECT_ON(1, f.p, f.len);
	close_file(&f);
}

/* ------------------------------------------------------------------------- */
/* Waits that are killed                                                      */
/* ------------------------------------------------------------------------- */

/* In a child: of memory that is the parent's as well, or of @target's */
static void call(const struct _test_data_waits *self, pid_t target)
{
	if (target)
		sm_migrate(target, SM_NODE(0), SM_NODE(1));
	else
		sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			 MPOL_MF_MOVE_ALL);
}

/* How long a call took that was killed as soon as it was seen to wait */
static double killed(struct __test_metadata *_metadata,
		     const struct _test_data_waits *self, pid_t target)
{
	double begun = sm_now();
	bool over = false;
	int status = 0;
	pid_t pid;

	pid = sm_fork();
	if (!pid) {
		call(self, target);
		_exit(0);
	}
	ASSERT_LT(0, pid);
	EXPECT_TRUE(SM_WAIT((over = waitpid(pid, &status, WNOHANG) == pid) ||
			    sm_naps(pid) >= NAPS));
	if (!over) {
		kill(pid, SIGKILL);
		EXPECT_EQ(pid, waitpid(pid, &status, 0));
	}
	/* On a slow host it may have ended by itself. */
	return WIFSIGNALED(status) ? sm_now() - begun : PATIENCE;
}

/* The disk still stands still, and is not waited for to the end. */
static void expect_killed(struct __test_metadata *_metadata,
			  const struct _test_data_waits *self, pid_t target)
{
	double took = PATIENCE;
	int i;

	for (i = 0; i < TRIES && took > 0.9 * PATIENCE; i++)
		took = killed(_metadata, self, target);
	EXPECT_GT(0.9 * PATIENCE, took) {
		TH_LOG("%.1f s", took);
	}
	EXPECT_TRUE(sm_isolated_settles());
}

TEST_F(waits, mbind_killed)
{
	sm_fill_on(self->buf, self->len, 3, 0);
	ASSERT_EQ(0, sm_dm_stall(true));
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_PAGEOUT));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 3));
	expect_killed(_metadata, self, 0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 3));
	EXPECT_ON(0, self->buf, self->len);
	ASSERT_EQ(0, sm_dm_stall(false));
	EXPECT_EQ(0, BIND(1));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 3, true);
}

/*
 * Of another process: all that the target has is on its way to that disk then, and
 * if shared memory of ours were, we could not touch it, as the harness does.
 */
TEST_F(waits, migrate_pages_killed)
{
	struct sm_peer peer;

	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 4));
	ASSERT_EQ(0, sm_dm_stall(true));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_PAGEOUT, 0, 0));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 4));
	expect_killed(_metadata, self, peer.pid);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 4));
	EXPECT_PEER_ON(peer, 0);
	ASSERT_EQ(0, sm_dm_stall(false));
	EXPECT_LE(0, sm_migrate(peer.pid, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 4));
	EXPECT_PEER_ON(peer, 1);
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

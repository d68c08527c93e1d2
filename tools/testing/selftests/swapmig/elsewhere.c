// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that are not where a request looks first: in the LRU batch of another CPU,
 * in the page tables of very many processes, and among the slots of others.
 */
#include "swapmig_harness.h"

#define ROTATIONAL	"/sys/block/vdb/queue/rotational"
#define TEXT		"/var/tmp/swapmig.text"
#define TEXT_LEN	(8 * SM_PAGE)
#define SLEEPERS	300
#define ROUND_TRIPS	10

FIXTURE(elsewhere)
{
	char *buf;
	size_t len;
	long pages;
};

FIXTURE_SETUP(elsewhere)
{
	/* Fewer than such a batch holds */
	SM_SETUP(12 * SM_PAGE);
}

FIXTURE_TEARDOWN(elsewhere)
{
	SM_TEARDOWN();
	unlink(TEXT);
}

/* Faulted in on one CPU, and sent away at once from another: none stays behind. */
static void from_another_cpu(struct __test_metadata *_metadata,
			     struct _test_data_elsewhere *self,
			     long (*call)(struct _test_data_elsewhere *self))
{
	int i;

	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, sm_mbind(self->buf, self->len, MPOL_DEFAULT, 0, 0));
		sm_run_on_node(1);
		ASSERT_EQ(0, madvise(self->buf, self->len, MADV_DONTNEED));
		sm_fill_on(self->buf, self->len, i, 0);
		sm_run_on_node(0);
		EXPECT_EQ(0, call(self));
		EXPECT_SENT(3, self->buf, self->len);
		EXPECT_BACK_ON(3, 0, i);
	}
}

static long by_migrate_pages(struct _test_data_elsewhere *self)
{
	return sm_migrate(0, SM_NODE(0), SM_NODE(3));
}

static long by_mbind(struct _test_data_elsewhere *self)
{
	return sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(3),
			MPOL_MF_MOVE | MPOL_MF_STRICT);
}

static long by_move_pages(struct _test_data_elsewhere *self)
{
	int node[12], status[12], i;
	void *addr[12];

	for (i = 0; i < self->pages; i++) {
		addr[i] = self->buf + i * SM_PAGE;
		node[i] = 3;
	}
	return sm_move_pages(0, self->pages, addr, node, status, MPOL_MF_MOVE);
}

TEST_F(elsewhere, batch_of_another_cpu)
{
	from_another_cpu(_metadata, self, by_migrate_pages);
}

TEST_F(elsewhere, batch_of_another_cpu_mbind)
{
	from_another_cpu(_metadata, self, by_mbind);
}

TEST_F(elsewhere, batch_of_another_cpu_move_pages)
{
	if (by_move_pages(self) == -SM_NO_SYSCALL)
		SKIP(return, "needs CONFIG_MIGRATION");
	from_another_cpu(_metadata, self, by_move_pages);
}

/* What the sleepers have */
static const char *text;
static long *touched;

static void touch_text(int signr)
{
	sm_touch(text, TEXT_LEN);
	__atomic_add_fetch(touched, 1, __ATOMIC_RELAXED);
}

/* The text of a program, clean, with its pages on node 0 */
static void map_text(struct __test_metadata *_metadata, __u64 seed)
{
	int fd = open(TEXT, O_RDWR | O_CREAT | O_TRUNC, 0700);
	void *p;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, TEXT_LEN));
	p = mmap(NULL, TEXT_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	sm_fill_on(p, TEXT_LEN, seed, 0);
	ASSERT_EQ(0, msync(p, TEXT_LEN, MS_SYNC));
	munmap(p, TEXT_LEN);
	p = mmap(NULL, TEXT_LEN, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	close(fd);
	sm_touch(p, TEXT_LEN);
	text = p;
}

/* All of them map all of it: each time they are signalled they touch it. */
static void start_sleepers(struct __test_metadata *_metadata, pid_t *pid)
{
	int i;

	touched = sm_map_shared(SM_PAGE);
	ASSERT_NE(NULL, touched);
	signal(SIGUSR1, touch_text);
	for (i = 0; i < SLEEPERS; i++) {
		pid[i] = sm_fork();
		ASSERT_LE(0, pid[i]);
		while (!pid[i])
			pause();
	}
}

static void wake_sleepers(struct __test_metadata *_metadata, const pid_t *pid)
{
	int i;

	__atomic_store_n(touched, 0, __ATOMIC_RELAXED);
	for (i = 0; i < SLEEPERS; i++)
		kill(pid[i], SIGUSR1);
	ASSERT_TRUE(SM_WAIT(__atomic_load_n(touched, __ATOMIC_RELAXED) ==
			    SLEEPERS));
}

static void stop_sleepers(const pid_t *pid)
{
	int i;

	for (i = 0; i < SLEEPERS; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
}

/* Those of a sleeper are where a request puts them */
static void expect_text_sent(struct __test_metadata *_metadata, pid_t pid, int to)
{
	if (sm_direct())
		EXPECT_PID_ON(pid, to, text, TEXT_LEN);
	else
		EXPECT_EQ(0, sm_present(pid, text, TEXT_LEN));
}

/* The text of a program that very many run, there and back. */
TEST_F(elsewhere, text_of_many)
{
	pid_t pid[SLEEPERS];
	int i, to, last = SLEEPERS - 1;

	map_text(_metadata, 7);
	EXPECT_ON(0, text, TEXT_LEN);
	start_sleepers(_metadata, pid);
	for (i = 0; i < 2 * ROUND_TRIPS; i++) {
		to = !(i % 2);
		wake_sleepers(_metadata, pid);
		EXPECT_PID_ON(pid[0], !to, text, TEXT_LEN);
		EXPECT_PID_ON(pid[last], !to, text, TEXT_LEN);
		EXPECT_EQ(0, sm_mbind((void *)text, TEXT_LEN, MPOL_BIND, SM_NODE(to),
				      MPOL_MF_MOVE_ALL | MPOL_MF_STRICT));
		expect_text_sent(_metadata, pid[0], to);
		expect_text_sent(_metadata, pid[last], to);
		sm_set_mempolicy(MPOL_BIND, SM_NODE(to));
		EXPECT_EQ(0, sm_bad(text, TEXT_LEN, 7));
		sm_set_mempolicy(MPOL_DEFAULT, 0);
		EXPECT_ON(to, text, TEXT_LEN);
	}
	stop_sleepers(pid);
	munmap((void *)text, TEXT_LEN);
}

/*
 * A disk with seeks, where read-ahead goes by the offset in swap, and two processes
 * that are bound to nodes 0 and 1. Their slots lie side by side, four of the one
 * and four of the other.
 */
#define PART		(4 * SM_PAGE)
#define STRIPED		(32 * SM_PAGE)

FIXTURE(rotational)
{
	char *buf;
	size_t len;
	long pages;
	long old;
	struct sm_peer peer[2];
};

FIXTURE_SETUP(rotational)
{
	int i;

	/* Swap looks at it when it is switched on */
	self->old = sm_read_long(ROTATIONAL);
	ASSERT_EQ(0, sm_write(ROTATIONAL, "1"));
	ASSERT_EQ(1, sm_read_long(ROTATIONAL));
	SM_SETUP(STRIPED);
	ASSERT_EQ(0, sm_write(SM_CLUSTER, "5"));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, sm_peer_start(&self->peer[i], self->buf, STRIPED));
		ASSERT_EQ(0, sm_peer(&self->peer[i], SM_ORD_MBIND, SM_NODE(i), 0));
	}
}

FIXTURE_TEARDOWN(rotational)
{
	int i;

	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, sm_peer_stop(&self->peer[i]));
	SM_TEARDOWN();
	EXPECT_EQ(0, sm_write(ROTATIONAL, "%ld", self->old));
}

/* Each part gets a pattern of its own, and goes two nodes up. */
static void striped(struct __test_metadata *_metadata, struct sm_peer *peer)
{
	size_t off;
	int i;

	for (off = 0; off < STRIPED; off += PART) {
		for (i = 0; i < 2; i++) {
			ASSERT_EQ(0, sm_peer_part(&peer[i], off, PART));
			ASSERT_EQ(0, sm_peer(&peer[i], SM_ORD_FILL, i, off + i));
			EXPECT_PID_ON(peer[i].pid, i, peer[i].buf + off, PART);
			EXPECT_EQ(0, sm_migrate(peer[i].pid, SM_NODE(i),
						SM_NODE(i + 2)));
		}
	}
}

static void check_striped(struct __test_metadata *_metadata, struct sm_peer *peer)
{
	size_t off;
	int i;

	for (off = 0; off < STRIPED; off += PART) {
		for (i = 0; i < 2; i++) {
			ASSERT_EQ(0, sm_peer_part(&peer[i], off, PART));
			EXPECT_EQ(0, sm_peer(&peer[i], SM_ORD_CHECK, 0, off + i));
		}
	}
}

/* Neither who reads ahead, nor who is bound to what, decides where pages come back. */
TEST_F(rotational, bound_neighbours)
{
	struct sm_peer *peer = self->peer;
	int i;

	sm_run_on_node(0);
	striped(_metadata, peer);
	EXPECT_PEER_SENT(peer[0], 2);
	EXPECT_PEER_SENT(peer[1], 3);
	/* Each of them on the other's node */
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, sm_peer_part(&peer[i], 0, STRIPED));
		EXPECT_EQ(0, sm_peer(&peer[i], SM_ORD_TOUCH, !i, 0));
		EXPECT_PEER_ON(peer[i], i + 2);
		if (!i)
			EXPECT_PEER_SENT(peer[1], 3);
	}
	check_striped(_metadata, peer);
}

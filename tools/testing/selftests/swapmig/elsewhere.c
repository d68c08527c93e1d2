// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that are not where a request looks first: in the LRU batch of another CPU,
 * and in the page tables of very many processes.
 */
#include "swapmig_harness.h"

#include <sys/prctl.h>

#define TEXT		"/var/tmp/swapmig.text"
#define SLEEPERS	100

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
TEST_F(elsewhere, batch_of_another_cpu)
{
	int i;

	for (i = 0; i < 50; i++) {
		sm_run_on_node(1);
		ASSERT_EQ(0, madvise(self->buf, self->len, MADV_DONTNEED));
		sm_fill_on(self->buf, self->len, i, 0);
		sm_run_on_node(0);
		EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(3)));
		EXPECT_SENT(3, self->buf, self->len);
		EXPECT_BACK_ON(3, 0, i);
	}
}

static pid_t start_sleeper(const char *text, size_t len)
{
	pid_t pid = sm_fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sm_touch(text, len);
		for (;;)
			pause();
	}
	return pid;
}

/* Of a file that very many map, there and back. */
TEST_F(elsewhere, text_of_many)
{
	size_t len = 256 * 1024;
	pid_t pid[SLEEPERS];
	char *text;
	int fd, i, to;

	fd = open(TEXT, O_RDWR | O_CREAT | O_TRUNC, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, len));
	text = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)text);
	sm_fill_on(text, len, 7, 0);
	ASSERT_EQ(0, msync(text, len, MS_SYNC));
	for (i = 0; i < SLEEPERS; i++) {
		pid[i] = start_sleeper(text, len);
		ASSERT_LE(0, pid[i]);
	}
	for (i = 0; i < SLEEPERS; i++)
		SM_WAIT(sm_present(pid[i], text, len) == SM_PAGES(len));
	EXPECT_PID_ON(pid[SLEEPERS - 1], 0, text, len);

	for (i = 0; i < 10; i++) {
		to = !(i % 2);
		EXPECT_EQ(0, sm_mbind(text, len, MPOL_BIND, SM_NODE(to),
				      MPOL_MF_MOVE_ALL | MPOL_MF_STRICT));
		EXPECT_EQ(sm_direct() ? SM_PAGES(len) : 0,
			  sm_on(pid[SLEEPERS - 1], text, len, to));
		EXPECT_EQ(0, sm_on(pid[SLEEPERS - 1], text, len, !to));
		sm_set_mempolicy(MPOL_BIND, SM_NODE(to));
		EXPECT_EQ(0, sm_bad(text, len, 7));
		sm_set_mempolicy(MPOL_DEFAULT, 0);
		EXPECT_ON(to, text, len);
	}
	for (i = 0; i < SLEEPERS; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	munmap(text, len);
	close(fd);
}

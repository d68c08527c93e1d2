// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks of memory are taken offline: with and without room for what is in them.
 */
#include "swapmig_dimm.h"

FIXTURE(offline)
{
	struct dimm dimm;
};

FIXTURE_SETUP(offline)
{
	dimm_setup(&self->dimm);
}

FIXTURE_TEARDOWN(offline)
{
	DIMM_TEARDOWN(&self->dimm);
}

TEST_F(offline, to_and_fro_under_a_writer)
{
	int rounds = sm_scale(100) < 100 ? 2 : 6, i, err = 0;
	struct sm_peer a;

	NEED_DIMM(return);
	START(&a, 48 * SM_MIB, self->dimm.node, 1);
	ASSERT_EQ(0, sm_peer_tell(&a, SM_ORD_BUSY, true, 0, 1));
	for (i = 0; i < rounds; i++) {
		EXPECT_EQ(0, offline_all(&self->dimm, &err));
		EXPECT_EQ(0, ON(&a, self->dimm.node));
		EXPECT_EQ(0, online_all(&self->dimm));
		EXPECT_EQ(0, MOVE(&a, 0, self->dimm.node));
	}
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, sm_peer_idle(&a));
	EXPECT_EQ(0, sm_peer(&a, SM_ORD_CHECK, 0, 1));
	STOP(&a);
}

/* It ends with EBUSY; nobody is killed, and it can be asked again. */
TEST_F_TIMEOUT(offline, no_room_no_swap, 300)
{
	struct sm_peer a, b;
	int err = 0;

	NEED_DIMM(return);
	FILL_UP(&a, &b, LEN_A, 8 * SM_MIB);
	EXPECT_LT(0, offline_all(&self->dimm, &err));
	EXPECT_EQ(-EBUSY, err);
	EXPECT_LT(0, self->dimm.left);
	EXPECT_LT(30, self->dimm.rounds);
	EXPECT_BOTH_INTACT();
	EXPECT_EQ(0, offline_all(&self->dimm, &err));
	EXPECT_EQ(0, sm_read_long(SEEN "left"));
}

TEST_F_TIMEOUT(offline, no_room_but_swap, 300)
{
	struct sm_peer a, b;
	int err = 0;

	NEED_DIMM(return);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	FILL_UP(&a, &b, LEN_A, 8 * SM_MIB);
	EXPECT_EQ(0, offline_all(&self->dimm, &err));
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, ON(&a, self->dimm.node));
	EXPECT_BOTH_INTACT();
}

TEST_F_TIMEOUT(offline, swap_gets_full, 300)
{
	struct sm_peer a, b;
	int err = 0;

	NEED_DIMM(return);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 16 * SM_MIB));
	FILL_UP(&a, &b, 64 * SM_MIB, 8 * SM_MIB);
	EXPECT_LT(0, offline_all(&self->dimm, &err));
	EXPECT_EQ(-EBUSY, err);
	EXPECT_BOTH_INTACT();
}

TEST_F_TIMEOUT(offline, interrupted, 300)
{
	struct sigaction act = { .sa_handler = on_signal };
	struct sm_peer a, b;
	int status, err = 0;
	pid_t pid;

	NEED_DIMM(return);
	FILL_UP(&a, &b, LEN_A, 8 * SM_MIB);
	pid = sm_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		sigaction(SIGUSR1, &act, NULL);
		offline_all(&self->dimm, &err);
		_exit(err == -EINTR ? 0 : 1);
	}
	/* One block may find room, the next naps between rounds. */
	for (status = 1; waitpid(pid, &status, WNOHANG) == 0;) {
		usleep(1000000);
		kill(pid, SIGUSR1);
	}
	EXPECT_EQ(0, status);
	EXPECT_BOTH_INTACT();
}

TEST_F(offline, onto_it_meanwhile)
{
	struct sm_peer a;
	int i, err = 0, status;
	pid_t pid;

	NEED_DIMM(return);
	START(&a, 32 * SM_MIB, 0, 1);
	pid = sm_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		for (i = 0;; i++)
			sm_migrate(a.pid, SM_NODE(i % 2 ? self->dimm.node : 0),
				   SM_NODE(i % 2 ? 0 : self->dimm.node));
	}
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, offline_all(&self->dimm, &err));
		EXPECT_EQ(0, online_all(&self->dimm));
	}
	kill(pid, SIGKILL);
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, sm_peer(&a, SM_ORD_CHECK, 0, 1));
	STOP(&a);
}

TEST_F(offline, bad_input)
{
	NEED_DIMM(return);
	EXPECT_EQ(-EINVAL, sm_block_set(self->dimm.blocks[0], "offlined"));
	EXPECT_EQ(-EINVAL, sm_block_set(self->dimm.blocks[0], " "));
	EXPECT_TRUE(block_is_online(self->dimm.blocks[0]));
}

/* The module is pulled, by ACPI, and plugged in again. */
TEST_F(offline, unplug)
{
	struct sm_peer a;
	int i, tries, blocks[SM_MAX_BLOCKS];

	NEED_DIMM(return);
	START(&a, 48 * SM_MIB, self->dimm.node, 1);
	ASSERT_EQ(0, sm_write("/dev/ttyS1", "MONITOR device_del dimm0\n"));
	for (tries = 0; tries < 300 && sm_node_blocks(self->dimm.node, blocks); tries++)
		usleep(100000);
	EXPECT_EQ(0, sm_node_blocks(self->dimm.node, blocks));
	EXPECT_EQ(0, sm_peer(&a, SM_ORD_CHECK, 0, 1));
	EXPECT_EQ(0, ON(&a, self->dimm.node));
	STOP(&a);
	/* QEMU learns of it by the guest's last word to ACPI */
	usleep(1000000);
	ASSERT_EQ(0, sm_write("/dev/ttyS1",
			      "MONITOR device_add pc-dimm,id=dimm0,memdev=dimm0m,node=%d\n",
			      self->dimm.node));
	for (tries = 0; tries < 300 &&
	     sm_node_blocks(self->dimm.node, blocks) < self->dimm.nr; tries++)
		usleep(100000);
	EXPECT_EQ(self->dimm.nr, sm_node_blocks(self->dimm.node, blocks));
	/* They go online by themselves, each a while after it appeared. */
	for (i = 0; i < self->dimm.nr; i++)
		for (tries = 0; tries < 300 &&
		     !block_is_online(self->dimm.blocks[i]); tries++)
			usleep(10000);
}

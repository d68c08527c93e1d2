// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks of memory are taken offline with each engine list that can empty them, and
 * with either LRU.
 */
#include "swapmig_dimm.h"

#define LRU_GEN		"/sys/kernel/mm/lru_gen/enabled"

FIXTURE(offline_lists)
{
	struct dimm dimm;
	char engines[64];
	char lru_gen[16];
};

FIXTURE_VARIANT(offline_lists)
{
	const char *engines;
	bool mglru;
};

FIXTURE_VARIANT_ADD(offline_lists, all)
{
	.engines = "direct displace swapout",
	.mglru = false,
};

FIXTURE_VARIANT_ADD(offline_lists, all_mglru)
{
	.engines = "direct displace swapout",
	.mglru = true,
};

FIXTURE_VARIANT_ADD(offline_lists, direct_swapout)
{
	.engines = "direct swapout",
	.mglru = false,
};

FIXTURE_VARIANT_ADD(offline_lists, swapout)
{
	.engines = "swapout",
	.mglru = false,
};

FIXTURE_VARIANT_ADD(offline_lists, swapout_mglru)
{
	.engines = "swapout",
	.mglru = true,
};

FIXTURE_VARIANT_ADD(offline_lists, direct_displace)
{
	.engines = "direct displace",
	.mglru = false,
};

FIXTURE_SETUP(offline_lists)
{
	dimm_setup(&self->dimm);
	ASSERT_LT(0, sm_read(SM_ENGINES, self->engines, sizeof(self->engines)));
	sm_read(LRU_GEN, self->lru_gen, sizeof(self->lru_gen));
	ASSERT_EQ(0, sm_write(SM_ENGINES, "%s", variant->engines));
	sm_write(LRU_GEN, "%d", variant->mglru ? 7 : 0);
}

FIXTURE_TEARDOWN(offline_lists)
{
	EXPECT_EQ(0, sm_write(SM_ENGINES, "%s", self->engines));
	sm_write(LRU_GEN, "%s", self->lru_gen);
	DIMM_TEARDOWN(&self->dimm);
}

TEST_F(offline_lists, with_room)
{
	struct sm_peer a;
	int err = 0;

	NEED_DIMM(return);
	START(&a, 16 * SM_MIB, self->dimm.node, 1);
	EXPECT_EQ(0, offline_all(&self->dimm, &err));
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, ON(&a, self->dimm.node));
	EXPECT_EQ(0, sm_peer(&a, SM_ORD_CHECK, 0, 1));
	STOP(&a);
}

/* Without "swapout" it has to stay. */
TEST_F_TIMEOUT(offline_lists, without_room, 300)
{
	bool evicts = sm_has_engine("swapout");
	struct sm_peer a, b;
	int err = 0;

	NEED_DIMM(return);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	FILL_UP(&a, &b, LEN_A, 8 * SM_MIB);
	EXPECT_EQ(evicts, !offline_all(&self->dimm, &err));
	EXPECT_EQ(evicts ? 0 : -EBUSY, err);
	EXPECT_EQ(evicts, !ON(&a, self->dimm.node));
	if (evicts)
		EXPECT_LT(0, sm_swapped(a.pid, a.buf, a.len) +
			     sm_swapped(b.pid, b.buf, b.len));
	EXPECT_BOTH_INTACT();
}

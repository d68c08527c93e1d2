// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: KUnit tests of the store of tags, and of pairs of nodes.
 */

#ifdef CONFIG_SWAPMIG_KUNIT_TEST

#include <kunit/test.h>

static struct xarray test_tags;

static int swapmig_forward_test_init(struct kunit *test)
{
	xa_init_flags(&test_tags, XA_FLAGS_LOCK_IRQ);
	return 0;
}

static void swapmig_test_tag_none(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, tag_load(&test_tags, 0), NUMA_NO_NODE);
	KUNIT_EXPECT_EQ(test, tag_load(&test_tags, ULONG_MAX), NUMA_NO_NODE);
	tag_clear_range(&test_tags, 0, 512);
	KUNIT_EXPECT_TRUE(test, xa_empty(&test_tags));
}

static void swapmig_test_tag_neighbours(struct kunit *test)
{
	int i;

	for (i = 0; i < 16; i++)
		KUNIT_ASSERT_EQ(test, tag_store(&test_tags, i, i * 3), 0);
	for (i = 0; i < 16; i++)
		KUNIT_EXPECT_EQ(test, tag_load(&test_tags, i), i * 3);

	/* A tag that goes, or changes, leaves its neighbours alone */
	tag_store(&test_tags, 5, NUMA_NO_NODE);
	tag_store(&test_tags, 6, 1);
	for (i = 0; i < 16; i++)
		KUNIT_EXPECT_EQ(test, tag_load(&test_tags, i),
				i == 5 ? NUMA_NO_NODE : i == 6 ? 1 : i * 3);
	tag_clear_range(&test_tags, 0, 16);
	KUNIT_EXPECT_TRUE(test, xa_empty(&test_tags));
}

static void swapmig_test_tag_limits(struct kunit *test)
{
	/* Node 0 is a tag like any other, and the last one fits */
	KUNIT_ASSERT_EQ(test, tag_store(&test_tags, 7, 0), 0);
	KUNIT_ASSERT_EQ(test, tag_store(&test_tags, 8, MAX_NUMNODES - 1), 0);
	KUNIT_EXPECT_EQ(test, tag_load(&test_tags, 7), 0);
	KUNIT_EXPECT_EQ(test, tag_load(&test_tags, 8), MAX_NUMNODES - 1);
	KUNIT_EXPECT_EQ(test, tag_load(&test_tags, 6), NUMA_NO_NODE);
	KUNIT_EXPECT_EQ(test, tag_load(&test_tags, 9), NUMA_NO_NODE);
	tag_clear_range(&test_tags, 7, 2);
	KUNIT_EXPECT_TRUE(test, xa_empty(&test_tags));
}

static void swapmig_test_tag_ranges(struct kunit *test)
{
	unsigned long slot;

	/* Begins and ends inside of an entry */
	KUNIT_ASSERT_EQ(test, tag_store_range(&test_tags, 509, 516, 3), 0);
	KUNIT_EXPECT_EQ(test, tag_load(&test_tags, 508), NUMA_NO_NODE);
	for (slot = 509; slot < 509 + 516; slot++)
		KUNIT_EXPECT_EQ(test, tag_load(&test_tags, slot), 3);
	KUNIT_EXPECT_EQ(test, tag_load(&test_tags, 509 + 516), NUMA_NO_NODE);

	/* All of a freed range, and nothing beside it */
	tag_clear_range(&test_tags, 510, 514);
	KUNIT_EXPECT_EQ(test, tag_load(&test_tags, 509), 3);
	for (slot = 510; slot < 510 + 514; slot++)
		KUNIT_EXPECT_EQ(test, tag_load(&test_tags, slot), NUMA_NO_NODE);
	KUNIT_EXPECT_EQ(test, tag_load(&test_tags, 1024), 3);
	tag_clear_range(&test_tags, 0, 2048);
	KUNIT_EXPECT_TRUE(test, xa_empty(&test_tags));
}

static void swapmig_test_map_pairs(struct kunit *test)
{
	nodemask_t from = { { [0] = 0x3 } }, to = { { [0] = 0xc } };

	/* 0,1 -> 2,3 keeps relative positions; others stay */
	KUNIT_EXPECT_EQ(test, swapmig_map_node(&from, &to, 0), 2);
	KUNIT_EXPECT_EQ(test, swapmig_map_node(&from, &to, 1), 3);
	KUNIT_EXPECT_EQ(test, swapmig_map_node(&from, &to, 2), 2);
	KUNIT_EXPECT_EQ(test, swapmig_map_first(&from, &to), 2);

	/* 0,1 -> 1,2: both move on */
	to = (nodemask_t){ { [0] = 0x6 } };
	KUNIT_EXPECT_EQ(test, swapmig_map_node(&from, &to, 0), 1);
	KUNIT_EXPECT_EQ(test, swapmig_map_node(&from, &to, 1), 2);
}

static void swapmig_test_map_uneven(struct kunit *test)
{
	nodemask_t from = { { [0] = 0x7 } }, to = { { [0] = 0x6 } };

	/* 0,1,2 -> 1,2: only 0 has to go */
	KUNIT_EXPECT_EQ(test, swapmig_map_node(&from, &to, 0), 1);
	KUNIT_EXPECT_EQ(test, swapmig_map_node(&from, &to, 1), 1);
	KUNIT_EXPECT_EQ(test, swapmig_map_node(&from, &to, 2), 2);
	KUNIT_EXPECT_EQ(test, swapmig_map_first(&from, &to), 1);

	/* Onto itself, or from nowhere: nothing moves */
	KUNIT_EXPECT_EQ(test, swapmig_map_first(&to, &to), NUMA_NO_NODE);
	nodes_clear(from);
	KUNIT_EXPECT_EQ(test, swapmig_map_first(&from, &to), NUMA_NO_NODE);
}

static struct kunit_case swapmig_forward_cases[] = {
	KUNIT_CASE(swapmig_test_tag_none),
	KUNIT_CASE(swapmig_test_tag_neighbours),
	KUNIT_CASE(swapmig_test_tag_limits),
	KUNIT_CASE(swapmig_test_tag_ranges),
	KUNIT_CASE(swapmig_test_map_pairs),
	KUNIT_CASE(swapmig_test_map_uneven),
	{},
};

static struct kunit_suite swapmig_forward_suite = {
	.name = "swapmig-forward",
	.init = swapmig_forward_test_init,
	.test_cases = swapmig_forward_cases,
};

kunit_test_suite(swapmig_forward_suite);

#endif /* CONFIG_SWAPMIG_KUNIT_TEST */

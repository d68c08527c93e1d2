// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: KUnit tests of the store of tags.
 */

#ifdef CONFIG_SWAPMIG_KUNIT_TEST

#ifndef _SWAPMIG_FORWARD_TEST_H
#define _SWAPMIG_FORWARD_TEST_H

#include <kunit/test.h>

static void swapmig_test_tag_none(struct kunit *test)
{
	DEFINE_XARRAY(tags);

	KUNIT_EXPECT_EQ(test, tag_load(&tags, 0), NUMA_NO_NODE);
	KUNIT_EXPECT_EQ(test, tag_load(&tags, ULONG_MAX), NUMA_NO_NODE);
	KUNIT_EXPECT_EQ(test, tag_load_range(&tags, 512, 512), NUMA_NO_NODE);
	tag_clear_range(&tags, 0, 512);
	KUNIT_EXPECT_TRUE(test, xa_empty(&tags));
}

static void swapmig_test_tag_neighbours(struct kunit *test)
{
	DEFINE_XARRAY(tags);
	int i;

	for (i = 0; i < 16; i++)
		KUNIT_ASSERT_EQ(test, tag_store(&tags, i, i * 67, GFP_KERNEL), 0);
	for (i = 0; i < 16; i++)
		KUNIT_EXPECT_EQ(test, tag_load(&tags, i), i * 67);

	/* A tag that goes, or changes, leaves its neighbours alone */
	tag_store(&tags, 5, NUMA_NO_NODE, GFP_KERNEL);
	tag_store(&tags, 6, 1, GFP_KERNEL);
	for (i = 0; i < 16; i++)
		KUNIT_EXPECT_EQ(test, tag_load(&tags, i),
				i == 5 ? NUMA_NO_NODE : i == 6 ? 1 : i * 67);
	tag_clear_range(&tags, 0, 16);
}

static void swapmig_test_tag_limits(struct kunit *test)
{
	DEFINE_XARRAY(tags);

	/* Node 0 is a tag like any other, and the last one fits */
	KUNIT_ASSERT_EQ(test, tag_store(&tags, 7, 0, GFP_KERNEL), 0);
	KUNIT_ASSERT_EQ(test, tag_store(&tags, 8, MAX_NUMNODES - 1,
					GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, tag_load(&tags, 7), 0);
	KUNIT_EXPECT_EQ(test, tag_load(&tags, 8), MAX_NUMNODES - 1);
	KUNIT_EXPECT_EQ(test, tag_load(&tags, 6), NUMA_NO_NODE);
	KUNIT_EXPECT_EQ(test, tag_load(&tags, 9), NUMA_NO_NODE);
	tag_clear_range(&tags, 7, 2);
	KUNIT_EXPECT_TRUE(test, xa_empty(&tags));
}

static void swapmig_test_tag_forget_node(struct kunit *test)
{
	DEFINE_XARRAY(tags);
	int i;

	for (i = 0; i < 40; i++)
		KUNIT_ASSERT_EQ(test, tag_store(&tags, 100 * i, i % 3,
						GFP_KERNEL), 0);
	tag_forget_node(&tags, 1);
	for (i = 0; i < 40; i++)
		KUNIT_EXPECT_EQ(test, tag_load(&tags, 100 * i),
				i % 3 == 1 ? NUMA_NO_NODE : i % 3);
	tag_forget_node(&tags, 0);
	tag_forget_node(&tags, 2);
	KUNIT_EXPECT_TRUE(test, xa_empty(&tags));
}

static void swapmig_test_tag_ranges(struct kunit *test)
{
	DEFINE_XARRAY(tags);

	/* Begins and ends inside of an entry */
	KUNIT_ASSERT_EQ(test, tag_store_range(&tags, 509, 516, 3, GFP_KERNEL),
			0);
	KUNIT_EXPECT_EQ(test, tag_load_range(&tags, 509, 516), 3);
	KUNIT_EXPECT_EQ(test, tag_load_range(&tags, 512, 512), 3);
	KUNIT_EXPECT_EQ(test, tag_load_range(&tags, 508, 2), TAG_MIXED);
	KUNIT_EXPECT_EQ(test, tag_load_range(&tags, 1024, 2), TAG_MIXED);

	tag_store(&tags, 700, 2, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, tag_load_range(&tags, 512, 512), TAG_MIXED);

	/* All of a freed range, and nothing beside it */
	tag_clear_range(&tags, 510, 514);
	KUNIT_EXPECT_EQ(test, tag_load(&tags, 509), 3);
	KUNIT_EXPECT_EQ(test, tag_load_range(&tags, 510, 514), NUMA_NO_NODE);
	KUNIT_EXPECT_EQ(test, tag_load(&tags, 1024), 3);
	tag_clear_range(&tags, 0, 2048);
	KUNIT_EXPECT_TRUE(test, xa_empty(&tags));
}

static struct kunit_case swapmig_forward_cases[] = {
	KUNIT_CASE(swapmig_test_tag_none),
	KUNIT_CASE(swapmig_test_tag_neighbours),
	KUNIT_CASE(swapmig_test_tag_limits),
	KUNIT_CASE(swapmig_test_tag_forget_node),
	KUNIT_CASE(swapmig_test_tag_ranges),
	{},
};

static struct kunit_suite swapmig_forward_suite = {
	.name = "swapmig-forward",
	.test_cases = swapmig_forward_cases,
};

kunit_test_suite(swapmig_forward_suite);

#endif /* _SWAPMIG_FORWARD_TEST_H */

#endif /* CONFIG_SWAPMIG_KUNIT_TEST */

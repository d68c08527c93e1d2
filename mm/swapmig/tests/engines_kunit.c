// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: KUnit tests of the engine list and of the pairing of nodes.
 */

#ifdef CONFIG_SWAPMIG_KUNIT_TEST

#ifndef _SWAPMIG_ENGINES_TEST_H
#define _SWAPMIG_ENGINES_TEST_H

#include <kunit/test.h>
#include <linux/nodemask.h>

static void swapmig_test_parse_one(struct kunit *test)
{
	u32 list = 0;

#ifdef CONFIG_SWAPMIG_SWAPOUT
	KUNIT_EXPECT_EQ(test, swapmig_parse_engines("swapout", &list), 0);
	KUNIT_EXPECT_EQ(test, list, (u32)SWAPMIG_SWAPOUT);
#endif
#ifdef CONFIG_MIGRATION
	KUNIT_EXPECT_EQ(test, swapmig_parse_engines(" direct\n", &list), 0);
	KUNIT_EXPECT_EQ(test, list, (u32)SWAPMIG_DIRECT);
#endif
}

static void swapmig_test_parse_order(struct kunit *test)
{
	char text[SWAPMIG_ENGINES_LEN];
	u32 list = 0;

	if (!IS_ENABLED(CONFIG_MIGRATION) ||
	    !IS_ENABLED(CONFIG_SWAPMIG_SWAPOUT))
		kunit_skip(test, "needs two engines");

	KUNIT_EXPECT_EQ(test, swapmig_parse_engines("swapout direct", &list), 0);
	swapmig_print_engines(list, text, sizeof(text));
	KUNIT_EXPECT_STREQ(test, text, "swapout direct");

	KUNIT_EXPECT_EQ(test, swapmig_parse_engines("direct,swapout", &list), 0);
	swapmig_print_engines(list, text, sizeof(text));
	KUNIT_EXPECT_STREQ(test, text, "direct swapout");
}

static void swapmig_test_parse_refuses(struct kunit *test)
{
	static const char * const bad[] = {
		"", " ", ",", "\n", "swapouts", "swap out", "Swapout", "none",
		"swapout swapout", "direct direct", "swapout,unknown",
		"swapout;direct",
		"swapout                                                         ",
#ifndef CONFIG_MIGRATION
		"direct", "direct swapout",
#endif
	};
	u32 list = 0x1234;
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_EQ_MSG(test, swapmig_parse_engines(bad[i], &list),
				    -EINVAL, "\"%s\"", bad[i]);
		KUNIT_EXPECT_EQ(test, list, 0x1234);
	}
}

static void swapmig_test_print_short_buffer(struct kunit *test)
{
	char text[4];

	swapmig_print_engines(ENGINES_DEFAULT, text, sizeof(text));
	KUNIT_EXPECT_EQ(test, strlen(text), sizeof(text) - 1);
}

static nodemask_t swapmig_test_mask(unsigned long bits)
{
	nodemask_t mask = NODE_MASK_NONE;

	bitmap_copy(mask.bits, &bits, min(MAX_NUMNODES, BITS_PER_LONG));
	return mask;
}

/* do_migrate_pages() pairs the nodes of a request with this */
static void swapmig_test_node_pairs(struct kunit *test)
{
	nodemask_t from = swapmig_test_mask(0x3);
	nodemask_t to = swapmig_test_mask(0xc);

	if (MAX_NUMNODES < 4)
		kunit_skip(test, "needs four possible nodes");

	KUNIT_EXPECT_EQ(test, node_remap(0, from, to), 2);
	KUNIT_EXPECT_EQ(test, node_remap(1, from, to), 3);
	KUNIT_EXPECT_EQ(test, node_remap(2, from, to), 2);

	/* Fewer targets than sources: round and round */
	to = swapmig_test_mask(0x4);
	KUNIT_EXPECT_EQ(test, node_remap(0, from, to), 2);
	KUNIT_EXPECT_EQ(test, node_remap(1, from, to), 2);

	/* The order counts, not the number */
	from = swapmig_test_mask(0xa);
	to = swapmig_test_mask(0x5);
	KUNIT_EXPECT_EQ(test, node_remap(1, from, to), 0);
	KUNIT_EXPECT_EQ(test, node_remap(3, from, to), 2);
}

static struct kunit_case swapmig_engines_cases[] = {
	KUNIT_CASE(swapmig_test_parse_one),
	KUNIT_CASE(swapmig_test_parse_order),
	KUNIT_CASE(swapmig_test_parse_refuses),
	KUNIT_CASE(swapmig_test_print_short_buffer),
	KUNIT_CASE(swapmig_test_node_pairs),
	{},
};

static struct kunit_suite swapmig_engines_suite = {
	.name = "swapmig-engines",
	.test_cases = swapmig_engines_cases,
};

kunit_test_suite(swapmig_engines_suite);

#endif /* _SWAPMIG_ENGINES_TEST_H */

#endif /* CONFIG_SWAPMIG_KUNIT_TEST */

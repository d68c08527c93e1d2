// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: KUnit tests of engine lists.
 */

#ifdef CONFIG_SWAPMIG_KUNIT_TEST

#include <kunit/test.h>

static void swapmig_test_parse_one(struct kunit *test)
{
	u32 list = 0;

	KUNIT_EXPECT_EQ(test, swapmig_parse_engines("swapout", &list), 0);
	KUNIT_EXPECT_EQ(test, list, engine_find("swapout"));
	KUNIT_EXPECT_TRUE(test, swapmig_swaps(list));
	if (!engine_find("direct"))
		return;
	KUNIT_EXPECT_EQ(test, swapmig_parse_engines(" direct\n", &list), 0);
	KUNIT_EXPECT_EQ(test, list, engine_find("direct"));
	KUNIT_EXPECT_FALSE(test, swapmig_swaps(list));
}

static void swapmig_test_parse_order(struct kunit *test)
{
	char text[SWAPMIG_ENGINES_LEN];
	u32 list = 0;

	if (!engine_find("direct"))
		kunit_skip(test, "needs a second engine: CONFIG_MIGRATION");

	KUNIT_EXPECT_EQ(test, swapmig_parse_engines("swapout direct", &list), 0);
	swapmig_print_engines(list, text, sizeof(text));
	KUNIT_EXPECT_STREQ(test, text, "swapout direct");
	KUNIT_EXPECT_EQ(test, swapmig_parse_engines(",direct,\tswapout", &list), 0);
	swapmig_print_engines(list, text, sizeof(text));
	KUNIT_EXPECT_STREQ(test, text, "direct swapout");
	KUNIT_EXPECT_TRUE(test, swapmig_swaps(list));
}

static void swapmig_test_parse_refuses(struct kunit *test)
{
	static const char * const bad[] = {
		"", " ", ",", "\n", "swapouts", "swap out", "Swapout", "none",
		"swapout swapout", "direct direct", "swapout,unknown",
		"swapout;direct", "swapout 1",
		"swapout                                                         ",
	};
	u32 list = 0x1234;
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_EQ_MSG(test, swapmig_parse_engines(bad[i], &list),
				    -EINVAL, "\"%s\"", bad[i]);
		KUNIT_EXPECT_EQ(test, list, 0x1234);
	}
	if (!engine_find("direct"))
		KUNIT_EXPECT_EQ(test, swapmig_parse_engines("direct", &list), -EINVAL);
}

/* Each engine that is built in, once, in the order of the table */
static void swapmig_test_default_list(struct kunit *test)
{
	char text[SWAPMIG_ENGINES_LEN];
	u32 list = 0;

	swapmig_print_engines(engines_default(), text, sizeof(text));
	KUNIT_EXPECT_STREQ(test, text, IS_ENABLED(CONFIG_SWAPMIG_DISPLACE) ?
			   "direct displace swapout" :
			   IS_ENABLED(CONFIG_MIGRATION) ?
			   "direct swapout" : "swapout");
	KUNIT_EXPECT_EQ(test, swapmig_parse_engines(text, &list), 0);
	KUNIT_EXPECT_EQ(test, list, engines_default());
}

/* A row has a name exactly if it can be chosen */
static void swapmig_test_names(struct kunit *test)
{
	unsigned int nr;

	for (nr = 0; nr < ARRAY_SIZE(engines); nr++) {
		const char *name = swapmig_engine_name(nr);

		KUNIT_EXPECT_EQ(test, !!name, !!engines[nr].place);
		if (name)
			KUNIT_EXPECT_EQ(test, engine_find(name), nr + 1);
	}
	KUNIT_EXPECT_NULL(test, swapmig_engine_name(nr));
}

static void swapmig_test_print_short_buffer(struct kunit *test)
{
	char text[4];

	KUNIT_EXPECT_EQ(test, 3, swapmig_print_engines(engine_find("swapout"), text,
						       sizeof(text)));
	KUNIT_EXPECT_STREQ(test, text, "swa");
}

static struct kunit_case swapmig_engines_cases[] = {
	KUNIT_CASE(swapmig_test_parse_one),
	KUNIT_CASE(swapmig_test_parse_order),
	KUNIT_CASE(swapmig_test_parse_refuses),
	KUNIT_CASE(swapmig_test_default_list),
	KUNIT_CASE(swapmig_test_names),
	KUNIT_CASE(swapmig_test_print_short_buffer),
	{},
};

static struct kunit_suite swapmig_engines_suite = {
	.name = "swapmig-engines",
	.test_cases = swapmig_engines_cases,
};

kunit_test_suite(swapmig_engines_suite);

#endif /* CONFIG_SWAPMIG_KUNIT_TEST */

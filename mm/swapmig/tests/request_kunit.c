// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: KUnit tests of the windows that a request is worked off in.
 */

#ifdef CONFIG_SWAPMIG_KUNIT_TEST

#include <kunit/test.h>

#define W	(SWAPMIG_WINDOW * PAGE_SIZE)

static void swapmig_test_window_aligned(struct kunit *test)
{
	/* An unaligned start ends at the next boundary, not a window later */
	KUNIT_EXPECT_EQ(test, window_end(0, 8 * W, W), W);
	KUNIT_EXPECT_EQ(test, window_end(W, 8 * W, W), 2 * W);
	KUNIT_EXPECT_EQ(test, window_end(W + PAGE_SIZE, 8 * W, W), 2 * W);
	KUNIT_EXPECT_EQ(test, window_end(2 * W - PAGE_SIZE, 8 * W, W), 2 * W);
}

static void swapmig_test_window_short(struct kunit *test)
{
	/* The area, or the request, ends first */
	KUNIT_EXPECT_EQ(test, window_end(0, PAGE_SIZE, W), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, window_end(W + PAGE_SIZE, W + 3 * PAGE_SIZE, W),
			W + 3 * PAGE_SIZE);
}

static void swapmig_test_window_top(struct kunit *test)
{
	unsigned long top = round_down(ULONG_MAX, W);

	/* No overflow at the end of all addresses: the walk must end */
	KUNIT_EXPECT_EQ(test, window_end(top, ULONG_MAX & PAGE_MASK, W),
			ULONG_MAX & PAGE_MASK);
}

static void swapmig_test_window_bound(struct kunit *test)
{
	unsigned long addr = 3 * PAGE_SIZE, end = 5 * W + 7 * PAGE_SIZE;
	unsigned long next, pages = 0;
	int windows = 0;

	while (addr < end) {
		next = window_end(addr, end, W);
		KUNIT_ASSERT_GT(test, next, addr);
		KUNIT_EXPECT_LE(test, (next - addr) / PAGE_SIZE, 512UL);
		pages += (next - addr) / PAGE_SIZE;
		addr = next;
		windows++;
	}
	KUNIT_EXPECT_EQ(test, pages, 5 * 512UL + 4);
	KUNIT_EXPECT_EQ(test, windows, 6);
}

static struct kunit_case swapmig_request_cases[] = {
	KUNIT_CASE(swapmig_test_window_aligned),
	KUNIT_CASE(swapmig_test_window_short),
	KUNIT_CASE(swapmig_test_window_top),
	KUNIT_CASE(swapmig_test_window_bound),
	{},
};

static struct kunit_suite swapmig_request_suite = {
	.name = "swapmig-request",
	.test_cases = swapmig_request_cases,
};

kunit_test_suite(swapmig_request_suite);

#undef W

#endif /* CONFIG_SWAPMIG_KUNIT_TEST */

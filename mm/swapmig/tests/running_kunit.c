// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: KUnit tests of what is remembered of requests that have ended.
 */

#ifdef CONFIG_SWAPMIG_KUNIT_TEST

#include <kunit/test.h>
#include <linux/sched/mm.h>

/* Those of others come back when the test ends */
struct run_test {
	typeof(ended) before;
	struct mm_struct *mm[RUN_ENDED + 1];
};

static int run_test_init(struct kunit *test)
{
	struct run_test *rt = kunit_kzalloc(test, sizeof(*rt), GFP_KERNEL);
	unsigned int i;

	if (!rt)
		return -ENOMEM;
	test->priv = rt;
	spin_lock(&running_lock);
	memcpy(rt->before, ended, sizeof(ended));
	memset(ended, 0, sizeof(ended));
	spin_unlock(&running_lock);
	for (i = 0; i < ARRAY_SIZE(rt->mm); i++) {
		rt->mm[i] = mm_alloc();
		if (!rt->mm[i])
			return -ENOMEM;
	}
	return 0;
}

static void run_test_exit(struct kunit *test)
{
	struct run_test *rt = test->priv;
	unsigned int i;

	if (!rt)
		return;
	spin_lock(&running_lock);
	memcpy(ended, rt->before, sizeof(ended));
	spin_unlock(&running_lock);
	for (i = 0; i < ARRAY_SIZE(rt->mm); i++)
		if (rt->mm[i])
			mmput(rt->mm[i]);
}

/* A request has placed @placed of a process's @rss pages on @to */
static void run_ends(struct kunit *test, struct mm_struct *mm, int from, int to,
		     unsigned long placed, unsigned long rss)
{
	struct swapmig_goal *goal = kunit_kzalloc(test, sizeof(*goal), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, goal);
	goal->mm = mm;
	goal->pid = swapmig_pid(mm);
	goal->tally.placed[1] = placed;
	node_set(from, goal->vacates);
	node_set(to, goal->were);
	add_mm_counter(mm, MM_ANONPAGES, rss);
	spin_lock(&running_lock);
	run_remember(goal);
	spin_unlock(&running_lock);
	add_mm_counter(mm, MM_ANONPAGES, -rss);
}

static unsigned int run_nr(struct mm_struct *mm, int nid)
{
	unsigned int nr;

	spin_lock(&running_lock);
	nr = run_was_placed(mm, nid);
	spin_unlock(&running_lock);
	return nr;
}

static void swapmig_test_ended_where(struct kunit *test)
{
	struct run_test *rt = test->priv;
	unsigned int first;

	KUNIT_EXPECT_EQ(test, run_nr(rt->mm[0], 1), 0);
	run_ends(test, rt->mm[0], 0, 1, 100, 100);
	first = run_nr(rt->mm[0], 1);
	KUNIT_EXPECT_NE(test, first, 0);
	KUNIT_EXPECT_EQ(test, run_nr(rt->mm[0], 0), 0);
	KUNIT_EXPECT_EQ(test, run_nr(rt->mm[1], 1), 0);

	/* Back again: nothing that it has on the first node was asked for any more */
	run_ends(test, rt->mm[0], 1, 0, 100, 100);
	KUNIT_EXPECT_EQ(test, run_nr(rt->mm[0], 1), 0);
	KUNIT_EXPECT_GT(test, run_nr(rt->mm[0], 0), first);
}

static void swapmig_test_ended_share(struct kunit *test)
{
	/* What is less may not be seen on other CPUs */
	unsigned long some = percpu_counter_batch;
	struct run_test *rt = test->priv;

	run_ends(test, rt->mm[0], 0, 1, some, some * RUN_SHARE + 1);
	KUNIT_EXPECT_EQ(test, run_nr(rt->mm[0], 1), 0);
	run_ends(test, rt->mm[0], 0, 1, some, some * RUN_SHARE);
	KUNIT_EXPECT_NE(test, run_nr(rt->mm[0], 1), 0);
	/* Nothing was placed */
	run_ends(test, rt->mm[1], 0, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, run_nr(rt->mm[1], 1), 0);
}

static void swapmig_test_ended_oldest(struct kunit *test)
{
	struct run_test *rt = test->priv;
	unsigned int i, last = 0;

	for (i = 0; i < RUN_ENDED; i++)
		run_ends(test, rt->mm[i], 0, 1, 100, 100);
	for (i = 0; i < RUN_ENDED; i++) {
		KUNIT_EXPECT_GT(test, run_nr(rt->mm[i], 1), last);
		last = run_nr(rt->mm[i], 1);
	}
	/* The first asks once more, so the second is the oldest, and forgotten */
	run_ends(test, rt->mm[0], 0, 1, 100, 100);
	run_ends(test, rt->mm[RUN_ENDED], 0, 1, 100, 100);
	KUNIT_EXPECT_GT(test, run_nr(rt->mm[0], 1), last);
	KUNIT_EXPECT_EQ(test, run_nr(rt->mm[1], 1), 0);
	KUNIT_EXPECT_NE(test, run_nr(rt->mm[2], 1), 0);
	KUNIT_EXPECT_NE(test, run_nr(rt->mm[RUN_ENDED], 1), 0);
}

static struct kunit_case swapmig_running_cases[] = {
	KUNIT_CASE(swapmig_test_ended_where),
	KUNIT_CASE(swapmig_test_ended_share),
	KUNIT_CASE(swapmig_test_ended_oldest),
	{},
};

static struct kunit_suite swapmig_running_suite = {
	.name = "swapmig-running",
	.init = run_test_init,
	.exit = run_test_exit,
	.test_cases = swapmig_running_cases,
};

kunit_test_suite(swapmig_running_suite);

#endif /* CONFIG_SWAPMIG_KUNIT_TEST */

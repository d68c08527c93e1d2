// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: KUnit tests of the laps of a search for pages that make way.
 */

#ifdef CONFIG_SWAPMIG_KUNIT_TEST

#include <kunit/test.h>
#include <linux/prandom.h>

#define NODE_PAGES	100000UL

/* What a lap over the node came to */
struct lap {
	unsigned long found;
	unsigned long vain;
	unsigned long blocked;
	unsigned long spared;
	unsigned int oldest;
	bool sized;
};

/* Returns whether another lap begins */
static bool lap_ends(struct swapmig_scan *scan, const struct lap *lap)
{
	scan->scanned += NODE_PAGES;
	scan->found = lap->found;
	scan->vain = lap->vain;
	scan->blocked = lap->blocked;
	scan->spared = lap->spared;
	scan->oldest = lap->spared ? lap->oldest : UINT_MAX;
	scan->sized = lap->sized;
	return victims_next_lap(scan);
}

static void lap_begins(struct swapmig_scan *scan, int lap)
{
	*scan = (struct swapmig_scan) { };
	victims_begin_lap(scan, lap);
}

/* The same in each lap.  Returns how many there were, or one more than may be. */
static unsigned int laps(struct swapmig_scan *scan, const struct lap *lap)
{
	unsigned int nr = 1;

	while (nr <= VICTIMS_POOR && lap_ends(scan, lap))
		nr++;
	return nr;
}

static void swapmig_test_laps_nobody(struct kunit *test)
{
	const struct lap none = { };
	struct swapmig_scan scan;

	/* There is no reason to look at them again */
	lap_begins(&scan, 0);
	KUNIT_EXPECT_EQ(test, laps(&scan, &none), 1);
	/* Nobody has what others want; the others have not been asked yet */
	lap_begins(&scan, SWAPMIG_LAP_WANTED);
	KUNIT_EXPECT_EQ(test, laps(&scan, &none), 2);
}

static void swapmig_test_laps_few(struct kunit *test)
{
	const struct lap few = { .vain = 100 };
	const struct lap one = { .vain = 100, .found = 1 };
	struct swapmig_scan scan;

	/* The lap that takes what is warm is the next, and the last */
	lap_begins(&scan, 0);
	KUNIT_EXPECT_TRUE(test, lap_ends(&scan, &few));
	KUNIT_EXPECT_EQ(test, scan.lap, SWAPMIG_LAP_WARM);
	KUNIT_EXPECT_FALSE(test, lap_ends(&scan, &few));

	/* One more if some went */
	lap_begins(&scan, SWAPMIG_LAP_WARM);
	KUNIT_EXPECT_TRUE(test, lap_ends(&scan, &one));
	KUNIT_EXPECT_EQ(test, scan.dear, VICTIMS_DEAR);
	KUNIT_EXPECT_FALSE(test, lap_ends(&scan, &one));
}

static void swapmig_test_laps_undo(struct kunit *test)
{
	struct lap lap = { .vain = 1000, .spared = 1000, .oldest = 7 };
	struct swapmig_scan scan;

	/* The oldest first; and that lap is not one in which few went in vain */
	lap_begins(&scan, SWAPMIG_LAP_WARM);
	lap.found = 1;
	KUNIT_EXPECT_TRUE(test, lap_ends(&scan, &lap));
	KUNIT_EXPECT_EQ(test, scan.undo, 7);
	KUNIT_EXPECT_EQ(test, scan.lap, SWAPMIG_LAP_WARM);
	KUNIT_EXPECT_EQ(test, scan.dear, 0);
	lap.oldest = 9;
	KUNIT_EXPECT_TRUE(test, lap_ends(&scan, &lap));
	KUNIT_EXPECT_EQ(test, scan.undo, 9);

	/* Not as long as there are enough others */
	lap_begins(&scan, 0);
	lap.vain = NODE_PAGES / 2;
	KUNIT_EXPECT_TRUE(test, lap_ends(&scan, &lap));
	KUNIT_EXPECT_EQ(test, scan.undo, 0);
	KUNIT_EXPECT_EQ(test, scan.lap, 1);
}

/* As many as are remembered; after these those are still to come that are warm */
static void swapmig_test_laps_undo_all(struct kunit *test)
{
	struct lap lap = { .vain = 1000 };
	struct swapmig_scan scan;

	lap_begins(&scan, 0);
	for (lap.oldest = 1; lap.oldest <= 16; lap.oldest++) {
		lap.spared = lap.vain;
		KUNIT_EXPECT_TRUE(test, lap_ends(&scan, &lap));
		KUNIT_EXPECT_EQ(test, scan.undo, lap.oldest);
		KUNIT_EXPECT_EQ(test, scan.lap, 0);
	}
	lap.spared = 0;
	KUNIT_EXPECT_TRUE(test, lap_ends(&scan, &lap));
	KUNIT_EXPECT_EQ(test, scan.lap, SWAPMIG_LAP_WARM);
}

/* Where those that may go have no room now and then the search goes on, if it gets on */
static void swapmig_test_laps_get_on(struct kunit *test)
{
	const struct lap good = { .found = NODE_PAGES / 16, .vain = 100, .blocked = 1 };
	const struct lap poor = { .found = 1, .vain = 100, .blocked = 1 };
	struct swapmig_scan scan;
	int i;

	lap_begins(&scan, SWAPMIG_LAP_WARM);
	for (i = 0; i < 10 * VICTIMS_POOR; i++) {
		const struct lap *lap = i % VICTIMS_POOR ? &poor : &good;

		KUNIT_EXPECT_TRUE(test, lap_ends(&scan, lap));
		KUNIT_EXPECT_EQ(test, scan.lap, SWAPMIG_LAP_WARM);
		KUNIT_EXPECT_EQ(test, scan.barren, i % VICTIMS_POOR);
	}
	KUNIT_EXPECT_FALSE(test, lap_ends(&scan, &poor));
}

/* Whatever is met, a search ends in which nobody makes way */
static void swapmig_test_laps_end(struct kunit *test)
{
	struct rnd_state rnd;
	unsigned int i, same;

	prandom_seed_state(&rnd, 11);
	for (i = 0; i < 1000; i++) {
		struct lap lap = {
			.found = prandom_u32_state(&rnd) % 3,
			.vain = prandom_u32_state(&rnd) % NODE_PAGES,
			.blocked = prandom_u32_state(&rnd) % 2,
			.sized = prandom_u32_state(&rnd) % 2,
			.oldest = prandom_u32_state(&rnd) % 20,
		};
		struct swapmig_scan scan;

		if (lap.vain && prandom_u32_state(&rnd) % 2)
			lap.spared = prandom_u32_state(&rnd) % lap.vain;
		lap_begins(&scan, SWAPMIG_LAP_WANTED);
		same = laps(&scan, &lap);
		KUNIT_EXPECT_LE_MSG(test, same, VICTIMS_POOR,
				    "found %lu vain %lu blocked %lu spared %lu",
				    lap.found, lap.vain, lap.blocked, lap.spared);
	}
}

static struct kunit_case swapmig_victims_cases[] = {
	KUNIT_CASE(swapmig_test_laps_nobody),
	KUNIT_CASE(swapmig_test_laps_few),
	KUNIT_CASE(swapmig_test_laps_undo),
	KUNIT_CASE(swapmig_test_laps_undo_all),
	KUNIT_CASE(swapmig_test_laps_get_on),
	KUNIT_CASE(swapmig_test_laps_end),
	{},
};

static struct kunit_suite swapmig_victims_suite = {
	.name = "swapmig-victims",
	.test_cases = swapmig_victims_cases,
};

kunit_test_suite(swapmig_victims_suite);

#undef NODE_PAGES

#endif /* CONFIG_SWAPMIG_KUNIT_TEST */

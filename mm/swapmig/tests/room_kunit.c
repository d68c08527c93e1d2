// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: KUnit tests of room on a node.
 */

#ifdef CONFIG_SWAPMIG_KUNIT_TEST

#ifndef _SWAPMIG_ROOM_TEST_H
#define _SWAPMIG_ROOM_TEST_H

#include <kunit/test.h>

/* As if fragmentation had raised the watermarks of @nid by @pages */
static void swapmig_test_boost(int nid, unsigned long pages)
{
	struct zone *zones = NODE_DATA(nid)->node_zones;
	int zid;

	for (zid = 0; zid < MAX_NR_ZONES; zid++) {
		guard(spinlock_irqsave)(&zones[zid].lock);
		zones[zid].watermark_boost = populated_zone(&zones[zid]) ?
					     pages : 0;
	}
}

static void swapmig_test_boosted(struct kunit *test)
{
	int nid = first_memory_node;
	const nodemask_t nodes = nodemask_of_node(nid);
	const gfp_t gfp = GFP_HIGHUSER_MOVABLE;
	struct folio *src, *quiet, *dst;
	bool boosted, room;

	src = folio_alloc(GFP_KERNEL, 0);
	KUNIT_ASSERT_NOT_NULL(test, src);
	swapmig_test_boost(nid, 0);
	KUNIT_EXPECT_FALSE(test, swapmig_boosted(&nodes));
	KUNIT_EXPECT_FALSE(test, swapmig_node_gfp(nid, gfp) & __GFP_HIGH);

	/* More than there is: nothing else would let an allocation through */
	swapmig_test_boost(nid, NODE_DATA(nid)->node_present_pages);
	boosted = swapmig_boosted(&nodes);
	room = swapmig_node_has_room(nid, 1);
	quiet = __folio_alloc(swapmig_quiet_gfp(gfp) | __GFP_THISNODE, 0, nid,
			      NULL);
	dst = swapmig_alloc_on(src, nid, gfp);
	swapmig_test_boost(nid, 0);

	KUNIT_EXPECT_TRUE(test, boosted);
	KUNIT_EXPECT_TRUE(test, room);
	KUNIT_EXPECT_NULL(test, quiet);
	KUNIT_EXPECT_NOT_NULL(test, dst);
	if (dst)
		KUNIT_EXPECT_EQ(test, folio_nid(dst), nid);
	if (quiet)
		folio_put(quiet);
	if (dst)
		folio_put(dst);
	folio_put(src);
}

static struct kunit_case swapmig_room_cases[] = {
	KUNIT_CASE(swapmig_test_boosted),
	{},
};

static struct kunit_suite swapmig_room_suite = {
	.name = "swapmig-room",
	.test_cases = swapmig_room_cases,
};

kunit_test_suite(swapmig_room_suite);

#endif /* _SWAPMIG_ROOM_TEST_H */

#endif /* CONFIG_SWAPMIG_KUNIT_TEST */

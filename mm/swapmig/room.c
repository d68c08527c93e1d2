// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: room on a node.
 *
 * How much a node can take before it falls below its low watermark, where kswapd
 * would wake, and how to allocate there without any reclaim.
 */

#include <linux/cpuset.h>
#include <linux/gfp.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/vmstat.h>

#include "internal.h"

/* ------------------------------------------------------------------------- */
/* How much is there?                                                         */
/* ------------------------------------------------------------------------- */

/*
 * Of @free pages those above the low watermark.  A boost for fragmentation's sake is left
 * out, as small pages are allocated despite one: see alloc_boosted().
 */
static long zone_above(struct zone *zone, unsigned long free)
{
	long low = READ_ONCE(zone->_watermark[WMARK_LOW]);

	/* What kernel allocations cannot use does not count for them */
	return (long)free - (long)zone_page_state(zone, NR_FREE_CMA_PAGES) -
	       (long)READ_ONCE(zone->nr_free_highatomic) - low -
	       zone->lowmem_reserve[gfp_zone(GFP_HIGHUSER_MOVABLE)];
}

/* Is there so much that what each CPU has not told yet makes no difference? */
static bool zone_has_plenty(struct zone *zone, long pages)
{
	unsigned long drift = max(READ_ONCE(zone->percpu_drift_mark),
				  2 * READ_ONCE(zone->_watermark[WMARK_HIGH]));

	return zone_above(zone, zone_page_state(zone, NR_FREE_PAGES)) > pages + (long)drift;
}

/* Where watermarks are near each other all that a full node has beyond them is less */
static long zone_slack(struct zone *zone)
{
	long between = (long)READ_ONCE(zone->_watermark[WMARK_HIGH]) -
		       (long)READ_ONCE(zone->_watermark[WMARK_LOW]);

	return clamp(between / 4, 1L, SWAPMIG_SLACK);
}

/*
 * What this CPU has at hand counts, as the next allocations are served from it;
 * but only while the zone itself stays above its watermark, which does not know
 * of it.  To return it costs more than to use it, so that comes last.  Of the slack
 * no more than @most is kept.
 */
static long zone_room(struct zone *zone, long most)
{
	long at_hand = READ_ONCE(raw_cpu_ptr(zone->per_cpu_pageset)->count);
	long slack = zone_slack(zone), above;

	above = zone_above(zone, zone_page_state_snapshot(zone, NR_FREE_PAGES));
	if (above < slack / 2 && at_hand > slack) {
		migrate_disable();
		drain_local_pages(zone);
		migrate_enable();
		above = zone_above(zone, zone_page_state_snapshot(zone, NR_FREE_PAGES));
		at_hand = 0;
	}
	return above + at_hand - min(slack, most);
}

/**
 * swapmig_node_room - how many pages can a node take?
 * @nid:	node
 * @slack:	base pages beyond the low watermark to leave in each zone, at most
 *
 * Context: process.
 * Return: base pages; less than 0: so many less than that has the largest of its zones.
 */
long swapmig_node_room(int nid, long slack)
{
	struct zone *zones = NODE_DATA(nid)->node_zones;
	unsigned long most = 0;
	long room = 0, lack = 0;
	int zid;

	for (zid = 0; zid < MAX_NR_ZONES; zid++) {
		long zone;

		if (!populated_zone(&zones[zid]))
			continue;
		zone = zone_room(&zones[zid], slack);
		room += max(zone, 0L);
		/* What a small zone lacks says little */
		if (zone_managed_pages(&zones[zid]) > most) {
			most = zone_managed_pages(&zones[zid]);
			lack = min(zone, 0L);
		}
	}
	return room ?: lack;
}

/**
 * swapmig_room - how many pages can the nodes of a goal take?
 * @goal:	the goal
 * @large:	of them what one node can take, or NULL
 *
 * Context: process.
 * Return: base pages.
 */
unsigned long swapmig_room(const struct swapmig_goal *goal, unsigned long *large)
{
	unsigned long room = 0, most = 0;
	int nid;

	for_each_node_mask(nid, goal->nodes) {
		unsigned long node;

		if (!node_state(nid, N_MEMORY))
			continue;
		node = max(swapmig_node_room(nid, SWAPMIG_SLACK), 0L);
		room += node;
		most = max(most, node);
	}
	if (large)
		*large = most;
	return room;
}

/**
 * swapmig_drain_nodes - return to nodes what CPUs have at hand of their zones
 * @nodes:	nodes; those without memory are left out
 *
 * Context: process; sleeps.
 */
void swapmig_drain_nodes(const nodemask_t *nodes)
{
	int nid, zid;

	for_each_node_mask(nid, *nodes) {
		struct zone *zones = NODE_DATA(nid)->node_zones;

		if (!node_state(nid, N_MEMORY))
			continue;
		for (zid = 0; zid < MAX_NR_ZONES; zid++)
			if (populated_zone(&zones[zid]))
				drain_all_pages(&zones[zid]);
	}
}

/* ------------------------------------------------------------------------- */
/* Allocation                                                                 */
/* ------------------------------------------------------------------------- */

/* Neither reclaims nor wakes kswapd nor complains */
#define QUIET_GFP	((GFP_HIGHUSER_MOVABLE & ~__GFP_RECLAIM) | __GFP_THISNODE | \
			 __GFP_NOWARN | __GFP_NOMEMALLOC | __GFP_COMP)

static void zone_unboost(struct zone *zone, unsigned long before)
{
	unsigned long flags;

	if (READ_ONCE(zone->watermark_boost) <= before)
		return;
	spin_lock_irqsave(&zone->lock, flags);
	zone->watermark_boost = min(zone->watermark_boost, before);
	spin_unlock_irqrestore(&zone->lock, flags);
}

/*
 * Only with __GFP_HIGH, and without reclaim, an allocation does not mind the cpuset of the
 * caller, nor, if it is of a small page, what others have raised.
 */
static noinline struct folio *alloc_boosted(gfp_t gfp, unsigned int order,
					    struct pglist_data *pgdat)
{
	unsigned long before[MAX_NR_ZONES];
	struct folio *folio;
	int zid;

	for (zid = 0; zid < pgdat->nr_zones; zid++)
		before[zid] = READ_ONCE(pgdat->node_zones[zid].watermark_boost);
	folio = __folio_alloc(gfp | __GFP_HIGH, order, pgdat->node_id, NULL);
	if (folio && order < pageblock_order)
		zone_unboost(folio_zone(folio), before[folio_zonenum(folio)]);
	return folio;
}

/*
 * An allocation that falls back to a block of another type raises the watermarks, so
 * that the next one, of whomever, wakes kswapd: not for ours.  Somebody else may have
 * done so at the same moment; a hint is lost, or stays, then.  What others have
 * raised stays until kswapd has run.  Whole blocks raise nothing.
 */
static struct folio *alloc_unboosted(gfp_t gfp, unsigned int order, int nid)
{
	struct pglist_data *pgdat = NODE_DATA(nid);
	struct folio *folio;
	int zid;

	for (zid = 0; zid < pgdat->nr_zones; zid++)
		if (unlikely(READ_ONCE(pgdat->node_zones[zid].watermark_boost)))
			return alloc_boosted(gfp, order, pgdat);
	folio = __folio_alloc(gfp, order, nid, NULL);
	if (folio && order < pageblock_order)
		zone_unboost(folio_zone(folio), 0);
	return folio;
}

/*
 * A huge page may be worth compaction, which with these two flags, and for one node,
 * is all that the allocator does for it; unless zones are to be reclaimed first.
 */
static gfp_t order_gfp(unsigned int order)
{
	if (order <= PAGE_ALLOC_COSTLY_ORDER || !IS_ENABLED(CONFIG_COMPACTION) ||
	    node_reclaim_enabled())
		return 0;
	return __GFP_DIRECT_RECLAIM | __GFP_NORETRY;
}

static bool pool_has(struct folio *src, int nid)
{
#ifdef CONFIG_HUGETLB_PAGE
	return folio_test_hugetlb(src) && folio_hstate(src)->free_huge_pages_node[nid];
#else
	return false;
#endif
}

static struct folio *alloc_hugetlb(struct folio *src, int nid, gfp_t gfp)
{
	nodemask_t nodes = nodemask_of_node(nid);

	return alloc_hugetlb_folio_nodemask(folio_hstate(src), nid, &nodes, gfp, false);
}

/* The same as swapmig_node_room(), for each page: where there is plenty that costs little */
static bool node_takes(int nid, long pages)
{
	struct zone *zones = NODE_DATA(nid)->node_zones;
	int zid;

	for (zid = MAX_NR_ZONES - 1; zid >= 0; zid--)
		if (populated_zone(&zones[zid]) && zone_has_plenty(&zones[zid], pages))
			return true;
	return swapmig_node_room(nid, SWAPMIG_SLACK) >= pages;
}

/*
 * One of hugetlbfs comes out of its pool, or else out of the room of the node.  What there
 * is for small pages on one node @alone the caller knows.  Beyond it an allocation without
 * reclaim would go on to the lowest watermark.
 */
static struct folio *alloc_on(struct folio *src, int nid, bool alone)
{
	unsigned int order = folio_order(src);
	gfp_t gfp = QUIET_GFP | order_gfp(order);

	if ((order || !alone) && !node_takes(nid, 1L << order) && !pool_has(src, nid))
		return NULL;
	if (folio_test_hugetlb(src))
		return alloc_hugetlb(src, nid, gfp);
	return alloc_unboosted(gfp, order, nid);
}

/**
 * swapmig_alloc_quiet - allocate where a goal says, if there is room
 * @src:	folio that will move
 * @private:	struct swapmig_goal
 *
 * That there is room for a small page, on one of the nodes, is for the caller to know;
 * and that the goal has nodes.
 *
 * Return: a folio on one of the goal's nodes, or NULL.
 */
struct folio *swapmig_alloc_quiet(struct folio *src, unsigned long private)
{
	struct swapmig_goal *goal = (struct swapmig_goal *)private;
	bool alone = nodes_weight(goal->nodes) == 1;
	int here = numa_mem_id(), nid;
	struct folio *folio;

	if (!node_isset(here, goal->nodes))
		here = first_node(goal->nodes);
	folio = alloc_on(src, here, alone);
	if (folio)
		return folio;
	for_each_node_mask(nid, goal->nodes) {
		folio = nid == here ? NULL : alloc_on(src, nid, alone);
		if (folio)
			break;
	}
	return folio;
}

/**
 * swapmig_alloc_victim - allocate for a folio that makes way
 * @src:	the folio
 * @private:	struct swapmig_way
 *
 * Parts of a huge page that had to be split may be more than there is room for.
 *
 * Return: a folio on that node, or NULL.
 */
struct folio *swapmig_alloc_victim(struct folio *src, unsigned long private)
{
	struct swapmig_way *way = (struct swapmig_way *)private;
	unsigned int order = folio_order(src);
	struct folio *folio;
	gfp_t gfp;

	if (way->room < 1L << order)
		return NULL;
	/* Its owner's cpuset was asked; the caller's does not matter, but for compaction */
	gfp = (QUIET_GFP & ~__GFP_HARDWALL) | order_gfp(order);
	if (order_gfp(order) || cpuset_node_allowed(way->nid, QUIET_GFP))
		folio = alloc_unboosted(gfp, order, way->nid);
	else
		folio = alloc_boosted(gfp, order, NODE_DATA(way->nid));
	if (folio)
		way->room -= 1L << order;
	return folio;
}

/**
 * swapmig_free_victim - it was not needed
 * @dst:	what swapmig_alloc_victim() had allocated
 * @private:	struct swapmig_way
 */
void swapmig_free_victim(struct folio *dst, unsigned long private)
{
	struct swapmig_way *way = (struct swapmig_way *)private;

	way->room += folio_nr_pages(dst);
	folio_put(dst);
}

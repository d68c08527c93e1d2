// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: room on a node.
 *
 * How much a node may take before it falls below its low watermark, which would
 * wake kswapd, and how folios are placed without going below it.
 */

#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/vmstat.h>

#include "internal.h"

/* Free pages beyond the low watermark that a request leaves on its target */
#define ROOM_SLACK	256UL

/* ------------------------------------------------------------------------- */
/* Is there room?                                                             */
/* ------------------------------------------------------------------------- */

/**
 * swapmig_boosted - has fragmentation raised the watermarks of a node?
 * @nodes:	nodes
 *
 * An allocation that falls back to a block of another type raises them, our own
 * too; kswapd takes that back, but nobody wakes it for ours.
 *
 * Return: true if one of @nodes keeps more free than its watermarks say.
 */
bool swapmig_boosted(const nodemask_t *nodes)
{
	int nid, zid;

	for_each_node_mask(nid, *nodes)
		for (zid = 0; zid < MAX_NR_ZONES; zid++)
			if (READ_ONCE(NODE_DATA(nid)->node_zones[zid].watermark_boost))
				return true;
	return false;
}

/**
 * swapmig_node_gfp - allocation flags for one node
 * @nid:	node
 * @gfp:	GFP_HIGHUSER_MOVABLE, or without __GFP_HARDWALL: @nid need not be in
 *		the cpuset of current
 *
 * Return: flags with which an allocation neither reclaims nor wakes kswapd, nor
 * complains, nor takes from another node.
 */
gfp_t swapmig_node_gfp(int nid, gfp_t gfp)
{
	const nodemask_t nodes = nodemask_of_node(nid);

	gfp = swapmig_quiet_gfp(gfp) | __GFP_THISNODE;
	/* The only flag with which a boost does not count */
	return swapmig_boosted(&nodes) ? gfp | __GFP_HIGH : gfp;
}

/**
 * swapmig_alloc_on - allocate for migration, quietly
 * @src:	folio to be replaced; not hugetlb
 * @nid:	node
 * @gfp:	GFP_HIGHUSER_MOVABLE, or without __GFP_HARDWALL: @nid need not be in
 *		the cpuset of current
 *
 * Neither reclaims nor wakes kswapd nor complains, and takes no reserves.
 * Without reclaim the allocator goes down to the min watermark.  That there is
 * more is for the caller to know, but for large folios, of which each counts.
 * A large folio finds no room that fragmentation's boost of a watermark hides.
 *
 * Return: a folio on @nid, or NULL.
 */
struct folio *swapmig_alloc_on(struct folio *src, int nid, gfp_t gfp)
{
	if (folio_test_large(src) &&
	    !swapmig_node_has_room(nid, folio_nr_pages(src)))
		return NULL;
	return __folio_alloc(swapmig_node_gfp(nid, gfp) | __GFP_COMP,
			     folio_order(src), nid, NULL);
}

/*
 * Free pages in the lists of a CPU count for no watermark, and the allocator
 * may take hundreds of pages there at once.  It would fail, and kswapd would
 * wake, for want of what is there.
 */
static void room_drain(struct zone *zone)
{
	int nid = zone_to_nid(zone), i;
	gfp_t gfp = swapmig_node_gfp(nid, GFP_HIGHUSER_MOVABLE) | __GFP_COMP;

	migrate_disable();
	drain_local_pages(zone);
	/* A CPU that never frees takes ever more at once; unlearn it that */
	for (i = 0; i <= CONFIG_PCP_BATCH_SCALE_MAX; i++) {
		struct page *page = alloc_pages_node(nid, gfp, 1);

		if (!page)
			break;
		__free_pages(page, 1);
	}
	migrate_enable();
}

/**
 * swapmig_drain_node - return to a node's zones what CPUs have at hand of it
 * @nid:	node
 *
 * Context: process; sleeps.
 */
void swapmig_drain_node(int nid)
{
	struct zone *zones = NODE_DATA(nid)->node_zones;
	int zid;

	for (zid = 0; zid < MAX_NR_ZONES; zid++)
		if (populated_zone(&zones[zid]))
			drain_all_pages(&zones[zid]);
}

/* Without a boost, as for the allocator: see swapmig_node_gfp() */
static bool room_zone_has(struct zone *zone, unsigned long pages)
{
	unsigned long low = READ_ONCE(zone->_watermark[WMARK_LOW]);

	return zone_watermark_ok(zone, 0, low + pages,
				 gfp_zone(GFP_HIGHUSER_MOVABLE), ALLOC_CMA);
}

/*
 * What this CPU has at hand counts, as the next allocations are served from it,
 * but only as long as the zone itself stays well above its watermark.  To return
 * it costs more than to use it, so that comes last.
 */
static bool room_zone_has_room(struct zone *zone, unsigned long pages)
{
	unsigned long at_hand;

	pages += ROOM_SLACK;
	at_hand = READ_ONCE(raw_cpu_ptr(zone->per_cpu_pageset)->count);
	if (room_zone_has(zone, max(ROOM_SLACK / 2,
				    pages - min(at_hand, pages))))
		return true;
	if (at_hand <= ROOM_SLACK)
		return false;
	room_drain(zone);
	return room_zone_has(zone, pages);
}

static bool room_node_has_room(int nid, unsigned long pages,
			       enum zone_type highest)
{
	struct zone *zones = NODE_DATA(nid)->node_zones;
	int zid;

	for (zid = 0; zid <= highest; zid++)
		if (populated_zone(&zones[zid]) &&
		    room_zone_has_room(&zones[zid], pages))
			return true;
	return false;
}

/**
 * swapmig_node_has_room - would so many pages leave a node above its watermark?
 * @nid:	node
 * @pages:	base pages
 *
 * Return: true if it would stay above low.
 */
bool swapmig_node_has_room(int nid, unsigned long pages)
{
	return room_node_has_room(nid, pages, ZONE_MOVABLE);
}

/**
 * swapmig_has_room - would so many pages leave a target above its watermark?
 * @req:	the request
 * @pages:	base pages
 *
 * Return: true if one of the nodes asked for would stay above low, or each of
 * them where the policy says which page goes where.
 */
bool swapmig_has_room(const struct swapmig_request *req, unsigned long pages)
{
	int nid;

	if (req->vacate && !swapmig_leaves_cache(req, pages))
		return false;
	for_each_node_mask(nid, req->nodes)
		if (node_state(nid, N_MEMORY) &&
		    room_node_has_room(nid, pages, req->zone) != req->each)
			return !req->each;
	return req->each;
}

/* ------------------------------------------------------------------------- */
/* Use it                                                                     */
/* ------------------------------------------------------------------------- */

/**
 * swapmig_count_lru_pages - count what needs room
 * @folios:	isolated folios
 *
 * Return: their base pages without hugetlb, which has a pool of its own.
 */
unsigned long swapmig_count_lru_pages(struct list_head *folios)
{
	struct swapmig_pages pages = swapmig_count_pages(folios);

	return pages.anon + pages.file;
}

/* Its parts are on @folios afterwards, isolated and counted like the whole */
static bool room_split(struct folio *folio, struct list_head *folios)
{
	int err;

	folio_lock(folio);
	err = folio_test_large(folio) ? split_folio_to_list(folio, folios) : 0;
	folio_unlock(folio);
	return !err;
}

/**
 * swapmig_place_some - hand as many folios to "direct" as there is room for
 * @folios:	isolated folios; those placed are gone afterwards
 * @pages:	base pages to place at most
 * @goal:	where they are to go
 *
 * Large folios that do not fit are passed over.  When nothing fits, but there is
 * some room, the first of them is split.
 *
 * Context: process; no locks held.  Sleeps.
 */
void swapmig_place_some(struct list_head *folios, unsigned long pages,
			const struct swapmig_goal *goal)
{
	struct folio *folio, *next, *large;
	LIST_HEAD(some);
	long room = pages;

	while (room && !swapmig_has_room(goal->req, room))
		room /= 2;
again:
	large = NULL;
	list_for_each_entry_safe(folio, next, folios, lru) {
		if (folio_test_hugetlb(folio))
			continue;
		if (folio_nr_pages(folio) <= room) {
			room -= folio_nr_pages(folio);
			list_move_tail(&folio->lru, &some);
		} else if (!large) {
			large = folio;
		}
	}
	if (room && large && list_empty(&some) && room_split(large, folios))
		goto again;
	if (!list_empty(&some))
		swapmig_place_direct(&some, goal);
	list_splice(&some, folios);
}

#include "tests/room_kunit.c"

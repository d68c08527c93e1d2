// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: memory that goes out of service.
 *
 * Pages of a block that is taken offline, or of a frame that went bad, have no
 * node that they are to go to, only one place where they must not stay.  The
 * other nodes make room for them by reclaiming what is coldest there; what
 * still finds none is evicted itself.
 */

#include <linux/log2.h>
#include <linux/memcontrol.h>
#include <linux/mm_inline.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include "internal.h"
#include "vacate.h"

/* Attempts to evict a page and to have its frame before somebody else has */
#define VACATE_BAD_TRIES	16
/* Reclaims in a row that found nothing, before it is no use */
#define VACATE_TRIES		4
/* Reclaims for one batch, which others may use up before us */
#define VACATE_ROUNDS		256
/* Page cache that running programs need, in high watermarks of the nodes that stay */
#define VACATE_CACHE		4

/* ------------------------------------------------------------------------- */
/* Room elsewhere                                                             */
/* ------------------------------------------------------------------------- */

#ifdef CONFIG_MIGRATION
/**
 * swapmig_leaves_cache - would programs find their page cache if so many pages came?
 * @req:	the request
 * @pages:	base pages
 *
 * Reclaim takes the last page of it, kswapd does when memory is filled to its low
 * watermark again and again, and who faults it back in is then out of memory.
 * With free swap slots, and leave to use them, there is something else to reclaim.
 *
 * Return: false if the nodes that stay are to take no more.
 */
bool swapmig_leaves_cache(const struct swapmig_request *req,
			  unsigned long pages)
{
	unsigned long have = 0, need = pages;
	int nid, zid;

	for_each_node_mask(nid, req->nodes) {
		struct pglist_data *pgdat = NODE_DATA(nid);

		have += sum_zone_node_page_state(nid, NR_FREE_PAGES) +
			node_page_state(pgdat, NR_ACTIVE_FILE) +
			node_page_state(pgdat, NR_INACTIVE_FILE);
		for (zid = 0; zid < MAX_NR_ZONES; zid++)
			if (managed_zone(&pgdat->node_zones[zid]))
				need += VACATE_CACHE *
					high_wmark_pages(&pgdat->node_zones[zid]);
	}
	return have >= need ||
	       (swapmig_evicts(req) && get_nr_swap_pages() > (long)pages);
}

/* Evicts what is coldest on the nodes that stay.  Returns pages. */
static unsigned long vacate_reclaim(struct swapmig_request *req, gfp_t gfp)
{
	struct zonelist *zonelist;
	unsigned long reclaimed;
	unsigned int flags;

	if (req->zone == ZONE_MOVABLE)
		gfp |= __GFP_HIGHMEM;
	zonelist = node_zonelist(first_node(req->nodes), gfp);
	fs_reclaim_acquire(gfp);
	flags = memalloc_noreclaim_save();
	reclaimed = try_to_free_pages(zonelist, 0, gfp, &req->nodes);
	memalloc_noreclaim_restore(flags);
	fs_reclaim_release(gfp);
	cond_resched();
	return reclaimed;
}

/**
 * swapmig_vacate_room - reclaim on the other nodes, then migrate
 * @folios:	isolated folios; those placed are gone afterwards
 * @goal:	where they are to go
 * @gfp:	__GFP_IO: also by writing to swap
 *
 * Once a request found nothing to reclaim four times in a row it does not look again.
 *
 * Context: process; no locks held.  Sleeps.
 */
void swapmig_vacate_room(struct list_head *folios,
			 const struct swapmig_goal *goal, gfp_t gfp)
{
	struct swapmig_request *req = goal->req;
	unsigned long left = swapmig_count_lru_pages(folios);
	bool *dry = gfp & __GFP_IO ? &req->dry_swap : &req->dry_cache;
	int rounds, tries = 0;

	for (rounds = 0; rounds < VACATE_ROUNDS && left && !*dry; rounds++) {
		unsigned long before = left;

		if (swapmig_interrupted(req) || !swapmig_leaves_cache(req, left))
			break;
		if (swapmig_has_room(req, left) || vacate_reclaim(req, gfp))
			tries = 0;
		else if (++tries >= VACATE_TRIES)
			*dry = true;
		swapmig_place_some(folios, left, goal);
		left = swapmig_count_lru_pages(folios);
		/* What has room and does not move lacks something else */
		if (left == before && swapmig_has_room(req, left))
			break;
	}
}
#endif

/* ------------------------------------------------------------------------- */
/* Requests                                                                   */
/* ------------------------------------------------------------------------- */

static void vacate_begin(struct swapmig_request *req,
			 const struct folio *folio,
			 const struct migration_target_control *mtc)
{
	/* As alloc_migration_target() has it */
	enum zone_type zone = folio_zonenum(folio) == ZONE_MOVABLE ?
			      ZONE_MOVABLE : ZONE_NORMAL;

	swapmig_begin_vacate(req, mtc->nid,
			     mtc->nmask ?: &node_states[N_MEMORY], zone,
			     mtc->reason);
}

/* For a large folio alloc_migration_target() reclaims, whatever the mask says */
static struct folio *vacate_alloc(struct folio *src, unsigned long private)
{
	struct migration_target_control *mtc = (void *)private;
	gfp_t gfp = mtc->gfp_mask | __GFP_COMP;

	if (!folio_test_large(src) || folio_test_hugetlb(src))
		return alloc_migration_target(src, private);
	if (folio_zonenum(src) == ZONE_MOVABLE)
		gfp |= __GFP_HIGHMEM;
	return __folio_alloc(gfp, folio_order(src), mtc->nid, mtc->nmask);
}

/**
 * swapmig_vacate - move folios off a block of memory
 * @folios:	isolated folios
 * @mtc:	the nodes that they may go to
 *
 * With the engine list "direct" it is migrate_pages(), and what could not be
 * moved stays on the list.  Otherwise the list is empty afterwards, the nodes
 * that folios go to stay above their low watermark, and what could not be placed
 * has been put back.
 *
 * Context: process; mem_hotplug_lock held, lru_cache_disable() called.  Sleeps.
 * Return: the number of folios that were not placed, or an errno.
 */
int swapmig_vacate(struct list_head *folios,
		   struct migration_target_control *mtc)
{
	struct migration_target_control quiet = *mtc;
	unsigned int idle = swapmig_offline_idle();
	struct swapmig_request req;
	long failed;

	/* Its other blocks are a place, too, if there is no better one */
	if (idle)
		node_set(mtc->nid, *mtc->nmask);
	vacate_begin(&req, list_first_entry(folios, struct folio, lru), mtc);
	/* Each time it may write all that is left, so less and less often */
	req.in_vain = idle && !is_power_of_2(idle);
	if (!req.quiet) {
		failed = swapmig_vacate_stock(folios, mtc);
	} else {
		quiet.gfp_mask = swapmig_quiet_gfp(mtc->gfp_mask);
		failed = swapmig_migrate(folios, vacate_alloc,
					 (unsigned long)&quiet, &req);
	}
	swapmig_end(&req);
	return failed;
}

/**
 * swapmig_vacate_bad - move a folio off a frame that went bad
 * @folios:	the isolated folio
 * @mtc:	where it may go
 * @freed:	set if the frame was freed: the caller has to catch it
 *
 * One page may use what the watermarks keep: the engine "direct" is the stock
 * one here.
 *
 * Context: process; mf_mutex held.  Sleeps.
 * Return: 0; or as migrate_pages(), with the folio still on the list.
 */
int swapmig_vacate_bad(struct list_head *folios,
		       struct migration_target_control *mtc, bool *freed)
{
	struct folio *folio = list_first_entry(folios, struct folio, lru);
	struct swapmig_request req;
	int failed = -EBUSY;

	vacate_begin(&req, folio, mtc);
	req.asked = folio_nr_pages(folio);
	/* What can be evicted needs no page, and nobody who worries about one */
	if (swapmig_evicts(&req))
		mtc->gfp_mask |= __GFP_NOWARN;
	if (IS_ENABLED(CONFIG_MIGRATION))
		failed = swapmig_vacate_stock(folios, mtc);
	if (IS_ENABLED(CONFIG_MIGRATION) && failed > 0) {
		/* A CPU may hold it that has just faulted it in */
		lru_add_drain_all();
		failed = swapmig_vacate_stock(folios, mtc);
	}
	if (failed && swapmig_evicts(&req) && !folio_test_hugetlb(folio) &&
	    !__folio_test_movable(folio) &&
	    !swapout_pages(folios, NUMA_NO_NODE)) {
		*freed = true;
		failed = 0;
	}
	if (failed)
		req.failed = req.asked;
	swapmig_end(&req);
	return failed;
}

/**
 * swapmig_bad_again - did somebody else get the frame that was freed?
 * @err:	result of the attempt; -EAGAIN becomes -EBUSY in the end
 * @tries:	attempts so far
 *
 * Return: true to soft-offline what is in the frame now.
 */
bool swapmig_bad_again(int *err, int *tries)
{
	if (*err != -EAGAIN)
		return false;
	*err = -EBUSY;
	return ++*tries < VACATE_BAD_TRIES;
}

/**
 * swapmig_isolate - isolate a folio whatever the kernel can do with it
 * @folio:	folio that the caller has a reference on
 * @list:	isolated folios
 *
 * Context: process; folio not locked.
 * Return: true if it is on @list, counted in NR_ISOLATED_*.
 */
bool swapmig_isolate(struct folio *folio, struct list_head *list)
{
	if (IS_ENABLED(CONFIG_MIGRATION))
		return isolate_folio_to_list(folio, list);
	if (folio_test_hugetlb(folio) || !folio_isolate_lru(folio))
		return false;
	list_add(&folio->lru, list);
	node_stat_mod_folio(folio, NR_ISOLATED_ANON + folio_is_file_lru(folio),
			    folio_nr_pages(folio));
	return true;
}

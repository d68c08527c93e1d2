// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: engine "direct", the kernel's own migrate_pages().
 *
 * With "displace" on the list it takes only what the target has room for, and
 * fetches a batch's new pages before it unmaps the first of the old ones.
 */

#include <linux/gfp.h>
#include <linux/hugetlb.h>
#include <linux/migrate.h>
#include <linux/mm.h>

#include "internal.h"

/* What the allocator is called with, for one node */
struct direct_target {
	const struct swapmig_goal *goal;
	struct list_head spare;
};

static struct folio *direct_alloc(struct folio *src, unsigned long private)
{
	struct direct_target *target = (struct direct_target *)private;
	const struct swapmig_goal *goal = target->goal;
	struct page *page;

	if (folio_test_hugetlb(src))
		return goal->get_new_folio(src, goal->private);
	if (folio_test_large(src) || list_empty(&target->spare))
		return swapmig_alloc_on(src, goal->nid, GFP_HIGHUSER_MOVABLE);
	page = list_first_entry(&target->spare, struct page, lru);
	list_del(&page->lru);
	return page_folio(page);
}

/*
 * Who touches a page that is unmapped waits for the whole batch, so it costs the
 * application less to allocate beforehand; and together it costs less at all.
 */
static int direct_place_on(struct list_head *folios, unsigned int small,
			   const struct swapmig_goal *goal)
{
	struct direct_target target = {
		.goal = goal,
		.spare = LIST_HEAD_INIT(target.spare),
	};
	int err;

	if (small)
		__alloc_pages_bulk(swapmig_node_gfp(goal->nid,
						    GFP_HIGHUSER_MOVABLE),
				   goal->nid, NULL, small, &target.spare, NULL);
	err = migrate_pages(folios, direct_alloc, NULL, (unsigned long)&target,
			    MIGRATE_SYNC, goal->reason, NULL);
	put_pages_list(&target.spare);
	return err;
}

/**
 * swapmig_place_direct - migrate without a look at the room that there is
 * @folios:	isolated folios; those placed are gone afterwards
 * @goal:	where they are to go
 *
 * With "displace" on the list its allocations do not reclaim the target.
 *
 * Context: process; no locks held.  Sleeps.
 * Return: 0, or the errno that ended it early, as of migrate_pages().
 */
int swapmig_place_direct(struct list_head *folios,
			 const struct swapmig_goal *goal)
{
	unsigned int small = 0;
	struct folio *folio;
	int err;

	list_for_each_entry(folio, folios, lru) {
		swapmig_forward_retag(folio, goal->nid, false);
		small += !folio_test_large(folio);
	}
	if (goal->req->quiet && goal->nid != NUMA_NO_NODE)
		err = direct_place_on(folios, small, goal);
	else
		err = migrate_pages(folios, goal->get_new_folio, NULL,
				    goal->private, MIGRATE_SYNC, goal->reason,
				    NULL);
	return min(err, 0);
}

/* Hugetlb folios have a pool of their own, whatever room there is */
static void direct_place_hugetlb(struct list_head *folios,
				 const struct swapmig_goal *goal)
{
	struct folio *folio, *next;
	LIST_HEAD(hugetlb);

	list_for_each_entry_safe(folio, next, folios, lru)
		if (folio_test_hugetlb(folio))
			list_move_tail(&folio->lru, &hugetlb);
	if (!list_empty(&hugetlb))
		swapmig_place_direct(&hugetlb, goal);
	list_splice(&hugetlb, folios);
}

/**
 * swapmig_try_direct - engine "direct"
 * @folios:	isolated folios; those placed are gone afterwards
 * @goal:	where they are to go
 *
 * Without room it is for "displace" to make some, before the target is dry.
 *
 * Context: process; no locks held.  Sleeps.
 * Return: 0, or the errno that ended it early, as of migrate_pages(); -ENOMEM
 * when there is no room for all of them.
 */
int swapmig_try_direct(struct list_head *folios,
		       const struct swapmig_goal *goal)
{
	unsigned long pages = goal->pages.anon + goal->pages.file;

	if (goal->req->quiet && pages && !swapmig_has_room(goal->req, pages)) {
		direct_place_hugetlb(folios, goal);
		return -ENOMEM;
	}
	return swapmig_place_direct(folios, goal);
}

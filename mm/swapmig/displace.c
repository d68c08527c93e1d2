// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: engine "displace".
 *
 * The node that pages are to go to is full.  Its coldest folios move to the
 * node that the pages come from, a few at a time, and make room for a few of
 * the pages, which make room for the next of its folios: one hole rotates
 * through the two nodes.  No allocation here reclaims or wakes kswapd.
 */

#include <linux/memcontrol.h>
#include <linux/mmzone.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/vmstat.h>

#include "internal.h"

#include <trace/events/swapmig.h>

/* Attempts with room, or for victims that find none, before it is no use */
#define DISPLACE_TRIES		4
/* Naps of 10 ms for requests that are about to move what is in the way: in a row
 * while none places a page, and in all while this one does not
 */
#define DISPLACE_NAPS		50
#define DISPLACE_NAPS_IN_ALL	500

/* ------------------------------------------------------------------------- */
/* Victims                                                                    */
/* ------------------------------------------------------------------------- */

/* Returns the number of pages freed */
static unsigned long displace_drop(struct list_head *folios, int nid)
{
	struct swapmig_pages before, after;
	struct folio *folio;
	unsigned int flags;

	if (list_empty(folios))
		return 0;
	before = swapmig_count_pages(folios);
	list_for_each_entry(folio, folios, lru)
		folio_clear_active(folio);
	flags = memalloc_noreclaim_save();
	reclaim_isolated_folios(folios, NODE_DATA(nid));
	memalloc_noreclaim_restore(flags);
	after = swapmig_count_pages(folios);
	mod_node_page_state(NODE_DATA(nid), NR_ISOLATED_FILE,
			    after.file - before.file);
	swapmig_putback_folios(folios);
	return before.file - after.file;
}

static struct folio *displace_alloc(struct folio *src, unsigned long private)
{
	/* It need not be in the caller's cpuset: the victim's was asked */
	return swapmig_alloc_on(src, private,
				GFP_HIGHUSER_MOVABLE & ~__GFP_HARDWALL);
}

/* Returns the number of pages moved */
static unsigned long displace_move(struct list_head *folios, int to, int reason)
{
	unsigned int moved = 0;

	if (list_empty(folios))
		return 0;
	migrate_pages(folios, displace_alloc, NULL, to, MIGRATE_ASYNC, reason,
		      &moved);
	swapmig_putback_folios(folios);
	return moved;
}

/*
 * So many pages are moved to a node at once.  It gets as many back as soon as
 * there is room, so a batch may take it below its watermark meanwhile.
 */
static unsigned long displace_room(int to, unsigned long pages,
				   unsigned int batch)
{
	while (pages > batch && !swapmig_node_has_room(to, pages))
		pages = max(pages / 2, (unsigned long)batch);
	return pages;
}

/**
 * displace_node - make room on a node
 * @req:	the request
 * @nid:	the full node
 * @to:		node that its coldest folios go to
 * @pages:	base pages to make room for
 *
 * Return: base pages that left @nid.
 */
static unsigned long displace_node(struct swapmig_request *req, int nid, int to,
				   unsigned long pages)
{
	struct swapmig_scan *scan = &req->scan;
	unsigned long moved = 0, dropped = 0, scanned;
	int tries = 0;

	if (scan->to != to)
		nodes_clear(req->dry);
	if (node_isset(nid, req->dry))
		return 0;
	swapmig_victims_start(req, nid, to);
	scanned = scan->scanned;
	while (moved + dropped < 2 * pages && tries < DISPLACE_TRIES &&
	       !swapmig_node_has_room(nid, pages)) {
		unsigned long n, m;
		LIST_HEAD(move);
		LIST_HEAD(drop);

		if (!swapmig_victims_isolate(scan, displace_room(to, pages,
								 req->batch),
					     req->batch, &move, &drop)) {
			node_set(nid, req->dry);
			break;
		}
		n = displace_drop(&drop, nid);
		m = displace_move(&move, to, req->reason);
		dropped += n;
		moved += m;
		tries = n + m ? 0 : tries + 1;
	}
	if (moved + dropped)
		req->displaced = true;
	count_vm_events(SWAPMIG_DISPLACED, moved);
	count_vm_events(SWAPMIG_DROPPED, dropped);
	trace_swapmig_displace(nid, to, pages, scan->scanned - scanned, moved,
			       dropped);
	return moved + dropped;
}

/* Makes room on the nodes asked for.  Returns base pages that left them. */
static unsigned long displace_make_room(struct swapmig_request *req, int to,
					unsigned long pages)
{
	unsigned long moved = 0;
	int nid;

	for_each_node_mask(nid, req->nodes)
		if (nid != to && node_state(nid, N_MEMORY))
			moved += displace_node(req, nid, to, pages);
	return moved;
}

/* ------------------------------------------------------------------------- */
/* Debts                                                                      */
/* ------------------------------------------------------------------------- */

/*
 * Pages that a changed cpuset.mems left behind for want of room.  Nobody is told
 * how many stayed, so nobody asks again: two cpusets that change places do so
 * one after the other, and the first finds the pages of the second where they
 * have to stay until its own turn.  So the second pays the debt of the first.
 */
#define DISPLACE_DEBTS		8

struct displace_debt {
	struct mm_struct *mm;	/* with mmgrab(), or NULL */
	int from;
	int to;
};

static struct displace_debt displace_debts[DISPLACE_DEBTS];
static unsigned int displace_next_debt;
static DEFINE_SPINLOCK(displace_debt_lock);
/* Under which a debt is paid: that request does not pay others' in turn */
static struct task_struct *displace_payer;

/* An old debt is forgotten for a new one, so that few mm are held */
static void displace_owe(struct swapmig_request *req)
{
	struct displace_debt *debt;
	struct mm_struct *old;

	mmgrab(req->mm);
	spin_lock(&displace_debt_lock);
	debt = &displace_debts[displace_next_debt++ % DISPLACE_DEBTS];
	old = debt->mm;
	*debt = (struct displace_debt) { req->mm, req->from, req->to };
	spin_unlock(&displace_debt_lock);
	if (old)
		mmdrop(old);
}

/* Takes a debt whose pages want to go to @nid, or one of a process that is gone */
static bool displace_take_debt(int nid, struct displace_debt *taken)
{
	bool found = false;
	int i;

	spin_lock(&displace_debt_lock);
	for (i = 0; i < DISPLACE_DEBTS && !found; i++) {
		struct displace_debt *debt = &displace_debts[i];

		if (!debt->mm ||
		    (debt->to != nid && atomic_read(&debt->mm->mm_users)))
			continue;
		*taken = *debt;
		debt->mm = NULL;
		found = true;
	}
	spin_unlock(&displace_debt_lock);
	return found;
}

/* Has the cpuset of its owner changed once more since? */
static bool displace_debt_stands(const struct displace_debt *debt)
{
	struct task_struct *owner;
	bool stands = false;

	rcu_read_lock();
	owner = rcu_dereference(debt->mm->owner);
	if (owner) {
		task_lock(owner);
		stands = node_isset(debt->to, owner->mems_allowed) &&
			 !node_isset(debt->from, owner->mems_allowed);
		task_unlock(owner);
	}
	rcu_read_unlock();
	return stands;
}

static void displace_pay(int nid)
{
	struct displace_debt debt;
	int i;

	if (cmpxchg(&displace_payer, NULL, current))
		return;
	for (i = 0; i < DISPLACE_DEBTS && displace_take_debt(nid, &debt); i++) {
		if (mmget_not_zero(debt.mm)) {
			nodemask_t from = nodemask_of_node(debt.from);
			nodemask_t to = nodemask_of_node(debt.to);

			if (displace_debt_stands(&debt))
				do_migrate_pages(debt.mm, &from, &to,
						 MPOL_MF_MOVE_ALL);
			mmput(debt.mm);
		}
		mmdrop(debt.mm);
	}
	WRITE_ONCE(displace_payer, NULL);
}

/**
 * swapmig_displace_end - leave the nodes of a request as one would find them
 * @req:	the request, which is on the list of requests no more
 *
 * Context: process; no locks held.  Sleeps.
 */
void swapmig_displace_end(struct swapmig_request *req)
{
	int nid;

	if (req->displaced)
		for_each_node_mask(nid, req->nodes)
			swapmig_drain_node(nid);
	/* Only a worker serves cpusets */
	if (!(current->flags & PF_KTHREAD) || !req->quiet || !req->mm)
		return;
	if (READ_ONCE(displace_payer) == current)
		return;
	if (req->failed && req->noroom)
		displace_owe(req);
	displace_pay(req->from);
}

/* ------------------------------------------------------------------------- */
/* The engine                                                                 */
/* ------------------------------------------------------------------------- */

/* Pages that have been placed by any request, to see whether one gets on */
static atomic_long_t displace_placed = ATOMIC_LONG_INIT(0);

/*
 * The pages that are in the way are those of another request, which will move
 * them where they belong.  Returns false if it does not get on, or if that has
 * not helped this request for long.
 */
static bool displace_wait(struct swapmig_request *req, unsigned long pages)
{
	long placed = atomic_long_read(&displace_placed);
	int naps;

	for (naps = 0; naps < DISPLACE_NAPS; naps++) {
		if (req->waited >= DISPLACE_NAPS_IN_ALL)
			return false;
		req->waited++;
		if (schedule_timeout_killable(max(HZ / 100, 1)) ||
		    fatal_signal_pending(current))
			return false;
		if (swapmig_has_room(req, pages) ||
		    atomic_long_read(&displace_placed) != placed) {
			/* What is in the way has changed */
			swapmig_victims_again(req);
			return true;
		}
	}
	/* Nor will it for the next batch, unless that finds room otherwise */
	req->waited = DISPLACE_NAPS_IN_ALL;
	return false;
}

static int displace_source(struct list_head *folios)
{
	struct folio *folio;

	list_for_each_entry(folio, folios, lru)
		if (!folio_test_hugetlb(folio))
			return folio_nid(folio);
	return NUMA_NO_NODE;
}

/**
 * swapmig_place_displace - make room on the target, then migrate
 * @folios:	isolated folios; those placed are gone afterwards
 * @goal:	where they are to go
 *
 * Hugetlb folios have a pool of their own; no room is made for them.
 *
 * Context: process; no locks held.  Sleeps.
 * Return: 0.
 */
int swapmig_place_displace(struct list_head *folios,
			   const struct swapmig_goal *goal)
{
	struct swapmig_request *req = goal->req;
	unsigned long left = swapmig_count_lru_pages(folios);
	bool victims = true, drained = false;
	int tries = 0, nid;

	if (req->vacate) {
		/* There is no node that victims could go to */
		swapmig_vacate_room(folios, goal, GFP_NOIO | __GFP_MOVABLE);
		return 0;
	}
	while (left && tries < DISPLACE_TRIES && !fatal_signal_pending(current)) {
		unsigned long before = left, moved = 0;
		int source = displace_source(folios);

		if (!swapmig_has_room(req, left))
			moved = displace_make_room(req, source, left);
		swapmig_place_some(folios, left, goal);
		left = swapmig_count_lru_pages(folios);
		atomic_long_add(before - left, &displace_placed);
		if (left < before) {
			req->waited = 0;
			tries = 0;
			continue;
		}
		tries++;
		if (moved || swapmig_has_room(req, left))
			continue;
		if (!drained) {
			/* Other CPUs may sit on what the nodes have free */
			for_each_node_mask(nid, req->nodes)
				swapmig_drain_node(nid);
			swapmig_drain_node(source);
			drained = true;
			continue;
		}
		victims = false;
		if (!req->scan.leaving || !displace_wait(req, left))
			break;
		victims = true;
		tries = 0;
	}
	if (left && !swapmig_has_room(req, left))
		req->noroom = true;
	if (left && !victims)
		count_vm_event(SWAPMIG_NO_VICTIM);
	return 0;
}

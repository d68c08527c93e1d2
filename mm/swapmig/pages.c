// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: move_pages(2).
 *
 * The caller names single pages, and is told of each of them: the node, if it has
 * gone there, or why it has not.  One that stays does not end the call.
 */

#include <linux/compat.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/pagewalk.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../internal.h"
#include "internal.h"

/* What is busy at the moment is tried once more */
#define PAGES_TRIES	2

/* A page that comes and goes is looked at so often */
#define PAGES_LOOKS	3

/* One that somebody has in hand is waited for so often; and all of them */
#define PAGES_NAPS	64
#define PAGES_NAPS_IN_ALL	256

/**
 * struct swapmig_pages - a call of move_pages(2)
 * @mm:		address space
 * @add:	isolates one page
 * @shared:	MPOL_MF_MOVE_ALL
 * @pages:	the caller's addresses, an array of pointers of its own size
 * @nodes:	a node for each
 * @status:	what became of each
 * @goal:	where those that are queued go
 * @mtc:	the same for alloc_migration_target()
 * @folios:	isolated folios, all for one node
 * @size:	their size in pages
 * @seen:	pages that were looked at since the queue was empty
 * @full:	nodes on which there was no room
 * @stuck:	addresses of a large folio that could not move, and its status
 * @failed:	pages that were isolated and did not move
 * @naps:	for pages that somebody had in hand
 * @nr:		pages that are queued
 * @queue:	their addresses, and where in the caller's arrays they stand
 */
struct swapmig_pages {
	struct mm_struct *mm;
	swapmig_add_fn *add;
	bool shared;
	const void __user *pages;
	const int __user *nodes;
	int __user *status;
	struct swapmig_goal goal;
	struct migration_target_control mtc;
	struct list_head folios;
	unsigned long size;
	unsigned int seen;
	nodemask_t full;
	struct {
		unsigned long start;
		unsigned long end;
		int status;
	} stuck;
	long failed;
	unsigned int naps;
	unsigned int nr;
	struct {
		const void __user *addr;
		unsigned long index;
	} queue[SWAPMIG_WINDOW];
};

static int pages_get(const struct swapmig_pages *sp, unsigned long i,
		     const void __user **addr, int *node)
{
	if (in_compat_syscall()) {
		const compat_uptr_t __user *pages = sp->pages;
		compat_uptr_t compat;

		if (get_user(compat, pages + i))
			return -EFAULT;
		*addr = compat_ptr(compat);
	} else {
		const void __user * const __user *pages = sp->pages;

		if (get_user(*addr, pages + i))
			return -EFAULT;
	}
	return get_user(*node, sp->nodes + i) ? -EFAULT : 0;
}

static int pages_put(const struct swapmig_pages *sp, unsigned long i, int status)
{
	return put_user(status, sp->status + i) ? -EFAULT : 0;
}

/* Isolates a page, and queues it.  Returns 1, 0 if it is there already, or -errno. */
static int pages_add(struct swapmig_pages *sp, const void __user *addr,
		     unsigned long i)
{
	int ret = sp->add(sp->mm, addr, sp->goal.nid, &sp->folios, sp->shared);

	if (ret <= 0)
		return ret;
	sp->size += folio_nr_pages(list_last_entry(&sp->folios, struct folio, lru));
	sp->queue[sp->nr].addr = addr;
	sp->queue[sp->nr++].index = i;
	return 1;
}

/* Why a folio has not moved; the other pages of a large one need not be tried */
static int pages_why(struct swapmig_pages *sp, struct vm_area_struct *vma,
		     unsigned long addr, struct page *page)
{
	struct folio *folio = page_folio(page);
	int status = -EBUSY;

	if (!swapmig_pinned(folio) && swapmig_lacked_room(&sp->goal, folio))
		status = -ENOMEM;
	if (folio_test_large(folio)) {
		unsigned long before = folio_page_idx(folio, page) * PAGE_SIZE;

		sp->stuck.start = max(vma->vm_start, (addr & PAGE_MASK) - before);
		sp->stuck.end = (addr & PAGE_MASK) - before + folio_size(folio);
		sp->stuck.status = status;
	}
	return status;
}

/* Has the page at @addr arrived?  As pages_arrived(); -EAGAIN: it is in between. */
static int pages_look(struct swapmig_pages *sp, struct vm_area_struct *vma,
		      unsigned long addr, bool *mapped)
{
	int nid = sp->goal.nid, status;
	struct folio_walk fw;
	struct folio *folio;

	folio = folio_walk_start(&fw, vma, addr, FW_ZEROPAGE);
	*mapped = folio;
	if (!folio) {
		/* Reclaim unmaps a page before it knows whether it can go */
		status = swapmig_absent(vma, addr);
		if (status == SWAPMIG_OUT)
			return nid;
		return status < 0 || status == nid ? status : -EBUSY;
	}
	if (is_zero_folio(folio) || is_huge_zero_folio(folio))
		status = -EFAULT;
	else if (folio_nid(folio) == nid)
		status = nid;
	else
		status = pages_why(sp, vma, addr, fw.page);
	folio_walk_end(&fw, vma);
	return status;
}

/* The area of the caller's address @p, with the mmap lock held; else an errno */
static struct vm_area_struct *pages_vma(struct swapmig_pages *sp, const void __user *p,
					unsigned long *addr)
{
	struct vm_area_struct *vma;

	if (mmap_read_lock_killable(sp->mm))
		return ERR_PTR(-EBUSY);
	*addr = (unsigned long)untagged_addr_remote(sp->mm, p);
	vma = vma_lookup(sp->mm, *addr);
	if (vma)
		return vma;
	mmap_read_unlock(sp->mm);
	return ERR_PTR(-EFAULT);
}

/*
 * Has a page that was queued arrived?  Returns the node, or -errno; -EAGAIN: it has
 * not, and can be isolated again, if @again.
 */
static int pages_arrived(struct swapmig_pages *sp, const void __user *p, bool again)
{
	int status = -EAGAIN, looks;
	struct vm_area_struct *vma;
	bool mapped = false;
	unsigned long addr;

	vma = pages_vma(sp, p, &addr);
	if (IS_ERR(vma))
		return PTR_ERR(vma);
	for (looks = 0; status == -EAGAIN && looks < PAGES_LOOKS; looks++)
		status = pages_look(sp, vma, addr, &mapped);
	mmap_read_unlock(sp->mm);
	if (status == -EAGAIN)
		return -EBUSY;
	if ((status == -EBUSY || status == -ENOMEM) && mapped && again) {
		sp->stuck.end = 0;
		return -EAGAIN;
	}
	return status;
}

static int pages_store(struct swapmig_pages *sp, unsigned long i, int status)
{
	/* What is gone, or somebody else's by now, is no failure */
	sp->failed += status == -EBUSY || status == -ENOMEM;
	return pages_put(sp, i, status);
}

/*
 * Tells the caller of those that are queued, once the engines are done with them.
 * What is still where it was goes into the queue again, if @again.
 */
static int pages_tell(struct swapmig_pages *sp, long ret, bool again)
{
	unsigned int i, nr = sp->nr;
	int err = 0;

	sp->nr = 0;
	sp->size = 0;
	for (i = 0; i < nr; i++) {
		const void __user *addr = sp->queue[i].addr;
		unsigned long index = sp->queue[i].index;
		int status = sp->goal.nid;

		/* In the most frequent case there is no need to look */
		if (ret)
			status = pages_arrived(sp, addr, again);
		if (status == -EAGAIN) {
			status = pages_add(sp, addr, index);
			if (status > 0)
				continue;
			status = status ?: sp->goal.nid;
		}
		err = pages_store(sp, index, status) ?: err;
	}
	return err;
}

/* A page in the swap cache keeps its slot: that forgets what an older request said */
static void pages_retag(struct swapmig_pages *sp, bool swaps)
{
	struct folio *folio;

	list_for_each_entry(folio, &sp->folios, lru)
		swapmig_tag_folio(folio, swaps ? sp->goal.nid : NUMA_NO_NODE);
}

static bool pages_any(const struct swapmig_pages *sp,
		      bool (*test)(const struct folio *folio))
{
	struct folio *folio;

	list_for_each_entry(folio, &sp->folios, lru)
		if (test(folio))
			return true;
	return false;
}

static long pages_full(struct swapmig_pages *sp)
{
	sp->goal.err = -ENOMEM;
	return swapmig_leave(&sp->folios, &sp->goal) ? -ENOMEM : 0;
}

/* Once a node is full it is not asked for more, unless there is another way */
static long pages_place(struct swapmig_pages *sp)
{
	bool swaps = swapmig_swaps(sp->goal.engines);
	long unseen = sp->goal.unseen;
	bool large;
	long ret;

	/* Pages of hugetlbfs have a pool of their own */
	if (node_isset(sp->goal.nid, sp->full) && !pages_any(sp, folio_test_hugetlb))
		return pages_full(sp);
	/* No room for one of these says nothing of small ones */
	large = pages_any(sp, folio_test_large);
	pages_retag(sp, swaps);
	ret = swapmig_place(&sp->folios, &sp->goal);
	if (ret == -ENOMEM && !swaps && !large)
		node_set(sp->goal.nid, sp->full);
	return ret ?: sp->goal.unseen - unseen;
}

/* All that is queued goes to its node.  Returns 0, -EFAULT or -EINTR. */
static int pages_flush(struct swapmig_pages *sp)
{
	unsigned long begin = sp->goal.push.sweep, sweep = 0;
	int err = 0, try;

	for (try = 1; sp->nr; try++) {
		const struct swapmig_tally before = sp->goal.tally;
		bool again;
		long ret;

		sp->goal.hold = PAGES_TRIES - min(try, PAGES_TRIES);
		/* The same have asked before */
		sp->goal.push.sweep = begin;
		ret = pages_place(sp);
		sweep = max(sweep, sp->goal.push.sweep);
		sp->goal.push.sweep = sweep;
		again = sp->goal.hold && ret > 0 && !fatal_signal_pending(current);
		err = pages_tell(sp, ret, again) ?: err;
		if (sp->nr) {
			/* What stayed is met again, and is not to be counted twice */
			memcpy(sp->goal.tally.left, before.left, sizeof(before.left));
			memcpy(sp->goal.tally.stayed, before.stayed,
			       sizeof(before.stayed));
		}
	}
	sp->seen = 0;
	return fatal_signal_pending(current) ? -EINTR : err;
}

/* From here on pages go to @node */
static int pages_turn(struct swapmig_pages *sp, int node)
{
	int err = pages_flush(sp);

	swapmig_goal_node(&sp->goal, &sp->mtc, node);
	sp->stuck.end = 0;
	return err;
}

static bool pages_stuck(const struct swapmig_pages *sp, const void __user *addr)
{
	return (unsigned long)addr >= sp->stuck.start &&
	       (unsigned long)addr < sp->stuck.end;
}

/*
 * Has somebody else a page in hand that cannot be isolated?  Then nap.  Returns 1 if it
 * is to be tried once more, 0 if not, or an errno that ends the call.
 */
static int pages_in_hand(struct swapmig_pages *sp, const void __user *p, int ret)
{
	struct vm_area_struct *vma;
	unsigned long addr;
	int err;

	if ((ret != -EBUSY && ret != -ENOENT) || !sp->goal.quiet ||
	    sp->naps >= PAGES_NAPS_IN_ALL)
		return 0;
	vma = pages_vma(sp, p, &addr);
	if (IS_ERR(vma))
		return 0;
	if (ret == -ENOENT)
		ret = swapmig_absent(vma, addr);
	else if (is_vm_hugetlb_page(vma) ||
		 swapmig_unlisted(vma, addr, addr + 1, &node_states[N_MEMORY]))
		ret = 0;
	mmap_read_unlock(sp->mm);
	if (ret != -EBUSY && ret != -EAGAIN)
		return 0;
	/* Others may need what is queued */
	err = sp->nr ? pages_flush(sp) : 0;
	if (err)
		return err;
	sp->naps++;
	lru_cache_enable();
	err = swapmig_nap(&sp->goal);
	lru_cache_disable();
	return err;
}

/*
 * Queues the page at index @i of the caller's arrays.  Returns 1; 0 if it need not be
 * queued, or cannot, which *status tells; or an errno that ends the call.
 */
static int pages_queue(struct swapmig_pages *sp, const void __user *addr,
		       unsigned long i, int *status)
{
	int naps = 0, ret;

	do {
		*status = sp->stuck.status;
		if (pages_stuck(sp, addr))
			return 0;
		ret = pages_add(sp, addr, i);
		if (ret > 0)
			return 1;
		*status = ret ?: sp->goal.nid;
		/* We have it ourselves, if it is a part of a folio that is queued */
		if (ret == -EBUSY && sp->nr)
			ret = pages_flush(sp) ?: 1;
		else
			ret = naps++ < PAGES_NAPS ? pages_in_hand(sp, addr, ret) : 0;
	} while (ret > 0);
	return ret;
}

/* The page at index @i of the caller's arrays.  Returns 0, or an errno that ends it. */
static int pages_one(struct swapmig_pages *sp, unsigned long i,
		     const nodemask_t *allowed)
{
	const void __user *addr;
	int node, err, status;

	err = pages_get(sp, i, &addr, &node);
	if (err)
		return err;
	if (node < 0 || node >= MAX_NUMNODES || !node_state(node, N_MEMORY))
		return -ENODEV;
	if (!node_isset(node, *allowed))
		return -EACCES;

	if (node != sp->goal.nid)
		err = pages_turn(sp, node);
	else if (sp->size >= SWAPMIG_WINDOW || ++sp->seen >= SWAPMIG_WINDOW)
		err = pages_flush(sp);
	if (err)
		return err;

	err = pages_queue(sp, addr, i, &status);
	return err ? min(err, 0) : pages_store(sp, i, status);
}

/**
 * swapmig_move_pages - move single pages, each to a node of its own
 * @mm:		address space
 * @allowed:	nodes that its cpuset allows
 * @nr:		number of pages
 * @pages:	their addresses, an array of pointers of the caller's size
 * @nodes:	where they are to go
 * @status:	for each page its node, or an errno: -ENOENT, -EFAULT and -EACCES as
 *		ever, -EBUSY if it could not move, -ENOMEM without room on its node
 * @shared:	MPOL_MF_MOVE_ALL: also pages that other processes map
 * @add:	isolates one page
 *
 * Context: process; no locks held.  Sleeps.
 * Return: the number of pages that were to move and did not; -EFAULT, -ENODEV or
 * -EACCES for the first pointer or node that is not valid, where the call ends;
 * -ENOMEM, or -EINTR.
 */
int swapmig_move_pages(struct mm_struct *mm, const nodemask_t *allowed,
		       unsigned long nr, const void __user *pages,
		       const int __user *nodes, int __user *status, bool shared,
		       swapmig_add_fn *add)
{
	struct swapmig_pages *sp;
	unsigned long i;
	int err = 0;
	long ret;

	sp = kzalloc(sizeof(*sp), GFP_KERNEL);
	if (!sp)
		return -ENOMEM;
	sp->mm = mm;
	sp->add = add;
	sp->shared = shared;
	sp->pages = pages;
	sp->nodes = nodes;
	sp->status = status;
	INIT_LIST_HEAD(&sp->folios);
	swapmig_goal_node(&sp->goal, &sp->mtc, NUMA_NO_NODE);
	swapmig_begin(&sp->goal, mm, NUMA_NO_NODE, swapmig_engines());

	lru_cache_disable();
	for (i = 0; i < nr && !err; i++) {
		err = pages_one(sp, i, allowed);
		cond_resched();
	}
	/* What was queued before an error moves all the same */
	ret = pages_flush(sp);
	lru_cache_enable();

	if (!ret)
		ret = min_t(long, sp->failed, INT_MAX);
	if (err)
		ret = err;
	/* It may have had several targets */
	sp->goal.nid = NUMA_NO_NODE;
	ret = swapmig_end(&sp->goal, ret);
	kfree(sp);
	return ret;
}

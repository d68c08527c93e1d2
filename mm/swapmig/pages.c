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
 * @failed:	pages that were isolated and did not move
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
	long failed;
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

/* Has a page that was queued arrived?  Returns the node, or -errno. */
static int pages_arrived(const struct swapmig_pages *sp, const void __user *p)
{
	struct vm_area_struct *vma;
	int status = -ENOENT;
	struct folio_walk fw;
	unsigned long addr;
	struct folio *folio;

	mmap_read_lock(sp->mm);
	addr = (unsigned long)untagged_addr_remote(sp->mm, p);
	vma = vma_lookup(sp->mm, addr);
	if (vma) {
		folio = folio_walk_start(&fw, vma, addr, FW_ZEROPAGE);
		if (folio) {
			status = folio_nid(folio);
			folio_walk_end(&fw, vma);
		} else if (swapmig_swaps(sp->goal.engines)) {
			/* It is on its way, and counts as placed */
			status = sp->goal.nid;
		}
	}
	mmap_read_unlock(sp->mm);
	return status < 0 || status == sp->goal.nid ? status : -EBUSY;
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
			status = pages_arrived(sp, addr);
		if (status == -EBUSY && again) {
			status = pages_add(sp, addr, index);
			if (status > 0)
				continue;
			status = status ?: sp->goal.nid;
		}
		if (status == -EBUSY && ret == -ENOMEM)
			status = -ENOMEM;
		/* What is gone, or somebody else's by now, is no failure */
		sp->failed += status == -EBUSY || status == -ENOMEM;
		err = pages_put(sp, index, status) ?: err;
	}
	return err;
}

/* All that is queued goes to its node.  Returns 0, -EFAULT or -EINTR. */
static int pages_flush(struct swapmig_pages *sp)
{
	int err = 0, try;

	for (try = 1; sp->nr; try++) {
		const struct swapmig_tally before = sp->goal.tally;
		long unseen = sp->goal.unseen;
		bool again;
		long ret;

		ret = swapmig_place(&sp->folios, &sp->goal);
		if (!ret)
			ret = sp->goal.unseen - unseen;
		again = try < PAGES_TRIES && ret > 0 &&
			!fatal_signal_pending(current);
		if (again) {
			/* What stayed is met again, and is not to be counted twice */
			memcpy(sp->goal.tally.left, before.left, sizeof(before.left));
			memcpy(sp->goal.tally.stayed, before.stayed,
			       sizeof(before.stayed));
		}
		err = pages_tell(sp, ret, again) ?: err;
	}
	return fatal_signal_pending(current) ? -EINTR : err;
}

/* The page at index @i of the caller's arrays.  Returns 0, or an errno that ends it. */
static int pages_one(struct swapmig_pages *sp, unsigned long i,
		     const nodemask_t *allowed)
{
	const void __user *addr;
	int node, err, ret;

	err = pages_get(sp, i, &addr, &node);
	if (err)
		return err;
	if (node < 0 || node >= MAX_NUMNODES || !node_state(node, N_MEMORY))
		return -ENODEV;
	if (!node_isset(node, *allowed))
		return -EACCES;

	if (node != sp->goal.nid || sp->size >= SWAPMIG_WINDOW) {
		err = pages_flush(sp);
		sp->goal.nid = node;
		sp->mtc.nid = node;
		if (err)
			return err;
	}
	ret = pages_add(sp, addr, i);
	if (ret == -EBUSY && sp->nr) {
		/* We have it ourselves, if it is a part of a folio that is queued */
		err = pages_flush(sp);
		if (err)
			return err;
		ret = pages_add(sp, addr, i);
	}
	return ret > 0 ? 0 : pages_put(sp, i, ret ?: node);
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
	sp->mtc.gfp_mask = GFP_HIGHUSER_MOVABLE | __GFP_THISNODE | __GFP_NOWARN;
	sp->mtc.reason = MR_SYSCALL;
	sp->goal.nid = NUMA_NO_NODE;
	sp->goal.tag = true;
	sp->goal.reason = MR_SYSCALL;
	sp->goal.alloc = alloc_migration_target;
	sp->goal.private = (unsigned long)&sp->mtc;
	swapmig_begin(&sp->goal, mm, NUMA_NO_NODE);

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

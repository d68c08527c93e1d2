// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: what a system call or a cpuset asks for.
 *
 * A request is worked off in windows of at most SWAPMIG_WINDOW pages: what is
 * misplaced in one is isolated under the mmap lock and handed to the engines
 * without it.  So few pages are isolated at any moment, page faults go on, and a
 * fatal signal ends the request between two windows with nothing left isolated.
 */

#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "../internal.h"
#include "internal.h"

/*
 * What is on its way when its window is collected (freed by a child that exits,
 * locked by somebody else) cannot be isolated: go over the range once more.
 */
#define SWAPMIG_SWEEPS	2

/* Windows with nothing to place that are looked at under one mmap lock */
#define SWAPMIG_LOOKS	16

/**
 * struct swapmig_request - what is to move
 * @mm:		address space
 * @start:	first address
 * @end:	address after the last one
 * @sources:	pages on these nodes are misplaced
 * @flags:	MPOL_MF_*
 * @goal:	where its pages are to go
 * @map:	new tags for what is in swap
 * @mpol:	the same for alloc_migration_target_by_mpol(), if @goal is a policy
 * @queue:	queue_pages_range(), or NULL: only what is in swap is looked at
 * @mbind:	only areas whose policy is @bound
 * @bound:	policy that mbind() has set, or NULL, the default
 * @sweeps:	how often to go over the range, at most, but for others' sake
 */
struct swapmig_request {
	struct mm_struct *mm;
	unsigned long start;
	unsigned long end;
	nodemask_t sources;
	unsigned long flags;
	struct swapmig_goal goal;
	struct swapmig_map map;
	struct migration_mpol mpol;
	swapmig_queue_fn *queue;
	bool mbind;
	struct mempolicy *bound;
	int sweeps;
};

#define SWAPMIG_MOVES	(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)

static const nodemask_t no_nodes;

/* ------------------------------------------------------------------------- */
/* Windows                                                                    */
/* ------------------------------------------------------------------------- */

/* Windows are aligned, so that one lies in one page table */
static unsigned long window_end(unsigned long start, unsigned long end,
				unsigned long size)
{
	unsigned long next = round_down(start, size) + size;

	/* The last window of all addresses may end at 0 */
	return next > start ? min(next, end) : end;
}

/* The window of the area at @addr may not end within a huge page */
static unsigned long window_size(struct vm_area_struct *vma)
{
	unsigned long size = SWAPMIG_WINDOW * PAGE_SIZE;

	return is_vm_hugetlb_page(vma) ? max(size, vma_kernel_pagesize(vma)) : size;
}

/* Interleaving counts from where the object begins that @vma maps */
static void window_interleave(struct swapmig_request *req,
			      struct vm_area_struct *vma, unsigned long addr)
{
	const struct mempolicy *pol = req->mpol.pol;

	if (!pol || (pol->mode != MPOL_INTERLEAVE &&
		     pol->mode != MPOL_WEIGHTED_INTERLEAVE))
		return;
	mpol_cond_put(get_vma_policy(vma, addr, 0, &req->mpol.ilx));
	req->mpol.ilx -= linear_page_index(vma, addr);
}

/* Returns how much around @addr is known to have no page table, 0 if that has one */
static unsigned long window_hole(struct vm_area_struct *vma, unsigned long addr)
{
	pmd_t *pmd = mm_find_pmd(vma->vm_mm, addr);

	if (!pmd)
		return PUD_SIZE;
	/* Devices and DAX may have a leaf there, and not a table of these */
	if (!vma_migratable(vma))
		return 0;
	return pmd_none(pmdp_get_lockless(pmd)) ? PMD_SIZE : 0;
}

/*
 * Where does the first window begin at or after @addr, before @end?  There may be
 * much address space without any page table; which would not say, though, what of
 * shared memory is in swap.
 */
static unsigned long window_start(struct vm_area_struct *vma, unsigned long addr,
				  unsigned long end)
{
	unsigned long hole;
	int steps;

	/* Not too many of them, as the mmap lock is held */
	for (steps = 0; steps < SWAPMIG_WINDOW && addr < end &&
	     !is_vm_hugetlb_page(vma) && (hole = window_hole(vma, addr)); steps++) {
		unsigned long next = window_end(addr, end, hole);
		unsigned long index = linear_page_index(vma, addr);

		if (swapmig_vma_is_shmem(vma) &&
		    xa_find(&vma->vm_file->f_mapping->i_pages, &index,
			    linear_page_index(vma, next) - 1, XA_PRESENT))
			return max(addr, vma->vm_start +
				   ((index - vma->vm_pgoff) << PAGE_SHIFT));
		addr = next;
		cond_resched();
	}
	return addr;
}

/*
 * A slot without a tag says nothing of where its page was.  Not on a node that is
 * vacated, if the policy of its area does not name one of them.
 */
static bool window_bound_elsewhere(const struct swapmig_request *req,
				   struct vm_area_struct *vma, unsigned long addr)
{
	const nodemask_t *from = req->queue ? &req->sources : req->map.from;
	struct mempolicy *pol;
	bool elsewhere;
	pgoff_t ilx;

	if (req->mbind)
		return false;
	pol = __get_vma_policy(vma, addr, &ilx);
	elsewhere = pol && pol->mode != MPOL_LOCAL &&
		    !nodes_intersects(pol->nodes, *from);
	mpol_cond_put(pol);
	return elsewhere;
}

/*
 * Not an area that somebody put there after mbind() had set the policy.  A cpuset
 * that changes meanwhile may give it other nodes.
 */
static bool window_ours(const struct swapmig_request *req,
			struct vm_area_struct *vma)
{
	const struct mempolicy *old = req->bound, *now = vma->vm_policy;

	if (!req->mbind || old == now)
		return true;
	return old && now && old->mode == now->mode && old->flags == now->flags;
}

/* Does somebody have one of them in hand?  @missed are those that should be isolated. */
static bool window_in_hand(const struct swapmig_request *req, struct vm_area_struct *vma,
			   unsigned long addr, unsigned long end, long missed)
{
	return missed > 0 && !is_vm_hugetlb_page(vma) &&
	       missed > swapmig_unlisted(vma, addr, end, &req->sources);
}

/*
 * Collects the window at or after @addr.  Returns where the next one begins, or
 * req->end.  *failed counts folios that should have been isolated.  Called with the
 * mmap lock held.
 */
static unsigned long window_look(struct swapmig_request *req, unsigned long addr,
				 struct list_head *folios, long *failed)
{
	struct swapmig_map map = req->map;
	struct swapmig_swapped sw = {
		.map = &map,
		.sources = nodes_empty(req->sources) ? NULL : &req->sources,
		.tagged = !req->queue || !swapmig_swaps(req->goal.engines),
		.shared = req->flags & MPOL_MF_MOVE_ALL,
		.folios = folios,
	};
	enum swapmig_why why = SWAPMIG_RACED;
	unsigned long flags = req->flags;
	unsigned long pages_each;
	struct vm_area_struct *vma;
	unsigned long end;
	long ret = 0;

	vma = find_vma(req->mm, addr);
	if (!vma || vma->vm_start >= req->end)
		return req->end;
	addr = max(addr, vma->vm_start);
	end = min(req->end, vma->vm_end);
	if (!window_ours(req, vma))
		return end;
	addr = window_start(vma, addr, end);
	if (addr == end)
		return end;
	end = window_end(addr, end, window_size(vma));
	if (is_vm_hugetlb_page(vma)) {
		/* STRICT has those counted that cannot be isolated */
		flags |= MPOL_MF_STRICT;
		why = SWAPMIG_HUGETLB;
	}
	pages_each = vma_kernel_pagesize(vma) / PAGE_SIZE;
	window_interleave(req, vma, addr);
	if (window_bound_elsewhere(req, vma, addr))
		map.other = NUMA_NO_NODE;

	if (swapmig_swaps(req->goal.engines) || swapmig_any_tags())
		swapmig_walk_swapped(vma, addr, end, &sw);
	if (req->queue)
		ret = req->queue(req->mm, addr, end, &req->sources, flags, folios);
	if (swapmig_quiet(&req->goal) &&
	    (sw.failed || window_in_hand(req, vma, addr, end, ret))) {
		req->goal.held = true;
		/* How large they are is not known yet */
		swapmig_asks(&req->goal, (end - addr) / PAGE_SIZE);
	}
	ret = max(ret, 0L) + sw.failed;
	req->goal.tally.stayed[why] += ret * pages_each;
	*failed += ret;
	return end;
}

/* The same for a few of them, until there is something to place */
static unsigned long window_collect(struct swapmig_request *req, unsigned long addr,
				    struct list_head *folios, long *failed)
{
	int i;

	if (mmap_read_lock_killable(req->mm))
		return req->end;
	for (i = 0; i < SWAPMIG_LOOKS && addr < req->end && list_empty(folios); i++)
		addr = window_look(req, addr, folios, failed);
	mmap_read_unlock(req->mm);
	return addr;
}

/*
 * Returns the number of folios that stayed, -EINTR after a fatal signal, or the
 * errno of an engine.
 */
static long request_sweep(struct swapmig_request *req)
{
	unsigned long addr = req->start;
	long failed = 0, ret = 0;

	lockdep_assert_not_held(&req->mm->mmap_lock);
	while (addr < req->end && !swapmig_orphaned(req->mm)) {
		LIST_HEAD(folios);

		addr = window_collect(req, addr, &folios, &failed);
		if (!list_empty(&folios))
			ret = swapmig_place(&folios, &req->goal);
		if (fatal_signal_pending(current))
			return -EINTR;
		if (ret < 0)
			return ret;
		failed += ret;
		ret = 0;
		cond_resched();
	}
	return failed;
}

/* What makes no way in one sweep may make it in the next: only the last may swap */
static long request_run(struct swapmig_request *req)
{
	int sweeps = req->sweeps;
	long failed;

	for (;;) {
		swapmig_again(&req->goal);
		req->goal.hold = sweeps - 1;
		if (sweeps == 1 && req->goal.soft)
			swapmig_run_to(&req->goal, &no_nodes);
		failed = request_sweep(req);
		if (failed <= 0 || sweeps == 1)
			break;
		if (!swapmig_crowded(&req->goal))
			sweeps--;
	}
	return failed < 0 ? failed : failed + req->goal.unseen;
}

static void request_begin(struct swapmig_request *req, int from, u32 engines)
{
	swapmig_begin(&req->goal, req->mm, from, engines);
	/* A slot that has no tag gets one if pages are to go through swap */
	if (!swapmig_swaps(req->goal.engines))
		req->map.other = NUMA_NO_NODE;
}

/* ------------------------------------------------------------------------- */
/* Requests                                                                   */
/* ------------------------------------------------------------------------- */

/**
 * swapmig_migrate_node - move the pages of a process from one node to another
 * @mm:		address space
 * @source:	node to vacate
 * @dest:	node that its pages go to
 * @flags:	MPOL_MF_MOVE or MPOL_MF_MOVE_ALL, SWAPMIG_MF_NO_SWAP, and what @queue
 *		needs
 * @queue:	isolates what is on @source
 *
 * Tags of pages in swap are left to swapmig_retag_mm(), which knows all pairs of
 * nodes of the request.  A slot without one is new: reclaim came in between.
 *
 * Context: process; no locks held, lru_cache_disable() called.  Sleeps.
 * Return: the number of folios that are still on @source; -EINTR; or -ENOMEM: the
 * engines ended the request early, without room on @dest.
 */
long swapmig_migrate_node(struct mm_struct *mm, int source, int dest,
			  unsigned long flags, swapmig_queue_fn *queue)
{
	struct migration_target_control mtc = { };
	u32 engines = swapmig_engines();
	struct swapmig_request req = {
		.mm = mm,
		.end = mm->task_size,
		.sources = nodemask_of_node(source),
		.flags = flags & ~SWAPMIG_MF_NO_SWAP,
		.map = { .from = &no_nodes, .to = &no_nodes, .other = dest },
		.queue = queue,
		.sweeps = SWAPMIG_SWEEPS,
	};

	swapmig_goal_node(&req.goal, &mtc, dest);
	if (flags & SWAPMIG_MF_NO_SWAP)
		engines = swapmig_without_swap(engines);
	request_begin(&req, source, engines);
	return swapmig_end(&req.goal, request_run(&req));
}

/**
 * swapmig_retag_mm - what is in swap already goes where a request sends it
 * @mm:		address space
 * @from:	nodes that the request vacates
 * @to:		nodes that it fills, in the same relative order
 * @flags:	MPOL_MF_MOVE or MPOL_MF_MOVE_ALL
 *
 * A page in swap that an earlier request sent to one of @from goes on to the
 * node that corresponds to it.  Where a page without a tag comes from nobody
 * knows: it goes where the first of @from goes.
 *
 * Context: process; no locks held, lru_cache_disable() called.  Sleeps.
 * Return: the number of slots that could not be tagged, or -EINTR.
 */
long swapmig_retag_mm(struct mm_struct *mm, const nodemask_t *from,
		      const nodemask_t *to, unsigned long flags)
{
	struct swapmig_request req = {
		.mm = mm,
		.end = mm->task_size,
		.flags = flags,
		.map = {
			.from = from,
			.to = to,
			.other = swapmig_map_first(from, to),
		},
	};

	/* Nowhere to go, or nothing in swap at all */
	if (req.map.other == NUMA_NO_NODE ||
	    get_nr_swap_pages() == READ_ONCE(total_swap_pages))
		return 0;
	req.goal.engines = swapmig_engines();
	if (!swapmig_swaps(req.goal.engines)) {
		if (!swapmig_any_tags())
			return 0;
		req.map.other = NUMA_NO_NODE;
	}
	return request_sweep(&req);
}

/**
 * swapmig_mbind - move what does not obey a new policy, and end old tags
 * @start:	first address of current's
 * @end:	address after the last one
 * @nodes:	nodes that mbind() was given
 * @pol:	the new policy of the range, NULL: the default
 * @flags:	MPOL_MF_*, and what @queue needs
 * @queue:	isolates what is on a given set of nodes
 * @alloc:	allocates by a struct migration_mpol
 *
 * Also called without MPOL_MF_MOVE: neither a tag of an earlier request, nor the
 * node where read-ahead that obeyed the tag put a page, must win over the policy
 * that the range has now.
 *
 * Context: process; no locks held; with MPOL_MF_MOVE or MOVE_ALL
 * lru_cache_disable() called.  Sleeps.
 * Return: 0, or not 0: something that should have moved did not, or a fatal signal
 * is pending.
 */
long swapmig_mbind(unsigned long start, unsigned long end,
		   const nodemask_t *nodes, struct mempolicy *pol,
		   unsigned long flags, swapmig_queue_fn *queue,
		   new_folio_t *alloc)
{
	struct swapmig_request req = {
		.mm = current->mm,
		.start = start,
		.end = end,
		.flags = flags,
		.goal = {
			.nid = NUMA_NO_NODE,
			.reason = MR_MEMPOLICY_MBIND,
			.alloc = alloc,
			.private = (unsigned long)&req.mpol,
		},
		.map = { .other = NUMA_NO_NODE },
		.mpol = { .pol = pol ?: get_task_policy(current) },
		.mbind = true,
		.bound = pol,
		.sweeps = SWAPMIG_SWEEPS,
	};

	/* A local policy has no nodes: what the field has then is not its own */
	if (pol && pol->mode != MPOL_LOCAL) {
		/* Those that the cpuset made of what the caller named */
		if (pol->mode != MPOL_PREFERRED || pol->flags & MPOL_F_RELATIVE_NODES)
			nodes = &pol->nodes;
		req.goal.nid = first_node(pol->nodes);
		req.goal.tag = nodes_weight(pol->nodes) == 1;
		req.goal.soft = pol->mode == MPOL_PREFERRED ||
				pol->mode == MPOL_PREFERRED_MANY;
		/* Only the last may place it elsewhere */
		req.sweeps += req.goal.soft;
		/* Any of them will do, so it may be where room is made */
		if (req.goal.soft || pol->mode == MPOL_BIND)
			swapmig_run_to(&req.goal, &pol->nodes);
		if (req.goal.tag)
			req.map.other = req.goal.nid;
	} else {
		/* All of its pages are asked for, wherever they are */
		req.sweeps = 1;
	}
	if (flags & SWAPMIG_MOVES) {
		nodes_complement(req.sources, *nodes);
		req.queue = queue;
		request_begin(&req, NUMA_NO_NODE, swapmig_engines());
		return swapmig_end(&req.goal, request_run(&req));
	}
	if (swapmig_any_tags()) {
		if (req.goal.nid != NUMA_NO_NODE)
			nodes_complement(req.sources, *nodes);
		req.map.other = NUMA_NO_NODE;
		req.goal.tag = false;
		/* Nobody has asked for what read-ahead misplaced */
		swapmig_run_to(&req.goal, &no_nodes);
		request_begin(&req, NUMA_NO_NODE, swapmig_engines());
		swapmig_end(&req.goal, request_sweep(&req));
	}
	return 0;
}

#include "tests/request_kunit.c"

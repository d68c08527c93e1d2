/* SPDX-License-Identifier: GPL-2.0 */
/*
 * swapmig: page migration requests that complete.
 *
 * This header is all that the rest of the kernel sees of mm/swapmig/.  Each
 * function called from an existing file has an inline stub for
 * CONFIG_SWAPMIG=n that does what the kernel did without it.
 *
 * Lock order, outermost first:
 *
 *   mmap_lock (read)		held while a window is collected, never while
 *				engines work
 *     i_mmap_rwsem (read)	does somebody else map this shared memory?
 *     page table lock		folios are isolated, entries are retagged
 *       lruvec->lru_lock
 *     i_pages.xa_lock (irq)	the slots of shared memory
 *   folio lock			only by trying, while engines work
 *     i_mmap_rwsem, anon_vma lock	to judge a victim, only by trying
 *       page table lock		was it touched?
 *         mmap_lock (read)	the policy of its area, only by trying
 *         running_lock		requests under way
 *         task_lock(owner)	its policy, its mems_allowed, only by trying
 *   lruvec->lru_lock (irq)	lists are turned; nothing is called under it
 *   task_lock(current)		the policy that an eviction allocates by
 *
 *   swap_info_struct->lock, page table lock, i_pages.xa_lock
 *     xa_lock of the tags	innermost, interrupts off; nothing is called
 *				under it
 *
 * A folio that was isolated for a request is counted in NR_ISOLATED_*.  An engine
 * gets and leaves it counted; swapmig_place() settles what none of them placed,
 * and puts it back.
 */
#ifndef _LINUX_SWAPMIG_H
#define _LINUX_SWAPMIG_H

#include <linux/mempolicy.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

/* mm/vmscan.c */
unsigned int evict_isolated_folios(struct list_head *folios,
				   struct pglist_data *pgdat);

/* queue_pages_range() of mm/mempolicy.c: isolates what is on some of @nodes */
typedef long swapmig_queue_fn(struct mm_struct *mm, unsigned long start,
			      unsigned long end, nodemask_t *nodes,
			      unsigned long flags, struct list_head *folios);

/* add_folio_for_migration() of mm/migrate.c: isolates what is at one address */
typedef int swapmig_add_fn(struct mm_struct *mm, const void __user *p, int node,
			   struct list_head *folios, bool migrate_all);

struct migration_mpol {		/* for alloc_migration_target_by_mpol() */
	struct mempolicy *pol;
	pgoff_t ilx;
};

struct cred;

#ifdef CONFIG_SWAPMIG

extern struct xarray swapmig_tags[MAX_SWAPFILES];

/* request.c: what a system call or a cpuset asks for */
long swapmig_migrate_node(struct mm_struct *mm, int source, int dest,
			  unsigned long flags, swapmig_queue_fn *queue);
long swapmig_mbind(unsigned long start, unsigned long end,
		   const nodemask_t *nodes, struct mempolicy *pol,
		   unsigned long flags, swapmig_queue_fn *queue,
		   new_folio_t *alloc);
long swapmig_retag_mm(struct mm_struct *mm, const nodemask_t *from,
		      const nodemask_t *to, unsigned long flags);

/* pages.c: what move_pages() asks for */
int swapmig_move_pages(struct mm_struct *mm, const nodemask_t *allowed,
		       unsigned long nr, const void __user *pages,
		       const int __user *nodes, int __user *status, bool shared,
		       swapmig_add_fn *add);

/* cpuset.c: who changes a cpuset waits for its pages, and they go there */
void swapmig_flush_later(struct workqueue_struct *wq);
void swapmig_migrate_cpuset(struct mm_struct *mm, const nodemask_t *from,
			    const nodemask_t *to, const struct cred *cred);

/* forward.c: swap slots remember the node that their page was sent to */
int swapmig_tag_slot(struct folio *folio, swp_entry_t entry);
void swapmig_untag_slots(struct xarray *tags, unsigned long offset,
			 unsigned int nr);
struct mempolicy *swapmig_tag_policy(swp_entry_t entry, struct mempolicy *pol);
bool swapmig_has_tag(swp_entry_t entry);
struct folio *swapmig_vma_alloc_folio(swp_entry_t entry, gfp_t gfp, int order,
				      struct vm_area_struct *vma,
				      unsigned long addr);

/**
 * swapmig_enabled - do requests go by way of mm/swapmig/?
 *
 * Return: true.
 */
static inline bool swapmig_enabled(void)
{
	return true;
}

/**
 * swapmig_flush_locked - wait for the pages of cpusets with locks held
 * @wq:		workqueue that moves them
 *
 * Nothing: who gave it something to do has called swapmig_flush_later().
 */
static inline void swapmig_flush_locked(struct workqueue_struct *wq)
{
}

/**
 * swapmig_mbind_check - the flags with which mbind() walks before it binds
 * @flags:	MPOL_MF_*
 *
 * A request that moves pages collects them once the policy is in place, so all
 * that the first walk has to look for is a hole in the range.
 *
 * Return: @flags, without those that look at pages if pages are to move.
 */
static inline unsigned long swapmig_mbind_check(unsigned long flags)
{
	if (flags & (MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		flags &= ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL | MPOL_MF_STRICT);
	return flags;
}

/**
 * swapmig_forget_slots - slots are freed, and their tags with them
 * @type:	swap device
 * @offset:	first slot
 * @nr:		number of slots
 *
 * Context: swap_info_struct->lock held.
 */
static inline void swapmig_forget_slots(unsigned int type, unsigned long offset,
					unsigned int nr)
{
	if (unlikely(!xa_empty(&swapmig_tags[type])))
		swapmig_untag_slots(&swapmig_tags[type], offset, nr);
}

/**
 * swapmig_swapin_policy - the policy by which swap-in allocates
 * @entry:	swap slot that is read
 * @pol:	policy that would apply
 *
 * Return: @pol, or one that prefers the node that the page was sent to.
 */
static inline struct mempolicy *swapmig_swapin_policy(swp_entry_t entry,
						      struct mempolicy *pol)
{
	if (likely(xa_empty(&swapmig_tags[swp_type(entry)])))
		return pol;
	return swapmig_tag_policy(entry, pol);
}

/**
 * swapmig_forwarded - was the page of this slot sent to a node?
 * @entry:	swap slot
 *
 * Read-ahead by offset knows nothing of a neighbour's owner, whose cpuset may not
 * allow the node that is right for who faults, so it leaves such slots alone.
 * Read-ahead by address stays inside of one VMA, and is used for them.
 *
 * Return: true if it was.
 */
static inline bool swapmig_forwarded(swp_entry_t entry)
{
	return unlikely(!xa_empty(&swapmig_tags[swp_type(entry)])) &&
	       swapmig_has_tag(entry);
}

/**
 * swapmig_swapin_folio - allocate a folio for the pages of swap slots
 * @entry:	a slot of its pages
 * @gfp:	how to allocate
 * @order:	of the folio
 * @vma:	area that the folio will be mapped in
 * @addr:	address that it will be mapped at
 *
 * Context: mmap_lock or the lock of @vma held.
 * Return: a folio; or NULL: there is no memory, or its pages were not all sent to
 * one node.
 */
static inline struct folio *swapmig_swapin_folio(swp_entry_t entry, gfp_t gfp,
						 int order,
						 struct vm_area_struct *vma,
						 unsigned long addr)
{
	if (likely(xa_empty(&swapmig_tags[swp_type(entry)])))
		return vma_alloc_folio(gfp, order, vma, addr, order > 0);
	return swapmig_vma_alloc_folio(entry, gfp, order, vma, addr);
}

#else /* !CONFIG_SWAPMIG */

static inline bool swapmig_enabled(void)
{
	return false;
}

static inline long swapmig_migrate_node(struct mm_struct *mm, int source,
					int dest, unsigned long flags,
					swapmig_queue_fn *queue)
{
	return -ENOSYS;
}

static inline unsigned long swapmig_mbind_check(unsigned long flags)
{
	return flags;
}

static inline long swapmig_mbind(unsigned long start, unsigned long end,
				 const nodemask_t *nodes, struct mempolicy *pol,
				 unsigned long flags, swapmig_queue_fn *queue,
				 new_folio_t *alloc)
{
	return 0;
}

static inline long swapmig_retag_mm(struct mm_struct *mm, const nodemask_t *from,
				    const nodemask_t *to, unsigned long flags)
{
	return 0;
}

static inline int swapmig_move_pages(struct mm_struct *mm,
				     const nodemask_t *allowed, unsigned long nr,
				     const void __user *pages,
				     const int __user *nodes, int __user *status,
				     bool shared, swapmig_add_fn *add)
{
	return -ENOSYS;
}

static inline void swapmig_flush_later(struct workqueue_struct *wq)
{
}

static inline void swapmig_flush_locked(struct workqueue_struct *wq)
{
	flush_workqueue(wq);
}

static inline void swapmig_migrate_cpuset(struct mm_struct *mm,
					  const nodemask_t *from,
					  const nodemask_t *to,
					  const struct cred *cred)
{
	do_migrate_pages(mm, from, to, MPOL_MF_MOVE_ALL);
}

static inline int swapmig_tag_slot(struct folio *folio, swp_entry_t entry)
{
	return 0;
}

static inline void swapmig_forget_slots(unsigned int type, unsigned long offset,
					unsigned int nr)
{
}

static inline struct mempolicy *swapmig_swapin_policy(swp_entry_t entry,
						      struct mempolicy *pol)
{
	return pol;
}

static inline bool swapmig_forwarded(swp_entry_t entry)
{
	return false;
}

static inline struct folio *swapmig_swapin_folio(swp_entry_t entry, gfp_t gfp,
						 int order,
						 struct vm_area_struct *vma,
						 unsigned long addr)
{
	return vma_alloc_folio(gfp, order, vma, addr, order > 0);
}

#endif /* CONFIG_SWAPMIG */

#endif /* _LINUX_SWAPMIG_H */

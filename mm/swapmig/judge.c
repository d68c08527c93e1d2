// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: may a folio make way for a request?
 *
 * A folio is judged where it stands on its LRU list, by what its page tables, its
 * owners' policies and cpusets, and the requests under way say of it.
 */

#include <linux/cred.h>
#include <linux/memcontrol.h>
#include <linux/mmap_lock.h>
#include <linux/mmu_notifier.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/sched/task.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>

#include "../internal.h"
#include "internal.h"

/* ------------------------------------------------------------------------- */
/* Policies, cpusets, requests                                                */
/* ------------------------------------------------------------------------- */

/**
 * struct look - what there is to say of a folio
 * @scan:	the scan that met it
 * @uid:	the only user whose pages may go, if @own
 * @own:	the caller may not push those of others
 * @forbidden:	a policy, a cpuset or a request keeps it where it is
 * @wants:	a policy, a cpuset or a request wants it on the other node
 * @leaving:	a request is about to move it elsewhere
 * @perhaps:	a request may be about to, of which it is not known which pages it
 *		moves
 * @busy:	somebody holds a lock: it may go another time
 * @age:	look whether it was touched, and forget it
 * @warm:	touched since the last look, or better off where it is
 */
struct look {
	const struct swapmig_scan *scan;
	kuid_t uid;
	bool own;
	bool forbidden;
	bool wants;
	bool leaving;
	bool perhaps;
	bool busy;
	bool age;
	bool warm;
};

static void ask_requests(struct mm_struct *mm, struct look *look)
{
	unsigned int say = swapmig_run_look(look->scan, mm);

	look->forbidden |= say & SWAPMIG_RUN_HOLDS;
	look->wants |= say & SWAPMIG_RUN_WANTS;
	look->leaving |= say & SWAPMIG_RUN_TAKES;
	look->perhaps |= say & SWAPMIG_RUN_MAY_TAKE;
}

static void ask_nodes(const nodemask_t *nodes, struct look *look)
{
	if (!node_isset(look->scan->to, *nodes))
		look->forbidden = true;
	else if (!node_isset(look->scan->nid, *nodes))
		look->wants = true;
}

static void ask_policy(const struct mempolicy *pol, struct look *look)
{
	if (!pol || pol->mode == MPOL_LOCAL || nodes_empty(pol->nodes))
		return;
	if (pol->mode != MPOL_PREFERRED && pol->mode != MPOL_PREFERRED_MANY)
		ask_nodes(&pol->nodes, look);
	else if (node_isset(look->scan->nid, pol->nodes) && look->scan->soft)
		look->forbidden = true;
	else if (node_isset(look->scan->nid, pol->nodes))
		look->warm = true;
	else if (node_isset(look->scan->to, pol->nodes))
		look->wants = true;
}

/* The policies of single threads are not known: any of them may have touched it */
static void ask_owner(struct mm_struct *mm, bool has_policy, struct look *look)
{
	struct task_struct *owner;

	rcu_read_lock();
	owner = rcu_dereference(mm->owner);
	if (owner) {
		if (look->own && !uid_eq(task_uid(owner), look->uid))
			look->forbidden = true;
		task_lock(owner);
		ask_nodes(&owner->mems_allowed, look);
		if (!has_policy)
			ask_policy(owner->mempolicy, look);
		task_unlock(owner);
	} else if (look->own) {
		look->forbidden = true;
	}
	rcu_read_unlock();
}

/* Only the lock of the reverse map is held, to which mmap_lock is outer */
static void ask_vma(struct vm_area_struct *vma, unsigned long addr,
		    struct look *look)
{
	struct mm_struct *mm = vma->vm_mm;
	struct mempolicy *pol = NULL;
	pgoff_t ilx;

	if (vma->vm_flags & VM_LOCKED)
		look->forbidden = true;
	ask_requests(mm, look);
	if (look->forbidden)
		return;
	if (READ_ONCE(vma->vm_policy) || (vma->vm_ops && vma->vm_ops->get_policy)) {
		if (!mmap_read_trylock(mm)) {
			look->busy = true;
			return;
		}
		pol = __get_vma_policy(vma, addr, &ilx);
		ask_policy(pol, look);
		mpol_cond_put(pol);
		mmap_read_unlock(mm);
	}
	ask_owner(mm, pol, look);
}

/* ------------------------------------------------------------------------- */
/* Folios                                                                     */
/* ------------------------------------------------------------------------- */

/* Who may not push it must not make it look cold either, so this comes last */
static void look_age(struct page_vma_mapped_walk *pvmw, struct look *look)
{
	while (page_vma_mapped_walk(pvmw)) {
		if (!pvmw->pte) {
			if (IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
				look->warm |= pmdp_clear_young_notify(pvmw->vma,
						pvmw->address, pvmw->pmd);
		} else if (pte_present(ptep_get(pvmw->pte))) {
			look->warm |= ptep_clear_young_notify(pvmw->vma,
						pvmw->address, pvmw->pte);
		} else {
			/* A device has it to itself */
			look->forbidden = true;
		}
	}
}

static bool look_one(struct folio *folio, struct vm_area_struct *vma,
		     unsigned long addr, void *arg)
{
	DEFINE_FOLIO_VMA_WALK(mapped, folio, vma, addr, PVMW_SYNC);
	DEFINE_FOLIO_VMA_WALK(pvmw, folio, vma, addr, PVMW_SYNC);
	struct look *look = arg;

	if (!page_vma_mapped_walk(&mapped))
		return true;
	page_vma_mapped_walk_done(&mapped);
	ask_vma(vma, addr, look);
	if (look->age && !look->forbidden && !look->busy)
		look_age(&pvmw, look);
	return !look->forbidden && !look->busy;
}

static void look_mapped(struct folio *folio, struct look *look)
{
	struct rmap_walk_control rwc = {
		.rmap_one = look_one,
		.arg = look,
		.anon_lock = folio_lock_anon_vma_read,
		.try_lock = true,
	};

	rmap_walk(folio, &rwc);
	look->busy |= rwc.contended;
}

static void look_shmem(struct folio *folio, struct look *look)
{
	struct inode *inode = folio->mapping->host;
	struct shmem_sb_info *sbinfo = inode->i_sb->s_fs_info;
	struct mempolicy *pol;

	pol = mpol_shared_policy_lookup(&SHMEM_I(inode)->policy, folio->index);
	ask_policy(pol, look);
	mpol_cond_put(pol);
	if (pol)
		return;
	raw_spin_lock(&sbinfo->stat_lock);
	ask_policy(sbinfo->mpol, look);
	raw_spin_unlock(&sbinfo->stat_lock);
}

/* Nobody maps it, so its cgroup, and its file, are all that is known */
static bool look_unmapped(struct folio *folio, struct look *look)
{
	/* Only page table entries would know the policy of what is in swap */
	if (folio_test_anon(folio) || !folio->mapping)
		return false;
	if (shmem_mapping(folio->mapping))
		look_shmem(folio, look);
	if (look->age)
		look->warm |= folio_test_clear_referenced(folio);
	return true;
}

/* Clean page cache, which anybody's allocation may evict */
static bool may_drop(struct folio *folio)
{
	return !folio_mapped(folio) && !folio_test_swapbacked(folio) &&
	       !folio_test_dirty(folio);
}

/**
 * swapmig_judge - may this folio make way?
 * @folio:	a folio on an LRU list
 * @scan:	the scan that met it; @scan->vain and leaving are updated
 *
 * Context: process; @folio locked, with a reference.  The locks of the reverse
 * map and mmap_lock are only tried.
 * Return: whether, and how.
 */
enum swapmig_verdict swapmig_judge(struct folio *folio, struct swapmig_scan *scan)
{
	bool rootless = scan->confined && (!scan->own || mem_cgroup_is_root(scan->own));
	bool limited = swapmig_scan_foreign(scan);
	bool wanted = scan->lap == SWAPMIG_LAP_WANTED;
	bool cold = scan->lap < SWAPMIG_LAP_WARM;
	bool mapped = folio_mapped(folio);
	struct look look = {
		.scan = scan,
		.own = scan->confined,
		.uid = current_uid(),
		.age = cold && !wanted,
	};

	if (folio_nid(folio) != scan->nid || !folio_evictable(folio) ||
	    folio_test_writeback(folio) || swapmig_pinned(folio))
		return SWAPMIG_STAYS;
	/* All users' page cache is charged to the root */
	limited |= rootless && !mapped;
	if (limited)
		return cold && !wanted && folio->mapping && may_drop(folio) &&
		       !folio_test_active(folio) ? SWAPMIG_DROPS : SWAPMIG_STAYS;

	if (mapped)
		look_mapped(folio, &look);
	else if (wanted || !look_unmapped(folio, &look))
		return SWAPMIG_STAYS;
	if (look.busy)
		scan->vain += folio_nr_pages(folio);
	/* Also what is forbidden: where it goes may not be here */
	if (look.leaving || (look.forbidden && look.perhaps))
		scan->leaving = true;
	if (look.forbidden || look.busy || (look.leaving && !look.wants))
		goto stays;
	if (!look.wants && (wanted || (cold && look.warm && !scan->any))) {
		scan->vain += folio_nr_pages(folio);
		goto stays;
	}
	if (cold && !look.wants && !look.warm && may_drop(folio))
		return SWAPMIG_DROPS;
	return SWAPMIG_MOVES;
stays:
	/* The page tables do not say it any more */
	if (mapped && look.warm)
		folio_set_referenced(folio);
	return SWAPMIG_STAYS;
}

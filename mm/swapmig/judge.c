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
 * struct look - at a folio
 * @scan:	the scan that met it
 * @asked:	what was said of an address space
 * @uid:	the only user whose pages may go, if @own
 * @own:	the caller may not push those of others
 * @age:	look whether it was touched, and forget it
 * @says:	SWAPMIG_SAYS_*, what there is to say of it
 * @nr:		the last request that has placed it there, and ended, or 0
 */
struct look {
	struct swapmig_scan *scan;
	struct swapmig_asked *asked;
	kuid_t uid;
	bool own;
	bool age;
	unsigned int says;
	unsigned int nr;
};

#define LOOK_STAYS	(SWAPMIG_SAYS_STAY | SWAPMIG_SAYS_BUSY)

static unsigned int ask_nodes(const nodemask_t *nodes, const struct swapmig_scan *scan)
{
	if (!node_isset(scan->to, *nodes))
		return SWAPMIG_SAYS_STAY;
	return node_isset(scan->nid, *nodes) ? 0 : SWAPMIG_SAYS_GO;
}

static unsigned int ask_policy(const struct mempolicy *pol,
			       const struct swapmig_scan *scan)
{
	if (!pol || pol->mode == MPOL_LOCAL || nodes_empty(pol->nodes))
		return 0;
	if (pol->mode != MPOL_PREFERRED && pol->mode != MPOL_PREFERRED_MANY)
		return ask_nodes(&pol->nodes, scan);
	/* Who only prefers the node as well does not push it away */
	if (node_isset(scan->nid, pol->nodes))
		return scan->goal->soft ? SWAPMIG_SAYS_STAY : SWAPMIG_SAYS_WARM;
	return node_isset(scan->to, pol->nodes) ? SWAPMIG_SAYS_GO : 0;
}

/* Not what a set-user-ID program has for its user.  RCU protects the credentials. */
static bool is_of(const struct task_struct *task, kuid_t uid)
{
	const struct cred *cred = __task_cred(task);

	return uid_eq(cred->uid, uid) && uid_eq(cred->euid, uid) && uid_eq(cred->suid, uid);
}

/* The policies of single threads are not known: any of them may have touched it */
static unsigned int ask_owner(struct mm_struct *mm, bool has_policy,
			      const struct look *look)
{
	struct task_struct *owner;
	unsigned int says = 0;

	rcu_read_lock();
	owner = rcu_dereference(mm->owner);
	if (look->own && (!owner || !is_of(owner, look->uid)))
		says |= SWAPMIG_SAYS_STAY;
	/* Elsewhere it is outer to the locks that are held: see exec_mmap() */
	if (owner && !spin_trylock(&owner->alloc_lock)) {
		says |= SWAPMIG_SAYS_BUSY;
	} else if (owner) {
		says |= ask_nodes(&owner->mems_allowed, look->scan);
		if (!has_policy)
			says |= ask_policy(owner->mempolicy, look->scan);
		task_unlock(owner);
	}
	rcu_read_unlock();
	return says;
}

static unsigned int ask_requests(struct mm_struct *mm, struct look *look)
{
	unsigned int nr, says = swapmig_run_look(look->scan, mm, &nr);

	look->nr = max(look->nr, nr);
	return says;
}

static unsigned int ask_mm(struct mm_struct *mm, struct look *look)
{
	struct swapmig_asked *asked = look->asked;

	if (asked->mm != mm) {
		asked->says = swapmig_run_look(look->scan, mm, &asked->nr);
		if (!(asked->says & SWAPMIG_SAYS_STAY))
			asked->says |= ask_owner(mm, false, look);
		asked->mm = asked->says & SWAPMIG_SAYS_BUSY ? NULL : mm;
	}
	look->nr = max(look->nr, asked->nr);
	return asked->says;
}

/* mmap_lock is outer to the locks that are held */
static unsigned int ask_vma(struct vm_area_struct *vma, unsigned long addr,
			    struct look *look)
{
	struct mm_struct *mm = vma->vm_mm;
	struct mempolicy *pol;
	unsigned int says;
	pgoff_t ilx;

	/* What exec() builds does not move before it runs */
	if (vma->vm_flags & VM_LOCKED || vma_is_temporary_stack(vma))
		return SWAPMIG_SAYS_STAY | ask_requests(mm, look);
	if (!READ_ONCE(vma->vm_policy) && !(vma->vm_ops && vma->vm_ops->get_policy))
		return ask_mm(mm, look);
	says = ask_requests(mm, look);
	if (says & SWAPMIG_SAYS_STAY)
		return says;
	if (!mmap_read_trylock(mm))
		return says | SWAPMIG_SAYS_BUSY;
	pol = __get_vma_policy(vma, addr, &ilx);
	says |= ask_policy(pol, look->scan) | ask_owner(mm, pol, look);
	mpol_cond_put(pol);
	mmap_read_unlock(mm);
	return says;
}

/* ------------------------------------------------------------------------- */
/* Folios                                                                     */
/* ------------------------------------------------------------------------- */

static unsigned int look_age(struct page_vma_mapped_walk *pvmw)
{
	bool young = false;

	if (!pvmw->pte) {
		if (IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
			young = pmdp_clear_young_notify(pvmw->vma, pvmw->address,
							pvmw->pmd);
	} else if (pte_present(ptep_get(pvmw->pte))) {
		young = ptep_clear_young_notify(pvmw->vma, pvmw->address, pvmw->pte);
	} else {
		/* A device has it to itself */
		return SWAPMIG_SAYS_STAY;
	}
	return young ? SWAPMIG_SAYS_WARM | SWAPMIG_SAYS_YOUNG : 0;
}

/* Who may not push it must not make it look cold either: its age comes last */
static bool look_one(struct folio *folio, struct vm_area_struct *vma,
		     unsigned long addr, void *arg)
{
	DEFINE_FOLIO_VMA_WALK(pvmw, folio, vma, addr, PVMW_SYNC);
	struct look *look = arg;
	bool asked = false, more;

	while (page_vma_mapped_walk(&pvmw)) {
		if (!asked)
			look->says |= ask_vma(vma, addr, look);
		asked = true;
		more = look->age && !(look->says & LOOK_STAYS);
		if (more)
			look->says |= look_age(&pvmw);
		/* A small one is mapped there no more than once */
		if (!more || !folio_test_large(folio)) {
			page_vma_mapped_walk_done(&pvmw);
			break;
		}
	}
	return !(look->says & LOOK_STAYS);
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
	if (rwc.contended)
		look->says |= SWAPMIG_SAYS_BUSY;
}

static void look_shmem(struct folio *folio, struct look *look)
{
	struct inode *inode = folio->mapping->host;
	struct shmem_sb_info *sbinfo = inode->i_sb->s_fs_info;
	struct mempolicy *pol;

	pol = mpol_shared_policy_lookup(&SHMEM_I(inode)->policy, folio->index);
	look->says |= ask_policy(pol, look->scan);
	mpol_cond_put(pol);
	if (pol)
		return;
	raw_spin_lock(&sbinfo->stat_lock);
	look->says |= ask_policy(sbinfo->mpol, look->scan);
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
	if (look->age && folio_test_clear_referenced(folio))
		look->says |= SWAPMIG_SAYS_WARM;
	return true;
}

/* It was locked into memory, or is about to be: most are anonymous, so ask them first */
static bool is_locked_in(struct folio *folio)
{
	return folio_test_anon(folio) ? folio_test_mlocked(folio) :
					!folio_evictable(folio);
}

/* Some devices, and what has buffers, want memory of a sort */
static bool may_move(struct folio *folio)
{
	return folio_test_anon(folio) || !folio->mapping ||
	       gfp_zone(mapping_gfp_mask(folio->mapping)) ==
	       gfp_zone(GFP_HIGHUSER_MOVABLE);
}

/* Clean page cache, which anybody's allocation may evict */
static bool may_drop(struct folio *folio)
{
	return !folio_mapped(folio) && !folio_test_swapbacked(folio) &&
	       !folio_test_dirty(folio) && !folio_test_writeback(folio);
}

/**
 * swapmig_judge - may this folio make way?
 * @folio:	a folio on an LRU list
 * @scan:	the scan that met it; what it says of these is updated
 * @asked:	what was said of an address space, which is updated; or nothing
 *
 * Context: process; @folio locked, with a reference.  The locks of the reverse
 * map and mmap_lock are only tried.
 * Return: whether, and how.
 */
enum swapmig_verdict swapmig_judge(struct folio *folio, struct swapmig_scan *scan,
				   struct swapmig_asked *asked)
{
	bool rootless = scan->confined && (!scan->own || mem_cgroup_is_root(scan->own));
	bool limited = swapmig_scan_foreign(scan);
	bool wanted = scan->lap == SWAPMIG_LAP_WANTED;
	bool cold = scan->lap < SWAPMIG_LAP_WARM;
	bool mapped = folio_mapped(folio);
	struct look look = {
		.scan = scan,
		.asked = asked,
		.own = scan->confined,
		.uid = scan->confined ? current_uid() : INVALID_UID,
		.age = cold && !wanted,
	};
	unsigned int says;
	bool stays;

	if (folio_nid(folio) != scan->nid || is_locked_in(folio) || swapmig_pinned(folio))
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
	says = look.says;
	stays = says & LOOK_STAYS;
	if (says & SWAPMIG_SAYS_BUSY)
		scan->vain += folio_nr_pages(folio);
	/* Also what is forbidden: where it goes may not be here */
	if (says & SWAPMIG_SAYS_LEAVES ||
	    (says & SWAPMIG_SAYS_STAY && says & SWAPMIG_SAYS_MAY_LEAVE))
		scan->goal->push.leaving = true;
	if (!(says & SWAPMIG_SAYS_GO)) {
		bool spared = says & SWAPMIG_SAYS_PLACED && !wanted;
		bool warm = cold && says & SWAPMIG_SAYS_WARM && !scan->any;

		stays |= says & SWAPMIG_SAYS_LEAVES;
		if (!stays && spared) {
			scan->spared += folio_nr_pages(folio);
			scan->oldest = min(scan->oldest, look.nr);
		}
		if (!stays && (spared || wanted || warm)) {
			scan->vain += folio_nr_pages(folio);
			stays = true;
		}
	}
	/* It may go in a moment */
	if (!stays && folio_test_writeback(folio)) {
		scan->vain += folio_nr_pages(folio);
		scan->goal->push.soon = true;
		stays = true;
	}
	if (!stays && may_drop(folio) &&
	    ((cold && !(says & (SWAPMIG_SAYS_GO | SWAPMIG_SAYS_WARM))) || !may_move(folio)))
		return SWAPMIG_DROPS;
	if (!stays && may_move(folio))
		return SWAPMIG_MOVES;
	/* The page tables do not say it any more */
	if (mapped && says & SWAPMIG_SAYS_YOUNG)
		folio_set_referenced(folio);
	return SWAPMIG_STAYS;
}

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

#include "internal.h"

/* ------------------------------------------------------------------------- */
/* Requests under way                                                         */
/* ------------------------------------------------------------------------- */

static LIST_HEAD(victims_requests);
static DEFINE_SPINLOCK(victims_lock);

/**
 * swapmig_victims_begin - a request begins
 * @req:	the request; its pages on the nodes asked for are no victims.  One
 *		without an address space moves nothing.
 *
 * Context: process.  Ends with swapmig_victims_end().
 */
void swapmig_victims_begin(struct swapmig_request *req)
{
	req->scan.nid = NUMA_NO_NODE;
	INIT_LIST_HEAD(&req->list);
	if (!req->mm && !req->vacate)
		return;
	spin_lock(&victims_lock);
	list_add(&req->list, &victims_requests);
	spin_unlock(&victims_lock);
}

/**
 * swapmig_victims_end - a request ends
 * @req:	the request
 */
void swapmig_victims_end(struct swapmig_request *req)
{
	if (!list_empty(&req->list)) {
		spin_lock(&victims_lock);
		list_del(&req->list);
		spin_unlock(&victims_lock);
	}
	swapmig_victims_stop(&req->scan);
}

/**
 * swapmig_victims_again - a request walks its range once more
 * @req:	the request
 *
 * Those that were no victims before may be by now.
 */
void swapmig_victims_again(struct swapmig_request *req)
{
	nodes_clear(req->dry);
	swapmig_victims_stop(&req->scan);
}

/**
 * swapmig_victims_retarget - a request goes on to another node
 * @req:	the request
 * @nid:	the node
 */
void swapmig_victims_retarget(struct swapmig_request *req, int nid)
{
	spin_lock(&victims_lock);
	req->nodes = nodemask_of_node(nid);
	spin_unlock(&victims_lock);
}

/**
 * swapmig_victims_others - does another request handle the same folios?
 * @req:	the request
 *
 * Return: true if one moves the same address space, or pages to or from the
 * same nodes: what it holds cannot be isolated for a moment.
 */
bool swapmig_victims_others(const struct swapmig_request *req)
{
	struct swapmig_request *other;
	bool others = false;

	spin_lock(&victims_lock);
	list_for_each_entry(other, &victims_requests, list) {
		if (other == req)
			continue;
		others = other->mm == req->mm ||
			 nodes_intersects(other->nodes, req->nodes) ||
			 (other->from != NUMA_NO_NODE &&
			  node_isset(other->from, req->nodes)) ||
			 (req->from != NUMA_NO_NODE &&
			  node_isset(req->from, other->nodes));
		if (others)
			break;
	}
	spin_unlock(&victims_lock);
	return others;
}

/**
 * swapmig_victims_wanted - do others want on one node what is on another?
 * @nid:	node that pages are on
 * @to:		node that they are wanted on
 *
 * Return: true if a request is under way that moves pages from @nid to @to.
 */
bool swapmig_victims_wanted(int nid, int to)
{
	struct swapmig_request *req;
	bool wanted = false;

	spin_lock(&victims_lock);
	list_for_each_entry(req, &victims_requests, list)
		if (req->from == nid && node_isset(to, req->nodes))
			wanted = true;
	spin_unlock(&victims_lock);
	return wanted;
}

/* ------------------------------------------------------------------------- */
/* May this folio go?                                                         */
/* ------------------------------------------------------------------------- */

/**
 * struct victim_look - what the page tables say of a folio
 * @from:	node that it is on
 * @to:		node that it would go to
 * @uid:	the only owner whose pages may go, if @own
 * @own:	the caller may not push others
 * @forbidden:	a policy, a cpuset or a request keeps it on @from
 * @wants:	a policy, a cpuset or a request wants it on @to
 * @leaving:	a request is about to move it elsewhere
 * @touched:	since the last look
 */
struct victim_look {
	int from;
	int to;
	kuid_t uid;
	bool own;
	bool forbidden;
	bool wants;
	bool leaving;
	bool touched;
};

/* Did @req place this page, or does it want it where it is? */
static bool victim_placed(const struct swapmig_request *req, unsigned long addr,
			  int nid)
{
	/* A policy that names nodes speaks for itself, see victim_ask_policy() */
	if (req->named || !node_isset(nid, req->nodes))
		return false;
	/* move_pages() has come so far in its array */
	return !req->span_end || (addr >= req->span && addr < req->span_end);
}

static void victim_ask_requests(struct mm_struct *mm, unsigned long addr,
				struct victim_look *look)
{
	struct swapmig_request *req;

	spin_lock(&victims_lock);
	list_for_each_entry(req, &victims_requests, list) {
		if (req->mm != mm)
			continue;
		if (victim_placed(req, addr, look->from))
			look->forbidden = true;
		else if (req->from != look->from)
			continue;
		else if (node_isset(look->to, req->nodes))
			look->wants = true;
		else
			look->leaving = true;
	}
	spin_unlock(&victims_lock);
}

static void victim_ask_nodes(const nodemask_t *nodes, bool binding,
			     struct victim_look *look)
{
	bool from = node_isset(look->from, *nodes);

	if (node_isset(look->to, *nodes)) {
		if (!from)
			look->wants = true;
	} else if (from || binding) {
		look->forbidden = true;
	}
}

static void victim_ask_policy(const struct mempolicy *pol,
			      struct victim_look *look)
{
	if (!pol || pol->mode == MPOL_LOCAL || nodes_empty(pol->nodes))
		return;
	victim_ask_nodes(&pol->nodes, pol->mode != MPOL_PREFERRED &&
			 pol->mode != MPOL_PREFERRED_MANY, look);
}

static void victim_ask_owner(struct mm_struct *mm, bool has_policy,
			     struct victim_look *look)
{
	struct task_struct *owner;

	rcu_read_lock();
	owner = rcu_dereference(mm->owner);
	if (owner) {
		if (look->own && !uid_eq(task_uid(owner), look->uid))
			look->forbidden = true;
		task_lock(owner);
		victim_ask_nodes(&owner->mems_allowed, true, look);
		if (!has_policy)
			victim_ask_policy(owner->mempolicy, look);
		task_unlock(owner);
	} else if (look->own) {
		look->forbidden = true;
	}
	rcu_read_unlock();
}

/* The page tables are not locked any more, only the reverse map */
static void victim_ask_vma(struct vm_area_struct *vma, unsigned long addr,
			   struct victim_look *look)
{
	struct mm_struct *mm = vma->vm_mm;
	struct mempolicy *pol = NULL;
	pgoff_t ilx;

	victim_ask_requests(mm, addr, look);
	if (look->forbidden)
		return;
	if (READ_ONCE(vma->vm_policy) ||
	    (vma->vm_ops && vma->vm_ops->get_policy)) {
		/* Outer to the lock of the reverse map: only by trying */
		if (!mmap_read_trylock(mm)) {
			look->forbidden = true;
			return;
		}
		pol = __get_vma_policy(vma, addr, &ilx);
		victim_ask_policy(pol, look);
		mpol_cond_put(pol);
		mmap_read_unlock(mm);
	}
	victim_ask_owner(mm, pol, look);
}

static bool victim_look_one(struct folio *folio, struct vm_area_struct *vma,
			    unsigned long addr, void *arg)
{
	DEFINE_FOLIO_VMA_WALK(pvmw, folio, vma, addr, 0);
	struct victim_look *look = arg;
	bool mapped = false;

	while (page_vma_mapped_walk(&pvmw)) {
		mapped = true;
		if (pvmw.pte)
			look->touched |= ptep_clear_young_notify(vma,
						pvmw.address, pvmw.pte);
		else
			look->touched |= pmdp_clear_young_notify(vma,
						pvmw.address, pvmw.pmd);
	}
	if (!mapped)
		return true;
	if (vma->vm_flags & VM_LOCKED)
		look->forbidden = true;
	else
		victim_ask_vma(vma, addr, look);
	return !look->forbidden;
}

/* Returns false if the reverse map was busy */
static bool victim_look_mapped(struct folio *folio, struct victim_look *look)
{
	struct rmap_walk_control rwc = {
		.rmap_one = victim_look_one,
		.arg = look,
		.anon_lock = folio_lock_anon_vma_read,
		.try_lock = true,
	};

	rmap_walk(folio, &rwc);
	return !rwc.contended;
}

static void victim_look_shmem(struct folio *folio, struct victim_look *look)
{
	struct inode *inode = folio->mapping->host;
	struct shmem_sb_info *sbinfo = inode->i_sb->s_fs_info;
	struct mempolicy *pol;

	pol = mpol_shared_policy_lookup(&SHMEM_I(inode)->policy, folio->index);
	victim_ask_policy(pol, look);
	mpol_cond_put(pol);
	if (pol)
		return;
	raw_spin_lock(&sbinfo->stat_lock);
	victim_ask_policy(sbinfo->mpol, look);
	raw_spin_unlock(&sbinfo->stat_lock);
}

/**
 * swapmig_judge - may this folio make way?
 * @folio:	a folio on an LRU list
 * @scan:	the scan that met it; notes what it had to leave
 *
 * Context: process; @folio locked, with a reference.  Tries the locks of the
 * reverse map.
 * Return: whether, and how.
 */
enum swapmig_victim swapmig_judge(struct folio *folio, struct swapmig_scan *scan)
{
	bool cold_only = scan->lap < VICTIMS_COLD_LAPS;
	bool mapped = folio_mapped(folio);
	struct victim_look look = {
		.from = scan->nid,
		.to = scan->to,
		.own = scan->memcg_only,
		.uid = current_uid(),
	};

	if (folio_nid(folio) != scan->nid || !folio_evictable(folio) ||
	    folio_test_hugetlb(folio) || folio_test_writeback(folio) ||
	    folio_maybe_dma_pinned(folio))
		return SWAPMIG_VICTIM_NOT;

	if (mapped) {
		if (!victim_look_mapped(folio, &look))
			goto spare;
	} else if (scan->lap == VICTIMS_WANTED_LAP) {
		return SWAPMIG_VICTIM_NOT;
	} else if (folio_test_anon(folio) || !folio->mapping) {
		/* Only its page table entries know its policy */
		return SWAPMIG_VICTIM_NOT;
	} else if (scan->memcg_only && (mem_cgroup_disabled() ||
					mem_cgroup_is_root(scan->memcg))) {
		return SWAPMIG_VICTIM_NOT;
	} else if (shmem_mapping(folio->mapping)) {
		victim_look_shmem(folio, &look);
	}
	if (look.forbidden || (scan->lap == VICTIMS_WANTED_LAP && !look.wants))
		goto spare;
	if (look.leaving && !look.wants) {
		scan->leaving = true;
		goto spare;
	}
	if (!mapped)
		look.touched = folio_test_clear_referenced(folio);
	if (cold_only && look.touched && !look.wants)
		goto spare;
	if (!mapped && !folio_test_swapbacked(folio) && !folio_test_dirty(folio))
		return SWAPMIG_VICTIM_DROP;
	/* It would be split for nothing, where pages that fit may be found */
	if (scan->lap <= VICTIMS_COLD_LAPS &&
	    folio_nr_pages(folio) > scan->room) {
		scan->spared = true;
		goto spare;
	}
	return SWAPMIG_VICTIM_MOVE;
spare:
	/* The page tables do not say it any more */
	if (mapped && look.touched)
		folio_mark_accessed(folio);
	return SWAPMIG_VICTIM_NOT;
}

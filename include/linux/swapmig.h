/* SPDX-License-Identifier: GPL-2.0 */
/*
 * swapmig: page migration requests that complete.
 *
 * Who moves pages between nodes collects them in batches and hands each
 * batch to swapmig_migrate(), which runs the engines of vm.migration_engines
 * in order on what is left.
 *
 * Lock order, outermost first:
 *
 *   mmap_lock			held to collect a batch, never to migrate it
 *     page table lock		folios are isolated under it
 *       lruvec->lru_lock
 *   folio lock			taken by the engines
 *     locks of the reverse map	held while a folio is judged as a victim;
 *				mmap_lock of its owners only by trying
 *       task_lock, list of requests: innermost, in victims.c
 *     swap_info_struct->lock
 *       xa_lock of the tags	innermost: forward.c calls nothing under it
 *
 * The caller holds lru_cache_disable() from before the first batch is
 * collected until the last one is placed: a folio that waits in a per-CPU
 * cache cannot be isolated.
 *
 * Every folio that was isolated is counted in NR_ISOLATED_* and leaves that
 * count in exactly one of three places: migrate_pages() when it moved the
 * folio, swapout_pages() when it evicted it, swapmig_putback_folios() else.
 */
#ifndef _LINUX_SWAPMIG_H
#define _LINUX_SWAPMIG_H

#include <linux/gfp.h>
#include <linux/mempolicy.h>
#include <linux/migrate.h>
#include <linux/mm_types.h>

struct mem_cgroup;
struct vm_area_struct;

/**
 * struct swapmig_scan - where the search for victims of displacement stands
 * @nid:	node that is scanned, or NUMA_NO_NODE
 * @to:		node that victims go to
 * @lap:	how often all lists have been scanned
 * @stage:	sort of LRU list in this lap
 * @list:	list of that sort, or -1 before the first
 * @seq:	its generation, with the multi-gen LRU
 * @memcg:	cgroup that it belongs to, with a reference
 * @memcg_only:	only the caller's own cgroup
 * @in_stage:	the only cgroup is scanned, where there are none
 * @mm:		address space whose cgroup is the caller's own, or NULL: current
 * @leaving:	another request is about to move a folio elsewhere
 * @spared:	this lap left folios that the next one may take
 * @room:	base pages that have room on @to
 * @left:	base pages of the list not looked at
 * @found:	base pages taken in this lap
 * @yield:	base pages taken from this sort of list
 * @scanned:	base pages looked at in all
 * @since:	@scanned when this sort of list began
 */
struct swapmig_scan {
	int nid;
	int to;
	int lap;
	int stage;
	int list;
	unsigned long seq;
	struct mem_cgroup *memcg;
	bool memcg_only;
	bool in_stage;
	struct mm_struct *mm;
	bool leaving;
	bool spared;
	unsigned long room;
	long left;
	unsigned long found;
	unsigned long yield;
	unsigned long scanned;
	unsigned long since;
};

/**
 * struct swapmig_request - one request, as long as it lasts
 * @list:	in the list of requests under way
 * @mm:		address space whose pages are to move
 * @pid:	process that it belongs to
 * @from:	node to vacate, or NUMA_NO_NODE
 * @to:		node asked for, or NUMA_NO_NODE: what the memory policy says
 * @nodes:	the nodes asked for
 * @reason:	enum migrate_reason
 * @named:	a memory policy names them
 * @each:	and has one of them for each page, so all of them need room
 * @quiet:	allocations on these nodes do not reclaim
 * @zone:	the highest zone that pages may go to
 * @vacate:	any node will do, if only @from is left
 * @dry_cache:	the other nodes have no clean page cache any more
 * @dry_swap:	nor anything that could go to swap
 * @in_vain:	eviction led to nothing lately, and is not tried this time
 * @last:	this walk over the range is the last, and all engines serve it
 * @walks:	walks over the range that have ended
 * @behind:	folios that the last of them left behind
 * @noroom:	this walk left pages for want of room
 * @crowded:	other requests had to do with the same pages or nodes
 * @displaced:	room was made for it
 * @waited:	naps since it last placed a page, waiting for other requests
 * @dry:	nodes without victims, for the present scan->to
 * @span:	first address that move_pages() got to in its array
 * @span_end:	the address after the last one, or 0
 * @scan:	where its search for victims stands
 * @unplaced:	folios of the present group that batches of it did not place
 * @partial:	a batch of the present group has been handed over
 * @batch:	folios that may be isolated at any moment
 * @queued:	folios isolated for the present batch
 * @queued_pages: their base pages
 * @more:	the batch filled up before the address range ended
 * @next:	address at which the next batch begins
 * @engines:	the engine list when the request began
 * @asked:	pages handed to the engines so far
 * @failed:	pages of these which no engine placed
 */
struct swapmig_request {
	struct list_head list;
	struct mm_struct *mm;
	pid_t pid;
	int from;
	int to;
	nodemask_t nodes;
	int reason;
	bool named;
	bool each;
	bool quiet;
	enum zone_type zone;
	bool vacate;
	bool dry_cache;
	bool dry_swap;
	bool in_vain;
	bool last;
	bool noroom;
	bool crowded;
	bool displaced;
	unsigned int waited;
	nodemask_t dry;
	unsigned long span;
	unsigned long span_end;
	unsigned int walks;
	long behind;
	struct swapmig_scan scan;
	long unplaced;
	bool partial;
	unsigned int batch;
	unsigned int queued;
	unsigned long queued_pages;
	bool more;
	unsigned long next;
	u32 engines;
	unsigned long asked;
	unsigned long failed;
};

#ifdef CONFIG_SWAPMIG

/* As many as the kernel's own migrate_pages() unmaps at once */
#define SWAPMIG_BATCH_MAX	512

void swapmig_begin(struct swapmig_request *req, struct mm_struct *mm,
		   int from, int to, int reason, const struct mempolicy *pol);
void swapmig_retarget(struct swapmig_request *req, int nid);
gfp_t swapmig_policy_gfp(const struct swapmig_request *req,
			 const struct mempolicy *pol, gfp_t gfp);
void swapmig_end(struct swapmig_request *req);
bool swapmig_next_batch(struct swapmig_request *req, long *nr_failed);
long swapmig_migrate(struct list_head *folios, new_folio_t get_new_folio,
		     unsigned long private, struct swapmig_request *req);
void swapmig_putback_folios(struct list_head *folios);
bool swapmig_on_list(struct folio *folio, struct list_head *folios);
bool swapmig_moves_in_part(const struct swapmig_request *req);

/**
 * swapmig_check_flags - the mbind() flags for a walk that only checks
 * @flags:	MPOL_MF_*
 *
 * A request that moves pages collects them in batches once the policy is in
 * place, so its first walk only has to look for holes in the range.
 *
 * Return: @flags without those that make a walk look at pages.
 */
static inline unsigned long swapmig_check_flags(unsigned long flags)
{
	if (flags & (MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		flags &= ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL | MPOL_MF_STRICT);
	return flags;
}

/**
 * swapmig_collects - does mbind() collect pages once the policy is set?
 * @flags:	MPOL_MF_*
 *
 * Return: true if it moves pages at all.
 */
static inline bool swapmig_collects(unsigned long flags)
{
	return flags & (MPOL_MF_MOVE | MPOL_MF_MOVE_ALL);
}

/**
 * swapmig_counts_hugetlb - are hugetlb areas walked that cannot migrate?
 *
 * Return: true in a kernel without CONFIG_MIGRATION, so that pages which stay
 * are counted there, too.
 */
static inline bool swapmig_counts_hugetlb(void)
{
	return !IS_ENABLED(CONFIG_MIGRATION);
}

/**
 * swapmig_queued - note that a folio was isolated for a request
 * @req:	the request
 * @folio:	the folio
 */
static inline void swapmig_queued(struct swapmig_request *req,
				  const struct folio *folio)
{
	req->queued++;
	req->queued_pages += folio_nr_pages(folio);
}

/**
 * swapmig_batch_full - must the walk stop before the folio at @addr?
 * @req:	the request, or NULL when the walk isolates nothing
 * @addr:	address of the next folio to isolate
 *
 * Return: true when the batch is full; the next one begins at @addr.
 */
static inline bool swapmig_batch_full(struct swapmig_request *req,
				      unsigned long addr)
{
	if (!req || (req->queued < req->batch &&
		     req->queued_pages < SWAPMIG_BATCH_MAX))
		return false;
	req->next = addr;
	req->more = true;
	return true;
}

/**
 * swapmig_queued_full - note that a folio was isolated; is the batch full?
 * @req:	the request
 *
 * For a caller that collects a group of pages with one goal and wants to know
 * of the group as a whole.
 *
 * Return: true if the batch is to be migrated before the next is isolated.
 */
static inline bool swapmig_queued_full(struct swapmig_request *req)
{
	return ++req->queued >= req->batch;
}

/**
 * swapmig_reached - note how far move_pages() got in its array
 * @req:	the request
 * @addr:	address of a page that is on its node, or is about to go there
 *
 * Pages between the lowest and the highest of these do not make way.
 */
static inline void swapmig_reached(struct swapmig_request *req,
				   unsigned long addr)
{
	addr &= PAGE_MASK;
	if (!req->span_end || addr < req->span)
		req->span = addr;
	if (addr >= req->span_end)
		req->span_end = addr + PAGE_SIZE;
}

/**
 * swapmig_batch_done - note what became of one batch of a group
 * @req:	the request
 * @err:	result of swapmig_migrate()
 *
 * Return: @err if it ends the request, else 0.
 */
static inline long swapmig_batch_done(struct swapmig_request *req, long err)
{
	req->partial = true;
	if (err > 0)
		req->unplaced += err;
	return min(err, 0L);
}

/**
 * swapmig_group_done - sum up a group
 * @req:	the request
 * @err:	result of swapmig_migrate() for its last batch
 *
 * Return: the number of folios of the group not placed, or an errno.
 */
static inline long swapmig_group_done(struct swapmig_request *req, long err)
{
	if (err >= 0)
		err += req->unplaced;
	req->unplaced = 0;
	req->partial = false;
	return err;
}

/**
 * swapmig_group_begun - has a part of the group been handed over?
 * @req:	the request
 *
 * Return: true if it has, so an empty list does not mean an empty group.
 */
static inline bool swapmig_group_begun(struct swapmig_request *req)
{
	return req->partial;
}

/**
 * swapmig_more - did a walk stop because the batch was full?
 * @req:	the request, or NULL
 *
 * Return: 1 to end the page table walk, else 0.
 */
static inline int swapmig_more(struct swapmig_request *req)
{
	return req && req->more;
}

#else /* !CONFIG_SWAPMIG: the kernel's own migrate_pages(), in one go */

static inline void swapmig_begin(struct swapmig_request *req,
				 struct mm_struct *mm, int from, int to,
				 int reason, const struct mempolicy *pol)
{
	req->next = 0;
	req->reason = reason;
}

static inline void swapmig_retarget(struct swapmig_request *req, int nid)
{
}

static inline gfp_t swapmig_policy_gfp(const struct swapmig_request *req,
				       const struct mempolicy *pol, gfp_t gfp)
{
	return gfp;
}

static inline void swapmig_end(struct swapmig_request *req)
{
}

static inline bool swapmig_next_batch(struct swapmig_request *req,
				      long *nr_failed)
{
	return false;
}

static inline void swapmig_putback_folios(struct list_head *folios)
{
	putback_movable_pages(folios);
}

static inline long swapmig_migrate(struct list_head *folios,
				   new_folio_t get_new_folio,
				   unsigned long private,
				   struct swapmig_request *req)
{
	int err;

	if (list_empty(folios))
		return 0;
	err = migrate_pages(folios, get_new_folio, NULL, private, MIGRATE_SYNC,
			    req->reason, NULL);
	if (err)
		putback_movable_pages(folios);
	return err;
}

static inline bool swapmig_on_list(struct folio *folio,
				   struct list_head *folios)
{
	return false;
}

static inline bool swapmig_moves_in_part(const struct swapmig_request *req)
{
	return false;
}

static inline unsigned long swapmig_check_flags(unsigned long flags)
{
	return flags;
}

static inline bool swapmig_collects(unsigned long flags)
{
	return false;
}

static inline bool swapmig_counts_hugetlb(void)
{
	return false;
}

static inline void swapmig_queued(struct swapmig_request *req,
				  const struct folio *folio)
{
}

static inline bool swapmig_batch_full(struct swapmig_request *req,
				      unsigned long addr)
{
	return false;
}

static inline bool swapmig_queued_full(struct swapmig_request *req)
{
	return false;
}

static inline void swapmig_reached(struct swapmig_request *req,
				   unsigned long addr)
{
}

static inline long swapmig_batch_done(struct swapmig_request *req, long err)
{
	return err;
}

static inline long swapmig_group_done(struct swapmig_request *req, long err)
{
	return err;
}

static inline bool swapmig_group_begun(struct swapmig_request *req)
{
	return false;
}

static inline int swapmig_more(struct swapmig_request *req)
{
	return 0;
}

#endif /* CONFIG_SWAPMIG */

#ifdef CONFIG_SWAPMIG_FORWARD

struct mempolicy *mpol_forward(struct mempolicy *pol, int nid);

int swapmig_forward_tag(struct folio *folio, swp_entry_t entry);
void swapmig_forward_forget(unsigned int type, unsigned long offset,
			    unsigned int nr);
bool swapmig_forwarded(swp_entry_t entry);
void swapmig_follow_shmem(struct swapmig_request *req, bool shared_too);
struct folio *swapmig_swapped_folio(struct swapmig_request *req,
				    swp_entry_t entry, bool shared_too);
struct folio *swapmig_swapin_folio(swp_entry_t entry, gfp_t gfp,
				   unsigned int order, struct mempolicy *pol,
				   pgoff_t ilx);
struct folio *swapmig_vma_swapin_folio(swp_entry_t entry, gfp_t gfp,
				       unsigned int order,
				       struct vm_area_struct *vma,
				       unsigned long addr);

#else /* !CONFIG_SWAPMIG_FORWARD */

static inline int swapmig_forward_tag(struct folio *folio, swp_entry_t entry)
{
	return 0;
}

static inline void swapmig_forward_forget(unsigned int type,
					  unsigned long offset,
					  unsigned int nr)
{
}

static inline bool swapmig_forwarded(swp_entry_t entry)
{
	return false;
}

static inline void swapmig_follow_shmem(struct swapmig_request *req,
					bool shared_too)
{
}

static inline struct folio *swapmig_swapped_folio(struct swapmig_request *req,
						  swp_entry_t entry,
						  bool shared_too)
{
	return NULL;
}

static inline struct folio *swapmig_swapin_folio(swp_entry_t entry, gfp_t gfp,
						 unsigned int order,
						 struct mempolicy *pol,
						 pgoff_t ilx)
{
	return folio_alloc_mpol(gfp, order, pol, ilx, numa_node_id());
}

static inline struct folio *
swapmig_vma_swapin_folio(swp_entry_t entry, gfp_t gfp, unsigned int order,
			 struct vm_area_struct *vma, unsigned long addr)
{
	return vma_alloc_folio(gfp, order, vma, addr, order > 0);
}

#endif /* CONFIG_SWAPMIG_FORWARD */

#endif /* _LINUX_SWAPMIG_H */

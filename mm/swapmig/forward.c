// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: forwarding.
 *
 * The swap slot of a page that was evicted in order to migrate remembers the
 * node that the page was sent to.  The tag is set when reclaim allocates the
 * slot, is a preference when the page is read back, and dies with the slot.
 *
 * Tags are stored by swap device and offset.  An entry of the xarray is a value
 * that holds the tags of several neighbouring slots, so that a tagged slot of a
 * well filled range costs 2.3 bytes: a node of the xarray, 576 bytes, covers
 * 256 slots.
 */

#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/pagemap.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/vmstat.h>
#include <linux/xarray.h>

#include "internal.h"
#include "../swap.h"

/* ------------------------------------------------------------------------- */
/* A store of tags                                                            */
/* ------------------------------------------------------------------------- */

/* A tag is the node plus one; zero is no tag */
#define TAG_BITS	15
#define TAG_MASK	((1UL << TAG_BITS) - 1)
#define TAGS_PER_ENTRY	(BITS_PER_XA_VALUE / TAG_BITS)
/* Slots of one large folio that do not agree */
#define TAG_MIXED	(-2)

static unsigned int tag_shift(unsigned long slot)
{
	return slot % TAGS_PER_ENTRY * TAG_BITS;
}

static int tag_load(struct xarray *tags, unsigned long slot)
{
	void *entry = xa_load(tags, slot / TAGS_PER_ENTRY);

	if (!entry)
		return NUMA_NO_NODE;
	return (int)((xa_to_value(entry) >> tag_shift(slot)) & TAG_MASK) - 1;
}

/*
 * @nid NUMA_NO_NODE removes the tag, which needs no memory and cannot fail.
 * Shared memory is retagged under the lock of its mapping, which interrupts take.
 */
static int tag_store(struct xarray *tags, unsigned long slot, int nid, gfp_t gfp)
{
	unsigned long index = slot / TAGS_PER_ENTRY, flags;
	unsigned long old, new;
	void *entry;
	int err = 0;

	xa_lock_irqsave(tags, flags);
	entry = xa_load(tags, index);
	old = entry ? xa_to_value(entry) : 0;
	new = old & ~(TAG_MASK << tag_shift(slot));
	new |= (unsigned long)(nid + 1) << tag_shift(slot);
	if (new != old)
		err = xa_err(__xa_store(tags, index,
					new ? xa_mk_value(new) : NULL, gfp));
	xa_unlock_irqrestore(tags, flags);
	return err;
}

static void tag_clear_range(struct xarray *tags, unsigned long slot,
			    unsigned int nr)
{
	if (xa_empty(tags))
		return;
	for (; nr; slot++, nr--)
		tag_store(tags, slot, NUMA_NO_NODE, 0);
}

static int tag_store_range(struct xarray *tags, unsigned long slot,
			   unsigned int nr, int nid, gfp_t gfp)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		err = tag_store(tags, slot + i, nid, gfp);
		if (err) {
			tag_clear_range(tags, slot, i);
			return err;
		}
	}
	return 0;
}

/* The one node that all @nr slots are tagged with, or TAG_MIXED */
static int tag_load_range(struct xarray *tags, unsigned long slot,
			  unsigned int nr)
{
	int nid;

	if (xa_empty(tags))
		return NUMA_NO_NODE;
	nid = tag_load(tags, slot);
	while (--nr)
		if (tag_load(tags, ++slot) != nid)
			return TAG_MIXED;
	return nid;
}

/* Removes each tag that names @nid */
static void tag_forget_node(struct xarray *tags, int nid)
{
	unsigned long index;
	unsigned int i;
	void *entry;

	xa_for_each(tags, index, entry) {
		for (i = 0; i < TAGS_PER_ENTRY; i++)
			if (tag_load(tags, index * TAGS_PER_ENTRY + i) == nid)
				tag_store(tags, index * TAGS_PER_ENTRY + i,
					  NUMA_NO_NODE, 0);
		cond_resched();
	}
}

/*
 * No waiting: reclaim is what allocates slots.  As for the swap cache itself, the
 * reserves may serve, with a node of the xarray for 256 slots.
 */
#define TAG_GFP	(__GFP_HIGH | __GFP_NOMEMALLOC | __GFP_NOWARN)

/* What was sent to the node that @req vacates goes on to where it moves pages */
static void tag_follow(struct xarray *tags, unsigned long slot, unsigned int nr,
		       const struct swapmig_request *req)
{
	if (req->from == NUMA_NO_NODE || xa_empty(tags))
		return;
	for (; nr; slot++, nr--)
		if (tag_load(tags, slot) == req->from)
			tag_store(tags, slot, req->to, TAG_GFP);
}

/* ------------------------------------------------------------------------- */
/* Tags of swap slots                                                         */
/* ------------------------------------------------------------------------- */

static struct xarray swapmig_tags[MAX_SWAPFILES] = {
	[0 ... MAX_SWAPFILES - 1] = XARRAY_INIT(swapmig_tags, XA_FLAGS_LOCK_IRQ),
};

static struct xarray *tags_of(swp_entry_t entry)
{
	return &swapmig_tags[swp_type(entry)];
}

/**
 * swapmig_forward_tag - tag a new swap slot if it is one of an eviction
 * @folio:	folio that the slot is for
 * @entry:	first slot of @folio, or zero
 *
 * Does nothing outside of swapout_pages().
 *
 * Context: reclaim; folio locked.  Does not sleep.
 * Return: 0, or -ENOMEM: the slot cannot be used, because the page would come
 * back on the wrong node.
 */
int swapmig_forward_tag(struct folio *folio, swp_entry_t entry)
{
	struct reclaim_state *rs = current->reclaim_state;

	if (!rs || !rs->forward || !entry.val)
		return 0;
	return tag_store_range(tags_of(entry), swp_offset(entry),
			       folio_nr_pages(folio), rs->forward - 1, TAG_GFP);
}

/**
 * swapmig_forward_forget - drop the tags of slots that become free
 * @type:	swap device
 * @offset:	first slot
 * @nr:		number of slots
 *
 * Context: swap_info_struct->lock may be held.  Does not sleep.
 */
void swapmig_forward_forget(unsigned int type, unsigned long offset,
			    unsigned int nr)
{
	tag_clear_range(&swapmig_tags[type], offset, nr);
}

/**
 * swapmig_forward_retag - a folio that has a swap slot already gets a new goal
 * @folio:	isolated folio
 * @nid:	where it is sent to, or NUMA_NO_NODE: its memory policy says
 * @always:	also when its slots have no tag yet, because it will be evicted
 *
 * Without this a folio that is moved while it keeps its slot would, when it is
 * next evicted, come back where an earlier request sent it.
 *
 * Context: process; sleeps.  Takes the folio lock, with @always only by trying.
 * Return: 0, -EAGAIN when the folio is locked, or -ENOMEM.
 */
int swapmig_forward_retag(struct folio *folio, int nid, bool always)
{
	struct xarray *tags;
	unsigned long slot;
	unsigned int i, nr;
	int err = 0;

	if (!folio_test_swapcache(folio))
		return 0;
	if (!always)
		folio_lock(folio);
	else if (!folio_trylock(folio))
		return -EAGAIN;
	if (!folio_test_swapcache(folio))
		goto unlock;

	tags = tags_of(folio->swap);
	slot = swp_offset(folio->swap);
	nr = folio_nr_pages(folio);
	if (always && nid != NUMA_NO_NODE) {
		err = tag_store_range(tags, slot, nr, nid, TAG_GFP);
	} else if (!xa_empty(tags)) {
		for (i = 0; i < nr; i++)
			if (tag_load(tags, slot + i) != NUMA_NO_NODE)
				tag_store(tags, slot + i, nid, TAG_GFP);
	}
unlock:
	folio_unlock(folio);
	return err;
}

/**
 * swapmig_forward_forget_node - drop all tags that name a node
 * @nid:	node whose memory is gone
 *
 * Context: process; may reschedule.
 */
void swapmig_forward_forget_node(int nid)
{
	int type;

	for (type = 0; type < MAX_SWAPFILES; type++)
		tag_forget_node(&swapmig_tags[type], nid);
}

/**
 * swapmig_forwarded - has this slot a tag?
 * @entry:	swap slot
 *
 * Read-ahead by offset knows neither the owner nor the policy of a neighbour,
 * so it leaves tagged ones alone; read-ahead by address is used for them.
 *
 * Return: true if it has.
 */
bool swapmig_forwarded(swp_entry_t entry)
{
	struct xarray *tags = tags_of(entry);

	return !xa_empty(tags) && tag_load(tags, swp_offset(entry)) >= 0;
}

/**
 * swapmig_swapped_folio - a request meets a page that is in swap
 * @req:	the request, or NULL when the walk moves nothing
 * @entry:	the page table entry
 * @shared_too:	also when others have this entry, as in MPOL_MF_MOVE_ALL
 *
 * A page that an earlier request sent to the node which this one vacates
 * follows.  A folio that is in the swap cache, mapped nowhere, would still be
 * found on its old node at the next touch: the caller gets it, to move it.
 *
 * Context: page table lock held, which keeps the slot in use.
 * Return: the folio with a reference, or NULL.
 */
struct folio *swapmig_swapped_folio(struct swapmig_request *req,
				    swp_entry_t entry, bool shared_too)
{
	struct folio *folio;

	if (!req || non_swap_entry(entry))
		return NULL;
	if (!shared_too && __swap_count(entry) != 1)
		return NULL;

	folio = filemap_get_folio(swap_address_space(entry),
				  swap_cache_index(entry));
	if (IS_ERR(folio))
		folio = NULL;
	/* This entry is not present, so it is another one that maps the folio */
	if (folio && !shared_too && folio_mapped(folio)) {
		folio_put(folio);
		return NULL;
	}

	tag_follow(tags_of(entry), swp_offset(entry), 1, req);
	return folio;
}

/* Do all that map these pages of @vma belong to its owner? */
static bool shmem_exclusive(struct vm_area_struct *vma)
{
	struct address_space *mapping = vma->vm_file->f_mapping;
	struct vm_area_struct *other;
	bool exclusive = true;

	i_mmap_lock_read(mapping);
	vma_interval_tree_foreach(other, &mapping->i_mmap, vma->vm_pgoff,
				  vma->vm_pgoff + vma_pages(vma) - 1)
		exclusive &= other->vm_mm == vma->vm_mm;
	i_mmap_unlock_read(mapping);
	return exclusive;
}

static void shmem_follow(struct swapmig_request *req, struct vm_area_struct *vma)
{
	struct address_space *mapping = vma->vm_file->f_mapping;
	XA_STATE(xas, &mapping->i_pages, vma->vm_pgoff);
	unsigned int looked = 0;
	void *entry;

	/* An entry that is there keeps its slot, as long as we hold the lock */
	xas_lock_irq(&xas);
	xas_for_each(&xas, entry, vma->vm_pgoff + vma_pages(vma) - 1) {
		swp_entry_t swap;

		if (xa_is_value(entry)) {
			swap = radix_to_swp_entry(entry);
			if (!non_swap_entry(swap))
				tag_follow(tags_of(swap), swp_offset(swap),
					   1U << xas_get_order(&xas), req);
		}
		if (++looked % XA_CHECK_SCHED)
			continue;
		xas_pause(&xas);
		xas_unlock_irq(&xas);
		cond_resched();
		xas_lock_irq(&xas);
	}
	xas_unlock_irq(&xas);
}

/**
 * swapmig_follow_shmem - shared memory in swap follows a request
 * @req:	the request, which begins to walk its address space
 * @shared_too:	also what other processes map, as in MPOL_MF_MOVE_ALL
 *
 * No page table has the slots of shared memory, so they are found by the file.
 *
 * Context: mmap_lock of the address space held.  Sleeps.
 */
void swapmig_follow_shmem(struct swapmig_request *req, bool shared_too)
{
	struct vm_area_struct *vma;
	bool tags = false;
	int type;

	VMA_ITERATOR(vmi, req->mm, 0);

	if (req->next || req->walks)
		return;
	for (type = 0; type < MAX_SWAPFILES; type++)
		tags |= !xa_empty(&swapmig_tags[type]);
	if (!tags)
		return;
	for_each_vma(vmi, vma)
		if (vma_is_shmem(vma) && (shared_too || shmem_exclusive(vma)))
			shmem_follow(req, vma);
}

/* ------------------------------------------------------------------------- */
/* Swap-in                                                                    */
/* ------------------------------------------------------------------------- */

/**
 * swapmig_swapin_folio - allocate a folio to read a swap slot into
 * @entry:	first slot to read
 * @gfp:	allocation flags
 * @order:	order of the folio
 * @pol:	memory policy that applies; it wins over the tag unless it is the
 *		system's default
 * @ilx:	interleave index
 *
 * The cpuset wins as well: a tag only names the node to try first.
 *
 * Context: as folio_alloc_mpol().
 * Return: the folio, or NULL: no memory, or a large folio whose slots were sent
 * to different nodes.
 */
struct folio *swapmig_swapin_folio(swp_entry_t entry, gfp_t gfp,
				   unsigned int order, struct mempolicy *pol,
				   pgoff_t ilx)
{
	struct mempolicy *forward = NULL;
	struct folio *folio;
	int nid;

	nid = tag_load_range(tags_of(entry), swp_offset(entry), 1U << order);
	if (nid == TAG_MIXED)
		return NULL;
	if (nid != NUMA_NO_NODE && node_state(nid, N_MEMORY))
		forward = mpol_forward(pol, nid);

	/* Small folios may find room there where a large one does not */
	if (forward && order)
		gfp |= __GFP_THISNODE;
	folio = folio_alloc_mpol(gfp, order, forward ?: pol, ilx,
				 numa_node_id());
	if (folio && forward && folio_nid(folio) == nid)
		count_vm_events(SWAPMIG_FORWARDED, 1 << order);
	return folio;
}

/**
 * swapmig_vma_swapin_folio - the same, by the memory policy of an address
 * @entry:	a slot of the folio
 * @gfp:	allocation flags
 * @order:	order of the folio; its slots are aligned to it
 * @vma:	area that the folio will be mapped in
 * @addr:	address that it will be mapped at
 *
 * Context: as vma_alloc_folio(): mmap_lock or the lock of @vma is held.
 * Return: as swapmig_swapin_folio().
 */
struct folio *swapmig_vma_swapin_folio(swp_entry_t entry, gfp_t gfp,
				       unsigned int order,
				       struct vm_area_struct *vma,
				       unsigned long addr)
{
	struct mempolicy *pol;
	struct folio *folio;
	pgoff_t ilx;

	entry.val = ALIGN_DOWN(entry.val, 1UL << order);
	pol = get_vma_policy(vma, addr, order, &ilx);
	folio = swapmig_swapin_folio(entry, gfp, order, pol, ilx);
	mpol_cond_put(pol);
	return folio;
}

#include "tests/forward_kunit.c"

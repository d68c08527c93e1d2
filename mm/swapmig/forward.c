// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: forwarding.
 *
 * The swap slot of a page that was evicted in order to migrate remembers the
 * node that the page was sent to.  The tag is set when reclaim allocates the
 * slot, decides where swap-in allocates, and dies with the slot.
 *
 * Who wins: the cpuset over the tag, the tag over the policies of task and VMA
 * (direct migration does not ask them either), a later request over an earlier
 * one.
 *
 * Tags are stored by swap device and offset.  An entry of the xarray is a value
 * that holds the tags of several neighbouring slots, so that a tagged slot of a
 * well filled range costs 2.3 bytes: a node of the xarray, 576 bytes, covers
 * 256 slots.
 */

#include <linux/cpuset.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/pagemap.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "internal.h"

/* ------------------------------------------------------------------------- */
/* A store of tags                                                            */
/* ------------------------------------------------------------------------- */

/* A tag is the node plus one; zero is no tag */
#define TAG_BITS	15
#define TAG_MASK	((1UL << TAG_BITS) - 1)
#define TAGS_PER_ENTRY	(BITS_PER_XA_VALUE / TAG_BITS)

/* No waiting: slots are allocated by reclaim, and looked at under spinlocks */
#define TAG_GFP		(__GFP_HIGH | __GFP_NOMEMALLOC | __GFP_NOWARN)

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
 * Interrupts are off because the lock of a mapping, under which the slots of
 * shared memory are retagged, is one that interrupts take.
 */
static int tag_store(struct xarray *tags, unsigned long slot, int nid)
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
					new ? xa_mk_value(new) : NULL, TAG_GFP));
	xa_unlock_irqrestore(tags, flags);
	return err;
}

static void tag_clear_range(struct xarray *tags, unsigned long slot,
			    unsigned int nr)
{
	for (; nr; slot++, nr--)
		tag_store(tags, slot, NUMA_NO_NODE);
}

/* All of the slots, or none that had no tag before */
static int tag_store_range(struct xarray *tags, unsigned long slot,
			   unsigned int nr, int nid)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		err = tag_store(tags, slot + i, nid);
		if (err) {
			tag_clear_range(tags, slot, i);
			return err;
		}
	}
	return 0;
}

/* ------------------------------------------------------------------------- */
/* Pairs of nodes                                                             */
/* ------------------------------------------------------------------------- */

/**
 * swapmig_map_node - where do_migrate_pages() sends the pages of a node
 * @from:	nodes that are vacated
 * @to:		nodes that are filled
 * @nid:	a node
 *
 * Return: the node in the same relative position; @nid itself if it is not
 * vacated.
 */
int swapmig_map_node(const nodemask_t *from, const nodemask_t *to, int nid)
{
	if (!node_isset(nid, *from))
		return nid;
	/* The layout cannot be kept: what is on one of @to stays there */
	if (nodes_weight(*from) != nodes_weight(*to) && node_isset(nid, *to))
		return nid;
	return node_remap(nid, *from, *to);
}

/**
 * swapmig_map_first - where the first node that is vacated goes
 * @from:	nodes that are vacated
 * @to:		nodes that are filled
 *
 * Return: a node, or NUMA_NO_NODE if no page is to move.
 */
int swapmig_map_first(const nodemask_t *from, const nodemask_t *to)
{
	int nid;

	for_each_node_mask(nid, *from)
		if (swapmig_map_node(from, to, nid) != nid)
			return swapmig_map_node(from, to, nid);
	return NUMA_NO_NODE;
}

/* ------------------------------------------------------------------------- */
/* The policy of an eviction                                                  */
/* ------------------------------------------------------------------------- */

/*
 * While a task evicts for a goal, one of these is its memory policy.  So what
 * zram and zswap allocate for the compressed copy prefers the goal's node, and
 * not the one that is being vacated; and it tells swapmig_tag_slot() the node.
 * There are two for each node: the second leaves slots untagged.
 */
static struct mempolicy *goal_policies;

static int __init swapmig_forward_init(void)
{
	struct mempolicy *pol;
	int nid;

	goal_policies = kcalloc(2 * nr_node_ids, sizeof(*goal_policies),
				GFP_KERNEL);
	if (!goal_policies)
		return -ENOMEM;
	for (nid = 0; nid < nr_node_ids; nid++) {
		pol = &goal_policies[2 * nid];
		/* Never freed: this reference is not given up */
		atomic_set(&pol->refcnt, 1);
		pol->mode = MPOL_PREFERRED;
		pol->home_node = NUMA_NO_NODE;
		pol->nodes = nodemask_of_node(nid);
		pol[1] = pol[0];
	}
	return 0;
}
subsys_initcall(swapmig_forward_init);

/* Which node does current evict for, with tagged slots? */
static int evict_goal(void)
{
	const struct mempolicy *pol = current->mempolicy;

	if (!goal_policies || pol < goal_policies ||
	    pol >= goal_policies + 2 * nr_node_ids ||
	    (pol - goal_policies) % 2)
		return NUMA_NO_NODE;
	return (pol - goal_policies) / 2;
}

/**
 * swapmig_enter_policy - current begins to evict for a node
 * @nid:	the node, or NUMA_NO_NODE: the policy stays as it is
 * @tag:	are new slots tagged with it?
 * @mems:	for swapmig_leave_policy()
 *
 * Context: process; not nested.  Takes task_lock().
 * Return: the task's own policy, for swapmig_leave_policy().
 */
struct mempolicy *swapmig_enter_policy(int nid, bool tag, nodemask_t *mems)
{
	struct mempolicy *old;

	task_lock(current);
	old = current->mempolicy;
	*mems = cpuset_current_mems_allowed;
	if (nid != NUMA_NO_NODE && goal_policies)
		current->mempolicy = &goal_policies[2 * nid + !tag];
	task_unlock(current);
	return old;
}

/**
 * swapmig_leave_policy - current has its own policy again
 * @old:	what swapmig_enter_policy() returned
 * @mems:	what it stored
 *
 * Context: process.  Takes task_lock().
 */
void swapmig_leave_policy(struct mempolicy *old, const nodemask_t *mems)
{
	task_lock(current);
	current->mempolicy = old;
	/* A cpuset that changed meanwhile did not find it */
	if (!nodes_equal(*mems, cpuset_current_mems_allowed))
		mpol_rebind_task(current, &cpuset_current_mems_allowed);
	task_unlock(current);
}

/* ------------------------------------------------------------------------- */
/* Tags of swap slots                                                         */
/* ------------------------------------------------------------------------- */

struct xarray swapmig_tags[MAX_SWAPFILES] = {
	[0 ... MAX_SWAPFILES - 1] = XARRAY_INIT(swapmig_tags, XA_FLAGS_LOCK_IRQ),
};

static struct xarray *tags_of(swp_entry_t entry)
{
	return &swapmig_tags[swp_type(entry)];
}

/**
 * swapmig_any_tags - is there a tag on any swap device?
 *
 * Return: true if there is.
 */
bool swapmig_any_tags(void)
{
	int type;

	for (type = 0; type < MAX_SWAPFILES; type++)
		if (!xa_empty(&swapmig_tags[type]))
			return true;
	return false;
}

/**
 * swapmig_has_tag - was the page of a slot sent to a node?
 * @entry:	swap slot
 *
 * Return: true if it was.
 */
bool swapmig_has_tag(swp_entry_t entry)
{
	return tag_load(tags_of(entry), swp_offset(entry)) != NUMA_NO_NODE;
}

/**
 * swapmig_tag_slot - tag a new swap slot if current evicts for a node
 * @folio:	folio that the slot is for
 * @entry:	first slot of @folio, or zero
 *
 * Context: reclaim; folio locked.  Does not sleep.
 * Return: 0, or -ENOMEM: the slot is not to be used, because the page would come
 * back on the wrong node.
 */
int swapmig_tag_slot(struct folio *folio, swp_entry_t entry)
{
	int nid = evict_goal();

	if (nid == NUMA_NO_NODE || !entry.val)
		return 0;
	return tag_store_range(tags_of(entry), swp_offset(entry),
			       folio_nr_pages(folio), nid);
}

/**
 * swapmig_untag_slots - drop the tags of slots that are freed
 * @tags:	tags of their device
 * @offset:	first slot
 * @nr:		number of slots
 *
 * Context: swap_info_struct->lock held.
 */
void swapmig_untag_slots(struct xarray *tags, unsigned long offset,
			 unsigned int nr)
{
	tag_clear_range(tags, offset, nr);
}

/**
 * swapmig_retag - slots in use get the tags that a new request wants
 * @entry:	first slot
 * @nr:		number of slots
 * @map:	where pages are to go
 *
 * Context: what keeps the slots in use is held: a page table lock, the lock of
 * the mapping, or a locked folio.  Does not sleep.
 * Return: 0, or -ENOMEM: some slots have their old tags.
 */
int swapmig_retag(swp_entry_t entry, unsigned int nr,
		  const struct swapmig_map *map)
{
	struct xarray *tags = tags_of(entry);
	unsigned long slot = swp_offset(entry);
	int old, new, err = 0;

	if (map->other == NUMA_NO_NODE && xa_empty(tags))
		return 0;
	for (; nr && !err; slot++, nr--) {
		old = tag_load(tags, slot);
		new = map->other;
		if (map->from && old != NUMA_NO_NODE)
			new = swapmig_map_node(map->from, map->to, old);
		if (new != old)
			err = tag_store(tags, slot, new);
	}
	return err;
}

/**
 * swapmig_tag_folio - a folio that has a swap slot already gets a new goal
 * @folio:	isolated folio
 * @nid:	where it is sent to, or NUMA_NO_NODE: nowhere in particular
 *
 * Reclaim allocates no slot for it, so swapmig_tag_slot() does not see it.
 *
 * Context: process.  Tries to take the folio lock.
 * Return: 0, -EAGAIN when the folio is locked, or -ENOMEM.
 */
int swapmig_tag_folio(struct folio *folio, int nid)
{
	struct swapmig_map map = { .other = nid };
	int err = 0;

	if (!folio_test_swapcache(folio))
		return 0;
	if (!folio_trylock(folio))
		return -EAGAIN;
	if (folio_test_swapcache(folio))
		err = swapmig_retag(folio->swap, folio_nr_pages(folio), &map);
	folio_unlock(folio);
	return err;
}

/* ------------------------------------------------------------------------- */
/* Swap-in                                                                    */
/* ------------------------------------------------------------------------- */

static struct mempolicy *tag_policy(swp_entry_t entry, struct mempolicy *pol,
				    unsigned int nr)
{
	int nid = tag_load(tags_of(entry), swp_offset(entry));

	if (nid == NUMA_NO_NODE || !goal_policies ||
	    !node_isset(nid, cpuset_current_mems_allowed) ||
	    !node_state(nid, N_MEMORY))
		return pol;
	swapmig_count_forwarded(nr);
	return &goal_policies[2 * nid];
}

/**
 * swapmig_tag_policy - the policy by which a tagged slot is read
 * @entry:	swap slot
 * @pol:	policy that would apply
 *
 * Return: the policy of the node in its tag, if it has one and the cpuset of
 * current allows that node; else @pol.
 */
struct mempolicy *swapmig_tag_policy(swp_entry_t entry, struct mempolicy *pol)
{
	return tag_policy(entry, pol, 1);
}

/* The tag of all of the slots; false: they do not have the same */
static bool tag_same(swp_entry_t entry, unsigned int nr)
{
	unsigned long slot = swp_offset(entry);
	int nid = tag_load(tags_of(entry), slot);

	while (--nr)
		if (tag_load(tags_of(entry), ++slot) != nid)
			return false;
	return true;
}

/**
 * swapmig_vma_alloc_folio - allocate past the swap cache, or for a copy of it
 * @entry:	a slot of its pages
 * @gfp:	how to allocate
 * @order:	of the folio, for whose slots @entry is aligned down
 * @vma:	area that the folio will be mapped in
 * @addr:	address that it will be mapped at
 *
 * Context: mmap_lock or the lock of @vma held.
 * Return: a folio; or NULL: there is no memory, or its pages were not all sent to
 * one node.
 */
struct folio *swapmig_vma_alloc_folio(swp_entry_t entry, gfp_t gfp, int order,
				      struct vm_area_struct *vma,
				      unsigned long addr)
{
	struct mempolicy *pol;
	struct folio *folio;
	pgoff_t ilx;

	entry = swp_entry(swp_type(entry),
			  round_down(swp_offset(entry), 1UL << order));
	if (!tag_same(entry, 1U << order))
		return NULL;
	pol = get_vma_policy(vma, addr, order, &ilx);
	folio = folio_alloc_mpol(gfp, order, tag_policy(entry, pol, 1U << order),
				 ilx, numa_node_id());
	mpol_cond_put(pol);
	return folio;
}

#include "tests/forward_kunit.c"

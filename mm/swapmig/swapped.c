// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: the part of an address range that is in swap.
 *
 * queue_pages_range() passes swap entries by.  But the page behind one is on a
 * node as well: the one that it will come back on, which its slot's tag says, or
 * the one where it lies in the swap cache, where the next fault would find it.
 */

#include <linux/fs.h>
#include <linux/pagemap.h>
#include <linux/pagewalk.h>
#include <linux/shmem_fs.h>

#include "../internal.h"
#include "../swap.h"
#include "internal.h"

/* The walk stops to look whether others wait, each so many entries */
#define SWAPPED_RESCHED	512

/*
 * What others share stays where it is.  But no tag may win over a policy that is
 * newer than it, and without one each of those who share it has its own policy.
 */
static const struct swapmig_map *swapped_map(const struct swapmig_swapped *sw,
					     bool ours)
{
	static const struct swapmig_map forget = { .other = NUMA_NO_NODE };

	if (ours)
		return sw->map;
	return sw->map->from ? NULL : &forget;
}

static bool swapped_wanted(swp_entry_t entry, const struct swapmig_swapped *sw)
{
	return sw->sources && (!sw->tagged || swapmig_has_tag(entry));
}

/* A folio that is in the swap cache, mapped nowhere, is misplaced, too */
static struct folio *swapped_misplaced(swp_entry_t entry,
				       const struct swapmig_swapped *sw)
{
	struct folio *folio;

	folio = filemap_get_folio(swap_address_space(entry),
				  swap_cache_index(entry));
	if (IS_ERR(folio))
		return NULL;
	if (node_isset(folio_nid(folio), *sw->sources) &&
	    (sw->shared || !folio_mapped(folio)))
		return folio;
	folio_put(folio);
	return NULL;
}

static void swapped_queue(struct folio *folio, struct swapmig_swapped *sw)
{
	/* Tried already, if it is the last one that was met */
	if (folio != sw->large && !swapmig_isolate(folio, sw->folios))
		sw->failed++;
	if (folio_test_large(folio))
		sw->large = folio;
	folio_put(folio);
}

static void swapped_entry(swp_entry_t entry, struct swapmig_swapped *sw)
{
	/* The page table lock keeps the slot in use */
	bool ours = sw->shared || __swap_count(entry) == 1;
	const struct swapmig_map *map = swapped_map(sw, ours);
	bool wanted = ours && swapped_wanted(entry, sw);
	struct folio *folio;

	if (map && swapmig_retag(entry, 1, map))
		sw->failed++;
	if (!wanted)
		return;
	folio = swapped_misplaced(entry, sw);
	if (folio)
		swapped_queue(folio, sw);
}

/*
 * A page that was read back may keep its slot, and the slot its tag, for when it
 * is evicted once more.
 */
static void swapped_present(struct folio *folio, struct swapmig_swapped *sw)
{
	struct swapmig_map map = *sw->map;

	/* Only what has a tag gets another */
	map.other = NUMA_NO_NODE;
	if (map.from && !sw->shared && folio_likely_mapped_shared(folio))
		return;
	if (!folio_trylock(folio))
		return;
	if (folio_test_swapcache(folio))
		swapmig_retag(folio->swap, folio_nr_pages(folio), &map);
	folio_unlock(folio);
}

static void swapped_pte(struct vm_area_struct *vma, unsigned long addr,
			pte_t ptent, struct swapmig_swapped *sw)
{
	struct folio *folio;

	if (is_swap_pte(ptent)) {
		swp_entry_t entry = pte_to_swp_entry(ptent);

		if (!non_swap_entry(entry))
			swapped_entry(entry, sw);
	} else if (pte_present(ptent)) {
		folio = vm_normal_folio(vma, addr, ptent);
		if (folio && folio_test_swapcache(folio))
			swapped_present(folio, sw);
	}
}

static int swapped_pte_range(pmd_t *pmd, unsigned long addr, unsigned long end,
			     struct mm_walk *walk)
{
	pte_t *first, *pte;
	spinlock_t *ptl;	/* of the page table that @pmd names */

	first = pte_offset_map_lock(walk->mm, pmd, addr, &ptl);
	if (!first)
		return 0;
	for (pte = first; addr != end; pte++, addr += PAGE_SIZE)
		swapped_pte(walk->vma, addr, ptep_get(pte), walk->private);
	pte_unmap_unlock(first, ptl);
	cond_resched();
	return 0;
}

static const struct mm_walk_ops swapped_walk_ops = {
	.pmd_entry	= swapped_pte_range,
	.walk_lock	= PGWALK_RDLOCK,
};

/* Do all that map these pages belong to the owner of @vma? */
static bool shmem_exclusive(struct vm_area_struct *vma, pgoff_t first,
			    pgoff_t last)
{
	struct address_space *mapping = vma->vm_file->f_mapping;
	struct vm_area_struct *other;
	bool exclusive = true;

	i_mmap_lock_read(mapping);
	vma_interval_tree_foreach(other, &mapping->i_mmap, first, last) {
		exclusive = other->vm_mm == vma->vm_mm;
		if (!exclusive)
			break;
	}
	i_mmap_unlock_read(mapping);
	return exclusive;
}

/* No page table has the slots of shared memory: they are found by the file */
static void swapped_shmem(struct vm_area_struct *vma, unsigned long start,
			  unsigned long end, struct swapmig_swapped *sw)
{
	struct address_space *mapping = vma->vm_file->f_mapping;
	pgoff_t first = linear_page_index(vma, start);
	pgoff_t last = linear_page_index(vma, end) - 1;
	XA_STATE(xas, &mapping->i_pages, first);
	bool ours = sw->shared || shmem_exclusive(vma, first, last);
	const struct swapmig_map *map = swapped_map(sw, ours);
	unsigned int looked = 0;
	void *entry;

	/* The lock keeps an entry that is there in place, and so its slot */
	xas_lock_irq(&xas);
	xas_for_each(&xas, entry, last) {
		struct folio *folio = NULL;
		swp_entry_t swap;

		swap = xa_is_value(entry) ? radix_to_swp_entry(entry) : (swp_entry_t){};
		if (swap.val && !non_swap_entry(swap)) {
			bool wanted = ours && swapped_wanted(swap, sw);

			if (map && swapmig_retag(swap, 1U << xas_get_order(&xas), map))
				sw->failed++;
			if (wanted)
				folio = swapped_misplaced(swap, sw);
		}
		if (!folio && ++looked % SWAPPED_RESCHED)
			continue;
		/* The LRU is not touched with interrupts off */
		xas_pause(&xas);
		xas_unlock_irq(&xas);
		if (folio)
			swapped_queue(folio, sw);
		cond_resched();
		xas_lock_irq(&xas);
	}
	xas_unlock_irq(&xas);
}

/**
 * swapmig_walk_swapped - visit what is in swap of a part of a VMA
 * @vma:	the area
 * @start:	first address
 * @end:	address after the last one
 * @sw:		what to do with it
 *
 * Context: mmap_lock held for reading, lru_cache_disable() called.  Sleeps.
 */
void swapmig_walk_swapped(struct vm_area_struct *vma, unsigned long start,
			  unsigned long end, struct swapmig_swapped *sw)
{
	mmap_assert_locked(vma->vm_mm);
	if (is_vm_hugetlb_page(vma) || !vma_migratable(vma))
		return;
	if (swapmig_vma_is_shmem(vma))
		swapped_shmem(vma, start, end, sw);
	/*
	 * On this list is each address space that ever had a swap entry.  One that
	 * was forked may have pages that keep a slot, with its tag, and no entry.
	 */
	if (!list_empty(&vma->vm_mm->mmlist) || swapmig_any_tags())
		walk_page_range_vma(vma, start, end, &swapped_walk_ops, sw);
}

/* Where is the folio of a slot, which somebody keeps in use? */
static int absent_swapped(swp_entry_t entry)
{
	struct folio *folio = filemap_get_folio(swap_address_space(entry),
						swap_cache_index(entry));
	int nid = SWAPMIG_OUT;

	if (!IS_ERR(folio)) {
		nid = folio_nid(folio);
		folio_put(folio);
	}
	return nid;
}

/* Where is the page of a file, which is in no page table? */
static int absent_file(struct vm_area_struct *vma, unsigned long addr)
{
	struct address_space *mapping = vma->vm_file->f_mapping;
	pgoff_t index = linear_page_index(vma, addr);
	struct swap_info_struct *si;
	struct folio *folio;
	swp_entry_t entry;
	int nid;

	folio = filemap_get_entry(mapping, index);
	if (!folio)
		return shmem_mapping(mapping) ? -ENOENT : SWAPMIG_OUT;
	if (!xa_is_value(folio)) {
		nid = folio_nid(folio);
		folio_put(folio);
		return nid;
	}
	if (!shmem_mapping(mapping))
		return SWAPMIG_OUT;
	entry = radix_to_swp_entry(folio);
	if (non_swap_entry(entry))
		return -ENOENT;
	/* One entry may be for several pages */
	entry.val += index % (1UL << xa_get_order(&mapping->i_pages, index));
	si = get_swap_device(entry);
	if (!si)
		return -ENOENT;
	nid = absent_swapped(entry);
	put_swap_device(si);
	return nid;
}

/**
 * swapmig_absent - where is a page that is not present in a page table?
 * @vma:	the area
 * @addr:	its address
 *
 * Context: mmap_lock held for reading.
 * Return: the node where the swap cache or the page cache has it; SWAPMIG_OUT: it
 * is in swap, or in its file; -EBUSY: it is being migrated; -EAGAIN: it is present;
 * -ENOENT: there is none.
 */
int swapmig_absent(struct vm_area_struct *vma, unsigned long addr)
{
	spinlock_t *ptl;	/* of the page table that @pmd names */
	int nid = -ENOENT;
	pte_t *pte, ptent;
	pmd_t *pmd;

	if (is_vm_hugetlb_page(vma) || !vma_migratable(vma))
		return -ENOENT;
	pmd = mm_find_pmd(vma->vm_mm, addr);
	if (!pmd)
		return vma->vm_file ? absent_file(vma, addr) : -ENOENT;
	pte = pte_offset_map_lock(vma->vm_mm, pmd, addr, &ptl);
	if (!pte) {
		pmd_t pmdval = pmdp_get_lockless(pmd);

		if (is_pmd_migration_entry(pmdval))
			return -EBUSY;
		if (pmd_present(pmdval))
			return -EAGAIN;
		return vma->vm_file ? absent_file(vma, addr) : -ENOENT;
	}
	ptent = ptep_get(pte);
	if (pte_present(ptent)) {
		nid = -EAGAIN;
	} else if (is_swap_pte(ptent)) {
		swp_entry_t entry = pte_to_swp_entry(ptent);

		if (is_migration_entry(entry))
			nid = -EBUSY;
		else if (!non_swap_entry(entry))
			nid = absent_swapped(entry);
	}
	pte_unmap_unlock(pte, ptl);
	return pte_none_mostly(ptent) && vma->vm_file ? absent_file(vma, addr) : nid;
}

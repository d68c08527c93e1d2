/* SPDX-License-Identifier: GPL-2.0 */
/*
 * swapmig: what its files share.
 */
#ifndef _MM_SWAPMIG_INTERNAL_H
#define _MM_SWAPMIG_INTERNAL_H

#include <linux/swapmig.h>

/* ------------------------------------------------------------------------- */
/* lru.c: folios that leave the LRU for a request, and come back              */
/* ------------------------------------------------------------------------- */

bool swapmig_isolate(struct folio *folio, struct list_head *folios);
void swapmig_settle(struct list_head *folios);
void swapmig_putback(struct list_head *folios);

/* ------------------------------------------------------------------------- */
/* swapout.c: evict isolated folios                                           */
/* ------------------------------------------------------------------------- */

/**
 * struct swapmig_goal - where evicted pages are to come back, and how it went
 * @nid:	node to prefer for all that is allocated meanwhile, or NUMA_NO_NODE
 * @tag:	their slots are tagged with @nid; else the policy decides
 * @hurry:	something did not answer: wait for nothing any more
 * @unseen:	folios of files that stayed, in no page table any more: no walk finds
 *		them again, unless somebody touches them
 */
struct swapmig_goal {
	int nid;
	bool tag;
	bool hurry;
	long unseen;
};

unsigned int swapout_pages(struct list_head *folios, struct swapmig_goal *goal);

/* ------------------------------------------------------------------------- */
/* forward.c: tags of swap slots                                              */
/* ------------------------------------------------------------------------- */

/**
 * struct swapmig_map - where pages that are in swap already are to go
 * @from:	nodes that are vacated, or NULL: all slots get the node @other
 * @to:		the node for each of @from, in the same relative position
 * @other:	for slots without a tag; NUMA_NO_NODE: they get none
 */
struct swapmig_map {
	const nodemask_t *from;
	const nodemask_t *to;
	int other;
};

int swapmig_map_node(const nodemask_t *from, const nodemask_t *to, int nid);
int swapmig_map_first(const nodemask_t *from, const nodemask_t *to);
int swapmig_retag(swp_entry_t entry, unsigned int nr,
		  const struct swapmig_map *map);
int swapmig_tag_folio(struct folio *folio, int nid);
bool swapmig_any_tags(void);

struct mempolicy *swapmig_enter_policy(int nid, bool tag, nodemask_t *mems);
void swapmig_leave_policy(struct mempolicy *old, const nodemask_t *mems);

/* ------------------------------------------------------------------------- */
/* swapped.c: the part of a range that is in swap                             */
/* ------------------------------------------------------------------------- */

/**
 * struct swapmig_swapped - what to do with the swap entries of a range
 * @map:	the tags that their slots get
 * @sources:	also isolate what is in the swap cache on one of these, or NULL
 * @tagged:	but only if its slot had a tag
 * @shared:	MPOL_MF_MOVE_ALL: also what other processes map
 * @folios:	isolated folios
 * @failed:	pages whose slot could not be tagged, or folios not isolated
 */
struct swapmig_swapped {
	const struct swapmig_map *map;
	const nodemask_t *sources;
	bool tagged;
	bool shared;
	struct list_head *folios;
	long failed;
};

void swapmig_walk_swapped(struct vm_area_struct *vma, unsigned long start,
			  unsigned long end, struct swapmig_swapped *sw);

#endif /* _MM_SWAPMIG_INTERNAL_H */

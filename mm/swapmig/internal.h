/* SPDX-License-Identifier: GPL-2.0 */
/*
 * swapmig: what its files share.
 */
#ifndef _MM_SWAPMIG_INTERNAL_H
#define _MM_SWAPMIG_INTERNAL_H

#include <linux/fs.h>
#include <linux/memcontrol.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/shmem_fs.h>
#include <linux/swapmig.h>

#include "displace.h"

struct migration_target_control;

/* Pages of an address range that are looked at, and isolated, at once */
#define SWAPMIG_WINDOW	512

/* ------------------------------------------------------------------------- */
/* engines.c: the ways to place isolated folios, tried one after the other    */
/* ------------------------------------------------------------------------- */

/* A packed list can name twice as many; a request counts for each of them */
#define SWAPMIG_ENGINES_MAX	4

/*
 * Sorts of engines.  One gets @batch folios of the goal at once, because it keeps all
 * of them unmapped while it works, else all of a window.  One serves goals that are
 * nodes, and those before it need not reclaim where there is no room.  One sends
 * pages through swap, so slots need tags.
 */
#define SWAPMIG_ENGINE_BATCHED		BIT(0)
#define SWAPMIG_ENGINE_MAKES_ROOM	BIT(1)
#define SWAPMIG_ENGINE_SWAPS		BIT(2)

/* Why a page stayed where it was */
enum swapmig_why {
	SWAPMIG_MLOCKED,
	SWAPMIG_PINNED,
	SWAPMIG_HUGETLB,
	SWAPMIG_WRITEBACK,	/* or locked */
	SWAPMIG_NO_ROOM,	/* on the node, or in swap */
	SWAPMIG_RACED,		/* touched, or referenced, in each pass */
	NR_SWAPMIG_WHY,
};

/**
 * struct swapmig_tally - what became of the pages of a request
 * @placed:	by each engine
 * @left:	by each engine, in the last sweep
 * @stayed:	for each reason, in the last sweep
 * @unseen:	the same, what no sweep finds again
 */
struct swapmig_tally {
	unsigned long placed[SWAPMIG_ENGINES_MAX];
	unsigned long left[SWAPMIG_ENGINES_MAX];
	unsigned long stayed[NR_SWAPMIG_WHY];
	unsigned long unseen[NR_SWAPMIG_WHY];
};

/**
 * struct swapmig_goal - where folios are to go, how, and how it went
 * @nid:	node to prefer for all that is allocated meanwhile, or NUMA_NO_NODE
 * @reason:	enum migrate_reason
 * @alloc:	allocates a folio that meets the goal
 * @private:	argument of @alloc
 * @engines:	engine list, packed
 * @batch:	folios that an engine may keep unmapped at once
 * @nodes:	where they may go, if that is all that counts; else none
 * @were:	the same at any time of this request
 * @mm:		address space whose pages they are
 * @running:	on the list of requests under way, if @quiet
 * @pid:	whose pages they are, for tracepoints
 * @from:	node that is vacated, or NUMA_NO_NODE
 * @vacates:	the same; or the nodes that its folios so far came from, if @quiet
 * @tag:	slots of evicted pages are tagged with @nid; else the policy decides
 * @quiet:	room is made: do without reclaim until that has been tried
 * @soft:	they are only preferred: nobody who prefers them as well makes way, nobody
 *		waits, and no huge page makes way that has no room
 * @hold:	sweeps to come, at least: the engines after the one that makes room are for
 *		the last
 * @waits:	for other requests, at this moment
 * @no_huge:	there was no page for one of hugetlbfs
 * @no_block:	only large folios lacked room
 * @hurry:	something did not answer: wait for nothing any more
 * @held:	somebody had some of them in hand, in this sweep
 * @err:	errno of the last engine that gave up, for want of room
 * @unseen:	folios of files that stayed, in no page table any more: no walk finds
 *		them again, unless somebody touches them
 * @push:	how room is made
 * @tally:	what became of all folios so far
 */
struct swapmig_goal {
	int nid;
	int reason;
	new_folio_t *alloc;
	unsigned long private;
	u32 engines;
	unsigned int batch;
	nodemask_t nodes;
	nodemask_t were;
	struct mm_struct *mm;
	struct list_head running;
	pid_t pid;
	int from;
	nodemask_t vacates;
	bool tag;
	bool quiet;
	bool soft;
	unsigned char hold;
	bool waits;
	bool no_huge;
	bool no_block;
	bool hurry;
	bool held;
	int err;
	long unseen;
	struct swapmig_push push;
	struct swapmig_tally tally;
};

/* Are folios for this goal placed without reclaim, as long as room can be made? */
static inline bool swapmig_quiet(const struct swapmig_goal *goal)
{
	return IS_ENABLED(CONFIG_SWAPMIG_DISPLACE) && goal->quiet &&
	       !nodes_empty(goal->nodes);
}

/* Was there no room for it? */
static inline bool swapmig_lacked_room(const struct swapmig_goal *goal,
				       const struct folio *folio)
{
	if (folio_test_hugetlb(folio))
		return goal->no_huge;
	return goal->err == -ENOMEM && (!goal->no_block || folio_test_large(folio));
}

/* Its last owner is gone: all that is left to do is to let go of it */
static inline bool swapmig_orphaned(const struct mm_struct *mm)
{
#ifdef CONFIG_MEMCG
	/* Others may hold it as well */
	if (!rcu_access_pointer(mm->owner))
		return true;
#endif
	return mm != current->mm && atomic_read(&mm->mm_users) == 1;
}

/* All of these may need room; in later sweeps the same are met again */
static inline void swapmig_asks(struct swapmig_goal *goal, unsigned long pages)
{
	goal->push.sweep += pages;
	goal->push.asked = max(goal->push.asked, goal->push.sweep);
}

/* The longest engine list in text, with separators and the final NUL */
#define SWAPMIG_ENGINES_LEN	64

const char *swapmig_engine_name(unsigned int nr);
u32 swapmig_engines(void);
int swapmig_parse_engines(const char *text, u32 *list);
int swapmig_print_engines(u32 list, char *text, size_t size);
void swapmig_set_engines(u32 list);
bool swapmig_list_has(u32 list, unsigned int sort);
void swapmig_goal_node(struct swapmig_goal *goal,
		       struct migration_target_control *mtc, int nid);
u32 swapmig_without_swap(u32 list);
int swapmig_batches(struct list_head *folios, struct swapmig_goal *goal,
		    int (*place)(struct list_head *folios,
				 struct swapmig_goal *goal));
long swapmig_place(struct list_head *folios, struct swapmig_goal *goal);
long swapmig_leave(struct list_head *folios, struct swapmig_goal *goal);

static inline bool swapmig_makes_room(u32 list)
{
	return swapmig_list_has(list, SWAPMIG_ENGINE_MAKES_ROOM);
}

/* A page that is in swap already has then to be sent on as well */
static inline bool swapmig_swaps(u32 list)
{
	return swapmig_list_has(list, SWAPMIG_ENGINE_SWAPS);
}

/* ------------------------------------------------------------------------- */
/* stats.c: counters and tracepoints                                          */
/* ------------------------------------------------------------------------- */

pid_t swapmig_pid(struct mm_struct *mm);
void swapmig_begin(struct swapmig_goal *goal, struct mm_struct *mm, int from,
		   u32 engines);
void swapmig_again(struct swapmig_goal *goal);
long swapmig_end(struct swapmig_goal *goal, long ret);
enum swapmig_why swapmig_why(struct folio *folio,
			     const struct swapmig_goal *goal);
void swapmig_count_evicted(unsigned long pages);
void swapmig_count_forwarded(unsigned long pages);
void swapmig_count_displaced(unsigned long moved, unsigned long dropped,
			     unsigned long scanned);
void swapmig_count_no_victim(unsigned long pages);

/* ------------------------------------------------------------------------- */
/* sysctl.c: what the administrator chose                                     */
/* ------------------------------------------------------------------------- */

unsigned int swapmig_batch(void);

/* ------------------------------------------------------------------------- */
/* direct.c, displace.c, swapout.c: the engines                               */
/* ------------------------------------------------------------------------- */

int swapmig_direct(struct list_head *folios, struct swapmig_goal *goal);
int swapmig_displace(struct list_head *folios, struct swapmig_goal *goal);
int swapout_pages(struct list_head *folios, struct swapmig_goal *goal);
bool swapout_has_slot(struct folio *folio);

/* ------------------------------------------------------------------------- */
/* wait.c: folios that are locked, or being written                           */
/* ------------------------------------------------------------------------- */

void swapmig_start_writeback(struct list_head *folios);
int swapmig_wait(struct list_head *folios, struct swapmig_goal *goal);
bool swapmig_busy(struct folio *folio);

/* ------------------------------------------------------------------------- */
/* request.c: requests                                                        */
/* ------------------------------------------------------------------------- */

/* A flag of do_migrate_pages(): it is too early to go by way of swap */
#define SWAPMIG_MF_NO_SWAP	(MPOL_MF_INTERNAL << 8)

/* ------------------------------------------------------------------------- */
/* lru.c: folios that leave the LRU for a request, and come back              */
/* ------------------------------------------------------------------------- */

unsigned long swapmig_count_pages(const struct list_head *folios);
bool swapmig_isolate(struct folio *folio, struct list_head *folios);
void swapmig_settle(struct list_head *folios);
void swapmig_unsettle(struct list_head *folios);
bool swapmig_free_abandoned(struct folio *folio);
bool swapmig_pinned(struct folio *folio);
void swapmig_putback(struct list_head *folios);
long swapmig_unlisted(struct vm_area_struct *vma, unsigned long start,
		      unsigned long end, const nodemask_t *nodes);

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
 * @large:	the last large folio that was met, which has more entries than one
 * @failed:	pages whose slot could not be tagged, or folios not isolated
 */
struct swapmig_swapped {
	const struct swapmig_map *map;
	const nodemask_t *sources;
	bool tagged;
	bool shared;
	struct list_head *folios;
	const struct folio *large;
	long failed;
};

/* A page that is in no page table is in no cache either */
#define SWAPMIG_OUT	MAX_NUMNODES

/* SysV shared memory has operations of its own, so ask the mapping */
static inline bool swapmig_vma_is_shmem(const struct vm_area_struct *vma)
{
	return vma->vm_file && shmem_mapping(vma->vm_file->f_mapping);
}

void swapmig_walk_swapped(struct vm_area_struct *vma, unsigned long start,
			  unsigned long end, struct swapmig_swapped *sw);
int swapmig_absent(struct vm_area_struct *vma, unsigned long addr);

#endif /* _MM_SWAPMIG_INTERNAL_H */

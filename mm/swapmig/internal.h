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

struct migration_target_control;

/* Pages of an address range that are looked at, and isolated, at once */
#define SWAPMIG_WINDOW	512

/* ------------------------------------------------------------------------- */
/* engines.c: the ways to place isolated folios, tried one after the other    */
/* ------------------------------------------------------------------------- */

/* As many as a packed list can name */
#define SWAPMIG_ENGINES_MAX	8

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

/* victims.c: where the search for those that make way on a node stands */
struct swapmig_scan {
	const struct mm_struct *mm;	/* asks for room */
	int nid;
	int to;
	struct mem_cgroup *own;		/* if @confined, the one whose folios may move */
	struct mem_cgroup *memcg;	/* present one, if @inside */
	const struct folio *first;	/* of the list; only to compare */
	int lap;
	unsigned int stage;		/* of a lap: a sort of list, in all cgroups */
	int list;			/* of that sort, in the present cgroup */
	bool running;
	bool confined;			/* only folios that are charged to @own move */
	bool any;			/* also what is warm, for this once */
	bool inside;			/* a stage has begun, and is at @memcg */
	bool end;			/* of the list has been reached */
	bool over;			/* there is nobody, until something changes */
	bool sized;			/* some were too large for the room */
	bool leaving;			/* some are about to be moved elsewhere */
	unsigned long turn;		/* pages looked at since @first */
	unsigned long size;		/* of the list, or more, as it began */
	long room;			/* that the other node has */
	unsigned long blocked;		/* pages that would go, but for that */
	unsigned long scanned;		/* pages looked at in all */
	unsigned long since;		/* the same when the lap began */
	unsigned long pried;		/* of these, others', in all searches */
	unsigned long way;		/* pages that made way for the request */
	unsigned long vain;		/* pages of this lap that a later one may take */
	unsigned long found;		/* pages of this lap that made way */
};

/* Pairs of nodes that a request remembers */
#define SWAPMIG_SCANS	3

/**
 * struct swapmig_goal - where folios are to go, how, and how it went
 * @nid:	node to prefer for all that is allocated meanwhile, or NUMA_NO_NODE
 * @tag:	slots of evicted pages are tagged with @nid; else the policy decides
 * @reason:	enum migrate_reason
 * @alloc:	allocates a folio that meets the goal
 * @private:	argument of @alloc
 * @engines:	engine list, packed
 * @batch:	folios that an engine may keep unmapped at once
 * @quiet:	room is made: do without reclaim until that has been tried
 * @nodes:	where they may go, if that is all that counts; else none
 * @were:	the same at any time of this request
 * @mm:		address space whose pages they are
 * @running:	on the list of requests under way, if @quiet
 * @scans:	where the search for pages that make way stands, on a node for another
 * @nr_scans:	how many of these there were
 * @dry:	nodes on which nobody can make way to @dry_to
 * @dry_to:	node
 * @leaving:	others are about to move some that cannot
 * @first:	sweep over the range, so that all is asked for the first time
 * @crowded:	sweeps for what others had in hand
 * @asked:	pages for which room was to be made
 * @lacked:	pages that their nodes lacked before, for which others have to go as well
 * @met:	nodes that were asked for what they lack
 * @displaced:	pages that made way for them
 * @pried:	pages of others that were looked at
 * @got:	pages that were placed into the room they left
 * @rescans:	looks at all of a node, for others have got on
 * @naps:	for other requests, since a page was placed
 * @waits:	for other requests, at this moment
 * @hold:	the engines after the one that makes room are not for this sweep
 * @drained:	nodes to which all CPUs have returned their free pages
 * @pid:	whose pages they are, for tracepoints
 * @from:	node that is vacated, for tracepoints
 * @err:	errno of the last engine that gave up, for want of room
 * @no_huge:	there was no page for one of hugetlbfs
 * @hurry:	something did not answer: wait for nothing any more
 * @unseen:	folios of files that stayed, in no page table any more: no walk finds
 *		them again, unless somebody touches them
 * @tally:	what became of all folios so far
 */
struct swapmig_goal {
	int nid;
	bool tag;
	int reason;
	new_folio_t *alloc;
	unsigned long private;
	u32 engines;
	unsigned int batch;
	bool quiet;
	nodemask_t nodes;
	nodemask_t were;
	struct mm_struct *mm;
	struct list_head running;
	struct swapmig_scan scans[SWAPMIG_SCANS];
	unsigned int nr_scans;
	nodemask_t dry;
	int dry_to;
	bool leaving;
	bool first;
	unsigned long asked;
	unsigned long lacked;
	nodemask_t met;
	unsigned long displaced;
	unsigned long pried;
	unsigned long got;
	unsigned int rescans;
	int crowded;
	int naps;
	bool waits;
	bool hold;
	nodemask_t drained;
	pid_t pid;
	int from;
	int err;
	bool no_huge;
	bool hurry;
	long unseen;
	struct swapmig_tally tally;
};

/* The longest engine list in text, with separators and the final NUL */
#define SWAPMIG_ENGINES_LEN	64

const char *swapmig_engine_name(unsigned int nr);
u32 swapmig_engines(void);
int swapmig_parse_engines(const char *text, u32 *list);
int swapmig_print_engines(u32 list, char *text, size_t size);
void swapmig_set_engines(u32 list);
bool swapmig_makes_room(u32 list);
void swapmig_goal_node(struct swapmig_goal *goal,
		       struct migration_target_control *mtc, int nid);
bool swapmig_swaps(u32 list);
u32 swapmig_without_swap(u32 list);
int swapmig_batches(struct list_head *folios, struct swapmig_goal *goal,
		    int (*place)(struct list_head *folios,
				 struct swapmig_goal *goal));
long swapmig_place(struct list_head *folios, struct swapmig_goal *goal);
long swapmig_leave(struct list_head *folios, struct swapmig_goal *goal);

/* ------------------------------------------------------------------------- */
/* stats.c: counters and tracepoints                                          */
/* ------------------------------------------------------------------------- */

void swapmig_begin(struct swapmig_goal *goal, struct mm_struct *mm, int from);
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
/* room.c, victims.c, judge.c: what "displace" is made of                     */
/* ------------------------------------------------------------------------- */

/*
 * Laps over the lists of a node: for what other requests move anyway; then for what
 * is cold; the first that takes what is warm; and that takes huge pages, which have
 * to be split.
 */
#define SWAPMIG_LAP_WANTED	(-1)
#define SWAPMIG_LAP_WARM	2
#define SWAPMIG_LAP_ANY		3

/* May a folio make way? */
enum swapmig_verdict {
	SWAPMIG_STAYS,
	SWAPMIG_MOVES,		/* to the other node */
	SWAPMIG_DROPS,		/* nobody needs it in memory */
};

#ifdef CONFIG_SWAPMIG_DISPLACE
/* Free pages beyond the low watermark that a request leaves in a zone */
#define SWAPMIG_SLACK	256L

/* Where those that make way go, and how many pages of them */
struct swapmig_way {
	int nid;
	long room;
};

long swapmig_node_room(int nid);
unsigned long swapmig_room(const struct swapmig_goal *goal, unsigned long *large);
void swapmig_drain_node(int nid);
struct folio *swapmig_alloc_quiet(struct folio *src, unsigned long private);
struct folio *swapmig_alloc_victim(struct folio *src, unsigned long private);

void swapmig_victims_start(struct swapmig_scan *scan,
			   const struct swapmig_goal *goal, int nid, int to);
unsigned long swapmig_victims_isolate(struct swapmig_scan *scan,
				      unsigned long pages, long room,
				      struct list_head *move,
				      struct list_head *drop);
void swapmig_victims_stop(struct swapmig_scan *scan);

/* Are these lists those of a memory cgroup that the caller may not push? */
static inline bool swapmig_scan_foreign(const struct swapmig_scan *scan)
{
	return scan->confined && !mem_cgroup_disabled() && scan->memcg != scan->own;
}

void swapmig_run(struct swapmig_goal *goal);
void swapmig_run_to(struct swapmig_goal *goal, const nodemask_t *nodes);
void swapmig_run_end(struct swapmig_goal *goal);
void swapmig_run_waits(struct swapmig_goal *goal, bool waits);
bool swapmig_run_all_wait(void);
bool swapmig_run_others(const struct swapmig_goal *goal);
bool swapmig_run_vacated(const struct swapmig_goal *goal);
bool swapmig_wanted(int from, int to);
enum swapmig_verdict swapmig_judge(struct folio *folio,
				   struct swapmig_scan *scan);

void swapmig_placed(const struct swapmig_goal *goal, unsigned long pages);
bool swapmig_nap(struct swapmig_goal *goal);
bool swapmig_crowded(struct swapmig_goal *goal);
void swapmig_displace_end(struct swapmig_goal *goal);

/* Are folios for this goal placed without reclaim, as long as there is room? */
static inline bool swapmig_quiet(const struct swapmig_goal *goal)
{
	return goal->quiet && !nodes_empty(goal->nodes);
}
#else
static inline unsigned long swapmig_room(const struct swapmig_goal *goal,
					 unsigned long *large)
{
	return 0;
}

static inline struct folio *swapmig_alloc_quiet(struct folio *src,
						unsigned long private)
{
	return NULL;
}

static inline void swapmig_run(struct swapmig_goal *goal)
{
}

static inline void swapmig_run_to(struct swapmig_goal *goal,
				  const nodemask_t *nodes)
{
	goal->nodes = *nodes;
}

static inline void swapmig_run_end(struct swapmig_goal *goal)
{
}

static inline void swapmig_placed(const struct swapmig_goal *goal,
				  unsigned long pages)
{
}

static inline bool swapmig_run_others(const struct swapmig_goal *goal)
{
	return false;
}

static inline bool swapmig_nap(struct swapmig_goal *goal)
{
	return false;
}

static inline bool swapmig_crowded(struct swapmig_goal *goal)
{
	return false;
}

static inline void swapmig_displace_end(struct swapmig_goal *goal)
{
}

static inline bool swapmig_quiet(const struct swapmig_goal *goal)
{
	return false;
}
#endif /* CONFIG_SWAPMIG_DISPLACE */

/* ------------------------------------------------------------------------- */
/* wait.c: folios that are locked, or being written                           */
/* ------------------------------------------------------------------------- */

void swapmig_start_writeback(struct list_head *folios);
int swapmig_wait(struct list_head *folios, struct swapmig_goal *goal);
bool swapmig_busy(struct folio *folio);

/* ------------------------------------------------------------------------- */
/* cpuset.c: what a changed cpuset asks for                                   */
/* ------------------------------------------------------------------------- */

#ifdef CONFIG_CPUSETS
bool swapmig_cpuset_waits(void);
#else
static inline bool swapmig_cpuset_waits(void)
{
	return false;
}
#endif

/* ------------------------------------------------------------------------- */
/* lru.c: folios that leave the LRU for a request, and come back              */
/* ------------------------------------------------------------------------- */

bool swapmig_isolate(struct folio *folio, struct list_head *folios);
void swapmig_settle(struct list_head *folios);
void swapmig_unsettle(struct list_head *folios);
bool swapmig_free_abandoned(struct folio *folio);
bool swapmig_pinned(struct folio *folio);
void swapmig_putback(struct list_head *folios);

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

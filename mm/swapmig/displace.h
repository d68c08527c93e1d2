/* SPDX-License-Identifier: GPL-2.0 */
/*
 * swapmig: what the files of engine "displace" share, and what a request without it
 * does instead.
 */
#ifndef _MM_SWAPMIG_DISPLACE_H
#define _MM_SWAPMIG_DISPLACE_H

#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/nodemask.h>

struct swapmig_goal;

/* ------------------------------------------------------------------------- */
/* What a request remembers                                                   */
/* ------------------------------------------------------------------------- */

/* victims.c: where the search for those that make way on a node stands */
struct swapmig_scan {
	struct swapmig_goal *goal;	/* asks for room */
	int nid;
	int to;
	struct mem_cgroup *own;		/* if @confined, the one whose folios may move */
	struct mem_cgroup *memcg;	/* present one, if @inside */
	const struct folio *first;	/* of the list; only to compare */
	short lap;
	unsigned short stage;		/* of a lap: a sort of list, in all cgroups */
	short list;			/* of that sort, in the present cgroup */
	bool running;
	bool confined;			/* only folios that are charged to @own move */
	bool any;			/* also what is warm, for this once */
	bool inside;			/* a stage has begun, and is at @memcg */
	bool end;			/* of the list has been reached */
	bool over;			/* there is nobody, until something changes */
	bool sized;			/* some were too large for the room */
	unsigned char barren;		/* laps in a row in which hardly any had room */
	unsigned char dear;		/* laps in which few went, at the end of the search */
	unsigned char poor;		/* laps in a row in which hardly any made way */
	unsigned long turn;		/* pages since @first */
	unsigned long size;		/* of the list, or more, as it began */
	unsigned long placed;		/* pages of the request's that may be at its warm end */
	long room;			/* that the other node has */
	unsigned long blocked;		/* pages that would go, but for that */
	unsigned long scanned;		/* pages looked at in all */
	unsigned long since;		/* the same when the lap began */
	unsigned long vain;		/* pages of this lap that a later one may take */
	unsigned long spared;		/* of these such that requests placed which ended */
	unsigned int oldest;		/* the first of these requests */
	unsigned int undo;		/* up to this one others may go again */
	unsigned long found;		/* pages of this lap that made way */
};

/* Pairs of nodes that a request remembers */
#define SWAPMIG_SCANS	3

/* The same of which it knows that it is no use: where there are more nodes some share */
#define SWAPMIG_DRY_NODES	16

/**
 * struct swapmig_push - a request makes room
 * @scans:	where the search for pages that make way stands, on a node for another
 * @nr_scans:	how many of these there were
 * @dry:	pairs of nodes: on the first nobody can make way to the second
 * @asked:	pages for which room was to be made in one sweep, and windows of those that
 *		somebody had in hand
 * @sweep:	the same of the present sweep
 * @lacked:	pages that their nodes lacked before, for which others have to go as well
 * @met:	nodes that were asked for what they lack
 * @displaced:	pages that made way for them
 * @pried:	pages of others that were looked at
 * @placed:	pages that were placed on the present nodes by any engine, but for those
 *		that swap
 * @got:	pages that were placed into room that was made
 * @drained_at:	the same when @drained began
 * @drained:	nodes to which all CPUs have returned their free pages
 * @rescans:	looks at all of a node, for others have got on
 * @resweeps:	the same, before another sweep
 * @swept:	@placed at the last of these
 * @crowded:	sweeps for other requests' sake, since it got on
 * @held:	sweeps for what somebody else had in hand
 * @later:	sweeps for what might make way later, since it got on
 * @naps:	for others, less one for each page that it got
 * @mixed:	nodes on which there are pages of other requests
 * @news:	of these such that one of them ended, and nobody has looked again since, or may
 * @leaving:	others are about to move some of those that cannot make way
 * @soon:	some that might make way are being written, or there was no room for them
 * @vain:	it was no use to wait for them, since it got on
 * @lacking:	some of a window found no room
 * @lacking_small: so did small ones among them
 */
struct swapmig_push {
	struct swapmig_scan scans[SWAPMIG_SCANS];
	unsigned int nr_scans;
	DECLARE_BITMAP(dry, SWAPMIG_DRY_NODES * SWAPMIG_DRY_NODES);
	unsigned long asked;
	unsigned long sweep;
	unsigned long lacked;
	nodemask_t met;
	unsigned long displaced;
	unsigned long pried;
	unsigned long placed;
	unsigned long got;
	unsigned long drained_at;
	nodemask_t drained;
	unsigned int rescans;
	unsigned int resweeps;
	unsigned long swept;
	unsigned char crowded;
	unsigned char held;
	unsigned char later;
	int naps;
	nodemask_t mixed;
	nodemask_t news;
	bool leaving;
	bool soon;
	bool vain;
	bool lacking;
	bool lacking_small;
};

/* Free pages beyond the low watermark that a request leaves in a zone, at most */
#define SWAPMIG_SLACK	256L

#ifdef CONFIG_SWAPMIG_DISPLACE
/* ------------------------------------------------------------------------- */
/* room.c: room on a node                                                     */
/* ------------------------------------------------------------------------- */

/* Where those that make way go, and how many pages of them */
struct swapmig_way {
	int nid;
	long room;
};

long swapmig_node_room(int nid, long slack);
unsigned long swapmig_room(const struct swapmig_goal *goal, unsigned long *large);
void swapmig_drain_nodes(const nodemask_t *nodes);
struct folio *swapmig_alloc_quiet(struct folio *src, unsigned long private);
struct folio *swapmig_alloc_victim(struct folio *src, unsigned long private);
void swapmig_free_victim(struct folio *dst, unsigned long private);

/* ------------------------------------------------------------------------- */
/* victims.c: where the coldest folios are                                    */
/* ------------------------------------------------------------------------- */

/*
 * Laps over the lists of a node: for what other requests move anyway; then for what
 * is cold; the first that takes what is warm; and that takes huge pages, which have
 * to be split.
 */
#define SWAPMIG_LAP_WANTED	(-1)
#define SWAPMIG_LAP_WARM	2
#define SWAPMIG_LAP_ANY		3

void swapmig_victims_start(struct swapmig_scan *scan,
			   struct swapmig_goal *goal, int nid, int to);
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

/* ------------------------------------------------------------------------- */
/* judge.c: may a folio make way?                                             */
/* ------------------------------------------------------------------------- */

/* What policies, cpusets, requests and page tables say of it */
#define SWAPMIG_SAYS_STAY	BIT(0)	/* it is not allowed on the other node */
#define SWAPMIG_SAYS_GO		BIT(1)	/* it is wanted there */
#define SWAPMIG_SAYS_LEAVES	BIT(2)	/* a request is about to move it elsewhere */
#define SWAPMIG_SAYS_MAY_LEAVE	BIT(3)	/* one may be, but which pages it moves is not known */
#define SWAPMIG_SAYS_WARM	BIT(4)	/* touched lately, or better off where it is */
#define SWAPMIG_SAYS_YOUNG	BIT(5)	/* touched lately */
#define SWAPMIG_SAYS_BUSY	BIT(6)	/* somebody holds a lock: another time */
#define SWAPMIG_SAYS_PLACED	BIT(7)	/* a request, which has ended, put it there */

enum swapmig_verdict {
	SWAPMIG_STAYS,
	SWAPMIG_MOVES,		/* to the other node */
	SWAPMIG_DROPS,		/* nobody needs it in memory */
};

/* What was said of an address space a moment ago; most that stand together are of one */
struct swapmig_asked {
	const struct mm_struct *mm;	/* only to compare */
	unsigned int says;		/* SWAPMIG_SAYS_* of all that has no policy of its own */
	unsigned int nr;		/* of the request that has placed it there, or 0 */
};

enum swapmig_verdict swapmig_judge(struct folio *folio, struct swapmig_scan *scan,
				   struct swapmig_asked *asked);

/* ------------------------------------------------------------------------- */
/* running.c: the requests under way                                          */
/* ------------------------------------------------------------------------- */

void swapmig_run(struct swapmig_goal *goal);
void swapmig_run_to(struct swapmig_goal *goal, const nodemask_t *nodes);
void swapmig_run_end(struct swapmig_goal *goal);
void swapmig_run_waits(struct swapmig_goal *goal, bool waits);
bool swapmig_run_all_wait(void);
bool swapmig_run_others(const struct swapmig_goal *goal);
bool swapmig_run_vacated(const struct swapmig_goal *goal);
bool swapmig_run_wanted(const struct swapmig_scan *scan);
unsigned int swapmig_run_look(const struct swapmig_scan *scan, struct mm_struct *mm,
			      unsigned int *nr);

/* ------------------------------------------------------------------------- */
/* others.c: requests that are in each other's way                            */
/* ------------------------------------------------------------------------- */

void swapmig_placed(struct swapmig_goal *goal, unsigned long pages);
bool swapmig_nap(struct swapmig_goal *goal);
void swapmig_got(struct swapmig_push *push, unsigned long pages);
bool swapmig_wait_others(struct swapmig_goal *goal);
bool swapmig_crowded(struct swapmig_goal *goal);

/* ------------------------------------------------------------------------- */
/* displace.c: the engine                                                     */
/* ------------------------------------------------------------------------- */

bool swapmig_rescan(struct swapmig_push *push, unsigned int *nr, unsigned int most);
bool swapmig_drain_room(struct swapmig_goal *goal);
void swapmig_displace_end(struct swapmig_goal *goal);
#else
static inline long swapmig_node_room(int nid, long slack)
{
	return 0;
}

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
}

static inline void swapmig_run_end(struct swapmig_goal *goal)
{
}

static inline void swapmig_placed(struct swapmig_goal *goal, unsigned long pages)
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
#endif /* CONFIG_SWAPMIG_DISPLACE */

#endif /* _MM_SWAPMIG_DISPLACE_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: the requests that are under way.
 *
 * Each of those that make room knows of the others: whose pages they have in hand,
 * and what they are about to move out of its way, or want where it takes pages from.
 */

#include <linux/list.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/spinlock.h>

#include "internal.h"

static LIST_HEAD(running);
static DEFINE_SPINLOCK(running_lock);

/*
 * Requests that have ended lately: those to come had better not undo what they did.
 * So many of them, and for how long.
 */
#define RUN_ENDED	16
#define RUN_LATELY	(300 * HZ)

/* One that placed one of so many of its process's pages */
#define RUN_SHARE	8UL

static struct {
	const struct mm_struct *mm;	/* only to compare */
	pid_t pid;			/* of its owner: the same may be another's later */
	unsigned long at;		/* jiffies */
	unsigned int nr;		/* of these that ended before, and this one */
	nodemask_t nodes;		/* where its pages were placed */
} ended[RUN_ENDED];

static unsigned long run_placed(const struct swapmig_goal *goal)
{
	unsigned long pages = 0;
	unsigned int i;

	for (i = 0; i < SWAPMIG_ENGINES_MAX; i++)
		pages += goal->tally.placed[i];
	return pages;
}

/*
 * A process has one of these, of all its requests; the oldest is forgotten.  What is
 * little for the process is not worth it.
 */
static void run_remember(const struct swapmig_goal *goal)
{
	static unsigned int nr;
	unsigned int i, oldest = 0;

	if (run_placed(goal) * RUN_SHARE < max(get_mm_rss(goal->mm), 1UL))
		return;
	if (!++nr) {
		memset(ended, 0, sizeof(ended));
		nr = 1;
	}
	for (i = 0; i < RUN_ENDED; i++) {
		if (ended[i].mm == goal->mm && ended[i].pid == goal->pid)
			break;
		if (ended[i].nr < ended[oldest].nr)
			oldest = i;
	}
	if (i == RUN_ENDED) {
		i = oldest;
		nodes_clear(ended[i].nodes);
	}
	ended[i].mm = goal->mm;
	ended[i].pid = goal->pid;
	ended[i].at = jiffies;
	ended[i].nr = nr;
	nodes_andnot(ended[i].nodes, ended[i].nodes, goal->vacates);
	nodes_or(ended[i].nodes, ended[i].nodes, goal->were);
}

/*
 * The number of the request that has placed pages of this process there, and ended
 * lately; or 0.
 */
static unsigned int run_was_placed(struct mm_struct *mm, int nid)
{
	unsigned int i;

	for (i = 0; i < RUN_ENDED; i++)
		if (ended[i].mm == mm && ended[i].pid == swapmig_pid(mm))
			return node_isset(nid, ended[i].nodes) &&
			       time_before(jiffies, ended[i].at + RUN_LATELY) ?
			       ended[i].nr : 0;
	return 0;
}

/**
 * swapmig_run - a request is under way
 * @goal:	its goal; with an address space, and displacement on its list
 *
 * Context: process.  Ends with swapmig_run_end().
 */
void swapmig_run(struct swapmig_goal *goal)
{
	spin_lock(&running_lock);
	list_add_tail(&goal->running, &running);
	spin_unlock(&running_lock);
}

/**
 * swapmig_run_to - a request goes to other nodes from now on
 * @goal:	its goal
 * @nodes:	the nodes
 */
void swapmig_run_to(struct swapmig_goal *goal, const nodemask_t *nodes)
{
	spin_lock(&running_lock);
	goal->nodes = *nodes;
	goal->push.placed = 0;
	nodes_or(goal->were, goal->were, *nodes);
	spin_unlock(&running_lock);
}

/* Those that have met its pages, or what it was to move, may look again */
static void run_tell(const nodemask_t *nodes)
{
	struct swapmig_goal *other;
	int nid;

	list_for_each_entry(other, &running, running)
		for_each_node_mask(nid, *nodes)
			if (node_isset(nid, other->push.mixed))
				node_set(nid, other->push.news);
}

/**
 * swapmig_run_end - a request has ended
 * @goal:	its goal
 */
void swapmig_run_end(struct swapmig_goal *goal)
{
	nodemask_t nodes;

	nodes_or(nodes, goal->were, goal->vacates);
	spin_lock(&running_lock);
	list_del(&goal->running);
	run_tell(&nodes);
	run_remember(goal);
	spin_unlock(&running_lock);
}

/* ------------------------------------------------------------------------- */
/* What one request asks of the others                                        */
/* ------------------------------------------------------------------------- */

/* Is it true of any of them but @goal, which may be NULL? */
static bool run_any(const struct swapmig_goal *goal, const void *arg,
		    bool (*test)(const struct swapmig_goal *other, const void *arg))
{
	struct swapmig_goal *other;
	bool any = false;

	spin_lock(&running_lock);
	list_for_each_entry(other, &running, running)
		if (other != goal && test(other, arg)) {
			any = true;
			break;
		}
	spin_unlock(&running_lock);
	return any;
}

/* Does the one vacate a node of the other, as far as is known? */
static bool run_vacates(const struct swapmig_goal *one,
			const struct swapmig_goal *other)
{
	return nodes_intersects(one->vacates, other->nodes);
}

static bool run_is_busy(const struct swapmig_goal *other, const void *arg)
{
	return !READ_ONCE(other->waits);
}

static bool run_shares(const struct swapmig_goal *other, const void *arg)
{
	const struct swapmig_goal *goal = arg;

	/* The same process the other way: each would only undo what the other does */
	if (other->mm == goal->mm)
		return goal->from == NUMA_NO_NODE || !run_vacates(goal, other);
	return run_vacates(other, goal) || run_vacates(goal, other) ||
	       nodes_intersects(other->nodes, goal->nodes);
}

static bool run_makes_way(const struct swapmig_goal *other, const void *arg)
{
	return run_vacates(other, arg);
}

static bool run_goes(const struct swapmig_goal *other, const void *arg)
{
	const struct swapmig_scan *scan = arg;

	return other->from == scan->nid && node_isset(scan->to, other->nodes);
}

/**
 * swapmig_run_waits - a request waits for others to make way
 * @goal:	its goal
 * @waits:	it begins to wait, or has done so
 */
void swapmig_run_waits(struct swapmig_goal *goal, bool waits)
{
	WRITE_ONCE(goal->waits, waits);
}

/**
 * swapmig_run_all_wait - do all requests wait for each other?
 *
 * Return: true if there is none that does not wait.
 */
bool swapmig_run_all_wait(void)
{
	return !run_any(NULL, NULL, run_is_busy);
}

/**
 * swapmig_run_others - does another request handle the same folios?
 * @goal:	goal of a request under way
 *
 * One that takes the same process the other way is none.
 *
 * Return: true if one moves the same address space, or pages to or from the same
 * nodes, as far as these are known.
 */
bool swapmig_run_others(const struct swapmig_goal *goal)
{
	return run_any(goal, goal, run_shares);
}

/**
 * swapmig_run_vacated - are pages about to leave where others want to go?
 * @goal:	goal of a request under way
 *
 * Return: true if another request vacates one of its nodes, or may do so.
 */
bool swapmig_run_vacated(const struct swapmig_goal *goal)
{
	return run_any(goal, goal, run_makes_way);
}

/**
 * swapmig_run_wanted - do requests want what is on one node on another?
 * @scan:	a scan of the one for the other
 *
 * Return: true if a request that moves pages from the one to the other is under way.
 */
bool swapmig_run_wanted(const struct swapmig_scan *scan)
{
	return run_any(NULL, scan, run_goes);
}

/* Will a request without a source take pages from a node, by what it took so far? */
static bool run_may_take(const struct swapmig_goal *goal, int nid)
{
	if (!swapmig_quiet(goal) || goal->soft)
		return false;
	return nodes_empty(goal->vacates) || node_isset(nid, goal->vacates);
}

/**
 * swapmig_run_look - what do requests say of a page of an address space?
 * @scan:	a scan that has met it
 * @mm:		the address space
 * @nr:		number of the one that has placed it there, and ended, or 0
 *
 * Context: a page table lock, or locks of the reverse map, may be held.
 * Return: SWAPMIG_SAYS_* bits.
 */
unsigned int swapmig_run_look(const struct swapmig_scan *scan, struct mm_struct *mm,
			      unsigned int *nr)
{
	struct swapmig_goal *goal;
	unsigned int say = 0;

	spin_lock(&running_lock);
	*nr = run_was_placed(mm, scan->nid);
	if (*nr > scan->undo)
		say |= SWAPMIG_SAYS_PLACED;
	list_for_each_entry(goal, &running, running) {
		if (goal->mm != mm)
			continue;
		if (mm != scan->goal->mm)
			node_set(scan->nid, scan->goal->push.mixed);
		/* It may have been placed a moment ago */
		if (mm == scan->goal->mm || node_isset(scan->nid, goal->were))
			say |= SWAPMIG_SAYS_STAY;
		else if (goal->from == NUMA_NO_NODE)
			/* Where it belongs is for policies to say */
			say |= run_may_take(goal, scan->nid) ? SWAPMIG_SAYS_MAY_LEAVE : 0;
		else if (goal->from != scan->nid)
			continue;
		else if (node_isset(scan->to, goal->nodes))
			say |= SWAPMIG_SAYS_GO;
		else
			say |= SWAPMIG_SAYS_LEAVES;
	}
	spin_unlock(&running_lock);
	return say;
}

#include "tests/running_kunit.c"

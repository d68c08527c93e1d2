// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: where the coldest folios of a node are.
 *
 * The LRU lists of a node are scanned from their cold ends, all memory cgroups
 * before the next sort of list.  A folio is judged where it stands and leaves its
 * list only once it was chosen, so those that stay are never isolated.  The first
 * laps want folios that nobody touched since the last look, as a clock does; later
 * ones take what there is.
 */

#include <linux/capability.h>
#include <linux/memcontrol.h>
#include <linux/mm_inline.h>
#include <linux/sched/signal.h>

#include "../internal.h"
#include "internal.h"

/* There is no end to laps in which somebody else holds a lock */
#define VICTIMS_LAPS		6

/*
 * Whatever the reason to begin another lap: so many in a row in which hardly any went,
 * which is more than requests are remembered
 */
#define VICTIMS_POOR		32

/* Folios looked at under one hold of the LRU lock */
#define VICTIMS_PEEK		32

/*
 * What is cold has to be looked at twice to be known.  So as not to look at all of a
 * large node for a few pages, after so many in vain for each that is wanted others
 * are taken as well.
 */
#define VICTIMS_EACH		32

/* Where no more than one of so many may go, two laps are enough; so many more if some did */
#define VICTIMS_FEW		8UL
#define VICTIMS_DEAR		1

/* The same for what other requests want, in a lap of its own */
#define VICTIMS_WANTED_PAGES	((64UL << 20) / PAGE_SIZE)

/*
 * Who may only push its own pages, and finds them among all others', looks at so
 * many, and VICTIMS_EACH more for each that made way.
 */
#define VICTIMS_PRIED_PAGES	((128UL << 20) / PAGE_SIZE)

/* Laps in a row in which those that may go, but for a few, have no room on the other node */
#define VICTIMS_BARREN		2

/* Pages that find no room, before it is no use to look for some that need none */
#define VICTIMS_BLOCKED_PAGES	1024

/* ------------------------------------------------------------------------- */
/* Lists                                                                      */
/* ------------------------------------------------------------------------- */

/* Cold before warm, page cache before the rest */
static const enum lru_list victims_stages[] = {
	LRU_INACTIVE_FILE, LRU_INACTIVE_ANON, LRU_ACTIVE_FILE, LRU_ACTIVE_ANON,
};

#ifdef CONFIG_LRU_GEN
/*
 * The lists of one sort: those of its generations, oldest first, zone by zone.
 * The generation that a folio belongs to may have changed where it stands, so a
 * list can hold more than its size says.
 */
static struct list_head *victims_gen(struct lruvec *lruvec, enum lru_list lru,
				     int nr)
{
	struct lru_gen_folio *lrugen = &lruvec->lrugen;
	unsigned long max_seq = READ_ONCE(lrugen->max_seq);
	int type = is_file_lru(lru);
	unsigned long first = READ_ONCE(lrugen->min_seq[type]);
	unsigned long last = max_seq, seq;

	if (is_active_lru(lru))
		first = max(first, max_seq - MIN_NR_GENS + 1);
	else
		last = max_seq - MIN_NR_GENS;
	seq = first + nr / MAX_NR_ZONES;
	if ((long)(last - seq) < 0)
		return NULL;
	return &lrugen->folios[lru_gen_from_seq(seq)][type][nr % MAX_NR_ZONES];
}

/* All generations, as a folio of any may stand on each of the lists */
static unsigned long victims_gen_size(struct lruvec *lruvec, enum lru_list lru)
{
	int gen, zid;
	long size = 0;

	for (gen = 0; gen < MAX_NR_GENS; gen++)
		for (zid = 0; zid < MAX_NR_ZONES; zid++)
			size += READ_ONCE(lruvec->lrugen.nr_pages[gen]
						[is_file_lru(lru)][zid]);
	return max(size, 0L);
}
#else
static struct list_head *victims_gen(struct lruvec *lruvec, enum lru_list lru,
				     int nr)
{
	return NULL;
}

static unsigned long victims_gen_size(struct lruvec *lruvec, enum lru_list lru)
{
	return 0;
}
#endif /* CONFIG_LRU_GEN */

/* Pages that a list of this sort may hold */
static unsigned long victims_size(struct lruvec *lruvec, enum lru_list lru)
{
	struct zone *zones = lruvec_pgdat(lruvec)->node_zones;
	unsigned long size = 0;
	int zid;

	if (lru_gen_enabled())
		return victims_gen_size(lruvec, lru);
	for (zid = 0; zid < MAX_NR_ZONES; zid++)
		size += mem_cgroup_disabled() ?
			zone_page_state(&zones[zid], NR_ZONE_LRU_BASE + lru) :
			mem_cgroup_get_zone_lru_size(lruvec, lru, zid);
	return size;
}

/* The list number @scan->list of the present cgroup and stage, or NULL */
static struct list_head *victims_list(const struct swapmig_scan *scan,
				      struct lruvec *lruvec)
{
	enum lru_list lru = victims_stages[scan->stage];

	/* Of others no more than clean and cold page cache may go */
	if (swapmig_scan_foreign(scan) && lru != LRU_INACTIVE_FILE)
		return NULL;
	if (lru_gen_enabled())
		return victims_gen(lruvec, lru, scan->list);
	return scan->list ? NULL : &lruvec->lists[lru];
}

/* Are these lists those of others, in part at least? */
static bool victims_others(const struct swapmig_scan *scan)
{
	return scan->confined && (swapmig_scan_foreign(scan) || !scan->own ||
				  mem_cgroup_is_root(scan->own));
}

/* Pages that the request has placed itself, and that may be on the present lists */
static unsigned long victims_placed(const struct swapmig_scan *scan)
{
	const struct swapmig_goal *goal = scan->goal;
	bool here;

	/* Most of it is anonymous */
	if (is_file_lru(victims_stages[scan->stage]) ||
	    nodes_weight(goal->nodes) != 1 || victims_others(scan))
		return 0;
	rcu_read_lock();
	here = mem_cgroup_disabled() ||
	       scan->memcg == mem_cgroup_from_task(rcu_dereference(goal->mm->owner));
	rcu_read_unlock();
	return here ? goal->push.placed : 0;
}

/*
 * Is what is left, at the warm end, no more than the request has placed itself?  The
 * first lap only turns it, if there is anything else for a later one, which looks.
 */
static bool victims_only_own(const struct swapmig_scan *scan)
{
	return !scan->lap && scan->found + scan->vain && scan->turn > scan->size / 2 &&
	       scan->turn + scan->placed >= scan->size;
}

/*
 * Takes references on folios at the cold end, @pages of them, and turns the list by
 * them.  Returns the number of those to look at; @scan->end is set after one turn.
 */
static unsigned int victims_peek(struct swapmig_scan *scan, struct folio **folios,
				 unsigned long pages)
{
	unsigned long until = scan->turn + min(pages, ULONG_MAX - scan->turn);
	struct lruvec *lruvec = mem_cgroup_lruvec(scan->memcg, NODE_DATA(scan->nid));
	struct list_head *head;
	unsigned int met, nr = 0;
	bool own;

	spin_lock_irq(&lruvec->lru_lock);
	head = victims_list(scan, lruvec);
	if (!scan->turn) {
		scan->size = victims_size(lruvec, victims_stages[scan->stage]);
		scan->placed = victims_placed(scan);
	}
	own = victims_only_own(scan);
	for (met = 0; met < VICTIMS_PEEK && scan->turn < until; met++) {
		struct folio *folio;
		unsigned long size;

		scan->end = !head || list_empty(head) ||
			    lru_to_folio(head) == scan->first;
		if (scan->end)
			break;
		folio = lru_to_folio(head);
		if (!scan->first)
			scan->first = folio;
		list_move(&folio->lru, head);
		size = folio_nr_pages(folio);
		scan->turn += size;
		if (own)
			continue;
		scan->scanned += size;
		if (folio_try_get(folio))
			folios[nr++] = folio;
		/* One may be enough: the others keep their places */
		if (size > 1)
			break;
	}
	spin_unlock_irq(&lruvec->lru_lock);
	/* Somebody else may have taken the first one away */
	scan->end |= scan->turn > scan->size + VICTIMS_PEEK;
	return nr;
}

/* ------------------------------------------------------------------------- */
/* Memory cgroups                                                             */
/* ------------------------------------------------------------------------- */

/* What a cgroup is promised, another's request does not take from it */
static bool victims_protected(const struct swapmig_scan *scan)
{
	struct mem_cgroup *memcg = scan->memcg;
	struct task_struct *task = current;
	bool protected = false;

	if (!memcg || mem_cgroup_is_root(memcg) || memcg == scan->own)
		return false;
	rcu_read_lock();
	/* A worker acts for the process that it moves */
	if (task->flags & PF_KTHREAD)
		task = rcu_dereference(scan->goal->mm->owner);
	if (memcg != mem_cgroup_from_task(task)) {
		mem_cgroup_calculate_protection(NULL, memcg);
		protected = mem_cgroup_below_min(NULL, memcg) ||
			    mem_cgroup_below_low(NULL, memcg);
	}
	rcu_read_unlock();
	return protected;
}

/* The first, or the next, cgroup of this stage; false when there is none */
static bool victims_next_memcg(struct swapmig_scan *scan)
{
	bool first = !scan->inside;

	scan->inside = true;
	if (mem_cgroup_disabled())
		return first;
	scan->memcg = mem_cgroup_iter(NULL, first ? NULL : scan->memcg, NULL);
	return scan->memcg;
}

static bool victims_prying(const struct swapmig_scan *scan)
{
	const struct swapmig_push *push = &scan->goal->push;

	return victims_others(scan) &&
	       push->pried > VICTIMS_PRIED_PAGES + VICTIMS_EACH * push->displaced;
}

/* Before the first of the lists */
static void victims_leave_lists(struct swapmig_scan *scan)
{
	if (scan->memcg)
		mem_cgroup_iter_break(NULL, scan->memcg);
	scan->memcg = NULL;
	scan->inside = false;
	scan->end = false;
	scan->list = -1;
}

static void victims_begin_lap(struct swapmig_scan *scan, int lap)
{
	scan->lap = lap;
	scan->stage = 0;
	scan->vain = 0;
	scan->found = 0;
	scan->sized = false;
	scan->spared = 0;
	scan->oldest = UINT_MAX;
	scan->since = scan->scanned;
}

static int victims_lap_after(int lap, bool few, bool found)
{
	if (lap == SWAPMIG_LAP_WANTED)
		return 0;
	if (few && lap < SWAPMIG_LAP_WARM)
		return SWAPMIG_LAP_WARM;
	/* There may be more */
	if (lap >= SWAPMIG_LAP_WARM && (few || found))
		return SWAPMIG_LAP_ANY;
	return lap + 1;
}

/*
 * What requests have placed that ended goes when hardly any others are left, and what
 * was placed first goes first.  Returns whether there is such.
 */
static bool victims_undo(struct swapmig_scan *scan, unsigned long may, bool over)
{
	if (!scan->spared || (!over && scan->lap + 1 < VICTIMS_LAPS &&
			      (may - scan->spared) * VICTIMS_FEW > scan->spared))
		return false;
	scan->undo = scan->oldest;
	return true;
}

/* False when nobody is left to make way */
static bool victims_next_lap(struct swapmig_scan *scan)
{
	unsigned long looked = scan->scanned - scan->since;
	unsigned long found = scan->found, may = found + scan->vain;
	bool few = may * VICTIMS_FEW <= looked;
	bool poor = found * VICTIMS_EACH <= looked;
	bool sized = scan->sized && scan->lap < SWAPMIG_LAP_ANY;
	/* Hardly any may go, and fewer did: is another look at all of them worth it? */
	bool dear = few && poor && !sized && scan->lap >= SWAPMIG_LAP_WARM;
	bool over = !may || (dear && (!found || scan->dear >= VICTIMS_DEAR));
	int lap = scan->lap, next = victims_lap_after(lap, few, found);

	scan->poor = poor ? scan->poor + 1 : 0;
	if (scan->poor >= VICTIMS_POOR) {
		next = VICTIMS_LAPS;
	} else if (scan->blocked && (lap != SWAPMIG_LAP_WANTED || !scan->barren)) {
		/* The same once more, when the other node has room */
		next = lap;
		scan->barren = poor ? scan->barren + 1 : 0;
	} else if (lap != SWAPMIG_LAP_WANTED && victims_undo(scan, may, over)) {
		next = lap;
	} else {
		scan->barren = 0;
		scan->dear += dear;
		if (over && lap != SWAPMIG_LAP_WANTED)
			next = VICTIMS_LAPS;
	}
	victims_begin_lap(scan, next);
	return next < VICTIMS_LAPS;
}

/*
 * Moves on to the next list.  Returns 1 if it is of a new lap, -1 when all laps are
 * over.
 */
static int victims_advance(struct swapmig_scan *scan)
{
	int ret = 0;

	scan->first = NULL;
	scan->end = false;
	scan->turn = 0;
	scan->list++;
	while (!scan->inside || victims_protected(scan) ||
	       !victims_list(scan, mem_cgroup_lruvec(scan->memcg,
						     NODE_DATA(scan->nid)))) {
		scan->list = 0;
		cond_resched();
		if (victims_next_memcg(scan))
			continue;
		scan->memcg = NULL;
		scan->inside = false;
		if (++scan->stage < ARRAY_SIZE(victims_stages))
			continue;
		if (!victims_next_lap(scan))
			return -1;
		ret = 1;
	}
	return ret;
}

/* ------------------------------------------------------------------------- */
/* The scan                                                                   */
/* ------------------------------------------------------------------------- */

/**
 * swapmig_victims_stop - forget where a scan stands
 * @scan:	the scan
 */
void swapmig_victims_stop(struct swapmig_scan *scan)
{
	victims_leave_lists(scan);
	if (scan->confined)
		mem_cgroup_put(scan->own);
	*scan = (struct swapmig_scan) { .nid = NUMA_NO_NODE };
}

/**
 * swapmig_victims_start - begin to scan a node
 * @scan:	the scan, not running
 * @goal:	goal of the request that asks for room
 * @nid:	node to look for victims on
 * @to:		node that they will go to
 *
 * Context: process.  Whom the caller may push is for its credentials to say; a
 * worker that acts for somebody else has taken theirs, and looks for a memory cgroup
 * in the address space.
 */
void swapmig_victims_start(struct swapmig_scan *scan,
			   struct swapmig_goal *goal, int nid, int to)
{
	*scan = (struct swapmig_scan) {
		.running = true,
		.goal = goal,
		.nid = nid,
		.to = to,
	};
	victims_leave_lists(scan);
	victims_begin_lap(scan, swapmig_run_wanted(scan) ? SWAPMIG_LAP_WANTED : 0);
	if (ns_capable_noaudit(&init_user_ns, CAP_SYS_NICE))
		return;
	scan->confined = true;
	scan->own = get_mem_cgroup_from_mm(current->flags & PF_KTHREAD ? goal->mm :
					   current->mm);
}

/* Nothing of what others want is near: begin with the lists again, for what is cold */
static void victims_give_up_wanted(struct swapmig_scan *scan)
{
	if (scan->lap != SWAPMIG_LAP_WANTED ||
	    scan->scanned - scan->since <= VICTIMS_WANTED_PAGES +
					   VICTIMS_EACH * scan->found)
		return;
	victims_leave_lists(scan);
	scan->barren = 0;
	victims_begin_lap(scan, 0);
}

/* A folio that may move, once there is room for it on the other node */
static bool victims_fits(struct swapmig_scan *scan, struct folio *folio)
{
	long pages = folio_nr_pages(folio);

	if (pages > scan->room) {
		/* It would be split, where others may fit */
		if (pages == 1 || scan->room <= 0)
			scan->blocked += pages;
		else if (scan->lap >= SWAPMIG_LAP_ANY && !scan->goal->soft)
			goto fits;
		scan->sized |= pages > 1;
		scan->vain += pages;
		return false;
	}
fits:
	scan->room -= pages;
	return true;
}

/* Returns base pages isolated */
static unsigned long victims_take(struct swapmig_scan *scan, struct folio *folio,
				  struct swapmig_asked *asked,
				  struct list_head *move, struct list_head *drop)
{
	enum swapmig_verdict verdict;

	if (!folio_trylock(folio)) {
		scan->vain += folio_nr_pages(folio);
		return 0;
	}
	verdict = swapmig_judge(folio, scan, asked);
	if (verdict == SWAPMIG_MOVES && !victims_fits(scan, folio))
		verdict = SWAPMIG_STAYS;
	folio_unlock(folio);
	if (verdict == SWAPMIG_STAYS ||
	    !swapmig_isolate(folio, verdict == SWAPMIG_DROPS ? drop : move))
		return 0;
	if (folio == scan->first)
		scan->first = NULL;
	return folio_nr_pages(folio);
}

/**
 * swapmig_victims_isolate - choose the coldest folios that may go
 * @scan:	the scan; what made way of those that were chosen is for the caller to
 *		add to @scan->found
 * @pages:	base pages wanted; a large folio may make it more
 * @room:	base pages that the other node can take
 * @move:	isolated folios to move are added here
 * @drop:	isolated folios of clean page cache, which need not be moved
 *
 * Context: process; no locks held.  What is isolated is counted in NR_ISOLATED_*.
 * Return: base pages isolated; 0 when there are no victims, and @scan->over, or none
 * for which there is room.
 */
unsigned long swapmig_victims_isolate(struct swapmig_scan *scan,
				      unsigned long pages, long room,
				      struct list_head *move,
				      struct list_head *drop)
{
	struct folio *folios[VICTIMS_PEEK];
	unsigned long taken = 0, begin = scan->scanned, want = pages;

	/* All of them were looked at, and hardly any was dropped that had become cold */
	if (scan->barren >= VICTIMS_BARREN && room <= 0)
		return 0;
	scan->room = room;
	scan->blocked = 0;
	scan->any = false;
	while (taken < pages && scan->blocked < VICTIMS_BLOCKED_PAGES &&
	       !fatal_signal_pending(current)) {
		struct swapmig_asked asked = { };
		unsigned long before = taken, looked;
		unsigned int i, nr;

		if (scan->list < 0 || scan->end) {
			int lap;

			/* It counts for this lap, if it makes way */
			if (taken)
				break;
			lap = victims_advance(scan);
			scan->over = lap < 0;
			if (scan->over || (lap && scan->blocked))
				break;
		}
		if (victims_prying(scan) && !swapmig_scan_foreign(scan)) {
			scan->over = true;
			break;
		}
		/* Of what it was promised some may have been dropped */
		if (victims_prying(scan) || victims_protected(scan)) {
			scan->end = true;
			continue;
		}
		looked = scan->scanned;
		nr = victims_peek(scan, folios, want);
		if (victims_others(scan))
			scan->goal->push.pried += scan->scanned - looked;
		for (i = 0; i < nr; i++) {
			if (taken < pages)
				taken += victims_take(scan, folios[i], &asked, move, drop);
			else
				/* For the next lap, as it is at the other end now */
				scan->vain += folio_nr_pages(folios[i]);
			folio_put(folios[i]);
		}
		/* No more than are wanted, as long as they may go */
		want = taken == before ? min(2 * want, VICTIMS_PEEK) : pages - taken;
		scan->any = scan->scanned - begin > VICTIMS_EACH * pages;
		victims_give_up_wanted(scan);
		cond_resched();
	}
	/* Somebody else may make room there in a moment */
	scan->goal->push.soon |= !taken && scan->blocked;
	return taken;
}

#include "tests/victims_kunit.c"

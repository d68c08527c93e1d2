// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: whom displacement may move.
 *
 * The LRU lists of a full node are scanned from their cold ends, all memory
 * cgroups before the next sort of list.  A folio is looked at where it stands
 * and leaves its list only once it was chosen, so those that stay are never
 * isolated.  The first two laps want folios that nobody touched since the last
 * look, as a clock does; the third takes what there is.  When another request is
 * about to bring folios to where the victims go, a lap before all others takes
 * these.
 */

#include <linux/capability.h>
#include <linux/memcontrol.h>
#include <linux/mm_inline.h>
#include <linux/sched/signal.h>

#include "internal.h"

#define VICTIMS_LAPS		6
/* Folios looked at under one hold of the LRU lock */
#define VICTIMS_PEEK		32
/*
 * A node may be large and all of it in use: so many pages the cold laps look
 * at in vain, at least, before they give up.  128 MiB of small pages.
 */
#define VICTIMS_COLD_SCAN	(1UL << (27 - PAGE_SHIFT))
#define VICTIMS_COLD_YIELD	32

/* ------------------------------------------------------------------------- */
/* Lists                                                                      */
/* ------------------------------------------------------------------------- */

/* The order of lists in a lap: cold before warm, page cache before the rest */
static enum lru_list victims_stage_lru(int stage)
{
	static const enum lru_list lru[] = {
		LRU_INACTIVE_FILE, LRU_INACTIVE_ANON,
		LRU_ACTIVE_FILE, LRU_ACTIVE_ANON,
	};

	return lru[stage];
}

#define VICTIMS_STAGES	4

static long victims_lru_size(struct lruvec *lruvec, enum lru_list lru)
{
	struct pglist_data *pgdat = lruvec_pgdat(lruvec);
	long size = 0;
	int zid;

	for (zid = 0; zid < MAX_NR_ZONES; zid++) {
		if (mem_cgroup_disabled())
			size += zone_page_state(&pgdat->node_zones[zid],
						NR_ZONE_LRU_BASE + lru);
		else
			size += mem_cgroup_get_zone_lru_size(lruvec, lru, zid);
	}
	return size;
}

#ifdef CONFIG_LRU_GEN
/* Generations that count as @lru, oldest first, zone by zone */
static bool victims_next_gen(struct lruvec *lruvec, enum lru_list lru,
			     struct swapmig_scan *scan)
{
	struct lru_gen_folio *lrugen = &lruvec->lrugen;
	unsigned long max_seq = READ_ONCE(lrugen->max_seq);
	int type = is_file_lru(lru);
	unsigned long last = is_active_lru(lru) ? max_seq : max_seq - MIN_NR_GENS;

	if (scan->list < 0) {
		scan->seq = READ_ONCE(lrugen->min_seq[type]);
		if (is_active_lru(lru))
			scan->seq = max(scan->seq, max_seq - MIN_NR_GENS + 1);
	}
	for (;;) {
		int gen;

		if (++scan->list == MAX_NR_ZONES) {
			scan->list = 0;
			scan->seq++;
		}
		if ((long)(last - scan->seq) < 0)
			return false;
		gen = lru_gen_from_seq(scan->seq);
		scan->left = READ_ONCE(lrugen->nr_pages[gen][type][scan->list]);
		if (scan->left > 0)
			return true;
	}
}

static struct list_head *victims_gen(struct lruvec *lruvec, enum lru_list lru,
				     struct swapmig_scan *scan)
{
	return &lruvec->lrugen.folios[lru_gen_from_seq(scan->seq)]
				     [is_file_lru(lru)][scan->list];
}
#else
static bool victims_next_gen(struct lruvec *lruvec, enum lru_list lru,
			     struct swapmig_scan *scan)
{
	return false;
}

static struct list_head *victims_gen(struct lruvec *lruvec, enum lru_list lru,
				     struct swapmig_scan *scan)
{
	return NULL;
}
#endif /* CONFIG_LRU_GEN */

/* The next list of the present cgroup and stage; false when there is none */
static bool victims_next_list(struct swapmig_scan *scan)
{
	struct lruvec *lruvec = mem_cgroup_lruvec(scan->memcg,
						  NODE_DATA(scan->nid));
	enum lru_list lru = victims_stage_lru(scan->stage);

	if (lru_gen_enabled())
		return victims_next_gen(lruvec, lru, scan);
	if (scan->list++ >= 0)
		return false;
	scan->left = victims_lru_size(lruvec, lru);
	return scan->left > 0;
}

/* What a cgroup is promised, another's request does not take from it */
static bool victims_spare_memcg(struct mem_cgroup *memcg)
{
	struct mem_cgroup *own;
	bool spare = false;

	if (!memcg || mem_cgroup_disabled() || mem_cgroup_is_root(memcg))
		return false;
	rcu_read_lock();
	own = mem_cgroup_from_task(current);
	if (memcg != own) {
		mem_cgroup_calculate_protection(NULL, memcg);
		spare = mem_cgroup_below_min(NULL, memcg) ||
			mem_cgroup_below_low(NULL, memcg);
	}
	rcu_read_unlock();
	return spare;
}

/* The next cgroup to scan; false when this stage is through */
static bool victims_next_memcg(struct swapmig_scan *scan)
{
	struct mem_cgroup *memcg = scan->memcg;

	scan->list = -1;
	if (mem_cgroup_disabled()) {
		scan->in_stage = !scan->in_stage;
		return scan->in_stage;
	}
	if (scan->memcg_only) {
		/* The caller's own, and nothing else */
		if (memcg) {
			mem_cgroup_put(memcg);
			scan->memcg = NULL;
			return false;
		}
		scan->memcg = scan->mm ? get_mem_cgroup_from_mm(scan->mm) :
					 get_mem_cgroup_from_current();
		return scan->memcg;
	}
	do {
		memcg = mem_cgroup_iter(NULL, memcg, NULL);
	} while (memcg && victims_spare_memcg(memcg));
	scan->memcg = memcg;
	return memcg;
}

static bool victims_in_memcg(const struct swapmig_scan *scan)
{
	return mem_cgroup_disabled() ? scan->in_stage : !!scan->memcg;
}

/* Moves on to the next list that has folios; false when all laps are over */
static bool victims_advance(struct swapmig_scan *scan)
{
	while (!victims_in_memcg(scan) || !victims_next_list(scan)) {
		cond_resched();
		if (victims_next_memcg(scan))
			continue;
		scan->since = scan->scanned;
		scan->yield = 0;
		if (++scan->stage < VICTIMS_STAGES)
			continue;
		scan->stage = 0;
		/* Nothing in a lap that spares nobody: there are no victims */
		if (++scan->lap > VICTIMS_COLD_LAPS && !scan->found &&
		    !scan->spared)
			scan->lap = VICTIMS_LAPS;
		scan->found = 0;
		scan->spared = false;
		if (scan->lap >= VICTIMS_LAPS)
			return false;
	}
	return true;
}

/* The rest of the present cgroup is left alone */
static void victims_leave_memcg(struct swapmig_scan *scan)
{
	scan->left = 0;
	scan->list = MAX_NR_ZONES - 1;
	/* A generation that is never reached */
	scan->seq = LONG_MAX;
}

/* Takes references on folios at the cold end, and turns the list by them */
static unsigned int victims_peek(struct swapmig_scan *scan,
				 struct folio **folios, unsigned int max)
{
	struct lruvec *lruvec = mem_cgroup_lruvec(scan->memcg,
						  NODE_DATA(scan->nid));
	enum lru_list lru = victims_stage_lru(scan->stage);
	struct list_head *head;
	unsigned int nr = 0;
	unsigned int scanned = 0;

	spin_lock_irq(&lruvec->lru_lock);
	head = lru_gen_enabled() ? victims_gen(lruvec, lru, scan) :
				   &lruvec->lists[lru];
	while (scanned++ < max && scan->left > 0) {
		struct folio *folio;

		if (list_empty(head)) {
			scan->left = 0;
			break;
		}
		folio = lru_to_folio(head);
		list_move(&folio->lru, head);
		scan->left -= folio_nr_pages(folio);
		scan->scanned += folio_nr_pages(folio);
		if (folio_try_get(folio))
			folios[nr++] = folio;
	}
	spin_unlock_irq(&lruvec->lru_lock);
	return nr;
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
	if (scan->memcg) {
		if (scan->memcg_only)
			mem_cgroup_put(scan->memcg);
		else
			mem_cgroup_iter_break(NULL, scan->memcg);
	}
	*scan = (struct swapmig_scan) { .nid = NUMA_NO_NODE };
}

/**
 * swapmig_victims_start - begin to scan a node, or go on
 * @req:	the request
 * @nid:	node to look for victims on
 * @to:		node that they will go to
 *
 * Context: process.  What the caller may push is for the credentials to say
 * that it acts with; a worker that acts for somebody else has taken theirs.
 */
void swapmig_victims_start(struct swapmig_request *req, int nid, int to)
{
	struct swapmig_scan *scan = &req->scan;

	if (scan->nid == nid && scan->to == to)
		return;
	swapmig_victims_stop(scan);
	scan->nid = nid;
	scan->to = to;
	scan->list = -1;
	scan->lap = swapmig_victims_wanted(nid, to) ? VICTIMS_WANTED_LAP : 0;
	scan->memcg_only = !ns_capable_noaudit(&init_user_ns, CAP_SYS_NICE);
	if (current->flags & PF_KTHREAD)
		scan->mm = req->mm;
}

/* A large node without cold pages: do not look at all of it twice */
static void victims_give_up_cold(struct swapmig_scan *scan)
{
	if (scan->lap >= VICTIMS_COLD_LAPS ||
	    scan->scanned - scan->since <= VICTIMS_COLD_SCAN +
					   VICTIMS_COLD_YIELD * scan->yield)
		return;
	scan->lap = scan->lap == VICTIMS_WANTED_LAP ? 0 : VICTIMS_COLD_LAPS;
	scan->since = scan->scanned;
	/* Its lists have to be scanned from their beginning */
	scan->spared = true;
}

/**
 * swapmig_victims_isolate - choose the coldest folios that may go
 * @scan:	the scan
 * @pages:	base pages wanted, which have room on the other node
 * @nr:		folios at most
 * @move:	isolated folios to move are added here
 * @drop:	isolated folios of clean page cache, which need not be moved
 *
 * Context: process; no locks held.  What is isolated is counted in
 * NR_ISOLATED_*.
 * Return: base pages isolated; 0 when there are no victims.
 */
unsigned long swapmig_victims_isolate(struct swapmig_scan *scan,
				      unsigned long pages, unsigned int nr,
				      struct list_head *move,
				      struct list_head *drop)
{
	struct folio *folios[VICTIMS_PEEK];
	unsigned long taken = 0, vain = 0;

	scan->room = pages;
	while (taken < pages && nr && !fatal_signal_pending(current)) {
		unsigned long before = taken;
		unsigned int i, n = VICTIMS_PEEK;

		if (scan->lap >= VICTIMS_LAPS ||
		    (scan->left <= 0 && !victims_advance(scan)))
			break;
		if (!scan->memcg_only && victims_spare_memcg(scan->memcg)) {
			victims_leave_memcg(scan);
			continue;
		}
		/* A few more than wanted are better than a lock for each */
		if (vain < VICTIMS_PEEK)
			n = min3(pages - taken, (unsigned long)nr,
				 (unsigned long)VICTIMS_PEEK);
		n = victims_peek(scan, folios, n);
		for (i = 0; i < n; i++) {
			struct folio *folio = folios[i];
			enum swapmig_victim what = SWAPMIG_VICTIM_NOT;

			if (nr && folio_trylock(folio)) {
				what = swapmig_judge(folio, scan);
				folio_unlock(folio);
			}
			if (what && folio_isolate_lru(folio)) {
				node_stat_mod_folio(folio, NR_ISOLATED_ANON +
						    folio_is_file_lru(folio),
						    folio_nr_pages(folio));
				list_add_tail(&folio->lru,
					      what == SWAPMIG_VICTIM_DROP ? drop : move);
				taken += folio_nr_pages(folio);
				nr--;
			}
			folio_put(folio);
		}
		vain = taken > before ? 0 : vain + n;
		victims_give_up_cold(scan);
		cond_resched();
	}
	scan->found += taken;
	scan->yield += taken;
	return taken;
}

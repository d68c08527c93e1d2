// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: the engine list, and the one entry through which requests use it.
 */

#include <linux/init.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/vmstat.h>

#include "internal.h"
#include "vacate.h"

#define CREATE_TRACE_POINTS
#include <trace/events/swapmig.h>

/* ------------------------------------------------------------------------- */
/* Engines                                                                    */
/* ------------------------------------------------------------------------- */

#ifdef CONFIG_SWAPMIG_SWAPOUT
static int swapmig_place_swapout(struct list_head *folios,
				 const struct swapmig_goal *goal)
{
	if (!swapmig_evicts(goal->req))
		return 0;
	if (goal->req->vacate)
		swapmig_vacate_room(folios, goal, GFP_USER | __GFP_MOVABLE);
	swapout_pages(folios, goal->nid);
	return 0;
}
#else
#define swapmig_place_swapout	NULL
#endif

static const struct swapmig_engine swapmig_engines[NR_SWAPMIG_ENGINES] = {
	[SWAPMIG_DIRECT]	= { "direct", swapmig_try_direct },
	[SWAPMIG_DISPLACE]	= { "displace", swapmig_place_displace },
	[SWAPMIG_SWAPOUT]	= { "swapout", swapmig_place_swapout },
};

/* ------------------------------------------------------------------------- */
/* The engine list                                                            */
/* ------------------------------------------------------------------------- */

/* In the order in which they are tried when nobody chose */
#define ENGINES_SWAPOUT							\
	(IS_ENABLED(CONFIG_SWAPMIG_SWAPOUT) ? SWAPMIG_SWAPOUT : SWAPMIG_NONE)
#define ENGINES_DISPLACE						\
	(IS_ENABLED(CONFIG_SWAPMIG_DISPLACE) ?				\
	 SWAPMIG_DISPLACE | ENGINES_SWAPOUT << SWAPMIG_ENGINE_BITS :	\
	 ENGINES_SWAPOUT)
#define ENGINES_DEFAULT							\
	(IS_ENABLED(CONFIG_MIGRATION) ?					\
	 SWAPMIG_DIRECT | ENGINES_DISPLACE << SWAPMIG_ENGINE_BITS :	\
	 ENGINES_SWAPOUT)

/* Whole lists are stored and loaded at once, so a reader sees old or new */
u32 swapmig_engine_list __read_mostly = ENGINES_DEFAULT;
unsigned int swapmig_batch __read_mostly = SWAPMIG_BATCH_DEFAULT;

/* Takes the first engine off a list; SWAPMIG_NONE at its end */
static enum swapmig_engine_id swapmig_shift_engine(u32 *list)
{
	enum swapmig_engine_id id = *list & SWAPMIG_ENGINE_MASK;

	*list >>= SWAPMIG_ENGINE_BITS;
	return id;
}

static enum swapmig_engine_id swapmig_find_engine(const char *name)
{
	enum swapmig_engine_id id;

	for (id = SWAPMIG_NONE + 1; id < NR_SWAPMIG_ENGINES; id++)
		if (!strcmp(name, swapmig_engines[id].name))
			return swapmig_engines[id].place ? id : SWAPMIG_NONE;
	return SWAPMIG_NONE;
}

static enum swapmig_engine_id swapmig_last_engine(u32 list)
{
	enum swapmig_engine_id id, last = SWAPMIG_NONE;

	while ((id = swapmig_shift_engine(&list)))
		last = id;
	return last;
}

static bool swapmig_has_engine(u32 list, enum swapmig_engine_id wanted)
{
	enum swapmig_engine_id id;

	while ((id = swapmig_shift_engine(&list)))
		if (id == wanted)
			return true;
	return false;
}

/**
 * swapmig_parse_engines - parse an engine list
 * @text:	names of engines with blanks or commas between them
 * @list:	the packed list; unchanged on error
 *
 * Return: 0, or -EINVAL: a name that is unknown, repeated or not built in, or
 * no name at all.
 */
int swapmig_parse_engines(const char *text, u32 *list)
{
	char copy[SWAPMIG_ENGINES_LEN];
	enum swapmig_engine_id id;
	unsigned int shift = 0;
	unsigned long seen = 0;
	u32 new = 0;
	char *rest = copy;
	char *name;

	if (strscpy(copy, text, sizeof(copy)) < 0)
		return -EINVAL;
	while ((name = strsep(&rest, ", \t\n"))) {
		if (!*name)
			continue;
		id = swapmig_find_engine(name);
		if (!id || seen & BIT(id))
			return -EINVAL;
		seen |= BIT(id);
		new |= (u32)id << shift;
		shift += SWAPMIG_ENGINE_BITS;
	}
	if (!new)
		return -EINVAL;
	*list = new;
	return 0;
}

/**
 * swapmig_print_engines - the text of an engine list
 * @list:	packed list
 * @text:	buffer
 * @size:	its size in bytes
 *
 * Return: the number of characters written, without the final NUL.
 */
int swapmig_print_engines(u32 list, char *text, size_t size)
{
	enum swapmig_engine_id id;
	int len = 0;

	*text = '\0';
	while ((id = swapmig_shift_engine(&list)))
		len += scnprintf(text + len, size - len, "%s%s",
				 len ? " " : "", swapmig_engines[id].name);
	return len;
}

static int __init swapmig_engines_setup(char *text)
{
	if (swapmig_parse_engines(text, &swapmig_engine_list))
		pr_warn("swapmig: migration_engines=%s refused\n", text);
	return 1;
}
__setup("migration_engines=", swapmig_engines_setup);

static int __init swapmig_batch_setup(char *text)
{
	unsigned int batch;

	if (kstrtouint(text, 0, &batch) || batch > SWAPMIG_BATCH_MAX)
		pr_warn("swapmig: migration_batch=%s refused\n", text);
	else
		swapmig_batch = batch;
	return 1;
}
__setup("migration_batch=", swapmig_batch_setup);

/* ------------------------------------------------------------------------- */
/* Requests                                                                   */
/* ------------------------------------------------------------------------- */

static pid_t swapmig_pid(struct mm_struct *mm)
{
	pid_t pid = task_tgid_nr(current);
#ifdef CONFIG_MEMCG
	struct task_struct *owner;

	rcu_read_lock();
	owner = mm ? rcu_dereference(mm->owner) : NULL;
	if (owner)
		pid = task_tgid_nr(owner);
	rcu_read_unlock();
#endif
	return pid;
}

/**
 * swapmig_evicts - may a request write pages to swap?
 * @req:	the request
 *
 * Return: true if "swapout" is on its list, and worth a try.
 */
bool swapmig_evicts(const struct swapmig_request *req)
{
	return swapmig_has_engine(req->engines, SWAPMIG_SWAPOUT) &&
	       !req->in_vain;
}

/**
 * swapmig_vacates - is memory that goes out of service emptied by swapmig?
 * @engines:	an engine list
 *
 * Return: false for "direct" alone, which is the stock kernel's way.
 */
bool swapmig_vacates(u32 engines)
{
	return swapmig_has_engine(engines, SWAPMIG_DISPLACE) ||
	       swapmig_has_engine(engines, SWAPMIG_SWAPOUT);
}

static void swapmig_enter(struct swapmig_request *req)
{
	swapmig_victims_begin(req);
	if (trace_swapmig_request_start_enabled()) {
		char text[SWAPMIG_ENGINES_LEN];

		swapmig_print_engines(req->engines, text, sizeof(text));
		trace_swapmig_request_start(req, text);
	}
}

/**
 * swapmig_begin - begin a request
 * @req:	the request
 * @mm:		address space whose pages are to move
 * @from:	node to vacate, or NUMA_NO_NODE
 * @to:		node asked for, or NUMA_NO_NODE: what the memory policy says
 * @reason:	enum migrate_reason
 * @pol:	the memory policy, or NULL
 *
 * Context: process.  Ends with swapmig_end().
 */
void swapmig_begin(struct swapmig_request *req, struct mm_struct *mm,
		   int from, int to, int reason, const struct mempolicy *pol)
{
	*req = (struct swapmig_request) {
		.mm = mm,
		.pid = swapmig_pid(mm),
		.from = from,
		.to = to,
		.reason = reason,
		.batch = READ_ONCE(swapmig_batch) ?: SWAPMIG_BATCH_MAX,
		.engines = READ_ONCE(swapmig_engine_list),
		.zone = ZONE_MOVABLE,
		.behind = LONG_MAX,
	};
	req->quiet = swapmig_has_engine(req->engines, SWAPMIG_DISPLACE);
	/* The policy of a range that is given up is that of its process */
	req->named = pol && !nodes_empty(pol->nodes);
	if (!pol && reason == MR_MEMPOLICY_MBIND)
		pol = get_task_policy(current);
	/* A walk finds all pages of a range without a policy again and again */
	req->last = reason == MR_MEMPOLICY_MBIND && !req->named;
	if (pol) {
		req->nodes = pol->nodes;
		req->each = pol->mode == MPOL_INTERLEAVE ||
			    pol->mode == MPOL_WEIGHTED_INTERLEAVE;
	}
	if (nodes_empty(req->nodes))
		node_set(to == NUMA_NO_NODE ? numa_node_id() : to, req->nodes);
	swapmig_enter(req);
}

/**
 * swapmig_begin_vacate - begin a request for memory that goes out of service
 * @req:	the request
 * @from:	node that the memory is on, or NUMA_NO_NODE
 * @nodes:	nodes that its pages may go to
 * @zone:	the highest zone there
 * @reason:	enum migrate_reason
 *
 * Context: process.  Ends with swapmig_end().
 */
void swapmig_begin_vacate(struct swapmig_request *req, int from,
			  const nodemask_t *nodes, enum zone_type zone,
			  int reason)
{
	*req = (struct swapmig_request) {
		.pid = swapmig_pid(NULL),
		.from = from,
		.to = NUMA_NO_NODE,
		.nodes = *nodes,
		.zone = zone,
		.reason = reason,
		.batch = READ_ONCE(swapmig_batch) ?: SWAPMIG_BATCH_MAX,
		.engines = READ_ONCE(swapmig_engine_list),
		.vacate = true,
		.last = true,
	};
	req->quiet = swapmig_vacates(req->engines);
	swapmig_enter(req);
}

/**
 * swapmig_end - end a request
 * @req:	the request; all that it isolated has been put back or placed
 */
void swapmig_end(struct swapmig_request *req)
{
	count_vm_events(SWAPMIG_NOT_PLACED, req->failed);
	swapmig_victims_end(req);
	swapmig_displace_end(req);
	if (trace_swapmig_request_end_enabled()) {
		char text[SWAPMIG_ENGINES_LEN];

		swapmig_print_engines(req->engines, text, sizeof(text));
		trace_swapmig_request_end(req, text);
	}
}

/**
 * swapmig_retarget - a request goes on to another node
 * @req:	the request
 * @nid:	the node
 */
void swapmig_retarget(struct swapmig_request *req, int nid)
{
	req->to = nid;
	swapmig_victims_retarget(req, nid);
	/* There is no range to walk again */
	req->last = true;
}

/**
 * swapmig_policy_gfp - how hard to try when a policy allocates for migration
 * @req:	the request
 * @pol:	the policy
 * @gfp:	allocation flags without swapmig
 *
 * Return: @gfp, or flags that do not reclaim, and that do not let a policy
 * that names one node fall back to another.
 */
gfp_t swapmig_policy_gfp(const struct swapmig_request *req,
			 const struct mempolicy *pol, gfp_t gfp)
{
	if (!req->quiet)
		return gfp;
	gfp = swapmig_quiet_gfp(gfp);
	/* The only flag with which a boost of the watermarks does not count */
	if (swapmig_boosted(&req->nodes))
		gfp |= __GFP_HIGH;
	if (req->named && pol->mode != MPOL_BIND && pol->mode != MPOL_PREFERRED_MANY)
		gfp |= __GFP_THISNODE;
	return gfp;
}

/*
 * All of the range has been walked.  What found no room, or was in the hands of
 * another request, may have better luck now; only the last walk lets the engines
 * after "displace" have a page.
 */
static bool swapmig_walk_again(struct swapmig_request *req, long *nr_failed)
{
	bool more_engines = swapmig_last_engine(req->engines) !=
			    SWAPMIG_DISPLACE;

	if (!req->quiet || req->last || *nr_failed <= 0)
		return false;
	if (++req->walks == SWAPMIG_WALKS)
		req->last = true;
	else if (!req->crowded && (req->noroom || !more_engines))
		req->last = *nr_failed >= req->behind;
	else if (!req->crowded && req->walks >= SWAPMIG_BUSY_WALKS)
		req->last = true;
	else
		schedule_timeout_killable(max(HZ / 100, 1));
	if (req->last && !more_engines)
		return false;
	req->behind = *nr_failed;
	req->asked -= req->failed;
	req->failed = 0;
	req->noroom = false;
	req->crowded = false;
	req->next = 0;
	*nr_failed = 0;
	swapmig_victims_again(req);
	return true;
}

/**
 * swapmig_moves_in_part - may a call place a part of a group, and not the rest?
 * @req:	the request
 *
 * Return: false for "direct" alone, which is the stock kernel's way: all that is
 * known of a group is whether it moved.
 */
bool swapmig_moves_in_part(const struct swapmig_request *req)
{
	return req->engines != SWAPMIG_DIRECT;
}

/**
 * swapmig_next_batch - is there another batch to collect?
 * @req:	the request; its present batch has been placed
 * @nr_failed:	folios that could not be isolated or placed; zero when the
 *		range is to be walked once more
 *
 * Context: process; no locks held.  May reschedule.
 * Return: true if the walk stopped before the end of its range, or is to be
 * done again, and no fatal signal is pending.  It begins at @req->next.
 */
bool swapmig_next_batch(struct swapmig_request *req, long *nr_failed)
{
	if (swapmig_interrupted(req))
		return false;
	cond_resched();
	if (req->more) {
		req->more = false;
		return true;
	}
	return swapmig_walk_again(req, nr_failed);
}

/* Runs the engines on one batch.  Returns the last one's errno, or 0. */
static int swapmig_place(struct list_head *folios, struct swapmig_goal *goal,
			 u32 engines)
{
	struct swapmig_request *req = goal->req;
	struct swapmig_pages before;
	enum swapmig_engine_id id;
	int err = 0;

	while ((id = swapmig_shift_engine(&engines))) {
		if (list_empty(folios))
			break;
		before = goal->pages;
		err = swapmig_engines[id].place(folios, goal);
		goal->pages = swapmig_count_pages(folios);
		trace_swapmig_engine(swapmig_engines[id].name, goal->reason,
				     goal->nid, swapmig_sum_pages(&before),
				     swapmig_sum_pages(&goal->pages));
		/* The next walk may do without swap */
		if (id == SWAPMIG_DISPLACE && !req->last)
			break;
	}
	return list_empty(folios) ? 0 : err;
}

/**
 * swapmig_migrate - migrate isolated folios: the one entry
 * @folios:		isolated folios; empty afterwards
 * @get_new_folio:	allocates a folio that meets the goal
 * @private:		argument of @get_new_folio
 * @req:		the request that they belong to
 *
 * Runs the engines of vm.migration_engines in order on what is left, a batch
 * at a time, and puts back what none of them could place.  A folio that was
 * evicted counts as placed.
 *
 * Context: process; no locks held, lru_cache_disable() called.  Sleeps.
 * Return: the number of folios not placed; -EINTR after a signal that ends it; or the
 * errno of the last engine, which ends the request.
 */
long swapmig_migrate(struct list_head *folios, new_folio_t get_new_folio,
		     unsigned long private, struct swapmig_request *req)
{
	struct swapmig_goal goal = {
		.nid = req->to,
		.reason = req->reason,
		.get_new_folio = get_new_folio,
		.private = private,
		.req = req,
	};
	struct swapmig_pages asked, pages;
	unsigned long failed = 0;
	long nr_failed = 0;
	int err = 0;

	if (req->quiet && !req->crowded)
		req->crowded = swapmig_victims_others(req);

	while (!err && !list_empty(folios)) {
		LIST_HEAD(batch);
		struct list_head *last = folios;
		unsigned int nr = 0;

		if (swapmig_interrupted(req)) {
			err = -EINTR;
			break;
		}
		while (nr++ < req->batch && !list_is_last(last, folios))
			last = last->next;
		list_cut_position(&batch, folios, last);

		asked = swapmig_count_pages(&batch);
		req->asked += swapmig_sum_pages(&asked);
		goal.pages = asked;
		err = swapmig_place(&batch, &goal, req->engines);
		/* What needs less may have room all the same */
		if (req->vacate && err == -ENOMEM)
			err = 0;
		swapmig_free_abandoned(&batch);
		pages = swapmig_count_pages(&batch);
		if (req->reason == MR_MEMORY_HOTPLUG)
			swapmig_offline_placed(swapmig_sum_pages(&asked) -
					       swapmig_sum_pages(&pages));
		failed += swapmig_sum_pages(&pages);
		/* A large folio that was split is one that failed */
		nr_failed += min(pages.folios, asked.folios);
		swapmig_putback_folios(&batch);
	}

	/* What was never tried, because the request ended early */
	pages = swapmig_count_pages(folios);
	req->asked += swapmig_sum_pages(&pages);
	failed += swapmig_sum_pages(&pages);
	swapmig_putback_folios(folios);

	req->queued = 0;
	req->queued_pages = 0;
	req->failed += failed;
	return err ?: nr_failed;
}

#include "tests/engines_kunit.c"

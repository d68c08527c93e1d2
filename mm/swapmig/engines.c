// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: the migration engines, and the list in which they are tried.
 *
 * An engine takes a list of isolated folios and leaves on it those that it could
 * not place, for the next one.  A new engine is one file and one row below.
 */

#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "../internal.h"
#include "internal.h"

/* ------------------------------------------------------------------------- */
/* Engines                                                                    */
/* ------------------------------------------------------------------------- */

/**
 * struct swapmig_engine - one way to place folios
 * @name:	as in vm.migration_engines
 * @place:	the function, or NULL if what it needs is not built in.  Takes
 *		folios that are counted in NR_ISOLATED_*, leaves those it could
 *		not place, counted again.  Returns 0, or the errno that made it end
 *		before it had tried all of them.
 * @sort:	SWAPMIG_ENGINE_*
 */
struct swapmig_engine {
	const char *name;
	int (*place)(struct list_head *folios, struct swapmig_goal *goal);
	unsigned int sort;
};

/* In the order of the default list */
static const struct swapmig_engine engines[] = {
	{
		.name		= "direct",
		.place		= IS_ENABLED(CONFIG_MIGRATION) ? swapmig_direct : NULL,
		.sort		= SWAPMIG_ENGINE_BATCHED,
	},
	{
		.name		= "displace",
		.place		= IS_ENABLED(CONFIG_SWAPMIG_DISPLACE) ?
				  swapmig_displace : NULL,
		.sort		= SWAPMIG_ENGINE_MAKES_ROOM,
	},
	{
		.name		= "swapout",
		.place		= swapout_pages,
		.sort		= SWAPMIG_ENGINE_SWAPS,
	},
};

/* ------------------------------------------------------------------------- */
/* Engine lists                                                               */
/* ------------------------------------------------------------------------- */

/*
 * A list is packed, its first engine lowest, so that readers need no lock.  An
 * engine is the number of its row, counted from 1; zero ends the list.
 */
#define ENGINE_BITS	4
#define ENGINE_MASK	((1U << ENGINE_BITS) - 1)

static_assert(SWAPMIG_ENGINES_MAX * ENGINE_BITS <= BITS_PER_TYPE(u32));
static_assert(ARRAY_SIZE(engines) <= SWAPMIG_ENGINES_MAX);

/* What the administrator chose; zero: nothing yet */
static u32 engine_list __read_mostly;

/* Takes the first engine off a list; NULL at its end */
static const struct swapmig_engine *engine_shift(u32 *list)
{
	unsigned int nr = *list & ENGINE_MASK;

	*list >>= ENGINE_BITS;
	return nr ? &engines[nr - 1] : NULL;
}

/* The list of one engine; zero if none that is built in has that name */
static u32 engine_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(engines); i++)
		if (engines[i].place && !strcmp(name, engines[i].name))
			return i + 1;
	return 0;
}

/* All that are built in */
static u32 engines_default(void)
{
	unsigned int nr = ARRAY_SIZE(engines);
	u32 list = 0;

	for (; nr > 0; nr--)
		if (engines[nr - 1].place)
			list = list << ENGINE_BITS | nr;
	return list;
}

/**
 * swapmig_engine_name - the name of an engine
 * @nr:		its row in the table, from 0
 *
 * Return: the name, or NULL: there is no such row, or what it needs is not built in.
 */
const char *swapmig_engine_name(unsigned int nr)
{
	if (nr >= ARRAY_SIZE(engines) || !engines[nr].place)
		return NULL;
	return engines[nr].name;
}

/**
 * swapmig_engines - the engine list for a new request
 *
 * Return: the packed list; a request keeps to it until it ends.
 */
u32 swapmig_engines(void)
{
	return READ_ONCE(engine_list) ?: engines_default();
}

/**
 * swapmig_set_engines - choose the engine list for requests to come
 * @list:	packed list from swapmig_parse_engines()
 */
void swapmig_set_engines(u32 list)
{
	WRITE_ONCE(engine_list, list);
}

/**
 * swapmig_list_has - does a list have an engine of a sort?
 * @list:	packed list
 * @sort:	SWAPMIG_ENGINE_*
 *
 * Return: true if it does.
 */
bool swapmig_list_has(u32 list, unsigned int sort)
{
	const struct swapmig_engine *engine;

	while ((engine = engine_shift(&list)))
		if (engine->sort & sort)
			return true;
	return false;
}

/**
 * swapmig_without_swap - what comes before pages go by way of swap for want of room
 * @list:	packed list
 *
 * Return: the packed list, without those engines that send pages through swap and
 * stand after one that makes room.
 */
u32 swapmig_without_swap(u32 list)
{
	unsigned int before = 0, nr = 0;
	u32 new = 0;

	for (; list; list >>= ENGINE_BITS) {
		unsigned int sort = engines[(list & ENGINE_MASK) - 1].sort;

		if (!(sort & SWAPMIG_ENGINE_SWAPS) ||
		    !(before & SWAPMIG_ENGINE_MAKES_ROOM))
			new |= (list & ENGINE_MASK) << (nr++ * ENGINE_BITS);
		before |= sort;
	}
	return new;
}

/**
 * swapmig_parse_engines - read an engine list
 * @text:	names of engines with blanks or commas between them
 * @list:	the packed list; unchanged on error
 *
 * Return: 0, or -EINVAL: a name that is unknown, repeated or not built in, or
 * no name at all.
 */
int swapmig_parse_engines(const char *text, u32 *list)
{
	char copy[SWAPMIG_ENGINES_LEN];
	unsigned long seen = 0;
	unsigned int nr = 0;
	char *rest = copy;
	u32 new = 0;
	char *name;

	if (strscpy(copy, text, sizeof(copy)) < 0)
		return -EINVAL;
	while ((name = strsep(&rest, ", \t\n"))) {
		u32 id = engine_find(name);

		if (!*name)
			continue;
		if (!id || seen & BIT(id))
			return -EINVAL;
		seen |= BIT(id);
		new |= id << (nr++ * ENGINE_BITS);
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
	const struct swapmig_engine *engine;
	int len = 0;

	*text = '\0';
	while ((engine = engine_shift(&list)))
		len += scnprintf(text + len, size - len, "%s%s",
				 len ? " " : "", engine->name);
	return len;
}

/**
 * swapmig_goal_node - folios are to go to one node, whatever policies say
 * @goal:	the goal
 * @mtc:	has to live as long as the goal
 * @nid:	the node
 */
void swapmig_goal_node(struct swapmig_goal *goal,
		       struct migration_target_control *mtc, int nid)
{
	const nodemask_t nodes = nid == NUMA_NO_NODE ? NODE_MASK_NONE :
						       nodemask_of_node(nid);

	swapmig_run_to(goal, &nodes);
	mtc->nid = nid;
	/* Who asked is told; the log need not be */
	mtc->gfp_mask = GFP_HIGHUSER_MOVABLE | __GFP_THISNODE | __GFP_NOWARN;
	mtc->reason = MR_SYSCALL;
	goal->nid = nid;
	goal->tag = true;
	goal->reason = MR_SYSCALL;
	goal->alloc = alloc_migration_target;
	goal->private = (unsigned long)mtc;
}

/* ------------------------------------------------------------------------- */
/* The entry                                                                  */
/* ------------------------------------------------------------------------- */

/**
 * swapmig_batches - hand folios to a function, a few at a time
 * @folios:	isolated folios; those that stayed afterwards
 * @goal:	where they are to go
 * @place:	the function, as of an engine
 *
 * Context: process; no locks held.  Ends early when a fatal signal is pending.
 * Return: 0, or the errno of @place, which ended it.
 */
int swapmig_batches(struct list_head *folios, struct swapmig_goal *goal,
		    int (*place)(struct list_head *folios,
				 struct swapmig_goal *goal))
{
	LIST_HEAD(left);
	int err = 0;

	while (!err && !list_empty(folios) && !fatal_signal_pending(current)) {
		struct list_head *last = folios->next;
		unsigned int nr;
		LIST_HEAD(batch);

		for (nr = 1; nr < goal->batch && !list_is_last(last, folios); nr++)
			last = last->next;
		list_cut_position(&batch, folios, last);
		err = place(&batch, goal);
		list_splice_tail(&batch, &left);
		cond_resched();
	}
	list_splice(&left, folios);
	return err;
}

/* Others look at it; where a request is told what to vacate that is known */
static void engine_vacates(const struct list_head *folios, struct swapmig_goal *goal)
{
	struct folio *folio;

	list_for_each_entry(folio, folios, lru)
		if (!node_isset(folio_nid(folio), goal->vacates))
			node_set(folio_nid(folio), goal->vacates);
}

static int engine_run(const struct swapmig_engine *engine,
		      struct list_head *folios, struct swapmig_goal *goal)
{
	if (engine->sort & SWAPMIG_ENGINE_BATCHED)
		return swapmig_batches(folios, goal, engine->place);
	return engine->place(folios, goal);
}

/**
 * swapmig_leave - put back what could not be placed, and count why
 * @folios:	isolated folios, counted in NR_ISOLATED_*; empty afterwards
 * @goal:	where they were to go; @goal->unseen and tally are updated
 *
 * Context: process; no locks held.  Sleeps.
 * Return: the number of folios, without those in @goal->unseen, and without those
 * that their owners freed meanwhile.
 */
long swapmig_leave(struct list_head *folios, struct swapmig_goal *goal)
{
	struct folio *folio, *next;
	enum swapmig_why why;
	long left = 0;

	swapmig_settle(folios);
	list_for_each_entry_safe(folio, next, folios, lru) {
		if (swapmig_free_abandoned(folio))
			continue;
		why = swapmig_why(folio, goal);
		/* Reclaim unmaps before it knows; by its slot a page is found again */
		if (folio_test_anon(folio) || folio_test_swapcache(folio) ||
		    folio_mapped(folio)) {
			goal->tally.stayed[why] += folio_nr_pages(folio);
			left++;
		} else {
			goal->tally.unseen[why] += folio_nr_pages(folio);
			goal->unseen++;
		}
	}
	swapmig_putback(folios);
	return left;
}

/**
 * swapmig_place - place isolated folios: the one entry to the engines
 * @folios:	isolated folios, counted in NR_ISOLATED_*; empty afterwards
 * @goal:	where they are to go; @goal->err, hurry, unseen and tally are updated
 *
 * Runs the engines of @goal->engines in order on what is left, settles the rest
 * with NR_ISOLATED_* and puts it back.  A folio that was evicted is placed.
 *
 * Context: process, not inside of reclaim; no locks held.  Sleeps.  Ends early
 * when a fatal signal is pending.
 * Return: the number of folios not placed, without those in @goal->unseen (a large
 * folio counts as one); or -ENOMEM, which ends the request: there was no room for
 * one of them, and the list has no engine that needs none, or makes some.
 */
long swapmig_place(struct list_head *folios, struct swapmig_goal *goal)
{
	unsigned long pages = swapmig_count_pages(folios);
	const struct swapmig_engine *engine;
	u32 list = goal->engines;
	long left;
	int err;

	goal->err = 0;
	goal->no_huge = false;
	goal->no_block = false;
	if (goal->quiet && goal->from == NUMA_NO_NODE)
		engine_vacates(folios, goal);
	while (!list_empty(folios) && !fatal_signal_pending(current) &&
	       (engine = engine_shift(&list))) {
		unsigned long before = pages;

		if (engine->sort & SWAPMIG_ENGINE_MAKES_ROOM && !swapmig_quiet(goal))
			continue;
		err = engine_run(engine, folios, goal);
		pages = swapmig_count_pages(folios);
		/* One that can do nothing leaves what was missing as it was, unless it is room */
		if (err || pages < before || engine->sort & SWAPMIG_ENGINE_MAKES_ROOM)
			goal->err = err;
		goal->tally.placed[engine - engines] += before - pages;
		goal->tally.left[engine - engines] += pages;
		if (engine->sort & SWAPMIG_ENGINE_BATCHED && pages < before)
			swapmig_placed(goal, before - pages);
		/* The next sweep may do without the others */
		if (engine->sort & SWAPMIG_ENGINE_MAKES_ROOM && goal->hold)
			break;
	}
	left = swapmig_leave(folios, goal);
	if (swapmig_swaps(goal->engines) || swapmig_quiet(goal))
		return left;
	return left && goal->err ? goal->err : left;
}

#include "tests/engines_kunit.c"

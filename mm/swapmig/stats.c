// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: what can be seen of it: /sys/kernel/mm/swapmig/, and tracepoints.
 *
 * All counters are in pages and only grow.
 */

#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched/task.h>
#include <linux/swap.h>
#include <linux/sysfs.h>

#include "../internal.h"
#include "internal.h"

#define CREATE_TRACE_POINTS
#include <trace/events/swapmig.h>

static atomic_long_t evicted;
static atomic_long_t forwarded;
static atomic_long_t displaced;
static atomic_long_t dropped;
static atomic_long_t scanned;
static atomic_long_t no_victim;
static atomic_long_t placed[SWAPMIG_ENGINES_MAX];
static atomic_long_t not_placed[SWAPMIG_ENGINES_MAX];
static atomic_long_t stayed[NR_SWAPMIG_WHY];

/* ------------------------------------------------------------------------- */
/* Requests                                                                   */
/* ------------------------------------------------------------------------- */

/**
 * swapmig_pid - whose is an address space?
 * @mm:		address space
 *
 * Return: the thread group of its owner, or of current, if that is not known.
 */
pid_t swapmig_pid(struct mm_struct *mm)
{
	pid_t pid = task_tgid_nr(current);
#ifdef CONFIG_MEMCG
	struct task_struct *owner;

	rcu_read_lock();
	owner = rcu_dereference(mm->owner);
	if (owner)
		pid = task_tgid_nr(owner);
	rcu_read_unlock();
#endif
	return pid;
}

/**
 * swapmig_begin - a request begins
 * @goal:	its goal; gets the batch size that the administrator chose
 * @mm:		address space whose pages are to move
 * @from:	node to vacate, or NUMA_NO_NODE
 * @engines:	packed list, which it keeps to the end
 */
void swapmig_begin(struct swapmig_goal *goal, struct mm_struct *mm, int from,
		   u32 engines)
{
	goal->engines = engines;
	goal->batch = swapmig_batch();
	goal->from = from;
	if (from != NUMA_NO_NODE)
		node_set(from, goal->vacates);
	goal->pid = swapmig_pid(mm);
	goal->mm = mm;
	goal->quiet = swapmig_makes_room(goal->engines);
	if (goal->quiet)
		swapmig_run(goal);
	if (trace_swapmig_request_start_enabled()) {
		char text[SWAPMIG_ENGINES_LEN];

		swapmig_print_engines(goal->engines, text, sizeof(text));
		trace_swapmig_request_start(goal->pid, from, goal->nid,
					    goal->reason, text);
	}
}

/**
 * swapmig_again - a request goes over all of its range once more
 * @goal:	its goal
 *
 * What stayed is met again, and is not to be counted twice.
 */
void swapmig_again(struct swapmig_goal *goal)
{
	memset(goal->tally.left, 0, sizeof(goal->tally.left));
	memset(goal->tally.stayed, 0, sizeof(goal->tally.stayed));
	goal->held = false;
	goal->push.sweep = 0;
	nodes_clear(goal->push.drained);
	goal->push.soon = false;
}

/**
 * swapmig_end - a request ends
 * @goal:	its goal
 * @ret:	its result
 *
 * Return: @ret.
 */
long swapmig_end(struct swapmig_goal *goal, long ret)
{
	const struct swapmig_tally *tally = &goal->tally;
	unsigned long moved = 0, failed = 0;
	int i;

	if (goal->quiet) {
		swapmig_run_end(goal);
		swapmig_displace_end(goal);
	}
	for (i = 0; i < SWAPMIG_ENGINES_MAX; i++) {
		moved += tally->placed[i];
		if (tally->placed[i])
			atomic_long_add(tally->placed[i], &placed[i]);
		if (tally->left[i])
			atomic_long_add(tally->left[i], &not_placed[i]);
	}
	for (i = 0; i < NR_SWAPMIG_WHY; i++) {
		unsigned long pages = tally->stayed[i] + tally->unseen[i];

		failed += pages;
		if (pages)
			atomic_long_add(pages, &stayed[i]);
	}
	if (trace_swapmig_request_end_enabled()) {
		char text[SWAPMIG_ENGINES_LEN];

		swapmig_print_engines(goal->engines, text, sizeof(text));
		trace_swapmig_request_end(goal->pid, goal->from, goal->nid,
					  goal->reason, text, moved, failed, ret);
	}
	return ret;
}

/**
 * swapmig_count_evicted - reclaim evicted pages for a request
 * @pages:	number of pages
 */
void swapmig_count_evicted(unsigned long pages)
{
	atomic_long_add(pages, &evicted);
}

/**
 * swapmig_count_forwarded - swap-in allocates where pages were sent
 * @pages:	number of pages
 */
void swapmig_count_forwarded(unsigned long pages)
{
	atomic_long_add(pages, &forwarded);
}

/**
 * swapmig_count_displaced - pages made way for a request
 * @moved:	pages that moved to the other node
 * @drop:	pages of clean page cache that were dropped
 * @looked:	pages that were looked at for it
 */
void swapmig_count_displaced(unsigned long moved, unsigned long drop,
			     unsigned long looked)
{
	atomic_long_add(moved, &displaced);
	atomic_long_add(drop, &dropped);
	atomic_long_add(looked, &scanned);
}

/**
 * swapmig_count_no_victim - nobody could make way, or there was no block
 * @pages:	pages that found no room
 */
void swapmig_count_no_victim(unsigned long pages)
{
	atomic_long_add(pages, &no_victim);
}

/**
 * swapmig_why - why does a folio stay where it is?
 * @folio:	isolated folio that no engine could place
 * @goal:	where it was to go
 *
 * Return: the reason, as far as it can be seen now.
 */
enum swapmig_why swapmig_why(struct folio *folio,
			     const struct swapmig_goal *goal)
{
	if (swapmig_pinned(folio))
		return SWAPMIG_PINNED;
	if (swapmig_lacked_room(goal, folio))
		return SWAPMIG_NO_ROOM;
	if (folio_test_hugetlb(folio))
		return SWAPMIG_HUGETLB;
	if (folio_test_unevictable(folio) || !folio_evictable(folio))
		return SWAPMIG_MLOCKED;
	if (swapmig_busy(folio))
		return SWAPMIG_WRITEBACK;
	if (swapmig_swaps(goal->engines) && folio_test_swapbacked(folio) &&
	    !swapout_has_slot(folio))
		return SWAPMIG_NO_ROOM;
	return SWAPMIG_RACED;
}

/* ------------------------------------------------------------------------- */
/* Files                                                                      */
/* ------------------------------------------------------------------------- */

struct counter {
	struct kobj_attribute attr;
	atomic_long_t *value;
};

static ssize_t counter_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	struct counter *counter = container_of(attr, struct counter, attr);

	return sysfs_emit(buf, "%ld\n", atomic_long_read(counter->value));
}

#define COUNTER(_name, _value) {					\
		.attr = __ATTR(_name, 0444, counter_show, NULL),	\
		.value = _value,					\
	}

static struct counter common_counters[] = {
	COUNTER(evicted, &evicted),
	COUNTER(forwarded, &forwarded),
#ifdef CONFIG_SWAPMIG_DISPLACE
	COUNTER(displaced, &displaced),
	COUNTER(dropped, &dropped),
	COUNTER(scanned, &scanned),
	COUNTER(no_victim, &no_victim),
#endif
};

static struct counter stayed_counters[] = {
	COUNTER(mlocked, &stayed[SWAPMIG_MLOCKED]),
	COUNTER(pinned, &stayed[SWAPMIG_PINNED]),
	COUNTER(hugetlb, &stayed[SWAPMIG_HUGETLB]),
	COUNTER(writeback, &stayed[SWAPMIG_WRITEBACK]),
	COUNTER(no_room, &stayed[SWAPMIG_NO_ROOM]),
	COUNTER(raced, &stayed[SWAPMIG_RACED]),
};

static_assert(ARRAY_SIZE(stayed_counters) == NR_SWAPMIG_WHY);

/* For each engine; the rows are made when its name is known */
static struct counter engine_counters[SWAPMIG_ENGINES_MAX][2];

static int __init folder_fill(struct kobject *dir, struct counter *counters, int nr)
{
	int i, err = 0;

	for (i = 0; i < nr && !err; i++) {
		sysfs_attr_init(&counters[i].attr.attr);
		err = sysfs_create_file(dir, &counters[i].attr.attr);
	}
	return err;
}

static int __init folder_create(struct kobject *parent, const char *name,
				struct counter *counters, int nr)
{
	struct kobject *dir = kobject_create_and_add(name, parent);

	return dir ? folder_fill(dir, counters, nr) : -ENOMEM;
}

static int __init engine_create(struct kobject *parent, unsigned int nr)
{
	const char *name = swapmig_engine_name(nr);
	struct counter *counters = engine_counters[nr];

	if (!name)
		return 0;
	counters[0] = (struct counter)COUNTER(placed, &placed[nr]);
	counters[1] = (struct counter)COUNTER(not_placed, &not_placed[nr]);
	return folder_create(parent, name, counters, ARRAY_SIZE(engine_counters[nr]));
}

/* After an error at boot the files that were made stay: what they say is right */
static int __init swapmig_stats_init(void)
{
	struct kobject *dir = kobject_create_and_add("swapmig", mm_kobj);
	unsigned int nr;
	int err;

	if (!dir)
		return -ENOMEM;
	err = folder_fill(dir, common_counters, ARRAY_SIZE(common_counters)) ?:
	      folder_create(dir, "stayed", stayed_counters,
			    ARRAY_SIZE(stayed_counters));
	for (nr = 0; nr < SWAPMIG_ENGINES_MAX && !err; nr++)
		err = engine_create(dir, nr);
	return err;
}
subsys_initcall(swapmig_stats_init);

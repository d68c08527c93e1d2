// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: the operator's view of a block of memory that is taken offline.
 *
 * What is left in the block is looked at before each round.  Rounds that make no
 * progress are bounded, and the last word names what stood in the way.
 */

#include <linux/hugetlb.h>
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/page-isolation.h>
#include <linux/ratelimit.h>
#include <linux/sched/signal.h>
#include <linux/sysfs.h>

#include "internal.h"
#include "vacate.h"

#include <trace/events/swapmig.h>

/*
 * Rounds without progress after which it is no use.  With the naps between them
 * that is two and a half seconds at least, in which I/O may end.
 */
#define OFFLINE_IDLE_ROUNDS	30
/* The longest nap, in ms; the first lasts a tenth of it */
#define OFFLINE_NAP		100

/* What sysfs shows: the block that was looked at last, under mem_hotplug_lock */
static struct swapmig_offline offline_seen;

/* ------------------------------------------------------------------------- */
/* What is left?                                                              */
/* ------------------------------------------------------------------------- */

static void offline_sort(struct swapmig_offline *off, struct folio *folio,
			 unsigned long pages)
{
	off->left += pages;
	if (folio_test_slab(folio))
		off->unmovable += pages;
	else if (folio_test_hugetlb(folio))
		off->hugetlb += pages;
	else if (folio_maybe_dma_pinned(folio))
		off->pinned += pages;
	else if (folio_test_mlocked(folio))
		off->mlocked += pages;
	else if (!folio_test_lru(folio) && !__folio_test_movable(folio) &&
		 !folio_test_anon(folio) && !folio->mapping)
		off->unmovable += pages;
}

/* Returns the pages from @pfn on that need no other look */
static unsigned long offline_look_at(struct swapmig_offline *off,
				     unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);
	unsigned long pages = 1;
	struct folio *folio;
	unsigned int order;

	if (!page || PageHWPoison(page))
		return 1;
	if (PageOffline(page)) {
		/* A driver has it, and may give it up or not */
		if (page_count(page) && !__folio_test_movable(page_folio(page))) {
			off->left++;
			off->unmovable++;
		}
		return 1;
	}
	if (PageBuddy(page)) {
		/* Read without the zone's lock, so it may be anything */
		order = buddy_order_unsafe(page);
		return order <= MAX_PAGE_ORDER ? 1UL << order : 1;
	}
	folio = page_folio(page);
	if (!folio_try_get(folio))
		return 1;
	if (page_folio(page) == folio) {
		pages = folio_pfn(folio) + folio_nr_pages(folio) - pfn;
		pages = min(pages, off->end - pfn);
		offline_sort(off, folio, pages);
	}
	folio_put(folio);
	return pages;
}

static void offline_look(struct swapmig_offline *off)
{
	unsigned long pfn = off->start;

	off->left = 0;
	off->pinned = 0;
	off->mlocked = 0;
	off->hugetlb = 0;
	off->unmovable = 0;
	while (pfn < off->end) {
		pfn += offline_look_at(off, pfn);
		if (!(pfn % 1024))
			cond_resched();
	}
	offline_seen = *off;
	trace_swapmig_offline(off);
}

static unsigned long offline_block(const struct swapmig_offline *off)
{
	return off->start / PHYS_PFN(memory_block_size_bytes());
}

static void offline_complain(const struct swapmig_offline *off)
{
	unsigned long held = off->pinned + off->mlocked + off->hugetlb +
			     off->unmovable;

	pr_warn_ratelimited("swapmig: memory%lu stays online: %lu pages left, %lu pinned, %lu mlocked, %lu hugetlb, %lu of the kernel, %lu %s\n",
			    offline_block(off), off->left, off->pinned,
			    off->mlocked, off->hugetlb, off->unmovable,
			    off->left - min(held, off->left),
			    off->idle > OFFLINE_IDLE_ROUNDS ? "without a place" :
							      "not moved yet");
}

/* ------------------------------------------------------------------------- */
/* Rounds                                                                     */
/* ------------------------------------------------------------------------- */

/**
 * swapmig_offline_bounded - do rounds end when there is no progress?
 *
 * Return: false with the engine list "direct", which is the stock kernel's way.
 */
bool swapmig_offline_bounded(void)
{
	return swapmig_vacates(READ_ONCE(swapmig_engine_list));
}

/**
 * swapmig_offline_placed - pages have left the block in this round
 * @pages:	base pages
 *
 * Context: process; mem_hotplug_lock held.
 */
void swapmig_offline_placed(unsigned long pages)
{
	WRITE_ONCE(offline_seen.left,
		   offline_seen.left - min(pages, offline_seen.left));
}

/**
 * swapmig_offline_idle - how long has there been no progress?
 *
 * Context: process; mem_hotplug_lock held.
 * Return: the number of rounds in a row without any; 0 in the first.
 */
unsigned int swapmig_offline_idle(void)
{
	return swapmig_offline_bounded() ? offline_seen.idle : 0;
}

/**
 * swapmig_offline_stuck - is it no use to go on?
 * @off:	the block; a round begins
 *
 * Context: process; mem_hotplug_lock held.  Naps when the last round made no
 * progress, and is woken by any signal.
 * Return: true after 31 rounds in a row without progress.
 */
bool swapmig_offline_stuck(struct swapmig_offline *off)
{
	unsigned int nap;

	if (!swapmig_offline_bounded())
		return false;
	off->rounds++;
	offline_look(off);
	if (off->left < off->least) {
		off->least = off->left;
		off->idle = 0;
	} else {
		off->idle++;
	}
	offline_seen.idle = off->idle;
	if (!off->idle)
		return false;
	if (off->idle > OFFLINE_IDLE_ROUNDS)
		return true;
	nap = min(off->idle * OFFLINE_NAP / 10, (unsigned int)OFFLINE_NAP);
	schedule_timeout_interruptible(msecs_to_jiffies(nap));
	return false;
}

/**
 * swapmig_offline_end - report how it ended
 * @off:	the block
 *
 * Context: process; mem_hotplug_lock held.
 */
void swapmig_offline_end(struct swapmig_offline *off)
{
	if (!swapmig_offline_bounded())
		return;
	/* An offline page has no folio any more: nothing is left of it */
	offline_look(off);
	if (off->left)
		offline_complain(off);
}

/* ------------------------------------------------------------------------- */
/* sysfs                                                                      */
/* ------------------------------------------------------------------------- */

#define OFFLINE_ATTR(_name, _value)					\
static ssize_t _name##_show(struct kobject *kobj,			\
			    struct kobj_attribute *attr, char *buf)	\
{									\
	return sysfs_emit(buf, "%lu\n", (unsigned long)(_value));	\
}									\
static struct kobj_attribute _name##_attr = __ATTR_RO(_name)

OFFLINE_ATTR(block, offline_block(&offline_seen));
OFFLINE_ATTR(rounds, offline_seen.rounds);
OFFLINE_ATTR(left, offline_seen.left);
OFFLINE_ATTR(pinned, offline_seen.pinned);
OFFLINE_ATTR(mlocked, offline_seen.mlocked);
OFFLINE_ATTR(hugetlb, offline_seen.hugetlb);
OFFLINE_ATTR(unmovable, offline_seen.unmovable);

static struct attribute *offline_attrs[] = {
	&block_attr.attr,
	&rounds_attr.attr,
	&left_attr.attr,
	&pinned_attr.attr,
	&mlocked_attr.attr,
	&hugetlb_attr.attr,
	&unmovable_attr.attr,
	NULL,
};

static const struct attribute_group offline_group = {
	.name = "swapmig_offline",
	.attrs = offline_attrs,
};

/* Slots whose page was sent to a node that is gone may come back anywhere */
static int offline_notify(struct notifier_block *nb, unsigned long action,
			  void *data)
{
	struct memory_notify *arg = data;

	/* An eviction may have tagged one since the node's memory went */
	if ((action == MEM_OFFLINE || action == MEM_GOING_ONLINE) &&
	    arg->status_change_nid >= 0)
		swapmig_forward_forget_node(arg->status_change_nid);
	return NOTIFY_OK;
}

static int __init swapmig_offline_init(void)
{
	hotplug_memory_notifier(offline_notify, DEFAULT_CALLBACK_PRI);
	return sysfs_create_group(mm_kobj, &offline_group);
}
subsys_initcall(swapmig_offline_init);

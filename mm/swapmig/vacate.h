/* SPDX-License-Identifier: GPL-2.0 */
/*
 * swapmig: memory that goes out of service.
 *
 * What mm/memory_hotplug.c and mm/memory-failure.c call.  Lock order, outermost
 * first: mem_hotplug_lock or mf_mutex; what is written down in
 * include/linux/swapmig.h.
 */
#ifndef _MM_SWAPMIG_VACATE_H
#define _MM_SWAPMIG_VACATE_H

#include <linux/migrate.h>
#include <linux/swapmig.h>

#include "../internal.h"

/* The kernel's own migrate_pages(), in one go */
static inline int swapmig_vacate_stock(struct list_head *folios,
				       struct migration_target_control *mtc)
{
	return migrate_pages(folios, alloc_migration_target, NULL,
			     (unsigned long)mtc, MIGRATE_SYNC, mtc->reason,
			     NULL);
}

#ifdef CONFIG_SWAPMIG_VACATE

int swapmig_vacate(struct list_head *folios,
		   struct migration_target_control *mtc);
int swapmig_vacate_bad(struct list_head *folios,
		       struct migration_target_control *mtc, bool *freed);
bool swapmig_isolate(struct folio *folio, struct list_head *list);
bool swapmig_bad_again(int *err, int *tries);

#else /* !CONFIG_SWAPMIG_VACATE */

static inline int swapmig_vacate(struct list_head *folios,
				 struct migration_target_control *mtc)
{
	return swapmig_vacate_stock(folios, mtc);
}

static inline int swapmig_vacate_bad(struct list_head *folios,
				     struct migration_target_control *mtc,
				     bool *freed)
{
	return swapmig_vacate(folios, mtc);
}

static inline bool swapmig_isolate(struct folio *folio, struct list_head *list)
{
	return isolate_folio_to_list(folio, list);
}

static inline bool swapmig_bad_again(int *err, int *tries)
{
	return false;
}

#endif /* CONFIG_SWAPMIG_VACATE */

#ifdef CONFIG_SWAPMIG_OFFLINE

/**
 * struct swapmig_offline - one block of memory that is being emptied
 * @start:	its first pfn
 * @end:	the pfn after its last
 * @rounds:	rounds of migration so far
 * @idle:	rounds in a row that made no progress
 * @least:	the fewest pages that were left after a round
 * @left:	pages in use after the last round
 * @pinned:	of these, pinned for I/O or by a device
 * @mlocked:	locked in memory by a process
 * @hugetlb:	of hugetlb folios in use
 * @unmovable:	of the kernel
 */
struct swapmig_offline {
	unsigned long start;
	unsigned long end;
	unsigned int rounds;
	unsigned int idle;
	unsigned long least;
	unsigned long left;
	unsigned long pinned;
	unsigned long mlocked;
	unsigned long hugetlb;
	unsigned long unmovable;
};

/* Declares @off, whose end is reported wherever its scope is left */
#define SWAPMIG_OFFLINE(off, first, last)				\
	struct swapmig_offline off __cleanup(swapmig_offline_end) = {	\
		.start = (first), .end = (last), .least = ULONG_MAX,	\
	}

bool swapmig_offline_stuck(struct swapmig_offline *off);
bool swapmig_offline_bounded(void);
unsigned int swapmig_offline_idle(void);
void swapmig_offline_end(struct swapmig_offline *off);

#else /* !CONFIG_SWAPMIG_OFFLINE */

struct swapmig_offline {
};

static inline struct swapmig_offline
swapmig_offline_none(unsigned long first, unsigned long last)
{
	return (struct swapmig_offline) { };
}

#define SWAPMIG_OFFLINE(off, first, last)				\
	struct swapmig_offline off = swapmig_offline_none(first, last)

static inline bool swapmig_offline_stuck(struct swapmig_offline *off)
{
	return false;
}

static inline bool swapmig_offline_bounded(void)
{
	return false;
}

static inline unsigned int swapmig_offline_idle(void)
{
	return 0;
}

#endif /* CONFIG_SWAPMIG_OFFLINE */

#endif /* _MM_SWAPMIG_VACATE_H */

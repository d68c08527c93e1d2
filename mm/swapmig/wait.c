// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: folios that are locked, or being written.
 *
 * Neither reclaim nor the kernel's migration is let wait for them: a server that
 * never answers would hold the request, and who asked for it, for ever.
 */

#include <linux/backing-dev.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/writeback.h>

#include "internal.h"

/* A device, or a server, from which nothing comes back for so long is given up */
#define WAIT_PATIENCE	(10 * HZ)

/* Microseconds between two looks */
#define WAIT_SHORTEST	50UL
#define WAIT_LONGEST	5000UL

static bool wants_write(const struct folio *folio)
{
	return !folio_test_swapbacked(folio) && folio_test_dirty(folio) &&
	       !folio_test_writeback(folio);
}

/*
 * Reclaim leaves dirty page cache to the flusher threads.  Start writing the
 * folios from @first on that follow each other in one file; returns the last.
 */
static struct folio *write_file(struct list_head *folios, struct folio *first)
{
	struct writeback_control wbc = {
		/* Starts writing, and waits for nothing that is written already */
		.sync_mode = WB_SYNC_NONE,
		.nr_to_write = LONG_MAX,
	};
	struct address_space *mapping = NULL;
	struct folio *last = first;
	struct inode *inode = NULL;
	loff_t end;

	if (!folio_trylock(first))
		return first;
	if (first->mapping && !folio_test_anon(first) &&
	    wants_write(first) && mapping_can_writeback(first->mapping)) {
		mapping = first->mapping;
		inode = igrab(mapping->host);
	}
	wbc.range_start = folio_pos(first);
	end = wbc.range_start + folio_size(first);
	folio_unlock(first);
	if (!inode)
		return first;

	/* A folio that is truncated meanwhile only makes the range too long */
	while (!list_is_last(&last->lru, folios)) {
		struct folio *next = list_next_entry(last, lru);

		if (READ_ONCE(next->mapping) != mapping || folio_pos(next) != end)
			break;
		end += folio_size(next);
		last = next;
	}
	/* An error is the file's: it stays recorded in the mapping for fsync() */
	wbc.range_end = end - 1;
	filemap_fdatawrite_wbc(mapping, &wbc);
	iput(inode);
	return last;
}

/**
 * swapmig_start_writeback - start to write the dirty pages of files
 * @folios:	isolated folios
 *
 * Context: process; no locks held.  May sleep where the file system does.
 */
void swapmig_start_writeback(struct list_head *folios)
{
	struct folio *folio;

	list_for_each_entry(folio, folios, lru)
		if (wants_write(folio))
			folio = write_file(folios, folio);
}

/**
 * swapmig_busy - does a folio have to be waited for?
 * @folio:	isolated folio
 *
 * Return: true if it is locked, or being written.
 */
bool swapmig_busy(struct folio *folio)
{
	return folio_test_writeback(folio) || folio_test_locked(folio) ||
	       folio_test_private_2(folio);
}

/* Who waits for a disk is woken late by a tick: begin with less */
static void wait_a_little(unsigned long *us)
{
	ktime_t until = ns_to_ktime(*us * NSEC_PER_USEC);

	set_current_state(TASK_KILLABLE);
	schedule_hrtimeout_range(&until, *us * NSEC_PER_USEC / 2, HRTIMER_MODE_REL);
	*us = min(2 * *us, WAIT_LONGEST);
}

/**
 * swapmig_wait - wait for what is locked, or being written
 * @folios:	isolated folios
 * @goal:	@goal->hurry is set if one of them does not come back
 *
 * Context: process; no locks held.  Sleeps; ends at a fatal signal, and after
 * WAIT_PATIENCE in which no folio came back.
 * Return: 1 if there was something to wait for, 0 if not; -EAGAIN: it is not worth
 * another try.
 */
int swapmig_wait(struct list_head *folios, struct swapmig_goal *goal)
{
	unsigned long since = jiffies;
	struct folio *folio;
	int waited = 0;

	if (fatal_signal_pending(current))
		return -EAGAIN;
	list_for_each_entry(folio, folios, lru) {
		unsigned long us = WAIT_SHORTEST;

		/* What is pinned stays anyway */
		while (!swapmig_pinned(folio) && swapmig_busy(folio)) {
			if (time_after(jiffies, since + WAIT_PATIENCE))
				goal->hurry = true;
			if (goal->hurry || fatal_signal_pending(current))
				return -EAGAIN;
			wait_a_little(&us);
			waited = 1;
		}
		/* Only a while in which none of them comes back is too long */
		since = jiffies;
	}
	return waited;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: what a changed cpuset asks for.
 */

#include <linux/cred.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/workqueue.h>

#include "../internal.h"
#include "internal.h"

/* ------------------------------------------------------------------------- */
/* Who changes a cpuset waits for its pages, but not with locks held          */
/* ------------------------------------------------------------------------- */

/*
 * The pages of a task that joins a cpuset are moved by a worker, which is waited
 * for before the write to cgroup.procs returns.  Where that is done, in
 * cpuset_post_attach(), cgroup_mutex is held: every other operation on any cgroup
 * would wait for these pages, and for those of all requests before it.
 */

struct cpuset_flush {
	struct callback_head work;
	struct workqueue_struct *wq;
};

static void cpuset_flush(struct callback_head *work)
{
	struct cpuset_flush *flush = container_of(work, struct cpuset_flush, work);

	flush_workqueue(flush->wq);
	kfree(flush);
}

/**
 * swapmig_flush_later - wait for a workqueue on the way back to user space
 * @wq:		workqueue to which current has given something to do
 *
 * Context: process; may hold locks, sleeps.  Kernel threads wait for nothing, as
 * they never did.
 */
void swapmig_flush_later(struct workqueue_struct *wq)
{
	struct callback_head *pending;
	struct cpuset_flush *flush;

	if (current->flags & (PF_KTHREAD | PF_EXITING))
		return;
	/* Once is enough, after the last thread of a process */
	pending = task_work_cancel_func(current, cpuset_flush);
	flush = pending ? container_of(pending, struct cpuset_flush, work) :
			  kmalloc(sizeof(*flush), GFP_KERNEL);
	if (!flush)
		/* The pages move all the same, only nobody waits for it */
		return;
	flush->wq = wq;
	init_task_work(&flush->work, cpuset_flush);
	if (task_work_add(current, &flush->work, TWA_RESUME))
		kfree(flush);
}

/* ------------------------------------------------------------------------- */
/* Pages that are left behind                                                 */
/* ------------------------------------------------------------------------- */

/*
 * Nobody is told how many pages of a cpuset stayed for want of room, so nobody asks
 * again.  Two cpusets that change places do so one after the other, and the first
 * finds the pages of the second where they have to stay until its own turn.  So what
 * it left behind is tried again once others have left its nodes; and if that does not
 * come soon, after the last change of any cpuset, by way of swap.
 */
#define CPUSET_DEBTS		64
#define CPUSET_PATIENCE		(10 * HZ)
#define CPUSET_PATIENCE_IN_ALL	(60 * HZ)

/* As long as one in so many of them is placed it is tried again */
#define CPUSET_GETS_ON		32

static struct cpuset_debt {
	struct mm_struct *mm;		/* with mmgrab(), or NULL */
	const struct cred *cred;
	unsigned long since;		/* jiffies */
	unsigned long due;		/* the same; then by way of swap as well */
	int left;			/* folios, the least so far */
	nodemask_t from;
	nodemask_t to;
} debts[CPUSET_DEBTS];

/* Also held while pages move for a cpuset, outer to all locks of that */
static DEFINE_MUTEX(debt_lock);

static void debt_drop(struct cpuset_debt *debt)
{
	if (!debt->mm)
		return;
	mmdrop(debt->mm);
	put_cred(debt->cred);
	debt->mm = NULL;
}

/* A process has one debt for each of its targets; an old one is paid for a new one */
static struct cpuset_debt *debt_slot(const struct mm_struct *mm, const nodemask_t *to)
{
	static unsigned int next;
	int i;

	for (i = 0; i < CPUSET_DEBTS; i++)
		if (debts[i].mm == mm && nodes_equal(debts[i].to, *to))
			return &debts[i];
	for (i = 0; i < CPUSET_DEBTS; i++)
		if (!debts[i].mm)
			return &debts[i];
	return &debts[next++ % CPUSET_DEBTS];
}

/* Its cpuset may have changed once more */
static bool debt_stands(const struct cpuset_debt *debt)
{
	bool stands = false;
#ifdef CONFIG_MEMCG
	struct task_struct *owner;

	rcu_read_lock();
	owner = rcu_dereference(debt->mm->owner);
	if (owner) {
		task_lock(owner);
		stands = nodes_subset(debt->to, owner->mems_allowed) &&
			 !nodes_subset(debt->from, owner->mems_allowed);
		task_unlock(owner);
	}
	rcu_read_unlock();
#endif
	return stands;
}

/* Whom it may push is for who asked to say, not for a worker */
static int migrate_as(const struct cred *cred, struct mm_struct *mm,
		      const nodemask_t *from, const nodemask_t *to, int flags)
{
	const struct cred *old = override_creds(cred);
	int left = do_migrate_pages(mm, from, to, MPOL_MF_MOVE_ALL | flags);

	revert_creds(old);
	return left;
}

/* Returns the number of folios that are left, or an errno */
static int debt_pay(struct cpuset_debt *debt, int flags)
{
	int left = 0;

	if (!mmget_not_zero(debt->mm))
		return 0;
	if (debt_stands(debt))
		left = migrate_as(debt->cred, debt->mm, &debt->from, &debt->to,
				  flags);
	mmput(debt->mm);
	return left;
}

static void debts_late(struct work_struct *work);
static DECLARE_DELAYED_WORK(debt_work, debts_late);

/* What still stands then goes by way of swap as well, if the list has that */
static void debts_late(struct work_struct *work)
{
	bool more = false;
	int i;

	mutex_lock(&debt_lock);
	for (i = 0; i < CPUSET_DEBTS; i++) {
		if (!debts[i].mm)
			continue;
		if (time_before(jiffies, debts[i].due)) {
			more = true;
			continue;
		}
		debt_pay(&debts[i], 0);
		debt_drop(&debts[i]);
	}
	mutex_unlock(&debt_lock);
	if (more)
		queue_delayed_work(system_unbound_wq, &debt_work, CPUSET_PATIENCE);
}

static void debt_add(struct mm_struct *mm, const nodemask_t *from,
		     const nodemask_t *to, const struct cred *cred, int left)
{
	struct cpuset_debt *debt = debt_slot(mm, to);
	unsigned long since = jiffies;
	nodemask_t all = *from;

	mmgrab(mm);
	if (debt->mm == mm) {
		nodes_or(all, all, debt->from);
		since = debt->since;
	} else if (debt->mm) {
		debt_pay(debt, 0);
	}
	debt_drop(debt);
	debt->mm = mm;
	debt->cred = get_cred(cred);
	debt->since = since;
	debt->from = all;
	debt->to = *to;
	debt->left = left;
	queue_delayed_work(system_unbound_wq, &debt_work, CPUSET_PATIENCE);
}

static bool debt_is_due(const struct cpuset_debt *debt, const nodemask_t *vacated)
{
	return debt->mm && (nodes_intersects(debt->to, *vacated) ||
			    !atomic_read(&debt->mm->mm_users));
}

/* Tries one again.  Returns whether it got on. */
static bool debt_try(struct cpuset_debt *debt)
{
	int least = debt->left, left = debt_pay(debt, SWAPMIG_MF_NO_SWAP);

	if (left <= 0) {
		debt_drop(debt);
		return !left;
	}
	debt->left = min(least, left);
	return left < least - least / CPUSET_GETS_ON;
}

/* What it left is not for want of room */
static bool debt_has_room(const struct cpuset_debt *debt)
{
	int nid;

	for_each_node_mask(nid, debt->to)
		if (node_state(nid, N_MEMORY) && swapmig_node_room(nid, SWAPMIG_SLACK) > 0)
			return true;
	return false;
}

/* Those for nodes that were vacated, as long as there is room.  Returns what they left. */
static nodemask_t debts_try_once(const nodemask_t *vacated)
{
	nodemask_t full = NODE_MASK_NONE, next = NODE_MASK_NONE;
	int i;

	for (i = 0; i < CPUSET_DEBTS; i++) {
		nodemask_t from = debts[i].from;

		if (!debt_is_due(&debts[i], vacated) || nodes_subset(debts[i].to, full))
			continue;
		if (debt_try(&debts[i]))
			nodes_or(next, next, from);
		if (debts[i].mm && !debt_has_room(&debts[i]))
			nodes_or(full, full, debts[i].to);
	}
	return next;
}

/* Who leaves a node makes room for others, and these where they come from */
static void debts_try(const nodemask_t *from)
{
	nodemask_t vacated = *from;

	while (!nodes_empty(vacated))
		vacated = debts_try_once(&vacated);
}

/* Where one has changed others may follow */
static void debts_wait(void)
{
	int i;

	for (i = 0; i < CPUSET_DEBTS; i++) {
		unsigned long most = debts[i].since + CPUSET_PATIENCE_IN_ALL;

		debts[i].due = jiffies + CPUSET_PATIENCE;
		if (time_after(debts[i].due, most))
			debts[i].due = most;
	}
}

static void migrate_or_owe(struct mm_struct *mm, const nodemask_t *from,
			   const nodemask_t *to, const struct cred *cred)
{
	int left;

	/* There may be room once another cpuset has changed */
	left = migrate_as(cred, mm, from, to, SWAPMIG_MF_NO_SWAP);
	if (left > 0)
		debt_add(mm, from, to, cred, left);
	debts_try(from);
	debts_wait();
}

/**
 * swapmig_migrate_cpuset - move the pages of a process, as its cpuset says
 * @mm:		address space
 * @from:	nodes of its old cpuset
 * @to:		nodes of its new one
 * @cred:	credentials of who changed it
 *
 * Context: the worker of cpusets; no locks held.  Sleeps.
 */
void swapmig_migrate_cpuset(struct mm_struct *mm, const nodemask_t *from,
			    const nodemask_t *to, const struct cred *cred)
{
	/* A second time, pages of a chain (0,1 to 1,2) would move too far */
	if (!swapmig_makes_room(swapmig_engines()) || nodes_intersects(*from, *to)) {
		migrate_as(cred, mm, from, to, 0);
		return;
	}
	mutex_lock(&debt_lock);
	migrate_or_owe(mm, from, to, cred);
	mutex_unlock(&debt_lock);
}

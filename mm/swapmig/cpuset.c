// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: who changes a cpuset waits for its pages, but not with locks held.
 *
 * The pages of a task that joins a cpuset are moved by a worker, which is waited
 * for before the write to cgroup.procs returns.  Where that is done, in
 * cpuset_post_attach(), cgroup_mutex is held: every other operation on any cgroup
 * would wait for these pages, and for those of all requests before it.
 */

#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/workqueue.h>

#include "internal.h"

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

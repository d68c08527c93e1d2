/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM swapmig

#if !defined(_TRACE_SWAPMIG_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_SWAPMIG_H

#include <linux/migrate_mode.h>
#include <linux/swapmig.h>
#include <linux/tracepoint.h>

struct swapmig_offline;

TRACE_DEFINE_ENUM(MR_MEMORY_FAILURE);
TRACE_DEFINE_ENUM(MR_MEMORY_HOTPLUG);
TRACE_DEFINE_ENUM(MR_SYSCALL);
TRACE_DEFINE_ENUM(MR_MEMPOLICY_MBIND);

#define swapmig_show_reason(reason)				\
	__print_symbolic(reason,				\
		{ MR_MEMORY_FAILURE,	"memory_failure" },	\
		{ MR_MEMORY_HOTPLUG,	"memory_hotplug" },	\
		{ MR_SYSCALL,		"syscall_or_cpuset" },	\
		{ MR_MEMPOLICY_MBIND,	"mempolicy_mbind" })

TRACE_EVENT(swapmig_request_start,

	TP_PROTO(const struct swapmig_request *req, const char *engines),

	TP_ARGS(req, engines),

	TP_STRUCT__entry(
		__field(pid_t, pid)
		__field(int, from)
		__field(int, to)
		__field(int, reason)
		__string(engines, engines)
	),

	TP_fast_assign(
		__entry->pid = req->pid;
		__entry->from = req->from;
		__entry->to = req->to;
		__entry->reason = req->reason;
		__assign_str(engines);
	),

	TP_printk("pid=%d from=%d to=%d reason=%s engines=\"%s\"",
		  __entry->pid, __entry->from, __entry->to,
		  swapmig_show_reason(__entry->reason), __get_str(engines))
);

TRACE_EVENT(swapmig_request_end,

	TP_PROTO(const struct swapmig_request *req, const char *engines),

	TP_ARGS(req, engines),

	TP_STRUCT__entry(
		__field(pid_t, pid)
		__field(int, from)
		__field(int, to)
		__field(int, reason)
		__string(engines, engines)
		__field(unsigned long, asked)
		__field(unsigned long, placed)
		__field(unsigned long, failed)
		__field(unsigned int, walks)
	),

	TP_fast_assign(
		__entry->pid = req->pid;
		__entry->from = req->from;
		__entry->to = req->to;
		__entry->reason = req->reason;
		__assign_str(engines);
		__entry->asked = req->asked;
		__entry->placed = req->asked - req->failed;
		__entry->failed = req->failed;
		__entry->walks = req->walks;
	),

	TP_printk("pid=%d from=%d to=%d reason=%s engines=\"%s\" asked=%lu placed=%lu failed=%lu walks=%u",
		  __entry->pid, __entry->from, __entry->to,
		  swapmig_show_reason(__entry->reason), __get_str(engines),
		  __entry->asked, __entry->placed, __entry->failed,
		  __entry->walks)
);

TRACE_EVENT(swapmig_engine,

	TP_PROTO(const char *engine, int reason, int to, unsigned long asked,
		 unsigned long failed),

	TP_ARGS(engine, reason, to, asked, failed),

	TP_STRUCT__entry(
		__string(engine, engine)
		__field(int, reason)
		__field(int, to)
		__field(unsigned long, asked)
		__field(unsigned long, placed)
		__field(unsigned long, failed)
	),

	TP_fast_assign(
		__assign_str(engine);
		__entry->reason = reason;
		__entry->to = to;
		__entry->asked = asked;
		__entry->placed = asked - failed;
		__entry->failed = failed;
	),

	TP_printk("engine=%s reason=%s to=%d asked=%lu placed=%lu failed=%lu",
		  __get_str(engine), swapmig_show_reason(__entry->reason),
		  __entry->to, __entry->asked, __entry->placed, __entry->failed)
);

TRACE_EVENT(swapmig_displace,

	TP_PROTO(int from, int to, unsigned long asked, unsigned long scanned,
		 unsigned long moved, unsigned long dropped),

	TP_ARGS(from, to, asked, scanned, moved, dropped),

	TP_STRUCT__entry(
		__field(int, from)
		__field(int, to)
		__field(unsigned long, asked)
		__field(unsigned long, scanned)
		__field(unsigned long, moved)
		__field(unsigned long, dropped)
	),

	TP_fast_assign(
		__entry->from = from;
		__entry->to = to;
		__entry->asked = asked;
		__entry->scanned = scanned;
		__entry->moved = moved;
		__entry->dropped = dropped;
	),

	TP_printk("from=%d to=%d asked=%lu scanned=%lu moved=%lu dropped=%lu",
		  __entry->from, __entry->to, __entry->asked, __entry->scanned,
		  __entry->moved, __entry->dropped)
);

#ifdef CONFIG_SWAPMIG_OFFLINE
TRACE_EVENT(swapmig_offline,

	TP_PROTO(const struct swapmig_offline *off),

	TP_ARGS(off),

	TP_STRUCT__entry(
		__field(unsigned long, start)
		__field(unsigned long, end)
		__field(unsigned int, rounds)
		__field(unsigned int, idle)
		__field(unsigned long, left)
		__field(unsigned long, pinned)
		__field(unsigned long, mlocked)
		__field(unsigned long, hugetlb)
		__field(unsigned long, unmovable)
	),

	TP_fast_assign(
		__entry->start = off->start;
		__entry->end = off->end;
		__entry->rounds = off->rounds;
		__entry->idle = off->idle;
		__entry->left = off->left;
		__entry->pinned = off->pinned;
		__entry->mlocked = off->mlocked;
		__entry->hugetlb = off->hugetlb;
		__entry->unmovable = off->unmovable;
	),

	TP_printk("pfn=%#lx-%#lx rounds=%u idle=%u left=%lu pinned=%lu mlocked=%lu hugetlb=%lu unmovable=%lu",
		  __entry->start, __entry->end, __entry->rounds, __entry->idle,
		  __entry->left, __entry->pinned, __entry->mlocked,
		  __entry->hugetlb, __entry->unmovable)
);
#endif /* CONFIG_SWAPMIG_OFFLINE */

#endif /* _TRACE_SWAPMIG_H */

/* This part must be outside protection */
#include <trace/define_trace.h>

/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM swapmig

#if !defined(_TRACE_SWAPMIG_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_SWAPMIG_H

#include <linux/migrate_mode.h>
#include <linux/tracepoint.h>

TRACE_DEFINE_ENUM(MR_SYSCALL);
TRACE_DEFINE_ENUM(MR_MEMPOLICY_MBIND);

#define swapmig_show_reason(reason)				\
	__print_symbolic(reason,				\
		{ MR_SYSCALL,		"syscall_or_cpuset" },	\
		{ MR_MEMPOLICY_MBIND,	"mempolicy_mbind" })

TRACE_EVENT(swapmig_request_start,

	TP_PROTO(pid_t pid, int from, int to, int reason, const char *engines),

	TP_ARGS(pid, from, to, reason, engines),

	TP_STRUCT__entry(
		__field(pid_t, pid)
		__field(int, from)
		__field(int, to)
		__field(int, reason)
		__string(engines, engines)
	),

	TP_fast_assign(
		__entry->pid = pid;
		__entry->from = from;
		__entry->to = to;
		__entry->reason = reason;
		__assign_str(engines);
	),

	TP_printk("pid=%d from=%d to=%d reason=%s engines=\"%s\"",
		  __entry->pid, __entry->from, __entry->to,
		  swapmig_show_reason(__entry->reason), __get_str(engines))
);

TRACE_EVENT(swapmig_request_end,

	TP_PROTO(pid_t pid, int from, int to, int reason, const char *engines,
		 unsigned long placed, unsigned long failed, long ret),

	TP_ARGS(pid, from, to, reason, engines, placed, failed, ret),

	TP_STRUCT__entry(
		__field(pid_t, pid)
		__field(int, from)
		__field(int, to)
		__field(int, reason)
		__string(engines, engines)
		__field(unsigned long, placed)
		__field(unsigned long, failed)
		__field(long, ret)
	),

	TP_fast_assign(
		__entry->pid = pid;
		__entry->from = from;
		__entry->to = to;
		__entry->reason = reason;
		__assign_str(engines);
		__entry->placed = placed;
		__entry->failed = failed;
		__entry->ret = ret;
	),

	TP_printk("pid=%d from=%d to=%d reason=%s engines=\"%s\" asked=%lu placed=%lu failed=%lu ret=%ld",
		  __entry->pid, __entry->from, __entry->to,
		  swapmig_show_reason(__entry->reason), __get_str(engines),
		  __entry->placed + __entry->failed, __entry->placed,
		  __entry->failed, __entry->ret)
);

TRACE_EVENT(swapmig_displace,

	TP_PROTO(pid_t pid, int from, int to, unsigned long wanted,
		 unsigned long scanned, unsigned long moved, unsigned long dropped),

	TP_ARGS(pid, from, to, wanted, scanned, moved, dropped),

	TP_STRUCT__entry(
		__field(pid_t, pid)
		__field(int, from)
		__field(int, to)
		__field(unsigned long, wanted)
		__field(unsigned long, scanned)
		__field(unsigned long, moved)
		__field(unsigned long, dropped)
	),

	TP_fast_assign(
		__entry->pid = pid;
		__entry->from = from;
		__entry->to = to;
		__entry->wanted = wanted;
		__entry->scanned = scanned;
		__entry->moved = moved;
		__entry->dropped = dropped;
	),

	TP_printk("for=%d from=%d to=%d wanted=%lu scanned=%lu moved=%lu dropped=%lu",
		  __entry->pid, __entry->from, __entry->to, __entry->wanted,
		  __entry->scanned, __entry->moved, __entry->dropped)
);

#endif /* _TRACE_SWAPMIG_H */

#include <trace/define_trace.h>

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kselftest_harness.h plus what every swapmig test program has: a longer time
 * limit (the kernels run under emulation, with every check switched on), a
 * list of its test names, and the common judgement of a page's whereabouts.
 */
#ifndef SWAPMIG_HARNESS_H
#define SWAPMIG_HARNESS_H

#include "../kselftest_harness.h"

#include <fcntl.h>
#include <linux/mempolicy.h>
#include <signal.h>

#include "swapmig_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 150

/*
 * After a request: with an engine that copies, all pages must be on @to at
 * once; with `swapout` alone, all must be gone from the page tables. Then
 * touch them on a CPU of @cpunode: they must be on @to with their contents.
 * @evictable: the page table keeps a swap entry (not so for file pages).
 */
#define EXPECT_MOVED(...) sm_expect_moved(_metadata, __VA_ARGS__)

static inline void sm_expect_moved(struct __test_metadata *_metadata,
				   const void *addr, size_t len, int to,
				   int cpunode, __u64 seed, bool evictable)
{
	long pages = SM_PAGES(len);

	if (sm_has_engine("direct")) {
		EXPECT_EQ(pages, sm_on(0, addr, len, to)) {
			TH_LOG("at once: %s", sm_where(0, addr, len));
		}
	} else if (evictable) {
		EXPECT_EQ(pages, sm_swapped(0, addr, len)) {
			TH_LOG("at once: %s", sm_where(0, addr, len));
		}
	} else {
		EXPECT_EQ(0, sm_present(0, addr, len)) {
			TH_LOG("at once: %s", sm_where(0, addr, len));
		}
	}
	sm_run_on_node(cpunode);
	EXPECT_EQ(0, sm_bad(addr, len, seed));
	EXPECT_EQ(pages, sm_on(0, addr, len, to)) {
		TH_LOG("touched: %s", sm_where(0, addr, len));
	}
}

#define NEED_NODES(stmt, n) do {						\
	if (sm_nodes() < (n))						\
		SKIP(stmt, "needs more NUMA nodes");			\
} while (0)

#define NEED_SWAPOUT_ALONE(stmt) do {					\
	if (sm_has_engine("direct") || !sm_has_engine("swapout"))	\
		SKIP(stmt, "pages do not go through swap with this list"); \
} while (0)

static inline void sm_list_names(void)
{
	struct __fixture_metadata *f;
	struct __fixture_variant_metadata *v;
	struct __test_metadata *t;
	struct __fixture_variant_metadata none = { .name = "" };

	for (f = __fixture_list; f; f = f->next)
		for (v = f->variant ?: &none; v; v = v->next)
			for (t = f->tests; t; t = t->next)
				printf("%s%s%s.%s\n", f->name,
				       v->name[0] ? "." : "", v->name, t->name);
}

/* Every program that includes this is a test program. */
int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--names")) {
		sm_list_names();
		return 0;
	}
	return test_harness_run(argc, argv);
}

#endif /* SWAPMIG_HARNESS_H */

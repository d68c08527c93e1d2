/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of blocks of memory share. They need a node that is a memory
 * module: swapmig.dimm= on the kernel's command line names it.
 */
#ifndef SWAPMIG_DIMM_H
#define SWAPMIG_DIMM_H

#include "swapmig_displace.h"

static inline int dimm_node(void)
{
	char line[4096] = "";
	char *at;

	sm_read("/proc/cmdline", line, sizeof(line));
	at = strstr(line, "swapmig.dimm=");
	return at ? atoi(at + strlen("swapmig.dimm=")) : -1;
}

static inline bool block_is_online(int block)
{
	char path[64], state[16] = "";

	snprintf(path, sizeof(path), SM_BLOCK_STATE, block);
	sm_read(path, state, sizeof(state));
	return !strcmp(state, "online");
}

#define SEEN	"/sys/kernel/mm/swapmig_offline/"

/* For a signal that only interrupts */
static inline void on_signal(int sig)
{
}

struct dimm {
	int node;
	int blocks[SM_MAX_BLOCKS];
	int nr;
	long min_free;
	long oom;
	long left;		/* of the last block that stayed online */
	long rounds;
};

static inline int online_all(struct dimm *d)
{
	int i, ret = 0;

	for (i = 0; i < d->nr; i++)
		if (!block_is_online(d->blocks[i]))
			ret |= sm_block_set(d->blocks[i], "online_movable");
	return ret;
}

/* Offlines all; the number of blocks that stayed online */
static inline int offline_all(struct dimm *d, int *err)
{
	int i, ret, left = 0;

	for (i = 0; i < d->nr; i++) {
		ret = sm_block_set(d->blocks[i], "offline");
		left += block_is_online(d->blocks[i]);
		if (!ret)
			continue;
		*err = ret;
		d->left = sm_read_long(SEEN "left");
		d->rounds = sm_read_long(SEEN "rounds");
	}
	return left;
}

static inline void dimm_setup(struct dimm *d)
{
	d->node = dimm_node();
	d->min_free = sm_read_long(MIN_FREE);
	d->oom = sm_vmstat("oom_kill");
	d->nr = d->node < 0 ? 0 : sm_node_blocks(d->node, d->blocks);
}

#define DIMM_TEARDOWN(d) dimm_teardown(_metadata, d)

static inline void dimm_teardown(struct __test_metadata *_metadata,
				 struct dimm *d)
{
	EXPECT_EQ(0, online_all(d));
	if (d->nr)
		full_end(d->node + 1);
	EXPECT_EQ(0, sm_swap_off());
	EXPECT_TRUE(sm_isolated_settles());
	/* It follows the size of memory, and rounds. */
	EXPECT_EQ(0, sm_write(MIN_FREE, "%ld", d->min_free));
	EXPECT_EQ(d->oom, sm_vmstat("oom_kill"));
}

static inline const char *dimm_lacks(const struct dimm *d)
{
	return d->nr ? NULL : "a node that is a memory module";
}

#define NEED_DIMM(stmt) do {						\
	const char *__lacks = dimm_lacks(&self->dimm);			\
									\
	if (__lacks)							\
		SKIP(stmt, "needs %s", __lacks);			\
} while (0)

/*
 * The shadow that KASAN has of a module is in the module, where that is ordinary
 * memory, and stays.
 */
static inline bool kernel_has_kasan(void)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	char line[256];
	bool has = false;

	while (f && !has && fgets(line, sizeof(line), f))
		has = strstr(line, " kasan_mem_notifier");
	if (f)
		fclose(f);
	return has;
}

static inline const char *ordinary_lacks(const struct dimm *d)
{
	const char *lacks = dimm_lacks(d);

	if (!lacks && kernel_has_kasan())
		lacks = "a kernel without CONFIG_KASAN";
	return lacks;
}

#define NEED_ORDINARY(stmt) do {					\
	const char *__lacks = ordinary_lacks(&self->dimm);		\
									\
	if (__lacks)							\
		SKIP(stmt, "needs %s", __lacks);			\
} while (0)

/* What process A has on the module: as little as does not fit, where that is slow */
#define LEN_A		((sm_scale(56) + 8) * SM_MIB)

/* What process B has on node 0; beside it there is what cannot be evicted */
#define LEN_B		(96 * SM_MIB)

/* Node 0 has @room left beside process @b. */
#define FILL_NODE_0(...) fill_node_0(_metadata, __VA_ARGS__)

static inline void fill_node_0(struct __test_metadata *_metadata,
			       struct sm_peer *b, size_t room)
{
	size_t have;

	sync();
	sm_write("/proc/sys/vm/drop_caches", "3");
	sm_stride = 64;
	full_trim(0, LEN_B + room);
	have = sm_room(0);
	ASSERT_LT(LEN_B / 2, have);
	START(b, have < LEN_B ? have : LEN_B, 0, 2);
}

/* And process A is on the module. */
#define FILL_UP(a, b, len, room) do {					\
	sm_stride = 64;							\
	START(a, len, self->dimm.node, 1);				\
	FILL_NODE_0(b, room);						\
} while (0)

#define EXPECT_BOTH_INTACT() do {					\
	EXPECT_EQ(0, sm_peer(&a, SM_ORD_CHECK, 0, 1));			\
	EXPECT_EQ(0, sm_peer(&b, SM_ORD_CHECK, 0, 2));			\
	STOP(&a);							\
	STOP(&b);							\
} while (0)

#endif /* SWAPMIG_DIMM_H */

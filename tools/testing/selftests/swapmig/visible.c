// SPDX-License-Identifier: GPL-2.0
/*
 * What an administrator sees of a request: counters, tracepoints, numa_maps.
 */
#include "swapmig_harness.h"

#include <sys/syscall.h>

#define TRACING "/sys/kernel/tracing/"

FIXTURE(visible)
{
	char *buf;
	size_t len;
	long pages;
};

FIXTURE_SETUP(visible)
{
	self->len = sm_size(2 * SM_MIB);
	self->pages = SM_PAGES(self->len);
	self->buf = sm_map(self->len);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
}

FIXTURE_TEARDOWN(visible)
{
	munmap(self->buf, self->len);
	EXPECT_EQ(0, sm_swap_off());
}

static char trace_text[1 << 16];

static bool trace_start(void)
{
	int fd = open(TRACING "trace", O_WRONLY | O_TRUNC);

	if (fd < 0)
		return false;
	close(fd);
	return !sm_write(TRACING "events/swapmig/enable", "1");
}

static void trace_stop(void)
{
	int fd = open(TRACING "trace", O_RDONLY);
	ssize_t n, len = 0;

	while (fd >= 0 && len < (ssize_t)sizeof(trace_text) - 1) {
		n = read(fd, trace_text + len, sizeof(trace_text) - 1 - len);
		if (n <= 0)
			break;
		len += n;
	}
	trace_text[len] = '\0';
	if (fd >= 0)
		close(fd);
	sm_write(TRACING "events/swapmig/enable", "0");
}

/* The next event @name at or after @at, as its text after the name. */
static char *find_event(char *at, const char *name)
{
	char key[64];

	snprintf(key, sizeof(key), " %s: ", name);
	at = at ? strstr(at, key) : NULL;
	return at ? at + strlen(key) : NULL;
}

/* Does the event's line have "key=value"? */
static bool has(const char *event, const char *text)
{
	char line[512];

	if (!event)
		return false;
	snprintf(line, sizeof(line), " %.*s ", (int)strcspn(event, "\n"), event);
	return strstr(line, text);
}

static long field(const char *event, const char *key)
{
	char line[512], *at;

	if (!event)
		return -1;
	snprintf(line, sizeof(line), " %.*s", (int)strcspn(event, "\n"), event);
	at = strstr(line, key);
	return at ? strtol(at + strlen(key), NULL, 10) : -1;
}

TEST_F(visible, counters_are_there)
{
	EXPECT_LE(0, sm_vmstat("swapmig_evicted"));
	EXPECT_LE(0, sm_vmstat("swapmig_forwarded"));
	EXPECT_LE(0, sm_vmstat("swapmig_not_placed"));
}

TEST_F(visible, evicted_counts_pages)
{
	long evicted, missed;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 1, 0);
	evicted = sm_vmstat("swapmig_evicted");
	missed = sm_vmstat("swapmig_not_placed");
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_EQ(sm_has_engine("direct") ? 0 : self->pages,
		  sm_vmstat("swapmig_evicted") - evicted);
	EXPECT_EQ(0, sm_vmstat("swapmig_not_placed") - missed);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 1));
}

TEST_F(visible, forwarded_counts_pages)
{
	struct sm_peer peer;
	long before, delta;

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 2);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 2));
	EXPECT_EQ(0, sm_migrate(peer.pid, SM_NODE(0), SM_NODE(1)));
	before = sm_vmstat("swapmig_forwarded");
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_TOUCH, 0, 0));
	delta = sm_vmstat("swapmig_forwarded") - before;
	/* The area, and the little else that the two processes touched */
	EXPECT_LE(self->pages, delta);
	EXPECT_GE(self->pages + 256, delta);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 2));
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

/* Where policy decided, nothing was forwarded. */
TEST_F(visible, policy_is_not_forwarding)
{
	long before;

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 3, 0);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	before = sm_vmstat("swapmig_forwarded");
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 3));
	EXPECT_EQ(before, sm_vmstat("swapmig_forwarded"));
}

TEST_F(visible, not_placed_counts_pages)
{
	long before;
	int fd;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 4, 0);
	fd = sm_pin(self->buf, 6 * SM_PAGE);
	if (fd < 0)
		SKIP(return, "needs CONFIG_IO_URING (%d)", fd);
	before = sm_vmstat("swapmig_not_placed");
	EXPECT_EQ(-EIO, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
				 MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_EQ(6, sm_vmstat("swapmig_not_placed") - before);
	close(fd);
}

TEST_F(visible, trace_mbind)
{
	char *start, *end, *engine, pid[32];
	bool direct = sm_has_engine("direct");

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 5, 0);
	if (!trace_start())
		SKIP(return, "needs tracefs with the events of swapmig");
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	trace_stop();
	start = find_event(trace_text, "swapmig_request_start");
	engine = find_event(start, "swapmig_engine");
	end = find_event(engine, "swapmig_request_end");
	ASSERT_NE(NULL, start);
	ASSERT_NE(NULL, engine);
	ASSERT_NE(NULL, end);
	snprintf(pid, sizeof(pid), " pid=%d ", getpid());
	EXPECT_TRUE(has(start, pid));
	EXPECT_TRUE(has(end, pid));
	EXPECT_TRUE(has(start, " reason=mempolicy_mbind "));
	EXPECT_TRUE(has(engine, direct ? " engine=direct " :
					 " engine=swapout "));
	EXPECT_LT(0, field(engine, " asked="));
	EXPECT_EQ(self->pages, field(end, " asked="));
	EXPECT_EQ(self->pages, field(end, " placed="));
	EXPECT_EQ(0, field(end, " failed="));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 5));
}

TEST_F(visible, trace_migrate_pages)
{
	char *start, *end, pid[32];
	struct sm_peer peer;

	NEED_NODES(return, 2);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 6));
	if (!trace_start())
		SKIP(return, "needs tracefs with the events of swapmig");
	EXPECT_EQ(0, sm_migrate(peer.pid, SM_NODE(0), SM_NODE(1)));
	trace_stop();
	start = find_event(trace_text, "swapmig_request_start");
	end = find_event(start, "swapmig_request_end");
	ASSERT_NE(NULL, start);
	ASSERT_NE(NULL, end);
	/* The process that moves, not the one that asks */
	snprintf(pid, sizeof(pid), " pid=%d ", peer.pid);
	EXPECT_TRUE(has(start, pid));
	EXPECT_TRUE(has(end, pid));
	EXPECT_EQ(0, field(start, " from="));
	EXPECT_EQ(1, field(start, " to="));
	EXPECT_TRUE(has(start, " reason=syscall_or_cpuset "));
	EXPECT_LE(self->pages, field(end, " placed="));
	EXPECT_EQ(field(end, " asked="),
		  field(end, " placed=") + field(end, " failed="));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 6));
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

/* What failed is traced as failed. */
TEST_F(visible, trace_failures)
{
	char *end;
	int fd;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 7, 0);
	fd = sm_pin(self->buf, 3 * SM_PAGE);
	if (fd < 0)
		SKIP(return, "needs CONFIG_IO_URING (%d)", fd);
	if (!trace_start())
		SKIP(return, "needs tracefs with the events of swapmig");
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE));
	trace_stop();
	close(fd);
	end = find_event(trace_text, "swapmig_request_end");
	ASSERT_NE(NULL, end);
	EXPECT_EQ(self->pages, field(end, " asked="));
	EXPECT_EQ(self->pages - 3, field(end, " placed="));
	EXPECT_EQ(3, field(end, " failed="));
}

/* numa_maps: before, with the pages in swap, and after. */
TEST_F(visible, numa_maps)
{
	/* Shared: a mapping that merges with no neighbour */
	char *p = sm_map_shared(self->len);
	bool direct = sm_has_engine("direct");

	NEED_NODES(return, 2);
	ASSERT_NE(NULL, p);
	sm_fill_on(p, self->len, 8, 0);
	EXPECT_EQ(self->pages, sm_numa_maps(0, p, 0));
	EXPECT_EQ(0, sm_numa_maps(0, p, 1));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(0, sm_numa_maps(0, p, 0));
	EXPECT_EQ(direct ? self->pages : 0, sm_numa_maps(0, p, 1));
	EXPECT_EQ(0, sm_bad(p, self->len, 8));
	EXPECT_EQ(self->pages, sm_numa_maps(0, p, 1));
	munmap(p, self->len);
}

/* All ways of asking for a page's node agree. */
TEST_F(visible, all_sources_agree)
{
	long i, status_wrong = 0, mempolicy_wrong = 0;
	void **pages = calloc(self->pages, sizeof(*pages));
	int *status = calloc(self->pages, sizeof(*status));

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 9, 0);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 9));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 1));
	for (i = 0; i < self->pages; i++) {
		pages[i] = self->buf + i * SM_PAGE;
		mempolicy_wrong += sm_node_of(pages[i]) != 1;
	}
	EXPECT_EQ(0, mempolicy_wrong);
	if (sm_has_migration()) {
		EXPECT_EQ(0, syscall(SYS_move_pages, 0, self->pages, pages,
				     NULL, status, 0));
		for (i = 0; i < self->pages; i++)
			status_wrong += status[i] != 1;
		EXPECT_EQ(0, status_wrong);
	}
	free(pages);
	free(status);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Soft offline: a frame with corrected errors is emptied, with and without free
 * memory, and is never handed out again. Who may ask for it, and how.
 */
#include "swapmig_bad.h"
#include "swapmig_displace.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

#define ENABLED		"/proc/sys/vm/enable_soft_offline"
#define LEN		(64 * SM_PAGE)
#define STARVING	16
#define GROUP		"soft-offline"

FIXTURE(soft_offline)
{
	struct bad_frames bad;
	char *buf;
	long min_free;
	int min_free_fd;
	bool filled;
	bool confined;
	long oom;
};

FIXTURE_SETUP(soft_offline)
{
	self->buf = sm_map(LEN);
	ASSERT_NE(NULL, self->buf);
	self->min_free = sm_read_long(MIN_FREE);
	self->min_free_fd = open(MIN_FREE, O_RDWR);
	self->oom = sm_vmstat("oom_kill");
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
}

FIXTURE_TEARDOWN(soft_offline)
{
	munmap(self->buf, LEN);
	EXPECT_EQ(0, sm_write(MIN_FREE, "%ld", self->min_free));
	close(self->min_free_fd);
	if (self->filled)
		full_end(sm_nodes());
	else
		sm_unhog(sm_nodes() - 1);
	if (self->confined) {
		munlockall();
		EXPECT_EQ(0, sm_cgroup_join("", getpid()));
		EXPECT_TRUE(sm_cgroup_remove(GROUP));
		EXPECT_TRUE(sm_cgroup_off("cpuset"));
	}
	EXPECT_EQ(0, sm_swap_off());
	EXPECT_EQ(0, bad_repair(&self->bad));
	EXPECT_TRUE(sm_isolated_settles());
	EXPECT_EQ(self->oom, sm_vmstat("oom_kill"));
}

/* A process of ours writes while the frames go. */
TEST_F(soft_offline, under_a_writer)
{
	struct sm_peer p;
	char *buf;
	size_t i;

	NEED_MF(return);
	buf = sm_map_shared(LEN);
	ASSERT_NE(NULL, buf);
	ASSERT_EQ(0, sm_peer_start(&p, buf, LEN));
	ASSERT_EQ(0, sm_peer(&p, SM_ORD_FILL, 0, 5));
	ASSERT_EQ(0, sm_peer_tell(&p, SM_ORD_BUSY, true, 0, 5));
	for (i = 0; i < LEN; i += SM_PAGE) {
		int ret = bad_page(&self->bad, buf + i);

		/* Eviction alone may find it in use again and again. */
		EXPECT_TRUE(!ret || (ret == -EBUSY && !sm_has_migration()));
	}
	EXPECT_LT(0, self->bad.nr);
	EXPECT_EQ(0, sm_peer_idle(&p));
	EXPECT_EQ(0, sm_peer(&p, SM_ORD_CHECK, 0, 5));
	EXPECT_EQ(0, sm_peer_stop(&p));
	munmap(buf, LEN);
}

TEST_F(soft_offline, without_swap)
{
	NEED_MF(return);
	ASSERT_EQ(0, sm_swap_off());
	sm_fill(self->buf, LEN, 7);
	if (sm_has_migration())
		EXPECT_OFFLINED(&self->bad, self->buf, LEN, 7);
	else
		EXPECT_REFUSED(&self->bad, -EBUSY, self->buf, LEN, 7);
}

/* One page, a new frame each time: none comes back. */
TEST_F(soft_offline, many_frames)
{
	int i, n = sm_scale(1000);

	NEED_MF(return);
	sm_fill(self->buf, SM_PAGE, 8);
	for (i = 0; i < n; i++) {
		EXPECT_EQ(0, bad_page(&self->bad, self->buf));
		EXPECT_EQ(0, sm_bad(self->buf, SM_PAGE, 8));
		EXPECT_FALSE(frame_is_bad(frame_of(self->buf)));
	}
	EXPECT_EQ(n, self->bad.nr);
}

/* Whoever takes all that is free on their node gets none of them. */
TEST_F(soft_offline, never_handed_out)
{
	int node = sm_nodes() - 1, i;
	long taken = 0, wrong = 0;
	size_t len, off;
	char *p;

	NEED_MF(return);
	/* Most of what is free is none of theirs, which saves time. */
	ASSERT_LT(0, sm_hog(node, 96 * SM_MIB));
	sm_fill_on(self->buf, LEN, 9, node);
	ASSERT_EQ(SM_PAGES(LEN), sm_on(0, self->buf, LEN, node));
	EXPECT_OFFLINED(&self->bad, self->buf, LEN, 9);
	/* So that all that is taken stays there to be looked at */
	ASSERT_EQ(0, sm_swap_off());
	len = sm_room(node);
	p = sm_map(len);
	ASSERT_NE(NULL, p);
	sm_set_mempolicy(MPOL_BIND, SM_NODE(node));
	for (off = 0; off < len; off += SM_PAGE)
		p[off] = 1;
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	for (off = 0; off < len; off += SM_PAGE) {
		__u64 pfn = frame_of(p + off);

		taken += !!pfn;
		for (i = 0; i < self->bad.nr; i++)
			wrong += pfn == self->bad.pfn[i];
	}
	EXPECT_LT(SM_PAGES(len) * 9 / 10, taken);
	EXPECT_EQ(0, wrong);
	munmap(p, len);
	EXPECT_EQ(0, sm_bad(self->buf, LEN, 9));
}

/* ------------------------------------------------------------------------- */
/* Without free memory                                                        */
/* ------------------------------------------------------------------------- */

/* Each node is full, and process @p has more than fits. */
#define FILL_ALL(...) sm_fill_all(_metadata, self, __VA_ARGS__)

static void sm_fill_all(struct __test_metadata *_metadata,
			struct _test_data_soft_offline *self,
			struct sm_peer *p, __u64 seed)
{
	/* As much as one node alone can take from itself, when it is slow, too */
	size_t room = 24 * SM_MIB, part = room + 16 * SM_MIB;
	int node;

	self->filled = true;
	full_begin(sm_nodes(), room);
	START_EMPTY(p, sm_nodes() * part);
	for (node = 0; node < sm_nodes(); node++) {
		ASSERT_EQ(0, sm_peer_part(p, node * part, part));
		ASSERT_EQ(0, sm_peer(p, SM_ORD_FILL, node, seed));
	}
	ASSERT_LT(0, sm_swapped(p->pid, p->buf, p->len));
}

static long fill_all_bad(struct sm_peer *p, __u64 seed)
{
	size_t part = p->len / sm_nodes();
	long bad = 0;
	int node;

	for (node = 0; node < sm_nodes(); node++) {
		bad += !!sm_peer_part(p, node * part, part);
		bad += sm_peer(p, SM_ORD_CHECK, 0, seed);
	}
	return bad;
}

TEST_F_TIMEOUT(soft_offline, many_frames_memory_full, 300)
{
	int i, n = sm_scale(1000);
	long out = sm_vmstat("pswpout");
	struct sm_peer p;

	NEED_MF(return);
	FILL_ALL(&p, 11);
	sm_fill(self->buf, LEN, 10);
	for (i = 0; i < n; i++) {
		char *at = self->buf + i % SM_PAGES(LEN) * SM_PAGE;

		sm_touch(at, SM_PAGE);
		EXPECT_EQ(0, bad_page(&self->bad, at)) {
			TH_LOG("%d: %s", i, full_where());
		}
	}
	EXPECT_EQ(n, self->bad.nr);
	EXPECT_LT(out, sm_vmstat("pswpout"));
	EXPECT_EQ(0, sm_bad(self->buf, LEN, 10));
	EXPECT_EQ(0, bad_in(&self->bad, self->buf, LEN));
	EXPECT_EQ(0, fill_all_bad(&p, 11));
	STOP(&p);
}

/*
 * From now on this process may only use the last node, of which little is free,
 * and what it has in memory stays there. It takes one value in a file then, and it
 * finds no free page. Others do, elsewhere: nobody is killed for it.
 */
#define STARVE(seed) sm_starve(_metadata, self, seed)

static void sm_starve(struct __test_metadata *_metadata,
		      struct _test_data_soft_offline *self, __u64 seed)
{
	int node = sm_nodes() - 1;
	char mems[16];

	snprintf(mems, sizeof(mems), "%d", node);
	sm_fill_on(self->buf, LEN, seed, node);
	ASSERT_TRUE(sm_cgroup_on("cpuset"));
	self->confined = true;
	ASSERT_EQ(0, sm_cgroup_make(GROUP));
	ASSERT_EQ(0, sm_cgroup_set(GROUP, "cpuset.mems", mems));
	ASSERT_EQ(0, sm_cgroup_join(GROUP, getpid()));
	ASSERT_EQ(0, mlockall(MCL_CURRENT));
	sm_write("/proc/sys/vm/drop_caches", "3");
	ASSERT_LT(0, sm_hog(node, 24 * SM_MIB));
}

static void keep_free(struct _test_data_soft_offline *self, long kib)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%ld", kib);

	if (pwrite(self->min_free_fd, text, len, 0) != len)
		abort();
}

/*
 * The page at @addr is the only one that could be evicted, and nothing is done
 * meanwhile that needs memory of its own. 0 or -errno.
 */
static int offline_starving(struct _test_data_soft_offline *self, char *addr)
{
	int node = sm_nodes() - 1;
	long kib;
	__u64 pfn;
	int ret;

	sm_write("/proc/sys/vm/drop_caches", "3");
	pfn = frame_of(addr);
	if (!pfn || sm_page(0, addr) != node)
		return -EFAULT;
	/*
	 * Watermarks are in proportion to the size of a node. What CPUs have at hand
	 * is free, too, and is not counted.
	 */
	kib = sm_node_kib(node, "MemFree") * sm_nodes() * 4;
	keep_free(self, kib);
	/* Not earlier: kswapd would be glad of it */
	ret = munlock(addr, SM_PAGE) ||
	      madvise(addr, SM_PAGE, MADV_SOFT_OFFLINE) ? -errno : 0;
	keep_free(self, self->min_free);
	bad_note(&self->bad, pfn);
	return ret;
}

TEST_F(soft_offline, no_free_page)
{
	long evicted;
	int i;

	NEED_MF(return);
	NEED_NODES(return, 2);
	STARVE(12);
	evicted = sm_vmstat("swapmig_evicted");
	for (i = 0; i < STARVING; i++) {
		EXPECT_EQ(0, offline_starving(self, self->buf + i * SM_PAGE)) {
			TH_LOG("%d: %s", i, full_where());
		}
		EXPECT_EQ(i + 1, self->bad.nr);
	}
	EXPECT_EQ(STARVING, sm_vmstat("swapmig_evicted") - evicted);
	EXPECT_EQ(STARVING, sm_swapped(0, self->buf, LEN));
	EXPECT_EQ(0, sm_bad(self->buf, LEN, 12));
	EXPECT_EQ(0, bad_in(&self->bad, self->buf, LEN));
}

/* Nor anything that could be evicted: it stays, and whoever asked is told. */
static void expect_stays(struct __test_metadata *_metadata,
			 struct _test_data_soft_offline *self, int line,
			 __u64 seed)
{
	int err = sm_has_migration() ? -ENOMEM : -EBUSY, i;

	for (i = 0; i < STARVING; i++)
		EXPECT_EQ(err, offline_starving(self,
						self->buf + i * SM_PAGE)) {
			TH_LOG("line %d", line);
		}
	EXPECT_EQ(0, self->bad.nr);
	/* In memory, if not in the page table */
	EXPECT_EQ(0, sm_bad(self->buf, LEN, seed)) {
		TH_LOG("line %d", line);
	}
	munlockall();
}

#define EXPECT_STAYS(seed) expect_stays(_metadata, self, __LINE__, seed)

TEST_F(soft_offline, no_free_page_no_swap)
{
	NEED_MF(return);
	NEED_NODES(return, 2);
	ASSERT_EQ(0, sm_swap_off());
	STARVE(13);
	EXPECT_STAYS(13);
	/* Once there is memory it can be asked again. */
	if (sm_has_migration())
		EXPECT_OFFLINED(&self->bad, self->buf, LEN, 13);
}

TEST_F(soft_offline, no_free_page_swap_full)
{
	struct sm_peer hog;

	NEED_MF(return);
	NEED_NODES(return, 2);
	ASSERT_EQ(0, sm_swap_off());
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 4 * SM_MIB));
	START(&hog, 8 * SM_MIB, 0, 14);
	sm_peer(&hog, SM_ORD_PAGEOUT, 0, 0);
	sm_peer(&hog, SM_ORD_PAGEOUT, 0, 0);
	ASSERT_EQ(0, sm_swap_free_kib());
	STARVE(15);
	EXPECT_STAYS(15);
	EXPECT_EQ(0, sm_swap_free_kib());
	EXPECT_EQ(0, sm_peer(&hog, SM_ORD_CHECK, 0, 14));
	STOP(&hog);
}

TEST_F(soft_offline, no_free_page_swap_fails)
{
	int ret;

	NEED_MF(return);
	NEED_NODES(return, 2);
	ASSERT_EQ(0, sm_swap_off());
	ret = sm_swap_on(SM_SWAP_DM, 64 * SM_MIB);
	if (ret == -ENOENT)
		SKIP(return, "needs CONFIG_BLK_DEV_DM");
	ASSERT_EQ(0, ret);
	sm_dm_announce();
	STARVE(16);
	ASSERT_EQ(0, sm_dm_fail(true));
	EXPECT_STAYS(16);
	ASSERT_EQ(0, sm_dm_fail(false));
	EXPECT_OFFLINED(&self->bad, self->buf, LEN, 16);
}

/* Where no engine may evict, the list is the stock kernel's way. */
TEST_F(soft_offline, no_free_page_direct_alone)
{
	char old[64];

	NEED_MF(return);
	NEED_NODES(return, 2);
	if (!sm_has_migration())
		SKIP(return, "needs CONFIG_MIGRATION");
	ASSERT_LT(0, sm_read(SM_ENGINES, old, sizeof(old)));
	ASSERT_EQ(0, sm_write(SM_ENGINES, "direct"));
	printf("# EXPECT-LOG page allocation failure\n");
	fflush(stdout);
	STARVE(17);
	EXPECT_STAYS(17);
	EXPECT_EQ(0, sm_write(SM_ENGINES, "%s", old));
}

/* ------------------------------------------------------------------------- */
/* Who asks, and how                                                          */
/* ------------------------------------------------------------------------- */

TEST_F(soft_offline, by_address)
{
	long i;

	NEED_MF(return);
	if (access(BY_ADDRESS, W_OK))
		SKIP(return, "needs CONFIG_MEMORY_HOTPLUG");
	sm_fill(self->buf, LEN, 18);
	for (i = 0; i < SM_PAGES(LEN); i++) {
		__u64 pfn = frame_of(self->buf + i * SM_PAGE);

		ASSERT_NE(0ULL, pfn);
		/* Any address in the frame, in any base */
		EXPECT_EQ(0, sm_write(BY_ADDRESS, i % 2 ? "%llu\n" : "%#llx",
				      pfn * SM_PAGE + 8 * i));
		EXPECT_TRUE(bad_note(&self->bad, pfn));
		EXPECT_NE(pfn, frame_of(self->buf + i * SM_PAGE));
	}
	EXPECT_EQ(SM_PAGES(LEN), self->bad.nr);
	EXPECT_EQ(0, sm_bad(self->buf, LEN, 18));
	/* What is out of service already is so. */
	EXPECT_EQ(0, sm_write(BY_ADDRESS, "%#llx", self->bad.pfn[0] * SM_PAGE));
}

/* As another user, in a process of his; 0 if it was refused with @err */
static int refused_to_user(char *buf, int err)
{
	int status;
	pid_t pid = sm_fork();

	if (!pid) {
		if (sm_drop_root())
			_exit(1);
		if (buf ? !madvise(buf, SM_PAGE, MADV_SOFT_OFFLINE) :
			  open(BY_ADDRESS, O_WRONLY) >= 0)
			_exit(2);
		_exit(errno == err ? 0 : 3);
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

TEST_F(soft_offline, bad_input)
{
	static const char * const wrong[] = {
		"-1", "frame", "0x", "1 2", "0x1000g",
		"0x10000000000000000",
	};
	size_t i;

	NEED_MF(return);
	sm_fill(self->buf, LEN, 19);
	EXPECT_EQ(-1, madvise(self->buf + 1, SM_PAGE, MADV_SOFT_OFFLINE));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, refused_to_user(self->buf, EPERM));
	if (!access(BY_ADDRESS, W_OK)) {
		EXPECT_EQ(0, refused_to_user(NULL, EACCES));
		for (i = 0; i < ARRAY_SIZE(wrong); i++)
			EXPECT_EQ(-EINVAL, sm_write(BY_ADDRESS, wrong[i])) {
				TH_LOG("'%s'", wrong[i]);
			}
		/* Where there is no memory, and never will be */
		EXPECT_EQ(-ENXIO, sm_write(BY_ADDRESS, "0xfffffffffffff000"));
		EXPECT_EQ(-ENXIO, sm_write(BY_ADDRESS, "0x10000000000000"));
	}
	EXPECT_EQ(0, sm_bad(self->buf, LEN, 19));
	for (i = 0; i < LEN; i += SM_PAGE)
		EXPECT_FALSE(frame_is_bad(frame_of(self->buf + i)));
}

TEST_F(soft_offline, switched_off)
{
	__u64 pfn;

	NEED_MF(return);
	if (access(ENABLED, W_OK))
		SKIP(return, "no %s", ENABLED);
	sm_fill(self->buf, LEN, 20);
	pfn = frame_of(self->buf);
	ASSERT_EQ(0, sm_write(ENABLED, "0"));
	EXPECT_EQ(-EOPNOTSUPP, bad_page(&self->bad, self->buf));
	if (!access(BY_ADDRESS, W_OK))
		EXPECT_EQ(-EOPNOTSUPP, bad_pfn(&self->bad, pfn));
	ASSERT_EQ(0, sm_write(ENABLED, "1"));
	EXPECT_EQ(pfn, frame_of(self->buf));
	EXPECT_FALSE(frame_is_bad(pfn));
	EXPECT_EQ(0, sm_bad(self->buf, LEN, 20));
	EXPECT_EQ(0, bad_page(&self->bad, self->buf));
	EXPECT_TRUE(frame_is_bad(pfn));
}

/* The kernel's collector of corrected errors counts, and acts on the third. */
#define NEED_COLLECTOR(stmt) do {					\
	if (access(COLLECTOR "pfn", W_OK))				\
		SKIP(stmt, "needs CONFIG_RAS_CEC_DEBUG");		\
} while (0)

#define EXPECT_COLLECTED(room) expect_collected(_metadata, self, room)

/* Where there is no room, reclaim moves a page for reasons of its own. */
static void expect_collected(struct __test_metadata *_metadata,
			     struct _test_data_soft_offline *self, bool room)
{
	long old = sm_read_long(COLLECTOR "action_threshold"), i;
	long n = sm_scale(SM_PAGES(LEN));
	__u64 pfn[SM_PAGES(LEN)];

	sm_fill(self->buf, LEN, 21);
	for (i = 0; i < n; i++) {
		pfn[i] = frame_of(self->buf + i * SM_PAGE);
		ASSERT_NE(0ULL, pfn[i]);
		EXPECT_EQ(0, collector_told(pfn[i], 3));
		EXPECT_EQ(0, collector_told(pfn[i], 3));
	}
	usleep(200000);
	for (i = 0; i < n; i++) {
		EXPECT_FALSE(frame_is_bad(pfn[i]));
		if (room)
			EXPECT_EQ(pfn[i], frame_of(self->buf + i * SM_PAGE));
	}
	for (i = 0; i < n; i++) {
		EXPECT_EQ(0, collector_told(pfn[i], 3));
		EXPECT_TRUE(bad_within(&self->bad, pfn[i], 5)) {
			TH_LOG("page %ld", i);
		}
	}
	sm_write(COLLECTOR "action_threshold", "%ld", old);
	EXPECT_EQ(n, self->bad.nr);
	EXPECT_EQ(0, sm_bad(self->buf, LEN, 21));
	EXPECT_EQ(0, bad_in(&self->bad, self->buf, LEN));
}

TEST_F(soft_offline, collector)
{
	NEED_MF(return);
	NEED_COLLECTOR(return);
	EXPECT_COLLECTED(true);
}

TEST_F_TIMEOUT(soft_offline, collector_memory_full, 300)
{
	struct sm_peer p;

	NEED_MF(return);
	NEED_COLLECTOR(return);
	FILL_ALL(&p, 23);
	EXPECT_COLLECTED(false);
	EXPECT_EQ(0, fill_all_bad(&p, 23));
	STOP(&p);
}

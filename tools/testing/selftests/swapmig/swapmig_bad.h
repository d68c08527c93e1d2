/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of soft offline share: frames that go bad, the ways in which the
 * kernel is told, and what must hold of them and of what was in them.
 */
#ifndef SWAPMIG_BAD_H
#define SWAPMIG_BAD_H

#include <sys/mman.h>

#include "swapmig_harness.h"

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE	101
#endif

#define UNPOISON	"/sys/kernel/debug/hwpoison/unpoison-pfn"
#define BY_ADDRESS	"/sys/devices/system/memory/soft_offline_page"
#define COLLECTOR	"/sys/kernel/debug/ras/cec/"
#define BAD_MAX		1100

#define KPF_SLAB	7
#define KPF_HWPOISON	19

struct bad_frames {
	__u64 pfn[BAD_MAX];
	int nr;
};

#define NEED_MF(stmt) do {						\
	if (access(UNPOISON, W_OK))					\
		SKIP(stmt, "needs CONFIG_HWPOISON_INJECT");		\
} while (0)

static inline __u64 frame_of(const void *addr)
{
	__u64 entry = sm_pagemap(0, addr);

	return entry >> 63 ? entry & ((1ULL << 55) - 1) : 0;
}

static inline __u64 frame_flags(__u64 pfn)
{
	int fd = open("/proc/kpageflags", O_RDONLY);
	__u64 flags = 0;

	if (fd < 0 || pread(fd, &flags, sizeof(flags), pfn * 8) != 8)
		flags = 0;
	close(fd);
	return flags;
}

static inline bool frame_is_bad(__u64 pfn)
{
	return frame_flags(pfn) >> KPF_HWPOISON & 1;
}

/* Is one that was not bad before? Then it is taken note of. */
static inline bool bad_note(struct bad_frames *bad, __u64 pfn)
{
	int i;

	if (!pfn || !frame_is_bad(pfn) || bad->nr == BAD_MAX)
		return false;
	for (i = 0; i < bad->nr; i++)
		if (bad->pfn[i] == pfn)
			return false;
	bad->pfn[bad->nr++] = pfn;
	return true;
}

/* The frames are sound, so they are given back; how many were not. */
static inline int bad_repair(struct bad_frames *bad)
{
	int failed = 0;

	while (bad->nr)
		failed += !!sm_write(UNPOISON, "%llu", bad->pfn[--bad->nr]);
	return failed;
}

/* Offlines the frame of the page at @addr; 0 or -errno. */
static inline int bad_page(struct bad_frames *bad, void *addr)
{
	__u64 pfn = frame_of(addr);

	if (madvise(addr, SM_PAGE, MADV_SOFT_OFFLINE))
		return -errno;
	bad_note(bad, pfn);
	return 0;
}

/* The collector of corrected errors hears of @pfn; what it does, it does later. */
static inline int collector_told(__u64 pfn, int threshold)
{
	int ret = sm_write(COLLECTOR "action_threshold", "%d", threshold);

	return ret ?: sm_write(COLLECTOR "pfn", "%#llx", pfn);
}

static inline bool bad_within(struct bad_frames *bad, __u64 pfn, double seconds)
{
	double end = sm_now() + seconds;

	do {
		if (bad_note(bad, pfn))
			return true;
		sm_nap();
	} while (sm_now() < end);
	return false;
}

/*
 * Offlines a frame that nobody need have mapped: by its address, or where the
 * kernel has no file for this, through the collector. 0 or -errno.
 */
static inline int bad_pfn(struct bad_frames *bad, __u64 pfn)
{
	long old;
	int ret;

	if (!access(BY_ADDRESS, W_OK)) {
		ret = sm_write(BY_ADDRESS, "%#llx", pfn * SM_PAGE);
		bad_note(bad, pfn);
		return ret;
	}
	old = sm_read_long(COLLECTOR "action_threshold");
	ret = collector_told(pfn, 1);
	if (!ret && !bad_within(bad, pfn, 3))
		ret = -EBUSY;
	sm_write(COLLECTOR "action_threshold", "%ld", old);
	return ret;
}

static inline bool bad_by_pfn(void)
{
	return !access(BY_ADDRESS, W_OK) || !access(COLLECTOR "pfn", W_OK);
}

#define NEED_BY_PFN(stmt) do {						\
	if (!bad_by_pfn())						\
		SKIP(stmt, "needs CONFIG_MEMORY_HOTPLUG or CONFIG_RAS_CEC_DEBUG"); \
} while (0)

/* Pages of @buf in bad frames */
static inline long bad_in(const struct bad_frames *bad, char *buf, size_t len)
{
	long n = 0;
	size_t off;
	__u64 pfn;
	int i;

	for (off = 0; off < len; off += SM_PAGE) {
		pfn = frame_of(buf + off);
		for (i = 0; i < bad->nr; i++)
			n += pfn == bad->pfn[i];
	}
	return n;
}

/*
 * After all frames of @buf were offlined: as many went bad, none is in use, and
 * nothing is lost. With migration the page tables have the copies at once,
 * without they have nothing until they are asked.
 */
#define EXPECT_OFFLINED(...)						\
	sm_expect_offlined(_metadata, __LINE__, __VA_ARGS__)

static inline void sm_expect_offlined(struct __test_metadata *_metadata,
				      int line, struct bad_frames *bad,
				      char *buf, size_t len, __u64 seed)
{
	int before = bad->nr, i;
	size_t done;

	EXPECT_EQ(0, sm_bad(buf, len, seed));
	for (done = 0; done < len; done += SM_PAGE)
		EXPECT_EQ(0, bad_page(bad, buf + done)) {
			TH_LOG("line %d: page %zu", line, done / SM_PAGE);
		}
	EXPECT_EQ(sm_has_migration() ? SM_PAGES(len) : 0,
		  sm_present(0, buf, len)) {
		TH_LOG("line %d: %s", line, sm_where(0, buf, len));
	}
	EXPECT_EQ(SM_PAGES(len), bad->nr - before) {
		TH_LOG("line %d", line);
	}
	EXPECT_EQ(0, sm_bad(buf, len, seed)) {
		TH_LOG("line %d", line);
	}
	EXPECT_EQ(0, bad_in(bad, buf, len));
	for (i = 0; i < bad->nr; i++)
		EXPECT_TRUE(frame_is_bad(bad->pfn[i]));
}

/* It stays where it is, and the caller is told. */
#define EXPECT_REFUSED(...)						\
	sm_expect_refused(_metadata, __LINE__, __VA_ARGS__)

static inline void sm_expect_refused(struct __test_metadata *_metadata,
				     int line, struct bad_frames *bad, int err,
				     char *buf, size_t len, __u64 seed)
{
	int before = bad->nr;
	size_t done;

	EXPECT_EQ(0, sm_bad(buf, len, seed));
	for (done = 0; done < len; done += SM_PAGE)
		EXPECT_EQ(err, bad_page(bad, buf + done)) {
			TH_LOG("line %d: page %zu", line, done / SM_PAGE);
		}
	EXPECT_EQ(0, sm_bad(buf, len, seed)) {
		TH_LOG("line %d", line);
	}
	EXPECT_EQ(before, bad->nr);
}

#endif /* SWAPMIG_BAD_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * vm.migration_engines and vm.migration_batch: what they are at first, what they
 * accept, what they refuse, and that a refused value leaves the old one.
 */
#include "swapmig_harness.h"

FIXTURE(sysctl)
{
	char list[128];
	char now[128];
	long batch;
	bool two;
	bool room;
};

FIXTURE_SETUP(sysctl)
{
	ASSERT_LT(0, sm_read(SM_ENGINES, self->list, sizeof(self->list)));
	self->batch = sm_read_long(SM_BATCH);
	/* Has this kernel more engines than one, whatever the list is? */
	self->two = !access("/sys/kernel/mm/swapmig/direct", F_OK);
	self->room = !access("/sys/kernel/mm/swapmig/displace", F_OK);
}

FIXTURE_TEARDOWN(sysctl)
{
	EXPECT_EQ(0, sm_write(SM_ENGINES, "%s", self->list));
	EXPECT_EQ(0, sm_write(SM_BATCH, "%ld", self->batch));
}

#define EXPECT_ENGINES(want) do {					\
	sm_read(SM_ENGINES, self->now, sizeof(self->now));		\
	EXPECT_STREQ(want, self->now);					\
} while (0)

#define EXPECT_ACCEPTED(text, want) do {				\
	const char *__text = (text);					\
									\
	EXPECT_EQ(0, sm_write(SM_ENGINES, "%s", __text)) {		\
		TH_LOG("'%s'", __text);					\
	}								\
	EXPECT_ENGINES(want);						\
} while (0)

#define EXPECT_REFUSED(text) do {					\
	const char *__text = (text);					\
	char __old[128];						\
									\
	sm_read(SM_ENGINES, __old, sizeof(__old));			\
	EXPECT_EQ(-EINVAL, sm_write(SM_ENGINES, "%s", __text)) {		\
		TH_LOG("'%s'", __text);					\
	}								\
	EXPECT_ENGINES(__old);						\
} while (0)

/* What the kernel's command line says last after @name, which ends with a '=' */
static bool boot_param(const char *name, char *value, size_t len)
{
	char line[4096], *word, *rest = line;
	bool found = false;

	if (sm_read("/proc/cmdline", line, sizeof(line)) <= 0)
		return false;
	while ((word = strsep(&rest, " "))) {
		if (strncmp(word, name, strlen(name)))
			continue;
		snprintf(value, len, "%s", word + strlen(name));
		found = true;
	}
	return found;
}

/* At first both are as the command line says, unless it says what a write must not */
TEST_F(sysctl, default_list)
{
	char want[128], text[128];

	snprintf(want, sizeof(want), "%s%sswapout", self->two ? "direct " : "",
		 self->room ? "displace " : "");
	if (boot_param("migration_engines=", text, sizeof(text)) &&
	    !sm_write(SM_ENGINES, "%s", text))
		sm_read(SM_ENGINES, want, sizeof(want));
	EXPECT_STREQ(want, self->list);
}

TEST_F(sysctl, default_batch)
{
	long want = 32;
	char text[128];

	if (boot_param("migration_batch=", text, sizeof(text)) &&
	    !sm_write(SM_BATCH, "%s", text))
		want = sm_read_long(SM_BATCH);
	EXPECT_EQ(want, self->batch);
}

TEST_F(sysctl, order_is_kept)
{
	EXPECT_ACCEPTED("swapout", "swapout");
	if (self->two) {
		EXPECT_ACCEPTED("direct", "direct");
		EXPECT_ACCEPTED("direct swapout", "direct swapout");
		EXPECT_ACCEPTED("swapout direct", "swapout direct");
	} else {
		EXPECT_REFUSED("direct");
		EXPECT_REFUSED("direct swapout");
		EXPECT_REFUSED("swapout direct");
	}
	if (self->room) {
		EXPECT_ACCEPTED("displace", "displace");
		EXPECT_ACCEPTED("direct displace", "direct displace");
		EXPECT_ACCEPTED("swapout displace direct", "swapout displace direct");
	} else {
		EXPECT_REFUSED("displace");
		EXPECT_REFUSED("direct displace swapout");
	}
}

TEST_F(sysctl, separators)
{
	EXPECT_ACCEPTED("  swapout\t\n", "swapout");
	EXPECT_ACCEPTED(",swapout,", "swapout");
	if (self->two) {
		EXPECT_ACCEPTED("direct,swapout", "direct swapout");
		EXPECT_ACCEPTED("swapout, direct\n", "swapout direct");
	}
}

TEST_F(sysctl, refused)
{
	EXPECT_REFUSED("teleport");
	EXPECT_REFUSED("swapout teleport");
	EXPECT_REFUSED("swapoutx");
	EXPECT_REFUSED("swapou");
	EXPECT_REFUSED("SWAPOUT");
	EXPECT_REFUSED("swapout;direct");
	EXPECT_REFUSED("swapout swapout");
	EXPECT_REFUSED("swapout,swapout");
	EXPECT_REFUSED("\n");
	EXPECT_REFUSED(" , \t");
	if (self->two)
		EXPECT_REFUSED("direct swapout direct");
}

/* Nor is a list cut where a buffer ends, or at a NUL. */
TEST_F(sysctl, refused_long)
{
	static const char nul[] = "swapout\0direct";
	char text[4000];
	int fd;

	fd = open(SM_ENGINES, O_WRONLY);
	ASSERT_LE(0, fd);
	memset(text, ' ', sizeof(text));
	memcpy(text, "swapout", 7);
	EXPECT_EQ(-1, pwrite(fd, text, sizeof(text), 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pwrite(fd, nul, sizeof(nul) - 1, 0));
	EXPECT_EQ(EINVAL, errno);
	close(fd);
	EXPECT_ENGINES(self->list);
}

TEST_F(sysctl, batch_range)
{
	static const long good[] = { 0, 1, 32, 512 };
	static const char * const bad[] = { "-1", "513", "4294967296", "x" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, sm_write(SM_BATCH, "%ld", good[i]));
		EXPECT_EQ(good[i], sm_read_long(SM_BATCH));
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, sm_write(SM_BATCH, "%s", bad[i])) {
			TH_LOG("'%s'", bad[i]);
		}
		EXPECT_EQ(512, sm_read_long(SM_BATCH));
	}
}

TEST_F(sysctl, only_root_writes)
{
	pid_t pid = sm_fork();
	int status, ret;

	ASSERT_LE(0, pid);
	if (!pid) {
		if (sm_drop_root(SM_USER))
			_exit(1);
		ret = sm_write(SM_ENGINES, "swapout");
		if (ret != -EACCES && ret != -EPERM)
			_exit(2);
		ret = sm_write(SM_BATCH, "1");
		if (ret != -EACCES && ret != -EPERM)
			_exit(3);
		_exit(sm_read_long(SM_BATCH) < 0 ? 4 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_ENGINES(self->list);
	EXPECT_EQ(self->batch, sm_read_long(SM_BATCH));
}

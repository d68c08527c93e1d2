// SPDX-License-Identifier: GPL-2.0
/*
 * vm.migration_engines and vm.migration_batch: what they accept, what they
 * refuse, and that a refused value leaves the old one.
 */
#include "swapmig_harness.h"

FIXTURE(sysctl)
{
	char engines[128];
	char now[128];
	long batch;
	bool direct;
};

FIXTURE_SETUP(sysctl)
{
	ASSERT_LT(0, sm_read(SM_ENGINES, self->engines, sizeof(self->engines)));
	self->batch = sm_read_long(SM_BATCH);
	self->direct = sm_has_migration();
}

FIXTURE_TEARDOWN(sysctl)
{
	EXPECT_EQ(0, sm_write(SM_ENGINES, "%s", self->engines));
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
	EXPECT_EQ(-EINVAL, sm_write(SM_ENGINES, "%s", __text)) {	\
		TH_LOG("'%s'", __text);					\
	}								\
	EXPECT_ENGINES(__old);						\
} while (0)

TEST_F(sysctl, each_engine_alone)
{
	EXPECT_ACCEPTED("swapout", "swapout");
	if (self->direct)
		EXPECT_ACCEPTED("direct", "direct");
}

TEST_F(sysctl, order_is_kept)
{
	if (!self->direct)
		SKIP(return, "needs CONFIG_MIGRATION for a second engine");
	EXPECT_ACCEPTED("direct swapout", "direct swapout");
	EXPECT_ACCEPTED("swapout direct", "swapout direct");
}

TEST_F(sysctl, separators)
{
	EXPECT_ACCEPTED("  swapout\t\n", "swapout");
	EXPECT_ACCEPTED(",swapout,", "swapout");
	if (!self->direct)
		SKIP(return, "needs CONFIG_MIGRATION for a second engine");
	EXPECT_ACCEPTED("direct,swapout", "direct swapout");
	EXPECT_ACCEPTED("swapout, direct\n", "swapout direct");
	EXPECT_ACCEPTED("direct  ,\tswapout", "direct swapout");
}

TEST_F(sysctl, unknown_name)
{
	EXPECT_REFUSED("teleport");
	EXPECT_REFUSED("swapout teleport");
	EXPECT_REFUSED("swapoutx");
	EXPECT_REFUSED("swapou");
	EXPECT_REFUSED("SWAPOUT");
	EXPECT_REFUSED("swapout;direct");
}

TEST_F(sysctl, repeated_name)
{
	EXPECT_REFUSED("swapout swapout");
	EXPECT_REFUSED("swapout,swapout");
	if (self->direct)
		EXPECT_REFUSED("direct swapout direct");
}

TEST_F(sysctl, not_built_in)
{
	if (self->direct)
		SKIP(return, "needs a kernel without CONFIG_MIGRATION");
	EXPECT_REFUSED("direct");
	EXPECT_REFUSED("direct swapout");
	EXPECT_REFUSED("swapout direct");
	EXPECT_ENGINES("swapout");
}

TEST_F(sysctl, empty)
{
	EXPECT_REFUSED("\n");
	EXPECT_REFUSED(" ");
	EXPECT_REFUSED(" , \t");
}

TEST_F(sysctl, overlong)
{
	char text[4000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	EXPECT_REFUSED(text);
	/* Nor is a list cut where the buffer ends. */
	memset(text, ' ', sizeof(text) - 1);
	memcpy(text, "swapout", 7);
	memcpy(text + sizeof(text) - 9, "nonsense", 8);
	EXPECT_REFUSED(text);
}

TEST_F(sysctl, nul_inside)
{
	static const char text[] = "swapout\0direct";
	int fd = open(SM_ENGINES, O_WRONLY);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, write(fd, text, sizeof(text) - 1));
	EXPECT_EQ(EINVAL, errno);
	close(fd);
	EXPECT_ENGINES(self->engines);
}

TEST_F(sysctl, default_list)
{
	char cmdline[2048];

	ASSERT_LT(0, sm_read("/proc/cmdline", cmdline, sizeof(cmdline)));
	if (strstr(cmdline, "migration_engines="))
		SKIP(return, "the boot parameter names a list");
	if (!getenv("SWAPMIG_BOOT_ENGINES"))
		SKIP(return, "SWAPMIG_BOOT_ENGINES (runtests.sh) is not set");
	EXPECT_STREQ(self->direct ? "direct displace swapout" : "swapout",
		     getenv("SWAPMIG_BOOT_ENGINES"));
}

TEST_F(sysctl, boot_parameter)
{
	char cmdline[2048], *at, *c;

	ASSERT_LT(0, sm_read("/proc/cmdline", cmdline, sizeof(cmdline)));
	at = strstr(cmdline, "migration_engines=");
	if (!at || !getenv("SWAPMIG_BOOT_ENGINES"))
		SKIP(return, "needs migration_engines= on the command line");
	at += strlen("migration_engines=");
	at[strcspn(at, " ")] = '\0';
	for (c = at; *c; c++)
		if (*c == ',')
			*c = ' ';
	EXPECT_STREQ(at, getenv("SWAPMIG_BOOT_ENGINES"));
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

TEST_F(sysctl, batch_default)
{
	char cmdline[2048];

	ASSERT_LT(0, sm_read("/proc/cmdline", cmdline, sizeof(cmdline)));
	if (strstr(cmdline, "migration_batch="))
		SKIP(return, "the boot parameter names a size");
	EXPECT_EQ(32, self->batch);
}

TEST_F(sysctl, only_root_writes)
{
	pid_t pid = sm_fork();
	int status, ret;

	ASSERT_LE(0, pid);
	if (!pid) {
		if (sm_drop_root())
			_exit(1);
		ret = sm_write(SM_ENGINES, "swapout");
		if (ret != -EACCES && ret != -EPERM)
			_exit(2);
		ret = sm_write(SM_BATCH, "1");
		if (ret != -EACCES && ret != -EPERM)
			_exit(3);
		if (sm_read_long(SM_BATCH) < 0)
			_exit(4);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_ENGINES(self->engines);
	EXPECT_EQ(self->batch, sm_read_long(SM_BATCH));
}

// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig selftests: swap areas of every kind, of any size, one at a time. The
 * device-mapper kind can be told to fail and to work again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "swapmig_util.h"

#define DM_CONTROL	"/dev/mapper/control"
#define DM_NAME		"swapmig-test"

static enum sm_swap swap_kind;
static char swap_path[64];
static size_t dm_len;

static int dm_call(unsigned long cmd, unsigned int flags, const char *target,
		   const char *params, struct dm_ioctl *out)
{
	struct {
		struct dm_ioctl dmi;
		struct dm_target_spec spec;
		char params[128];
	} req;
	int fd, ret;

	memset(&req, 0, sizeof(req));
	req.dmi.version[0] = DM_VERSION_MAJOR;
	req.dmi.data_size = sizeof(req);
	req.dmi.data_start = offsetof(typeof(req), spec);
	req.dmi.flags = flags;
	snprintf(req.dmi.name, sizeof(req.dmi.name), DM_NAME);
	if (target) {
		req.dmi.target_count = 1;
		req.spec.length = dm_len / 512;
		req.spec.next = sizeof(req) - req.dmi.data_start;
		snprintf(req.spec.target_type, sizeof(req.spec.target_type),
			 "%s", target);
		snprintf(req.params, sizeof(req.params), "%s", params);
	}
	fd = open(DM_CONTROL, O_RDWR);
	if (fd < 0)
		return -errno;
	ret = ioctl(fd, cmd, &req) ? -errno : 0;
	close(fd);
	if (!ret && out)
		*out = req.dmi;
	return ret;
}

static int dm_table(const char *target, const char *params)
{
	unsigned int quick = DM_NOFLUSH_FLAG | DM_SKIP_LOCKFS_FLAG;
	int ret;

	ret = dm_call(DM_TABLE_LOAD, 0, target, params, NULL);
	if (!ret)
		ret = dm_call(DM_DEV_SUSPEND, DM_SUSPEND_FLAG | quick, NULL,
			      NULL, NULL);
	if (!ret)
		ret = dm_call(DM_DEV_SUSPEND, 0, NULL, NULL, NULL);
	return ret;
}

/* The kernel's log may complain of a device that fails. */
void sm_dm_announce(void)
{
	printf("# EXPECT-LOG [Ww]rite-error on swap-device\n");
	printf("# EXPECT-LOG I/O error, dev dm-\n");
	printf("# EXPECT-LOG I/O error on dev dm-\n");
	fflush(stdout);
}

/*
 * Every write to the device-mapper swap area fails from now on, or not. What is
 * there can be read, for it may be a part of any process, of init, too.
 */
int sm_dm_fail(bool fail)
{
	return fail ? dm_table("flakey", SM_DISK " 0 0 3600 1 error_writes") :
		      dm_table("linear", SM_DISK " 0");
}

static int dm_create(size_t len)
{
	struct dm_ioctl dmi;
	int ret;

	dm_call(DM_DEV_REMOVE, 0, NULL, NULL, NULL);
	dm_len = len;
	ret = dm_call(DM_DEV_CREATE, 0, NULL, NULL, &dmi);
	if (ret)
		return ret;
	snprintf(swap_path, sizeof(swap_path), "/dev/dm-%d",
		 (int)minor(dmi.dev));
	return sm_dm_fail(false);
}

static int zram_create(size_t len)
{
	int ret;

	sm_write("/sys/block/zram0/reset", "1");
	ret = sm_write("/sys/block/zram0/disksize", "%zu", len);
	snprintf(swap_path, sizeof(swap_path), SM_ZRAM);
	return ret;
}

static int file_create(size_t len)
{
	int fd = open(SM_SWAPFILE, O_RDWR | O_CREAT | O_TRUNC, 0600), ret;

	if (fd < 0)
		return -errno;
	ret = posix_fallocate(fd, 0, len);
	close(fd);
	snprintf(swap_path, sizeof(swap_path), SM_SWAPFILE);
	return -ret;
}

/* What mkswap(8) does: one page of header. */
static int write_header(size_t len)
{
	char page[SM_PAGE] = { 0 };
	__u32 *head = (__u32 *)(page + 1024);
	int fd = open(swap_path, O_RDWR), ret = 0;

	if (fd < 0)
		return -errno;
	head[0] = 1;				/* version */
	head[1] = len / SM_PAGE - 1;		/* last page */
	head[2] = 0;				/* bad pages */
	memcpy(page + SM_PAGE - 10, "SWAPSPACE2", 10);
	if (pwrite(fd, page, sizeof(page), 0) != sizeof(page) || fsync(fd))
		ret = errno ? -errno : -EIO;
	close(fd);
	return ret;
}

static void remove_device(void)
{
	double end = sm_now() + 5;

	switch (swap_kind) {
	case SM_SWAP_ZRAM:
		while (sm_write("/sys/block/zram0/reset", "1") == -EBUSY &&
		       sm_now() < end)
			sm_nap();
		break;
	case SM_SWAP_FILE:
		unlink(SM_SWAPFILE);
		break;
	case SM_SWAP_DM:
		while (dm_call(DM_DEV_REMOVE, 0, NULL, NULL, NULL) == -EBUSY &&
		       sm_now() < end)
			sm_nap();
		break;
	default:
		break;
	}
	swap_kind = SM_SWAP_NONE;
	swap_path[0] = '\0';
}

/* Switch on a swap area of @len bytes (0: 256 MiB). 0 or -errno. */
int sm_swap_on(enum sm_swap kind, size_t len)
{
	int ret = 0;

	if (!len)
		len = 256 * SM_MIB;
	swap_kind = kind;
	switch (kind) {
	case SM_SWAP_NONE:
		return 0;
	case SM_SWAP_DISK:
		snprintf(swap_path, sizeof(swap_path), SM_DISK);
		break;
	case SM_SWAP_ZRAM:
		ret = zram_create(len);
		break;
	case SM_SWAP_FILE:
		ret = file_create(len);
		break;
	case SM_SWAP_DM:
		ret = dm_create(len);
		break;
	}
	if (!ret)
		ret = write_header(len);
	if (!ret && swapon(swap_path, 0))
		ret = -errno;
	if (ret)
		remove_device();
	return ret;
}

int sm_swap_off(void)
{
	int ret = 0;

	if (swap_kind == SM_SWAP_NONE)
		return 0;
	/* What a closed io_uring leaves to do interrupts as a signal does. */
	do {
		ret = swapoff(swap_path) ? -errno : 0;
	} while (ret == -EINTR);
	remove_device();
	return ret;
}

const char *sm_swap_path(void)
{
	return swap_path;
}

long sm_swap_free_kib(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long kib = -1;

	if (!f)
		return -1;
	while (kib < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "SwapFree: %ld", &kib) != 1)
			kib = -1;
	fclose(f);
	return kib;
}

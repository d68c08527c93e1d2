// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig selftests: swap areas of every kind, of any size, one at a time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/swap.h>
#include <unistd.h>

#include "swapmig_util.h"

static enum sm_swap swap_kind;
static const char *swap_path;

static int zram_create(size_t len)
{
	sm_write(SM_ZRAM_SYS("reset"), "1");
	return sm_write(SM_ZRAM_SYS("disksize"), "%zu", len);
}

static int file_create(size_t len)
{
	int fd = open(SM_SWAPFILE, O_RDWR | O_CREAT | O_TRUNC, 0600), ret;

	if (fd < 0)
		return -errno;
	ret = posix_fallocate(fd, 0, len);
	close(fd);
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
	if (swap_kind == SM_SWAP_ZRAM)
		SM_WAIT(sm_write(SM_ZRAM_SYS("reset"), "1") != -EBUSY);
	if (swap_kind == SM_SWAP_FILE)
		unlink(SM_SWAPFILE);
	if (swap_kind == SM_SWAP_DM)
		SM_WAIT(sm_dm_remove() != -EBUSY);
	swap_kind = SM_SWAP_NONE;
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
		swap_path = SM_DISK;
		break;
	case SM_SWAP_ZRAM:
		swap_path = SM_ZRAM;
		ret = zram_create(len);
		break;
	case SM_SWAP_FILE:
		swap_path = SM_SWAPFILE;
		ret = file_create(len);
		break;
	case SM_SWAP_DM:
		swap_path = sm_dm_create(len);
		if (!swap_path)
			ret = -ENODEV;
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
	int ret;

	if (swap_kind == SM_SWAP_NONE)
		return 0;
	/* What a closed io_uring leaves to do interrupts as a signal does. */
	do {
		ret = swapoff(swap_path) ? -errno : 0;
	} while (ret == -EINTR);
	remove_device();
	return ret;
}

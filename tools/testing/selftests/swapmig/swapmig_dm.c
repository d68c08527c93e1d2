// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig selftests: a disk that can be told to stand still, or to fail, and to
 * work again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "swapmig_util.h"

#define DM_CONTROL	"/dev/mapper/control"
#define DM_NAME		"swapmig-test"

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
	int ret = dm_call(DM_TABLE_LOAD, 0, target, params, NULL);

	if (!ret)
		ret = sm_dm_stall(true);
	if (!ret)
		ret = sm_dm_stall(false);
	return ret;
}

/* What is given to the device waits, or goes on. */
int sm_dm_stall(bool stall)
{
	return dm_call(DM_DEV_SUSPEND,
		       stall ? DM_SUSPEND_FLAG | DM_SKIP_LOCKFS_FLAG : 0, NULL,
		       NULL, NULL);
}

/*
 * Each write fails, or none. What is there can be read, for it may be a part of
 * any process, of init, too.
 */
int sm_dm_fail(bool fail)
{
	return fail ? dm_table("flakey", SM_DISK " 0 0 3600 1 error_writes") :
		      dm_table("linear", SM_DISK " 0");
}

/* Its path, or NULL without device-mapper */
const char *sm_dm_create(size_t len)
{
	static char path[64];
	struct dm_ioctl dmi;

	sm_dm_remove();
	dm_len = len;
	if (dm_call(DM_DEV_CREATE, 0, NULL, NULL, &dmi) || sm_dm_fail(false))
		return NULL;
	snprintf(path, sizeof(path), "/dev/dm-%d", (int)minor(dmi.dev));
	return path;
}

int sm_dm_remove(void)
{
	return dm_call(DM_DEV_REMOVE, 0, NULL, NULL, NULL);
}

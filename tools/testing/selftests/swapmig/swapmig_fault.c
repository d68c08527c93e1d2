// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig selftests: memory allocations that fail, by the kernel's own fault
 * injection: of those that one task makes, the Nth.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "swapmig_util.h"

#define DEBUGFS		"/sys/kernel/debug/"

static int fault_fd = -1;

static int fault_put(const char *file, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), DEBUGFS "%s", file);
	return sm_write(path, "%s", value);
}

static int fault_put_all(const char * const *want, size_t nr)
{
	int err = 0;
	size_t i;

	mount("none", DEBUGFS, "debugfs", 0, NULL);
	for (i = 0; i < nr && !err; i += 2)
		err = fault_put(want[i], want[i + 1]);
	return err;
}

/* Any allocation may fail, and says nothing. 0, or -errno: the kernel has it not. */
int sm_fault_setup(void)
{
	static const char * const want[] = {
		"fail_page_alloc/ignore-gfp-wait", "N",
		"fail_page_alloc/ignore-gfp-highmem", "N",
		"fail_page_alloc/min-order", "0",
		"fail_page_alloc/verbose", "0",
		"failslab/ignore-gfp-wait", "N",
		"failslab/verbose", "0",
	};
	int err = fault_put_all(want, sizeof(want) / sizeof(*want));

	if (err)
		return err;
	fault_fd = open("/proc/self/fail-nth", O_RDWR);
	return fault_fd < 0 ? -errno : 0;
}

/* No free page of 2 MiB, whoever asks. 0, or -errno: the kernel has it not. */
int sm_fault_huge(bool on)
{
	static const char * const want[] = {
		"fail_page_alloc/ignore-gfp-wait", "N",
		"fail_page_alloc/ignore-gfp-highmem", "N",
		"fail_page_alloc/min-order", "9",
		"fail_page_alloc/verbose", "0",
		"fail_page_alloc/times", "-1",
	};
	int err = fault_put_all(want, sizeof(want) / sizeof(*want));

	return err ?: fault_put("fail_page_alloc/probability", on ? "100" : "0");
}

/* From here on the @nth allocation of this task fails; 0: none does. */
int sm_fault_arm(long nth)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%ld", nth);

	return pwrite(fault_fd, text, len, 0) == len ? 0 : -errno;
}

/* How many more it would have taken; 0: one has failed. */
long sm_fault_disarm(void)
{
	char text[32] = "";

	if (pread(fault_fd, text, sizeof(text) - 1, 0) <= 0 || sm_fault_arm(0))
		return -1;
	return atol(text);
}

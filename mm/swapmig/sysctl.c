// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: vm.migration_engines and vm.migration_batch, and both on the kernel's
 * command line.
 */

#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/sysctl.h>

#include "internal.h"

/*
 * Who touches a page that "direct" has unmapped waits for its whole batch, so a
 * small one serves the application; smaller than this costs the request more.
 */
#define BATCH_DEFAULT	32

static unsigned int batch_max = SWAPMIG_WINDOW;
static unsigned int migration_batch __read_mostly = BATCH_DEFAULT;

/**
 * swapmig_batch - the batch size for a new request
 *
 * Return: how many folios "direct" may have unmapped at once.
 */
unsigned int swapmig_batch(void)
{
	return READ_ONCE(migration_batch) ?: SWAPMIG_WINDOW;
}

/*
 * A list comes in one write.  proc_dostring() would cut one that is too long, and
 * take the rest for what the administrator wants.
 */
static int migration_engines_handler(const struct ctl_table *table, int write,
				     void *buffer, size_t *lenp, loff_t *ppos)
{
	char text[SWAPMIG_ENGINES_LEN];
	struct ctl_table printed = {
		.data	= text,
		.maxlen	= sizeof(text),
	};
	u32 list;
	int err;

	if (!write) {
		swapmig_print_engines(swapmig_engines(), text, sizeof(text));
		return proc_dostring(&printed, 0, buffer, lenp, ppos);
	}
	if (*ppos || *lenp >= sizeof(text))
		return -EINVAL;
	memcpy(text, buffer, *lenp);
	text[*lenp] = '\0';
	if (strlen(text) != *lenp)
		return -EINVAL;
	err = swapmig_parse_engines(text, &list);
	if (err)
		return err;
	swapmig_set_engines(list);
	*ppos += *lenp;
	return 0;
}

static struct ctl_table swapmig_sysctls[] = {
	{
		.procname	= "migration_engines",
		.mode		= 0644,
		.proc_handler	= migration_engines_handler,
	},
	{
		.procname	= "migration_batch",
		.data		= &migration_batch,
		.maxlen		= sizeof(migration_batch),
		.mode		= 0644,
		.proc_handler	= proc_douintvec_minmax,
		.extra1		= SYSCTL_ZERO,
		.extra2		= &batch_max,
	},
};

static int __init swapmig_sysctl_init(void)
{
	register_sysctl_init("vm", swapmig_sysctls);
	return 0;
}
late_initcall(swapmig_sysctl_init);

static int __init migration_engines_setup(char *text)
{
	u32 list;

	if (swapmig_parse_engines(text, &list))
		pr_warn("swapmig: migration_engines=%s refused\n", text);
	else
		swapmig_set_engines(list);
	return 1;
}
__setup("migration_engines=", migration_engines_setup);

static int __init migration_batch_setup(char *text)
{
	unsigned int batch;

	if (kstrtouint(text, 0, &batch) || batch > SWAPMIG_WINDOW)
		pr_warn("swapmig: migration_batch=%s refused\n", text);
	else
		migration_batch = batch;
	return 1;
}
__setup("migration_batch=", migration_batch_setup);

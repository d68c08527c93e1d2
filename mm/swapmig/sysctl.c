// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: vm.migration_engines and vm.migration_batch.
 */

#include <linux/init.h>
#include <linux/string.h>
#include <linux/sysctl.h>

#include "internal.h"

static unsigned int swapmig_batch_max = SWAPMIG_BATCH_MAX;

/*
 * The whole list comes in one write.  proc_dostring() would cut a list that is
 * too long and take the rest for the administrator's wish.
 */
static int swapmig_engines_handler(const struct ctl_table *table, int write,
				   void *buffer, size_t *lenp, loff_t *ppos)
{
	char text[SWAPMIG_ENGINES_LEN];
	struct ctl_table printed = {
		.data = text,
		.maxlen = sizeof(text),
	};
	u32 list;
	int err;

	if (!write) {
		swapmig_print_engines(READ_ONCE(swapmig_engine_list), text,
				      sizeof(text));
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
	WRITE_ONCE(swapmig_engine_list, list);
	*ppos += *lenp;
	return 0;
}

static struct ctl_table swapmig_sysctls[] = {
	{
		.procname	= "migration_engines",
		.mode		= 0644,
		.proc_handler	= swapmig_engines_handler,
	},
	{
		.procname	= "migration_batch",
		.data		= &swapmig_batch,
		.maxlen		= sizeof(swapmig_batch),
		.mode		= 0644,
		.proc_handler	= proc_douintvec_minmax,
		.extra1		= SYSCTL_ZERO,
		.extra2		= &swapmig_batch_max,
	},
};

static int __init swapmig_sysctl_init(void)
{
	register_sysctl_init("vm", swapmig_sysctls);
	return 0;
}
late_initcall(swapmig_sysctl_init);

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * swapmig: what its layers know of each other.
 */
#ifndef _MM_SWAPMIG_INTERNAL_H
#define _MM_SWAPMIG_INTERNAL_H

#include <linux/list.h>
#include <linux/migrate.h>
#include <linux/sched/signal.h>
#include <linux/swapmig.h>
#include <linux/xarray.h>

#include "../internal.h"

/* An engine list is packed, first engine lowest, so that readers need no lock */
#define SWAPMIG_ENGINE_BITS	4
#define SWAPMIG_ENGINE_MASK	((1U << SWAPMIG_ENGINE_BITS) - 1)
/* The longest engine list in text, its separators and the final NUL */
#define SWAPMIG_ENGINES_LEN	64
#define SWAPMIG_BATCH_DEFAULT	32
/* Walks over a range, before the last one with all engines */
#define SWAPMIG_WALKS		8
/* As many, if what is left is only in the hands of others, as of kcompactd */
#define SWAPMIG_BUSY_WALKS	3

enum swapmig_engine_id {
	SWAPMIG_NONE,
	SWAPMIG_DIRECT,
	SWAPMIG_DISPLACE,
	SWAPMIG_SWAPOUT,
	NR_SWAPMIG_ENGINES,
};

/**
 * struct swapmig_pages - what a list holds, in base pages
 * @anon:	pages counted in NR_ISOLATED_ANON
 * @file:	pages counted in NR_ISOLATED_FILE
 * @other:	pages on no LRU: of hugetlb folios, or of drivers
 * @folios:	folios of the list; a large folio counts as one
 */
struct swapmig_pages {
	long anon;
	long file;
	long other;
	long folios;
};

static inline long swapmig_sum_pages(const struct swapmig_pages *pages)
{
	return pages->anon + pages->file + pages->other;
}

/**
 * struct swapmig_goal - where a list of folios is to go
 * @nid:		the node, or NUMA_NO_NODE: what the memory policy says
 * @reason:		enum migrate_reason
 * @get_new_folio:	allocates a folio that meets the goal
 * @private:		argument of @get_new_folio
 * @req:		the request that asks for it
 * @pages:		what the list held when the present engine got it
 */
struct swapmig_goal {
	int nid;
	int reason;
	new_folio_t *get_new_folio;
	unsigned long private;
	struct swapmig_request *req;
	struct swapmig_pages pages;
};

/**
 * struct swapmig_engine - one way to place folios
 * @name:	as in vm.migration_engines
 * @place:	places isolated folios and leaves on the list those it could
 *		not place.  Returns 0, or the errno that ended it early.
 *		NULL when it is not built in.
 */
struct swapmig_engine {
	const char *name;
	int (*place)(struct list_head *folios, const struct swapmig_goal *goal);
};

/* engines.c */
extern u32 swapmig_engine_list;
extern unsigned int swapmig_batch;
int swapmig_parse_engines(const char *text, u32 *list);
int swapmig_print_engines(u32 list, char *text, size_t size);

/* lru.c */
void swapmig_free_abandoned(struct list_head *folios);
unsigned int swapmig_count_folios(struct list_head *folios);
struct swapmig_pages swapmig_count_pages(struct list_head *folios);

/* engines.c */
void swapmig_begin_vacate(struct swapmig_request *req, int from,
			  const nodemask_t *nodes, enum zone_type zone,
			  int reason);
bool swapmig_evicts(const struct swapmig_request *req);
bool swapmig_vacates(u32 engines);

/* Is there nobody any more who waits for it, or has it been told to end? */
static inline bool swapmig_interrupted(const struct swapmig_request *req)
{
	if (req->reason == MR_MEMORY_HOTPLUG)
		return signal_pending(current);
	/* A worker has nobody else's mm when it serves one that is gone */
	if (current->flags & PF_KTHREAD && req->mm &&
	    atomic_read(&req->mm->mm_users) == 1)
		return true;
	return fatal_signal_pending(current);
}

/* Allocation flags that neither reclaim nor wake kswapd nor complain */
static inline gfp_t swapmig_quiet_gfp(gfp_t gfp)
{
	gfp &= ~(__GFP_RECLAIM | __GFP_RETRY_MAYFAIL | __GFP_NORETRY);
	return gfp | __GFP_NOWARN | __GFP_NOMEMALLOC;
}

#ifdef CONFIG_MIGRATION
/* direct.c */
int swapmig_place_direct(struct list_head *folios,
			 const struct swapmig_goal *goal);
int swapmig_try_direct(struct list_head *folios,
		       const struct swapmig_goal *goal);

/* room.c */
bool swapmig_boosted(const nodemask_t *nodes);
gfp_t swapmig_node_gfp(int nid, gfp_t gfp);
struct folio *swapmig_alloc_on(struct folio *src, int nid, gfp_t gfp);
void swapmig_drain_node(int nid);
bool swapmig_node_has_room(int nid, unsigned long pages);
bool swapmig_has_room(const struct swapmig_request *req, unsigned long pages);
unsigned long swapmig_count_lru_pages(struct list_head *folios);
void swapmig_place_some(struct list_head *folios, unsigned long pages,
			const struct swapmig_goal *goal);
#else
#define swapmig_try_direct	NULL

static inline bool swapmig_boosted(const nodemask_t *nodes)
{
	return false;
}
#endif

#ifdef CONFIG_SWAPMIG_DISPLACE
/* displace.c */
int swapmig_place_displace(struct list_head *folios,
			   const struct swapmig_goal *goal);
void swapmig_displace_end(struct swapmig_request *req);

/* The lap for what other requests want moved anyway */
#define VICTIMS_WANTED_LAP	(-1)
/* Laps that spare what was touched since the last look */
#define VICTIMS_COLD_LAPS	2

/**
 * enum swapmig_victim - what may be done to a folio that is in the way
 * @SWAPMIG_VICTIM_NOT:		nothing
 * @SWAPMIG_VICTIM_MOVE:	it may go to the other node
 * @SWAPMIG_VICTIM_DROP:	nobody needs it in memory
 */
enum swapmig_victim {
	SWAPMIG_VICTIM_NOT,
	SWAPMIG_VICTIM_MOVE,
	SWAPMIG_VICTIM_DROP,
};

/* judge.c */
void swapmig_victims_begin(struct swapmig_request *req);
void swapmig_victims_end(struct swapmig_request *req);
void swapmig_victims_again(struct swapmig_request *req);
bool swapmig_victims_others(const struct swapmig_request *req);
void swapmig_victims_retarget(struct swapmig_request *req, int nid);
bool swapmig_victims_wanted(int nid, int to);
enum swapmig_victim swapmig_judge(struct folio *folio, struct swapmig_scan *scan);

/* victims.c */
void swapmig_victims_start(struct swapmig_request *req, int nid, int to);
void swapmig_victims_stop(struct swapmig_scan *scan);
unsigned long swapmig_victims_isolate(struct swapmig_scan *scan,
				      unsigned long pages, unsigned int nr,
				      struct list_head *move,
				      struct list_head *drop);
#else
#define swapmig_place_displace	NULL

static inline void swapmig_displace_end(struct swapmig_request *req)
{
}

static inline void swapmig_victims_begin(struct swapmig_request *req)
{
}

static inline void swapmig_victims_end(struct swapmig_request *req)
{
}

static inline void swapmig_victims_again(struct swapmig_request *req)
{
}

static inline void swapmig_victims_retarget(struct swapmig_request *req,
					    int nid)
{
	req->nodes = nodemask_of_node(nid);
}

static inline bool swapmig_victims_others(const struct swapmig_request *req)
{
	return false;
}
#endif /* CONFIG_SWAPMIG_DISPLACE */

/* vacate.c */
#if defined(CONFIG_SWAPMIG_VACATE) && defined(CONFIG_MIGRATION)
void swapmig_vacate_room(struct list_head *folios,
			 const struct swapmig_goal *goal, gfp_t gfp);
bool swapmig_leaves_cache(const struct swapmig_request *req,
			  unsigned long pages);
#else
static inline bool swapmig_leaves_cache(const struct swapmig_request *req,
					unsigned long pages)
{
	return true;
}

static inline void swapmig_vacate_room(struct list_head *folios,
				       const struct swapmig_goal *goal,
				       gfp_t gfp)
{
}
#endif

/* offline.c */
#ifdef CONFIG_SWAPMIG_OFFLINE
void swapmig_offline_placed(unsigned long pages);
#else
static inline void swapmig_offline_placed(unsigned long pages)
{
}
#endif

/* swapout.c */
unsigned int swapout_pages(struct list_head *folios, int nid);

/* forward.c */
#ifdef CONFIG_SWAPMIG_FORWARD
int swapmig_forward_retag(struct folio *folio, int nid, bool always);
void swapmig_forward_forget_node(int nid);
#else
static inline int swapmig_forward_retag(struct folio *folio, int nid,
					bool always)
{
	return 0;
}

static inline void swapmig_forward_forget_node(int nid)
{
}
#endif

#endif /* _MM_SWAPMIG_INTERNAL_H */

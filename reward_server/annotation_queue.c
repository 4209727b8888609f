/* SPDX-License-Identifier: MIT */
/* annotation_queue.c - nodes in one growing array: a doubly linked list in order of arrival for the
 * waiting ones and one of those in flight, a chained hash table over all of them, a free list.
 * Indices instead of pointers, so that the array may move and a ticket is simply a node's index. */
#include "reward_server/annotation_queue.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/xmalloc.h"

enum { NONE = -1 };
enum node_state { WAITING, IN_FLIGHT, LISTS, FREE = LISTS };

struct node {
    char *question; /* owned, NUL-terminated */
    size_t len;
    uint64_t hash;
    int32_t newer, older; /* of the list of its state; `older` also links the free list */
    int32_t chain;        /* next node of the same bucket */
    enum node_state state;
    double asked_at; /* Unix s; of those in flight */
    double since;    /* Unix s; when it came */
};

struct annotation_queue {
    struct node *node;
    int32_t count, cap;                              /* nodes ever used, allocated */
    int32_t newest[LISTS], oldest[LISTS], free_list; /* by arrival in the list */
    int32_t *bucket;
    size_t buckets; /* a power of two */
    size_t max_entries, max_bytes;
    double oldest_share, oldest_credit;
    struct annotation_queue_numbers numbers;
};

static void rehash(struct annotation_queue *q, size_t buckets)
{
    free(q->bucket);
    q->buckets = buckets;
    q->bucket = xmalloc(buckets * sizeof *q->bucket);
    for (size_t i = 0; i < buckets; i++)
        q->bucket[i] = NONE;
    for (int32_t i = 0; i < q->count; i++) {
        if (q->node[i].state == FREE)
            continue;
        int32_t *head = &q->bucket[q->node[i].hash & (buckets - 1)];
        q->node[i].chain = *head;
        *head = i;
    }
}

struct annotation_queue *annotation_queue_create(size_t max_entries, size_t max_bytes,
                                                 double oldest_share)
{
    struct annotation_queue *q = xcalloc(1, sizeof *q);
    ONIC_ASSERT(max_entries >= 1);
    q->max_entries = max_entries;
    q->max_bytes = max_bytes;
    q->oldest_share = oldest_share;
    q->free_list = NONE;
    for (int list = 0; list < LISTS; list++)
        q->newest[list] = q->oldest[list] = NONE;
    rehash(q, 256);
    return q;
}

void annotation_queue_free(struct annotation_queue *q)
{
    if (!q)
        return;
    for (int32_t i = 0; i < q->count; i++)
        free(q->node[i].question);
    free(q->node);
    free(q->bucket);
    free(q);
}

static int32_t new_node(struct annotation_queue *q)
{
    int32_t i = q->free_list;
    if (i != NONE) {
        q->free_list = q->node[i].older;
        return i;
    }
    if (q->count == q->cap) {
        q->cap = q->cap ? 2 * q->cap : 256;
        q->node = xrealloc(q->node, (size_t)q->cap * sizeof *q->node);
    }
    i = q->count++;
    q->node[i].state = FREE;
    if ((size_t)q->count > q->buckets)
        rehash(q, 2 * q->buckets);
    return i;
}

static void drop_node(struct annotation_queue *q, int32_t i)
{
    struct node *n = &q->node[i];
    int32_t *link = &q->bucket[n->hash & (q->buckets - 1)];
    while (*link != i)
        link = &q->node[*link].chain;
    *link = n->chain;
    free(n->question);
    n->question = NULL;
    n->state = FREE;
    n->older = q->free_list;
    q->free_list = i;
}

static void link_newest(struct annotation_queue *q, int32_t i, enum node_state list)
{
    struct node *n = &q->node[i];
    n->state = list;
    n->newer = NONE;
    n->older = q->newest[list];
    if (n->older != NONE)
        q->node[n->older].newer = i;
    else
        q->oldest[list] = i;
    q->newest[list] = i;
}

static void unlink_node(struct annotation_queue *q, int32_t i)
{
    struct node *n = &q->node[i];
    if (n->newer != NONE)
        q->node[n->newer].older = n->older;
    else
        q->newest[n->state] = n->older;
    if (n->older != NONE)
        q->node[n->older].newer = n->newer;
    else
        q->oldest[n->state] = n->newer;
}

static void begin_waiting(struct annotation_queue *q, int32_t i)
{
    link_newest(q, i, WAITING);
    q->numbers.waiting++;
    q->numbers.bytes += q->node[i].len;
}

static void end_waiting(struct annotation_queue *q, int32_t i)
{
    unlink_node(q, i);
    q->numbers.waiting--;
    q->numbers.bytes -= q->node[i].len;
}

static void annotation_queue_evict(struct annotation_queue *q)
{
    while (q->numbers.waiting > q->max_entries ||
           (q->numbers.bytes > q->max_bytes && q->numbers.waiting > 1)) {
        int32_t i = q->oldest[WAITING];
        end_waiting(q, i);
        drop_node(q, i);
        q->numbers.evicted++;
    }
}

bool annotation_queue_put(struct annotation_queue *q, const char *question, size_t len)
{
    uint64_t hash = XXH3_64bits(question, len);
    for (int32_t i = q->bucket[hash & (q->buckets - 1)]; i != NONE; i = q->node[i].chain)
        if (q->node[i].hash == hash && q->node[i].len == len &&
            memcmp(q->node[i].question, question, len) == 0)
            return false;
    int32_t i = new_node(q);
    struct node *n = &q->node[i];
    n->question = xmalloc(len + 1);
    memcpy(n->question, question, len);
    n->question[len] = '\0';
    n->len = len;
    n->hash = hash;
    n->since = clock_wall_s();
    n->chain = q->bucket[hash & (q->buckets - 1)];
    q->bucket[hash & (q->buckets - 1)] = i;
    begin_waiting(q, i);
    annotation_queue_evict(q);
    return true;
}

bool annotation_queue_take(struct annotation_queue *q, uint64_t *ticket, const char **question,
                           size_t *len)
{
    if (q->newest[WAITING] == NONE)
        return false;
    int32_t i = q->newest[WAITING];
    q->oldest_credit += q->oldest_share;
    if (q->oldest_credit >= 1) {
        q->oldest_credit -= 1;
        i = q->oldest[WAITING];
    }
    end_waiting(q, i);
    link_newest(q, i, IN_FLIGHT);
    q->node[i].asked_at = clock_wall_s();
    q->numbers.in_flight++;
    *ticket = (uint64_t)i;
    *question = q->node[i].question;
    *len = q->node[i].len;
    return true;
}

static int32_t in_flight(const struct annotation_queue *q, uint64_t ticket)
{
    ONIC_ASSERT(ticket < (uint64_t)q->count && q->node[ticket].state == IN_FLIGHT);
    return (int32_t)ticket;
}

const char *annotation_queue_question(const struct annotation_queue *q, uint64_t ticket,
                                      size_t *len)
{
    const struct node *n = &q->node[in_flight(q, ticket)];
    *len = n->len;
    return n->question;
}

double annotation_queue_asked_at(const struct annotation_queue *q, uint64_t ticket)
{
    return q->node[in_flight(q, ticket)].asked_at;
}

double annotation_queue_age_s(const struct annotation_queue *q)
{
    double now = clock_wall_s(), since = now;
    if (q->oldest[WAITING] != NONE)
        since = fmin(since, q->node[q->oldest[WAITING]].since);
    for (int32_t i = q->oldest[IN_FLIGHT]; i != NONE; i = q->node[i].newer)
        since = fmin(since, q->node[i].since);
    return now - since;
}

static void end_flight(struct annotation_queue *q, int32_t i)
{
    unlink_node(q, i);
    q->numbers.in_flight--;
}

void annotation_queue_done(struct annotation_queue *q, uint64_t ticket)
{
    int32_t i = in_flight(q, ticket);
    end_flight(q, i);
    drop_node(q, i);
}

void annotation_queue_return(struct annotation_queue *q, uint64_t ticket)
{
    int32_t i = in_flight(q, ticket);
    end_flight(q, i);
    begin_waiting(q, i);
    annotation_queue_evict(q);
}

struct annotation_queue_numbers annotation_queue_numbers(const struct annotation_queue *q)
{
    return q->numbers;
}

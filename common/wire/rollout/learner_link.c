/* SPDX-License-Identifier: MIT */
/* learner_link.c - life, queue and status of the learner's link; see learner_link.h and
 * learner_state.h.
 *
 * The queue towards training has no fixed size: it holds what credit let in, and credit is not
 * raised while max_queued are waiting. So an accepted trajectory never has to be thrown away for
 * lack of room, and memory is bounded all the same: max_queued plus one window for each actor. A
 * taken trajectory points into the message it came in; its memory goes back to libzmq at release,
 * the struct itself to a pool. */
#include "common/wire/rollout/learner_link.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/process.h"
#include "common/base/trace.h"
#include "common/base/xmalloc.h"
#include "common/wire/frame/sock_guard.h"
#include "common/wire/rollout/learner_state.h"

enum {
    STALL_MS = 5000,
    TEXT_MAX = 65536,
    NOFILE_OWN = 40, /* logs, sockets of our own; and what the guard keeps, for checkpoints */
    NOFILE_LEAST = 192,
    STRANGERS_MAX = 1024
};

/* --- life -------------------------------------------------------------------------------- */

/* Every actor takes two connections, and strangers one for each four actors. What is too many for
 * the limit of open files is cut without a word to the peer (sock_guard.h), so how many actors fit
 * is known before they come. */
static int room_for_actors(int *actors, struct onic_err *err)
{
    struct rlimit r;
    int rc = process_need_files(NOFILE_LEAST, "a learner", err);
    if (rc)
        return rc;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return err_set(err, ONIC_EINTERNAL, "getrlimit: %s", strerror(errno));
    rlim_t room = sock_guard_first_kept(r.rlim_cur) - NOFILE_OWN;
    room = room * 4 / 9;
    *actors = room < PEERS_MAX ? (int)room : PEERS_MAX;
    return ONIC_OK;
}

unsigned long long wire_learner_files(int actors)
{
    unsigned long long n = NOFILE_OWN + SOCK_GUARD_RESERVE + (9ULL * (unsigned)actors + 3) / 4;
    return n < NOFILE_LEAST ? NOFILE_LEAST : n;
}

static int learner_link_check(const struct wire_learner_params *p, struct onic_err *err)
{
    if (!p->listen || !p->listen[0])
        return err_set(err, ONIC_ECONFIG,
                       "no address to listen at: give --listen=tcp://127.0.0.1:5555");
    if (p->window < 1 || p->window > BOUND_WINDOW)
        return err_set(err, ONIC_ECONFIG, "train.window is %d, must be 1..%d", p->window,
                       BOUND_WINDOW);
    if (p->weights_floats == 0 || p->max_queued < 1)
        return err_set(err, ONIC_EINVAL, "a learner needs weights to serve and a queue");
    if (p->deterministic && (p->deterministic_rounds < 1 || p->deterministic_actors < 1))
        return err_set(err, ONIC_EINVAL, "a deterministic run needs a number of actors and rounds");
    if (strlen(p->env_text ? p->env_text : "") >= TEXT_MAX ||
        strlen(p->net_text ? p->net_text : "") >= TEXT_MAX)
        return err_set(err, ONIC_EINVAL, "a specification is longer than %d bytes", TEXT_MAX);
    return ONIC_OK;
}

static char *copy_text(const char *text)
{
    char *out = xcalloc(1, TEXT_MAX);
    if (text)
        memcpy(out, text, strlen(text));
    return out;
}

/* Connections that have not joined may have a part of the descriptors, beside the actors'. */
static int strangers_for(int actors_max)
{
    return actors_max / 4 < STRANGERS_MAX ? actors_max / 4 : STRANGERS_MAX;
}

static int open_sockets(struct wire_learner *w, struct onic_err *err)
{
    struct sock_options o = {.hwm = 4 * w->p.window + 16,
                             .max_msg_bytes = BOUND_FRAME_BYTES,
                             .allow_insecure = w->p.allow_insecure,
                             .keys = w->p.keys,
                             .roles = 1u << KEY_ACTOR,
                             .option = "--listen",
                             .strangers_max = strangers_for(w->actors_max),
                             .stranger_bytes = HELLO_BYTES};
    int rc = sock_bind(&w->socket, w->context, w->p.listen, &o, w->address, err);
    if (rc)
        return rc;
    w->keyed = sock_is_keyed(w->address, w->p.keys);
    w->exposed = !w->p.keys && sock_is_exposed(w->address);
    struct wire_weights_server_params wp = {.context = w->context,
                                            .allow_insecure = w->p.allow_insecure,
                                            .keys = w->p.keys,
                                            .epoch = w->p.epoch,
                                            .floats = w->p.weights_floats,
                                            .bytes_per_s = w->p.weights_bytes_per_s,
                                            .hwm = 4 * w->p.window + 16,
                                            .connections_max = w->actors_max};
    memcpy(wp.run_id, w->p.run_id, sizeof wp.run_id);
    char sibling[SOCK_ADDRESS_MAX];
    bool chosen = w->p.weights_listen && w->p.weights_listen[0];
    wp.address = chosen ? w->p.weights_listen : sibling;
    wp.option = chosen
                    ? "--weights.listen"
                    : "the second address of a learner, the port after --listen: --weights.listen";
    if (!chosen)
        rc = sock_sibling(w->p.listen, ".weights", "--weights.listen", sibling, err);
    if (!rc)
        rc = wire_weights_server_open(&w->weights, &wp, err);
    if (!rc) /* of our own host: by whatever name an actor reached us, perhaps through a NAT */
        sock_announce(wp.address, w->p.listen, wire_weights_server_address(w->weights),
                      w->weights_address);
    return rc;
}

static void init_lock(struct wire_learner *w)
{
    pthread_condattr_t attr;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->arrived, &attr);
    pthread_condattr_destroy(&attr);
}

int wire_learner_open(struct wire_learner **out, const struct wire_learner_params *p,
                      struct onic_err *err)
{
    *out = NULL;
    int actors_max = 0, rc = learner_link_check(p, err);
    if (!rc)
        rc = room_for_actors(&actors_max, err);
    if (rc)
        return rc;
    struct wire_learner *w = xcalloc(1, sizeof *w);
    w->p = *p;
    w->actors_max = actors_max;
    w->config = xmalloc(p->config_len + 1);
    memcpy(w->config, p->config_len ? p->config_text : "", p->config_len);
    w->env_text = copy_text(p->env_text);
    w->net_text = copy_text(p->net_text);
    w->env_known = w->env_text[0] != '\0';
    w->context = p->zmq_context;
    w->own_context = p->zmq_context == NULL;
    if (w->own_context)
        w->context = zmq_ctx_new();
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ONIC_ASSERT(w->context && w->wake_fd >= 0);
    w->arena = meta_arena_create();
    w->peer_of_id = xmalloc(PEERS_MAX * sizeof *w->peer_of_id);
    for (int i = 0; i < PEERS_MAX; i++)
        w->peer_of_id[i] = -1;
    w->forgotten = xcalloc(PEERS_MAX, sizeof *w->forgotten);
    w->created_ms = clock_ms();
    init_lock(w);
    rc = open_sockets(w, err);
    w->p.listen = w->p.weights_listen = NULL; /* the caller's */
    if (rc) {
        wire_learner_free(w);
        return rc;
    }
    trace(LIFE, .n = p->epoch, .incarnation = trace_hash(p->run_id, sizeof p->run_id),
          .seq = (uint64_t)p->window, .version = p->max_policy_lag, .reason = p->deterministic);
    *out = w;
    return ONIC_OK;
}

int wire_learner_create(struct wire_learner **out, const struct wire_learner_params *p,
                        struct onic_err *err)
{
    int rc = wire_learner_open(out, p, err);
    if (rc)
        return rc;
    wire_weights_server_start((*out)->weights);
    (*out)->running = true;
    limits_create_thread(&(*out)->thread, wire_learner_ingest, *out);
    return ONIC_OK;
}

static void wake(struct wire_learner *w)
{
    uint64_t one = 1;
    ONIC_ASSERT(write(w->wake_fd, &one, sizeof one) == (ssize_t)sizeof one);
}

/* The books of a checkpoint are loaded after the socket is bound. An actor that is heard in between
 * would be booked and forgotten, so nobody is heard before the caller shows, by publishing, taking
 * or looking, that it is past that point. */
static void open_gate(struct wire_learner *w)
{
    if (!atomic_exchange(&w->open, true))
        wake(w);
}

/* linger_ms: what has been said to actors last (BYE_ACK) should still reach them. */
static void stop_threads(struct wire_learner *w, int linger_ms)
{
    if (w->running) {
        atomic_store(&w->stop, true);
        wake(w);
        pthread_join(w->thread, NULL);
        w->running = false;
    }
    sock_close(w->socket, linger_ms);
    w->socket = NULL;
    wire_weights_server_stop(w->weights);
    pthread_mutex_lock(&w->lock);
    w->stopped = true;
    pthread_cond_broadcast(&w->arrived);
    pthread_mutex_unlock(&w->lock);
}

static void free_received(struct received *r, bool has_msg)
{
    while (r) {
        struct received *next = r->next;
        if (has_msg)
            zmq_msg_close(&r->msg);
        received_release(r);
        free(r);
        r = next;
    }
}

void wire_learner_free(struct wire_learner *w)
{
    if (!w)
        return;
    stop_threads(w, 0);
    free_received(w->queue_head, true);
    free_received(w->pool, false);
    if (w->own_context)
        sock_context_end(w->context);
    wire_weights_server_free(w->weights);
    books_forget(w);
    free(w->peers);
    free(w->peer_of_id);
    free(w->forgotten);
    meta_arena_free(w->arena);
    close(w->wake_fd);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->arrived);
    free(w->config);
    free(w->env_text);
    free(w->net_text);
    free(w);
}

const char *wire_learner_address(const struct wire_learner *w)
{
    return w->address;
}

const char *wire_learner_weights_address(const struct wire_learner *w)
{
    return wire_weights_server_address(w->weights);
}

/* --- queue ------------------------------------------------------------------------------- */

static struct timespec deadline_after(int timeout_ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += timeout_ms / 1000;
    t.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

int wire_learner_take(struct wire_learner *w, struct trajectory **out, int timeout_ms)
{
    open_gate(w);
    struct timespec deadline = deadline_after(timeout_ms);
    pthread_mutex_lock(&w->lock);
    int rc = 0;
    while (!w->queue_head && !w->stopped && !rc && timeout_ms > 0)
        rc = pthread_cond_timedwait(&w->arrived, &w->lock, &deadline);
    struct received *r = w->queue_head;
    bool refill = false;
    if (r) {
        w->queue_head = r->next;
        if (!w->queue_head)
            w->queue_tail = NULL;
        r->next = NULL;
        w->queued--;
        refill = w->starved && w->queued < w->p.max_queued;
        *out = &r->t;
    }
    rc = r ? ONIC_OK : w->stopped ? ONIC_ESTOPPED : ONIC_ETIMEDOUT;
    pthread_mutex_unlock(&w->lock);
    if (refill)
        wake(w);
    return rc;
}

const void *wire_learner_frame(const struct trajectory *t, size_t *len)
{
    struct received *r = (struct received *)t->storage;
    *len = zmq_msg_size(&r->msg);
    return zmq_msg_data(&r->msg);
}

void wire_learner_release(struct wire_learner *w, struct trajectory *t)
{
    struct received *r = (struct received *)t->storage;
    zmq_msg_close(&r->msg);
    pthread_mutex_lock(&w->lock);
    r->next = w->pool;
    w->pool = r;
    pthread_mutex_unlock(&w->lock);
}

static void book(struct wire_learner *w, const struct trajectory *t, struct booking how)
{
    pthread_mutex_lock(&w->lock);
    books_trajectory(w, t->storage, how);
    pthread_mutex_unlock(&w->lock);
}

void wire_learner_consumed(struct wire_learner *w, const struct trajectory *t)
{
    book(w, t, (struct booking){.as = BOOK_CONSUMED});
}

void wire_learner_dropped(struct wire_learner *w, const struct trajectory *t,
                          enum ledger_drop reason)
{
    book(w, t, (struct booking){.as = BOOK_DROPPED, .reason = reason});
}

void wire_learner_undone(struct wire_learner *w, const struct trajectory *t)
{
    book(w, t, (struct booking){.as = BOOK_UNDONE});
}

void wire_learner_accuse(struct wire_learner *w, uint32_t actor, uint64_t incarnation)
{
    pthread_mutex_lock(&w->lock);
    struct peer *p = peer_find(w, actor);
    if (p && p->state != PEER_CLOSED && p->incarnation == incarnation)
        p->accused = true;
    pthread_mutex_unlock(&w->lock);
    wake(w);
}

uint64_t wire_learner_index(const struct trajectory *t)
{
    return ((const struct received *)t->storage)->index;
}

void wire_learner_publish(struct wire_learner *w, const float *weights, uint64_t version)
{
    trace(PUBLISHED, .version = version,
          .seq = trace_hash(weights, w->p.weights_floats * sizeof *weights));
    wire_weights_server_publish(w->weights, weights, version);
    atomic_store(&w->version_plus_1, version + 1);
    pthread_mutex_lock(&w->lock);
    w->announce = true;
    w->unpublished_load = 0;
    pthread_mutex_unlock(&w->lock);
    open_gate(w);
    wake(w);
}

void wire_learner_ledger(struct wire_learner *w, struct ledger *out)
{
    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&w->lock);
    books_ledger(w, out);
    pthread_mutex_unlock(&w->lock);
}

/* --- status ------------------------------------------------------------------------------ */

static void describe_stall(const struct wire_learner *w, struct wire_learner_status *s, int64_t now)
{
    int64_t since = s->last_rx_ms ? s->last_rx_ms : w->created_ms;
    long silent_s = (long)((now - since) / 1000);
    int known = w->npeers + w->nforgotten;
    s->waiting_for[0] = '\0';
    if (s->queued > 0 || now - since < STALL_MS)
        return;
    if (known == 0)
        snprintf(s->waiting_for, sizeof s->waiting_for, "no actor has connected to %.80s for %ld s",
                 w->address, silent_s);
    else if (s->actors_connected == 0)
        snprintf(s->waiting_for, sizeof s->waiting_for,
                 "none of %d known actors is connected to %.80s for %ld s", known, w->address,
                 silent_s);
    else if (s->actors_running == 0)
        snprintf(s->waiting_for, sizeof s->waiting_for,
                 "%d actors connected, none has its environments ready after %ld s",
                 s->actors_connected, silent_s);
    else if (!atomic_load(&w->version_plus_1))
        snprintf(s->waiting_for, sizeof s->waiting_for,
                 "%d actors connected, no weights have been published", s->actors_connected);
    else
        snprintf(s->waiting_for, sizeof s->waiting_for,
                 "%d actors connected, none has sent for %ld s", s->actors_connected, silent_s);
}

static double actors_cpu_s(const struct wire_learner *w)
{
    uint64_t ms = w->forgotten_cpu_ms;
    for (int i = 0; i < w->npeers; i++)
        ms += w->peers[i]->cpu_ms_before + w->peers[i]->cpu_ms;
    return (double)ms * 1e-3;
}

double wire_learner_loaded_cpu_s(struct wire_learner *w)
{
    pthread_mutex_lock(&w->lock);
    double s = actors_cpu_s(w);
    pthread_mutex_unlock(&w->lock);
    return s;
}

void wire_learner_status(struct wire_learner *w, struct wire_learner_status *out)
{
    open_gate(w);
    pthread_mutex_lock(&w->lock);
    struct wire_learner_status *s = &w->status;
    s->actors_connected = s->actors_running = 0;
    s->env_steps = w->forgotten_steps;
    for (int i = 0; i < w->npeers; i++) {
        const struct peer *p = w->peers[i];
        s->actors_connected += peer_alive(p);
        s->actors_running += p->state == PEER_RUNNING;
        s->env_steps += p->env_steps_before + p->env_steps;
    }
    s->actors_cpu_s = actors_cpu_s(w);
    s->queued = w->queued;
    if (w->socket) /* the last of them stay in the books */
        s->cut = sock_cuts(w->socket) + wire_weights_server_cuts(w->weights);
    s->weights_rx_bad = wire_weights_server_bad(w->weights);
    s->weights_fanout_s = wire_weights_server_fanout_s(w->weights);
    describe_stall(w, s, clock_ms());
    *out = *s;
    pthread_mutex_unlock(&w->lock);
}

static struct wire_learner_actor describe_actor(const struct peer *p, int64_t now)
{
    static const char *const state[] = {[PEER_CLOSED] = "gone",
                                        [PEER_ABSENT] = "absent",
                                        [PEER_JOINED] = "joined",
                                        [PEER_RUNNING] = "running"};
    struct wire_learner_actor a = {.id = p->id,
                                   .pid = p->pid,
                                   .incarnation = p->incarnation,
                                   .state = state[p->state],
                                   .silent_s = p->last_rx_ms ? (double)(now - p->last_rx_ms) * 1e-3
                                                             : (double)NAN,
                                   .cpu_s = (double)(p->cpu_ms_before + p->cpu_ms) * 1e-3,
                                   .env_steps = p->env_steps_before + p->env_steps,
                                   .produced = p->produced,
                                   .unbooked = peer_outstanding(p)};
    snprintf(a.host, sizeof a.host, "%s", p->host);
    return a;
}

int wire_learner_actors(struct wire_learner *w, struct wire_learner_actor *out, int max, int *all)
{
    int64_t now = clock_ms();
    pthread_mutex_lock(&w->lock);
    int n = w->npeers < max ? w->npeers : max;
    for (int i = 0; i < n; i++)
        out[i] = describe_actor(w->peers[i], now);
    *all = w->npeers;
    pthread_mutex_unlock(&w->lock);
    return n;
}

/* --- drain ------------------------------------------------------------------------------- */

static bool any_actor_alive(struct wire_learner *w)
{
    bool any = false;
    pthread_mutex_lock(&w->lock);
    for (int i = 0; i < w->nopen; i++)
        any |= peer_alive(w->peers[i]);
    pthread_mutex_unlock(&w->lock);
    return any;
}

void wire_learner_drain(struct wire_learner *w, int timeout_ms)
{
    open_gate(w);
    atomic_store(&w->draining, true);
    wake(w);
    int64_t end = clock_ms() + timeout_ms;
    while (w->running && any_actor_alive(w) && clock_ms() < end)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    stop_threads(w, 500);
    pthread_mutex_lock(&w->lock);
    while (w->nopen > 0)
        peer_close(w, w->peers[0], LEDGER_LOST_ACTOR_UNKNOWN, 0);
    pthread_mutex_unlock(&w->lock);
}

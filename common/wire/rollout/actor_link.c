/* SPDX-License-Identifier: MIT */
/* actor_link.c - the life of the actor's link, from create to leave; see actor_link.h and
 * actor_state.h. */
#include "common/wire/rollout/actor_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/trace.h"
#include "common/base/xmalloc.h"
#include "common/wire/rollout/actor_state.h"
#include "session.pb-c.h"

enum { POLL_SLICE_MS = 20, HOST_SLICE_MS = 2, BYE_EVERY_MS = 500, BYE_WAIT_MS = 2000 };

/* --- life -------------------------------------------------------------------------------- */

int wire_actor_create(struct wire_actor **out, const struct wire_actor_params *p,
                      struct onic_err *err)
{
    *out = NULL;
    if (!p->learner || strlen(p->learner) >= SOCK_ADDRESS_MAX)
        return err_set(err, ONIC_ECONFIG,
                       "--learner: the address is missing or longer than %d characters",
                       SOCK_ADDRESS_MAX - 1);
    struct wire_actor *w = xcalloc(1, sizeof *w);
    snprintf(w->learner, sizeof w->learner, "%s", p->learner);
    w->copy = strncmp(p->learner, "inproc:", 7) == 0;
    w->state_dir = xstrdup(p->state_dir ? p->state_dir : "");
    w->fixed_options = xstrdup(p->fixed_options ? p->fixed_options : "");
    w->wanted_id = p->actor_id < 0 ? -1 : p->actor_id;
    w->orphan_timeout_s = p->orphan_timeout_s;
    w->own_context = p->zmq_context == NULL;
    w->context = w->own_context ? zmq_ctx_new() : p->zmq_context;
    ONIC_ASSERT(w->context != NULL);
    w->arena = meta_arena_create();
    w->keys = p->keys;
    w->pull = wire_weights_pull_create(w->context, w->arena, w->keys);
    w->created_ms = w->heard_ms = w->polled_ms = clock_ms();
    w->stood_still_ms = clock_stood_still_ms();
    if (gethostname(w->host, sizeof w->host - 1) != 0)
        snprintf(w->host, sizeof w->host, "unknown");
    int rc = ONIC_OK;
    if (strlen(w->fixed_options) > FRAME_META_MAX / 2)
        rc = err_set(err, ONIC_ECONFIG, "the options fixed by hand are longer than %d bytes",
                     FRAME_META_MAX / 2);
    if (!rc && w->state_dir[0] && w->wanted_id >= 0) {
        struct onic_err page_err = {0};
        rc = ledger_page_open(&w->page, w->state_dir, (uint32_t)w->wanted_id, &w->previous,
                              &page_err);
        /* the page is a convenience for the books; the learner decides about duplicates */
        if (rc) {
            log_warn(page_err.msg);
            rc = ONIC_OK;
        }
        w->held = ledger_page_held(w->page);
    }
    if (!rc)
        rc = wire_actor_open_socket(w, err);
    if (rc) {
        wire_actor_free(w);
        return rc;
    }
    *out = w;
    return ONIC_OK;
}

static void free_blocks(struct wire_actor *w)
{
    for (int i = 0; i <= BOUND_WINDOW; i++) {
        struct trajectory_block *b = w->blocks[i];
        for (int tries = 0; b && tries < 1000 && atomic_load(&b->refs) > 0; tries++)
            nanosleep(&(struct timespec){.tv_nsec = 1000000},
                      NULL); /* libzmq closes sockets in the background */
        if (b && atomic_load(&b->refs) == 0)
            trajectory_block_free(b); /* else leaked: better than memory that is still read */
    }
}

void wire_actor_free(struct wire_actor *w)
{
    if (!w)
        return;
    sock_close(w->socket, 0);
    wire_weights_pull_free(w->pull);
    if (w->own_context)
        sock_context_end(w->context);
    free_blocks(w);
    ledger_page_close(w->page);
    meta_arena_free(w->arena);
    free(w->state_dir);
    free(w->fixed_options);
    free(w->config);
    free(w->resume);
    free(w->env_text);
    free(w->net_text);
    free(w);
}

/* --- the conversation -------------------------------------------------------------------- */

static int final_state(const struct wire_actor *w, struct onic_err *err)
{
    if (w->final_rc)
        return err_set(err, w->final_rc, "%s", w->final_err.msg);
    if (w->draining)
        return err_set(err, ONIC_ESTOPPED, "the learner asked its actors to finish");
    return ONIC_OK;
}

static void wait_for_message(struct wire_actor *w, int timeout_ms)
{
    zmq_pollitem_t items[] = {{.socket = w->socket, .events = ZMQ_POLLIN},
                              {.socket = wire_weights_pull_socket(w->pull), .events = ZMQ_POLLIN}};
    if (timeout_ms > POLL_SLICE_MS && w->state == LINK_CONNECTING)
        timeout_ms = POLL_SLICE_MS; /* HELLO is tried again: there is no event for "connected" */
    if (timeout_ms > HOST_SLICE_MS && wire_weights_pull_waits_for_host(w->pull))
        timeout_ms = HOST_SLICE_MS;
    zmq_poll(items, items[1].socket ? 2 : 1, timeout_ms);
}

/* One round: read, keep time, pull, send. */
static void turn(struct wire_actor *w, int timeout_ms)
{
    if (timeout_ms > 0 && w->socket)
        wait_for_message(w, timeout_ms);
    wire_actor_read(w);
    wire_actor_keep_time(w);
    if (w->ready_once)
        wire_weights_pull_poll(w->pull, w->weights_version);
    wire_actor_flush(w);
}

int wire_actor_welcome(struct wire_actor *w, int timeout_ms, struct wire_welcome *out,
                       struct onic_err *err)
{
    int64_t end = clock_ms() + timeout_ms;
    while (!w->welcomed_once && !w->final_rc) {
        int64_t left = end - clock_ms();
        turn(w, left > POLL_SLICE_MS ? POLL_SLICE_MS : left > 0 ? (int)left : 0);
        if (left <= 0)
            break;
    }
    if (w->final_rc)
        return final_state(w, err);
    if (!w->welcomed_once)
        return err_set(err, ONIC_EAGAIN, "no answer from %s yet", w->learner);
    *out = (struct wire_welcome){.config_text = w->config,
                                 .config_len = w->config_len,
                                 .actor_id = w->id,
                                 .incarnation = w->incarnation,
                                 .deterministic = w->deterministic,
                                 .resume = w->resume,
                                 .resume_len = w->resume_len};
    return ONIC_OK;
}

static void open_page(struct wire_actor *w)
{
    struct onic_err err = {0};
    /* whoever had this number before was booked when it was given to us */
    struct ledger_page_content ignored;
    if (!w->page && w->state_dir[0] && w->wanted_id < 0 &&
        ledger_page_open(&w->page, w->state_dir, w->id, &ignored, &err) != ONIC_OK)
        log_warn(err.msg);
    ledger_page_hold(w->page, &w->held);
    ledger_page_begin(w->page, w->run_id, w->incarnation,
                      (uint64_t)w->shape.T * (uint64_t)w->shape.E);
}

int wire_actor_ready(struct wire_actor *w, const struct wire_ready *r, struct onic_err *err)
{
    ONIC_ASSERT(w->welcomed_once && !w->ready_once);
    if (!trajectory_shape_valid(&r->shape))
        return err_set(err, ONIC_ECONFIG,
                       "trajectories of %d steps of %d environments with %zu bytes per observation "
                       "are out of range; "
                       "use a smaller env.count or train.rollout",
                       r->shape.T, r->shape.E, r->shape.obs_bytes);
    if (strlen(r->env_text) >= FRAME_META_MAX || strlen(r->net_text) >= FRAME_META_MAX)
        return err_set(err, ONIC_EINVAL, "a specification is longer than %d bytes", FRAME_META_MAX);
    w->shape = r->shape;
    w->env_text = xstrdup(r->env_text);
    w->net_text = xstrdup(r->net_text);
    w->weights_floats = r->weights_floats;
    for (int i = 0; i <= w->window; i++)
        w->blocks[i] = trajectory_block_create(&w->shape);
    wire_weights_pull_size(w->pull, r->weights_floats);
    open_page(w);
    w->ready_once = true;
    w->polled_ms = w->heard_ms = clock_ms(); /* building took its time: that was not silence */
    w->stood_still_ms = clock_stood_still_ms();
    if (w->state == LINK_WELCOMED)
        wire_actor_send_ready(w);
    return w->final_rc ? final_state(w, err) : ONIC_OK;
}

int wire_actor_poll(struct wire_actor *w, int timeout_ms, struct onic_err *err)
{
    if (!w->final_rc)
        turn(w, w->draining ? 0 : timeout_ms);
    return final_state(w, err);
}

const float *wire_actor_weights(const struct wire_actor *w, uint64_t *version)
{
    return wire_weights_pull_get(w->pull, version);
}

/* --- leaving ----------------------------------------------------------------------------- */

int wire_actor_leave(struct wire_actor *w, int timeout_ms, struct onic_err *err)
{
    (void)err;
    int64_t end = clock_ms() + timeout_ms, said = 0;
    w->draining = true;
    while (w->produced > w->acked && clock_ms() < end && !w->final_rc)
        turn(w, POLL_SLICE_MS);
    end = clock_ms() + (timeout_ms < BYE_WAIT_MS ? timeout_ms : BYE_WAIT_MS);
    while (w->welcomed_once && !w->bye_acked && clock_ms() < end && !w->final_rc) {
        if (clock_ms() - said >= BYE_EVERY_MS) {
            wire_actor_send_bye(w);
            said = clock_ms();
        }
        turn(w, POLL_SLICE_MS);
    }
    if (w->bye_acked)
        trace(LEFT, .actor = w->id, .incarnation = w->incarnation, .seq = w->produced,
              .version = w->acked);
    if (w->bye_acked)
        ledger_page_update(w->page, w->produced, w->produced, w->steps_put + w->steps_since);
    else if (w->welcomed_once)
        log_warn("left without the learner's answer",
                 kv("unsettled", (int64_t)(w->produced - w->acked)));
    return ONIC_OK;
}

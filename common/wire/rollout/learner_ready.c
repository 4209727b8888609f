/* SPDX-License-Identifier: MIT */
/* learner_ready.c - READY: what an actor has built, and whether it may play (R11); see
 * learner_state.h.
 *
 * What an account has in the ledger is counted in trajectories and in environment steps, so many
 * to each trajectory. How many environments an actor has is its own business; that it stays so
 * while its account is open is not. */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/trace.h"
#include "common/data/trajectory_block.h"
#include "common/wire/rollout/learner_state.h"
#include "session.pb-c.h"

enum { CROWD_MS = 600000 };

static bool read_actions(const Onic__Wire__Ready *m, struct action_space *out)
{
    char text[ACTION_TEXT_MAX];
    *out = (struct action_space){.n = (int)m->actions};
    if (m->action_space.len == 0)
        return true;
    if (m->action_space.len >= sizeof text)
        return false;
    memcpy(text, m->action_space.data, m->action_space.len);
    text[m->action_space.len] = '\0';
    return action_space_read(text, out) && out->n == (int)m->actions;
}

static bool read_claim(const Onic__Wire__Ready *m, const struct frame *f, struct ready_claim *c)
{
    if (!m || m->env_bytes >= FRAME_META_MAX || m->net_bytes >= FRAME_META_MAX ||
        m->env_bytes + m->net_bytes != f->head.bulk_len || m->steps > BOUND_STEPS ||
        m->envs > BOUND_ENVS || m->actions > BOUND_ACTIONS || m->state_size > BOUND_STATE ||
        m->nstats > BOUND_STATS)
        return false;
    c->shape = (struct trajectory_shape){.T = (int)m->steps,
                                         .E = (int)m->envs,
                                         .obs_bytes = m->obs_bytes,
                                         .state_size = (int)m->state_size,
                                         .nstats = (int)m->nstats,
                                         .snapshot_bytes = m->snapshot_bytes};
    if (!read_actions(m, &c->shape.actions))
        return false;
    c->weights_floats = m->weights_floats;
    c->env = (const char *)f->bulk;
    c->env_len = m->env_bytes;
    c->net = c->env + c->env_len;
    c->net_len = m->net_bytes;
    return true;
}

static void set_reference_shape(struct wire_learner *w, const struct ready_claim *c)
{
    w->shape = c->shape;
    w->has_shape = true;
    if (!w->env_known) {
        memcpy(w->env_text, c->env, c->env_len);
        w->env_text[c->env_len] = '\0';
        w->env_known = true;
    }
}

/* What credit lets it send; and once more, where it has gone back and sends all again. */
static size_t bytes_under_way(const struct wire_learner *w, const struct peer *p)
{
    size_t trajectories = 2 * (size_t)w->p.window + 1;
    return trajectories * trajectory_bytes_max(&p->shape) + READY_BYTES;
}

/* More actors than can play at once without their trajectories becoming too old. */
static void warn_of_too_many(struct wire_learner *w, const struct peer *p)
{
    uint64_t running = 0, load = load_of(w, p->steps_each);
    if (!load || w->p.deterministic)
        return;
    uint64_t room = lag_room(w) / load;
    for (int i = 0; i < w->nopen; i++)
        running += w->peers[i]->state == PEER_RUNNING;
    if (running <= room || !log_every_ms(&w->crowd_log_ms, CROWD_MS))
        return;
    log_warn("more actors than train.max_policy_lag lets play at the same time; the others wait. A "
             "larger train.batch or train.max_policy_lag lets more play",
             kv("actors", running), kv("at_a_time", room),
             kv("train.max_policy_lag", w->p.max_policy_lag), kv("train.batch", w->p.batch_steps));
}

static uint64_t steps_of(const struct trajectory_shape *s)
{
    return (uint64_t)s->T * (uint64_t)s->E;
}

/* What its account has so far was of another length: it would change its size in the books. */
static void compare_with_account(const struct peer *p, const struct ready_claim *c,
                                 struct buf *diff)
{
    if (p->produced && p->steps_each && p->steps_each != steps_of(&c->shape))
        buf_printf(diff, "%senvironment steps of a trajectory: actor %llu, learner %llu",
                   diff->len ? "; " : "", (unsigned long long)steps_of(&c->shape),
                   (unsigned long long)p->steps_each);
}

void wire_learner_ready(struct wire_learner *w, struct peer *p, const struct frame *f)
{
    struct ready_claim c;
    const Onic__Wire__Ready *m =
        meta_unpack(w->arena, &onic__wire__ready__descriptor, f->meta, f->head.meta_len);
    struct buf diff;
    buf_init(&diff, 900);
    if (!read_claim(m, f, &c)) {
        buf_puts(&diff, "the READY message cannot be decoded");
    } else {
        wire_learner_compare(w, &c, &diff);
        compare_with_account(p, &c, &diff);
        size_t bytes = trajectory_bytes_max(&c.shape);
        if (!diff.len && !trajectory_shape_valid(&c.shape))
            buf_puts(&diff, "the trajectory shape is out of range");
        else if (!diff.len && bytes > BOUND_FRAME_BYTES)
            buf_printf(&diff,
                       "a trajectory of %d steps of %d environments may need %zu MiB, the limit is "
                       "%d MiB; use a "
                       "smaller env.count or train.rollout",
                       c.shape.T, c.shape.E, bytes >> 20, BOUND_FRAME_BYTES >> 20);
    }
    if (diff.len) {
        if (log_every_ms(&w->unfit_log_ms, 1000))
            log_error("an actor does not fit to this run", kv("actor", p->id), kv("host", p->host),
                      kv("differs", diff.data));
        wire_learner_reject(w, &p->route, &f->head, WIRE_REJECT_INCOMPATIBLE, diff.data);
        trace(ABSENT, .actor = p->id, .incarnation = p->incarnation);
        peer_close(w, p, LEDGER_LOST_ACTOR_UNKNOWN, 0);
        wire_learner_refused(w, p);
    } else {
        if (!w->has_shape)
            set_reference_shape(w, &c);
        peer_revoke_credit(w, p);
        p->shape = c.shape;
        p->steps_each = steps_of(&c.shape);
        p->frame_bytes = FRAME_HEADER + trajectory_fixed_bytes(&c.shape);
        p->state = PEER_RUNNING;
        sock_know(w->socket, &p->route, bytes_under_way(w, p));
        warn_of_too_many(w, p);
        peer_grant(w, p);
        wire_learner_credit(w, p, true);
    }
    buf_release(&diff);
}

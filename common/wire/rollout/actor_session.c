/* SPDX-License-Identifier: MIT */
/* actor_session.c - the conversation with the learner; see actor_state.h and rules R4 and R10
 * of common/wire/README.md.
 *
 * The link is a loop without memory of its own: after any break (learner restarted, network cut,
 * this process stopped for a minute) it says HELLO with its incarnation, gets WELCOME, says READY
 * again and is told how far everything is settled. What was sent before does not matter: the
 * learner goes on at settled_seq + 1 and throws the rest away.
 *
 * HELLO goes out before any data of a new session, and data carries epoch and incarnation, so that
 * a frame of before the break that is still in some pipe cannot overtake it and be taken for new.
 *
 * Silence is judged only after everything that has come was read, and never over a time in which
 * this thread did not run: a process that was stopped has not been left alone by the learner. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/trace.h"
#include "common/base/xmalloc.h"
#include "common/wire/frame/sock_trouble.h"
#include "common/wire/rollout/actor_state.h"
#include "session.pb-c.h"

enum { HWM = 4 * BOUND_WINDOW + 16 };

static const struct sock_bulk no_bulk = {0};

int wire_actor_open_socket(struct wire_actor *w, struct onic_err *err)
{
    struct sock_options o = {.hwm = HWM,
                             .max_msg_bytes = BOUND_FRAME_BYTES,
                             .keys = w->keys,
                             .peer = KEY_LEARNER,
                             .option = "--learner",
                             .attempt = w->attempts++};
    sock_close(w->socket, 0);
    w->socket = NULL;
    w->recreated_ms = clock_ms();
    return sock_connect(&w->socket, w->context, w->learner, &o, err);
}

static Onic__Wire__Account own_account(const struct wire_actor *w)
{
    Onic__Wire__Account a = ONIC__WIRE__ACCOUNT__INIT;
    a.incarnation = w->incarnation;
    a.produced = w->produced;
    a.acked = w->acked;
    a.steps_each = (uint64_t)w->shape.T * (uint64_t)w->shape.E;
    a.env_steps = w->steps_put + w->steps_since;
    a.cpu_ms = (uint64_t)clock_process_cpu_ns() / 1000000;
    return a;
}

static void session_send_hello(struct wire_actor *w)
{
    Onic__Wire__Hello m = ONIC__WIRE__HELLO__INIT;
    Onic__Wire__Account own = own_account(w), previous = ONIC__WIRE__ACCOUNT__INIT;
    if (w->held.incarnation) {
        m.held = w->held.incarnation;
        m.secret = (ProtobufCBinaryData){sizeof w->held.secret, w->held.secret};
    }
    m.role = WIRE_ROLE_ACTOR;
    m.actor_id = w->welcomed_once ? (int32_t)w->id : w->wanted_id;
    m.host = meta_bytes(w->host);
    m.pid = (uint32_t)getpid();
    m.fixed_options = meta_bytes(w->fixed_options);
    m.own = &own;
    if (w->previous.incarnation &&
        (!w->welcomed_once || memcmp(w->previous.run_id, w->run_id, 16) == 0)) {
        previous.incarnation = w->previous.incarnation;
        previous.produced = w->previous.produced;
        previous.acked = w->previous.acked;
        previous.steps_each = w->previous.steps_each;
        previous.env_steps = w->previous.env_steps;
        m.previous = &previous;
    }
    if (!wire_actor_send(w, FRAME_HELLO, &m.base, no_bulk, no_bulk))
        return;
    w->hello_ms = clock_ms();
    w->hello_sent_once = true;
    w->state = LINK_HELLO;
}

/* A learner closes a connection for weights that asks for none for long: so it is made now. */
static void session_connect_weights(struct wire_actor *w)
{
    struct onic_err err = {0};
    if (wire_weights_pull_connect(w->pull, w->weights_address, w->attempts - 1, w->run_id, w->epoch,
                                  &err) != ONIC_OK)
        log_warn(err.msg);
}

void wire_actor_send_ready(struct wire_actor *w)
{
    session_connect_weights(w);
    Onic__Wire__Ready m = ONIC__WIRE__READY__INIT;
    m.steps = (uint32_t)w->shape.T;
    m.envs = (uint32_t)w->shape.E;
    m.obs_bytes = w->shape.obs_bytes;
    m.actions = (uint32_t)w->shape.actions.n;
    m.state_size = (uint32_t)w->shape.state_size;
    m.nstats = (uint32_t)w->shape.nstats;
    m.snapshot_bytes = w->shape.snapshot_bytes;
    m.weights_floats = w->weights_floats;
    m.env_bytes = strlen(w->env_text);
    m.net_bytes = strlen(w->net_text);
    struct buf actions;
    buf_init(&actions, ACTION_TEXT_MAX);
    action_space_text(&w->shape.actions, &actions);
    if (w->shape.actions.kind != ACTION_DISCRETE || w->shape.actions.masked)
        m.action_space = (ProtobufCBinaryData){actions.len, (uint8_t *)actions.data};
    wire_actor_send(w, FRAME_READY, &m.base, (struct sock_bulk){w->env_text, m.env_bytes},
                    (struct sock_bulk){w->net_text, m.net_bytes});
    buf_release(&actions);
    w->hello_ms = clock_ms();
}

void wire_actor_send_bye(struct wire_actor *w)
{
    Onic__Wire__Bye m = ONIC__WIRE__BYE__INIT;
    Onic__Wire__Account own = own_account(w);
    m.own = &own;
    wire_actor_send(w, FRAME_BYE, &m.base, no_bulk, no_bulk);
}

static void send_heartbeat(struct wire_actor *w)
{
    Onic__Wire__Heartbeat m = ONIC__WIRE__HEARTBEAT__INIT;
    Onic__Wire__Account own = own_account(w);
    m.own = &own;
    w->heartbeat_ms = clock_ms();
    wire_actor_send(w, FRAME_HEARTBEAT, &m.base, no_bulk, no_bulk);
}

/* --- receiving --------------------------------------------------------------------------- */

static void session_finish(struct wire_actor *w, int rc, const char *text)
{
    if (!w->final_rc)
        w->final_rc = err_set(&w->final_err, rc, "%s", text);
}

static void first_welcome(struct wire_actor *w, const Onic__Wire__Welcome *m, const struct frame *f)
{
    w->id = m->actor_id;
    w->incarnation = m->incarnation;
    memcpy(w->run_id, f->head.run_id, sizeof w->run_id);
    w->window = (int)m->window;
    w->rounds = m->rounds ? (int)m->rounds : 1;
    w->deterministic = m->deterministic;
    w->next_index_base = m->next_index;
    w->steps_base = m->env_steps;
    w->max_policy_lag = m->max_policy_lag;
    w->held.incarnation = m->incarnation;
    memset(w->held.secret, 0, sizeof w->held.secret);
    if (m->secret.len == sizeof w->held.secret)
        memcpy(w->held.secret, m->secret.data, sizeof w->held.secret);
    ledger_page_hold(w->page, &w->held);
    w->config_len = m->config_bytes;
    w->config = xcalloc(1, w->config_len + 1);
    memcpy(w->config, f->bulk, w->config_len);
    w->resume_len = m->resume_bytes;
    if (w->resume_len)
        w->resume = memcpy(xmalloc(w->resume_len), f->bulk + w->config_len, w->resume_len);
    w->welcomed_once = true;
}

static bool is_place_of_weights(struct wire_actor *w, const char *announced)
{
    char text[700];
    if (sock_may_name(announced, w->learner))
        return true;
    snprintf(text, sizeof text,
             "the learner at %.250s names %.250s for its weights, a path of this machine, which is "
             "not its own; its --weights.listen must be a tcp address",
             w->learner, announced);
    session_finish(w, ONIC_EINCOMPATIBLE, text);
    return false;
}

static void session_welcome(struct wire_actor *w, const struct frame *f)
{
    const Onic__Wire__Welcome *m =
        meta_unpack(w->arena, &onic__wire__welcome__descriptor, f->meta, f->head.meta_len);
    if (!m || m->config_bytes > f->head.bulk_len ||
        m->config_bytes + m->resume_bytes != f->head.bulk_len || m->window < 1 ||
        m->window > BOUND_WINDOW || m->weights_address.len >= SOCK_ADDRESS_MAX)
        return;
    if (w->state != LINK_HELLO && w->welcomed_once)
        return; /* the answer to a HELLO said twice */
    if (w->welcomed_once && m->incarnation != w->incarnation)
        return;
    if (w->welcomed_once && w->epoch != f->head.epoch)
        log_info("the learner was restarted", kv("epoch", (int64_t)f->head.epoch),
                 kv("to_send_again", (int64_t)(w->produced - w->acked)));
    char announced[SOCK_ADDRESS_MAX];
    meta_text(announced, sizeof announced, &m->weights_address);
    if (!is_place_of_weights(w, announced))
        return;
    sock_reachable(announced, w->learner, w->weights_address);
    if (!w->welcomed_once)
        first_welcome(w, m, f);
    w->epoch = f->head.epoch;
    trace(WELCOMED, .actor = w->id, .incarnation = w->incarnation, .n = w->epoch,
          .seq = trace_hash(w->run_id, sizeof w->run_id));
    w->weights_version = 0;
    w->state = LINK_WELCOMED;
    w->hello_ms = w->heartbeat_ms = clock_ms();
    if (w->ready_once)
        wire_actor_send_ready(w);
}

static void credit(struct wire_actor *w, const struct frame *f)
{
    const Onic__Wire__Credit *m =
        meta_unpack(w->arena, &onic__wire__credit__descriptor, f->meta, f->head.meta_len);
    if (!m || m->ack > w->produced)
        return;
    if (w->state == LINK_WELCOMED && w->ready_once && m->go_back) {
        w->state = LINK_RUNNING;
        w->credit_until = 0;
        w->sent = m->ack;
        w->heartbeat_ms = 0;
    }
    if (w->state != LINK_RUNNING)
        return;
    if (m->weights_version)
        w->weights_version = m->weights_version;
    wire_actor_settled(w, m->ack);
    if (m->credit_until > w->credit_until)
        w->credit_until = m->credit_until;
    if (m->go_back || w->sent < w->acked)
        w->sent = w->acked;
    trace(CREDIT, .actor = w->id, .incarnation = w->incarnation, .n = w->epoch,
          .seq = m->credit_until, .version = m->ack);
}

static void reject(struct wire_actor *w, const struct frame *f)
{
    char text[900];
    snprintf(
        text, sizeof text,
        "the learner at %s speaks protocol %d.%d, this actor %d.%d; use the same release on both "
        "sides",
        w->learner, f->head.major, f->head.minor, FRAME_MAJOR, FRAME_MINOR);
    if (f->head.major != FRAME_MAJOR) {
        session_finish(w, ONIC_EINCOMPATIBLE, text);
        return;
    }
    const Onic__Wire__Reject *m =
        meta_unpack(w->arena, &onic__wire__reject__descriptor, f->meta, f->head.meta_len);
    if (!m)
        return;
    meta_text(text, sizeof text, &m->text);
    if (!text[0])
        snprintf(text, sizeof text,
                 "the learner at %s refuses this actor without a reason (code %u)", w->learner,
                 m->code);
    switch (m->code) {
    case WIRE_REJECT_FENCED:
    case WIRE_REJECT_DUPLICATE:
        session_finish(w, ONIC_EFENCED, text);
        break;
    case WIRE_REJECT_REVOKED:
        session_finish(w, ONIC_EINTERNAL, text);
        break;
    case WIRE_REJECT_OTHER_RUN:
        session_finish(w, ONIC_ETIMEDOUT, text);
        break;
    case WIRE_REJECT_KEY:
        session_finish(w, ONIC_EAUTH, text);
        break;
    case WIRE_REJECT_RETRY: /* not all at the same time */
        w->hello_ms = clock_ms() + (int64_t)(clock_ns() / 1000 % HELLO_EVERY_MS);
        if (log_every_ms(&w->log_ms, COMPLAIN_MS))
            log_warn(text);
        break;
    default:
        session_finish(w, ONIC_EINCOMPATIBLE, text);
    }
}

/* True when this message belongs to the present conversation. */
static bool is_for_us(const struct wire_actor *w, const struct frame_head *h)
{
    if (!w->welcomed_once)
        return h->type == FRAME_WELCOME || h->type == FRAME_REJECT;
    if (h->type == FRAME_WELCOME || h->type == FRAME_REJECT || h->type == FRAME_HELLO_REQUIRED ||
        h->type == FRAME_BYE_ACK)
        return h->actor_id == w->id && h->incarnation == w->incarnation;
    return h->epoch == w->epoch && h->incarnation == w->incarnation;
}

static void session_handle(struct wire_actor *w, const struct frame *f)
{
    if (!is_for_us(w, &f->head))
        return;
    w->heard_ms = clock_ms();
    w->heard_once = true;
    switch (f->head.type) {
    case FRAME_WELCOME:
        session_welcome(w, f);
        break;
    case FRAME_CREDIT:
        credit(w, f);
        break;
    case FRAME_REJECT:
        reject(w, f);
        break;
    case FRAME_HELLO_REQUIRED:
        if (w->state != LINK_HELLO || clock_ms() - w->hello_ms > HELLO_EVERY_MS)
            session_send_hello(w);
        break;
    case FRAME_DRAIN:
        w->draining = true;
        break;
    case FRAME_BYE_ACK:
        w->bye_acked = true;
        break;
    default:
        break;
    }
}

void wire_actor_read(struct wire_actor *w)
{
    zmq_msg_t msg;
    enum sock_got got;
    while (w->socket && (got = sock_recv(w->socket, NULL, &msg)) != SOCK_NOTHING) {
        struct frame f;
        if (got != SOCK_FRAME)
            continue;
        enum frame_bad bad = frame_parse(&f, zmq_msg_data(&msg), zmq_msg_size(&msg));
        if (bad == FRAME_FINE)
            session_handle(w, &f);
        else if (log_every_ms(&w->log_ms, 1000))
            log_warn("a message of the learner was thrown away", kv("reason", frame_bad_name(bad)));
        zmq_msg_close(&msg);
    }
}

/* --- time -------------------------------------------------------------------------------- */

/* Whether this actor may join at all; trouble: why it does not get through, or "". One that is not
 * answered by the key that it expects looks for the next, or for one that was put there since. */
static void session_check_keys(struct wire_actor *w, int64_t now, char trouble[SOCK_TROUBLE_TEXT])
{
    trouble[0] = '\0';
    if (w->heard_once && now - w->heard_ms < SILENCE_MS)
        return;
    enum sock_trouble t = sock_trouble(w->socket, trouble);
    if (t == SOCK_REFUSED)
        session_finish(w, ONIC_EAUTH, trouble);
    w->other_key = t == SOCK_SHUT && w->keys;
}

static void session_complain(struct wire_actor *w, int64_t now, const char *trouble)
{
    int64_t since = w->heard_once ? w->heard_ms : w->created_ms;
    if (now - since < (*trouble ? TROUBLE_MS : COMPLAIN_MS) ||
        (w->complained_ms && now - w->complained_ms < COMPLAIN_AGAIN_MS))
        return;
    w->complained_ms = now;
    char text[SOCK_TROUBLE_TEXT + 32], why[128];
    if (*trouble)
        snprintf(text, sizeof text, "%s. Trying on", trouble);
    else if (w->heard_once)
        snprintf(
            text, sizeof text,
            "the learner at %s has been silent for %.0f s; waiting with %llu unsent trajectories",
            w->learner, (double)(now - since) * 1e-3, (unsigned long long)(w->produced - w->acked));
    else if (w->hello_sent_once)
        snprintf(
            text, sizeof text,
            "connected to %s but no WELCOME for %.0f s: wrong port, or the peer is not an "
            "onic learner of this protocol, or a learner without an open file left (it says so)",
            w->learner, (double)(now - since) * 1e-3);
    else if (!sock_resolves(w->learner, why))
        snprintf(text, sizeof text, "%s cannot be reached: %s. Trying on", w->learner, why);
    else
        snprintf(text, sizeof text,
                 "nobody answers at %s: is the learner running there, and on that port? Trying on",
                 w->learner);
    log_warn(text);
}

/* The learner answers, and the second address that it named does not: a firewall, a container whose
 * port is not published, an address of another network. */
static void complain_of_weights(struct wire_actor *w, int64_t now)
{
    int64_t silent = wire_weights_pull_silent_ms(w->pull);
    if (silent < COMPLAIN_MS ||
        (w->complained_weights_ms && now - w->complained_weights_ms < COMPLAIN_AGAIN_MS))
        return;
    char text[900], why[128], trouble[SOCK_TROUBLE_TEXT];
    const char *address = wire_weights_pull_address(w->pull);
    w->complained_weights_ms = now;
    if (sock_trouble(wire_weights_pull_socket(w->pull), trouble) != SOCK_FINE) {
        log_warn(trouble);
        return;
    }
    bool known = sock_resolves(address, why);
    snprintf(text, sizeof text,
             "no weights come from %.255s for %.0f s%s%s, though the learner at %.255s answers; "
             "this second address of it must be reachable from here: let its port through, or "
             "give the learner another with --weights.listen=tcp://HOST:PORT. Trying on",
             address, (double)silent * 1e-3, known ? "" : ": ", why, w->learner);
    log_warn(text);
}

/* Nobody was here for longer than a lease: the process was stopped, or its thread is stuck. */
static void check_pause(struct wire_actor *w, int64_t now)
{
    int64_t unheard = now - w->polled_ms, stood_still = clock_stood_still_ms();
    int64_t gap = unheard + stood_still - w->stood_still_ms; /* as the learner counts */
    w->polled_ms = now;
    w->stood_still_ms = stood_still;
    if (unheard > HEARTBEAT_EVERY_MS / 2)
        w->heard_ms += unheard; /* not a silence of the learner's: nobody listened */
    if (gap < SUSPEND_MS || w->state != LINK_RUNNING)
        return;
    char text[120];
    snprintf(text, sizeof text, "paused for %.1f s; the lease may be lost, joining again",
             (double)gap * 1e-3);
    log_warn(text);
    session_send_hello(w);
}

static void check_silence(struct wire_actor *w, int64_t now)
{
    int64_t silent = now - w->heard_ms;
    if (silent > SUSPEND_MS && !w->suspended) {
        w->suspended = true;
        if (w->heard_once)
            log_warn("suspended: the learner is silent", kv("address", w->learner));
    }
    if (silent < SUSPEND_MS && w->suspended) {
        w->suspended = false;
        w->complained_ms = 0;
        log_info("the learner answers", kv("address", w->learner));
    }
    bool unreached = (w->other_key || (!w->hello_sent_once && sock_is_name(w->learner))) &&
                     now - w->recreated_ms > SOCK_NAME_RETRY_MS;
    if (unreached || (w->suspended && now - w->recreated_ms > RECREATE_MS)) {
        struct onic_err err = {0};
        if (wire_actor_open_socket(w, &err) != ONIC_OK)
            log_warn(err.msg);
        wire_weights_pull_reconnect(w->pull);
        w->hello_ms = 0;
    }
    if (w->state == LINK_RUNNING && silent > SILENCE_MS)
        session_send_hello(w); /* stays RUNNING until it could be sent */
}

void wire_actor_keep_time(struct wire_actor *w)
{
    int64_t now = clock_ms();
    check_pause(w, now);
    bool building = w->state == LINK_WELCOMED && !w->ready_once;
    if (building) {
        w->heard_ms = now; /* the learner has nothing to say until READY */
    } else {
        char trouble[SOCK_TROUBLE_TEXT];
        session_check_keys(w, now, trouble);
        session_complain(w, now, trouble);
        if (w->state == LINK_RUNNING && !w->suspended)
            complain_of_weights(w, now);
        check_silence(w, now);
    }
    if (w->state == LINK_CONNECTING ||
        (w->state == LINK_HELLO && now - w->hello_ms > HELLO_EVERY_MS) ||
        (w->state == LINK_WELCOMED && w->ready_once && now - w->hello_ms > SILENCE_MS))
        session_send_hello(w);
    if ((building || w->state == LINK_RUNNING) && now - w->heartbeat_ms > HEARTBEAT_EVERY_MS)
        send_heartbeat(w);
    if (w->orphan_timeout_s && now - w->heard_ms > (int64_t)w->orphan_timeout_s * 1000) {
        char text[400];
        snprintf(text, sizeof text, "no learner at %s for %d s (--orphan-timeout); giving up",
                 w->learner, w->orphan_timeout_s);
        session_finish(w, ONIC_ETIMEDOUT, text);
    }
}

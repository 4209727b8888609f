/* SPDX-License-Identifier: MIT */
/* open.c - see open.h. A run is opened in the order that makes failures cheap and honest: directory
 * and lock, what the environment is, the network, the newest valid checkpoint, and only then a
 * socket that actors can find. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/audit.h"
#include "common/base/clock.h"
#include "common/base/cpu.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/process.h"
#include "common/base/run_lock.h"
#include "common/base/trace.h"
#include "common/base/xmalloc.h"
#include "common/config/overlay.h"
#include "common/run/run_dir.h"
#include "common/run/run_id.h"
#include "common/wire/keys/keys.h"
#include "learner/dashboard/dashboard_options.h"
#include "learner/process/distrust.h"
#include "learner/process/hparam_options.h"
#include "learner/process/learner_options.h"
#include "learner/process/open.h"
#include "learner/process/report.h"
#include "learner/process/resume.h"
#include "learner/process/resume_options.h"
#include "learner/train/trainer_options.h"

enum { TEXT_MAX = 1 << 20, INFLIGHT_BYTES_MAX = 512 << 20 };

/* --- what actors are told -------------------------------------------------------------------- */

static void welcome_text(const struct learner *r, const struct config *cfg, struct buf *out)
{
    char section[64] = "";
    for (int i = config_next(-1); i < CONFIG_COUNT; i = config_next(i)) {
        char key[64], value[CONFIG_STR_MAX];
        config_key(i, key);
        if (!config_is_for_actors(i) || config_get(cfg, key, value, sizeof value) != ONIC_OK)
            continue;
        char *name = strchr(key, '.') + 1;
        if (strcmp(key, "policy.net") == 0)
            snprintf(value, sizeof value, "%s", policy_config(trainer_policy(r->core))->net);
        if (strncmp(section, key, (size_t)(name - key)) != 0) {
            snprintf(section, sizeof section, "%.*s", (int)(name - key), key);
            buf_printf(out, "%.*s:\n", (int)(name - key) - 1, key);
        }
        buf_printf(out, "  %s: ", name);
        buf_json_string(out, value, strlen(value));
        buf_append(out, "\n", 1);
    }
}

/* --- links ----------------------------------------------------------------------------------- */

static int actors_per_round(const struct learner *r, const struct config *cfg, int *rounds,
                            struct onic_err *err)
{
    if (cfg->actors_count < 1)
        return err_set(err, ONIC_ECONFIG,
                       "a deterministic run needs a fixed number of actors: give --actors.count=N");
    *rounds = trainer_rounds(cfg, r->env.default_count);
    return ONIC_OK;
}

static struct trajectory_shape wanted_shape(const struct learner *r, const struct config *cfg)
{
    int S = policy_state_size(trainer_policy(r->core));
    return (struct trajectory_shape){
        .T = (int)cfg->train_rollout,
        .obs_bytes = r->env.obs.obs_bytes,
        .actions = r->env.actions,
        .state_size = S,
        .nstats = r->env.nstats,
        .snapshot_bytes =
            cfg->run_deterministic ? trajectory_snapshot_bytes(r->env.snapshot_bytes, S) : 0,
    };
}

static int open_wire(struct learner *r, const struct config *c, struct onic_err *err)
{
    struct buf config, env, net;
    int rounds = 1;
    if (!c->listen_address[0])
        return err_set(err, ONIC_ECONFIG,
                       "no address to listen on: give --listen=tcp://127.0.0.1:5555, for example");
    if (c->run_deterministic && r->env.snapshot_bytes == 0)
        return err_set(
            err, ONIC_ECONFIG,
            "run.deterministic needs an environment that can be saved exactly, and %s cannot: "
            "use one that is built in",
            r->env.id);
    int rc = c->run_deterministic ? actors_per_round(r, c, &rounds, err) : ONIC_OK;
    if (rc)
        return rc;
    buf_init(&config, TEXT_MAX);
    buf_init(&env, TEXT_MAX);
    buf_init(&net, TEXT_MAX);
    welcome_text(r, c, &config);
    env_describe_write(&r->env, &env);
    policy_text(trainer_policy(r->core), &net);
    int64_t envs = c->env_count ? c->env_count : r->env.default_count;
    /* One batch waits while one is trained on: more would only age (policy lag), less would starve.
     */
    int64_t per_batch = (c->train_batch + envs * c->train_rollout - 1) / (envs * c->train_rollout);
    struct wire_learner_params p = {
        .listen = c->listen_address,
        .weights_listen = c->weights_listen,
        .epoch = r->lineage.epoch,
        .lost_s = r->lineage.lost_s,
        .config_text = config.data,
        .config_len = config.len,
        .env_text = env.data,
        .net_text = net.data,
        .weights_bytes_per_s = c->weights_max_mb_s * 1e6,
        .weights_floats = policy_params(trainer_policy(r->core))->floats,
        .shape = wanted_shape(r, c),
        .obs = r->env.obs,
        .window = (int)c->train_window,
        .max_queued = (int)(per_batch < 65536 ? per_batch : 65536),
        .inflight_bytes_max = INFLIGHT_BYTES_MAX,
        .max_policy_lag = (uint64_t)c->train_max_policy_lag,
        .batch_steps = (uint64_t)c->train_batch,
        .value_most = trainer_value_most(c),
        .deterministic = c->run_deterministic,
        .deterministic_actors = (int)c->actors_count,
        .deterministic_rounds = rounds,
        .allow_insecure = c->security_allow_insecure,
        .keys = r->keys,
    };
    memcpy(p.run_id, r->lineage.run_id, sizeof p.run_id);
    memcpy(p.place_key, r->place_key, sizeof p.place_key);
    rc = wire_learner_create(&r->wire, &p, err);
    if (!rc) {
        struct batcher_params bp = {.wire = r->wire,
                                    .steps = c->train_batch,
                                    .actors = c->run_deterministic ? (int)c->actors_count : 0,
                                    .rounds = rounds,
                                    .max_policy_lag = (uint64_t)c->train_max_policy_lag};
        r->batcher = batcher_create(&bp);
    }
    buf_release(&config);
    buf_release(&env);
    buf_release(&net);
    return rc;
}

static int open_annotation(struct learner *r, const struct config *cfg, struct onic_err *err)
{
    bool wanted = reward_mix_type(trainer_reward(r->core))->traits.wants_labels;
    const char *address = wanted ? cfg->reward_server : "";
    if (wanted && !address[0])
        log_warn("no reward server is given (--reward.server=ADDR), so this run gets no labels",
                 kv("reward_model", reward_mix_type(trainer_reward(r->core))->name));
    int rc = label_client_of_options(&r->annotate, cfg, address, r->keys, err);
    if (!rc)
        label_client_hold(r->annotate, cfg->run_deterministic);
    return rc;
}

static int describe_metrics(struct learner *r, const struct config *cfg, struct onic_err *err)
{
    struct hparam_table *t = xmalloc(sizeof *t);
    hparam_options(t, cfg);
    int rc = metrics_describe(r->metrics, r->config.data, t->row, t->n, err);
    free(t);
    return rc;
}

static int open_metrics(struct learner *r, const struct config *cfg, struct onic_err *err)
{
    char title[CONFIG_STR_MAX];
    snprintf(title, sizeof title, "%s  %s  %s", r->env.id,
             reward_mix_type(trainer_reward(r->core))->name, dashboard_url(r->dashboard));
    struct metrics_params p = {
        .run_dir = r->dir,
        .every_s = cfg->metrics_every_s,
        .wall_before_s = r->lineage.wall_before_s,
        .steps_before = (int64_t)trainer_counters(r->core)->env_steps,
        .tensorboard = cfg->metrics_tensorboard,
        .panel = cfg->metrics_panel,
        .title = title,
        .frames_total = (uint64_t)cfg->run_frames,
        .stop_wall_s = cfg->stop_wall_s,
        .stop_success = cfg->stop_success,
        .histograms = report_weights,
        .histograms_ctx = r->core,
    };
    share_watch_start(&r->share, (uint64_t)cfg->run_frames);
    int rc = metrics_create(&r->metrics, &p, err);
    return rc ? rc : describe_metrics(r, cfg, err);
}

/* --- checkpoints ----------------------------------------------------------------------------- */

/* Everything but the wire's part, which needs the socket. */
static int load_checkpoint(struct learner *r, const struct checkpoint_file *f, struct onic_err *err)
{
    char checkpoints[LEARNER_TEXT_MAX + 16];
    unsigned how;
    int rc = resume_load(r->core, r->annotate, f, &how, err);
    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", r->dir);
    if (!rc)
        rc = distrust_keep(checkpoints, label_client_distrusts(r->annotate), err);
    if (!rc)
        rc = run_identity_load(&r->lineage, f, err);
    if (!rc)
        run_recording_resumed(r, f, how);
    return rc;
}

static int load_ledger(struct learner *r, const struct checkpoint_file *f, struct onic_err *err)
{
    const void *data;
    size_t len;
    int rc = checkpoint_get_bytes(f, "ledger", &data, &len, err);
    if (!rc)
        rc = wire_learner_load(r->wire, data, len, err);
    if (rc)
        return rc;
    /* what the accounts hold is counted there, of actors that live on, too */
    double known_s = r->lineage.cpu_actors_before_s, loaded_s = wire_learner_loaded_cpu_s(r->wire);
    r->lineage.cpu_actors_before_s = known_s > loaded_s ? known_s - loaded_s : 0;
    return ONIC_OK;
}

static void log_skipped(struct buf *report)
{
    char *save = NULL;
    for (char *line = strtok_r(report->data, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        log_warn("skipped a damaged checkpoint", kv("file", line));
}

/* *file is NULL for a fresh run. */
static int find_checkpoint(const char *run_dir, struct checkpoint_file **file, struct onic_err *err)
{
    struct buf report;
    buf_init(&report, TEXT_MAX);
    int rc = run_dir_newest(file, run_dir, &report, err);
    log_skipped(&report);
    buf_release(&report);
    if (rc == ONIC_ENOTFOUND) {
        *file = NULL;
        return ONIC_OK;
    }
    if (rc == ONIC_EDAMAGED)
        err_wrap(err, "the run cannot be resumed (--on-exists=overwrite starts afresh)");
    else if (rc) /* all may be well with the run */
        err_wrap(err, "the run cannot be resumed");
    return rc;
}

/* The first checkpoint proves that checkpoints can be written, before any work is at stake. */
static int first_checkpoint(struct learner *r, struct onic_err *err)
{
    struct checkpoint_writer_result result;
    learner_checkpoint(r);
    checkpoint_writer_wait(r->checkpoints);
    checkpoint_writer_look(r->checkpoints, &result);
    if (result.failures)
        return err_set(err, ONIC_ECANTCREATE, "the first checkpoint cannot be written: %s",
                       result.err.msg);
    return ONIC_OK;
}

static void say_resumed(struct learner *r, const struct checkpoint_file *f)
{
    const struct learner_counters *n = trainer_counters(r->core);
    log_info("resumed", kv("checkpoint", checkpoint_path(f)), kv("update", n->version),
             kv("env_steps", n->env_steps), kv("epoch", r->lineage.epoch));
    metrics_set(r->metrics, "env_steps", (double)n->env_steps);
    metrics_set(r->metrics, "updates", (double)n->version);
    metrics_set(r->metrics, "weights_version", (double)n->version);
}

/* --- all of it ------------------------------------------------------------------------------- */

/* Its lock and the resolved options; nothing in it is changed. */
static int open_dir(struct learner *r, const struct config *given, struct config *cfg,
                    bool *existed, struct onic_err *err)
{
    int rc = run_dir_name(given, r->dir, sizeof r->dir, err);
    return rc ? rc : run_dir_open(r->dir, given, cfg, &r->lock_fd, existed, err);
}

/* From here on the directory is that of this life: a run that is overwritten is gone. */
static int begin_life(struct learner *r, const struct config *cfg, bool existed,
                      struct onic_err *err)
{
    bool below_launcher = run_lock_is_inherited(); /* then config.yaml is already written */
    int rc = below_launcher ? ONIC_OK : run_dir_write(r->dir, cfg, existed, err);
    r->config_is_ours = !rc && !below_launcher;
    r->lock_is_ours = !below_launcher;
    return rc ? rc : place_key_of_run(r->dir, r->place_key, err);
}

static int open_links(struct learner *r, const struct config *cfg, struct checkpoint_file *from,
                      struct onic_err *err)
{
    int rc = open_wire(r, cfg, err);
    if (!rc && from)
        rc = load_ledger(r, from, err);
    if (!rc)
        rc = open_metrics(r, cfg, err);
    if (!rc && !from)
        rc = first_checkpoint(r, err);
    if (!rc) {
        r->published_version = trainer_counters(r->core)->version;
        trace(UPDATED, .version = r->published_version);
        wire_learner_publish(r->wire, trainer_weights(r->core), r->published_version);
    }
    return rc;
}

/* Two links of two threads each, reading, weights, checkpoints, the clock, the page; and those that
 * train, the reward model's among them. */
int learner_check_limits(const struct config *cfg, struct onic_err *err)
{
    int rc = process_need_files(wire_learner_files(1), "a learner", err);
    if (rc)
        return rc;
    struct trainer_params params;
    trainer_options(&params, cfg);
    int threads = 9 + trainer_threads_for(&params, cpu_usable()) - 1 +
                  (params.reward_beside ? 1 : 0) + (cfg->record_on ? 1 : 0);
    struct limits_need need = {.who = "onic-learner",
                               .threads = threads,
                               .address_mb = 32 + 8 * (size_t)threads,
                               .memory_mb = 20};
    return limits_check(&need, err);
}

static void open_monitor(struct learner *r)
{
    const struct reward_model_type *model = reward_mix_type(trainer_reward(r->core));
    r->monitor.metrics = r->metrics;
    r->monitor.env = r->env.id;
    r->monitor.reward_model = model->name;
    r->monitor.wants_labels = model->traits.wants_labels;
    run_id_text(r->lineage.run_id, r->monitor.run_id);
    monitor_mount(&r->monitor, dashboard_plane(r->dashboard));
}

/* What depends on options alone: what is wrong with them is said before anything is changed. */
static int open_core(struct learner *r, const struct config *cfg, struct onic_err *err)
{
    learner_options(&r->params, cfg);
    learner_options_kept(cfg, &r->config);
    int rc = env_query_of_options(cfg, &r->env, err);
    if (!rc)
        rc = trainer_of_options(&r->core, cfg, &r->env, err);
    const struct wire_keys_wish keys = {.folder = cfg->security_keys,
                                        .self = KEY_LEARNER,
                                        .address = {cfg->listen_address, cfg->reward_server}};
    if (!rc)
        rc = wire_keys_open(&r->keys, &keys, err);
    if (!rc)
        rc = open_annotation(r, cfg, err);
    struct dashboard_params page;
    dashboard_options(&page, cfg, r->dir);
    return rc ? rc : dashboard_open(&r->dashboard, &page, err);
}

/* An address that is no good, or in use, should not cost a run that is overwritten. Nobody is heard
 * before weights are published, so these sockets speak to nobody. */
static int try_wire(struct learner *r, const struct config *cfg, struct onic_err *err)
{
    int rc = open_wire(r, cfg, err);
    batcher_free(r->batcher);
    wire_learner_free(r->wire);
    r->batcher = NULL;
    r->wire = NULL;
    return rc;
}

/* In a directory that is ours now. */
static int open_parts(struct learner *r, const struct config *cfg, struct onic_err *err)
{
    char checkpoints[LEARNER_TEXT_MAX + 16];
    struct checkpoint_file *from = NULL;
    r->replays =
        episode_log_of_options(cfg, r->dir, r->env.id, policy_actions(trainer_policy(r->core)));
    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", r->dir);
    r->checkpoints = checkpoint_writer_create(checkpoints, (int)cfg->checkpoint_keep, &r->home);
    int rc = find_checkpoint(r->dir, &from, err);
    if (!rc)
        rc = run_identity_begin(&r->lineage, r->dir, from, err);
    if (!rc)
        rc = run_home_open(&r->home, r->dir, err);
    episode_log_ask(r->replays, &r->home);
    if (!rc)
        audit_open_in(r->dir, "learner");
    if (!rc && from)
        rc = resume_check_lock_step(from, cfg, &r->env, err);
    if (!rc)
        rc = run_recording_open(r, err);
    if (!rc && from)
        rc = load_checkpoint(r, from, err);
    if (!rc)
        rc = open_links(r, cfg, from, err);
    if (!rc && from)
        report_load(r->metrics, from);
    if (!rc && from)
        say_resumed(r, from);
    r->checkpoint_steps = trainer_counters(r->core)->env_steps;
    r->checkpoint_ms = clock_ms();
    checkpoint_close(from);
    if (!rc)
        open_monitor(r);
    if (!rc)
        dashboard_start(r->dashboard, &r->home, r->metrics, r->wire);
    return rc;
}

int learner_open(struct learner *r, const struct config *given, struct onic_err *err)
{
    r->lock_fd = -1;
    buf_init(&r->config, TEXT_MAX);
    struct config *cfg = xmalloc(sizeof *cfg);
    bool existed = false;
    int rc = open_dir(r, given, cfg, &existed, err);
    if (!rc)
        rc = open_core(r, cfg, err);
    if (!rc && given->run_on_exists == CONFIG_run_on_exists_overwrite)
        rc = try_wire(r, cfg, err);
    if (!rc)
        rc = begin_life(r, cfg, existed, err);
    if (!rc)
        rc = open_parts(r, cfg, err);
    free(cfg);
    return rc;
}

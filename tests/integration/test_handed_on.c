/* timeout: 300 */
/* SPDX-License-Identifier: MIT */
/* test_handed_on.c - what comes from somebody else (a learner's WELCOME, a kept episode, a
 * checkpoint, a run directory that others can write) decides what is played, and runs no code,
 * reads no path and reaches no address: against the real programs, with a library that says when
 * it is loaded. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/xmalloc.h"
#include "common/checkpoint/checkpoint.h"
#include "common/config/options.h"
#include "common/config/overlay.h"
#include "common/wire/rollout/learner_link.h"
#include "tests/onic_test.h"
#include "tests/support/scene.h"
#include "tests/support/strange_option.h"

static char dir[256], library[300], touched[300], crafted[300], kept[300];

static void in_shell(const char *line)
{
    char command[2000];
    snprintf(command, sizeof command, "cd '%s' && %s", dir, line);
    if (system(command) != 0)
        fail_msg("%s", command);
}

static int handed_on_setup(void **state)
{
    struct program p;
    (void)state;
    temp_dir_create(dir);
    snprintf(library, sizeof library, "%s/tests/touch_code.so", getenv("ONIC_BUILD"));
    snprintf(touched, sizeof touched, "%s/touched", dir);
    snprintf(crafted, sizeof crafted, "%s/crafted.safetensors", dir);
    snprintf(kept, sizeof kept, "%s/kept.jsonl", dir);
    if (program_run(&p, dir, "train", "onic",
                    "train --run-dir=run --env.id=corridor:8 --reward.model=none "
                    "--reward.coef_int=0 --actors.count=1 --frames=4096 --train.batch=512 "
                    "--replay.every_episodes=20",
                    SCENE_LONG_MS) != 0)
        fail_msg("%s", program_text(p.err));
    in_shell("cp \"$(ls run/replays/*.jsonl | tail -n 1)\" kept.jsonl");
    return 0;
}

static int handed_on_teardown(void **state)
{
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

/* Ends with `code`; what it says on both outputs. No code of a stranger was run. */
static const char *without_touching(const char *name, const char *args, int code)
{
    static struct program p;
    static char text[1 << 17];
    char line[2200];
    unlink(touched);
    snprintf(line, sizeof line, "TOUCHED=%s %s", touched, args);
    int rc = program_run(&p, dir, "p", name, line, SCENE_LONG_MS);
    int n = snprintf(text, sizeof text / 2, "%s", program_text(p.out));
    snprintf(text + n, sizeof text / 2, "%s", program_text(p.err));
    if (access(touched, F_OK) == 0)
        fail_msg("%s %s ran the code: %s", name, args, text);
    if (rc != code)
        fail_msg("%s %s ended with %d: %s", name, args, rc, text);
    return text;
}

static void says(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in: %s", part, text);
}

/* --- files and peers of a stranger ------------------------------------------------------------ */

/* A checkpoint like that of the run, with another configuration. */
static void craft_checkpoint(const char *yaml)
{
    static const char *const facts[] = {"weights_version", "env_steps",        "adam_steps",
                                        "nonfinite",       "nonfinite_in_row", "value_norm"};
    char folder[300];
    struct checkpoint_file *f = NULL;
    struct checkpoint *c = checkpoint_create();
    snprintf(folder, sizeof folder, "%s/run/checkpoints", dir);
    assert_ok(checkpoint_newest_valid(&f, folder, NULL, &err));
    for (int i = 0; i < checkpoint_count(f); i++) {
        const struct checkpoint_tensor *t = checkpoint_at(f, i);
        if (t->dtype == CHECKPOINT_F32)
            checkpoint_add_f32(c, t->name, t->ndim == 2 ? (int)t->shape[0] : 1,
                               (int)t->shape[t->ndim - 1], t->data);
        else if (strcmp(t->name, "config") != 0)
            checkpoint_add_bytes(c, t->name, t->data, t->bytes);
    }
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (checkpoint_meta(f, facts[i]))
            checkpoint_add_meta(c, facts[i], checkpoint_meta(f, facts[i]));
    checkpoint_add_bytes(c, "config", yaml, strlen(yaml));
    assert_ok(checkpoint_write(c, crafted, &err));
    checkpoint_free(c);
    checkpoint_close(f);
}

/* The kept episode with more options: members of a JSON object, each with a comma before it; of two
 * with one name the last counts. */
static void craft_episode(const char *members)
{
    char path[400];
    static char text[1 << 17];
    snprintf(path, sizeof path, "%s/crafted.jsonl", dir);
    const char *old = program_text(kept), *at = strstr(old, "\"options\":{");
    assert_non_null(at);
    at = strchr(at, '}');
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - old), old, members, at);
    FILE *f = fopen(path, "we");
    assert_true(f && fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* What an actor says of a learner that answers with this configuration; it ends with `code`. */
static const char *actor_of(const char *yaml, const char *args, int code)
{
    char address[300], line[800];
    struct wire_learner *l = NULL;
    snprintf(address, sizeof address, "ipc://%s/stranger", dir);
    struct wire_learner_params p = {
        .listen = address,
        .weights_listen = "",
        .epoch = 1,
        .config_text = yaml,
        .config_len = strlen(yaml),
        .env_text = "env.id: of another learner\n",
        .net_text = "policy.net: none\n",
        .weights_floats = 16,
        .shape = {.T = 4, .obs_bytes = 16, .actions = {.n = 3}, .state_size = 2, .nstats = 1},
        .window = 2,
        .max_queued = 16,
        .inflight_bytes_max = 64 << 20,
        .max_policy_lag = 1000};
    assert_ok(wire_learner_create(&l, &p, &err));
    struct ledger unused;
    wire_learner_ledger(l, &unused);
    float weights[16] = {0};
    wire_learner_publish(l, weights, 1);
    snprintf(line, sizeof line, "--learner=%s %s", address, args);
    const char *text = without_touching("onic-actor", line, code);
    wire_learner_free(l);
    return text;
}

/* --- code ------------------------------------------------------------------------------------ */

static void a_learner_runs_no_code_in_an_actor(void **state)
{
    char yaml[700];
    (void)state;
    snprintf(yaml, sizeof yaml, "env: {id: 'corridor:8', plugin: '%s'}\ncommand: {run: 'touch %s'}",
             library, touched);
    const char *text = actor_of(yaml, "", 78); /* of another learner */
    says(text, "are left aside options=\"env.plugin, command.run\" of=\"the learner's config");
    snprintf(yaml, sizeof yaml, "env: {id: 'nethack:Score', nle: '%s'}", library);
    text = actor_of(yaml, "--env.nle=/nowhere", 64);
    says(text, "env.nle names /nowhere");
    says(text, "are left aside options=\"env.nle\"");
}

static void a_learner_gives_no_path_to_a_plugin(void **state)
{
    (void)state;
    const char *yaml = "env: {id: 'corridor:8', options: 'map=/etc/passwd'}\n";
    says(actor_of(yaml, "", 78), "the learner says env.options=map=/etc/passwd: give "
                                 "--env.options=... to this actor, since no path is taken from a "
                                 "peer");
    says(actor_of(yaml, "--env.options=map=/etc/passwd", 64),
         "env.options (plugin.KEY=VALUE) is for");
}

static void a_kept_episode_runs_no_code(void **state)
{
    char members[1200];
    (void)state;
    snprintf(members, sizeof members,
             ",\"env.plugin\":\"%s\",\"env.nle\":\"%s\",\"command.run\":\"touch %s\"", library,
             library, touched);
    craft_episode(members);
    const char *text = without_touching("onic", "replay crafted.jsonl", 0);
    says(text, "steps, as recorded");
    says(text, "are left aside options=\"env.plugin, env.nle, command.run\" of=\"crafted.jsonl\"");
    craft_episode(",\"env.options\":\"map=/etc/passwd\"");
    says(without_touching("onic", "replay crafted.jsonl", 64),
         "crafted.jsonl says env.options=map=/etc/passwd: give --env.options=..., since no path");
}

static void a_checkpoint_runs_no_code(void **state)
{
    static const char *const commands[] = {"play", "eval --episodes=1", "labels top",
                                           "labels collect data --episodes=1"};
    char yaml[1200], args[500];
    (void)state;
    snprintf(yaml, sizeof yaml,
             "env: {id: 'corridor:8', plugin: '%s', nle: '%s'}\nreward: {model: none, coef_int: 0}"
             "\ncommand: {run: 'touch %s'}\n",
             library, library, touched);
    craft_checkpoint(yaml);
    for (int i = 0; i < 4; i++) {
        snprintf(args, sizeof args, "%s %s", commands[i], crafted);
        says(without_touching("onic", args, 0),
             "are left aside options=\"env.plugin, env.nle, command.run\" of=\"");
    }
    snprintf(yaml, sizeof yaml, "env: {id: 'its:own', plugin: '%s'}\n", library);
    craft_checkpoint(yaml);
    snprintf(args, sizeof args, "eval %s", crafted);
    says(without_touching("onic", args, 64), "was trained in its:own of a plug-in, ");
}

/* --- run directories -------------------------------------------------------------------------- */

static void what_others_can_write_names_no_code_for_a_resumed_run(void **state)
{
    char line[900];
    (void)state;
    snprintf(line, sizeof line,
             "rm -rf shared && cp -r run shared && "
             "sed -i \"s|^  plugin: ''|  plugin: '%s'|\" shared/config.yaml && "
             "grep -q touch_code shared/config.yaml && chmod 777 shared",
             library);
    in_shell(line);
    const char *resume = "train --run-dir=shared --frames=8192 --run.config=edited";
    says(without_touching("onic", resume, 77),
         "shared can be written by others (mode 777), so its config.yaml does not decide what runs "
         "here: give --env.plugin again, or make it yours alone (chmod go-w)");
    in_shell("chmod 755 shared && chmod 664 shared/config.yaml");
    says(without_touching("onic", resume, 77), "shared/config.yaml can be written by others");
    if (geteuid() == 0) { /* who else could give it away */
        in_shell("chmod 644 shared/config.yaml && chown 65534 shared");
        says(without_touching("onic", resume, 77),
             "shared belongs to another user (65534), so its config.yaml does not decide");
        in_shell("chown 0 shared && chown 65534 shared/config.yaml");
        says(without_touching("onic", resume, 77),
             "shared/config.yaml belongs to another user (65534), so its config.yaml does not");
        in_shell("chown 0 shared/config.yaml");
    }
    says(without_touching(
             "onic", "train --run-dir=shared --frames=8192 --run.config=edited --env.plugin=", 0),
         "resuming corridor:8");
    in_shell("chmod 777 shared"); /* and nothing of that kind in it */
    says(without_touching("onic", "train --run-dir=shared --frames=12288", 0),
         "resuming corridor:8");
}

static void a_run_directory_names_no_label_store(void **state)
{
    static const char *const commands[] = {"count", "list", "export", "import"};
    char args[100];
    (void)state;
    in_shell("rm -rf other && cp -r run other && "
             "sed -i \"s|^  path: ''|  path: '/etc/labels.sqlite'|\" other/config.yaml && "
             "grep -q /etc/labels.sqlite other/config.yaml");
    for (int i = 0; i < 4; i++) {
        snprintf(args, sizeof args, "labels %s other", commands[i]);
        says(without_touching("onic", args, 64),
             "the labels of other are in another place, as its config.yaml says (labels.path): "
             "give --labels.path=/etc/labels.sqlite, since no path is taken");
    }
    says(without_touching("onic", "replay other", 0),
         "labels cannot be shown: the labels of other are in another place");
    says(without_touching("onic", "play other --episodes=1", 0), "labels cannot be shown: ");
}

/* --- every option ---------------------------------------------------------------------------- */

static bool is_unportable(int i)
{
    return !config_is_portable(i);
}

/* And the world that is played. */
static bool is_of_stranger(int i)
{
    return is_unportable(i) || i == CONFIG_I_env_id;
}

static void names_each(const char *text)
{
    int n = 0;
    for (int i = 0; i < CONFIG_COUNT; i++) {
        char key[64];
        option_key(i, key);
        if (is_unportable(i) && ++n && !strstr(text, key))
            fail_msg("%s is not named: %s", key, text);
    }
    assert_true(n > 25);
}

static void each_unportable_option_is_left_aside_and_named(void **state)
{
    static struct config c;
    struct buf yaml, members;
    char args[400];
    (void)state;
    config_defaults(&c);
    buf_init(&yaml, 1 << 20);
    buf_init(&members, 1 << 20);
    for (int i = 0; i < CONFIG_COUNT; i++) {
        char key[64], text[96], value[CONFIG_STR_MAX];
        if (!is_unportable(i))
            continue;
        option_key(i, key);
        snprintf(text, sizeof text, "/stranger/%s", option_rows[i].name);
        strange_option_value(i, text, value);
        assert_ok(config_set(&c, key, value, CONFIG_CLI, key, &err));
        buf_printf(&members, ",\"%s\":\"%s\"", key, value);
    }
    assert_ok(config_set(&c, "env.id", "corridor:8", CONFIG_CLI, "env.id", &err));
    config_dump_some(&c, is_of_stranger, &yaml);
    names_each(actor_of(yaml.data, "", 78));
    craft_episode(members.data);
    names_each(without_touching("onic", "replay crafted.jsonl", 0));
    craft_checkpoint(yaml.data);
    snprintf(args, sizeof args, "eval --episodes=1 %s", crafted);
    names_each(without_touching("onic", args, 0));
    buf_release(&yaml);
    buf_release(&members);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_learner_runs_no_code_in_an_actor),
        cmocka_unit_test(a_learner_gives_no_path_to_a_plugin),
        cmocka_unit_test(a_kept_episode_runs_no_code),
        cmocka_unit_test(a_checkpoint_runs_no_code),
        cmocka_unit_test(what_others_can_write_names_no_code_for_a_resumed_run),
        cmocka_unit_test(a_run_directory_names_no_label_store),
        cmocka_unit_test(each_unportable_option_is_left_aside_and_named),
    };
    return cmocka_run_group_tests(tests, handed_on_setup, handed_on_teardown);
}

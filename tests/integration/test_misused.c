/* SPDX-License-Identifier: MIT */
/* test_misused.c - command lines that ask for what cannot be: each ends with the exit code of
 * deploy/interface.md and a sentence that says what can be given instead. One line of a table each.
 * */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/scene.h"

struct misuse {
    const char *args;
    int code;
    const char *part;
};

/* What the lines below name. */
static const char prepare[] =
    "mkdir -p folder bare/checkpoints && $ONIC_BUILD/onic config >bare/config.yaml && "
    "echo 'no episode' >junk.json && printf '1 2 3' >three && $ONIC_BUILD/onic keygen held "
    ">/dev/null && "
    "printf 'env: {id: corridor}\\n' >good.yaml && "
    "printf 'a: \"\\001\"\\n' >control.yaml && "
    "printf 'options:\\n  env.id: corridor\\ngrid:\\n  train.lr: [0.1, 0.2]\\n' >sweep.yaml";

static int shell_line(struct scene *s, const char *line)
{
    program_start_shell(&s->b, s->dir, "shell", line);
    return program_wait(&s->b, SCENE_LONG_MS);
}

static void all_fail(struct scene *s, const char *program, const struct misuse *m, size_t n)
{
    assert_int_equal(shell_line(s, prepare), 0);
    for (size_t i = 0; i < n; i++)
        scene_fails(s, program, m[i].args, m[i].code, m[i].part);
}

#define ALL_FAIL(state, program, table)                                                            \
    all_fail(*(state), program, table, sizeof(table) / sizeof *(table))

static void one_thing_too_many(void **state)
{
    static const struct misuse lines[] = {
        {"env list more stuff", 64, "'stuff' is one argument too many; see `onic env --help`"},
        {"labels count a b c", 64, "'c' is one argument too many; see `onic labels --help`"},
        {"reward train a b", 64, "'b' is one argument too many; see `onic reward --help`"},
        {"eval a b", 64, "two runs were given, 'a' and 'b': evaluate one at a time"},
        {"export a b", 64, "two runs were given, 'a' and 'b': export one at a time"},
        {"healthcheck a b", 64, "one at a time: 'a' or 'b'"},
        {"keygen a b", 64, "one folder at a time: 'a' or 'b'"},
        {"ledger a b", 64, "one run at a time: 'a' or 'b'"},
        {"status a b", 64, "one run at a time: 'a' or 'b'"},
        {"top a b", 64, "one run at a time: 'a' or 'b'"},
        {"replay-run a b", 64, "one run at a time: 'a' or 'b'"},
        {"replay a b", 64, "one episode at a time: 'a' or 'b'"},
        {"sweep a b", 64, "one sweep at a time: 'a' or 'b'"},
        {"compare --columns=a,b,c,d,e,f,g,h,i folder", 64, "--columns names more than 8 columns"},
        {"launch slurm sweep.yaml good.yaml --actors=3", 64,
         "sweep.yaml is the file of a sweep, which names its own configuration; give it alone"},
    };
    ALL_FAIL(state, "onic", lines);
}

static void something_is_missing(void **state)
{
    static const struct misuse lines[] = {
        {"ledger", 64, "give a run directory, for example `onic ledger runs/"},
        {"status", 64, "give a run directory, for example `onic status runs/"},
        {"replay-run", 64, "give a run directory, for example `onic replay-run runs/"},
        {"replay", 64, "nothing to play: give a file of RUN/replays/, or RUN for the newest"},
        {"export folder", 64, "where to? give --onnx=FILE"},
        {"env trace corridor", 64, "give the actions: --actions=FILE, or --actions=- for "},
        {"launch slurm good.yaml", 64, "say how many actors each run has, such as --actors=64"},
        {"launch slurm good.yaml --actors=4 --partition=", 64, "--partition wants a value"},
        {"train --annotator.id=command", 64, "annotator command needs a program to ask, for"},
        {"train --env.id=nethack:Score --env.nle=folder", 64,
         "env.nle names the folder folder, which has no libnethack.so"},
        {"top bare", 64, "bare has no numbers yet: metrics.jsonl is written when training has"},
        {"healthcheck bare", 1, "nobody runs bare; `"},
        {"healthcheck bare", 1, "/onic status bare` says how it ended"},
        {"healthcheck", 64,
         "give an address or a run directory, or --dashboard.listen as the program has it "
         "(ONIC_DASHBOARD_LISTEN)"},
        {"healthcheck --dashboard.listen=127.0.0.1:*", 64,
         "127.0.0.1:* is a free port: give the address that the program printed"},
        {"launch", 64, "say what to launch on: `onic launch slurm CONFIG.yaml --actors=64`"},
        {"record", 64,
         "nothing to record: give a run directory, a checkpoint, or a kept episode (RUN/replays "
         "for the newest, or one of its files)"},
        {"top", 64,
         "give a run directory or the address of a page, for example `onic top "
         "runs/keycorridor-s1` or `onic top 127.0.0.1:8080`"},
        {"compare", 64,
         "name run directories or the folder of a sweep, for example `onic compare "
         "runs/keycorridor-s1 runs/keycorridor-none-s1`"},
        {"labels distrust bare", 64,
         "name the source: the annotator that answered, or its model, as `onic labels export` "
         "shows them"},
    };
    ALL_FAIL(state, "onic", lines);
}

static void a_word_that_is_none(void **state)
{
    static const struct misuse lines[] = {
        {"env frobnicate", 64, "'frobnicate' is not one of list, describe ENV, trace ENV"},
        {"labels frobnicate bare", 64, "'frobnicate' is not count, list, sources, export, import,"},
        {"ledger --help=reward", 64, "this command has no sections of options; --help shows all"},
        {"launch slurm good.yaml --actors=4 --mem=lots", 64,
         "--mem=lots is no amount of memory, such as 8G or 500M"},
        {"train --annotator.id=rules --annotator.fallback=llm", 64,
         "annotator.fallback would never be asked: annotator.id=rules can always answer; choose"},
        {"train --annotator.id=rules --annotator.vote=3", 64,
         "set annotator.vote=1, or annotator.noise to try votes out"},
        {"train --dashboard.listen=nonsense", 64,
         "--dashboard.listen=nonsense: give HOST:PORT, for example 127.0.0.1:8080 or [::1]:8080"},
        {"train --env.obs=direction,nothing", 64,
         "env.obs: minigrid:KeyCorridorS3R3 has no observation field 'nothing'"},
        {"env trace pendulum --actions=junk.json", 64,
         "'no' is no value of 'torque' of pendulum: it goes from -2 to 2"},
        {"env trace tiles:colours --actions=junk.json", 64,
         "of tiles:colours: they are numbers from 0 to "},
        {"env trace tiles:colours --actions=three", 64,
         "the last action has 1 of the 2 numbers that an action of tiles:colours is"},
        {"train control.yaml", 64, "control.yaml:1: this is not valid YAML"},
        {"sweep folder", 64, "folder is a folder, not the file of a sweep"},
        {"sweep sweep.yaml --run-dir=good.yaml", 73,
         "good.yaml is not a folder; choose another place with --run-dir"},
        {"watch junk.json", 64, "junk.json is no run directory: `onic play` and `onic replay`"},
        {"keygen held", 73, "is there already, and no key is overwritten: take another folder"},
        {"keygen x --role=king", 64,
         "--role=king: there are actor, learner, reward-server and observer"},
        {"launch pbs good.yaml", 64,
         "'pbs' is nothing that runs are launched on; `onic launch slurm ...` is (Compose: "
         "deploy/docker, Kubernetes: deploy/kubernetes)"},
        {"env list corridor", 64, "env list` shows all environments; for 'corridor' alone say `"},
        {"labels annotate data --chunk=5/4", 64,
         "--chunk is '5/4', must be i/n with i from 1 to n, for example 1/4"},
        {"compare folder --columns=eval/score:max", 64,
         "--columns: eval/score:max has one value, the mean of its episodes: leave :max out"},
        {"compare folder --columns=,", 64,
         "--columns=,: names of metrics, separated by commas, as "
         "train/kl_divergence:max,eval/score"},
        {"record bare --gif=folder", 73, "folder is a folder: give the name of a file"},
        {"train --security.keys=good.yaml --run-dir=new", 64,
         "security.keys: good.yaml cannot be read: Not a directory"},
        {"labels count bare --security.keys=/nowhere", 64,
         "security.keys: /nowhere cannot be read: No such file or directory"},
        {"train --env.obs=none", 64, "env.obs=none selects no field of minigrid:KeyCorridorS3R3"},
        {"replay-run bare --from=3", 64,
         "--from is '3', must be EPOCH-VERSION as in the name of a file of RUN/record, for example "
         "1-000000000128"},
        {"train --help=nonsense", 64,
         "it is neither all nor a section or an option of this command; the sections are run("},
        {"train -x", 64, "unknown option '-x'; options start with two dashes"},
    };
    ALL_FAIL(state, "onic", lines);
}

static void what_is_not_for_a_launch_or_a_sweep(void **state)
{
    static const struct misuse lines[] = {
        {"launch slurm good.yaml --actors=4 --sbatch=foo", 64,
         "--sbatch=foo: give one option of sbatch with its dashes, such as "
         "--sbatch=--constraint=avx2"},
        {"launch slurm good.yaml --actors=4 --sbatch=--array=1-3", 64,
         "--actors=N and the runs of a sweep are the arrays"},
        {"launch slurm good.yaml --actors=4 --sbatch=--wait", 64,
         "it would wait for a job that waits for the launch"},
        {"launch slurm good.yaml --actors=4 --sbatch=--clusters=x", 64,
         "the variable SLURM_CLUSTERS tells squeue and scancel as well"},
        {"sweep sweep.yaml --run.seed=3", 64,
         "--run.seed is not for a sweep: its file gives the seeds, and it goes on with the runs "
         "that are there"},
        {"sweep sweep.yaml --train.lr=0.5", 64,
         "--train.lr=0.5: sweep.yaml varies it; leave it out here, or there"},
        {"sweep sweep.yaml --only=nothing", 64,
         "--only: no run of sweep.yaml is called 'nothing'; --dry-run shows their names"},
    };
    ALL_FAIL(state, "onic", lines);
}

static void addresses_to_connect_to(void **state)
{
    static const struct misuse lines[] = {
        {"--learner=nonsense", 64,
         "--learner=nonsense: an address looks like tcp://127.0.0.1:5555, tcp://name:5555, "
         "tcp://[::1]:5555 or ipc:///path/socket"},
        {"", 64, "no learner address: give --learner=tcp://host:port (or ipc://path)"},
        {"--learner=tcp://127.0.0.1:*", 64, "to connect, an address needs a host and a port, as"},
        {"--learner=tcp://*:5555", 64, "to connect, an address needs a host and a port, as in "},
    };
    ALL_FAIL(state, "onic-actor", lines);
}

static void what_a_learner_alone_knows(void **state)
{
#define LEARNER "--listen=ipc://l --env.id=corridor --reward.model=none "
    static const struct misuse lines[] = {
        {"--listen=tcp://0.0.0.0:5999 --env.id=corridor --reward.model=none", 64,
         "refusing to listen at tcp://0.0.0.0:5999: it can be reached from other machines and "
         "nothing is encrypted or authenticated; give --security.keys=DIR (`onic keygen DIR` makes "
         "keys), bind 127.0.0.1 or ipc://, or say --security.allow_insecure=true on a private "
         "network"},
        {LEARNER "--reward.shaping=scale:1,scale:1,scale:1,scale:1,scale:1,scale:1,scale:1,scale:1,"
                 "scale:1",
         64, "reward.shaping has more than 8 stages"},
        {LEARNER "--policy.net=mlp --policy.pixels_channels=8", 64,
         "policy.pixels_channels is for policy.net=pixels, and this is mlp; leave it out"},
        {LEARNER "--dashboard.hosts=http://x --dashboard.listen=127.0.0.1:*", 64,
         "give names as a browser is given them, without ports, with commas between them"},
    };
    ALL_FAIL(state, "onic-learner", lines);
}

static void what_a_reward_server_alone_knows(void **state)
{
#define SERVER "--listen=ipc://r --run-dir=run --env.id=corridor "
    static const struct misuse lines[] = {
        {SERVER "--annotator.id=llm --annotator.fallback=command,embedding,command "
                "--llm.url=http://127.0.0.1:1 --llm.model=m",
         64, "annotator.fallback names command twice"},
        {SERVER "--annotator.id=embedding --embedding.source=file", 64,
         "embedding.source=file needs embedding.vectors, a file in fastText's text format (.vec)"},
        {SERVER "--annotator.id=command --command.run=/nowhere/x", 64,
         "command.run starts with \"/nowhere/x\", which is not found: name a program, or its path"},
        {SERVER "--security.keys=/nowhere", 64,
         "security.keys: /nowhere cannot be read: No such file or directory"},
        {SERVER "--annotator.id=command --command.run=folder", 64,
         "command.run starts with \"folder\", which is a folder: name a program in it"},
    };
    ALL_FAIL(state, "onic-reward-server", lines);
}

/* That is said, and then why it ends. */
static void options_that_nobody_looks_at(void **state)
{
    static const struct {
        const char *program, *args, *sentence;
    } lines[] = {
        {"onic",
         "train --annotator.id=rules --llm.url=x --embedding.api_key_file=x --run-dir=/dev/null/x",
         "onic train: no effect: embedding.api_key_file, llm.url; the annotator is rules\n"},
        {"onic", "train --reward.model=none --llm.url=x --run-dir=/dev/null/x",
         "no effect: llm.url; there are no labels with reward.model=none\n"},
        {"onic", "train --reward.server=ipc:///x --llm.url=x --run-dir=/dev/null/x",
         "no effect: llm.url; labels come from ipc:///x\n"},
        {"onic-reward-server",
         SERVER "--annotator.id=rules --llm.api_key_file=/none --labels.path=/nowhere/x",
         "options have no effect: no annotator of this reward server looks at them "
         "options=\"llm.api_key_file\" annotator=\"rules\"\n"},
    };
    struct scene *s = *state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        int code = program_run(&s->b, s->dir, "b", lines[i].program, lines[i].args, SCENE_SOON_MS);
        const char *said = program_text(s->b.err);
        if (code != 73 || !strstr(said, lines[i].sentence))
            fail_msg("%s: %d\n%s", lines[i].args, code, said);
    }
}

/* Options that only a library of the user's knows. */
static void options_of_a_plug_in(void **state)
{
    struct scene *s = *state;
    char args[700];
    static const struct misuse options[] = {
        {"--plugin.x=a;b", 64, "--plugin.x: the value of a plug-in's option has no ';'"},
        {"--plugin.abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz=1", 64,
         "the name of a plug-in's option is 1 to 40 letters, digits, _, - or ."},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        snprintf(args, sizeof args, "train --env.plugin=%s/tests/plugin_env.so %s",
                 getenv("ONIC_BUILD"), options[i].args);
        scene_fails(s, "onic", args, options[i].code, options[i].part);
    }
}

static void a_program_or_a_disk_that_is_not_there(void **state)
{
    struct scene *s = *state;
    static const struct misuse lines[] = {
        {"PATH=/nowhere exec $ONIC_BUILD/onic launch slurm good.yaml --actors=3", 64,
         "there is no sbatch here: run this on a machine of the Slurm cluster, or see with"},
        {"exec $ONIC_BUILD/onic eval --random --env.id=corridor --episodes=1 --json=/dev/full", 74,
         "/dev/full could not be written: No space left on device"},
    };
    assert_int_equal(shell_line(s, prepare), 0);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        int code = shell_line(s, lines[i].args);
        const char *text = program_text(s->b.err);
        if (code != lines[i].code || !strstr(text, lines[i].part))
            fail_msg("%s: %d, %s", lines[i].args, code, text);
    }
}

/* What a run has kept, and what somebody made of it. */
static void files_of_a_run(void **state)
{
    struct scene *s = *state;
    static const char make[] =
        "$ONIC_BUILD/onic train --env.id=corridor --run-dir=run --frames=30000 "
        "--annotator.id=rules --replay.every_episodes=1 --dashboard.listen=off >said 2>&1 && "
        "f=$(ls run/replays/*.jsonl | head -n 1) && cp $f whole.jsonl && "
        "(head -n 2 $f; echo '{\"nonsense\":1}'; tail -n +4 $f) >line.jsonl && "
        "echo '{\"label\":1}' >label.jsonl";
    static const struct misuse lines[] = {
        {"replay line.jsonl", 64, "line.jsonl: line 3 is not a step of an episode"},
        {"replay whole.jsonl --frames", 64,
         "--frames adds the pictures to the steps of --json: give both"},
        {"record run --gif=a.gif --cast=a.gif", 64,
         "a.gif was given twice: one file holds one kind"},
        {"labels annotate label.jsonl", 64, "not a folder of `onic labels collect`"},
        {"healthcheck run", 1, "nobody runs run; `"},
    };
    assert_int_equal(shell_line(s, make), 0);
    ALL_FAIL(state, "onic", lines);
    scene_fails_within(s, "onic", "labels import run label.jsonl", 64,
                       "label.jsonl: line 1 is not a label: it needs \"caption\" and \"label\"", 2);
}

/* What a line has beside its label is not taken for what most lines have; the file and the line are
 * named, and no other line of it is lost. */
static void lines_that_are_no_labels_of_this_onic(void **state)
{
#define X32 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    static const struct {
        const char *more, *sentence;
    } bad[] = {
        {"\"kind\":\"grade\"", "line 2: kind must be class or score of one caption, pair of two"},
        {"\"kind\":\"pair\"", "line 2: kind must be class or score of one caption, pair of two"},
        {"\"state\":\"asked\"", "line 2: what has a label has the state answered"},
        {"\"vote\":-1", "line 2: vote must be from 1 to 99"},
        {"\"vote\":4294967297", "line 2: vote must be from 1 to 99"},
        {"\"vote\":\"3\"", "line 2: vote must be from 1 to 99"},
        {"\"annotator\":7",
         "line 2: annotator, model, goal, prompt_version and parameters must be"},
        {"\"model\":\"" X32 X32 X32 X32 "\"", "line 2: annotator, model, goal, prompt_version and "
                                              "parameters have 127 bytes at most"},
        {"\"caption_b\":\"\\u0007\",\"kind\":\"class\"", "line 2: kind must be "},
    };
    struct scene *s = *state;
    char path[400], text[700];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(shell_line(s, "rm -rf run && mkdir run && :>run/config.yaml"), 0);
        snprintf(path, sizeof path, "%s/lines.jsonl", s->dir);
        snprintf(text, sizeof text,
                 "{\"caption\":\"a\",\"label\":1}\n{%s,\"label\":1,\"caption\":\"b\"}\n",
                 bad[i].more);
        files_write(path, text);
        scene_fails_within(s, "onic", "labels import run lines.jsonl", 64, bad[i].sentence, 2);
        assert_non_null(strstr(program_text(s->a.err), "1 labels added"));
    }
}

/* Asked for, and said all the same. */
static void a_page_that_others_reach(void **state)
{
    struct scene *s = *state;
    program_start(&s->a, s->dir, "a", "onic-learner",
                  "--env.id=corridor --reward.model=none --listen=ipc://l "
                  "--dashboard.listen=0.0.0.0:* --security.allow_insecure=true");
    await_word(s->a.err, "whoever reaches the port of the page sees the run: it asks nobody for a",
               SCENE_LONG_MS);
    await_word(s->a.err, "listening address=", SCENE_LONG_MS);
    scene_drain(&s->a);
}

/* The page of a run is not worth the run. */
static void a_port_that_is_taken(void **state)
{
    struct scene *s = *state;
    char args[200];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    snprintf(args, sizeof args,
             "--reward.model=none --listen=ipc://l --dashboard.listen=127.0.0.1:%d",
             ntohs(a.sin_port));
    program_start(&s->a, s->dir, "a", "onic-learner", args);
    await_word(s->a.err, "the run has no page; training goes on without it why=", SCENE_LONG_MS);
    await_word(s->a.err, "the port is taken, another process listens there", SCENE_SOON_MS);
    await_word(s->a.err, "listening address=", SCENE_LONG_MS);
    scene_drain(&s->a);
    close(fd);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        SCENE(one_thing_too_many),
        SCENE(something_is_missing),
        SCENE(a_word_that_is_none),
        SCENE(what_is_not_for_a_launch_or_a_sweep),
        SCENE(addresses_to_connect_to),
        SCENE(what_a_learner_alone_knows),
        SCENE(what_a_reward_server_alone_knows),
        SCENE(options_that_nobody_looks_at),
        SCENE(options_of_a_plug_in),
        SCENE(a_program_or_a_disk_that_is_not_there),
        SCENE(a_port_that_is_taken),
        SCENE(a_page_that_others_reach),
        SCENE(files_of_a_run),
        SCENE(lines_that_are_no_labels_of_this_onic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

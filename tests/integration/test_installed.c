/* SPDX-License-Identifier: MIT */
/* test_installed.c - an installed copy is whole: somebody with nothing but it writes an
 * environment, builds it and trains in it. The lines are those of deploy/examples/env/README.md. */
#include <stdlib.h>

#include "tests/onic_test.h"
#include "tests/support/program.h"
#include "tests/support/sanitized.h"

struct place {
    char dir[256];
};

static int shell(struct place *p, const char *tag, const char *line)
{
    struct program run;
    char with_paths[2048];
    snprintf(with_paths, sizeof with_paths,
             "PATH=%s/copy/bin:$PATH PKG_CONFIG_PATH=%s/copy/lib/pkgconfig; "
             "export PATH PKG_CONFIG_PATH; %s",
             p->dir, p->dir, line);
    program_start_shell(&run, p->dir, tag, with_paths);
    int rc = program_wait(&run, 120000);
    if (rc == PROGRAM_STILL_RUNS)
        program_kill(&run);
    if (rc)
        print_message("%s\n%s%s", line, program_text(run.out), program_text(run.err));
    return rc;
}

static const char *said(struct place *p, const char *tag)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s.out", p->dir, tag);
    return program_text(path);
}

static void a_copy_holds_all_that_an_environment_needs(void **state)
{
    struct place *p = *state;
    char line[900];
    snprintf(line, sizeof line, "cmake --install %s --prefix %s/copy", getenv("ONIC_BUILD"),
             p->dir);
    assert_int_equal(shell(p, "install", line), 0);
    assert_int_equal(
        shell(p, "files",
              "cd copy && ls include/onic_env.h lib/pkgconfig/onic.pc "
              "share/doc/onic/LICENSE share/doc/onic/options.md share/onic/slurm/onic.sbatch "
              "share/onic/examples/annotator.py share/man/man1/onic.1 "
              "share/bash-completion/completions/onic-actor share/fish/vendor_completions.d"),
        0);
    if (!SANITIZED)
        assert_int_equal(shell(p, "library", "ls copy/lib/libonic_env.so copy/include/onic_envs.h"),
                         0);
    assert_int_equal(shell(p, "build",
                           "cp copy/share/onic/examples/env/lake.c . && cc -O2 -Wall -Werror "
                           "-shared -fPIC $(pkg-config --cflags onic) lake.c -o lake.so"),
                     0);
    assert_int_equal(shell(p, "trace",
                           "echo 2 2 1 1 1 2 | onic env trace lake --env.plugin=./lake.so "
                           "--plugin.slippery=false --seed=1 --actions=-"),
                     0);
    assert_int_equal(shell(p, "doctor", "onic doctor --env.plugin=lake.so | grep lake"), 0);
    assert_non_null(strstr(said(p, "trace"), "You reach the other side."));
    assert_int_equal(shell(p, "train",
                           "onic train --env.plugin=lake.so --env.id=lake --actors.count=1 "
                           "--plugin.slippery=false --reward.model=none --reward.coef_int=0 "
                           "--stop.success=0.9 --frames=1000000 --run-dir=run 2>&1"),
                     0);
    assert_non_null(strstr(said(p, "train"), "onic eval run --env.plugin="));
    assert_int_equal(shell(p, "config", "onic config run/config.yaml"), 0);
    assert_non_null(strstr(said(p, "config"), "options: 'slippery=false'"));
    assert_int_equal(
        shell(p, "resume",
              "cd copy && onic train --run-dir=../run --stop.success=0 --frames=1200000"),
        0); /* the plug-in is found from anywhere */
    assert_int_equal(shell(p, "eval",
                           "cd copy && onic eval ../run --env.plugin=../lake.so --episodes=50 "
                           "--json=- | grep -E '\"mean\": ?(0.[89]|1)'"),
                     0);
}

static int start(void **state)
{
    static struct place p;
    temp_dir_create(p.dir);
    *state = &p;
    return 0;
}

static int end(void **state)
{
    temp_dir_remove(((struct place *)*state)->dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_copy_holds_all_that_an_environment_needs, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

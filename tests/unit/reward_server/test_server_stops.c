/* SPDX-License-Identifier: MIT */
/* test_server_stops.c - a server that said that it is ready drains when it is stopped, also when
 * the signal comes before its loop runs. */
#include "tests/onic_test.h"

#include <signal.h>
#include <stdlib.h>

#include "reward_server/server_options.h"

static void a_ready_server_that_is_stopped_at_once_drains(void **state)
{
    static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
    (void)state;
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        static struct config cfg;
        static struct server_params params;
        struct server *s;
        char dir[256];
        temp_dir_create(dir);
        config_defaults(&cfg);
        snprintf(cfg.listen_address, sizeof cfg.listen_address, "ipc://%s/a", dir);
        snprintf(cfg.labels_path, sizeof cfg.labels_path, "%s/labels.sqlite", dir);
        snprintf(cfg.annotator_id, sizeof cfg.annotator_id, "rules");
        snprintf(cfg.annotator_domain, sizeof cfg.annotator_domain, "minigrid");
        snprintf(cfg.annotator_goal, sizeof cfg.annotator_goal, "KeyCorridor");
        assert_ok(server_options(&params, &cfg, &err));
        assert_ok(server_create(&s, &params, &err));
        raise(stops[i]);
        assert_ok(server_run(s, &err));
        server_free(s);
        temp_dir_remove(dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ready_server_that_is_stopped_at_once_drains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

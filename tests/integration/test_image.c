/* SPDX-License-Identifier: MIT */
/* test_image.c - what the container files ask for, and the programs under it, without a container
 * engine: a root that cannot be written, a user that is nobody, no capability, no way to get one.
 * tests/deploy/test_compose.sh looks at running containers. */
#define _GNU_SOURCE
#include <jansson.h>
#include <stdlib.h>
#include <yaml.h>

#include "tests/support/scene.h"

#include "tests/onic_test.h"

enum { WAIT_MS = 90000, UNSHARE_FAILS = 99 };

static const char *source_file(const char *name)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", getenv("ONIC_SOURCE"), name);
    return path;
}

/* --- compose.yaml ---------------------------------------------------------------------------- */

static yaml_document_t compose;

static yaml_node_t *node_at(yaml_node_item_t item)
{
    return yaml_document_get_node(&compose, item);
}

static bool is_text(const yaml_node_t *n, const char *text)
{
    return n && n->type == YAML_SCALAR_NODE && strcmp((char *)n->data.scalar.value, text) == 0;
}

/* The value of a key, also one that << brings. */
static yaml_node_t *entry(yaml_node_t *map, const char *key)
{
    yaml_node_t *merged = NULL;
    if (!map || map->type != YAML_MAPPING_NODE)
        return NULL;
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
         p++) {
        if (is_text(node_at(p->key), key))
            return node_at(p->value);
        if (is_text(node_at(p->key), "<<"))
            merged = node_at(p->value);
    }
    return merged ? entry(merged, key) : NULL;
}

static bool lists(yaml_node_t *list, const char *text)
{
    bool found = false;
    if (list && list->type == YAML_SEQUENCE_NODE)
        for (yaml_node_item_t *i = list->data.sequence.items.start;
             i < list->data.sequence.items.top; i++)
            found |= is_text(node_at(*i), text);
    return found;
}

static void service_is_confined(yaml_node_t *service)
{
    assert_true(is_text(entry(service, "read_only"), "true"));
    assert_true(lists(entry(service, "cap_drop"), "ALL"));
    assert_true(lists(entry(service, "security_opt"), "no-new-privileges:true"));
    assert_true(is_text(entry(service, "user"), "10001:10001"));
    assert_non_null(entry(service, "mem_limit"));
    assert_non_null(entry(service, "pids_limit"));
    assert_true(is_text(entry(entry(service, "ulimits"), "core"), "0"));
    assert_null(entry(service, "privileged"));
    assert_null(entry(service, "cap_add"));
    yaml_node_t *ports = entry(service, "ports"); /* the private network is enough */
    for (yaml_node_item_t *i = ports ? ports->data.sequence.items.start : NULL;
         i && i < ports->data.sequence.items.top; i++)
        assert_true(strncmp((char *)node_at(*i)->data.scalar.value, "127.0.0.1:", 10) == 0);
}

/* Those that the first service has made, which alone can write them. A service of a profile is no
 * program of onic, and sees none. */
static void service_uses_keys(yaml_node_t *service, const char *name)
{
    bool makes = strcmp(name, "keys") == 0;
    if (entry(service, "profiles")) {
        assert_false(lists(entry(service, "volumes"), "keys:/keys:ro"));
        return;
    }
    yaml_node_t *command = entry(service, "command");
    assert_true(lists(entry(service, "volumes"), makes ? "keys:/keys" : "keys:/keys:ro"));
    if (makes)
        return;
    assert_true(command && command->type == YAML_SCALAR_NODE);
    assert_non_null(strstr((char *)command->data.scalar.value, " --security.keys=/keys"));
    assert_null(strstr((char *)command->data.scalar.value, "allow_insecure"));
}

/* What dies again and again is not started for ever. An actor is, after a learner that drained: in
 * its container, which does not end by that. */
static void service_ends_its_restarts(yaml_node_t *service, const char *name)
{
    yaml_node_t *command = entry(service, "command");
    if (strcmp(name, "keys") == 0)
        assert_null(entry(service, "restart"));
    else
        assert_true(is_text(entry(service, "restart"), "on-failure:20"));
    if (strcmp(name, "actor") == 0) {
        const char *line = (char *)command->data.scalar.value;
        assert_int_equal(strncmp(line, "onic-job --again onic-actor ", 28), 0);
        assert_non_null(strstr(line, " --orphan-timeout=0")); /* else it is a failure after 600 s */
    }
}

/* Its health check asks what it was told to serve, inside of its container; on the private network
 * Prometheus asks it, too. */
static void service_is_asked_how_it_is(yaml_node_t *service)
{
    yaml_node_t *test = entry(entry(service, "healthcheck"), "test");
    if (!test || entry(service, "profiles"))
        return;
    yaml_node_t *address = node_at(test->data.sequence.items.start[3]);
    char flag[128];
    const char *port = (char *)address->data.scalar.value;
    assert_true(lists(test, "onic") && lists(test, "healthcheck"));
    assert_true(strncmp(port, "127.0.0.1:", 10) == 0);
    snprintf(flag, sizeof flag, " --dashboard.listen=0.0.0.0:%.64s", port + 10);
    assert_non_null(strstr((char *)entry(service, "command")->data.scalar.value, flag));
}

static void every_service_is_confined(void **state)
{
    (void)state;
    yaml_parser_t parser;
    FILE *f = fopen(source_file("deploy/docker/compose.yaml"), "r");
    assert_non_null(f);
    assert_true(yaml_parser_initialize(&parser));
    yaml_parser_set_input_file(&parser, f);
    assert_true(yaml_parser_load(&parser, &compose));
    yaml_node_t *services = entry(yaml_document_get_root_node(&compose), "services");
    assert_true(services && services->type == YAML_MAPPING_NODE);
    int n = 0;
    for (yaml_node_pair_t *p = services->data.mapping.pairs.start;
         p < services->data.mapping.pairs.top; p++, n++) {
        yaml_node_t *service = node_at(p->value);
        print_message("%s\n", (char *)node_at(p->key)->data.scalar.value);
        service_is_confined(service);
        service_uses_keys(service, (char *)node_at(p->key)->data.scalar.value);
        service_ends_its_restarts(service, (char *)node_at(p->key)->data.scalar.value);
        service_is_asked_how_it_is(service);
        yaml_node_t *base = entry(entry(entry(service, "build"), "args"), "BASE");
        assert_true(base && strstr((char *)base->data.scalar.value, "${ONIC_BASE:-"));
    }
    assert_int_equal(n, 6);
    yaml_document_delete(&compose);
    yaml_parser_delete(&parser);
    fclose(f);
}

/* --- Dockerfile ------------------------------------------------------------------------------ */

static void the_image_has_a_base_by_argument_and_a_user_by_number(void **state)
{
    (void)state;
    const char *text = program_text(source_file("deploy/docker/Dockerfile"));
    const char *last = strstr(text, "\nFROM ${BASE}\n");
    assert_non_null(last);
    assert_null(strstr(last + 1, "\nFROM "));
    assert_non_null(strstr(text, "\nFROM ${BASE} AS build\n"));
    assert_non_null(strstr(last, "org.opencontainers.image.base.name=${BASE}\n"));
    assert_non_null(strstr(last, "\nUSER 10001:10001\n"));
    assert_non_null(strstr(last, "-perm /6000 -exec chmod a-s {} +"));
}

/* --- build.sh -------------------------------------------------------------------------------- */

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* Writes down what it is asked, and knows images of so much; `digests` are those of the base. */
static void give_docker(const struct scene *s, const char *digests)
{
    char text[1200];
    snprintf(text, sizeof text,
             "#!/bin/sh\necho \"$*\" >>asked\ncase \"$*\" in\n"
             "*.Size*) case \"$*\" in *debian*) echo 1000000;; *) echo 101000000;; esac;;\n"
             "*RepoDigests*) echo '%s';;\n"
             "run*) echo '2000000 /opt';;\n"
             "'image inspect gone'|'pull -q gone') echo 'no such image' >&2; exit 1;;\nesac\n",
             digests);
    scene_script(s, "docker", text);
}

/* The last line of what build.sh says. */
static int build_upon(struct scene *s, const char *base, const char **last)
{
    static char text[4096];
    char line[700];
    snprintf(line, sizeof line,
             "rm -f asked; DOCKER=$PWD/docker \"$ONIC_SOURCE\"/deploy/docker/build.sh --base=%s",
             base);
    program_start_shell(&s->b, s->dir, "build", line);
    int rc = program_wait(&s->b, WAIT_MS);
    snprintf(text, sizeof text, "%s", program_text(rc ? s->b.err : s->b.out));
    if (*text)
        text[strlen(text) - 1] = '\0';
    *last = strrchr(text, '\n') ? strrchr(text, '\n') + 1 : text;
    return rc;
}

static bool docker_was_asked(const struct scene *s, const char *part)
{
    char path[400];
    snprintf(path, sizeof path, "%s/asked", s->dir);
    return strstr(program_text(path), part) != NULL;
}

static void the_base_is_built_upon_and_named_by_its_digest(void **state)
{
    struct scene *s = *state;
    const char *last;
    give_docker(s, "debian@" DIGEST " other@sha256:1");
    assert_int_equal(build_upon(s, "debian:bookworm-slim", &last), 0);
    assert_string_equal(last, "base debian@" DIGEST);
    assert_true(docker_was_asked(s, "--build-arg BASE=debian@" DIGEST " "));
    assert_int_equal(build_upon(s, "mirror/debian:12@" DIGEST, &last), 0);
    assert_string_equal(last, "base mirror/debian:12@" DIGEST);
    assert_false(docker_was_asked(s, "RepoDigests"));
    assert_int_equal(build_upon(s, "debian@sha256:0123", &last), 64);
    assert_non_null(strstr(last, "no digest of sha256 with 64 hexadecimal digits"));
    assert_int_equal(build_upon(s, "gone", &last), 75);
    assert_non_null(strstr(last, "there is no base gone here"));
    give_docker(s, ""); /* of debootstrap */
    assert_int_equal(build_upon(s, "debian:bookworm-slim", &last), 0);
    assert_string_equal(last, "base debian:bookworm-slim, made on this machine: it has no digest, "
                              "so nobody can build upon the same bytes");
    assert_true(docker_was_asked(s, "--build-arg BASE=debian:bookworm-slim "));
}

/* --- the programs under it ------------------------------------------------------------------- */

/* Only the folder of the run, which is the place of temporary files too, can be written, as in
 * compose.yaml. */
static const char confined[] =
    "exec unshare -m --propagation private sh -c '"
    "mount -t tmpfs -o mode=1777 none \"$PWD\" && mount -o remount,bind,ro / && cd \"$PWD\" || "
    "exit 99;"
    "! mkdir ../onic-not-writable-$$ 2>/dev/null && exec setpriv --reuid=10001 --regid=10001 "
    "--clear-groups "
    "--no-new-privs --bounding-set=-all --inh-caps=-all env HOME=/runs TMPDIR=\"$PWD\" ";

static int in_confinement(struct scene *s, const char *command)
{
    char line[1600];
    snprintf(line, sizeof line, "%s%s'", confined, command);
    program_start_shell(&s->a, s->dir, "confined", line);
    return program_wait(&s->a, WAIT_MS);
}

static void a_run_needs_nothing_but_its_folder(void **state)
{
    struct scene *s = *state;
    int rc = in_confinement(
        s, "sh -c \"grep -E NoNewPrivs.*1\\|CapEff.*0000000000000000 /proc/self/status && "
           "exec \\\"$ONIC_BUILD\\\"/onic train --env.id=corridor --actors.count=1 "
           "--annotator.id=rules --frames=20000 --run-dir=demo\"");
    if (rc == UNSHARE_FAILS || strstr(program_text(s->a.err), "unshare: ") ||
        strstr(program_text(s->a.err), "ermission denied")) {
        print_message("no mount namespace here: %s\n", program_text(s->a.err));
        skip();
    }
    if (rc)
        print_error("%s\n", program_text(s->a.err));
    assert_int_equal(rc, 0);
    assert_non_null(strstr(program_text(s->a.out), "NoNewPrivs:\t1"));
    assert_non_null(strstr(program_text(s->a.out), "CapEff:\t0000000000000000"));
    assert_non_null(strstr(program_text(s->a.err), " consumed + "));
}

/* --- what it is made of ---------------------------------------------------------------------- */

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* What SPDX 2.3 asks of every package that is listed. */
static void is_package(const json_t *p)
{
    static const char *const must[] = {"SPDXID", "name", "versionInfo", "downloadLocation"};
    for (size_t i = 0; i < sizeof must / sizeof *must; i++)
        assert_true(*text_at(p, must[i]));
    assert_int_equal(strncmp(text_at(p, "SPDXID"), "SPDXRef-", 8), 0);
    assert_true(json_is_false(json_object_get(p, "filesAnalyzed")));
}

static void the_bill_of_materials_names_what_is_loaded(void **state)
{
    static const char *const parts[] = {"onic",     "libzmq5",     "libprotobuf-c1", "libsqlite3-0",
                                        "libcurl4", "libyaml-0-2", "libuv1",         "libc6",
                                        "nle",      "libsodium23", "libmicrohttpd12"};
    struct scene *s = *state;
    if (system("dpkg-query --version >/dev/null 2>&1") != 0)
        skip();
    program_start_shell(&s->a, s->dir, "sbom",
                        "exec \"$ONIC_SOURCE\"/deploy/ci/sbom.py --build=\"$ONIC_BUILD\"");
    assert_int_equal(program_wait(&s->a, WAIT_MS), 0);
    json_t *root = json_loads(program_text(s->a.out), 0, NULL), *p;
    assert_string_equal(text_at(root, "spdxVersion"), "SPDX-2.3");
    assert_string_equal(text_at(root, "dataLicense"), "CC0-1.0");
    assert_string_equal(text_at(root, "SPDXID"), "SPDXRef-DOCUMENT");
    json_t *packages = json_object_get(root, "packages");
    size_t i, found = 0;
    json_array_foreach(packages, i, p)
    {
        is_package(p);
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
            found += strcmp(text_at(p, "name"), parts[k]) == 0;
    }
    assert_int_equal(found, sizeof parts / sizeof *parts);
    assert_int_equal(
        json_array_size(json_object_get(root, "relationships")),
        json_array_size(packages)); /* the document describes onic, it needs the rest */
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_service_is_confined),
        cmocka_unit_test(the_image_has_a_base_by_argument_and_a_user_by_number),
        cmocka_unit_test_setup_teardown(the_base_is_built_upon_and_named_by_its_digest, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(the_bill_of_materials_names_what_is_loaded, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_run_needs_nothing_but_its_folder, scene_setup,
                                        scene_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

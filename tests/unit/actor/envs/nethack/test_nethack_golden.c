/* SPDX-License-Identifier: MIT */
/* Four whole games against checksums that the nle package alone produced: see
 * tests/golden/make_nethack.py. Needs the real library; skipped where the wheel has not been
 * fetched and in sanitizer builds. */
#include "tests/onic_test.h"
#include "tests/support/sanitized.h"

#include <inttypes.h>
#include <stdlib.h>

#include "actor/envs/env.h"
#include "actor/envs/nethack/nle_load.h"

struct replay {
    struct env *e;
    uint8_t *obs;
    struct env_result r;
    uint64_t x; /* state of the action generator */
    int steps;
    double total;
    uint32_t crc; /* IEEE CRC-32 of all observations of the episode */
};

static uint32_t crc32_more(uint32_t crc, const uint8_t *data, size_t bytes)
{
    crc = ~crc;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= data[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static void add_observation(struct replay *p)
{
    static const char *const fields[] = {"glyphs", "blstats", "message"};
    for (int i = 0; i < 3; i++) {
        const struct obs_field *f = obs_spec_find(&p->e->spec.obs, fields[i]);
        p->crc = crc32_more(p->crc, p->obs + f->offset, f->bytes);
    }
}

static void begin_episode(struct replay *p, const char *line)
{
    uint64_t seed, episode, want[3], got[3];
    assert_int_equal(sscanf(line,
                            "episode %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
                            &seed, &episode, &want[0], &want[1], &want[2]),
                     5);
    if (episode == 0) {
        p->e->family->seed(p->e, seed);
        p->x = seed;
    }
    assert_ok(p->e->family->reset(p->e, p->obs, &p->r, &err));
    p->e->family->seeds(p->e, got);
    assert_memory_equal(got, want, sizeof want);
    p->steps = 0;
    p->total = 0;
    p->crc = 0;
    add_observation(p);
}

/* Plays up to the step of the line "at|end STEP CRC TOTAL" and compares. */
static void play_to(struct replay *p, const char *line)
{
    char what[8];
    int step;
    uint32_t crc;
    double total;
    assert_int_equal(sscanf(line, "%7s %d %" SCNx32 " %lf", what, &step, &crc, &total), 4);
    while (p->steps < step) {
        p->x = p->x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        assert_ok(p->e->family->step(p->e, (int)((p->x >> 33) % 23), p->obs, &p->r, &err));
        p->steps++;
        p->total += p->r.reward;
        add_observation(p);
        if (p->steps < step)
            assert_false(p->r.terminated || p->r.truncated);
    }
    assert_int_equal(p->crc, crc);
    assert_close(p->total, total, 0, 0.006);
    assert_int_equal(p->r.terminated, strcmp(what, "end") == 0);
}

static void games_equal_those_of_the_package(void **state)
{
    (void)state;
    struct nle_files files;
    struct onic_err why;
    if (SANITIZED || nle_files_find(&files, "", &why) != ONIC_OK) {
        print_message("skipped: %s\n",
                      SANITIZED ? "sanitizer builds use the fake library" : why.msg);
        skip();
    }
    char path[1024], line[256];
    snprintf(path, sizeof path, "%s/tests/golden/nethack_score_23.txt", getenv("ONIC_SOURCE"));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    struct config c;
    struct replay p = {0};
    config_defaults(&c);
    c.env_actions = 23;
    assert_ok(env_create(&p.e, "nethack:Score", &c, 0, &err));
    p.obs = calloc(1, p.e->spec.obs.obs_bytes);
    int episodes = 0;
    while (fgets(line, sizeof line, f)) {
        bool begins = strncmp(line, "episode", 7) == 0;
        episodes += begins;
        if (begins)
            begin_episode(&p, line);
        else
            play_to(&p, line);
    }
    assert_int_equal(episodes, 4);
    fclose(f);
    free(p.obs);
    env_free(p.e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(games_equal_those_of_the_package)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

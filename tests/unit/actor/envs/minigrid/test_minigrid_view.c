/* SPDX-License-Identifier: MIT */
/* test_minigrid_view.c - the bit-parallel view against the cell-by-cell rule it stands for. */
#include "actor/envs/minigrid/minigrid.h"
#include "common/base/rng.h"
#include "tests/onic_test.h"

enum { PATTERNS = 30000 };

static bool blocks(uint32_t cell)
{
    return mg_type(cell) == MG_WALL || (mg_type(cell) == MG_DOOR && mg_door_state(cell) != MG_OPEN);
}

/* The definition: rows from the agent outwards, once to the right and once to the left. */
static void spread(const uint32_t view[MG_VIEW][MG_VIEW], bool seen[MG_VIEW][MG_VIEW])
{
    memset(seen, 0, sizeof(bool) * MG_VIEW * MG_VIEW);
    seen[MG_VIEW / 2][MG_VIEW - 1] = true;
    for (int j = MG_VIEW - 1; j >= 0; j--) {
        for (int i = 0; i < MG_VIEW - 1; i++) {
            if (!seen[i][j] || blocks(view[i][j]))
                continue;
            seen[i + 1][j] = true;
            if (j > 0)
                seen[i + 1][j - 1] = seen[i][j - 1] = true;
        }
        for (int i = MG_VIEW - 1; i > 0; i--) {
            if (!seen[i][j] || blocks(view[i][j]))
                continue;
            seen[i - 1][j] = true;
            if (j > 0)
                seen[i - 1][j - 1] = seen[i][j - 1] = true;
        }
    }
}

static uint32_t random_cell(struct rng *r, uint32_t wall_percent)
{
    enum mg_color color = (enum mg_color)rng_below(r, MG_COLORS);
    if (rng_below(r, 100) < wall_percent)
        return MG_WALL_CELL;
    switch (rng_below(r, 6)) {
    case 0:
        return mg_door(color, (enum mg_door)rng_below(r, 3));
    case 1:
        return MG_CELL(MG_KEY + rng_below(r, 3), color, 0) | rng_below(r, 32) << 24;
    case 2:
        return MG_GOAL_CELL;
    default:
        return MG_EMPTY_CELL;
    }
}

static void check_pattern(struct minigrid *m, struct rng *r)
{
    int size = m->task->width;
    uint32_t walls = 5 + rng_below(r, 60);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            *mg_at(m, x, y) = random_cell(r, walls);
    m->s.agent.x = (int16_t)rng_below(r, (uint32_t)size);
    m->s.agent.y = (int16_t)rng_below(r, (uint32_t)size);
    m->s.dir = (int32_t)rng_below(r, 4);
    m->s.carrying = rng_below(r, 2) ? MG_CELL(MG_KEY, MG_BLUE, 0) | 3U << 24 : 0;
    *mg_at(m, m->s.agent.x, m->s.agent.y) = MG_EMPTY_CELL;

    uint32_t view[MG_VIEW][MG_VIEW];
    static const int dx[4] = {1, 0, -1, 0}, dy[4] = {0, 1, 0, -1};
    int d = m->s.dir;
    for (int i = 0; i < MG_VIEW; i++) {
        for (int j = 0; j < MG_VIEW; j++) { /* agent + forward * (6 - j) + right * (i - 3) */
            int x = m->s.agent.x + dx[d] * (6 - j) - dy[d] * (i - 3);
            int y = m->s.agent.y + dy[d] * (6 - j) + dx[d] * (i - 3);
            bool inside = x >= 0 && x < size && y >= 0 && y < size;
            view[i][j] = inside ? *mg_at(m, x, y) : MG_WALL_CELL;
        }
    }
    bool seen[MG_VIEW][MG_VIEW];
    spread((const uint32_t(*)[MG_VIEW])view, seen);
    uint8_t image[MG_VIEW][MG_VIEW][3];
    uint64_t sights;
    mg_observe(m, &image[0][0][0], &sights);
    uint64_t expected_sights = 0;
    for (int i = 0; i < MG_VIEW; i++) {
        for (int j = 0; j < MG_VIEW; j++) {
            uint32_t cell = seen[i][j] ? view[i][j] : 0;
            if (seen[i][j] && mg_type(cell) >= MG_DOOR)
                expected_sights |= mg_sight(cell);
            if (i == MG_VIEW / 2 && j == MG_VIEW - 1)
                cell = m->s.carrying ? m->s.carrying : MG_EMPTY_CELL;
            assert_int_equal(image[i][j][0], cell & 0xff);
            assert_int_equal(image[i][j][1], cell >> 8 & 0xff);
            assert_int_equal(image[i][j][2], cell >> 16 & 0xff);
        }
    }
    assert_true(sights == expected_sights);
}

static void bit_parallel_view_equals_the_definition(void **state)
{
    (void)state;
    static struct config cfg;
    config_defaults(&cfg);
    struct env *e;
    assert_ok(env_create(&e, "minigrid:FourRooms", &cfg, 0, &err));
    struct rng r = rng_stream(1, "view test", 0, 0, 0);
    for (int n = 0; n < PATTERNS; n++)
        check_pattern(&((struct minigrid_env *)e)->world, &r);
    env_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bit_parallel_view_equals_the_definition)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

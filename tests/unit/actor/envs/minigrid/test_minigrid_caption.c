/* SPDX-License-Identifier: MIT */
/* test_minigrid_caption.c - the sentence of every kind of event, and which one wins, on hand-made
 * grids. */
#include "actor/envs/minigrid/minigrid.h"
#include "tests/onic_test.h"

static struct {
    struct env *env;
    struct minigrid *m;
    uint8_t obs[152];
    struct env_result r;
} w;

/* An empty 8 x 8 room without goal, the agent at (2, 4) looking right; nothing mentioned yet. */
static int room(void **state)
{
    (void)state;
    static struct config cfg;
    config_defaults(&cfg);
    assert_ok(env_create(&w.env, "minigrid:DoorKey-8x8", &cfg, 0, &err));
    w.m = &((struct minigrid_env *)w.env)->world;
    w.env->family->seed(w.env, 1);
    assert_ok(w.env->family->reset(w.env, w.obs, &w.r, &err));
    mg_clear(w.m);
    mg_wall_rect(w.m, 0, 0, 8, 8);
    w.m->s.agent = (struct mg_pos){2, 4};
    w.m->s.dir = 0;
    w.m->s.seen = 0;
    w.m->s.objects = 0;
    return 0;
}

static int leave(void **state)
{
    (void)state;
    env_free(w.env);
    return 0;
}

static void put(int x, int y, uint32_t cell)
{
    *mg_at(w.m, x, y) = cell;
}

static void step_says(enum mg_action action, const char *want)
{
    assert_ok(w.env->family->step(w.env, (int)action, w.obs, &w.r, &err));
    assert_string_equal(w.r.caption, want);
    assert_int_equal(w.r.caption_len, strlen(want));
}

static void objects_are_picked_up_and_dropped(void **state)
{
    (void)state;
    put(3, 4, mg_make(w.m, MG_BALL, MG_PURPLE));
    step_says(MG_PICKUP, "You pick up the purple ball.");
    step_says(MG_PICKUP, "");
    step_says(MG_LEFT, "");
    step_says(MG_DROP, "You drop the purple ball.");
    step_says(MG_DROP, "");
    step_says(MG_LEFT, "");
    step_says(MG_RIGHT, ""); /* handled things are not announced */
}

static void locked_doors_want_the_key_of_their_colour(void **state)
{
    (void)state;
    put(3, 4, mg_door(MG_YELLOW, MG_LOCKED));
    step_says(MG_DONE, "You see a locked yellow door.");
    step_says(MG_TOGGLE, "The door is locked.");
    step_says(MG_FORWARD, "You bump into a yellow door.");
    w.m->s.carrying = mg_make(w.m, MG_KEY, MG_RED);
    step_says(MG_TOGGLE, "The door is locked.");
    w.m->s.carrying = mg_make(w.m, MG_BALL, MG_YELLOW);
    step_says(MG_TOGGLE, "The door is locked.");
    w.m->s.carrying = mg_make(w.m, MG_KEY, MG_YELLOW);
    step_says(MG_TOGGLE, "You unlock the yellow door.");
    assert_int_equal(mg_type(w.m->s.carrying), MG_KEY);
    step_says(MG_DONE, ""); /* not announced again as an unlocked door */
    step_says(MG_TOGGLE, "You close the yellow door.");
    step_says(MG_TOGGLE, "You open the yellow door.");
    step_says(MG_FORWARD, "");
    assert_int_equal(w.m->s.agent.x, 3);
}

static void boxes_show_what_they_contain(void **state)
{
    (void)state;
    uint32_t key = mg_make(w.m, MG_KEY, MG_GREEN), box = mg_make(w.m, MG_BOX, MG_GREY);
    w.m->s.content[mg_object(box)] = key;
    put(3, 4, box);
    step_says(MG_FORWARD, "You bump into a grey box.");
    step_says(MG_TOGGLE, "The box contains a key.");
    assert_true(*mg_at(w.m, 3, 4) == key);
    put(3, 4, mg_make(w.m, MG_BOX, MG_GREY));
    step_says(MG_TOGGLE, "The box is empty.");
    assert_true(*mg_at(w.m, 3, 4) == MG_EMPTY_CELL);
}

static void walls_bump_and_nothing_is_silent(void **state)
{
    (void)state;
    w.m->s.dir = 2;
    step_says(MG_FORWARD, "");
    step_says(MG_FORWARD, "You bump into a wall.");
    step_says(MG_TOGGLE, "");
    step_says(MG_PICKUP, "");
    step_says(MG_DROP, "");
    step_says(MG_DONE, "");
}

static void goal_and_lava_end_the_episode(void **state)
{
    (void)state;
    put(3, 4, MG_GOAL_CELL);
    step_says(MG_FORWARD, "You reach the goal.");
    assert_true(w.r.terminated && w.r.success && w.r.reward > 0.9);
    put(4, 4, MG_CELL(MG_LAVA, MG_RED, 0));
    step_says(MG_FORWARD, "You burn in lava.");
    assert_true(w.r.terminated && !w.r.success);
    assert_close(w.r.reward, 0, 0, 0);
}

static void first_sights_come_nearest_first_one_per_step(void **state)
{
    (void)state;
    put(6, 4, mg_make(w.m, MG_KEY, MG_YELLOW));
    put(4, 4, mg_make(w.m, MG_BALL, MG_RED));
    put(5, 6, MG_GOAL_CELL);
    put(6, 2, mg_door(MG_BLUE, MG_CLOSED));
    put(6, 3, mg_make(w.m, MG_BALL, MG_RED)); /* the same kind again: not a first sight */
    step_says(MG_DONE, "You see a red ball.");
    step_says(MG_DONE, "You see a yellow key.");
    step_says(MG_DONE, "You see the goal.");
    step_says(MG_DONE, "You see a blue door.");
    step_says(MG_DONE, "");
}

static void an_event_postpones_a_sight_but_does_not_swallow_it(void **state)
{
    (void)state;
    w.m->s.agent = (struct mg_pos){1, 4};
    w.m->s.dir = 3; /* up; the key is to the left of the wall in front */
    put(1, 3, MG_WALL_CELL);
    put(2, 4, mg_make(w.m, MG_KEY, MG_YELLOW));
    step_says(MG_FORWARD, "You bump into a wall.");
    step_says(MG_DONE, "You see a yellow key.");
}

static void things_behind_walls_are_not_seen(void **state)
{
    (void)state;
    mg_wall_vert(w.m, 4, 0, 8);
    put(6, 4, mg_make(w.m, MG_KEY, MG_YELLOW));
    step_says(MG_DONE, "");
    put(4, 4, MG_EMPTY_CELL);
    step_says(MG_DONE, "You see a yellow key.");
}

static void picking_up_the_target_is_the_last_caption(void **state)
{
    (void)state;
    static struct config cfg;
    config_defaults(&cfg);
    struct env *e;
    assert_ok(env_create(&e, "minigrid:KeyCorridorS3R3", &cfg, 0, &err));
    struct minigrid *m = &((struct minigrid_env *)e)->world;
    struct env_result r;
    e->family->seed(e, 3);
    assert_ok(e->family->reset(e, w.obs, &r, &err));
    char want[64];
    snprintf(want, sizeof want, "You pick up the %s ball.", mg_color_name[mg_color(m->s.target)]);
    *mg_at(m, m->s.agent.x + mg_dx(m->s.dir), m->s.agent.y + mg_dy(m->s.dir)) = m->s.target;
    assert_ok(e->family->step(e, MG_PICKUP, w.obs, &r, &err));
    assert_string_equal(r.caption, want);
    assert_true(r.terminated && r.success && !r.truncated);
    env_free(e);
}

static void a_picture_shows_mission_agent_and_carried_object(void **state)
{
    (void)state;
    put(3, 4, mg_make(w.m, MG_BALL, MG_PURPLE));
    step_says(MG_PICKUP, "You pick up the purple ball.");
    struct buf text;
    buf_init(&text, 1 << 16);
    mg_render(w.m, &text);
    assert_non_null(strstr(text.data, "use the key to open the door"));
    assert_non_null(strstr(text.data, "> "));
    assert_non_null(strstr(text.data, "carrying: purple ball"));
    assert_non_null(strstr(text.data, "step 1 of 640"));
    buf_release(&text);
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ROOM(objects_are_picked_up_and_dropped),
        IN_ROOM(locked_doors_want_the_key_of_their_colour),
        IN_ROOM(boxes_show_what_they_contain),
        IN_ROOM(walls_bump_and_nothing_is_silent),
        IN_ROOM(goal_and_lava_end_the_episode),
        IN_ROOM(first_sights_come_nearest_first_one_per_step),
        IN_ROOM(an_event_postpones_a_sight_but_does_not_swallow_it),
        IN_ROOM(things_behind_walls_are_not_seen),
        IN_ROOM(picking_up_the_target_is_the_last_caption),
        IN_ROOM(a_picture_shows_mission_agent_and_carried_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* test_record.c - `onic record`: what other readers find in its files is what the environment
 * showed, step by step; and where a file cannot be made, there is a sentence and nothing half of
 * it. */
#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actor/envs/env.h"
#include "actor/envs/nethack/replay_log.h"
#include "common/base/xmalloc.h"
#include "common/picture/text_pixels.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/gif_read.h"
#include "tests/support/program.h"
#include "tests/support/sanitized.h"
#include "tests/support/vt.h"

enum { PATIENCE_MS = 120000, MARGIN = 8, FPS = 6, STEPS_MAX = 400, GAME_STEPS = 60 };

static char dir[256];
static struct gif_movie movie;

/* A run that keeps each of its episodes. */
static int record_setup(void **state)
{
    struct program p;
    (void)state;
    temp_dir_create(dir);
    if (program_run(&p, dir, "train", "onic",
                    "train --run-dir=run --env.id=minigrid:Empty-5x5 --reward.model=counts "
                    "--actors.count=1 --frames=8192 --train.batch=512 --replay.every_episodes=10",
                    PATIENCE_MS) != 0)
        fail_msg("%s", program_text(p.err));
    return 0;
}

static int record_teardown(void **state)
{
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

static const char *path_of(const char *name)
{
    static char path[4][600];
    static int next;
    char *out = path[next++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", dir, name);
    return out;
}

static bool exists(const char *name)
{
    struct stat st;
    return lstat(path_of(name), &st) == 0;
}

/* Of a line of /bin/sh in which $onic is the program: what it said, both streams. */
static const char *says_and_ends(const char *line, int code)
{
    static struct program p;
    static char text[1 << 16];
    char whole[2048];
    snprintf(whole, sizeof whole, "onic=\"$ONIC_BUILD\"/onic; %s", line);
    program_start_shell(&p, dir, "onic", whole);
    int rc = program_wait(&p, PATIENCE_MS);
    size_t n = (size_t)snprintf(text, sizeof text / 2, "%s", program_text(p.out));
    snprintf(text + n, sizeof text - n, "%s", program_text(p.err));
    if (rc != code)
        fail_msg("`%s` ended with %d: %s", line, rc, text);
    return text;
}

static void fails(const char *line, int code, const char *part)
{
    const char *text = says_and_ends(line, code);
    if (!strstr(text, part))
        fail_msg("'%s' is not in: %s", part, text);
    const char *end = strchr(text, '\n');
    assert_true(end && !end[1]); /* one sentence */
}

/* --- a cast ---------------------------------------------------------------------------------- */

struct cast {
    json_t *head, *event[STEPS_MAX];
    int events;
};

static void cast_read(struct cast *c, const char *name)
{
    static char line[1 << 18];
    FILE *f = fopen(path_of(name), "r");
    assert_non_null(f);
    c->events = -1;
    while (fgets(line, sizeof line, f)) {
        json_t *value = json_loads(line, 0, NULL);
        assert_non_null(value);
        assert_true(c->events < STEPS_MAX);
        if (c->events < 0)
            c->head = value;
        else
            c->event[c->events] = value;
        c->events++;
    }
    fclose(f);
    assert_true(json_is_object(c->head) && c->events > 1);
    assert_int_equal(json_integer_value(json_object_get(c->head, "version")), 2);
    for (int i = 0; i < c->events; i++) {
        assert_int_equal(json_array_size(c->event[i]), 3);
        assert_string_equal(json_string_value(json_array_get(c->event[i], 1)), "o");
    }
}

static void cast_free(struct cast *c)
{
    json_decref(c->head);
    for (int i = 0; i < c->events; i++)
        json_decref(c->event[i]);
}

static double cast_time(const struct cast *c, int i)
{
    return json_number_value(json_array_get(c->event[i], 0));
}

static void cast_show(const struct cast *c, int i, struct vt *vt)
{
    json_t *text = json_array_get(c->event[i], 2);
    if (i == 0)
        vt_init(vt, (int)json_integer_value(json_object_get(c->head, "height")),
                (int)json_integer_value(json_object_get(c->head, "width")));
    vt_write(vt, json_string_value(text), json_string_length(text));
    assert_int_equal(vt->scrolled + vt->wrapped + vt->cut + vt->unknown, 0);
}

/* --- what the environment shows -------------------------------------------------------------- */

/* Rows of a terminal: of text with colours what is left without them. */
static void vt_holds(const struct vt *vt, const char *picture)
{
    static struct vt want;
    vt_init(&want, vt->rows, vt->cols);
    int row = 0;
    for (const char *s = picture; *s; row++) {
        size_t n = strcspn(s, "\n");
        vt_write(&want, s, n);
        vt_write(&want, "\r\n", 2);
        s += n + (s[n] == '\n');
    }
    for (int r = 0; r < row; r++)
        if (memcmp(vt->cell[r], want.cell[r], (size_t)vt->cols) != 0)
            fail_msg("row %d is\n%s\nand not\n%s", r, vt->cell[r], want.cell[r]);
}

/* The frame of the movie that is seen in a period. */
static int frame_at(int period)
{
    long at = lround(period * 100.0 / FPS), until = 0;
    for (int i = 0; i < movie.frames; i++)
        if ((until += movie.hundredths[i]) > at)
            return i;
    fail_msg("the movie ends before step %d", period);
    return -1;
}

static void movie_holds(int period, const struct pixels *p)
{
    const uint8_t *frame = movie.frame[frame_at(period)];
    int left = (movie.width - p->width) / 2;
    for (int y = 0; y < p->height; y++)
        if (memcmp(frame + (MARGIN + y) * movie.width + left, p->at + y * p->width,
                   (size_t)p->width) != 0)
            fail_msg("step %d, row %d of the picture is another one", period, y);
}

static void movie_is_so_long(int periods)
{
    long total = 0;
    for (int i = 0; i < movie.frames; i++)
        total += movie.hundredths[i];
    assert_int_equal(total, lround(periods * 100.0 / FPS));
}

static struct env *make(const char *id, int actions)
{
    static struct config cfg;
    struct env *e = NULL;
    config_defaults(&cfg);
    cfg.env_actions = actions ? actions : cfg.env_actions;
    snprintf(cfg.env_obs, sizeof cfg.env_obs, "all");
    assert_ok(env_create(&e, id, &cfg, 0, &err));
    return e;
}

/* --- a kept episode -------------------------------------------------------------------------- */

/* The path of some kept episode, and what it says. */
static int kept(char path[400], uint64_t *seed, int action[STEPS_MAX])
{
    static char line[1 << 16];
    path[0] = '\0';
    DIR *d = opendir(path_of("run/replays"));
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        if (strstr(e->d_name, ".jsonl"))
            snprintf(path, 400, "run/replays/%s", e->d_name);
    closedir(d);
    FILE *f = fopen(path_of(path), "r");
    assert_non_null(f);
    int n = -1;
    for (; fgets(line, sizeof line, f) && n < STEPS_MAX; n++) {
        json_t *o = json_loads(line, 0, NULL);
        assert_non_null(o);
        if (n < 0)
            *seed = strtoull(json_string_value(json_object_get(o, "seed")), NULL, 10);
        else
            action[n] = (int)json_integer_value(json_object_get(o, "action"));
        json_decref(o);
    }
    fclose(f);
    assert_true(n > 1);
    return n;
}

static void a_kept_episode_is_recorded_as_it_was_played(void **state)
{
    static struct cast c;
    static struct vt vt;
    char path[400], line[1024];
    uint64_t seed = 0;
    int action[STEPS_MAX], n = kept(path, &seed, action);
    (void)state;
    snprintf(line, sizeof line, "exec $onic record %s --gif=kept.gif --cast=kept.cast", path);
    assert_non_null(strstr(says_and_ends(line, 0), "kept.gif: "));
    cast_read(&c, "kept.cast");
    gif_read_file(&movie, path_of("kept.gif"));
    assert_int_equal(c.events, n + 2); /* the start, the steps, the end */
    movie_is_so_long(n + 1 + FPS);
    struct env *e = make("minigrid:Empty-5x5", 0);
    uint8_t *obs = xaligned(e->spec.obs.obs_bytes);
    struct env_result r;
    struct pixels p = {.at = NULL};
    e->family->seed(e, seed);
    for (int i = 0; i <= n; i++) {
        struct buf picture;
        buf_init(&picture, 1 << 16);
        if (i == 0)
            assert_ok(e->family->reset(e, obs, &r, &err));
        else
            assert_ok(e->family->step(e, action[i - 1], obs, &r, &err));
        e->family->render(e, &picture);
        e->family->draw(e, &p);
        cast_show(&c, i, &vt);
        vt_holds(&vt, picture.data);
        movie_holds(i, &p);
        snprintf(line, sizeof line, "step %d of %d  action ", i, n);
        assert_true(vt_shows(&vt, i ? line : "the start of "));
        assert_close(cast_time(&c, i), (double)i / FPS, 1e-6, 1e-6);
        buf_release(&picture);
    }
    assert_true(r.terminated || r.truncated);
    cast_show(&c, n + 1, &vt);
    assert_false(vt.hidden);
    assert_close(cast_time(&c, n + 1), (double)(n + 1 + FPS) / FPS, 1e-6, 1e-6);
    pixels_free(&p);
    free(obs);
    env_free(e);
    cast_free(&c);
    gif_movie_free(&movie);
}

/* The cell of the newest frame at this place of the terminal. */
static bool cell_is(int period, int row, int col, uint8_t character)
{
    const uint8_t *frame = movie.frame[frame_at(period)], *glyph = font_glyph(character);
    const uint8_t *at =
        frame + (MARGIN + row * FONT_HEIGHT) * movie.width + MARGIN + col * FONT_WIDTH;
    int front = -1, back = -1;
    for (int y = 0; y < FONT_HEIGHT; y++)
        for (int x = 0; x < FONT_WIDTH; x++) {
            int *colour = glyph[y] >> (7 - x) & 1 ? &front : &back;
            if (*colour >= 0 && *colour != at[y * movie.width + x])
                return false;
            *colour = at[y * movie.width + x];
        }
    return front != back;
}

/* Every character that the game has on its terminal, in both kinds of file. */
static void nethack_is_the_terminal_of_the_game(void **state)
{
    static struct cast c;
    static struct vt vt;
    static const uint8_t moves[] = {1, 2, 3, 4, 5, 6, 7, 8, 22};
    struct config cfg;
    const struct env_family *family;
    const char *name;
    (void)state;
    config_defaults(&cfg);
    assert_ok(env_find("nethack:Score", &family, &name, &err));
    if (SANITIZED || family->available(&cfg, NULL) != ONIC_OK)
        skip(); /* the library of others is not ours to mend */
    struct replay_head head = {.magic = REPLAY_MAGIC,
                               .id = "nethack:Score",
                               .seed = 7,
                               .clock = cfg.env_clock,
                               .actions = 23,
                               .running = 1,
                               .count = GAME_STEPS,
                               .capacity = 5000};
    FILE *f = fopen(path_of("crash-0-0.replay"), "wb");
    assert_int_equal(fwrite(&head, sizeof head, 1, f), 1);
    for (int i = 0; i < GAME_STEPS; i++)
        fputc(moves[i % (int)sizeof moves], f);
    fclose(f);
    says_and_ends("exec $onic record crash-0-0.replay --gif=game.gif --cast=game.cast", 0);
    cast_read(&c, "game.cast");
    gif_read_file(&movie, path_of("game.gif"));
    struct env *e = make("nethack:Score", 23);
    uint8_t *obs = xaligned(e->spec.obs.obs_bytes);
    const struct obs_field *tty = obs_spec_find(&e->spec.obs, "tty_chars");
    struct env_result r;
    int seen = 0;
    e->family->seed(e, 7);
    for (int i = 0; i < GAME_STEPS; i++) { /* the last action ended the process */
        if (i == 0)
            assert_ok(e->family->reset(e, obs, &r, &err));
        else
            assert_ok(e->family->step(e, moves[(i - 1) % (int)sizeof moves], obs, &r, &err));
        cast_show(&c, i, &vt);
        for (int cell = 0; cell < 24 * 80; cell++) {
            uint8_t want = obs[tty->offset + (size_t)cell];
            if (want <= ' ' || want > '~')
                continue;
            seen++;
            assert_int_equal(vt.cell[cell / 80][cell % 80], want);
            assert_true(cell_is(i, cell / 80, cell % 80, want));
        }
    }
    assert_true(seen > 100 * GAME_STEPS);
    free(obs);
    env_free(e);
    cast_free(&c);
    gif_movie_free(&movie);
}

/* --- a checkpoint ---------------------------------------------------------------------------- */

static void a_checkpoint_plays_as_many_episodes_as_it_is_asked_for(void **state)
{
    static struct cast c;
    static struct vt vt;
    int episodes = 0, frames = 0;
    (void)state;
    const char *text = says_and_ends("exec $onic record run --episodes=3 --fps=10 --seed=5 "
                                     "--gif=three.gif --cast=three.cast",
                                     0);
    cast_read(&c, "three.cast");
    assert_int_equal(sscanf(strstr(text, "three.cast: "), "three.cast: %d frames", &frames), 1);
    assert_int_equal(frames, c.events - 1);
    for (int i = 0; i < c.events - 1; i++) {
        char begins[60];
        cast_show(&c, i, &vt);
        snprintf(begins, sizeof begins, "episode %d  step 0  action reset", episodes + 1);
        episodes += vt_shows(&vt, begins);
        assert_true(vt_shows(&vt, "paid "));
    }
    assert_int_equal(episodes, 3);
    /* ten frames a second, and a second more for the end of each episode */
    assert_close(cast_time(&c, c.events - 1), frames / 10.0 + 3, 1e-6, 1e-6);
    cast_free(&c);
    says_and_ends("$onic record run --episodes=3 --fps=10 --seed=5 --gif=again.gif "
                  "--cast=again.cast && cmp three.gif again.gif && cmp three.cast again.cast",
                  0);
    says_and_ends("$onic record run --episodes=3 --fps=10 --seed=6 --cast=other.cast && "
                  "! cmp -s three.cast other.cast && "
                  "$onic record \"$(ls run/checkpoints/ckpt-*.safetensors | tail -n 1)\" "
                  "--episodes=3 --fps=10 --seed=6 --cast=file.cast && "
                  "test \"$(tail -n +2 other.cast | cksum)\" = \"$(tail -n +2 file.cast | cksum)\"",
                  0);
}

/* --- a video --------------------------------------------------------------------------------- */

static void fake_ffmpeg(const char *text)
{
    mkdir(path_of("bin"), 0777);
    FILE *f = fopen(path_of("bin/ffmpeg"), "w");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\nfor last; do :; done\nlast=${last#file:}\n%s\n", text);
    fclose(f);
    assert_int_equal(chmod(path_of("bin/ffmpeg"), 0755), 0);
}

static bool has_left_files(const char *part)
{
    bool found = false;
    DIR *d = opendir(dir);
    for (struct dirent *e; (e = readdir(d));)
        found |= strstr(e->d_name, part) != NULL;
    closedir(d);
    return found;
}

static void ffmpeg_gets_every_picture(void **state)
{
    char size[64];
    (void)state;
    fake_ffmpeg("echo \"$@\" >words; cat >\"$last\"");
    says_and_ends("PATH=$PWD/bin:$PATH exec $onic record run/replays --mp4=a.mp4 --gif=a.gif", 0);
    gif_read_file(&movie, path_of("a.gif"));
    snprintf(size, sizeof size, "-video_size %dx%d -framerate 6 ", movie.width, movie.height);
    assert_non_null(strstr(program_text(path_of("words")), size));
    assert_non_null(strstr(program_text(path_of("words")), " -y file:a.mp4."));
    assert_true(movie.width % 2 == 0 && movie.height % 2 == 0);
    size_t bytes = (size_t)movie.width * (size_t)movie.height * 3;
    uint8_t *rgb = xmalloc(bytes);
    FILE *f = fopen(path_of("a.mp4"), "rb");
    assert_non_null(f);
    int periods = 0;
    for (; fread(rgb, 1, bytes, f) == bytes; periods++) {
        const uint8_t *frame = movie.frame[frame_at(periods)];
        for (size_t i = 0; i < bytes / 3; i++)
            assert_memory_equal(rgb + 3 * i, movie.rgb[frame[i]], 3);
    }
    assert_true(feof(f) && periods > FPS);
    movie_is_so_long(periods);
    fclose(f);
    free(rgb);
    gif_movie_free(&movie);
    assert_false(has_left_files("a.mp4."));
}

static void a_video_that_cannot_be_made_is_said(void **state)
{
    (void)state;
    fails("PATH=/nowhere exec $onic record run --mp4=b.mp4", 64, "ffmpeg, which is not installed");
    fake_ffmpeg("echo 'a codec is missing' >&2; exit 3");
    fails("PATH=$PWD/bin:$PATH exec $onic record run --mp4=b.mp4", 74, "a codec is missing");
    fake_ffmpeg("exit 0"); /* before it is given anything */
    fails("PATH=$PWD/bin:$PATH exec $onic record run --mp4=b.mp4", 74,
          "ffmpeg ended before the last picture of ");
    fake_ffmpeg("cat >/dev/null; printf 'first\\nNo space left on device\\n' >&2; exit 1");
    fails("PATH=$PWD/bin:$PATH exec $onic record run --mp4=b.mp4", 74,
          "b.mp4 could not be written by ffmpeg: No space left on device");
    assert_false(has_left_files("b.mp4"));
}

/* --- files ----------------------------------------------------------------------------------- */

static void what_is_there_stays(void **state)
{
    (void)state;
    files_write(path_of("mine.gif"), "mine");
    files_write(path_of("mine.mp4"), "mine");
    fake_ffmpeg("cat >\"$last\"");
    fails("exec $onic record run --gif=mine.gif", 73, "mine.gif is there already");
    fails("exec $onic record run --cast=mine.gif", 73, "--force to replace it");
    fails("PATH=$PWD/bin:$PATH exec $onic record run --mp4=mine.mp4", 73, "is there already");
    fails("exec $onic record run --gif=/dev/null --force", 73,
          "/dev/null is no file that could be replaced");
    assert_string_equal(program_text(path_of("mine.gif")), "mine");
    assert_string_equal(program_text(path_of("mine.mp4")), "mine");
    says_and_ends("PATH=$PWD/bin:$PATH exec $onic record run --gif=mine.gif --mp4=mine.mp4 --force",
                  0);
    gif_read_file(&movie, path_of("mine.gif"));
    assert_true(movie.frames > 1);
    gif_movie_free(&movie);
    struct stat st;
    assert_true(stat(path_of("mine.mp4"), &st) == 0 && st.st_size > 10000);
    assert_false(has_left_files("mine.mp4."));
}

/* A limit of file sizes is a disk that is full. */
static void a_full_disk_leaves_nothing_torn(void **state)
{
    (void)state;
    fails("ulimit -f 1; exec $onic record run --gif=full.gif", 74, "full.gif");
    assert_false(has_left_files("full.gif"));
    files_write(path_of("full.cast"), "before");
    fails("ulimit -f 1; exec $onic record run --cast=full.cast --force", 74, "full.cast");
    assert_string_equal(program_text(path_of("full.cast")), "before");
    assert_false(has_left_files("full.cast."));
}

static bool ffmpeg_has_begun(void *ctx)
{
    (void)ctx;
    return exists("begun");
}

static void what_is_stopped_is_whole_as_far_as_it_came(void **state)
{
    struct program p;
    (void)state;
    fake_ffmpeg(": >begun; cat >/dev/null; echo video >\"$last\"");
    program_start_shell(&p, dir, "stopped",
                        "PATH=$PWD/bin:$PATH exec \"$ONIC_BUILD\"/onic record run --episodes=1000 "
                        "--mp4=stopped.mp4 --cast=stopped.cast");
    assert_true(wait_until(ffmpeg_has_begun, NULL, PATIENCE_MS));
    kill(p.pid, SIGINT);
    assert_int_equal(program_wait(&p, PATIENCE_MS), 0);
    assert_non_null(strstr(program_text(p.err), "stopped after "));
    assert_string_equal(program_text(path_of("stopped.mp4")), "video\n");
    assert_non_null(strstr(program_text(path_of("stopped.cast")), "\"version\":2"));
    assert_false(has_left_files("stopped.mp4."));
}

static void what_was_asked_wrongly_is_said(void **state)
{
    (void)state;
    mkdir(path_of("empty"), 0777);
    mkdir(path_of("empty/replays"), 0777);
    fails("exec $onic record", 64, "nothing to record");
    fails("exec $onic record run", 64, "--gif=FILE, --mp4=FILE or --cast=FILE");
    fails("exec $onic record run run --gif=x.gif", 64, "one run or episode at a time");
    fails("exec $onic record run --gif=", 64, "--gif needs the name of a file");
    fails("exec $onic record run --gif=x --cast=x", 64, "x was given twice");
    fails("exec $onic record run --gif=no/x.gif", 73, "no/x.gif cannot be written: no: No such");
    fails("exec $onic record run --gif=empty", 73, "empty is a folder");
    fails("exec $onic record run --gif=x.gif --fps=0", 64, "fps");
    fails("exec $onic record run --gif=x.gif --fps=51", 64, "fps");
    fails("exec $onic record run --gif=x.gif --episodes=0", 64, "episodes");
    fails("exec $onic record nowhere --gif=x.gif", 64, "there is no run nowhere");
    fails("exec $onic record nowhere.jsonl --gif=x.gif", 64, "nowhere.jsonl cannot be opened");
    fails("exec $onic record empty --gif=x.gif", 64, "empty is a folder, not a run directory");
    fails("exec $onic record empty/replays --gif=x.gif", 64, "without kept episodes");
    fails("exec $onic record run/config.yaml --gif=x.gif", 64, "config.yaml");
    says_and_ends("$onic record run/replays --episodes=2 --gif=x.gif; test $? = 64 && "
                  "$onic record run/replays --greedy --gif=x.gif; test $? = 64 && "
                  "$onic record run/replays --seed=2 --gif=x.gif; test $? = 64",
                  0);
    assert_false(exists("x.gif") || exists("x"));
    says_and_ends("d=$(printf 'st\\303\\251\\377\\033[2J'); ln -s run \"$d\"; "
                  "$onic record \"$d\" --cast=odd.cast && head -n 1 odd.cast | "
                  "grep -F 'st\\u00E9? [2J'", /* a name that acts on terminals, and is no UTF-8 */
                  0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kept_episode_is_recorded_as_it_was_played),
        cmocka_unit_test(nethack_is_the_terminal_of_the_game),
        cmocka_unit_test(a_checkpoint_plays_as_many_episodes_as_it_is_asked_for),
        cmocka_unit_test(ffmpeg_gets_every_picture),
        cmocka_unit_test(a_video_that_cannot_be_made_is_said),
        cmocka_unit_test(what_is_there_stays),
        cmocka_unit_test(a_full_disk_leaves_nothing_torn),
        cmocka_unit_test(what_is_stopped_is_whole_as_far_as_it_came),
        cmocka_unit_test(what_was_asked_wrongly_is_said),
    };
    return cmocka_run_group_tests(tests, record_setup, record_teardown);
}

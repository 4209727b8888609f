/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_SCENE_H
#define ONIC_TESTS_SUPPORT_SCENE_H

/* scene.h - a folder with a run and two programs, for tests of what the real programs say and do
 * when something is wrong. Functions that wait fail the test when it does not come. */

#include "tests/support/program.h"

/* Until a scene is given up; ThreadSanitizer makes programs ten times slower. */
#ifdef __SANITIZE_THREAD__
enum { SCENE_SLOWNESS = 5 };
#else
enum { SCENE_SLOWNESS = 1 };
#endif
enum { SCENE_SOON_MS = 60000 * SCENE_SLOWNESS, SCENE_LONG_MS = 90000 * SCENE_SLOWNESS };

struct scene {
    char dir[256], run[300];
    struct program a, b; /* b: a second program */
};

/* Of each test; *state is a struct scene. */
int scene_setup(void **state);
int scene_teardown(void **state);

/* The program ends with `code` and the last line of its stderr holds `part`; lines: how many lines
 * it may say at most. */
void scene_fails_within(struct scene *s, const char *name, const char *args, int code,
                        const char *part, int lines);
/* In one line. */
void scene_fails(struct scene *s, const char *name, const char *args, int code, const char *part);

/* `onic ARGS` in the scene's folder, as program a, ends well. */
void scene_succeeds(struct scene *s, const char *args);

/* An executable file in the scene's folder. */
void scene_script(const struct scene *s, const char *name, const char *text);

/* A file of the scene's folder: its text (valid as program_text's), written, removed. */
const char *scene_text(const struct scene *s, const char *name);
void scene_write(const struct scene *s, const char *name, const char *text);
void scene_remove(const struct scene *s, const char *name);
void scene_assert_holds(const char *text, const char *part);

/* Until the file at `path` holds `word`. */
void await_word(const char *path, const char *word, int timeout_ms);
/* Until a metric of the run is above a number. */
void scene_await_metric(const struct scene *s, const char *key, double above);

/* Starts a training run without an end as program a and waits for its first steps. */
void scene_train(struct scene *s, const char *more);
void scene_trains_on(const struct scene *s);
/* Kills program a's learner and waits until its next life, of this epoch, has trained beyond what
 * the killed one had said. */
void scene_kill_learner(const struct scene *s, int next_epoch);
/* Asks a program to stop; it must end well. */
void scene_drain(struct program *p);
void scene_ledger_is_balanced(struct scene *s);

#endif /* ONIC_TESTS_SUPPORT_SCENE_H */

/* SPDX-License-Identifier: MIT */
/* fake.c - a stand-in for NLE's libnethack.so: the same symbols and layouts, a toy game behind
 * them.
 *
 * It lets every test of the NetHack environment run without the wheel, reach each prompt mode at
 * will, and break on purpose. All state is global, as in the real library, so two environments in
 * one process only work when each has its private copy. One generation per build (see
 * CMakeLists.txt); those that onic refuses export the right fingerprint and nothing that could be
 * played.
 *
 * The game: a hero in a room. Moves and waiting take one turn, Enter none. What other keys do:
 *
 * - K kills a newt: 10 points, 5 turns. J dies in three pages.
 * - s shows two pages. > goes down one level, in a page of its own, and writes a level file.
 * - L says "You feel more confident in ..."; M-e then opens a menu where `a` enhances.
 * - U falls through a trap door. B kills two and dies of it, with one page of each.
 * - N shows the Oracle: first beside a hallucinating, confused hero, then two cells away and the
 * hero only confused, then beside.
 * - H misbehaves as $FAKE_NETHACK says: crash, hang (never returns), ask (endless --More--).
 * - Nor does a game begin when it says so: over (at once), intro (its first page stays).
 * - < asks for a line of text, ^D for a direction, e and q for an item.
 * - M-p asks whether to pray: y is fatal.
 * - A death is reported as another end when $FAKE_NETHACK says so: quit, escape, ascend.
 * - M-q asks whether to quit; a game that is dropped without having ended aborts the program.
 * - Y and , ask a question and, when it is refused, a second one; p asks one for ever.
 * - Z opens a menu where `a` leads to a direction. */
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "actor/envs/nethack/nle_abi.h"

#define EXPORT __attribute__((visibility("default")))

#if defined(FAKE_none)

EXPORT int some_other_library;

#elif defined(FAKE_0_8)

EXPORT struct nle_seeds_0_9 nle_seeds_init;
EXPORT char mons[NLE_MONS_BYTES];
EXPORT void *nle_start(struct nle_obs *o, FILE *ttyrec, struct nle_seeds_0_9 *seeds,
                       void *settings);
void *nle_start(struct nle_obs *o, FILE *ttyrec, struct nle_seeds_0_9 *seeds, void *settings)
{
    (void)o, (void)ttyrec, (void)seeds, (void)settings;
    abort(); /* must never be called: its arguments are others */
}
EXPORT void *nle_step(void *game, struct nle_obs *o);
void *nle_step(void *game, struct nle_obs *o)
{
    (void)game, (void)o;
    abort();
}
EXPORT void nle_end(void *game);
void nle_end(void *game)
{
    (void)game;
    abort();
}

#else

#if defined(FAKE_3_7) /* a NetHack with more monsters */
EXPORT char mons[NLE_MONS_BYTES + 72];
#else
EXPORT char mons[NLE_MONS_BYTES];
#endif

#if defined(FAKE_1_1)
EXPORT char settings[NLE_SETTINGS_0_9];
#elif defined(FAKE_1_2)
EXPORT char settings[NLE_SETTINGS_1_2];
#else
EXPORT char settings[NLE_SETTINGS_1_3];
#endif

enum mode {
    INTRO,
    PLAY,
    PAGES,
    TEXT,
    DIRECTION,
    ITEM,
    PRAY,
    QUIT,
    REFUSE,
    REFUSE_AGAIN,
    NAG,
    MENU_SPELL,
    MENU_SKILL,
    ENDLESS,
    DYING
};

static struct {
    enum mode mode;
    int x, y, dlevel, gold;
    int oracle; /* times N was pressed */
    long turn, score;
    unsigned long rng;
    int page;             /* of the pages being shown */
    const char *pages[4]; /* the rest of them, NULL-terminated */
    const char *message;
    long start_time;
    char text[128], hackdir[4096];
    struct nle_seeds seeds;
} game;

#if defined(FAKE_1_1)
EXPORT struct nle_seeds_0_9 *nle_seeds_init;
EXPORT char *nle_ttyrecname(void);
char *nle_ttyrecname(void)
{
    return NULL;
}
#else
EXPORT void nle_init_lgen_rng(void);
void nle_init_lgen_rng(void)
{
}
EXPORT void nle_set_seed(void *ctx, unsigned long core, unsigned long disp, char reseed,
                         unsigned long lgen);
void nle_set_seed(void *ctx, unsigned long core, unsigned long disp, char reseed,
                  unsigned long lgen)
{
    (void)ctx, (void)disp, (void)reseed;
    game.rng = core ^ lgen;
}
EXPORT void nle_get_seed(void *ctx, unsigned long *core, unsigned long *disp, char *reseed,
                         unsigned long *lgen, bool *lgen_in_use);
void nle_get_seed(void *ctx, unsigned long *core, unsigned long *disp, char *reseed,
                  unsigned long *lgen, bool *lgen_in_use)
{
    (void)ctx;
    *core = game.seeds.core, *disp = game.seeds.disp, *reseed = 0;
    *lgen = game.seeds.lgen, *lgen_in_use = game.seeds.use_lgen;
}
#endif

static unsigned draw(unsigned bound)
{
    game.rng = game.rng * 6364136223846793005UL + 1442695040888963407UL;
    return (unsigned)(game.rng >> 33) % bound;
}

static void say(const char *text)
{
    game.message = text;
}

static void show_pages(const char *a, const char *b, const char *c)
{
    game.mode = PAGES;
    game.page = 0;
    game.pages[0] = b, game.pages[1] = c, game.pages[2] = NULL;
    say(a);
}

static void append_file(const char *name, const char *text)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", game.hackdir, name);
    FILE *f = fopen(path, "a");
    if (f) {
        fputs(text, f);
        fclose(f);
    }
}

static void die(const char *how)
{
    signal(SIGHUP, SIG_IGN); /* as NetHack does */
    signal(SIGXCPU, SIG_IGN);
    append_file("xlogfile", "the hero died\n");
    game.mode = DYING;
    game.page = 0;
    say(how);
}

static bool is_told(const char *what)
{
    const char *how = getenv("FAKE_NETHACK");
    return how && strcmp(how, what) == 0;
}

static void misbehave(void)
{
    const char *how = getenv("FAKE_NETHACK");
    if (how && strcmp(how, "crash") == 0)
        raise(SIGSEGV);
    if (how && strcmp(how, "hang") == 0)
        for (;;)
            pause();
    if (how && strcmp(how, "ask") == 0)
        game.mode = ENDLESS;
}

static void move(int dx, int dy)
{
    int x = game.x + dx, y = game.y + dy;
    game.turn++;
    if (x < 1 || x > 77 || y < 1 || y > 19) {
        say("It's solid stone.");
        return;
    }
    game.x = x, game.y = y;
    if (draw(8) == 0) {
        game.gold++;
        say("$ - a gold piece.");
    }
}

/* Keys that make the game ask something. */
static void prompt(int key)
{
    switch (key) {
    case '<':
        game.mode = TEXT;
        say("Call it what?");
        break;
    case 'd' & 0x1f:
        game.mode = DIRECTION;
        say("In what direction?");
        break;
    case 'e':
        game.mode = ITEM;
        say("What do you want to eat? [c-f or ?*]");
        break;
    case 'q':
        game.mode = ITEM;
        say("What do you want to drink? [g or ?*]");
        break;
    case 'q' | 0x80:
        game.mode = QUIT;
        say("Really quit? [yn] (n)");
        break;
    case 'p' | 0x80:
        game.mode = PRAY;
        say("Are you sure you want to pray? [yn] (n)");
        break;
    case ',':
    case 'Y':
        game.mode = REFUSE;
        say("Really step there? [yn]");
        break;
    case 'p':
        game.mode = NAG;
        say("Pay? [yn] (y)");
        break;
    case 'Z':
        game.mode = MENU_SPELL;
        break;
    case 'e' | 0x80:
        game.mode = MENU_SKILL;
        break;
    default:
        break;
    }
}

static void command(int key)
{
    static const char compass[] = "kljhunby";
    static const int dx[] = {0, 1, 0, -1, 1, 1, -1, -1}, dy[] = {-1, 0, 1, 0, -1, 1, 1, -1};
    const char *c = key > 0 && key < 128 ? strchr(compass, key) : NULL;
    if (c) {
        move(dx[c - compass], dy[c - compass]);
        return;
    }
    switch (key) {
    case '.':
        game.turn++;
        break;
    case 'K':
        game.turn += 5;
        game.score += 10;
        say("You kill the newt!");
        break;
    case 'L':
        game.turn++;
        say("You feel more confident in your fighting skills.");
        break;
    case 'U':
        game.turn++;
        game.dlevel++;
        say("A trap door opens up under you!");
        break;
    case 'N':
        game.turn++;
        game.oracle++;
        break;
    case 'B':
        game.turn += 2;
        game.score += 30;
        die("You kill the newt!  You kill the rat!");
        break;
    case 'J':
        die("The newt bites!");
        break;
    case 'H':
        misbehave();
        break;
    case 's':
        game.turn++;
        show_pages("You find a hidden door.", "You hear a guard.", NULL);
        break;
    case '>':
        game.turn++;
        game.dlevel++;
        append_file("0lock.1", "level");
        show_pages("You descend the stairs.", "You see here a gem.", NULL);
        break;
    default:
        prompt(key);
        break;
    }
}

static void answer_item(int key)
{
    game.mode = PLAY;
    if (key == ' ' || key == 27)
        say("Never mind.");
    else if ((key >= 'c' && key <= 'f') || key == 'g') {
        game.turn++;
        snprintf(game.text, sizeof game.text, "You use item %c.", key);
        say(game.text);
    } else
        say("You don't have that object.");
}

static void feed(int key)
{
    enum mode mode = game.mode;
    game.message = "";
    switch (mode) {
    case PLAY:
        command(key);
        break;
    case INTRO:
    case PAGES:
        if (key != ' ' || (game.mode == INTRO && is_told("intro")))
            break; /* the page stays, as the real prompt does */
        say(game.pages[game.page] ? game.pages[game.page] : "");
        if (game.pages[game.page] && game.pages[game.page + 1])
            game.page++;
        else
            game.mode = PLAY;
        break;
    case TEXT:
        if (key == 27)
            game.mode = PLAY;
        else
            say("Call it what?");
        break;
    case DIRECTION:
        game.mode = PLAY;
        game.turn++;
        say("You kick at empty space.");
        break;
    case ITEM:
        answer_item(key);
        break;
    case QUIT:
    case PRAY:
        game.mode = PLAY;
        if (key == 'y')
            die(mode == QUIT ? "" : "You fry to a crisp!");
        break;
    case REFUSE:
        game.mode = REFUSE_AGAIN;
        say("Are you really sure? [yn]");
        break;
    case REFUSE_AGAIN:
        game.mode = PLAY;
        say("You stay.");
        break;
    case NAG:
        game.mode = key == 'y' ? PLAY : NAG;
        say("Pay? [yn] (y)");
        break;
    case MENU_SPELL:
        game.mode = key == 'a' ? DIRECTION : PLAY;
        if (key == 'a')
            say("In what direction?");
        break;
    case MENU_SKILL:
        game.mode = PLAY;
        if (key == 'a')
            say("You are now more skilled in martial arts.");
        break;
    case ENDLESS:
        break;
    case DYING:
        game.page++;
        say(game.page == 1 ? "You die..." : "");
        break;
    }
}

static void fill_tty(struct nle_obs *o)
{
    if (o->tty_chars) {
        memset(o->tty_chars, ' ', NLE_TTY_CELLS);
        memcpy(o->tty_chars, game.message, strlen(game.message));
        o->tty_chars[(game.y + 1) * NLE_TTY_COLS + game.x] = '@';
    }
    if (o->tty_colors)
        memset(o->tty_colors, 7, NLE_TTY_CELLS);
    if (o->tty_cursor)
        o->tty_cursor[0] = (uint8_t)(game.y + 1), o->tty_cursor[1] = (uint8_t)game.x;
}

static int how_it_ended(void)
{
    const char *how = getenv("FAKE_NETHACK");
    if (how && strcmp(how, "quit") == 0)
        return NLE_HOW_QUIT;
    if (how && strcmp(how, "escape") == 0)
        return NLE_HOW_ESCAPED;
    return how && strcmp(how, "ascend") == 0 ? NLE_HOW_ASCENDED : 0;
}

static void show_oracle(struct nle_obs *o)
{
    enum { CONFUSED = 0x100 };
    int distance = game.oracle == 2 ? 2 : 1;
    if (game.oracle == 0)
        return;
    o->blstats[NLE_BL_CONDITION] = CONFUSED | (game.oracle == 1 ? NLE_CONDITION_HALLUCINATION : 0);
    o->glyphs[game.y * NLE_COLS + game.x + (game.x > 40 ? -distance : distance)] = NLE_GLYPH_ORACLE;
}

static void fill(struct nle_obs *o)
{
    bool over = game.mode == DYING;
    o->done = over && game.page == 3;
    o->in_normal_game = game.mode != INTRO && !o->done;
    if (o->done)
        o->how_done = how_it_ended();
    memset(o->message, 0, NLE_MESSAGE);
    memcpy(o->message, game.message, strlen(game.message));
    memset(o->blstats, 0, NLE_BLSTATS * sizeof(long));
    for (int i = 0; i < NLE_CELLS; i++)
        o->glyphs[i] = NLE_GLYPH_STONE;
    if (o->in_normal_game) {
        o->blstats[NLE_BL_X] = game.x, o->blstats[NLE_BL_Y] = game.y;
        o->blstats[NLE_BL_SCORE] = game.score, o->blstats[NLE_BL_TURN] = game.turn;
        o->blstats[NLE_BL_DEPTH] = o->blstats[NLE_BL_DLEVEL] = game.dlevel;
        o->blstats[NLE_BL_GOLD] = game.gold, o->blstats[NLE_BL_XLEVEL] = 1;
        o->glyphs[game.y * NLE_COLS + game.x] = 333;
        show_oracle(o);
    }
    memset(o->internal, 0, NLE_INTERNAL * sizeof(int));
    o->internal[NLE_IN_YN] = game.mode == DIRECTION || game.mode == ITEM || game.mode == PRAY ||
                             game.mode == QUIT || game.mode == REFUSE ||
                             game.mode == REFUSE_AGAIN || game.mode == NAG;
    o->internal[NLE_IN_GETLIN] = game.mode == TEXT;
    o->internal[NLE_IN_XWAIT] = game.mode == INTRO || game.mode == PAGES ||
                                game.mode == MENU_SPELL || game.mode == MENU_SKILL ||
                                game.mode == ENDLESS || over;
    o->program_state[NLE_PS_GAMEOVER] = over;
    o->program_state[NLE_PS_MOVELOOP] = game.mode != INTRO;
    if (o->misc)
        memcpy(o->misc, o->internal + NLE_IN_YN, 3 * sizeof(int));
    fill_tty(o);
}

#if defined(FAKE_1_1)
#define SEEDS_ARGUMENT struct nle_seeds_0_9 *init,
#else
#define SEEDS_ARGUMENT
#endif

EXPORT void *nle_start(struct nle_obs *o, FILE *ttyrec, SEEDS_ARGUMENT struct nle_settings *s);
void *nle_start(struct nle_obs *o, FILE *ttyrec, SEEDS_ARGUMENT struct nle_settings *s)
{
    (void)ttyrec;
    if (game.start_time != 0)
        abort(); /* a second game in the same copy: its state was not fresh */
    memcpy(settings, s, sizeof settings); /* by value, as many bytes as this generation knows */
    memcpy(game.hackdir, s->hackdir, sizeof game.hackdir);
#if defined(FAKE_1_1)
    nle_seeds_init = init;
    if (init)
        game.seeds =
            (struct nle_seeds){.core = init->seeds[0], .disp = init->seeds[1], .use_seeds = true};
#else
    game.seeds = s->seeds;
#endif
    o->done = 1;
    if (access(s->hackdir, W_OK) != 0 || is_told("over"))
        return &game;
    game.start_time = (long)time(NULL);
    game.rng =
        game.seeds.use_seeds ? game.seeds.core ^ game.seeds.lgen << 1 : (unsigned long)getpid();
    game.x = 1 + (int)draw(77), game.y = 1 + (int)draw(19);
    game.dlevel = 1, game.turn = 1;
    game.pages[0] = "You are hungry for adventure.", game.pages[1] = NULL;
    snprintf(game.text, sizeof game.text, "Hello Agent, it is %ld.", game.start_time);
    say(game.text);
    fill(o);
    return &game;
}

EXPORT void *nle_step(void *ctx, struct nle_obs *o);
void *nle_step(void *ctx, struct nle_obs *o)
{
    if (ctx != &game)
        abort(); /* the game of another copy */
    feed(o->action);
    fill(o);
    return ctx;
}

EXPORT void nle_end(void *ctx);
void nle_end(void *ctx)
{
    bool stuck = game.mode == ENDLESS || game.mode == NAG || game.mode == INTRO;
    if (ctx != &game || (!stuck && !(game.mode == DYING && game.page >= 3)))
        abort();
}

#endif

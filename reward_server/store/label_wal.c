/* SPDX-License-Identifier: MIT */
/* label_wal.c - see label_wal.h.
 *
 * A frame is 24 bytes (page number, size of the database after a commit or 0, two salts, two words
 * of checksum) and a page. The checksum covers the first 8 bytes and the page: s0 += a + s1;
 * s1 += b + s0 for each two words a, b, modulo 2^32, going on from the frame before. A word that
 * differs by d changes (s0, s1) by d times a pair of numbers that only its place decides (powers of
 * the matrix 1 1 / 1 2, that is Fibonacci numbers). Both equations must agree in d, which for
 * damage of one word they do at its place alone; but for the highest bits of a word, of which too
 * little is left modulo 2^32: then nothing is guessed. */
#define _GNU_SOURCE
#include "reward_server/store/label_wal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file_kind.h"
#include "common/base/xmalloc.h"

enum {
    WAL_HEADER = 32,
    WAL_SUMMED = 24, /* bytes of the header before its checksum */
    FRAME_HEADER = 24,
    FRAME_SUMMED = 8,
    WAL_NAME_MAX = 4200,
    WAL_REPAIRS = 256,
    WAL_PAGES_MAX = 1 << 24,
    WAL_LOOKS = 3
};

static const uint32_t WAL_MAGIC = 0x377f0682u, WAL_VERSION = 3007000u;

struct wal_sum {
    uint32_t s[2];
};

struct wal_scan {
    int fd;
    bool big; /* words of the checksum are big-endian */
    bool header_damaged;
    uint32_t page;
    uint8_t header[WAL_HEADER];
    struct wal_sum before[2]; /* what the next frame may go on from: as stored, as computed */
    uint8_t head[FRAME_HEADER];
    uint8_t *covered; /* [FRAME_SUMMED + page] of the frame that was read last */
    int frames;       /* whole ones up to the last commit that is kept */
    struct {
        int frame, word;
        uint8_t was[4];
    } repair[WAL_REPAIRS];
    int repairs;
    struct label_wal found;
};

static uint32_t wal_get_big(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void wal_put_big(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t wal_swapped(uint32_t v, bool big)
{
    return big ? v : __builtin_bswap32(v);
}

static struct wal_sum wal_add(struct wal_sum sum, const uint8_t *p, size_t n, bool big)
{
    for (size_t i = 0; i < n; i += 8) {
        sum.s[0] += wal_swapped(wal_get_big(p + i), big) + sum.s[1];
        sum.s[1] += wal_swapped(wal_get_big(p + i + 4), big) + sum.s[0];
    }
    return sum;
}

static struct wal_sum wal_stored(const uint8_t *p)
{
    return (struct wal_sum){{wal_get_big(p), wal_get_big(p + 4)}};
}

static bool wal_equal(struct wal_sum a, struct wal_sum b)
{
    return a.s[0] == b.s[0] && a.s[1] == b.s[1];
}

/* --- one word -------------------------------------------------------------------------------- */

/* d with d * factor = change for both halves; 0 = there is none. One of consecutive Fibonacci
 * numbers is odd. */
static uint32_t wal_solve(const uint32_t factor[2], const uint32_t change[2])
{
    int odd = factor[0] & 1 ? 0 : 1;
    uint32_t inverse = factor[odd];
    for (int i = 0; i < 5; i++) /* Newton: doubles the bits that are right */
        inverse *= 2 - factor[odd] * inverse;
    uint32_t d = change[odd] * inverse;
    return d * factor[!odd] == change[!odd] ? d : 0;
}

/* Which word of a frame's n covered bytes differs from those that gave the sum `want`, and what it
 * was. False: no single one, or it cannot be told which; but a page number that no page has is the
 * one that differs. */
static bool wal_find_word(const uint8_t *p, size_t n, struct wal_sum from, struct wal_sum want,
                          bool big, int *word, uint8_t was[4])
{
    struct wal_sum got = wal_add(from, p, n, big);
    uint32_t change[2] = {want.s[0] - got.s[0], want.s[1] - got.s[1]};
    uint32_t factor[2][2] = {{1, 1}, {0, 1}}; /* of the first and the second word of a pair */
    uint32_t number = wal_get_big(p);
    bool no_page = number == 0 || number > WAL_PAGES_MAX;
    /* as if a half of the checksum itself were damaged */
    int found = change[0] == 0 || change[1] == 0 ? 2 : 0;
    for (int pair = (int)(n / 8) - 1; pair >= 0; pair--)
        for (int k = 0; k < 2; k++) {
            uint32_t d = wal_solve(factor[k], change), x = factor[k][0], y = factor[k][1];
            factor[k][0] = x + y;
            factor[k][1] = x + 2 * y;
            if (!d)
                continue;
            found++;
            *word = 2 * pair + k;
            uint32_t value = wal_swapped(wal_get_big(p + (size_t)*word * 4), big) + d;
            wal_put_big(was, wal_swapped(value, big));
            if (*word == 0 && no_page)
                return true;
        }
    return found == 1 && !no_page;
}

/* --- frames ---------------------------------------------------------------------------------- */

static off_t wal_frame_at(const struct wal_scan *w, int frame)
{
    return WAL_HEADER + (off_t)frame * (off_t)(FRAME_HEADER + w->page);
}

static bool wal_read_frame(struct wal_scan *w, int frame)
{
    off_t at = wal_frame_at(w, frame);
    if (pread(w->fd, w->head, FRAME_HEADER, at) != FRAME_HEADER ||
        pread(w->fd, w->covered + FRAME_SUMMED, w->page, at + FRAME_HEADER) != (ssize_t)w->page)
        return false;
    memcpy(w->covered, w->head, FRAME_SUMMED);
    return true;
}

static size_t wal_covered(const struct wal_scan *w)
{
    return FRAME_SUMMED + w->page;
}

/* Frames of before the file was begun anew have other salts, both of them. */
static bool wal_belongs(const struct wal_scan *w)
{
    const uint8_t *mine = w->head + 8, *salt = w->header + 16;
    return memcmp(mine, salt, 4) == 0 || memcmp(mine + 4, salt + 4, 4) == 0;
}

static bool wal_is_commit(const struct wal_scan *w)
{
    return wal_get_big(w->covered + 4) != 0;
}

enum wal_verdict { WAL_FINE, WAL_MENDED, WAL_BAD };

/* Of the frame that was read last; says what the next one goes on from. */
static enum wal_verdict wal_judge(struct wal_scan *w, int frame)
{
    struct wal_sum stored = wal_stored(w->head + 16);
    struct wal_sum got = wal_add(w->before[0], w->covered, wal_covered(w), w->big);
    bool fits = wal_equal(got, stored), whole = memcmp(w->head + 8, w->header + 16, 8) == 0;
    if (!fits) {
        struct wal_sum other = wal_add(w->before[1], w->covered, wal_covered(w), w->big);
        fits = wal_equal(other, stored);
    }
    int word = 0;
    uint8_t was[4] = {0};
    bool exact =
        !fits && wal_belongs(w) &&
        wal_find_word(w->covered, wal_covered(w), w->before[0], stored, w->big, &word, was);
    w->before[0] = stored;
    w->before[1] = fits ? stored : got;
    if (fits)
        return whole ? WAL_FINE : wal_belongs(w) ? WAL_MENDED : WAL_BAD;
    if (!exact)
        return WAL_BAD;
    if (w->repairs < WAL_REPAIRS) {
        w->repair[w->repairs].frame = frame;
        w->repair[w->repairs].word = word;
        memcpy(w->repair[w->repairs++].was, was, 4);
    }
    memcpy(w->covered + (size_t)word * 4, was, 4);
    w->before[1] = stored;
    return WAL_MENDED;
}

/* Goes through all frames. Every commit but the last was on disk before the next began; of the last
 * one nothing is believed that does not fit. */
static void wal_scan_frames(struct wal_scan *w)
{
    struct label_wal seen = w->found;
    bool dubious = false; /* the commit that is being read holds a frame that does not fit */
    bool left = false;    /* frames of this file after the last commit, which do not fit */
    int before_last = 0;
    struct label_wal found_before = seen;
    for (int i = 0; wal_read_frame(w, i); i++) {
        enum wal_verdict v = wal_judge(w, i);
        if (v != WAL_FINE && seen.damaged++ == 0)
            seen.at = wal_frame_at(w, i);
        seen.exact += v == WAL_MENDED;
        dubious |= v == WAL_BAD;
        left |= v == WAL_BAD && wal_belongs(w);
        if (v == WAL_BAD && wal_belongs(w) && wal_is_commit(w)) /* what follows is another */
            dubious = false;
        if (v == WAL_BAD || !wal_belongs(w) || !wal_is_commit(w))
            continue;
        seen.commits += seen.damaged > 0;
        before_last = w->frames;
        found_before = w->found;
        w->frames = i + 1;
        w->found = seen;
        w->found.unfinished = dubious;
        dubious = left = false;
    }
    w->found.unfinished |= left;
    if (w->found.unfinished && !left) { /* the last commit that there is */
        w->frames = before_last;
        w->found = found_before;
        w->found.unfinished = true;
    }
    w->found.hopeless = w->repairs == WAL_REPAIRS;
}

/* What the header must be is known but for its counter: constants, the page of the database, the
 * salts of the first frame. */
static void wal_restore_header(struct wal_scan *w, uint32_t page)
{
    uint8_t *h = w->header;
    uint8_t first[FRAME_HEADER] = {0};
    if (pread(w->fd, first, sizeof first, WAL_HEADER) != (ssize_t)sizeof first)
        return;
    wal_put_big(h, WAL_MAGIC | (wal_get_big(h) & 1));
    wal_put_big(h + 4, WAL_VERSION);
    wal_put_big(h + 8, page);
    memcpy(h + 16, first + 8, 8);
}

/* Page size of the database, 0 = it cannot be told. */
static uint32_t wal_page_of_database(const char *path)
{
    uint8_t at16[2] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool got = fd >= 0 && pread(fd, at16, 2, 16) == 2;
    if (fd >= 0)
        close(fd);
    uint32_t page = (uint32_t)at16[0] << 8 | at16[1];
    return !got ? 0 : page == 1 ? 65536 : page;
}

/* False: there is no file, or nothing in it. */
static bool wal_open_header(struct wal_scan *w, uint32_t page)
{
    static const uint8_t zeros[WAL_HEADER];
    if (pread(w->fd, w->header, WAL_HEADER, 0) != WAL_HEADER ||
        memcmp(w->header, zeros, WAL_HEADER) == 0)
        return false;
    w->big = wal_get_big(w->header) & 1;
    struct wal_sum none = {{0, 0}}, stored = wal_stored(w->header + WAL_SUMMED);
    struct wal_sum got = wal_add(none, w->header, WAL_SUMMED, w->big);
    w->header_damaged = !wal_equal(got, stored);
    if (w->header_damaged) {
        wal_restore_header(w, page ? page : 4096);
        w->big = wal_get_big(w->header) & 1;
        got = wal_add(none, w->header, WAL_SUMMED, w->big);
        w->found.damaged = 1;
    }
    w->before[0] = stored;
    w->before[1] = got;
    w->page = wal_get_big(w->header + 8);
    return w->page >= 512 && w->page <= 65536 && (w->page & (w->page - 1)) == 0;
}

/* False: nothing to look at, or errno says why it cannot be read. */
static bool wal_scan_file(struct wal_scan *w, const char *wal, int flags)
{
    char database[WAL_NAME_MAX];
    memset(w, 0, sizeof *w);
    snprintf(database, sizeof database, "%.*s", (int)(strlen(wal) - strlen("-wal")), wal);
    errno = 0;
    w->fd = open(wal, flags | O_CLOEXEC);
    if (w->fd < 0 || !wal_open_header(w, wal_page_of_database(database)))
        return false;
    w->covered = xmalloc(wal_covered(w));
    wal_scan_frames(w);
    if (w->frames == 0 && w->header_damaged)
        w->found = (struct label_wal){0}; /* no commit is lost by it */
    return true;
}

static void wal_release(struct wal_scan *w)
{
    if (w->fd >= 0)
        close(w->fd);
    free(w->covered);
}

int label_wal_check(const char *path, struct label_wal *out, struct onic_err *err)
{
    char wal[WAL_NAME_MAX];
    struct wal_scan *w = xmalloc(sizeof *w);
    struct label_wal before = {.damaged = -1};
    int code = 0;
    snprintf(wal, sizeof wal, "%.4096s-wal", path);
    /* A server that writes, or begins the file anew, in the middle of a look can look like damage:
     * the same twice is believed. */
    for (int look = 0; look < WAL_LOOKS; look++) {
        bool any = wal_scan_file(w, wal, O_RDONLY);
        code = !any && w->fd < 0 && errno != ENOENT ? errno : 0;
        *out = any && !code ? w->found : (struct label_wal){0};
        wal_release(w);
        if (code || (!out->damaged && !out->unfinished) ||
            (out->damaged == before.damaged && out->at == before.at &&
             out->unfinished == before.unfinished))
            break;
        before = *out;
    }
    free(w);
    return code ? file_unreadable(wal, code, err) : ONIC_OK;
}

/* --- mending --------------------------------------------------------------------------------- */

static bool wal_write(const struct wal_scan *w, const void *data, size_t n, off_t at)
{
    return pwrite(w->fd, data, n, at) == (ssize_t)n;
}

/* The frame that was read last, with what its words were, its salts, and a checksum that goes on
 * from *chain. */
static bool wal_put_frame(struct wal_scan *w, int frame, int *next_repair, struct wal_sum *chain)
{
    off_t at = wal_frame_at(w, frame);
    uint8_t head[FRAME_HEADER];
    while (*next_repair < w->repairs && w->repair[*next_repair].frame < frame)
        ++*next_repair;
    if (*next_repair < w->repairs && w->repair[*next_repair].frame == frame) {
        int word = w->repair[*next_repair].word;
        memcpy(w->covered + (size_t)word * 4, w->repair[*next_repair].was, 4);
        if (!wal_write(w, w->covered + FRAME_SUMMED, w->page, at + FRAME_HEADER))
            return false;
    }
    *chain = wal_add(*chain, w->covered, wal_covered(w), w->big);
    memcpy(head, w->covered, FRAME_SUMMED);
    memcpy(head + 8, w->header + 16, 8);
    wal_put_big(head + 16, chain->s[0]);
    wal_put_big(head + 20, chain->s[1]);
    return memcmp(head, w->head, sizeof head) == 0 || wal_write(w, head, sizeof head, at);
}

static bool wal_rewrite(struct wal_scan *w)
{
    struct wal_sum chain = wal_add((struct wal_sum){{0, 0}}, w->header, WAL_SUMMED, w->big);
    int next_repair = 0;
    if (w->header_damaged) {
        wal_put_big(w->header + WAL_SUMMED, chain.s[0]);
        wal_put_big(w->header + WAL_SUMMED + 4, chain.s[1]);
        if (!wal_write(w, w->header, WAL_HEADER, 0))
            return false;
    }
    for (int i = 0; i < w->frames; i++)
        if (!wal_read_frame(w, i) || !wal_put_frame(w, i, &next_repair, &chain))
            return false;
    return fsync(w->fd) == 0;
}

int label_wal_mend(const char *wal)
{
    struct wal_scan *w = xmalloc(sizeof *w);
    int code = 0;
    if (!wal_scan_file(w, wal, O_RDWR))
        code = w->fd < 0 ? errno : 0;
    else if (w->found.damaged && !wal_rewrite(w))
        code = errno ? errno : EIO;
    wal_release(w);
    free(w);
    return code;
}

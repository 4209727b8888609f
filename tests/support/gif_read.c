/* SPDX-License-Identifier: MIT */
/* gif_read.c - see gif_read.h. */
#include "tests/support/gif_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "tests/onic_test.h"

enum { CODES_MAX = 4096, TABLE_COLOURS = 256 };

struct gif_input {
    const uint8_t *at, *end;
};

static uint8_t take(struct gif_input *in)
{
    assert_true(in->at < in->end);
    return *in->at++;
}

static int take16(struct gif_input *in)
{
    int low = take(in);
    return low | take(in) << 8;
}

/* The blocks of data up to the empty one, joined. */
static uint8_t *take_blocks(struct gif_input *in, size_t *n)
{
    uint8_t *out = xmalloc((size_t)(in->end - in->at) + 1);
    *n = 0;
    for (size_t bytes; (bytes = take(in)) != 0; *n += bytes, in->at += bytes) {
        assert_true(bytes <= (size_t)(in->end - in->at));
        memcpy(out + *n, in->at, bytes);
    }
    return out;
}

/* --- LZW ------------------------------------------------------------------------------------- */

struct lzw {
    const uint8_t *data;
    size_t n, bit;
    int least, width, next; /* code sizes; the next code that gets a meaning */
    int prefix[CODES_MAX];
    uint8_t last[CODES_MAX];
};

static int lzw_code(struct lzw *z)
{
    int code = 0;
    assert_true(z->bit + (size_t)z->width <= 8 * z->n);
    for (int i = 0; i < z->width; i++, z->bit++)
        code |= (z->data[z->bit / 8] >> (z->bit % 8) & 1) << i;
    return code;
}

/* The bytes that a code stands for; returns how many. */
static int lzw_expand(const struct lzw *z, int code, uint8_t out[CODES_MAX])
{
    uint8_t reversed[CODES_MAX];
    int n = 0;
    for (; code >= 1 << z->least; code = z->prefix[code])
        reversed[n++] = z->last[code];
    reversed[n++] = (uint8_t)code;
    for (int i = 0; i < n; i++)
        out[i] = reversed[n - 1 - i];
    return n;
}

static void lzw_read(const uint8_t *data, size_t n, int least, uint8_t *out, size_t want)
{
    struct lzw *z = xcalloc(1, sizeof *z);
    int clear = 1 << least, end = clear + 1, before = -1;
    size_t got = 0;
    *z = (struct lzw){.data = data, .n = n, .least = least, .width = least + 1, .next = clear + 2};
    for (int code; (code = lzw_code(z)) != end;) {
        uint8_t bytes[CODES_MAX];
        if (code == clear) {
            z->width = least + 1;
            z->next = clear + 2;
            before = -1;
            continue;
        }
        assert_true(code < z->next || (code == z->next && before >= 0));
        int count = lzw_expand(z, code < z->next ? code : before, bytes);
        if (code == z->next)
            bytes[count++] = bytes[0];
        if (before >= 0 && z->next < CODES_MAX) {
            z->prefix[z->next] = before;
            z->last[z->next++] = bytes[0];
            if (z->next == 1 << z->width && z->width < 12)
                z->width++;
        }
        assert_true(got + (size_t)count <= want);
        memcpy(out + got, bytes, (size_t)count);
        got += (size_t)count;
        before = code;
    }
    assert_int_equal(got, want);
    free(z);
}

/* --- blocks ---------------------------------------------------------------------------------- */

static void read_extension(struct gif_movie *m, struct gif_input *in)
{
    int label = take(in);
    size_t n;
    uint8_t *data = take_blocks(in, &n);
    if (label == 0xf9) {
        assert_int_equal(n, 4);
        assert_int_equal(data[0] & 0x1f, 1 << 2); /* stays; not transparent */
        assert_true(m->frames < GIF_FRAMES_MAX);
        m->hundredths[m->frames] = data[1] | data[2] << 8;
    } else if (label == 0xff && n == 14 && memcmp(data, "NETSCAPE2.0\1", 12) == 0) {
        m->endless = data[12] == 0 && data[13] == 0;
    }
    free(data);
}

static void read_image(struct gif_movie *m, struct gif_input *in)
{
    int left = take16(in), top = take16(in), width = take16(in), height = take16(in);
    size_t area = (size_t)width * (size_t)height, whole = (size_t)m->width * (size_t)m->height, n;
    assert_true(width > 0 && height > 0 && left + width <= m->width && top + height <= m->height);
    assert_int_equal(take(in), 0);
    int least = take(in);
    uint8_t *data = take_blocks(in, &n), *pixels = xmalloc(area);
    lzw_read(data, n, least, pixels, area);
    assert_true(m->frames < GIF_FRAMES_MAX);
    uint8_t *frame = m->frame[m->frames] = xcalloc(whole, 1);
    if (m->frames)
        memcpy(frame, m->frame[m->frames - 1], whole);
    for (int y = 0; y < height; y++)
        memcpy(frame + (size_t)(top + y) * (size_t)m->width + left,
               pixels + (size_t)y * (size_t)width, (size_t)width);
    m->frames++;
    free(data);
    free(pixels);
}

void gif_read(struct gif_movie *out, const uint8_t *bytes, size_t n)
{
    struct gif_input in = {bytes, bytes + n};
    memset(out, 0, sizeof *out);
    assert_true(n > 13 && memcmp(bytes, "GIF89a", 6) == 0);
    in.at += 6;
    out->width = take16(&in);
    out->height = take16(&in);
    assert_int_equal(take(&in) & 0x87, 0x87); /* one table, of 256 colours */
    in.at += 2;
    assert_true((size_t)(in.end - in.at) > sizeof out->rgb);
    memcpy(out->rgb, in.at, sizeof out->rgb);
    in.at += sizeof out->rgb;
    for (int kind; (kind = take(&in)) != 0x3b;) {
        assert_true(kind == 0x21 || kind == 0x2c);
        if (kind == 0x21)
            read_extension(out, &in);
        else
            read_image(out, &in);
    }
    assert_ptr_equal(in.at, in.end);
}

void gif_read_file(struct gif_movie *out, const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    size_t n = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = xmalloc(n + 1);
    assert_int_equal(fread(bytes, 1, n, f), n);
    fclose(f);
    gif_read(out, bytes, n);
    free(bytes);
}

void gif_movie_free(struct gif_movie *m)
{
    for (int i = 0; i < m->frames; i++)
        free(m->frame[i]);
    m->frames = 0;
}

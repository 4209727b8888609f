/* SPDX-License-Identifier: MIT */
/* test_frame.c - checksum against published values, header layout byte by byte, every bit of a
 * frame guarded. */
#include "common/base/rng.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/frame/frame.h"
#include "tests/onic_test.h"

static void checksum_equals_published_values(void **state)
{
    (void)state;
    uint8_t block[48];
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283); /* the catalogue's check value */
    /* RFC 3720, appendix B.4; the numbers there are printed byte-swapped */
    memset(block, 0, 32);
    assert_int_equal(crc32c(0, block, 32), 0x8a9136aa);
    memset(block, 0xff, 32);
    assert_int_equal(crc32c(0, block, 32), 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        block[i] = (uint8_t)i;
    assert_int_equal(crc32c(0, block, 32), 0x46dd794e);
    for (int i = 0; i < 32; i++)
        block[i] = (uint8_t)(31 - i);
    assert_int_equal(crc32c(0, block, 32), 0x113fdb5c);
    assert_int_equal(crc32c(0, "", 0), 0);
}

static void instruction_and_table_agree_at_every_length_and_offset(void **state)
{
    (void)state;
    static uint8_t data[20000];
    struct rng rng = rng_stream(1, "crc", 0, 0, 0);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)rng_u32(&rng);
    for (size_t n = 0; n < 10000; n += n < 100 ? 1 : 37)
        assert_int_equal(crc32c(7, data + n % 13, n), crc32c_table(7, data + n % 13, n));
    for (size_t cut = 0; cut < sizeof data; cut += 611) /* pieces chain */
        assert_int_equal(crc32c(crc32c(0, data, cut), data + cut, sizeof data - cut),
                         crc32c(0, data, sizeof data));
}

static struct frame_head some_head(void)
{
    struct frame_head h = {.type = FRAME_TRAJECTORY,
                           .actor_id = 0x01020304,
                           .epoch = 5,
                           .incarnation = 0x1122334455667788,
                           .seq = 9,
                           .meta_len = 3,
                           .bulk_len = 10};
    for (int i = 0; i < 16; i++)
        h.run_id[i] = (uint8_t)i;
    return h;
}

static size_t some_frame(uint8_t out[77])
{
    memcpy(out + 64, "metabulk-bulk", 13);
    struct frame_head h = some_head();
    frame_seal(out, &h, crc32c(0, out + 64, 13));
    return 77;
}

static void header_lies_where_the_protocol_says(void **state)
{
    (void)state;
    uint8_t b[77];
    some_frame(b);
    assert_memory_equal(b, "ONIC\x01\x00\x06\x00", 8);
    assert_int_equal(b[8 + 15], 15);
    assert_memory_equal(b + 24, "\x04\x03\x02\x01\x05\0\0\0", 8);
    assert_memory_equal(
        b + 32, "\x88\x77\x66\x55\x44\x33\x22\x11\x09\0\0\0\0\0\0\0\x03\0\0\0\x0a\0\0\0", 24);
    uint32_t want = crc32c_table(0, b, 60), got;
    memcpy(&got, b + 60, 4);
    assert_int_equal(got, want);
}

static void what_was_sealed_is_parsed(void **state)
{
    (void)state;
    uint8_t b[77];
    struct frame f;
    assert_int_equal(frame_parse(&f, b, some_frame(b)), FRAME_FINE);
    struct frame_head want = some_head();
    assert_int_equal(f.head.type, want.type);
    assert_int_equal(f.head.actor_id, want.actor_id);
    assert_int_equal(f.head.epoch, want.epoch);
    assert_true(f.head.incarnation == want.incarnation && f.head.seq == 9);
    assert_memory_equal(f.head.run_id, want.run_id, 16);
    assert_memory_equal(f.meta, "met", 3);
    assert_memory_equal(f.bulk, "abulk-bulk", 10);
}

static void every_flipped_bit_and_every_wrong_length_is_seen(void **state)
{
    (void)state;
    uint8_t b[80] = {0};
    struct frame f;
    size_t n = some_frame(b);
    for (size_t bit = 0; bit < n * 8; bit++) {
        b[bit / 8] ^= (uint8_t)(1 << (bit % 8));
        assert_int_not_equal(frame_parse(&f, b, n), FRAME_FINE);
        b[bit / 8] ^= (uint8_t)(1 << (bit % 8));
    }
    for (size_t len = 0; len < 80; len++)
        if (len != n)
            assert_int_not_equal(frame_parse(&f, b, len), FRAME_FINE);
    assert_int_equal(frame_parse(&f, b, 63), FRAME_BAD_SHORT);
    assert_int_equal(frame_parse(&f, b, 76), FRAME_BAD_LENGTH);
    b[70] ^= 1;
    assert_int_equal(frame_parse(&f, b, n), FRAME_BAD_CRC);
    b[0] = 'o';
    assert_int_equal(frame_parse(&f, b, n), FRAME_BAD_MAGIC);
}

static void a_meta_part_over_the_limit_is_refused_before_it_is_read(void **state)
{
    (void)state;
    uint8_t b[64];
    struct frame f;
    struct frame_head h = some_head();
    h.meta_len = FRAME_META_MAX + 1;
    h.bulk_len = 0;
    frame_seal(b, &h, 0);
    assert_int_equal(frame_parse(&f, b, 64), FRAME_BAD_LENGTH);
    h.meta_len = h.bulk_len = UINT32_MAX; /* the sum must not wrap to the size of the frame */
    frame_seal(b, &h, 0);
    assert_int_equal(frame_parse(&f, b, 64), FRAME_BAD_LENGTH);
    static uint8_t whole[FRAME_HEADER + FRAME_META_MAX + 1]; /* nothing else is wrong with it */
    for (uint32_t over = 0; over <= 1; over++) {
        h.meta_len = FRAME_META_MAX + over;
        h.bulk_len = 0;
        frame_seal(whole, &h, crc32c(0, whole + FRAME_HEADER, h.meta_len));
        assert_int_equal(frame_parse(&f, whole, FRAME_HEADER + h.meta_len),
                         over ? FRAME_BAD_LENGTH : FRAME_FINE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksum_equals_published_values),
        cmocka_unit_test(instruction_and_table_agree_at_every_length_and_offset),
        cmocka_unit_test(header_lies_where_the_protocol_says),
        cmocka_unit_test(what_was_sealed_is_parsed),
        cmocka_unit_test(every_flipped_bit_and_every_wrong_length_is_seen),
        cmocka_unit_test(a_meta_part_over_the_limit_is_refused_before_it_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* req: C-018 C-019 */
#include "config/value.h"

#include "config/arena.h"
#include "config_kit.h"

static bool read_one(struct option o, const char *text, void *field)
{
    struct arena arena = {0};
    struct config_list words = {0};
    struct value_refusal refusal;

    arena_list_add(&arena, &words, text);
    bool is_good = value_read(&o, &words, &arena, "/", field, &refusal);
    arena_deinit(&arena);
    return is_good;
}

CASE(times)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {{"10", 10000},   {"10s", 10000},   {"250ms", 250}, {"10m", 600000},
                {"2h", 7200000}, {"1d", 86400000}, {"0.3", 300},   {"1.5m", 90000},
                {" 7 ", 7000},   {"7 s", 7000},    {"+3", 3000},   {"0.0004", 0}};
    static const char *const bad[] = {"",
                                      "s",
                                      "abc",
                                      "1 0",
                                      "1e3",
                                      "0x1",
                                      "1.",
                                      ".5",
                                      "1w",
                                      "-1",
                                      "1S",
                                      "none",
                                      "9999999999999999999",
                                      "inf",
                                      "nan",
                                      "2d"};
    struct option o = {.kind = OPTION_TIME, .min = 0, .max = 86400000};

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        uint64_t ms = 1;
        CHECK(read_one(o, good[i].text, &ms));
        CHECK_INT(ms, good[i].ms);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint64_t ms = 1;
        if (read_one(o, bad[i], &ms))
            check_fail(__FILE__, __LINE__, "%s is taken", bad[i]);
        CHECK_INT(ms, 1);
    }
}

CASE(sizes)
{
    static const struct {
        const char *text;
        size_t n_bytes;
    } good[] = {{"0", 0},          {"65536", 65536},   {"64K", 65536},
                {"64KiB", 65536},  {"1M", 1048576},    {"1.5M", 1572864},
                {"2MiB", 2097152}, {"1G", 1073741824}, {"1GiB", 1073741824},
                {"3 K", 3072}};
    static const char *const bad[] = {"", "K", "1KB", "1B", "1T", "-1", "1,5M", "5G", "none"};
    struct option o = {.kind = OPTION_SIZE, .min = 0, .max = INT64_C(4) << 30};

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        size_t n_bytes = 1;
        CHECK(read_one(o, good[i].text, &n_bytes));
        CHECK_INT(n_bytes, good[i].n_bytes);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (read_one(o, bad[i], NULL))
            check_fail(__FILE__, __LINE__, "%s is taken", bad[i]);
    }
}

CASE(none_lifts_a_limit_and_zero_does_not)
{
    struct option o = {.kind = OPTION_INT, .marks = OPTION_NONE, .min = 0, .max = 100};
    uint32_t n = 7;
    double rate = 7;

    CHECK(read_one(o, "None", &n));
    CHECK_INT(n, 0);
    n = 7;
    CHECK(!read_one(o, "0", &n) && !read_one(o, "-0", &n));
    CHECK_INT(n, 7);
    CHECK(read_one(o, "100", &n) && n == 100);
    CHECK(!read_one(o, "101", &n));
    o.kind = OPTION_NUM;
    CHECK(read_one(o, "0.5", &rate) && rate > 0.49 && rate < 0.51);
    CHECK(!read_one(o, "0.0", &rate));
    CHECK(read_one(o, "none", &rate) && rate < 0.1);
    o.marks = 0;
    CHECK(!read_one(o, "none", &rate));
}

CASE(flags)
{
    static const char *const on[] = {"true", "1", "YES", "y", "On", " true "};
    static const char *const off[] = {"false", "0", "no", "N", "off"};
    static const char *const bad[] = {"", "enabled", "2", "tru", "t"};
    bool is_on;

    for (size_t i = 0; i < ARRAY_LEN(on); i++)
        CHECK(value_read_flag(slice_of(on[i]), &is_on) && is_on);
    for (size_t i = 0; i < ARRAY_LEN(off); i++)
        CHECK(value_read_flag(slice_of(off[i]), &is_on) && !is_on);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK(!value_read_flag(slice_of(bad[i]), &is_on));
}

CASE(words_are_cut_as_the_kind_asks)
{
    static const struct {
        enum option_kind kind;
        const char *text, *joined;
        size_t n_words;
    } rows[] = {
        {OPTION_LIST, "  a,b \t c\nd ", "a,b c d", 3},
        {OPTION_LINES, "a b\n\n  c d  \r\n", "a b\nc d", 2},
        {OPTION_COMMA, "a, b ,,c d", "a,b,c d", 3},
        {OPTION_COMMA, " , ", "", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct option o = {.kind = rows[i].kind};
        struct arena arena = {0};
        struct config_list words = {0};
        struct buf joined;
        buf_init(&joined, 0);
        value_split(&o, slice_of(rows[i].text), &arena, &words);
        value_join(&o, &words, &joined);
        CHECK_INT(words.n_items, rows[i].n_words);
        CHECK_BYTES(joined.ptr, joined.len, rows[i].joined, strlen(rows[i].joined));
        buf_deinit(&joined);
        arena_deinit(&arena);
    }
}

/* Every default reads, and what a bad value is told it should be is true at both ends. */
CASE(ranges_hold_for_the_whole_table)
{
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        const struct option *o = option_at(id);
        char text[32];
        uint64_t field = 0;
        if (o->kind != OPTION_INT && o->kind != OPTION_SIZE)
            continue;
        CHECK(o->min < o->max);
        snprintf(text, sizeof(text), "%lld", (long long)o->max);
        CHECK(read_one(*o, text, &field));
        snprintf(text, sizeof(text), "%lld", (long long)o->max + 1);
        CHECK(!read_one(*o, text, &field));
        snprintf(text, sizeof(text), "%lld", (long long)o->min);
        CHECK(read_one(*o, text, &field));
        snprintf(text, sizeof(text), "%lld", (long long)o->min - 1);
        CHECK(!read_one(*o, text, &field));
    }
}

CASES(RUN(times), RUN(sizes), RUN(none_lifts_a_limit_and_zero_does_not), RUN(flags),
      RUN(words_are_cut_as_the_kind_asks), RUN(ranges_hold_for_the_whole_table))

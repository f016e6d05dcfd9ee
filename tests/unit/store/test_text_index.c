/* What is found, and that nothing of a question is ever a query language. */
#include "store/text_index.h"

#include "base/buf.h"
#include "base/clock.h"
#include "harness/check.h"

static struct text_index *index_new(void)
{
    struct text_index *t = text_index_new();

    CHECK(t);
    return t;
}

static void put(struct text_index *t, int64_t number, const char *key, const char *name,
                const char *text)
{
    const struct slice fields[TEXT_INDEX_FIELDS] = {slice_of(name), slice_of(text)};

    CHECK(text_index_put(t, number, slice_of(key), fields));
}

static void on_match(struct slice key, double score, void *arg)
{
    CHECK(score >= 0 && score <= 1);
    buf_add_slice(arg, key);
    buf_add_byte(arg, ' ');
}

static void expect(struct text_index *t, struct text_question q, const char *wanted)
{
    struct buf found;

    buf_init(&found, 0);
    q.deadline_ns = UINT64_MAX;
    CHECK_INT(text_index_search(t, &q, on_match, &found), TEXT_INDEX_OK);
    buf_add_byte(&found, '\0');
    CHECK_TEXT(found.ptr, wanted);
    buf_deinit(&found);
}

static void expect_words(struct text_index *t, const char *words, const char *wanted)
{
    expect(t, (struct text_question){.words = slice_of(words)}, wanted);
}

CASE(documents_come_change_and_go)
{
    struct text_index *t = index_new();

    put(t, 1, "a", "quince", "yellow fruit");
    put(t, 2, "b", "medlar", "brown fruit");
    expect_words(t, "fruit", "a b ");
    expect_words(t, "QUIN", "a ");
    expect_words(t, "medlar quince", "a b ");
    put(t, 1, "a", "apple", "red");
    expect_words(t, "fruit", "b ");
    expect_words(t, "apples", "a ");
    text_index_remove(t, 2);
    text_index_remove(t, 77);
    expect_words(t, "fruit", "");
    text_index_free(t);
    text_index_free(NULL);
}

static void on_score(struct slice key, double score, void *arg)
{
    (void)key;
    *(double *)arg = score;
}

static double score(struct text_index *t, const char *words)
{
    struct text_question q = {.words = slice_of(words), .deadline_ns = UINT64_MAX};

    double found = 2;

    CHECK_INT(text_index_search(t, &q, on_score, &found), TEXT_INDEX_OK);
    return found;
}

CASE(more_words_are_closer)
{
    struct text_index *t = index_new();

    put(t, 1, "a", "cell tracker", "follows moving cells");
    for (int i = 2; i < 20; i++)
        put(t, i, "x", "other", "something else");
    CHECK(score(t, "cell tracker moving") < score(t, "cell"));
    text_index_free(t);
}

CASE(filters)
{
    struct text_index *t = index_new();
    struct text_filter f[2] = {{0, SLICE_LIT("red apple"), false}, {1, SLICE_LIT("gar"), true}};
    struct text_question one = {.filters = f, .n_filters = 1}, two = {.filters = f, .n_filters = 2};

    put(t, 1, "a", "a red apple", "from the garden");
    put(t, 2, "b", "apple red", "from the garden");
    put(t, 3, "c", "red apple", "from the shop");
    expect(t, one, "a c ");
    expect(t, two, "a ");
    two.words = SLICE_LIT("shop garden");
    expect(t, two, "a ");
    two.words = SLICE_LIT("shop");
    expect(t, two, "");
    f[0].text = SLICE_LIT("!");
    expect(t, one, "");
    text_index_free(t);
}

CASE(nothing_is_a_query_language)
{
    static const char *const questions[] = {"\"",        "\"\"",     "quince\" OR \"medlar",
                                            "f0:medlar", "NOT x",    "NEAR(a b)",
                                            "*",         "^a",       "{f0}",
                                            "(",         ")",        "a AND",
                                            "'",         ";",        "-x",
                                            "+",         "\xff\xfe", "\xc3",
                                            "key",       "AND",      "OR"};
    struct text_index *t = index_new();
    struct buf found;

    put(t, 1, "a", "quince", "");
    put(t, 2, "b", "medlar", "");
    buf_init(&found, 0);
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        struct text_filter f = {4, slice_of(questions[i]), i % 2 == 0};
        struct text_question q = {.words = slice_of(questions[i]), .deadline_ns = UINT64_MAX};
        CHECK_INT(text_index_search(t, &q, on_match, &found), TEXT_INDEX_OK);
        q.filters = &f;
        q.n_filters = 1;
        CHECK_INT(text_index_search(t, &q, on_match, &found), TEXT_INDEX_OK);
    }
    expect_words(t, "zebra NOT medlar", "b "); /* words, every one of them */
    expect(t, (struct text_question){.words = slice_make("quince\0medlar", 13)}, "a b ");
    buf_deinit(&found);
    text_index_free(t);
}

CASE(a_deadline_ends_it)
{
    struct text_index *t = index_new();
    struct text_question q = {.words = SLICE_LIT("common"), .deadline_ns = 1};
    struct buf found;

    buf_init(&found, 0);
    for (int i = 0; i < 100; i++)
        put(t, i, "x", "common", "");
    CHECK_INT(text_index_search(t, &q, on_match, &found), TEXT_INDEX_LATE);
    CHECK_INT(found.len, 2);
    q.deadline_ns = UINT64_MAX;
    CHECK_INT(text_index_search(t, &q, on_match, &found), TEXT_INDEX_OK);
    CHECK_INT(found.len, 202);
    buf_deinit(&found);
    text_index_free(t);
}

CASES(RUN(documents_come_change_and_go), RUN(more_words_are_closer), RUN(filters),
      RUN(nothing_is_a_query_language), RUN(a_deadline_ends_it))

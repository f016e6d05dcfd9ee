/* Blocks that carry their charge: it is there before the memory, follows its size, and goes with it
 * on any thread. */
#include "base/held.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/memory_raw.h"
#include "harness/check.h"

CASE(a_block_is_charged_what_it_takes)
{
    struct account *a = account_new(NULL, ACCOUNT_USER, 0);
    char *block = held_new(100, a);

    CHECK(block != NULL && (uintptr_t)block % 16 == 0);
    CHECK_INT(account_used(a), held_cost(100));
    CHECK(held_cost(100) >= 100 + 2 * sizeof(void *));
    for (int i = 0; i < 100; i++)
        CHECK_INT(block[i], 0);
    memset(block, 7, 100);
    block = held_resize(block, 5000, a);
    CHECK(block != NULL && block[99] == 7);
    CHECK_INT(account_used(a), held_cost(5000));
    block = held_resize(block, 10, a);
    CHECK(block != NULL && block[9] == 7);
    CHECK_INT(account_used(a), held_cost(10));
    CHECK(held_free(block) == NULL && held_free(NULL) == NULL);
    CHECK_INT(account_used(a), 0);
    char *text = held_copy("abc", 3, a);
    CHECK_TEXT(text, "abc");
    held_free(text);
    account_unref(a);
}

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* What it costs the caller to give a touched block back, at the least of five times. */
static double cost_of_free(struct account *a, size_t n_bytes, bool is_aside)
{
    double least = 1e9;

    for (int i = 0; i < 5; i++) {
        char *block = is_aside ? held_resize(NULL, n_bytes, a) : mem_try_map(n_bytes);
        CHECK(block != NULL);
        memset(block, 1, n_bytes);
        double before = cpu_ms();
        if (is_aside)
            held_free(block);
        else
            mem_unmap(block, n_bytes);
        double took = cpu_ms() - before;
        least = took < least ? took : least;
    }
    return least;
}

/* The system takes 2 ms for 64 MB, which no turn of a loop has. */
CASE(a_large_block_is_given_back_by_another_thread)
{
    struct account *a = account_new(NULL, ACCOUNT_USER, 0);

    CHECK(cost_of_free(a, 64 << 20, true) * 3 < cost_of_free(a, 64 << 20, false));
    CHECK_INT(account_used(a), 0);
    account_unref(a);
}

/* A block that grows lies in pages of its own from half a megabyte on. */
CASE(a_large_block_grows_and_shrinks)
{
    static const size_t sizes[] = {100,      400000, 600000, 5000000, 5000001,
                                   20000000, 700000, 100,    3000000};
    struct account *a = account_new(NULL, ACCOUNT_USER, 0);
    char *block = held_copy("abc", 3, a);

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        block = held_resize(block, sizes[i], a);
        CHECK(block != NULL && memcmp(block, "abc", 4) == 0 && (uintptr_t)block % 16 == 0);
        CHECK_INT(account_used(a), held_cost(sizes[i]));
        block[sizes[i] - 1] = 'z';
    }
    held_keep(block);
    held_free(block);
    CHECK_INT(account_used(a), 0);
    account_unref(a);
    a = account_new(NULL, ACCOUNT_USER, 1000000);
    block = held_resize(held_copy("abc", 3, a), 900000, a);
    CHECK(held_resize(block, 1100000, a) == NULL);
    CHECK_TEXT(block, "abc");
    held_free(block);
    account_unref(a);
}

CASE(a_refusal_leaves_what_there_was)
{
    struct account *a = account_new(NULL, ACCOUNT_USER, 1000);
    char *block = held_copy("abc", 3, a);

    CHECK(held_new(1000, a) == NULL);
    CHECK(held_copy("abc", SIZE_MAX, a) == NULL);
    CHECK(held_resize(block, 5000, a) == NULL);
    CHECK(held_resize(block, SIZE_MAX - 8, a) == NULL);
    CHECK_TEXT(block, "abc");
    CHECK_INT(account_used(a), held_cost(4));
    CHECK_INT(account_refusals(a, ACCOUNT_USER), 2);
    held_free(block);
    account_unref(a);
}

CASE(a_block_that_is_owed_is_never_refused_and_counts)
{
    struct account *a = account_new(NULL, ACCOUNT_WORKSPACE, 1000),
                   *below = account_new(a, ACCOUNT_USER, 0);
    char *block = held_new_always(2000, below);

    CHECK(block != NULL && block[0] == 0 && block[1999] == 0);
    CHECK_INT(account_used(below), held_cost(2000));
    CHECK_INT(account_used(a), held_cost(2000));
    CHECK(held_new(1, below) == NULL);
    held_free(block);
    CHECK_INT(account_used(a), 0);
    block = held_new(1, below);
    CHECK(block != NULL);
    held_free(block);
    account_unref(below);
    account_unref(a);
}

static void *free_it(void *block)
{
    return held_free(block);
}

CASE(any_thread_frees_and_the_block_keeps_its_account)
{
    struct account *root = account_new(NULL, ACCOUNT_PROCESS, 0);
    struct account *leaf = account_new_leaf(root, ACCOUNT_PEER, 0);
    char *block = held_new(100000, leaf);
    pthread_t thread;

    account_unref(leaf); /* its client has left: the block is what is left of it */
    CHECK(account_used(root) >= 100000);
    CHECK_INT(pthread_create(&thread, NULL, free_it, block), 0);
    pthread_join(thread, NULL);
    CHECK_INT(account_used(root), 0);
    CHECK_INT(account_kept(root), 0);
    account_unref(root);
}

CASE(what_stays_counts_as_kept)
{
    struct account *root = account_new(NULL, ACCOUNT_PROCESS, 0);
    struct account *a = account_new(root, ACCOUNT_USER, 0);
    size_t record = account_kept(root);
    char *block = held_new(100, a);

    held_keep(block);
    held_keep(block);
    held_keep(NULL);
    CHECK_INT(account_used(a), 0);
    CHECK_INT(account_kept(a), held_cost(100));
    CHECK_INT(account_kept(root), held_cost(100) + record);
    held_free(block);
    CHECK_INT(account_kept(a), 0);
    CHECK_INT(account_used(root) + account_kept(root), record);
    account_unref(a);
    account_unref(root);
}

/* ---- buffers ---- */

CASE(a_held_buffer_grows_by_asking)
{
    struct account *a = account_new(NULL, ACCOUNT_USER, 2000);
    struct held_buf b;

    held_buf_init(&b, 0, a);
    CHECK_INT(account_used(a), 0);
    buf_add_text(&b.b, "abc");
    CHECK(account_used(a) >= 128);
    for (int i = 0; i < 2000 && !b.b.is_failed; i++)
        buf_add_byte(&b.b, 'x');
    CHECK(b.b.is_failed && b.b.len < 2000 && account_used(a) <= 2000);
    CHECK(memcmp(b.b.ptr, "abcxxx", 6) == 0);
    held_buf_set(&b, SLICE_LIT("short again"));
    CHECK(!b.b.is_failed && slice_is(buf_slice(&b.b), "short again"));
    held_buf_deinit(&b);
    CHECK_INT(account_used(a), 0);
    held_buf_deinit(&b);
    buf_add_text(&b.b, "nobody pays for this");
    CHECK(b.b.is_failed && !b.b.ptr);
    account_unref(a);
}

CASE(a_buffer_has_no_room_beyond_its_cap)
{
    struct account *a = account_new(NULL, ACCOUNT_USER, 0);
    struct held_buf b;

    held_buf_init(&b, 1025, a);
    for (int i = 0; i < 1025; i++)
        buf_add_byte(&b.b, 'x');
    CHECK(!b.b.is_failed && b.b.len == 1025);
    CHECK_INT(account_used(a), held_cost(1026));
    buf_add_byte(&b.b, 'x');
    CHECK(b.b.is_failed);
    held_buf_deinit(&b);
    account_unref(a);
}

CASE(a_held_buffer_holds_its_account)
{
    struct account *root = account_new(NULL, ACCOUNT_PROCESS, 0);
    struct account *a = account_new(root, ACCOUNT_USER, 0);
    struct held_buf b;

    held_buf_init(&b, 0, a);
    account_unref(a); /* its owner has moved to another one */
    buf_add_text(&b.b, "written all the same");
    CHECK(account_used(root) > 0);
    held_buf_keep(&b);
    CHECK_INT(account_used(root), 0);
    CHECK(slice_is(buf_slice(&b.b), "written all the same"));
    held_buf_deinit(&b);
    CHECK_INT(account_kept(root), 0);
    account_unref(root);
}

CASE(a_blob_takes_over_what_a_held_buffer_was_charged)
{
    struct account *a = account_new(NULL, ACCOUNT_USER, 0),
                   *other = account_new(NULL, ACCOUNT_USER, 0);
    struct held_buf b;

    held_buf_init(&b, 0, a);
    buf_add_text(&b.b, "built");
    size_t charged = account_used(a);
    struct blob *blob = blob_try_adopt(&b.b, other);
    CHECK(blob != NULL && !b.b.ptr);
    CHECK_INT(account_used(a), charged);
    CHECK(account_used(other) > 0 && account_used(other) < 128);
    held_buf_deinit(&b);
    account_unref(a);
    CHECK_BYTES(blob->data, blob->len, "built", 5);
    blob_unref(blob);
    CHECK_INT(account_used(other), 0);
    account_unref(other);
}

/* Whoever passes a buffer on pays for it; where that cannot be, it is as before. */
CASE(a_blob_is_paid_for_by_who_takes_it_over)
{
    struct account *a = account_new(NULL, ACCOUNT_USER, 0),
                   *poor = account_new(NULL, ACCOUNT_USER, 100);
    struct account *other = account_new(NULL, ACCOUNT_USER, 0);
    struct held_buf b;

    held_buf_init(&b, 0, a);
    for (int i = 0; i < 1000; i++)
        buf_add_text(&b.b, "built");
    size_t charged = account_used(a);
    CHECK(blob_try_take_over(&b.b, poor) == NULL);
    CHECK_INT(account_used(a), charged);
    CHECK_INT(account_used(poor), 0);
    const char *bytes = b.b.ptr;
    struct blob *blob = blob_try_take_over(&b.b, other);
    CHECK(blob && blob->data == bytes && blob->len == 5000);
    CHECK_INT(account_used(a), 0);
    CHECK(account_used(other) >= charged);
    held_buf_deinit(&b);
    blob_unref(blob);
    CHECK_INT(account_used(other), 0);
    account_unref(a);
    account_unref(poor);
    account_unref(other);
}

CASES(RUN(a_block_is_charged_what_it_takes), RUN(a_large_block_is_given_back_by_another_thread),
      RUN(a_large_block_grows_and_shrinks), RUN(a_refusal_leaves_what_there_was),
      RUN(a_block_that_is_owed_is_never_refused_and_counts),
      RUN(any_thread_frees_and_the_block_keeps_its_account), RUN(what_stays_counts_as_kept),
      RUN(a_held_buffer_grows_by_asking), RUN(a_buffer_has_no_room_beyond_its_cap),
      RUN(a_held_buffer_holds_its_account), RUN(a_blob_takes_over_what_a_held_buffer_was_charged),
      RUN(a_blob_is_paid_for_by_who_takes_it_over))

#include "manager/search_page.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/account.h"
#include "base/buf.h"
#include "harness/check.h"
#include "registry/registry.h"
#include "wire/mp.h"

enum { N = 500 };

static const struct search_field by_name = {.name = "name", .kind = SEARCH_TEXT};
static struct service services[N];
static char ids[N][32];
static double scores[N];
static struct buf infos[N];

static const struct search_question *asked; /* of compare(), which qsort calls */

static int compare(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int r = asked->order
                ? slice_order(search_key(asked, &services[x]), search_key(asked, &services[y]))
                : (scores[x] > scores[y]) - (scores[x] < scores[y]);

    return r ? r
             : (services[x].number > services[y].number) -
                   (services[x].number < services[y].number);
}

/* Names and scores that many share, some without a name. */
static void make_services(void)
{
    for (size_t i = 0; i < N; i++) {
        char name[16];
        (void)snprintf(ids[i], sizeof(ids[i]), "ws/c:%zu", i);
        (void)snprintf(name, sizeof(name), "name-%zu", i * 7919 % 40);
        scores[i] = (double)(i * 104729 % 60) / 60;
        buf_init(&infos[i], 0);
        mp_add_map(&infos[i], i % 5 ? 1 : 0);
        if (i % 5) {
            mp_add_text(&infos[i], "name");
            mp_add_text(&infos[i], name);
        }
        services[i] = (struct service){.full_id = ids[i],
                                       .number = i * 31 % N,
                                       .info = (char *)buf_slice(&infos[i]).ptr,
                                       .info_len = buf_slice(&infos[i]).len};
    }
}

static void free_services(void)
{
    for (size_t i = 0; i < N; i++)
        buf_deinit(&infos[i]);
}

static void check_page(const struct search_question *q)
{
    struct account *payer = account_new(NULL, ACCOUNT_PROCESS, 0);
    size_t sorted[N], end = q->offset + q->limit < N ? q->offset + q->limit : N;
    struct search_page p;

    search_page_init(&p, q, payer);
    for (size_t i = 0; i < N; i++) {
        sorted[i] = i;
        search_page_add(&p, &services[i], scores[i]);
        CHECK(p.n_hits <= end);
    }
    while (search_page_order_step(&p))
        continue;
    asked = q;
    qsort(sorted, N, sizeof(sorted[0]), compare);
    CHECK_INT(p.n_found, N);
    CHECK_INT(p.n_hits, end);
    for (size_t i = 0; i < end; i++) {
        CHECK_INT(p.hits[i].number, services[sorted[i]].number);
        CHECK(slice_is(p.hits[i].id, services[sorted[i]].full_id));
    }
    search_page_deinit(&p);
    CHECK_INT(account_used(payer), 0);
    account_unref(payer);
}

CASE(a_page_is_that_of_the_whole_in_order)
{
    static const size_t limits[] = {0, 1, 5, 64, 65, 499, 500, 1000},
                        offsets[] = {0, 1, 100, 499, 500, 2000};

    make_services();
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        for (size_t j = 0; j < ARRAY_LEN(offsets); j++) {
            check_page(&(struct search_question){.limit = limits[i], .offset = offsets[j]});
            check_page(&(struct search_question){
                .limit = limits[i], .offset = offsets[j], .order = &by_name});
        }
    }
    free_services();
}

CASE(an_offset_beyond_all_numbers_is_no_small_one)
{
    struct search_page p;

    search_page_init(&p, &(struct search_question){.limit = 1000, .offset = SIZE_MAX}, NULL);
    CHECK(p.n_most == SIZE_MAX);
    search_page_deinit(&p);
}

CASE(who_asks_pays_and_may_have_no_room)
{
    struct account *payer = account_new(NULL, ACCOUNT_PROCESS, 20000);
    struct search_question q = {.limit = 1000};
    struct search_page p;

    make_services();
    search_page_init(&p, &q, payer);
    for (size_t i = 0; i < N; i++)
        search_page_add(&p, &services[i], scores[i]);
    CHECK(p.has_failed);
    CHECK(p.n_hits > 50 && p.n_hits < N);
    CHECK_INT(p.n_found, N);
    search_page_deinit(&p);
    search_page_deinit(&p);
    CHECK_INT(account_used(payer), 0);
    account_unref(payer);
    free_services();
}

CASES(RUN(a_page_is_that_of_the_whole_in_order), RUN(an_offset_beyond_all_numbers_is_no_small_one),
      RUN(who_asks_pays_and_may_have_no_room))

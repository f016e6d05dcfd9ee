/* search_page: of all that a search finds, what stands up to the end of the page that is asked for,
 * in order. No more is kept than that, however much is found, and each step is short: the worst of
 * what is kept is at hand, and gives way to what is better. What is kept are copies, because
 * services may go before the page is written; the caller of the search pays for them. Hub loop. */
#pragma once
#include "manager/search_question.h"

struct account;

struct search_hit {
    double score;    /* 0 to 1, lower is closer */
    uint64_t number; /* of the service: when it was registered */
    /* its full id, and what it is ordered by; both in `texts` */
    struct slice id, key;
    char *texts; /* owned */
};

struct search_page {
    const struct search_question *question; /* borrowed */
    struct account *payer;                  /* borrowed */
    /* owned: a heap, the worst first; in order after the last step */
    struct search_hit *hits;
    size_t n_hits, n_room, n_most;
    size_t n_heap;    /* of them, those not in order yet */
    uint64_t n_found; /* more than stand here */
    bool has_failed;  /* the payer has no room */
};

void search_page_init(struct search_page *p, const struct search_question *q,
                      struct account *payer);
void search_page_deinit(struct search_page *p); /* twice is harmless */
void search_page_add(struct search_page *p, const struct service *s, double score);
/* Takes one more hit to its place, from the last on. False: all are in order. */
bool search_page_order_step(struct search_page *p);

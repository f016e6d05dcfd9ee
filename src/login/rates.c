/* rates: buckets in a table of fixed size (http/rate.h), under a mark for what is counted. */
#include "login/rates.h"

#include <stdio.h>

#include "http/rate.h"
#include "http/request.h"

static bool rates_take(struct http_rate *r, char mark, const struct login_asking *a,
                       struct http_rate_tier tier, unsigned *ret_retry_after_s)
{
    char key[HTTP_CLIENT_MAX + 4];

    snprintf(key, sizeof(key), "%c %s", mark, a->address);
    return http_rate_take(r, slice_of(key), tier, a->now_ms, ret_retry_after_s);
}

/* A code is remembered for an hour. Half of the tenth at once, and the other half over the hour. */
static bool take_code(struct http_rate *r, const struct login_asking *a,
                      unsigned *ret_retry_after_s)
{
    enum { PART = 20, HOUR_S = 3600 };
    double n = (double)a->max_pending / PART;

    if (n < LOGIN_MAILS_PER_MINUTE)
        n = LOGIN_MAILS_PER_MINUTE;
    return rates_take(r, 'c', a, (struct http_rate_tier){n / HOUR_S, n, HOUR_S * 1000},
                      ret_retry_after_s);
}

bool login_rates_take(struct http_rate *r, const struct login_asking *a,
                      unsigned *ret_retry_after_s)
{
    static const struct {
        char mark;
        unsigned per_minute;
    } kinds[] = {[LOGIN_RATE_STARTS] = {'s', LOGIN_STARTS_PER_MINUTE},
                 [LOGIN_RATE_MAILS] = {'m', LOGIN_MAILS_PER_MINUTE},
                 [LOGIN_RATE_TRIES] = {'t', LOGIN_TRIES_PER_MINUTE},
                 [LOGIN_RATE_EXCHANGES] = {'x', LOGIN_EXCHANGES_PER_MINUTE}};
    unsigned n = kinds[a->kind].per_minute;

    return rates_take(r, kinds[a->kind].mark, a, (struct http_rate_tier){n / 60.0, n, 0},
                      ret_retry_after_s) &&
           (a->kind != LOGIN_RATE_MAILS || take_code(r, a, ret_retry_after_s));
}

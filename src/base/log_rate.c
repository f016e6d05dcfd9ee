/* log_rate: a table of the messages there are, by the address of their literal. Each has a row of
 * its own from its first line on; should there be more messages than rows, the rest share one. */
#include "base/log_rate.h"

#include "base/clock.h"

static uint64_t log_rate_now_s(void)
{
    return clock_mono_ms() / 1000;
}

static struct log_site *site_of(struct log_rate *r, const char *message)
{
    uintptr_t key = (uintptr_t)message, first = key ^ (key >> 9);
    struct log_site *site = NULL;

    for (unsigned i = 0; i < LOG_RATE_SITES; i++) {
        const char *there = NULL;
        site = &r->sites[(first + i) % LOG_RATE_SITES];
        if (atomic_compare_exchange_strong_explicit(&site->message, &there, message,
                                                    memory_order_relaxed, memory_order_relaxed) ||
            there == message)
            break;
    }
    return site;
}

bool log_rate_pass(struct log_rate *r, const char *subject, const char *message,
                   enum log_level level, unsigned rate_per_s, uint32_t *ret_dropped)
{
    struct log_site *site;
    uint64_t second = log_rate_now_s();

    *ret_dropped = 0;
    if (!rate_per_s)
        return true;
    site = site_of(r, message);
    atomic_store_explicit(&site->level, (int)level, memory_order_relaxed);
    atomic_store_explicit(&site->subject, subject, memory_order_relaxed);
    uint64_t window = atomic_load_explicit(&site->window, memory_order_relaxed);
    if (window >> 32 != second) {
        window = second << 32;
        *ret_dropped =
            (uint32_t)atomic_exchange_explicit(&site->n_dropped, 0, memory_order_relaxed);
    }
    bool pass = (uint32_t)window < rate_per_s;
    atomic_store_explicit(&site->window, window + (pass ? 1 : 0), memory_order_relaxed);
    /* The flag after the count here, the count after the flag there, in one order for all threads:
     * a count is seen now, or the flag stands for the next look. */
    if (!pass) {
        atomic_fetch_add_explicit(&site->n_dropped, 1, memory_order_seq_cst);
        atomic_store_explicit(&r->has_dropped, true, memory_order_seq_cst);
    }
    return pass;
}

bool log_rate_left_out(struct log_rate *r, unsigned *cursor, struct log_left_out *ret)
{
    if (!*cursor)
        atomic_store_explicit(&r->has_dropped, false, memory_order_seq_cst);
    while (*cursor < LOG_RATE_SITES) {
        struct log_site *site = &r->sites[(*cursor)++];
        uint64_t window = atomic_load_explicit(&site->window, memory_order_relaxed);
        if (!atomic_load_explicit(&site->n_dropped, memory_order_seq_cst))
            continue;
        if (window >> 32 == log_rate_now_s()) { /* more may come */
            atomic_store_explicit(&r->has_dropped, true, memory_order_relaxed);
            continue;
        }
        ret->n = (uint32_t)atomic_exchange_explicit(&site->n_dropped, 0, memory_order_relaxed);
        ret->message = atomic_load_explicit(&site->message, memory_order_relaxed);
        ret->subject = atomic_load_explicit(&site->subject, memory_order_relaxed);
        ret->level = (enum log_level)atomic_load_explicit(&site->level, memory_order_relaxed);
        if (ret->n && ret->message && ret->subject)
            return true;
    }
    return false;
}

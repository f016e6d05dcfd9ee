/* local_throttle: a window begins with the first failure and is not moved by later ones: who waits
 * a quarter of an hour is let in, whatever others did meanwhile. */
#include "login/local_throttle.h"

#include "base/memory.h"

struct failures {
    struct list by_age; /* oldest window first */
    char *email;        /* owned; key */
    uint64_t first_ms;
    unsigned n;
};

void throttle_init(struct throttle *t)
{
    map_init(&t->by_email);
    list_init(&t->by_age);
}

static void local_throttle_forget(struct throttle *t, struct failures *f)
{
    map_take(&t->by_email, slice_of(f->email));
    list_unlink(&f->by_age);
    mem_free(f->email);
    mem_free(f);
}

void throttle_deinit(struct throttle *t)
{
    LIST_FOREACH (it, &t->by_age)
        local_throttle_forget(t, LIST_ENTRY(it, struct failures, by_age));
    map_deinit(&t->by_email);
}

void throttle_sweep(struct throttle *t, uint64_t now_ms)
{
    LIST_FOREACH (it, &t->by_age) {
        struct failures *f = LIST_ENTRY(it, struct failures, by_age);

        if (now_ms < f->first_ms + THROTTLE_WINDOW_MS)
            return;
        local_throttle_forget(t, f);
    }
}

/* A flood of addresses that do not exist, each tried once, must not take away the count of one that
 * is being guessed at. */
static struct failures *local_throttle_least_useful(const struct throttle *t)
{
    enum { LOOK_MAX = 64 };
    struct failures *least = NULL;
    unsigned n = 0;

    LIST_FOREACH (it, &t->by_age) {
        struct failures *f = LIST_ENTRY(it, struct failures, by_age);
        if (!least || f->n < least->n)
            least = f;
        if (++n == LOOK_MAX)
            break;
    }
    return least;
}

static struct failures *failures_new(struct throttle *t, struct slice email, uint64_t now_ms)
{
    if (t->by_email.n_entries >= THROTTLE_ADDRESSES)
        local_throttle_forget(t, local_throttle_least_useful(t));
    struct failures *f = MEM_NEW(struct failures);
    f->email = mem_copy(email.ptr, email.len);
    f->first_ms = now_ms;
    list_init(&f->by_age);
    list_link(&t->by_age, &f->by_age);
    map_put(&t->by_email, slice_of(f->email), f);
    return f;
}

bool throttle_try(struct throttle *t, struct slice email, uint64_t now_ms)
{
    throttle_sweep(t, now_ms);
    struct failures *f = map_find(&t->by_email, email);
    if (!f)
        f = failures_new(t, email, now_ms);
    if (f->n >= THROTTLE_FAILURES)
        return false;
    f->n++;
    return true;
}

void throttle_clear(struct throttle *t, struct slice email)
{
    struct failures *f = map_find(&t->by_email, email);

    if (f)
        local_throttle_forget(t, f);
}

void throttle_take_back(struct throttle *t, struct slice email)
{
    struct failures *f = map_find(&t->by_email, email);

    if (f && --f->n == 0)
        local_throttle_forget(t, f);
}

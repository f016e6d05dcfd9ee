/* mail_verification: entries hang in a list by the time of their first mail, so what is over stands
 * at its head and the oldest is found at once. An entry lives an hour at least: the counters of
 * mails and guesses are what keeps a six-digit code from being guessed and a mailbox from being
 * filled. */
#include "login/mail_verification.h"

#include "base/memory.h"
#include "base/random.h"

enum { SWEEP_MAX = 1024, LOOK_MAX = 64 };

void codes_init(struct codes *c)
{
    *c = (struct codes){0};
    map_init(&c->by_email);
    list_init(&c->by_age);
}

static void mail_code_forget(struct codes *c, struct code *code)
{
    map_take(&c->by_email, slice_of(code->email));
    list_unlink(&code->by_age);
    explicit_bzero(code->digits, sizeof(code->digits));
    mem_free(code->email);
    mem_free(code->name);
    mem_free(code->hash);
    mem_free(code);
}

void codes_deinit(struct codes *c)
{
    LIST_FOREACH (it, &c->by_age)
        mail_code_forget(c, LIST_ENTRY(it, struct code, by_age));
    map_deinit(&c->by_email);
}

static uint64_t memory_ms(const struct codes *c)
{
    return c->rules.ttl_ms > CODE_MEMORY_MS ? c->rules.ttl_ms : CODE_MEMORY_MS;
}

/* A code mailed late in the hour still has its own time. */
static bool mail_code_is_over(const struct codes *c, const struct code *code, uint64_t now_ms)
{
    return now_ms >= code->first_ms + memory_ms(c) && (!code->is_waiting || now_ms >= code->due_ms);
}

void codes_sweep(struct codes *c, uint64_t now_ms)
{
    unsigned n = 0;

    LIST_FOREACH (it, &c->by_age) {
        struct code *code = LIST_ENTRY(it, struct code, by_age);

        if (now_ms < code->first_ms + memory_ms(c) || ++n > SWEEP_MAX)
            return;
        if (mail_code_is_over(c, code, now_ms))
            mail_code_forget(c, code);
    }
}

struct code *code_find(struct codes *c, struct slice email, uint64_t now_ms)
{
    struct code *code = map_find(&c->by_email, email);

    if (code && mail_code_is_over(c, code, now_ms)) {
        mail_code_forget(c, code);
        return NULL;
    }
    if (code && now_ms >= code->due_ms)
        code->is_waiting = false;
    return code;
}

/* Digit by digit, without bias: of the bytes only the first 250 count. */
static void mail_code_draw(char out[CODE_DIGITS_MAX + 1], unsigned n_digits)
{
    uint8_t byte;

    for (unsigned i = 0; i < n_digits;) {
        random_bytes(&byte, sizeof(byte));
        if (byte < 250)
            out[i++] = (char)('0' + byte % 10);
    }
    out[n_digits] = 0;
}

/* Of the oldest ones that which nobody can use any more; else the oldest. */
static struct code *mail_code_least_useful(struct codes *c, uint64_t now_ms)
{
    unsigned n = 0;

    LIST_FOREACH (it, &c->by_age) {
        struct code *code = LIST_ENTRY(it, struct code, by_age);
        if (!code->is_waiting || now_ms >= code->due_ms)
            return code;
        if (++n == LOOK_MAX)
            break;
    }
    return LIST_ENTRY(c->by_age.next, struct code, by_age);
}

static struct code *code_new(struct codes *c, struct slice email, uint64_t now_ms)
{
    struct code *code = MEM_NEW(struct code);

    if (c->by_email.n_entries >= c->rules.max_pending) {
        mail_code_forget(c, mail_code_least_useful(c, now_ms));
        c->n_evicted++;
    }
    code->email = mem_copy(email.ptr, email.len);
    code->first_ms = now_ms;
    list_init(&code->by_age);
    list_link(&c->by_age, &code->by_age);
    map_put(&c->by_email, slice_of(code->email), code);
    return code;
}

static unsigned seconds_left(uint64_t until_ms, uint64_t now_ms)
{
    return until_ms > now_ms ? (unsigned)((until_ms - now_ms + 999) / 1000) : 1;
}

static void mail_code_renew(const struct codes *c, struct code *code, uint64_t now_ms)
{
    mail_code_draw(code->digits, c->rules.n_digits);
    code->generation++;
    code->n_mails++;
    code->n_wrong = 0;
    code->sent_ms = now_ms;
    code->due_ms = now_ms + c->rules.ttl_ms;
    code->is_waiting = true;
}

static bool may_mail(const struct codes *c, const struct code *code, uint64_t now_ms,
                     unsigned *ret_wait_s)
{
    if (code->n_mails < CODE_MAILS && code->n_total < CODE_TOTAL_ATTEMPTS)
        return true;
    *ret_wait_s = seconds_left(code->first_ms + memory_ms(c), now_ms);
    return false;
}

int code_issue(struct codes *c, struct slice email, uint64_t now_ms, struct code **ret,
               unsigned *ret_wait_s)
{
    struct code *code = code_find(c, email, now_ms);

    if (code && !may_mail(c, code, now_ms, ret_wait_s))
        return CODE_WAIT;
    if (!code)
        code = code_new(c, email, now_ms);
    mail_code_renew(c, code, now_ms);
    *ret = code;
    return CODE_OK;
}

int code_reissue(struct codes *c, struct slice email, uint64_t now_ms, struct code **ret,
                 unsigned *ret_wait_s)
{
    struct code *code = code_find(c, email, now_ms);

    if (!code || !code->is_waiting)
        return CODE_ABSENT;
    if (now_ms < code->sent_ms + c->rules.throttle_ms) {
        *ret_wait_s = seconds_left(code->sent_ms + c->rules.throttle_ms, now_ms);
        return CODE_WAIT;
    }
    if (!may_mail(c, code, now_ms, ret_wait_s))
        return CODE_WAIT;
    mail_code_renew(c, code, now_ms);
    *ret = code;
    return CODE_OK;
}

static void mail_code_replace(char **field, const char *text)
{
    mem_free(*field);
    *field = text ? mem_copy(text, strlen(text)) : NULL;
}

void code_set_fields(struct code *code, const char *name, const char *hash)
{
    mail_code_replace(&code->name, name);
    mail_code_replace(&code->hash, hash);
}

int code_guess(struct codes *c, struct slice email, struct slice digits, uint64_t now_ms,
               struct code **ret, unsigned *ret_left)
{
    struct code *code = code_find(c, email, now_ms);

    if (!code || !code->is_waiting)
        return CODE_ABSENT;
    if (slice_eq_secret(slice_of(code->digits), digits)) {
        *ret = code;
        return CODE_OK;
    }
    code->n_wrong++;
    code->n_total++;
    if (code->n_wrong < c->rules.max_attempts && code->n_total < CODE_TOTAL_ATTEMPTS) {
        unsigned left = c->rules.max_attempts - code->n_wrong;
        unsigned left_in_total = CODE_TOTAL_ATTEMPTS - code->n_total;

        *ret_left = left < left_in_total ? left : left_in_total;
        return CODE_WRONG;
    }
    code->is_waiting = false;
    return CODE_SPENT;
}

void code_settle(struct codes *c, struct code *code)
{
    mail_code_forget(c, code);
}

void code_withdraw(struct codes *c, struct slice email, unsigned generation)
{
    struct code *code = map_find(&c->by_email, email);

    if (!code || code->generation != generation)
        return;
    if (code->n_mails <= 1) {
        mail_code_forget(c, code);
        return;
    }
    code->n_mails--;
    code->is_waiting = false;
}

#include "login/mail_verification.h"

#include <stdio.h>
#include <string.h>

#include "harness/check.h"

static const struct code_rules rules = {
    .n_digits = 6, .ttl_ms = 600000, .throttle_ms = 30000, .max_attempts = 5, .max_pending = 3};
static const struct slice eve = {"eve@example.org", 15}, mal = {"mal@example.org", 15};

static struct code *issue(struct codes *c, struct slice email, uint64_t now)
{
    struct code *code = NULL;
    unsigned wait;

    CHECK_INT(code_issue(c, email, now, &code, &wait), CODE_OK);
    return code;
}

static int guess(struct codes *c, struct slice email, const char *digits, uint64_t now,
                 unsigned *left)
{
    struct code *code;

    return code_guess(c, email, slice_of(digits), now, &code, left);
}

/* One that is not the right one. */
static const char *wrong_for(const struct code *code)
{
    return strcmp(code->digits, "000000") ? "000000" : "000001";
}

/* req: A-190, S-49 */
CASE(the_right_code_is_taken_once)
{
    struct codes c;
    unsigned left;

    codes_init(&c);
    c.rules = rules;
    struct code *code = issue(&c, eve, 1000);
    CHECK_INT(strlen(code->digits), 6);
    CHECK_INT(strspn(code->digits, "0123456789"), 6);
    CHECK_INT(guess(&c, mal, code->digits, 1000, &left), CODE_ABSENT);
    CHECK_INT(guess(&c, eve, "", 1000, &left), CODE_WRONG);
    CHECK_INT(left, 4);
    CHECK_INT(guess(&c, eve, code->digits, 1000, &left), CODE_OK);
    code_settle(&c, code);
    CHECK_INT(guess(&c, eve, "123456", 1000, &left), CODE_ABSENT);
    codes_deinit(&c);
}

/* req: A-190, S-49 */
CASE(five_wrong_codes_lock_it)
{
    struct codes c;
    unsigned left = 0;
    char right[CODE_DIGITS_MAX + 1];

    codes_init(&c);
    c.rules = rules;
    struct code *code = issue(&c, eve, 0);
    memcpy(right, code->digits, sizeof(right));
    for (unsigned i = 0; i < 4; i++) {
        CHECK_INT(guess(&c, eve, wrong_for(code), 0, &left), CODE_WRONG);
        CHECK_INT(left, 4 - i);
    }
    CHECK_INT(guess(&c, eve, wrong_for(code), 0, &left), CODE_SPENT);
    CHECK_INT(guess(&c, eve, right, 0, &left), CODE_ABSENT);
    codes_deinit(&c);
}

/* req: D-24 */
CASE(fifteen_wrong_codes_in_all_end_it_for_the_hour)
{
    struct codes c;
    struct code *code;
    unsigned left, wait = 0;

    codes_init(&c);
    c.rules = rules;
    for (int round = 0; round < 3; round++) {
        code = issue(&c, eve, 0);
        for (int i = 0; i < 4; i++)
            CHECK_INT(guess(&c, eve, wrong_for(code), 0, &left), CODE_WRONG);
        CHECK_INT(guess(&c, eve, wrong_for(code), 0, &left), CODE_SPENT);
    }
    CHECK_INT(code_issue(&c, eve, 1000, &code, &wait), CODE_WAIT);
    CHECK_INT(wait, 3599);
    codes_sweep(&c, CODE_MEMORY_MS - 1);
    CHECK_INT(code_issue(&c, eve, CODE_MEMORY_MS - 1, &code, &wait), CODE_WAIT);
    CHECK_INT(code_issue(&c, eve, CODE_MEMORY_MS, &code, &wait), CODE_OK);
    CHECK_INT(code->n_total, 0);
    codes_deinit(&c);
}

/* req: A-190, S-49, D-24 */
CASE(another_code_is_throttled_voids_the_old_one_and_keeps_the_count)
{
    struct codes c;
    struct code *code;
    unsigned left, wait = 0;

    codes_init(&c);
    c.rules = rules;
    CHECK_INT(code_reissue(&c, eve, 0, &code, &wait), CODE_ABSENT);
    code = issue(&c, eve, 0);
    CHECK_INT(guess(&c, eve, wrong_for(code), 0, &left), CODE_WRONG);
    CHECK_INT(code_reissue(&c, eve, 1, &code, &wait), CODE_WAIT);
    CHECK_INT(wait, 30);
    CHECK_INT(code_reissue(&c, eve, 29001, &code, &wait), CODE_WAIT);
    CHECK_INT(wait, 1);
    unsigned generation = code->generation;
    CHECK_INT(code_reissue(&c, eve, 30000, &code, &wait), CODE_OK);
    CHECK_INT(code->generation, generation + 1);
    CHECK_INT(code->n_wrong, 0);
    CHECK_INT(code->n_total, 1);
    codes_deinit(&c);
}

/* req: A-190, S-49 */
CASE(a_code_expires)
{
    struct codes c;
    struct code *code;
    unsigned left, wait;

    codes_init(&c);
    c.rules = rules;
    code = issue(&c, eve, 0);
    CHECK_INT(guess(&c, eve, code->digits, rules.ttl_ms - 1, &left), CODE_OK);
    CHECK_INT(guess(&c, eve, code->digits, rules.ttl_ms, &left), CODE_ABSENT);
    CHECK_INT(code_reissue(&c, eve, rules.ttl_ms, &code, &wait), CODE_ABSENT);
    codes_sweep(&c, rules.ttl_ms);
    CHECK_INT(c.by_email.n_entries, 1);
    codes_sweep(&c, CODE_MEMORY_MS);
    CHECK_INT(c.by_email.n_entries, 0);
    codes_deinit(&c);
}

CASE(a_mailbox_gets_ten_mails_an_hour)
{
    struct codes c;
    struct code *code;
    unsigned wait = 0;

    codes_init(&c);
    c.rules = rules;
    for (int i = 0; i < CODE_MAILS; i++)
        issue(&c, eve, 0);
    CHECK_INT(code_issue(&c, eve, 0, &code, &wait), CODE_WAIT);
    CHECK_INT(wait, 3600);
    CHECK_INT(code_reissue(&c, eve, 60000, &code, &wait), CODE_WAIT);
    CHECK_INT(wait, 3540);
    codes_deinit(&c);
}

CASE(a_full_table_forgets_the_oldest)
{
    struct codes c;
    char email[8];

    codes_init(&c);
    c.rules = rules;
    for (int i = 0; i < 5; i++) {
        snprintf(email, sizeof(email), "%d@x", i);
        issue(&c, slice_of(email), (uint64_t)i);
    }
    CHECK_INT(c.by_email.n_entries, 3);
    CHECK(!code_find(&c, slice_of("1@x"), 5));
    CHECK(code_find(&c, slice_of("2@x"), 5));
    codes_deinit(&c);
}

/* What can still be used stays while there is anything that cannot.
 * req: S-68 */
CASE(a_full_table_forgets_what_nobody_can_use)
{
    struct codes c;
    struct code *code;
    unsigned left;

    codes_init(&c);
    c.rules = rules;
    issue(&c, slice_of("1@x"), 0);
    issue(&c, slice_of("2@x"), 1);
    issue(&c, slice_of("3@x"), 2);
    for (unsigned i = 0; i < rules.max_attempts; i++)
        (void)code_guess(&c, slice_of("2@x"), slice_of("no"), 3, &code, &left);
    issue(&c, slice_of("4@x"), 4);
    CHECK_INT(c.by_email.n_entries, 3);
    CHECK_INT(c.n_evicted, 1);
    CHECK(code_find(&c, slice_of("1@x"), 5) && !code_find(&c, slice_of("2@x"), 5));
    codes_deinit(&c);
}

CASE(a_mail_that_did_not_leave_leaves_nothing_behind)
{
    struct codes c;
    struct code *code;
    unsigned left;

    codes_init(&c);
    c.rules = rules;
    code = issue(&c, eve, 0);
    code_withdraw(&c, eve, code->generation + 1);
    CHECK_INT(c.by_email.n_entries, 1);
    code_withdraw(&c, eve, code->generation);
    CHECK_INT(c.by_email.n_entries, 0);
    issue(&c, eve, 0);
    code = issue(&c, eve, 0);
    code_withdraw(&c, eve, code->generation);
    CHECK_INT(guess(&c, eve, code->digits, 0, &left), CODE_ABSENT);
    codes_deinit(&c);
}

CASE(codes_cover_their_range)
{
    struct codes c;
    unsigned seen = 0;

    codes_init(&c);
    c.rules = rules;
    for (int i = 0; i < 400; i++) {
        char email[8];
        snprintf(email, sizeof(email), "%d@x", i);
        seen |= 1u << (issue(&c, slice_of(email), 0)->digits[0] - '0');
    }
    CHECK_INT(seen, 0x3ff);
    codes_deinit(&c);
}

CASES(RUN(the_right_code_is_taken_once), RUN(five_wrong_codes_lock_it),
      RUN(fifteen_wrong_codes_in_all_end_it_for_the_hour),
      RUN(another_code_is_throttled_voids_the_old_one_and_keeps_the_count), RUN(a_code_expires),
      RUN(a_mailbox_gets_ten_mails_an_hour), RUN(a_full_table_forgets_the_oldest),
      RUN(a_full_table_forgets_what_nobody_can_use),
      RUN(a_mail_that_did_not_leave_leaves_nothing_behind), RUN(codes_cover_their_range))

/* rates: how often one client address may start a login, ask for a mail with a code, try a
 * password, or exchange a code of the provider. They are what bounds the part an address can have
 * of the tables behind: a key lives for minutes and is started a few times a minute, of the codes
 * that may wait an address asks for a tenth within an hour, and its tries fill no more than a part
 * of the queue of passwords. So none of these tables counts addresses. Any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_rate;

enum {
    LOGIN_STARTS_PER_MINUTE = 10,
    LOGIN_MAILS_PER_MINUTE = 30,
    LOGIN_TRIES_PER_MINUTE = 60,
    LOGIN_EXCHANGES_PER_MINUTE = 30
};
enum login_rate { LOGIN_RATE_STARTS, LOGIN_RATE_MAILS, LOGIN_RATE_TRIES, LOGIN_RATE_EXCHANGES };

struct login_asking {
    enum login_rate kind;
    const char *address; /* of the client; IPv6: its network */
    /* of --verification-max-pending; an address may have LOGIN_MAILS_PER_MINUTE codes anyway */
    size_t max_pending;
    uint64_t now_ms; /* monotonic */
};
/* Takes one; false: the next one comes in so many seconds. */
bool login_rates_take(struct http_rate *r, const struct login_asking *a,
                      unsigned *ret_retry_after_s);

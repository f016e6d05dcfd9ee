/* login_limits: whose address it is, and which rate. */
#include "login/login_limits.h"

#include <string.h>

#include "base/clock.h"
#include "config/config.h"
#include "http/feature.h"
#include "http/request.h"
#include "login/login_internal.h"
#include "peer/hub.h"
#include "wire/ip.h"

static bool login_limits_take(struct login *l, const struct config *c, enum login_rate kind,
                              const char *address, unsigned *ret_retry_after_s)
{
    const struct login_asking a = {kind, address, c->verification_max_pending, clock_mono_ms()};

    return login_rates_take(l->rate, &a, ret_retry_after_s);
}

bool login_rate_take_call(struct login *l, enum login_rate kind, const struct rpc_call *call,
                          unsigned *ret_retry_after_s)
{
    const struct client *c = client_find(&l->hub->registry, call->from_text);
    char address[IP_TEXT_MAX];

    /* What came by HTTP has no client record and has been counted on its way in. */
    if (!c || !ip_is_known(&c->origin.address))
        return true;
    ip_network_print(&c->origin.address, address);
    return login_limits_take(l, loop_config(l->hub->loop), kind, address, ret_retry_after_s);
}

/* A service has more than one name: whatever holds the id is it. */
static bool names_us(struct slice service_id)
{
    return service_id.len >= sizeof(LOGIN_SERVICE) - 1 &&
           memmem(service_id.ptr, service_id.len, LOGIN_SERVICE, sizeof(LOGIN_SERVICE) - 1);
}

/* False: it is not counted. */
static bool rate_of_function(const struct login *l, struct slice function, enum login_rate *ret)
{
    static const struct {
        const char *function;
        enum login_rate rate;
    } rows[] = {{"start", LOGIN_RATE_STARTS},      {"signup", LOGIN_RATE_MAILS},
                {"resend_code", LOGIN_RATE_MAILS}, {"request_reset", LOGIN_RATE_MAILS},
                {"login", LOGIN_RATE_TRIES},       {"update_profile", LOGIN_RATE_TRIES}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        *ret = rows[i].rate;
        if (slice_is(function, rows[i].function))
            return rows[i].rate == LOGIN_RATE_STARTS || l->variant->is_local;
    }
    return false;
}

static bool take_request(struct login *l, enum login_rate kind, struct http_request *req,
                         unsigned *ret_retry_after_s)
{
    char network[HTTP_CLIENT_MAX];

    http_request_network(req, network);
    return login_limits_take(l, loop_config(req->loop), kind, network, ret_retry_after_s);
}

bool login_allow_call(void *made, struct http_request *req, const struct feature_call *call,
                      unsigned *ret_retry_after_s)
{
    enum login_rate rate;

    return !names_us(call->service_id) || !rate_of_function(made, call->function, &rate) ||
           take_request(made, rate, req, ret_retry_after_s);
}

/* The provider may take seconds for each exchange, so one address must not hold all there may be.
 */
bool login_allow_exchange(struct http_request *req, unsigned *ret_retry_after_s, void *arg)
{
    return take_request(arg, LOGIN_RATE_EXCHANGES, req, ret_retry_after_s);
}

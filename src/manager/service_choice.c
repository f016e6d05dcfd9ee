/* service_choice: several registrations may share a name. Only those the caller may use are
 * counted and named, so that neither a choice nor a refusal tells a stranger what else there is.
 * Globs are service_glob's; where they would name what is to be changed they are plain letters. */
#include "manager/service_choice.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/rate_counter.h"
#include "base/random.h"
#include "manager/caller_access.h"
#include "peer/hub.h"
#include "registry/registry.h"
#include "rpc/rpc.h"
#include "wire/mp.h"

enum { NAMED_MAX = 5 }; /* services shown as examples in a refusal */
static const double TIMEOUT_S = 10, SELECT_TIMEOUT_S = 2, TIMEOUT_MOST_S = 86400;

/* ---- look-up options ---- */

static bool choice_invalid(struct refusal *r, const char *field, const char *why)
{
    return refuse(r, "ValidationError", "1 validation error for GetServiceConfig\n%s\n  %s", field,
                  why);
}

static bool choice_read_text(struct slice map, const char *key, struct slice *ret,
                             struct refusal *r)
{
    struct slice value;

    if (!mp_find(map, key, &value) || mp_is(value, MP_NIL) || mp_get_str(value, ret))
        return true;
    return choice_invalid(r, key, "Input should be a valid string");
}

static bool read_seconds(struct slice map, const char *key, double *ret, struct refusal *r)
{
    struct slice value;
    double s;

    if (!mp_find(map, key, &value) || mp_is(value, MP_NIL))
        return true;
    if (!mp_get_num(value, &s) || !(s >= 0))
        return choice_invalid(r, key, "Input should be a valid number, not negative");
    *ret = s < TIMEOUT_MOST_S ? s : TIMEOUT_MOST_S;
    return true;
}

bool service_options_read(struct slice map, struct service_options *ret, struct refusal *r)
{
    *ret = (struct service_options){.timeout_s = TIMEOUT_S, .select_timeout_s = SELECT_TIMEOUT_S};
    return choice_read_text(map, "mode", &ret->mode, r) &&
           choice_read_text(map, "case_conversion", &ret->case_conversion, r) &&
           read_seconds(map, "timeout", &ret->timeout_s, r) &&
           read_seconds(map, "select_timeout", &ret->select_timeout_s, r);
}

/* ---- the id ---- */

bool service_id_read(struct slice text, struct slice context, struct service_id *ret,
                     struct refusal *r)
{
    static const char many[] = "Service id must contain at most one '%c'";

    switch (service_id_parse(text, ret)) {
    case SERVICE_ID_OK:
        break;
    case SERVICE_ID_MANY_SLASHES:
        return refuse(r, "AssertionError", many, '/');
    case SERVICE_ID_MANY_COLONS:
        return refuse(r, "AssertionError", many, ':');
    case SERVICE_ID_MANY_ATS:
        return refuse(r, "AssertionError", many, '@');
    case SERVICE_ID_WILDCARD:
        return refuse(r, "AssertionError",
                      "Invalid service id: {service_id}, it cannot be a wildcard.");
    default:
        return refuse(r, "AssertionError", "Invalid service id: " SLICE_FMT, SLICE_ARG(text));
    }
    if (ret->is_glob && text.len > GLOB_MAX)
        return refuse(r, "ValueError", "A pattern may have at most %d bytes", GLOB_MAX);
    if (!ret->workspace.len)
        ret->workspace = context;
    if (slice_is(ret->workspace, "*") && !ret->is_manager)
        return refuse(r, "AssertionError",
                      "You must specify a workspace for the service query, otherwise please call "
                      "list_services to find the service.");
    return true;
}

/* ---- the registrations ---- */

void service_set_deinit(struct service_set *set)
{
    mem_free(set->items);
    *set = (struct service_set){0};
}

bool service_set_find(struct hub *h, const struct rpc_call *call, const struct service_id *id,
                      struct service_set *ret, struct refusal *r)
{
    struct service_query q = service_query_of_id(id);
    struct service_cursor cursor;
    struct service *s;
    size_t room = 0;
    bool is_any_hidden = false;

    *ret = (struct service_set){0};
    q.is_literal = true;
    service_query_start(&cursor, &h->registry, &q);
    while ((s = service_query_next(&cursor))) {
        if (access_service(call->user, call->workspace, s, ACCESS_USE) == SERVICE_HIDDEN) {
            is_any_hidden = true;
            continue;
        }
        if (ret->n_items == room) {
            room = room ? room * 2 : 4;
            /* bounded by max_services_per_workspace */
            ret->items = mem_resize(ret->items, room * sizeof(struct service *));
        }
        ret->items[ret->n_items++] = s;
    }
    if (ret->n_items)
        return true;
    return is_any_hidden ? access_refuse_service(call, id->workspace, r) : service_not_found(id, r);
}

bool service_not_found(const struct service_id *id, struct refusal *r)
{
    return refuse(
        r, "KeyError", "Service not found: " SLICE_FMT "/" SLICE_FMT ":" SLICE_FMT "@" SLICE_FMT,
        SLICE_ARG(id->workspace), SLICE_ARG(id->client), SLICE_ARG(id->name), SLICE_ARG(id->app));
}

/* ---- the choice ---- */

/* A service as the original names it in its store: programs read the ids of workers out of that. */
static void choice_add_key(struct buf *b, const struct service *s)
{
    buf_add_fmt(b, "%s'services:%s|%s:%s@%s'", b->len ? ", " : "",
                service_visibility_name(s->visibility), s->type ? s->type : "*", s->full_id,
                s->app_id);
}

static bool choose_only(const struct service_set *set, const struct service_id *id,
                        struct refusal *r)
{
    SCRATCH_BUF(keys, 0);
    size_t whole = 0;

    if (set->n_items == 1)
        return true;
    for (size_t i = 0; i < set->n_items && i < NAMED_MAX; i++) {
        choice_add_key(&keys, set->items[i]);
        if (keys.len <= REFUSAL_MAX / 2)
            whole = keys.len;
    }
    struct slice named = slice_to(buf_slice(&keys), whole);
    (void)refuse(
        r, "AssertionError",
        "Multiple services found for " SLICE_FMT "/" SLICE_FMT ":" SLICE_FMT ", e.g. [" SLICE_FMT
        "]. You can either specify the mode as 'random', 'first', 'last', 'native:random', or use "
        "'select:criteria:function' format.",
        SLICE_ARG(id->workspace), SLICE_ARG(id->client), SLICE_ARG(id->name), SLICE_ARG(named));
    return false;
}

struct service *service_choose_exact(struct hub *h, const struct rpc_call *call,
                                     const struct service_id *id, struct refusal *r)
{
    struct service_set set;
    struct service *s = NULL;

    if (service_set_find(h, call, id, &set, r) && choose_only(&set, id, r))
        s = set.items[0];
    service_set_deinit(&set);
    return s;
}

struct service *service_pick_random(const struct service_set *set)
{
    uint32_t dice;

    random_bytes(&dice, sizeof(dice));
    return set->items[dice % set->n_items];
}

/* Clients that are not measured count as idle. */
static struct service *pick_idlest(const struct service_set *set)
{
    uint64_t now_ms = clock_mono_ms();
    struct service *best = NULL;
    double least = 0;

    for (size_t i = 0; i < set->n_items; i++) {
        double load = rate_counter_per_minute(set->items[i]->client->meter, now_ms);
        if (!best || load < least) {
            best = set->items[i];
            least = load;
        }
    }
    return best;
}

static int choose_select(const struct service_set *set, struct slice mode,
                         struct service_choice *ret, struct refusal *r)
{
    static const char *const names[] = {
        [SELECT_MIN] = "min", [SELECT_MAX] = "max", [SELECT_FIRST_SUCCESS] = "first_success"};
    struct slice select, rest, criterion;

    if (!slice_cut(mode, ':', &select, &rest) ||
        !slice_cut(rest, ':', &criterion, &ret->function) || slice_has_byte(ret->function, ':') ||
        !ret->function.len) {
        refuse(r, "ValueError",
               "Invalid select mode format: " SLICE_FMT ". Expected 'select:criteria:function'",
               SLICE_ARG(mode));
        return CHOICE_REFUSED;
    }
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (!slice_is(criterion, names[i]))
            continue;
        ret->criterion = i;
        ret->service = set->items[0];
        return set->n_items == 1 ? CHOICE_MADE : CHOICE_ASK;
    }
    refuse(r, "ValueError", "Unknown selection criteria: " SLICE_FMT, SLICE_ARG(criterion));
    return CHOICE_REFUSED;
}

int service_choose(const struct service_set *set, const struct service_id *id, struct slice mode,
                   struct service_choice *ret, struct refusal *r)
{
    if (!mode.len)
        mode = slice_is(id->workspace, "public") ? SLICE_LIT("random") : SLICE_LIT("exact");
    if (slice_starts(mode, "select:"))
        return choose_select(set, mode, ret, r);
    if (slice_is(mode, "exact")) {
        ret->service = set->items[0];
        return choose_only(set, id, r) ? CHOICE_MADE : CHOICE_REFUSED;
    }
    /* Every client is connected to this server: all are native. */
    if (slice_is(mode, "random") || slice_is(mode, "native:random"))
        ret->service = service_pick_random(set);
    else if (slice_is(mode, "first"))
        ret->service = set->items[0];
    else if (slice_is(mode, "min_load"))
        ret->service = pick_idlest(set);
    else if (slice_is(mode, "last"))
        ret->service = set->items[set->n_items - 1];
    else {
        refuse(
            r, "ValueError",
            "Invalid mode: " SLICE_FMT
            ". Mode must be 'random', 'first', 'last', 'exact', 'min_load', "
            "'native:random', or 'select:criteria:function' format (e.g., 'select:min:get_load')",
            SLICE_ARG(mode));
        return CHOICE_REFUSED;
    }
    return CHOICE_MADE;
}

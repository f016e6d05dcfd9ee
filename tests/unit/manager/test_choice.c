/* Which of several registrations is meant, and which event types may be asked for. */
#include "manager/service_choice.h"

#include <stdlib.h>

#include "manager_fixture.h"
#include "manager/event_rule.h"
#include "manager/service_glob.h"

struct choice_fixture {
    struct fixture *f;
    struct rpc_call call;
};

static struct choice_fixture setup(enum permission p)
{
    struct choice_fixture cf = {.f = fixture_new()};
    struct user *root = user_new_root("*");
    struct workspace *w = make_workspace(cf.f, "ws-a", "alice"),
                     *pub = make_workspace(cf.f, "public", "root");
    const char *const clients[] = {"c1", "c2", "c3"};

    for (unsigned i = 0; i < ARRAY_LEN(clients); i++) {
        struct client *c = client_add(&cf.f->hub.registry, w, slice_of(clients[i]), root,
                                      (struct handle){0}, true);
        make_service(cf.f, c, "many", i == 2 ? SERVICE_PUBLIC : SERVICE_PROTECTED, NULL);
        make_service(cf.f,
                     client_add(&cf.f->hub.registry, pub, slice_of(clients[i]), root,
                                (struct handle){0}, true),
                     "many", SERVICE_PUBLIC, NULL);
    }
    user_unref(root);
    cf.call = (struct rpc_call){.user = make_user("ws-a", p), .workspace = SLICE_LIT("ws-a")};
    return cf;
}

static void teardown(struct choice_fixture *cf)
{
    user_unref(cf->call.user);
    fixture_free(cf->f);
}

struct looked {
    struct service_id id;
    const char *mode;
    struct refusal r;
    const char *got; /* the full id chosen, "ask", or the refusal */
};

static void on_found(struct service_set *set, void *arg)
{
    struct looked *l = arg;
    struct service_choice choice = {0};

    l->got = l->r.text;
    if (!set->n_items) {
        (void)service_not_found(&l->id, &l->r);
        return;
    }
    switch (service_choose(set, &l->id, slice_of(l->mode), &choice, &l->r)) {
    case CHOICE_MADE:
        l->got = choice.service->full_id;
        break;
    case CHOICE_ASK:
        l->got = "ask";
        break;
    }
}

/* As a look-up does it. */
static void look_up(struct choice_fixture *cf, const char *text, const char *mode, struct looked *l)
{
    struct service_set set;
    struct list all;

    list_init(&all);
    *l = (struct looked){.mode = mode};
    l->got = l->r.text;
    if (!service_id_read(slice_of(text), cf->call.workspace, &l->id, &l->r))
        return;
    if (l->id.is_glob) {
        service_glob(&cf->f->hub, &cf->call, &l->id, &all, on_found, l);
        CHECK(list_is_empty(&all));
    } else {
        if (service_set_find(&cf->f->hub, &cf->call, &l->id, &set, &l->r))
            on_found(&set, l);
        service_set_deinit(&set);
    }
}

static void check_choice(struct choice_fixture *cf, const char *text, const char *mode,
                         const char *expected)
{
    struct looked l;

    look_up(cf, text, mode, &l);
    if (strncmp(l.got, expected, strlen(expected)) != 0)
        check_fail(__FILE__, __LINE__, "%s, %s: %s, not %s", text, mode, l.got, expected);
}

CASE(modes)
{
    struct choice_fixture cf = setup(PERMISSION_READ);

    check_choice(&cf, "many", "first", "ws-a/c1:many");
    check_choice(&cf, "many", "last", "ws-a/c3:many");
    check_choice(&cf, "many", "min_load", "ws-a/c1:many");
    check_choice(&cf, "many", "random", "ws-a/c");
    check_choice(&cf, "many", "native:random", "ws-a/c");
    check_choice(&cf, "many", "",
                 "Multiple services found for ws-a/*:many, e.g. "
                 "['services:protected|generic:ws-a/c1:many@*', "
                 "'services:protected|generic:ws-a/c2:many@*', "
                 "'services:public|generic:ws-a/c3:many@*']. You");
    check_choice(&cf, "many", "exact", "Multiple services found for ws-a/*:many");
    check_choice(&cf, "public/many", "", "public/c");
    check_choice(&cf, "c2:many", "", "ws-a/c2:many");
    check_choice(&cf, "ws-a/c2:many@*", "", "ws-a/c2:many");
    check_choice(&cf, "many", "select:min:load", "ask");
    check_choice(&cf, "c2:many", "select:min:load", "ws-a/c2:many");
    check_choice(&cf, "many", "select:min",
                 "Invalid select mode format: select:min. Expected 'select:criteria:function'");
    check_choice(&cf, "many", "select:a:b:c", "Invalid select mode format: select:a:b:c.");
    check_choice(&cf, "many", "select:foo:load", "Unknown selection criteria: foo");
    check_choice(&cf, "many", "foo", "Invalid mode: foo. Mode must be");
    teardown(&cf);
}

CASE(ids)
{
    struct choice_fixture cf = setup(PERMISSION_READ);

    check_choice(&cf, "a/b/c", "", "Service id must contain at most one '/'");
    check_choice(&cf, "a:b:c", "", "Service id must contain at most one ':'");
    check_choice(&cf, "a@b@c", "", "Service id must contain at most one '@'");
    check_choice(&cf, "*", "", "Invalid service id: {service_id}, it cannot be a wildcard.");
    check_choice(&cf, "*/x", "", "You must specify a workspace");
    check_choice(&cf, "x", "", "Service not found: ws-a/*:x@*");
    check_choice(&cf, "c1:x@app", "", "Service not found: ws-a/c1:x@app");
    check_choice(&cf, "nows/x", "", "Service not found: nows/*:x@*");
    check_choice(&cf, "ws-*/many", "first", "Service not found: ws-*/*:many@*");
    teardown(&cf);
}

/* What a listing of the same id shows, and nothing else. */
CASE(globs)
{
    struct choice_fixture cf = setup(PERMISSION_READ);
    struct client *c1 = client_find(&cf.f->hub.registry, SLICE_LIT("ws-a/c1"));

    make_service(cf.f, c1, "dark", SERVICE_UNLISTED, NULL);
    make_service(cf.f, c1, "a*b?", SERVICE_PUBLIC, NULL);
    check_choice(&cf, "man*", "first", "ws-a/c1:many");
    check_choice(&cf, "ws-a/c*:many", "last", "ws-a/c3:many");
    check_choice(&cf, "ws-a/c?:ma*", "last", "ws-a/c3:many");
    check_choice(&cf, "ws-a/*2:many", "", "ws-a/c2:many");
    check_choice(&cf, "c*:many", "",
                 "Multiple services found for ws-a/c*:many, e.g. "
                 "['services:protected|generic:ws-a/c1:many@*', ");
    check_choice(&cf, "public/c*:many", "", "public/c");
    check_choice(&cf, "c*:many", "select:min:load", "ask");
    check_choice(&cf, "c?:none", "first", "Service not found: ws-a/c?:none@*");
    check_choice(&cf, "c1:a*b?", "", "ws-a/c1:a*b?");
    check_choice(&cf, "dark", "", "ws-a/c1:dark");
    check_choice(&cf, "*:dark", "", "ws-a/c1:dark");
    check_choice(&cf, "d?rk", "", "Service not found: ws-a/*:d?rk@*");
    check_choice(&cf, "c*:dark", "", "Service not found: ws-a/c*:dark@*");
    check_choice(&cf, "ws-?/c1:many", "", "Service not found: ws-?/c1:many@*");
    teardown(&cf);
}

/* A key is shown whole or not at all, whatever names clients choose. */
CASE(long_names)
{
    struct choice_fixture cf = setup(PERMISSION_READ);
    char name[1001], text[1100];
    struct looked l;

    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    for (unsigned i = 1; i <= 3; i++) {
        snprintf(text, sizeof(text), "ws-a/c%u", i);
        make_service(cf.f, client_find(&cf.f->hub.registry, slice_of(text)), name, SERVICE_PUBLIC,
                     NULL);
    }
    look_up(&cf, "ws-a/nn*", "exact", &l);
    CHECK(strstr(l.got, "nn@*']. You can either specify") != NULL);
    teardown(&cf);
}

/* Of more than a choice looks at, the first and the last are among those it does. */
CASE(many_replicas)
{
    struct choice_fixture cf = setup(PERMISSION_READ);
    struct workspace *w = workspace_find(&cf.f->hub.registry, SLICE_LIT("ws-a"));
    struct user *root = user_new_root("*");
    bool is_seen[300] = {false};
    unsigned n_seen = 0;

    for (unsigned i = 0; i < ARRAY_LEN(is_seen); i++) {
        char id[16];
        snprintf(id, sizeof(id), "replica-%03u", i);
        make_service(
            cf.f, client_add(&cf.f->hub.registry, w, slice_of(id), root, (struct handle){0}, true),
            "r", SERVICE_PUBLIC, NULL);
    }
    check_choice(&cf, "replica-*:r", "first", "ws-a/replica-000:r");
    check_choice(&cf, "replica-*:r", "last", "ws-a/replica-299:r");
    for (unsigned i = 0; i < 20000; i++) {
        struct looked l;
        look_up(&cf, "replica-*:r", "random", &l);
        unsigned at = (unsigned)atoi(l.got + sizeof("ws-a/replica-") - 1);
        n_seen += !is_seen[at];
        is_seen[at] = true;
    }
    CHECK_INT(n_seen, ARRAY_LEN(is_seen));
    user_unref(root);
    teardown(&cf);
}

/* A stranger is neither given nor told of what is protected. */
CASE(strangers)
{
    struct choice_fixture cf = setup(PERMISSION_NONE);

    cf.call.workspace = SLICE_LIT("ws-b");
    check_choice(&cf, "ws-a/many", "", "ws-a/c3:many");
    scope_grant(&cf.call.user->scope, "ws-b", PERMISSION_READ);
    check_choice(&cf, "ws-a/c1:many", "",
                 "Permission denied for non-public service in workspace ws-a");
    check_choice(&cf, "ws-a/c1:man*", "", "Service not found: ws-a/c1:man*@*");
    check_choice(&cf, "ws-a/c*:many", "", "ws-a/c3:many");
    teardown(&cf);
}

CASE(event_types)
{
    static const struct {
        const char *type;
        bool ok;
    } table[] = {{"service_added", true}, {"custom", true}, {"a:b", true},    {"ws-a/x", true},
                 {"ws-a", true},          {"*", true},      {"", true},       {"ws-b/x", false},
                 {"other/x", false},      {"ws-b", false},  {"a:b/c", false}, {"ws-ax/y", false},
                 {"ws-a:x", false},       {"/x", false}};
    struct refusal r;

    for (unsigned i = 0; i < ARRAY_LEN(table); i++) {
        if (event_type_check(slice_of(table[i].type), SLICE_LIT("ws-a"), &r) != table[i].ok)
            check_fail(__FILE__, __LINE__, "%s", table[i].type);
        if (!table[i].ok)
            CHECK(strstr(r.text, "forbidden") != NULL);
    }
    CHECK(!event_type_check(slice_make("a\0b", 3), SLICE_LIT("ws-a"), &r));
}

CASES(RUN(modes), RUN(ids), RUN(globs), RUN(long_names), RUN(many_replicas), RUN(strangers),
      RUN(event_types))

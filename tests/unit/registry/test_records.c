/* Workspaces hold clients, clients hold services; every index follows. */
#include "unit/registry/registry_kit.h"

CASE(a_service_is_found_under_its_full_id)
{
    struct kit k;

    kit_init(&k);
    struct workspace *w = kit_workspace(&k, "ws-a");
    struct client *c = kit_client(&k, w, "bob");
    struct service *s = kit_service(&k, c, "calc", "math", "app1");
    CHECK_TEXT(s->full_id, "ws-a/bob:calc");
    CHECK_TEXT(c->full_id, "ws-a/bob");
    CHECK(slice_is(c->id, "bob") && slice_is(s->name, "calc"));
    CHECK(service_find(&k.r, SLICE_LIT("ws-a/bob:calc")) == s);
    CHECK(client_find(&k.r, SLICE_LIT("ws-a/bob")) == c);
    CHECK(workspace_find(&k.r, SLICE_LIT("ws-a")) == w);
    CHECK(service_find(&k.r, SLICE_LIT("ws-a/bob:cal")) == NULL);
    CHECK(client_find(&k.r, SLICE_LIT("bob")) == NULL);
    CHECK_INT(w->n_clients, 1);
    CHECK_INT(w->n_services, 1);
    CHECK_INT(c->n_services, 1);
    CHECK_INT(k.loop.metrics.values[METRIC_SERVICES], 1);
    kit_deinit(&k);
}

CASE(registering_again_replaces)
{
    struct kit k;
    bool is_replaced;

    kit_init(&k);
    struct client *c = kit_client(&k, kit_workspace(&k, "ws-a"), "bob");
    struct service_fields f = {.name = SLICE_LIT("s"),
                               .app_id = SLICE_LIT("*"),
                               .type = SLICE_LIT("t1"),
                               .info = SLICE_LIT("\x80")};
    struct service *first = service_add(&k.r, c, &f, &is_replaced);
    uint64_t number = first->number;
    CHECK(!is_replaced);
    f.type = (struct slice){NULL, 0};
    f.visibility = SERVICE_PROTECTED;
    struct service *second = service_add(&k.r, c, &f, &is_replaced);
    CHECK(is_replaced && second->type == NULL && second->visibility == SERVICE_PROTECTED &&
          second->number > number);
    CHECK(service_find(&k.r, SLICE_LIT("ws-a/bob:s")) == second);
    CHECK_INT(c->n_services, 1);
    CHECK_INT(c->workspace->n_services, 1);
    kit_deinit(&k);
}

CASE(built_in_makes_a_client_visible_and_is_not_counted)
{
    struct kit k;

    kit_init(&k);
    struct client *c = kit_client(&k, kit_workspace(&k, "ws-a"), "bob");
    CHECK(c->built_in == NULL);
    struct service *s = kit_service(&k, c, "built-in", "built-in", "*");
    CHECK(c->built_in == s && s->is_built_in);
    CHECK_INT(c->n_services, 0);
    s = kit_service(&k, c, "built-in", "built-in", "*");
    CHECK(c->built_in == s);
    service_remove(&k.r, s);
    CHECK(c->built_in == NULL);
    kit_deinit(&k);
}

CASE(a_client_takes_its_services_along)
{
    struct kit k;

    kit_init(&k);
    struct workspace *w = kit_workspace(&k, "ws-a");
    struct client *a = kit_client(&k, w, "a"), *b = kit_client(&k, w, "b");
    kit_service(&k, a, "one", "t", "*");
    kit_service(&k, a, "two", "t", "*");
    kit_service(&k, b, "one", "t", "*");
    CHECK(a->generation < b->generation);
    client_remove(&k.r, a);
    CHECK(service_find(&k.r, SLICE_LIT("ws-a/a:one")) == NULL &&
          service_find(&k.r, SLICE_LIT("ws-a/a:two")) == NULL);
    CHECK(service_find(&k.r, SLICE_LIT("ws-a/b:one")) != NULL);
    CHECK_INT(w->n_clients, 1);
    CHECK_INT(w->n_services, 1);
    CHECK_INT(k.r.names.n_entries, 1);
    client_remove(&k.r, b);
    CHECK_INT(k.r.names.n_entries, 0);
    workspace_remove(&k.r, w);
    CHECK(workspace_find(&k.r, SLICE_LIT("ws-a")) == NULL);
    kit_deinit(&k);
}

CASE(hosted_clients_keep_no_workspace_loaded)
{
    struct kit k;

    kit_init(&k);
    struct workspace *w = kit_workspace(&k, "public");
    struct client *c = client_add(&k.r, w, SLICE_LIT("manager"), k.user, (struct handle){0}, true);
    CHECK_INT(w->n_clients, 0);
    CHECK(c->is_virtual && !list_is_empty(&w->clients));
    kit_deinit(&k);
}

CASE(authorised_workspaces_are_exact)
{
    struct kit k;
    bool is_replaced;
    struct slice list[] = {SLICE_LIT("ws-b"), SLICE_LIT("ws-c")};
    struct service_fields f = {.name = SLICE_LIT("s"),
                               .app_id = SLICE_LIT("*"),
                               .authorized = list,
                               .n_authorized = 2,
                               .has_authorized = true,
                               .info = SLICE_LIT("\x80")};

    kit_init(&k);
    struct service *s =
        service_add(&k.r, kit_client(&k, kit_workspace(&k, "ws-a"), "a"), &f, &is_replaced);
    CHECK(service_authorizes(s, SLICE_LIT("ws-b")) && service_authorizes(s, SLICE_LIT("ws-c")));
    CHECK(!service_authorizes(s, SLICE_LIT("ws-bb")) && !service_authorizes(s, SLICE_LIT("ws-")) &&
          !service_authorizes(s, SLICE_LIT("*")));
    kit_deinit(&k);
}

CASES(RUN(a_service_is_found_under_its_full_id), RUN(registering_again_replaces),
      RUN(built_in_makes_a_client_visible_and_is_not_counted),
      RUN(a_client_takes_its_services_along), RUN(hosted_clients_keep_no_workspace_loaded),
      RUN(authorised_workspaces_are_exact))

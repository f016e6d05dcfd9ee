/* Who owns a workspace, and what is shown of one. req: D-04 D-13 */
#include "unit/registry/registry_kit.h"
#include "wire/json.h"
#include "wire/mp.h"

struct owning {
    const char *what, *workspace, *owner, *user, *email, *parent;
    bool is_owned;
};

static const struct owning owning[] = {
    {"by id", "ws-a", "bob", "bob", NULL, NULL, true},
    {"by e-mail", "ws-a", "bob@example.org", "bob", "bob@example.org", NULL, true},
    {"somebody else", "ws-a", "bob", "alice", NULL, NULL, false},
    {"no e-mail is nobody's", "ws-a", "", "alice", NULL, NULL, false},
    {"the personal one, whoever is listed", "ws-user-bob", "alice", "bob", NULL, NULL, true},
    {"the personal one of another", "ws-user-bobby", "x", "bob", NULL, NULL, false},
    {"a child by its minter's e-mail", "ws-a", "bob@example.org", "child", "bob@example.org", "bob",
     false},
    {"a child in its minter's personal one", "ws-user-bob", "bob", "child", NULL, "bob", false},
    {"a child listed by its own id", "ws-a", "child", "child", NULL, "bob", false},
};

CASE(ownership_is_for_primary_identities)
{
    for (size_t i = 0; i < sizeof(owning) / sizeof(owning[0]); i++) {
        const struct owning *o = &owning[i];
        const char *const owners[] = {"nobody", o->owner};
        struct kit k;
        kit_init(&k);
        struct user *u = user_new(slice_of(o->user));
        u->email = o->email ? mem_copy(o->email, strlen(o->email)) : NULL;
        u->parent = o->parent ? mem_copy(o->parent, strlen(o->parent)) : NULL;
        struct workspace *w = workspace_add(
            &k.r, &(struct workspace_fields){.id = o->workspace, .owners = owners, .n_owners = 2},
            NULL, 0);
        if (workspace_owned_by(w, u) != o->is_owned)
            check_fail(__FILE__, __LINE__, "%s", o->what);
        user_unref(u);
        kit_deinit(&k);
    }
}

static char *shown(const struct workspace *w, bool with_environs)
{
    struct buf mp, json;

    buf_init(&mp, 0);
    buf_init(&json, 0);
    workspace_add_mp(&mp, w, with_environs);
    CHECK_INT(json_from_mp(buf_slice(&mp), &json), JSON_OK);
    buf_deinit(&mp);
    return buf_take(&json);
}

static void value_of(struct buf *b, const char *json)
{
    char error[JSON_ERROR_MAX];

    buf_init(b, 0);
    CHECK_INT(json_to_mp(slice_of(json), b, error), JSON_OK);
}

CASE(a_plain_one_shows_thirteen_keys)
{
    static const char *const owners[] = {"bob"};
    struct kit k;

    kit_init(&k);
    struct workspace *w =
        workspace_add(&k.r,
                      &(struct workspace_fields){
                          .id = "ws-a", .owners = owners, .n_owners = 1, .is_persistent = true},
                      NULL, 0);
    char *text = shown(w, true);
    CHECK_TEXT(text, "{\"type\":\"workspace\",\"id\":\"ws-a\",\"name\":\"ws-a\",\"description\":"
                     "null,\"persistent\":true,"
                     "\"owners\":[\"bob\"],\"read_only\":false,\"icon\":null,\"covers\":null,"
                     "\"docs\":null,\"service_types\":{},"
                     "\"config\":{},\"status\":{\"ready\":true,\"errors\":null}}");
    mem_free(text);
    kit_deinit(&k);
}

CASE(an_anonymous_one_has_no_errors)
{
    struct kit k;

    kit_init(&k);
    struct workspace *w = workspace_add(&k.r,
                                        &(struct workspace_fields){.id = "ws-x",
                                                                   .name = "X",
                                                                   .description = "d",
                                                                   .is_anonymous = true,
                                                                   .is_read_only = true},
                                        NULL, 0);
    char *text = shown(w, true);
    CHECK(strstr(text, "\"name\":\"X\",\"description\":\"d\",\"persistent\":false") != NULL);
    CHECK(strstr(text, "\"read_only\":true") != NULL);
    CHECK(strstr(text, "\"status\":{\"ready\":true}}") != NULL);
    mem_free(text);
    kit_deinit(&k);
}

CASE(environment_values_can_be_left_out)
{
    struct kit k;
    struct buf config, extra;

    kit_init(&k);
    value_of(&config, "{\"a\":1,\"environs\":{\"KEY\":\"secret\"},\"b\":[2]}");
    value_of(&extra, "{\"icon\":\"i.png\",\"service_types\":{\"t\":{}},\"other\":\"unseen\"}");
    struct workspace *w =
        workspace_add(&k.r,
                      &(struct workspace_fields){
                          .id = "ws-a", .config = buf_slice(&config), .extra = buf_slice(&extra)},
                      NULL, 0);
    char *with = shown(w, true), *without = shown(w, false);
    CHECK(strstr(with, "\"config\":{\"a\":1,\"environs\":{\"KEY\":\"secret\"},\"b\":[2]}") != NULL);
    CHECK(strstr(without, "\"config\":{\"a\":1,\"b\":[2]}") != NULL);
    CHECK(strstr(without, "secret") == NULL && strstr(without, "unseen") == NULL);
    CHECK(strstr(without, "\"icon\":\"i.png\"") != NULL &&
          strstr(without, "\"service_types\":{\"t\":{}}") != NULL);
    mem_free(with);
    mem_free(without);
    buf_deinit(&config);
    buf_deinit(&extra);
    kit_deinit(&k);
}

CASE(a_change_may_borrow_from_what_it_replaces)
{
    static const char *const owners[] = {"bob", "alice"};
    struct kit k;

    kit_init(&k);
    struct workspace *w = workspace_add(&k.r,
                                        &(struct workspace_fields){.id = "ws-a",
                                                                   .name = "N",
                                                                   .description = "D",
                                                                   .owners = owners,
                                                                   .n_owners = 2,
                                                                   .is_read_only = true},
                                        NULL, 0);
    const char *const kept[] = {w->owners[1]};
    CHECK(workspace_change(
        w, &(struct workspace_fields){.name = w->description,
                                      .description = w->name,
                                      .owners = kept,
                                      .n_owners = 1,
                                      .config = slice_make(w->config, w->config_len)}));
    CHECK_TEXT(w->name, "D");
    CHECK_TEXT(w->description, "N");
    CHECK_INT(w->n_owners, 1);
    CHECK_TEXT(w->owners[0], "alice");
    CHECK(w->is_read_only); /* flags stay */
    CHECK(workspace_change(w, &(struct workspace_fields){.id = "ws-other"}));
    CHECK_TEXT(w->id, "ws-a");
    CHECK_TEXT(w->name, "ws-a");
    CHECK(w->description == NULL && w->n_owners == 0);
    kit_deinit(&k);
}

/* req: S-87 */
CASE(who_made_one_is_counted_and_stored_and_never_shown)
{
    static const char *const owners[] = {"bob", "ada"};
    struct kit k;

    kit_init(&k);
    struct workspace_fields f = {.id = "ws-a", .owners = owners, .n_owners = 2, .creator = "ada"};
    struct workspace *w = workspace_add(&k.r, &f, NULL, 0);
    CHECK_INT(registry_created(&k.r, "ada"), 1);
    CHECK_INT(registry_created(&k.r, "bob"), 0);
    /* a record that does not say so */
    f = (struct workspace_fields){.id = "ws-b", .owners = owners, .n_owners = 2};
    workspace_add(&k.r, &f, NULL, 0);
    f = (struct workspace_fields){
        .id = "ws-c", .owners = owners, .n_owners = 2, .is_anonymous = true};
    workspace_add(&k.r, &f, NULL, 0);
    CHECK_INT(registry_created(&k.r, "bob"), 1);
    CHECK(workspace_change(
        w, &(struct workspace_fields){.owners = owners, .n_owners = 1, .creator = "bob"}));
    char *text = shown(w, true);
    CHECK(strstr(text, "created_by") == NULL);
    mem_free(text);
    struct buf b;
    struct slice record, creator;
    buf_init(&b, 0);
    workspace_add_record(&b, w);
    record = buf_slice(&b);
    CHECK(mp_find_str(record, "created_by", &creator) && slice_is(creator, "ada"));
    buf_deinit(&b);
    workspace_remove(&k.r, w);
    CHECK_INT(registry_created(&k.r, "ada"), 0);
    CHECK_INT(registry_created(&k.r, "bob"), 1);
    kit_deinit(&k);
}

CASES(RUN(ownership_is_for_primary_identities), RUN(a_plain_one_shows_thirteen_keys),
      RUN(an_anonymous_one_has_no_errors), RUN(environment_values_can_be_left_out),
      RUN(a_change_may_borrow_from_what_it_replaces),
      RUN(who_made_one_is_counted_and_stored_and_never_shown))

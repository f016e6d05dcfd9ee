/* The permission table: kind of user x visibility x purpose, every cell; and workspaces. */
#include "manager/caller_access.h"

#include "manager_fixture.h"

enum who { STRANGER, READER, WRITER, ADMIN, EVERYWHERE, N_WHO };
static const char *const who_names[] = {"stranger", "reader", "writer", "admin", "everywhere"};

static struct user *user_of(enum who who, const char *workspace)
{
    switch (who) {
    case READER:
        return make_user(workspace, PERMISSION_READ);
    case WRITER:
        return make_user(workspace, PERMISSION_READ_WRITE);
    case ADMIN:
        return make_user(workspace, PERMISSION_ADMIN);
    case EVERYWHERE:
        return make_user("*", PERMISSION_READ);
    default:
        return make_user("", PERMISSION_NONE);
    }
}

/* By visibility, then purpose USE, LIST, LIST_UNLISTED. S: shown, A: authorized by the list, M:
 * member, -: hidden. Contexts: inside = the service's workspace, outside, and one that is on the
 * list of `listed`. */
struct row {
    const char *service, *context;
    const char *stranger, *member; /* three letters each */
};
static const struct row rows[] = {
    {"public", "inside", "SSS", "MMM"},    {"public", "outside", "SSS", "MMM"},
    {"protected", "inside", "---", "MMM"}, {"protected", "outside", "---", "MMM"},
    {"unlisted", "inside", "S--", "M-M"},  {"unlisted", "outside", "S--", "M--"},
    {"listed", "inside", "---", "MMM"},    {"listed", "outside", "---", "MMM"},
    {"listed", "guest", "AAA", "MMM"},     {"protected", "guest", "---", "MMM"},
    {"emptylist", "guest", "---", "MMM"},  {"emptylist", "inside", "---", "MMM"},
};

static char letter(enum access_service a)
{
    return "-SAM"[a];
}

CASE(every_cell)
{
    struct fixture *f = fixture_new();
    struct workspace *w = make_workspace(f, "inside", "alice");
    struct user *root = user_new_root("*");
    struct client *c =
        client_add(&f->hub.registry, w, SLICE_LIT("c"), root, (struct handle){0}, true);
    struct buf key;

    make_service(f, c, "public", SERVICE_PUBLIC, NULL);
    make_service(f, c, "protected", SERVICE_PROTECTED, NULL);
    make_service(f, c, "unlisted", SERVICE_UNLISTED, NULL);
    make_service(f, c, "listed", SERVICE_PROTECTED, "guest");
    make_service(f, c, "emptylist", SERVICE_PROTECTED, "");
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        buf_init(&key, 0);
        buf_add_fmt(&key, "inside/c:%s", rows[i].service);
        struct service *s = service_find(&f->hub.registry, buf_slice(&key));
        buf_deinit(&key);
        CHECK(s != NULL);
        for (enum who who = 0; who < N_WHO; who++) {
            struct user *u = user_of(who, "inside");
            const char *wanted = who == STRANGER ? rows[i].stranger : rows[i].member;
            for (enum access_purpose p = ACCESS_USE; p <= ACCESS_LIST_UNLISTED; p++) {
                char got = letter(access_service(u, slice_of(rows[i].context), s, p));
                if (got != wanted[p])
                    check_fail(__FILE__, __LINE__, "%s of %s from %s for %d: %c, not %c",
                               who_names[who], rows[i].service, rows[i].context, p, got, wanted[p]);
            }
            user_unref(u);
        }
    }
    user_unref(root);
    fixture_free(f);
}

/* Owning the service's workspace opens nothing to a connection elsewhere (S-22). */
CASE(ownership_does_not_open_services)
{
    struct fixture *f = fixture_new();
    struct workspace *w = make_workspace(f, "inside", "anonymouz-http");
    struct user *root = user_new_root("*"), *owner = make_user("elsewhere", PERMISSION_ADMIN);
    struct client *c =
        client_add(&f->hub.registry, w, SLICE_LIT("c"), root, (struct handle){0}, true);
    struct service *s = make_service(f, c, "protected", SERVICE_PROTECTED, NULL);

    CHECK(workspace_owned_by(w, owner));
    CHECK_INT(access_service(owner, SLICE_LIT("elsewhere"), s, ACCESS_USE), SERVICE_HIDDEN);
    user_unref(owner);
    user_unref(root);
    fixture_free(f);
}

CASE(workspaces)
{
    static const struct {
        enum who who;
        enum permission level;
        bool may;
    } table[] = {
        {STRANGER, PERMISSION_READ, false},     {READER, PERMISSION_READ, true},
        {READER, PERMISSION_READ_WRITE, false}, {WRITER, PERMISSION_READ_WRITE, true},
        {WRITER, PERMISSION_ADMIN, false},      {ADMIN, PERMISSION_ADMIN, true},
        {EVERYWHERE, PERMISSION_READ, true},    {EVERYWHERE, PERMISSION_ADMIN, false},
    };
    struct fixture *f = fixture_new();
    struct refusal r;

    make_workspace(f, "ws-one", "somebody");
    for (unsigned i = 0; i < ARRAY_LEN(table); i++) {
        struct rpc_call call = {.user = user_of(table[i].who, "ws-one"),
                                .workspace = SLICE_LIT("ws-one")};
        enum access_operation o = table[i].level == PERMISSION_READ         ? OPERATION_READ
                                  : table[i].level == PERMISSION_READ_WRITE ? OPERATION_SET_ENV
                                                                            : OPERATION_ADMIN;
        struct workspace *w = access_target(&f->hub, &call, (struct slice){0}, o, &r);
        CHECK_INT(w != NULL, table[i].may);
        CHECK_INT(access_context(&call, table[i].level, &r), table[i].may);
        if (!table[i].may) {
            CHECK_TEXT(r.class_name, "PermissionError");
            CHECK_TEXT(r.text, table[i].who == STRANGER
                                   ? "Permission denied for workspace ws-one [rule: no-grant]"
                                   : "Permission denied for workspace ws-one [rule: weak-grant]");
        }
        user_unref(call.user);
    }
    fixture_free(f);
}

CASE(owners_and_missing_workspaces)
{
    struct fixture *f = fixture_new();
    struct refusal r;
    struct user *u = make_user("", PERMISSION_NONE);
    struct rpc_call call = {.user = u, .workspace = SLICE_LIT("elsewhere")};

    make_workspace(f, "ws-mine", u->id);
    CHECK(access_target(&f->hub, &call, SLICE_LIT("ws-mine"), OPERATION_BOOKMARK, &r) != NULL);
    CHECK(!access_target(&f->hub, &call, SLICE_LIT("ws-mine"), OPERATION_LIST_CLIENTS, &r));
    CHECK_TEXT(r.class_name, "PermissionError");
    CHECK(!access_target(&f->hub, &call, SLICE_LIT("ws-none"), OPERATION_LIST_CLIENTS, &r));
    CHECK_TEXT(r.class_name, "KeyError");
    CHECK_TEXT(r.text, "Workspace not found: ws-none");
    user_unref(u);
    fixture_free(f);
}

CASES(RUN(every_cell), RUN(ownership_does_not_open_services), RUN(workspaces),
      RUN(owners_and_missing_workspaces))

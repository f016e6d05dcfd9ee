/* Who is put out and kept out, what the administrator is told of it, and who may not ask. req:
 * */
#include "unit/admin/office.h"

static bool is_here(struct office *o, const char *full_id)
{
    return client_find(&o->k.hub.registry, slice_of(full_id)) != NULL;
}

CASE(only_an_admin_of_the_roots_workspace_may_ask)
{
    struct office o;

    office_init(&o);
    for (size_t i = 0; i < admin_service.n_methods; i++) {
        struct slice got = office_ask(&o, o.other, admin_service.methods[i].name, "[\"a\",\"b\"]");
        if (!o.is_error || !memmem(got.ptr, got.len, "PermissionError", 15))
            check_fail(__FILE__, __LINE__, "%s: " SLICE_FMT, admin_service.methods[i].name,
                       SLICE_ARG(got));
    }
    office_deinit(&o);
}

CASE(a_client_is_put_out)
{
    struct office o;

    office_init(&o);
    (void)office_client(&o, "ws-a", "c1", kit_user("bob", ""), NULL);
    office_check(&o, "kickout_client", "[\"ws-a\",\"c2\"]", "AssertionError: Client not connected");
    office_check(&o, "kickout_client", "[\"ws-a\",\"c1\",1005]",
                 "ValueError: Not a close code: 1005");
    CHECK(is_here(&o, "ws-a/c1"));
    office_check(&o, "kickout_client", "[\"ws-a\",\"c1\",1008,\"enough\"]", "null");
    CHECK(!is_here(&o, "ws-a/c1"));
    CHECK_INT(loop_set_sum(&o.k.t.set, METRIC_CLIENTS_KICKED), 1);
    office_deinit(&o);
}

/* Children of their tokens go too, and so does who comes from the network of an address; others
 * stay. */
CASE(blocks_put_out_and_keep_out)
{
    struct office o;
    struct user *child = kit_user("child-1", "");

    office_init(&o);
    child->parent = mem_copy("bob", 3);
    (void)office_client(&o, "ws-a", "c1", kit_user("bob", ""), NULL);
    (void)office_client(&o, "ws-a", "c2", child, NULL);
    (void)office_client(&o, "ws-a", "c3", kit_user("ada", ""), "192.0.2.7");
    (void)office_client(&o, "ws-a", "c4", kit_user("ada", ""), "192.0.2.8");
    office_check(&o, "block_user", "[\"bob\",60,\"spam\"]",
                 "\"Blocked user bob, kicked 2 connections\"");
    CHECK(!is_here(&o, "ws-a/c1") && !is_here(&o, "ws-a/c2") && is_here(&o, "ws-a/c3"));
    office_check(&o, "block_ip", "[\"192.0.2.7\",-1]", "\"Blocked IP 192.0.2.7\"");
    CHECK(!is_here(&o, "ws-a/c3") && is_here(&o, "ws-a/c4"));
    office_check(&o, "list_blocked", "[]",
                 "{\"users\":[{\"id\":\"bob\",\"reason\":\"spam\",\"ttl_seconds\":60}],"
                 "\"ips\":[{\"id\":\"192.0.2.7\",\"reason\":\"blocked\",\"ttl_seconds\":-1}]}");
    office_has(&o, "explain", "[\"bob\",\"ws-user-bob\"]", "\"rule\":\"blocked\"");
    office_check(&o, "unblock_user", "[\"bob\"]", "\"Unblocked user bob\"");
    office_check(&o, "unblock_ip", "[\"192.0.2.7\"]", "\"Unblocked IP 192.0.2.7\"");
    office_check(&o, "list_blocked", "[]", "{\"users\":[],\"ips\":[]}");
    office_deinit(&o);
}

CASE(what_is_no_block_is_refused)
{
    struct office o;

    office_init(&o);
    office_check(&o, "block_user", "[\"root\"]", "ValueError: The root user cannot be blocked");
    office_has(&o, "block_ip", "[\"nowhere\"]", "ValueError: ");
    office_has(&o, "block_user", "[\"\"]", "ValueError: ");
    CHECK(o.is_error);
    for (int i = 0; i < 4; i++) {
        char args[40];
        snprintf(args, sizeof(args), "[\"u%d\"]", i);
        office_has(&o, "block_user", args, "kicked 0 connections");
    }
    office_check(&o, "block_user", "[\"u9\"]",
                 "RuntimeError: Too many blocks: 4 are kept (--max-blocks)");
    office_deinit(&o);
}

CASES(RUN(only_an_admin_of_the_roots_workspace_may_ask), RUN(a_client_is_put_out),
      RUN(blocks_put_out_and_keep_out), RUN(what_is_no_block_is_refused))

/* Listings: what of a service is shown, what the manager is asked for, and that a long one comes
 * whole, a piece at a time. */
#include "unit/api/desk.h"
#include "wire/mp.h"

CASE(ids_are_shown_without_the_workspace_and_marks_of_the_protocol_not_at_all)
{
    struct desk d;
    struct guest g;
    unsigned status;

    desk_init(&d);
    desk_answers(&d,
                 "[{\"id\":\"public/a:b\",\"_rtype\":\"service\",\"name\":\"b\"},{\"id\":\"other/"
                 "a:c\",\"n\":1}]");
    desk_check(&d, "/public/services/", "", 200,
               "[{\"id\":\"a:b\",\"name\":\"b\"},{\"id\":\"other/a:c\",\"n\":1}]");
    CHECK_TEXT(d.asked, "list_services [\"public\",false,false,false,0,2147483647]");
    g = desk_ask(&d, "GET", "/public/services/", "Accept: application/msgpack\r\n");
    const char *body = desk_hear(&d, &g, &status);
    CHECK_INT(status, 200);
    SCRATCH_BUF(text, 0);
    CHECK_INT(
        json_from_mp(slice_make(body, g.got.len - 1 - (size_t)(body - (const char *)g.got.ptr)),
                     &text),
        JSON_OK);
    CHECK(slice_is(buf_slice(&text),
                   "[{\"id\":\"a:b\",\"name\":\"b\"},{\"id\":\"other/a:c\",\"n\":1}]"));
    guest_leave(&g);
    desk_answers(&d, "[]");
    desk_check(&d, "/public/services/", "", 200, "[]");
    desk_deinit(&d);
}

CASE(what_is_no_number_and_what_is_not_there_is_told)
{
    struct desk d;

    desk_init(&d);
    desk_answers(&d, "[]");
    desk_check(&d, "/public/services/?offset=3&limit=20", "", 200, "[]");
    CHECK_TEXT(d.asked, "list_services [\"public\",false,false,false,3,20]");
    desk_check(&d, "/public/services/?offset=-1", "", 400,
               "ValueError: offset and limit must be whole numbers");
    desk_check(&d, "/public/services/?limit=", "", 400,
               "ValueError: offset and limit must be whole numbers");
    desk_check(&d, "/public/services/?limit=1234567890", "", 400,
               "ValueError: offset and limit must be whole numbers");
    desk_check(&d, "/nowhere/services/", "", 404,
               "'Workspace nowhere does not exist or is not accessible'");
    desk_deinit(&d);
}

/* A stranger does not learn whether there is such a workspace. */
CASE(of_a_workspace_strangers_learn_nothing)
{
    struct desk d;

    desk_init(&d);
    kit_workspace(&d.h.k, "ws-a", "bob");
    d.rejects = "KeyError";
    d.why = "Workspace not found: x";
    desk_check(&d, "/ws-none/info", "", 403, "anonymouz-http has no permission to access ws-none");
    desk_check(&d, "/ws-a/info", "", 403, "anonymouz-http has no permission to access ws-a");
    d.rejects = NULL;
    desk_answers(&d, "{\"id\":\"ws-anonymous\",\"name\":\"n\"}");
    desk_check(&d, "/ws-anonymous/info", "", 200, "{\"id\":\"ws-anonymous\",\"name\":\"n\"}");
    CHECK_TEXT(d.asked, "get_workspace_info [\"ws-anonymous\"]");
    desk_deinit(&d);
}

enum { MANY = 3000 };

static void answer_many(struct desk *d)
{
    buf_clear(&d->answer);
    mp_add_array(&d->answer, MANY);
    for (int i = 0; i < MANY; i++) {
        char id[64];
        snprintf(id, sizeof(id), "public/client:service-%d", i);
        mp_add_map(&d->answer, 2);
        mp_add_text(&d->answer, "id");
        mp_add_text(&d->answer, id);
        mp_add_text(&d->answer, "description");
        mp_add_text(&d->answer, "some words about it, so that all of them together are longer than "
                                "what is written at once");
    }
}

/* The body of an answer in chunks. */
static void add_chunks(const char *at, struct buf *out)
{
    for (;;) {
        char *end;
        unsigned long n = strtoul(at, &end, 16);
        CHECK(strncmp(end, "\r\n", 2) == 0);
        if (!n)
            return;
        buf_add(out, end + 2, n);
        at = end + 2 + n + 2;
    }
}

CASE(a_long_one_comes_whole_a_piece_at_a_time)
{
    struct desk d;
    unsigned status;
    SCRATCH_BUF(whole, 1 << 24);
    SCRATCH_BUF(value, 1 << 24);
    char error[JSON_ERROR_MAX], last[] = "{\"id\":\"client:service-2999\"";

    desk_init(&d);
    answer_many(&d);
    struct guest g = desk_ask(&d, "GET", "/public/services/", "");
    const char *body = desk_hear(&d, &g, &status);
    CHECK_INT(status, 200);
    CHECK(guest_has(&g, "chunked"));
    add_chunks(body, &whole);
    CHECK_INT(json_to_mp(buf_slice(&whole), &value, error), JSON_OK);
    CHECK_INT(mp_count(buf_slice(&value)), MANY);
    CHECK(memmem(whole.ptr, whole.len, last, strlen(last)) != NULL);
    guest_leave(&g);
    g = desk_ask(&d, "HEAD", "/public/services/", "");
    CHECK_INT(strlen(desk_hear(&d, &g, &status)), 0);
    CHECK_INT(status, 200);
    guest_leave(&g);
    desk_deinit(&d);
}

/* A client that stops reading holds no more than the pieces that wait for it, and ends nothing but
 * itself. */
CASE(who_stops_reading_is_written_no_further)
{
    struct desk d;

    desk_init(&d);
    answer_many(&d);
    struct guest g = desk_ask(&d, "GET", "/public/services/", "");
    TURNS_UNTIL(&d.h.k.t, d.asked);
    for (int i = 0; i < 50; i++)
        turns_run(&d.h.k.t);
    CHECK_INT(d.h.hl.n_conns, 1);
    guest_leave(&g);
    TURNS_UNTIL(&d.h.k.t, d.h.hl.n_conns == 0);
    CHECK_INT(desk_calls(&d), 0);
    desk_deinit(&d);
}

CASE(a_path_without_its_slash_leads_to_the_one_with_it)
{
    struct desk d;

    desk_init(&d);
    desk_check(&d, "/public/services?x=1", "", 307, "");
    CHECK(!d.asked);
    desk_deinit(&d);
}

CASES(RUN(ids_are_shown_without_the_workspace_and_marks_of_the_protocol_not_at_all),
      RUN(what_is_no_number_and_what_is_not_there_is_told),
      RUN(of_a_workspace_strangers_learn_nothing), RUN(a_long_one_comes_whole_a_piece_at_a_time),
      RUN(who_stops_reading_is_written_no_further),
      RUN(a_path_without_its_slash_leads_to_the_one_with_it))

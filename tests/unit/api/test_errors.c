/* What a remote error becomes over HTTP: the class decides the status. req: S-08 */
#include "api/errors.h"
#include "unit/api/api_kit.h"

struct mapped {
    const char *what, *value, *trace;
    unsigned status;
    const char *detail;
};

static const struct mapped table[] = {
    {"a Python ValueError", "bad",
     "Traceback (most recent call last):\n  File \"/x.py\", line 1, in f\n    raise "
     "ValueError\nValueError: bad\n",
     400, "RemoteException: ValueError: bad"},
    {"a missing key", "'missing-thing'", "Traceback\nKeyError: 'missing-thing'", 404,
     "RemoteException: KeyError: 'missing-thing'"},
    {"not found in any case", "Nothing Not Found here", "", 404,
     "RemoteException: Nothing Not Found here"},
    {"404 comes before 403", "PermissionError: KeyError: x", "", 404,
     "RemoteException: PermissionError: KeyError: x"},
    {"no permission", "x",
     "PermissionError: Permission denied for non-public service in workspace ws-a", 403,
     "RemoteException: PermissionError: Permission denied for non-public service in workspace "
     "ws-a"},
    {"permission denied alone", "Permission denied for invoking", "", 403,
     "RemoteException: Permission denied for invoking"},
    {"permission denied in small letters is nothing", "permission denied", "", 500,
     "RemoteException: permission denied"},
    {"403 comes before 400", "Permission denied: TypeError: x", "", 403,
     "RemoteException: Permission denied: TypeError: x"},
    {"wrong arguments", "x", "TypeError: got an unexpected keyword argument 'z'", 400,
     "RemoteException: TypeError: got an unexpected keyword argument 'z'"},
    {"an assertion", "x", "AssertionError: no", 400, "RemoteException: AssertionError: no"},
    {"a provider lost while it was asked for its service", "x",
     "ConnectionError: Client disconnected while retrieving service: ws-a/c:s", 502,
     "RemoteException: ConnectionError: Client disconnected while retrieving service: ws-a/c:s"},
    {"a provider's own trouble with a connection", "x", "ConnectionError: no database", 500,
     "RemoteException: ConnectionError: no database"},
    {"many services", "x",
     "AssertionError: Multiple services found for w/*:s, e.g. ['services:public|k:w/a:s@*', "
     "'services:public|k:w/b:s@*']. You",
     400,
     "RemoteException: AssertionError: Multiple services found for w/*:s, e.g. "
     "[b'services:public|k:w/a:s@*', "
     "b'services:public|k:w/b:s@*']. You"},
    {"such a name elsewhere", "x", "RuntimeError: ['services:public|k:w/a:s@*']", 500,
     "RemoteException: RuntimeError: ['services:public|k:w/a:s@*']"},
    {"a timeout", "x", "TimeoutError", 504, "RemoteException: TimeoutError"},
    {"anything else", "x", "RuntimeError: boom", 500, "RemoteException: RuntimeError: boom"},
    {"no trace", "boom", "", 500, "RemoteException: boom"},
    {"of several lines the last", "x", "ValueError: first line\nsecond line", 400,
     "RemoteException: second line"},
    {"blank lines, places and markers are skipped", "x",
     "ValueError: bad\n\n   \n  File \"/a/b.py\", line 3\n    ^^^^\n", 400,
     "RemoteException: ValueError: bad"},
    {"JavaScript", "Cannot read x",
     "Error: Cannot read x\n    at f (/srv/app.js:1:2)\n    at g (/srv/app.js:3:4)", 500,
     "RemoteException: Cannot read x"},
    {"nothing at all", "", "", 500, "RemoteException: "},
};

static void encode(struct buf *b, const char *value, const char *trace)
{
    buf_init(b, 0);
    mp_add_map(b, 3);
    mp_add_text(b, "_rtype");
    mp_add_text(b, "error");
    mp_add_text(b, "_rvalue");
    mp_add_text(b, value);
    mp_add_text(b, "_rtrace");
    mp_add_text(b, trace);
}

CASE(errors_become_what_the_table_says)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct buf error, detail;
        buf_init(&detail, 0);
        encode(&error, table[i].value, table[i].trace);
        unsigned status = api_error_of_value(buf_slice(&error), false, &detail);
        if (status != table[i].status || !slice_is(buf_slice(&detail), table[i].detail))
            check_fail(__FILE__, __LINE__, "%s: %u " SLICE_FMT, table[i].what, status,
                       SLICE_ARG(buf_slice(&detail)));
        CHECK(!memmem(detail.ptr, detail.len, "File \"/", 7) &&
              !memmem(detail.ptr, detail.len, "Traceback", 9));
        buf_deinit(&error);
        buf_deinit(&detail);
    }
}

CASE(details_are_shown_when_the_operator_wants_them)
{
    struct buf error, detail;

    buf_init(&detail, 0);
    encode(&error, "bad", "Traceback\n  File \"/x.py\"\nValueError: bad");
    CHECK_INT(api_error_of_value(buf_slice(&error), true, &detail), 400);
    CHECK(slice_is(buf_slice(&detail),
                   "RemoteError:bad\nTraceback\n  File \"/x.py\"\nValueError: bad"));
    buf_deinit(&error);
    buf_deinit(&detail);
}

CASE(a_value_that_is_no_error_is_an_unknown_one)
{
    struct buf error, detail;

    buf_init(&detail, 0);
    CHECK_INT(api_error_of_value(kit_value(&error, "[1,2]"), false, &detail), 500);
    CHECK(slice_is(buf_slice(&detail), "RemoteException: Unknown error"));
    buf_deinit(&error);
    buf_deinit(&detail);
}

CASE(other_outcomes_have_their_status)
{
    static const struct {
        int outcome;
        unsigned status;
        const char *detail;
    } rows[] = {
        {RPC_TIMED_OUT, 504, "TimeoutError: why"},
        {RPC_GONE, 502, "why"},
        {RPC_OVERLOADED, 503, "why"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rpc_reply reply = {.text = SLICE_LIT("why")};
        struct buf detail;
        reply.outcome = rows[i].outcome;
        buf_init(&detail, 0);
        CHECK_INT(api_error_of(&reply, false, &detail), rows[i].status);
        CHECK(slice_is(buf_slice(&detail), rows[i].detail));
        buf_deinit(&detail);
    }
}

CASES(RUN(errors_become_what_the_table_says), RUN(details_are_shown_when_the_operator_wants_them),
      RUN(a_value_that_is_no_error_is_an_unknown_one), RUN(other_outcomes_have_their_status))

#include "rpc/rpc_call.h"

#include "harness/check.h"
#include "rpc/bind.h"
#include "wire/mp.h"

static const struct rpc_method method = {
    .name = "m",
    .params = {{.name = "id", .kind = RPC_TEXT},
               {.name = "n", .kind = RPC_INT, .is_optional = true},
               {.name = "either", .kind = RPC_TEXT_OR_LIST, .is_optional = true},
               {.name = "flag", .kind = RPC_BOOL, .is_optional = true},
               {.name = "x", .kind = RPC_NUMBER, .is_optional = true},
               {.name = "map", .kind = RPC_MAP, .is_optional = true},
               {.name = "list", .kind = RPC_LIST, .is_optional = true},
               {.name = "any", .kind = RPC_ANY, .is_optional = true}},
};

static struct slice args[RPC_MAX_PARAMS];
static char error[BIND_ERROR_MAX];

static int bind_in(const struct buf *b, bool with_kwargs)
{
    struct incoming in = {.args = buf_slice(b), .with_kwargs = with_kwargs};

    return bind_args(&method, &in, args, error);
}

static void check_bad(const struct buf *b, bool with_kwargs, const char *want)
{
    CHECK_INT(bind_in(b, with_kwargs), BIND_BAD);
    CHECK_TEXT(error, want);
}

static void add_keyword(struct buf *b, const char *key)
{
    mp_add_text(b, key);
    mp_add_text(b, "v");
}

CASE(all_eight_positions_fit)
{
    struct buf b;

    buf_init(&b, 0);
    mp_add_array(&b, 8);
    mp_add_text(&b, "i");
    mp_add_float(&b, 3.0); /* JavaScript and Python differ on whole numbers */
    mp_add_array(&b, 0);
    mp_add_bool(&b, true);
    mp_add_int(&b, 1);
    mp_add_map(&b, 0);
    mp_add_array(&b, 0);
    mp_add_nil(&b);
    CHECK_INT(bind_in(&b, false), BIND_OK);
    CHECK(args[6].len && !args[7].len);
    buf_deinit(&b);
}

/* req: W-065 */
CASE(what_does_not_fit_is_said_as_python_says_it)
{
    struct buf b;

    buf_init(&b, 0);
    check_bad(&b, false, "Missing required argument: 'id'");
    mp_add_array(&b, 9);
    for (int i = 0; i < 9; i++)
        mp_add_text(&b, "x");
    check_bad(&b, false, "multiple values for argument 'context'");
    buf_clear(&b);
    mp_add_array(&b, 2);
    mp_add_text(&b, "x");
    mp_add_map(&b, 1);
    add_keyword(&b, "zz");
    check_bad(&b, true, "got an unexpected keyword argument 'zz'");
    buf_clear(&b);
    mp_add_array(&b, 2);
    mp_add_text(&b, "x");
    mp_add_map(&b, 1);
    add_keyword(&b, "id");
    check_bad(&b, true, "multiple values for argument 'id'");
    buf_clear(&b);
    mp_add_array(&b, 1);
    mp_add_int(&b, 5);
    check_bad(&b, false, "Argument 'id' must be a string");
    check_bad(&b, true, "keyword arguments must be a map");
    buf_clear(&b);
    mp_add_array(&b, 1);
    mp_add_nil(&b);
    check_bad(&b, false, "Argument 'id' must be a string");
    buf_deinit(&b);
}

CASE(a_senders_context_is_ignored)
{
    struct buf b;

    buf_init(&b, 0);
    mp_add_array(&b, 1);
    mp_add_map(&b, 2);
    add_keyword(&b, "context");
    add_keyword(&b, "id");
    CHECK_INT(bind_in(&b, true), BIND_OK);
    CHECK(args[0].len && !args[1].len);
    buf_deinit(&b);
}

CASES(RUN(all_eight_positions_fit), RUN(what_does_not_fit_is_said_as_python_says_it),
      RUN(a_senders_context_is_ignored))

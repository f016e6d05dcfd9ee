/* errors: nothing a provider's traceback says about its files leaves here, unless the operator
 * wants it (S-08, S-11). */
#include "api/errors.h"

#include <string.h>

#include "wire/mp.h"

static bool errors_contains(struct slice text, const char *what)
{
    return text.ptr && text.len && memmem(text.ptr, text.len, what, strlen(what)) != NULL;
}

static bool contains_nocase(struct slice text, const char *what)
{
    size_t n = strlen(what);

    for (size_t at = 0; at + n <= text.len; at++) {
        if (slice_is_nocase(slice_make(text.ptr + at, n), what))
            return true;
    }
    return false;
}

static unsigned status_of(struct slice text)
{
    if (errors_contains(text, "KeyError:") || contains_nocase(text, "not found"))
        return 404;
    if (errors_contains(text, "PermissionError:") || errors_contains(text, "Permission denied"))
        return 403;
    if (errors_contains(text, "TypeError:") || errors_contains(text, "ValueError:") ||
        errors_contains(text, "AssertionError:"))
        return 400;
    if (errors_contains(text, "TimeoutError"))
        return 504;
    if (errors_contains(text, "Client disconnected while retrieving service"))
        return 502; /* as RPC_GONE, met by the manager */
    return 500;
}

/* The last line that says something to a person: not blank, no place in a file, no marker under
 * it. */
static struct slice last_line(struct slice text)
{
    struct slice found = {NULL, 0}, line, rest;

    while (text.len) {
        if (!slice_cut(text, '\n', &line, &rest)) {
            line = text;
            rest = (struct slice){NULL, 0};
        }
        line = slice_trim(line);
        if (line.len && !slice_starts(line, "File ") && line.ptr[0] != '^')
            found = line;
        text = rest;
    }
    return found;
}

/* Services in an ambiguity stand here as Python bytes: public pages that ask over HTTP read them by
 * a pattern that begins with the b, although releases of the original differ in it. */
static void add_line(struct buf *detail, struct slice line)
{
    static const char quoted[] = "'services:";
    const char *at;

    if (errors_contains(line, "Multiple services found for ")) {
        while ((at = memmem(line.ptr, line.len, quoted, sizeof(quoted) - 1))) {
            buf_add(detail, line.ptr, (size_t)(at - line.ptr));
            buf_add_fmt(detail, "b%s", quoted);
            line = slice_from(line, (size_t)(at - line.ptr) + sizeof(quoted) - 1);
        }
    }
    buf_add_slice(detail, line);
}

static struct slice first_line(struct slice text)
{
    struct slice line, rest;

    return slice_cut(text, '\n', &line, &rest) ? slice_trim(line) : slice_trim(text);
}

static bool is_javascript(struct slice trace)
{
    return slice_starts(last_line(trace), "at ");
}

unsigned api_error_of_value(struct slice error, bool is_detailed, struct buf *detail)
{
    struct slice value = SLICE_LIT("Unknown error"), trace = SLICE_LIT("");
    SCRATCH_BUF(full, 0);

    (void)mp_find_str(error, "_rvalue", &value);
    (void)mp_find_str(error, "_rtrace", &trace);
    buf_add_text(&full, "RemoteError:");
    buf_add_slice(&full, value);
    buf_add_byte(&full, '\n');
    buf_add_slice(&full, trace);
    unsigned status = status_of(buf_slice(&full));
    struct slice line = is_javascript(trace) ? first_line(value) : last_line(buf_slice(&full));
    if (slice_starts(line, "RemoteError:"))
        line = slice_trim(slice_from(line, strlen("RemoteError:")));
    if (is_detailed) {
        buf_add_slice(detail, buf_slice(&full));
    } else {
        buf_add_text(detail, "RemoteException: ");
        add_line(detail, line);
    }
    return status;
}

unsigned api_error_of(const struct rpc_reply *reply, bool is_detailed, struct buf *detail)
{
    switch (reply->outcome) {
    case RPC_REJECTED:
        return api_error_of_value(reply->value, is_detailed, detail);
    case RPC_TIMED_OUT:
        buf_add_text(detail, "TimeoutError: ");
        buf_add_slice(detail, reply->text);
        return 504;
    case RPC_GONE:
        buf_add_slice(detail, reply->text);
        return 502;
    case RPC_OVERLOADED:
        buf_add_slice(detail, reply->text);
        return 503;
    default:
        buf_add_text(detail, "The call was given up");
        return 500;
    }
}

/* api_kit: encoded values written as JSON, and back. */
#pragma once
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "harness/check.h"
#include "wire/json.h"
#include "wire/mp.h"

static inline struct slice kit_value(struct buf *b, const char *json)
{
    char error[JSON_ERROR_MAX];

    buf_init(b, 0);
    if (json_to_mp(slice_of(json), b, error) != JSON_OK)
        check_fail(__FILE__, __LINE__, "%s: %s", json, error);
    return buf_slice(b);
}

static inline void kit_check(struct slice value, const char *json, const char *what)
{
    struct buf b;

    buf_init(&b, 0);
    CHECK_INT(json_from_mp(value, &b), JSON_OK);
    if (!slice_is(buf_slice(&b), json))
        check_fail(__FILE__, __LINE__, "%s: " SLICE_FMT " and not %s", what,
                   SLICE_ARG(buf_slice(&b)), json);
    buf_deinit(&b);
}

#include "http/condition.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char days[] = "SunMonTueWedThuFriSat",
                  months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

void http_date(int64_t at_s, char out[HTTP_DATE_MAX])
{
    time_t at = (time_t)at_s;
    struct tm t = {0};

    gmtime_r(&at, &t);
    snprintf(out, HTTP_DATE_MAX, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * t.tm_wday,
             t.tm_mday, months + 3 * t.tm_mon, (t.tm_year + 1900) % 10000, t.tm_hour, t.tm_min,
             t.tm_sec);
}

bool http_date_read(struct slice text, int64_t *ret_s)
{
    char copy[HTTP_DATE_MAX], month[4];
    struct tm t = {0};
    int end = 0;

    if (text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (sscanf(copy, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &t.tm_mday, month,
               &t.tm_year, &t.tm_hour, &t.tm_min, &t.tm_sec, &end) != 6 ||
        end != (int)text.len || strlen(month) != 3)
        return false;
    const char *at = strstr(months, month);
    if (!at || (at - months) % 3 || t.tm_mday < 1 || t.tm_mday > 31 || t.tm_hour > 23 ||
        t.tm_min > 59 || t.tm_sec > 60)
        return false;
    t.tm_mon = (int)(at - months) / 3;
    t.tm_year -= 1900;
    *ret_s = (int64_t)timegm(&t);
    return true;
}

/* Whether an entity tag of the list is the file's; weak ones compare as strong ones here. */
static bool condition_matches(struct slice list, struct slice etag)
{
    struct slice one, rest = list;

    if (slice_is(slice_trim(list), "*"))
        return true;
    while (rest.len) {
        if (!slice_cut(rest, ',', &one, &rest)) {
            one = rest;
            rest.len = 0;
        }
        one = slice_trim(one);
        if (slice_starts(one, "W/"))
            one = slice_from(one, 2);
        if (slice_eq(one, etag))
            return true;
    }
    return false;
}

static bool is_unchanged(const struct condition *c, const struct representation *file)
{
    int64_t since;

    if (c->none_match.ptr)
        return condition_matches(c->none_match, file->etag);
    return c->modified_since.ptr && http_date_read(slice_trim(c->modified_since), &since) &&
           file->modified_s <= since;
}

/* Digits only; more than 18 of them are as good as the largest number. */
static bool condition_read_number(struct slice text, uint64_t *ret)
{
    uint64_t n = 0;

    if (!text.len)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        n = n > UINT64_MAX / 100 ? UINT64_MAX / 10 : n * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *ret = n;
    return true;
}

static bool is_range_wanted(const struct condition *c, const struct representation *file)
{
    int64_t at;

    if (!c->range.ptr || !slice_starts(c->range, "bytes="))
        return false;
    if (!c->if_range.ptr)
        return true;
    struct slice text = slice_trim(c->if_range);
    return slice_eq(text, file->etag) || (http_date_read(text, &at) && at == file->modified_s);
}

static enum condition_outcome condition_part(struct slice range, uint64_t n_bytes,
                                             uint64_t *ret_first, uint64_t *ret_last)
{
    struct slice from, to;
    uint64_t first, last = UINT64_MAX;

    if (!slice_cut(slice_trim(range), '-', &from, &to))
        return CONDITION_WHOLE;
    from = slice_trim(from);
    to = slice_trim(to);
    if (!from.len) { /* the last so many bytes */
        if (!condition_read_number(to, &last))
            return CONDITION_WHOLE;
        if (!last || !n_bytes)
            return CONDITION_OUTSIDE;
        *ret_first = last < n_bytes ? n_bytes - last : 0;
        *ret_last = n_bytes - 1;
        return CONDITION_PART;
    }
    if (!condition_read_number(from, &first) || (to.len && !condition_read_number(to, &last)) ||
        last < first)
        return CONDITION_WHOLE;
    if (first >= n_bytes)
        return CONDITION_OUTSIDE;
    *ret_first = first;
    *ret_last = last < n_bytes ? last : n_bytes - 1;
    return CONDITION_PART;
}

enum condition_outcome condition_decide(const struct condition *c,
                                        const struct representation *file, uint64_t *ret_first,
                                        uint64_t *ret_last)
{
    if (is_unchanged(c, file))
        return CONDITION_UNCHANGED;
    if (!is_range_wanted(c, file))
        return CONDITION_WHOLE;
    return condition_part(slice_from(c->range, strlen("bytes=")), file->n_bytes, ret_first,
                          ret_last);
}

/* time_text: the calendar is computed and not asked of the C library, whose functions depend on
 * locale and time zone. */
#include "wire/time_text.h"

#include <math.h>

static const int64_t US = 1000000, DAY_S = 86400;
static const int64_t FIRST_S = -62135596800,
                     LAST_S = 253402300799; /* 0001-01-01 and the last second of 9999 */

/* Days since 1970-01-01 of a date of the Gregorian calendar: months counted from March, so that
 * the leap day is the last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int64_t days, int64_t *ret_year, int64_t *ret_month, int64_t *ret_day)
{
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;

    *ret_day = of_year - (153 * m + 2) / 5 + 1;
    *ret_month = m < 10 ? m + 3 : m - 9;
    *ret_year = y + era * 400 + (*ret_month <= 2);
}

static bool take_number(struct slice *in, unsigned n_digits, int64_t *ret)
{
    int64_t n = 0;

    if (in->len < n_digits)
        return false;
    for (unsigned i = 0; i < n_digits; i++) {
        if (in->ptr[i] < '0' || in->ptr[i] > '9')
            return false;
        n = n * 10 + (in->ptr[i] - '0');
    }
    *in = slice_from(*in, n_digits);
    *ret = n;
    return true;
}

static bool take_byte(struct slice *in, const char *any_of)
{
    if (!in->len || !*any_of || !strchr(any_of, in->ptr[0]) || in->ptr[0] == '\0')
        return false;
    *in = slice_from(*in, 1);
    return true;
}

/* Digits behind the point, as microseconds; what is finer is cut. */
static bool take_fraction(struct slice *in, int64_t *ret_us)
{
    int64_t digit, us = 0, unit = US / 10;
    unsigned n = 0;

    for (; n < 9 && take_number(in, 1, &digit); n++, unit /= 10)
        us += digit * unit;
    *ret_us = us;
    return n > 0;
}

static bool take_clock(struct slice *in, int64_t *ret_us)
{
    int64_t hour, minute, second = 0, us = 0;

    if (!take_number(in, 2, &hour) || !take_byte(in, ":") || !take_number(in, 2, &minute))
        return false;
    if (take_byte(in, ":") && !take_number(in, 2, &second))
        return false;
    if (take_byte(in, ".,") && !take_fraction(in, &us))
        return false;
    *ret_us = ((hour * 60 + minute) * 60 + second) * US + us;
    return hour < 24 && minute < 60 && second < 60;
}

static bool take_zone(struct slice *in, int64_t *ret_us)
{
    int64_t hour, minute = 0, sign;

    *ret_us = 0;
    if (!in->len || take_byte(in, "Zz"))
        return true;
    sign = in->ptr[0] == '-' ? -1 : 1;
    if (!take_byte(in, "+-") || !take_number(in, 2, &hour))
        return false;
    if ((take_byte(in, ":") || in->len) && !take_number(in, 2, &minute))
        return false;
    *ret_us = sign * (hour * 60 + minute) * 60 * US;
    return hour < 24 && minute < 60;
}

static bool is_date(int64_t year, int64_t month, int64_t day)
{
    int64_t y, m, d;

    if (year < 1 || month < 1 || month > 12 || day < 1)
        return false;
    date_of(days_of(year, month, day), &y, &m, &d);
    return d == day;
}

bool time_text_read(struct slice text, int64_t *ret_us)
{
    int64_t year, month, day, clock_us = 0, zone_us = 0;
    struct slice in = slice_trim(text);

    if (!take_number(&in, 4, &year) || !take_byte(&in, "-") || !take_number(&in, 2, &month) ||
        !take_byte(&in, "-") || !take_number(&in, 2, &day) || !is_date(year, month, day))
        return false;
    if (in.len &&
        (!take_byte(&in, "Tt ") || !take_clock(&in, &clock_us) || !take_zone(&in, &zone_us)))
        return false;
    if (in.len)
        return false;
    *ret_us = days_of(year, month, day) * DAY_S * US + clock_us - zone_us;
    return true;
}

void time_text_add(struct buf *b, int64_t at_us)
{
    int64_t least = FIRST_S * US, most = LAST_S * US + US - 1;
    int64_t us = at_us < least ? least : at_us > most ? most : at_us;
    int64_t days = us / (DAY_S * US) - (us % (DAY_S * US) < 0), of_day = us - days * DAY_S * US;
    int64_t year, month, day, s = of_day / US;

    date_of(days, &year, &month, &day);
    buf_add_fmt(b, "%04d-%02d-%02dT%02d:%02d:%02d.%06d", (int)year, (int)month, (int)day,
                (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60), (int)(of_day % US));
}

bool time_from_seconds(double seconds, int64_t *ret_us)
{
    if (!isfinite(seconds) || seconds < (double)FIRST_S || seconds > (double)LAST_S)
        return false;
    *ret_us = (int64_t)(seconds * (double)US + (seconds < 0 ? -0.5 : 0.5));
    return true;
}

#include "base/log.h"
#include "base/clock.h"
#include "base/log_event.h"
#include "base/log_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/check.h"

static char log_path[64];

static bool holds(const char *path, const char *text)
{
    char bytes[65536] = "";
    FILE *f = fopen(path, "r");

    if (f) {
        bytes[fread(bytes, 1, sizeof(bytes) - 1, f)] = '\0';
        fclose(f);
    }
    return strstr(bytes, text) != NULL;
}

static char *log_of(const struct log_options *base, void (*run)(void))
{
    char path[] = "/tmp/hyphad-log-XXXXXX";
    int fd = mkstemp(path);
    struct log_options options = *base;

    options.path = path;
    snprintf(log_path, sizeof(log_path), "%s", path);
    CHECK_INT(log_open(&options), 0);
    run();
    log_close();
    char *text = calloc(1, 1 << 20);
    CHECK(pread(fd, text, (1 << 20) - 1, 0) >= 0);
    close(fd);
    unlink(path);
    return text;
}

static void hostile(void)
{
    LOG(LOG_WARN, "test", "a name", log_text("name", "x\nlevel=error subj=evil"), log_int("n", -5),
        log_text("plain", "abc"));
    LOG(LOG_DEBUG, "test", "below the level", log_int("n", 1));
}

CASE(hostile_text_stays_on_its_line)
{
    struct log_options kv = {.level = LOG_INFO}, json = {.level = LOG_INFO, .format = LOG_JSON};
    char *text = log_of(&kv, hostile);

    CHECK(strchr(text, '\n') == text + strlen(text) - 1);
    CHECK(strstr(text, "level=warn subj=test msg=\"a name\" name=\"x\\u000alevel=error subj=evil\" "
                       "n=-5 plain=abc\n"));
    free(text);
    text = log_of(&json, hostile);
    CHECK(strstr(text, "\"msg\":\"a name\",\"name\":\"x\\u000alevel=error "
                       "subj=evil\",\"n\":-5,\"plain\":\"abc\"}\n"));
    free(text);
}

static void flood(void)
{
    for (int i = 0; i < 1000; i++)
        LOG(LOG_INFO, "test", "again", log_int("i", i));
}

/* Every message has its own allowance, wherever its literal lies. */
static char names[200][8];

static void crowd(void)
{
    for (int i = 0; i < 5 * 200; i++) {
        snprintf(names[i % 200], sizeof(names[0]), "m%d", i % 200);
        log_write(LOG_INFO, "test", names[i % 200], NULL, 0);
    }
}

CASE(messages_share_no_allowance)
{
    struct log_options options = {.level = LOG_INFO, .rate_per_s = 2};
    uint64_t began = clock_mono_ms();
    char *text = log_of(&options, crowd);
    unsigned lines = 0, seconds = (unsigned)((clock_mono_ms() - began) / 1000) + 2;

    for (const char *at = text; (at = strstr(at, "msg=m")); at++)
        lines++;
    CHECK(lines >= 2 * 200 && lines <= 2 * 200 * seconds && lines <= 5 * 200);
    free(text);
}

static void long_texts(void)
{
    char text[3000];

    memset(text, '\x01', sizeof(text));
    LOG(LOG_INFO, "test", "long", log_slice("a", slice_make(text, sizeof(text))), log_int("n", 1),
        log_slice("b", slice_make(text, sizeof(text))),
        log_slice("c", slice_make(text, sizeof(text))),
        log_slice("d", slice_make(text, sizeof(text))), log_int("m", INT64_MIN));
}

CASE(a_line_has_an_end_and_keeps_its_numbers)
{
    for (int format = LOG_KV; format <= LOG_JSON; format++) {
        struct log_options options = {.level = LOG_INFO, .format = (enum log_format)format};
        char *text = log_of(&options, long_texts);
        CHECK(strlen(text) <= LOG_LINE_MAX && strchr(text, '\n') == text + strlen(text) - 1);
        CHECK(strstr(text, "-9223372036854775808"));
        free(text);
    }
}

CASE(a_repeated_message_is_rate_limited)
{
    struct log_options options = {.level = LOG_INFO, .rate_per_s = 10};
    char *text = log_of(&options, flood);
    int lines = 0;

    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    CHECK(lines >= 10 && lines <= 20); /* the flood may straddle two seconds */
    free(text);
}

static void flood_and_end(void)
{
    flood(); /* and nothing more of it comes, nor of another */
    for (int i = 0; i < 1000; i++)
        LOG(LOG_INFO, "test", "once more", log_int("i", i));
    CHECK_UNTIL(holds(log_path, "of=again") && holds(log_path, "of=\"once more\""));
}

CASE(what_was_left_out_is_told_though_nothing_follows)
{
    struct log_options options = {.level = LOG_INFO, .rate_per_s = 10};
    char *text = log_of(&options, flood_and_end);

    CHECK(strstr(text, "level=info subj=test msg=\"lines left out\" of=again repeats_dropped="));
    free(text);
}

static void rooms(void)
{
    LOG(LOG_DEBUG, "peer", "wanted", log_int("n", 1));
    LOG(LOG_INFO, "store", "unwanted", log_int("n", 1));
    LOG(LOG_WARN, "store", "wanted too", log_int("n", 1));
    LOG(LOG_DEBUG, "net", "unwanted too", log_int("n", 1));
}

CASE(a_subject_has_a_level_of_its_own)
{
    char peer[] = "peer=debug", store[] = "store=WARNING";
    char *const levels[] = {peer, store};
    struct log_options options = {.level = LOG_INFO, .levels = levels, .n_levels = 2};
    char *text = log_of(&options, rooms);

    CHECK(strstr(text, "msg=wanted n=1\n") && strstr(text, "msg=\"wanted too\""));
    CHECK(!strstr(text, "unwanted"));
    free(text);
    log_configure(&(struct log_options){.level = LOG_INFO});
    CHECK(!log_wants(LOG_DEBUG, "peer") && log_wants(LOG_INFO, "store"));
}

/* What can be named is what there is. */
CASE(the_subjects_are_the_rooms)
{
    char path[4096], line[256], room[64];
    int rank;

    snprintf(path, sizeof(path), "%s/../src/ROOMS", getenv("HYPHAD_TESTS"));
    FILE *f = fopen(path, "r");
    CHECK(f != NULL);
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "%d %63s", &rank, room) == 2 && !log_subject_is_known(slice_of(room)))
            check_fail(__FILE__, __LINE__, "room %s is no subject", room);
    fclose(f);
    CHECK(log_subject_is_known(SLICE_LIT("log")) && !log_subject_is_known(SLICE_LIT("evil")));
}

static void unseen(void)
{
    LOG(LOG_INFO, "test", "u", log_text("a", "x\xc2\x85y\xe2\x80\xaez\xe2\x80\xa8\xef\xbb\xbf"),
        log_text("b", "\xc3\xa9\xe4\xb8\xad"), log_text("c", "\xf3\xa0\x81\x81"));
}

CASE(nothing_in_a_line_is_invisible)
{
    struct log_options options = {.level = LOG_INFO};
    char *text = log_of(&options, unseen);

    CHECK(strstr(
        text,
        "a=\"x\\u0085y\\u202ez\\u2028\\ufeff\" b=\"\xc3\xa9\xe4\xb8\xad\" c=\"\\udb40\\udc41\"\n"));
    free(text);
}

static void event(void)
{
    LOG_EVENT(EVENT_UNBLOCKED, log_text("subject", "192.0.2.1"));
}

CASE(an_event_is_its_row)
{
    struct log_options options = {.level = LOG_INFO};
    char *text = log_of(&options, event);

    CHECK(strstr(text, " level=info subj=admin msg=unblocked subject=192.0.2.1\n"));
    free(text);
}

CASE(levels_have_the_originals_names)
{
    enum log_level level = LOG_DEBUG;

    CHECK(log_level_parse(SLICE_LIT("CRITICAL"), &level) && level == LOG_ERROR);
    CHECK(log_level_parse(SLICE_LIT("Warn"), &level) && level == LOG_WARN);
    CHECK(!log_level_parse(SLICE_LIT("loud"), &level));
}

CASES(RUN(hostile_text_stays_on_its_line), RUN(a_repeated_message_is_rate_limited),
      RUN(messages_share_no_allowance), RUN(a_line_has_an_end_and_keeps_its_numbers),
      RUN(what_was_left_out_is_told_though_nothing_follows), RUN(a_subject_has_a_level_of_its_own),
      RUN(the_subjects_are_the_rooms), RUN(nothing_in_a_line_is_invisible),
      RUN(an_event_is_its_row), RUN(levels_have_the_originals_names))

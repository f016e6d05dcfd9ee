#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/check.h"

static char *log_of(const struct log_options *base, void (*run)(void))
{
    char path[] = "/tmp/hyphad-log-XXXXXX";
    int fd = mkstemp(path);
    struct log_options options = *base;

    options.path = path;
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
    LOG(LOG_WARN, "test", "a name", log_text("name", "x\nlevel=error subj=evil"), log_int("n", -5), log_text("plain", "abc"));
    LOG(LOG_DEBUG, "test", "below the level", log_int("n", 1));
}

CASE(hostile_text_stays_on_its_line)
{
    struct log_options kv = {.level = LOG_INFO}, json = {.level = LOG_INFO, .format = LOG_JSON};
    char *text = log_of(&kv, hostile);

    CHECK(strchr(text, '\n') == text + strlen(text) - 1);
    CHECK(strstr(text, "level=warn subj=test msg=\"a name\" name=\"x\\u000alevel=error subj=evil\" n=-5 plain=abc\n"));
    free(text);
    text = log_of(&json, hostile);
    CHECK(strstr(text, "\"msg\":\"a name\",\"name\":\"x\\u000alevel=error subj=evil\",\"n\":-5,\"plain\":\"abc\"}\n"));
    free(text);
}

static void flood(void)
{
    for (int i = 0; i < 1000; i++)
        LOG(LOG_INFO, "test", "again", log_int("i", i));
}

CASE(a_repeated_message_is_rate_limited)
{
    struct log_options options = {.level = LOG_INFO, .rate_per_s = 10};
    char *text = log_of(&options, flood);
    int lines = 0;

    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    CHECK(lines >= 10 && lines <= 20);      /* the flood may straddle two seconds */
    free(text);
}

CASE(levels_have_the_originals_names)
{
    enum log_level level = LOG_DEBUG;

    CHECK(log_level_parse(SLICE_LIT("CRITICAL"), &level) && level == LOG_ERROR);
    CHECK(log_level_parse(SLICE_LIT("Warn"), &level) && level == LOG_WARN);
    CHECK(!log_level_parse(SLICE_LIT("loud"), &level));
}

CASES(RUN(hostile_text_stays_on_its_line), RUN(a_repeated_message_is_rate_limited), RUN(levels_have_the_originals_names))

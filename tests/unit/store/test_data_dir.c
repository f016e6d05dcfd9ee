#include "store/data_dir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/random.h"
#include "harness/check.h"

static void make_secret(char *out, size_t room)
{
    char id[RANDOM_ID_LEN + 1];

    random_id(id);
    (void)snprintf(out, room, "%s", id);
}

static void make_nothing(char *out, size_t room)
{
    (void)out, (void)room;
    check_fail(__FILE__, __LINE__, "the text was there and made again");
}

CASE(texts_are_made_once_and_private)
{
    char error[DATA_DIR_ERROR_MAX] = "";
    struct data_dir d;
    struct stat st;

    CHECK_INT(data_dir_open(NULL, &d, error), DATA_DIR_OK);
    char *folder = mem_copy(d.path, strlen(d.path)), *path = data_dir_file(&d, "secret");
    CHECK(!data_dir_peek(folder, "secret", error));
    CHECK(strstr(error, path) && access(path, F_OK) != 0);
    char *made = data_dir_text(&d, "secret", make_secret, error);
    CHECK_INT(strlen(made), RANDOM_ID_LEN);
    char *read = data_dir_text(&d, "secret", make_nothing, error);
    CHECK_TEXT(read, made);
    char *peeked = data_dir_peek(folder, "secret", error);
    CHECK_TEXT(peeked, made);
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    CHECK_INT(stat(folder, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0700);
    CHECK_INT(truncate(path, 0), 0);
    CHECK(!data_dir_text(&d, "secret", make_nothing, error));
    CHECK(strstr(error, "secret"));
    data_dir_close(&d);
    CHECK_INT(stat(folder, &st), -1); /* a temporary folder leaves nothing */
    mem_free(made), mem_free(read), mem_free(peeked), mem_free(path), mem_free(folder);
}

/* Opens in a process of its own, as another server would. */
static int open_elsewhere(const char *path)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        char error[DATA_DIR_ERROR_MAX] = "";
        struct data_dir d;
        int r = data_dir_open(path, &d, error);
        _exit(r == DATA_DIR_LOCKED && !strstr(error, path) ? 99 : r);
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
}

CASE(one_process_holds_a_folder)
{
    char error[DATA_DIR_ERROR_MAX] = "", base[] = "/tmp/hyphad-data-XXXXXX", above[64], path[72];
    struct data_dir d, again;

    CHECK(mkdtemp(base));
    (void)snprintf(above, sizeof(above), "%s/a", base);
    (void)snprintf(path, sizeof(path), "%s/b", above);
    CHECK_INT(data_dir_open(path, &d, error), DATA_DIR_OK); /* with its parents */
    CHECK_INT(open_elsewhere(path), DATA_DIR_LOCKED);
    CHECK_INT(data_dir_open(path, &again, error), DATA_DIR_LOCKED);
    CHECK(strstr(error, path));
    data_dir_close(&d);
    CHECK_INT(open_elsewhere(path), DATA_DIR_OK);
    CHECK_INT(rmdir(path), 0); /* an unused folder stays empty */
    CHECK_INT(rmdir(above), 0);
    CHECK_INT(rmdir(base), 0);
}

CASE(what_cannot_be_a_folder_is_named)
{
    char error[DATA_DIR_ERROR_MAX] = "";
    struct data_dir d;

    CHECK_INT(data_dir_open("/dev/null/x", &d, error), DATA_DIR_FAILED);
    CHECK(strstr(error, "/dev/null/x"));
    CHECK_INT(data_dir_open("", &d, error), DATA_DIR_FAILED);
}

CASES(RUN(texts_are_made_once_and_private), RUN(one_process_holds_a_folder),
      RUN(what_cannot_be_a_folder_is_named))

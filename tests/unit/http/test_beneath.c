/* The same questions to both ways of opening: the kernel's, and the walk where the kernel
 * cannot. */
#include "http/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/slice.h"
#include "harness/check.h"

static char folder[] = "/tmp/beneath-XXXXXX";

static void make_file(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    CHECK(fd >= 0 && write(fd, "x", 1) == 1);
    close(fd);
}

static void make_all(void)
{
    CHECK(mkdtemp(folder) != NULL);
    CHECK_INT(chdir(folder), 0);
    CHECK_INT(mkdir("in", 0700) | mkdir("in/sub", 0700), 0);
    make_file("secret");
    make_file("in/a");
    make_file("in/sub/b");
    CHECK_INT(mkfifo("in/pipe", 0600), 0);
    CHECK_INT(symlink("a", "in/good") | symlink("../secret", "in/out") |
                  symlink("/etc/passwd", "in/far") | symlink("loop", "in/loop") |
                  symlink("sub", "in/dir") | symlink("..", "in/up"),
              0);
}

static void remove_all(void)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    CHECK_INT(system(command), 0);
}

typedef int opener(const char *folder, const char *path);

static bool opens(opener *open_file, const char *path)
{
    int fd = open_file("in", path);

    if (fd < 0) {
        CHECK_INT(fd, -ENOENT);
        return false;
    }
    close(fd);
    return true;
}

static void ask(opener *open_file)
{
    static const char *const refused[] = {"",
                                          "nope",
                                          "sub",
                                          "sub/",
                                          "a/",
                                          "a/x",
                                          "../secret",
                                          "sub/../../secret",
                                          "out",
                                          "far",
                                          "loop",
                                          "up/secret",
                                          "pipe",
                                          "/etc/passwd",
                                          "dir/../../secret"};

    CHECK(opens(open_file, "a") && opens(open_file, "sub/b") && opens(open_file, "./a") &&
          opens(open_file, "sub//b"));
    CHECK_INT(opens(open_file, "good"), opens(open_file, "dir/b"));
    CHECK(open_file != beneath_open_walking || !opens(open_file, "good"));
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        if (opens(open_file, refused[i]))
            printf("# opened %s\n", refused[i]);
        CHECK(!opens(open_file, refused[i]));
    }
}

CASE(nothing_but_files_below_the_folder)
{
    make_all();
    ask(beneath_open);
    ask(beneath_open_walking);
    remove_all();
}

CASE(a_folder_that_is_not_there)
{
    CHECK_INT(beneath_open("/nonexistent", "a"), -ENOENT);
}

CASES(RUN(nothing_but_files_below_the_folder), RUN(a_folder_that_is_not_there))

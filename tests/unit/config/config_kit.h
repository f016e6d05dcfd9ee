/* config_kit: one run of config_load with its own arguments, variables and streams. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "harness/check.h"

enum { KIT_WORDS = 64 };

struct run {
    int outcome, exit;
    struct config *config; /* NULL when it exited */
    char *out, *err;
    char *argv[KIT_WORDS], *envp[KIT_WORDS];
};

#define WORDS(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static inline void kit_copy(const char *const *words, char **to)
{
    int n = 0;
    for (; words[n]; n++) {
        CHECK(n + 1 < KIT_WORDS);
        to[n] = strdup(words[n]);
    }
    to[n] = NULL;
}

static inline void kit_run(struct run *r, const char *const *env, const char *const *args)
{
    size_t n_out, n_err;
    int argc = 1;

    memset(r, 0, sizeof(*r));
    r->argv[0] = strdup("hyphad");
    kit_copy(args, r->argv + 1);
    kit_copy(env, r->envp);
    while (r->argv[argc])
        argc++;
    FILE *out = open_memstream(&r->out, &n_out), *err = open_memstream(&r->err, &n_err);
    struct config_program p = {argc, r->argv, r->envp, out, err, "library 1.0"};
    r->exit = -1;
    r->outcome = config_load(&p, &r->config, &r->exit);
    fclose(out);
    fclose(err);
}

static inline void kit_end(struct run *r)
{
    config_free(r->config);
    for (int i = 0; i < KIT_WORDS; i++) {
        free(r->argv[i]);
        free(r->envp[i]);
    }
    free(r->out);
    free(r->err);
}

/* It must serve. */
static inline void kit_good(struct run *r, const char *const *env, const char *const *args)
{
    kit_run(r, env, args);
    if (r->outcome != CONFIG_SERVE)
        check_fail(__FILE__, __LINE__, "exit %d: %s", r->exit, r->err);
    CHECK_TEXT(r->err, "");
}

/* It must exit with this code and these lines. */
static inline void kit_bad(const char *const *env, const char *const *args, int code,
                           const char *err)
{
    struct run r;

    kit_run(&r, env, args);
    CHECK_INT(r.outcome, CONFIG_EXIT);
    CHECK_TEXT(r.err, err);
    CHECK_INT(r.exit, code);
    CHECK_TEXT(r.out, "");
    kit_end(&r);
}

static inline const struct config_note *kit_note(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_notes; i++) {
        if (strcmp(c->notes[i].name, name) == 0)
            return &c->notes[i];
    }
    return NULL;
}

static inline int kit_n_notes(const struct config *c, int kind)
{
    int n = 0;
    for (size_t i = 0; i < c->n_notes; i++)
        n += (int)c->notes[i].kind == kind;
    return n;
}

/* A file in a folder of its own; both go with kit_unlink. */
static inline char *kit_file(const char *text)
{
    char dir[] = "/tmp/hyphad-config-XXXXXX", name[sizeof(dir) + 8];

    CHECK(mkdtemp(dir));
    snprintf(name, sizeof(name), "%s/file", dir);
    char *path = strdup(name);
    CHECK(path);
    FILE *f = fopen(path, "w");
    CHECK(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static inline void kit_unlink(char *path)
{
    unlink(path);
    *strrchr(path, '/') = 0;
    rmdir(path);
    free(path);
}

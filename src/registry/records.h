/* records: small helpers the record files share. */
#pragma once
#include "registry/registry.h"

struct service_name {               /* every service of one name in one workspace */
    struct list services;           /* struct service.of_name, by registration time */
    size_t n_singletons;
    size_t key_len;
    char key[];                     /* "ws/name" */
};

struct service_name *service_name_find(const struct registry *r, struct slice workspace, struct slice name);
/* A place in a list is about to go: walks that stand there step on. */
void service_walks_step_over(const struct registry *r, const struct list *place);
/* The list itself is. */
void service_walks_leave(const struct registry *r, const struct list *head);
/* Of a workspace that comes or goes. */
void creator_count(struct registry *r, const struct workspace *w);
void creator_discount(struct registry *r, const struct workspace *w);
char **texts_copy(const struct slice *texts, size_t n);
size_t texts_taken(char *const *texts, size_t n);       /* what they take of the heap */
char **texts_free(char **texts, size_t n);

/* records: small helpers the record files share. */
#pragma once
#include "registry/change.h"
#include "registry/registry.h"

struct service_name {     /* every service of one name in one workspace */
    struct list services; /* struct service.of_name, by registration time */
    /* holds a reference: the workspace of who was first to use it */
    struct account *payer;
    size_t n_singletons;
    size_t key_len;
    char key[]; /* "ws/name" */
};

/* What registry_apply calls, and nobody else: each changes the records and every index over
 * them. */
void workspace_come(struct registry *r, uint64_t number, const struct workspace_coming *c);
void workspace_become(struct workspace *w, const struct workspace_fields *f);
void workspace_go(struct registry *r, struct workspace *w);
void client_come(struct registry *r, struct workspace *w, uint64_t number, struct slice full_id,
                 const struct client_coming *c);
void client_go(struct registry *r, struct client *c);
void service_come(struct registry *r, struct client *c, uint64_t number, struct slice full_id,
                  const struct service_fields *f);
void service_go(struct registry *r, struct service *s);
/* By how much a record would grow, so that there is room before a change is committed. Its texts
 * are borrowed. */
struct workspace_fields workspace_fields_of(const struct workspace *w);
size_t workspace_growth(const struct workspace *w, const struct workspace_fields *f);
/* old: NULL = none */
size_t service_growth(const struct client *c, const struct service_fields *f,
                      const struct service *old);
struct service_name *service_name_find(const struct registry *r, struct slice workspace,
                                       struct slice name);
/* A place in a list is about to go: walks that stand there step on. */
void service_walks_step_over(const struct registry *r, const struct list *place);
/* The list itself is. */
void service_walks_leave(const struct registry *r, const struct list *head);
/* Of a service whose client is going: no count or account of its client knows it any more. */
void service_free(struct registry *r, struct service *s);
/* Of one that has gone, when the last service there has. */
void workspace_free(struct workspace *w);
/* Every client has a place in the roster. */
void roster_add(struct registry *r, struct client *c);
void roster_take(struct registry *r, const struct client *c);
void roster_deinit(struct registry *r);
/* Clients that have been removed, and whose services go over the next turns. */
void going_init(struct registry *r);
void going_deinit(struct registry *r); /* all of them at once */
/* Of a workspace that comes or goes. */
void creator_count(struct registry *r, const struct workspace *w);
void creator_discount(struct registry *r, const struct workspace *w);
char **texts_copy(const struct slice *texts, size_t n);
size_t texts_taken(char *const *texts, size_t n); /* what they take of the heap */
char **texts_free(char **texts, size_t n);

/* list: intrusive doubly linked list. The link lives in the member's own struct; the list owns
 * nothing. */
#pragma once
#include <stdbool.h>

#include "base/assert.h"

struct list {
    struct list *next;
    struct list *prev;
};

/* an empty list, or an unlinked member */
static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

/* also: whether a member is unlinked */
static inline bool list_is_empty(const struct list *l)
{
    return l->next == l;
}

/* at the tail; the member must be unlinked */
static inline void list_link(struct list *head, struct list *member)
{
    member->prev = head->prev;
    member->next = head;
    head->prev->next = member;
    head->prev = member;
}

/* at the front; the same */
static inline void list_link_first(struct list *head, struct list *member)
{
    /* a list is as well the list that begins at any of its members */
    list_link(head->next, member);
}

static inline void list_unlink(struct list *member) /* harmless when already unlinked */
{
    member->prev->next = member->next;
    member->next->prev = member->prev;
    list_init(member);
}

/* appends; `from` is empty afterwards */
static inline void list_move_all(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#define LIST_ENTRY(link, type, member) CONTAINER_OF(link, type, member)
/* The body may unlink `it`, and nothing else. */
#define LIST_FOREACH(it, head)                                                                     \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                      \
         it = it##_next, it##_next = it->next)

/* held: the charge is what the allocator takes, rounding and its own share included, so that many
 * small blocks are not cheap. */
#include "base/held.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/memory_raw.h"

struct head {
    struct account *account; /* holds a reference */
    size_t n_bytes : 62;     /* of the block */
    size_t is_kept : 1;
    /* in pages of its own: it has grown, and may grow on, or is large */
    size_t is_mapped : 1;
};

_Static_assert(sizeof(struct head) % 16 == 0 || sizeof(void *) < 8,
               "blocks are aligned as malloc's");

enum { HEAP_STEP = 16, HEAP_LEAST = 32, MAPPED_FROM = 512 * 1024, LARGE = 4 << 20 };

size_t held_cost(size_t n_bytes)
{
    size_t n =
        (sizeof(struct head) + n_bytes + sizeof(size_t) + HEAP_STEP - 1) / HEAP_STEP * HEAP_STEP;

    return n < HEAP_LEAST ? HEAP_LEAST : n;
}

static struct head *held_head_of(void *block)
{
    return (struct head *)block - 1;
}

static struct head *head_map(struct head *old, size_t n_bytes)
{
    struct head *mapped = mem_try_map(n_bytes);

    if (!mapped)
        return NULL;
    if (old)
        memcpy(mapped, old, sizeof(*old) + old->n_bytes);
    mapped->is_mapped = true;
    mem_free(old);
    return mapped;
}

static struct head *head_resize(struct head *old, size_t n_bytes)
{
    size_t had = old ? sizeof(*old) + old->n_bytes : 0;

    if (old && old->is_mapped)
        return mem_try_remap(old, had, n_bytes);
    if (n_bytes > had && n_bytes >= (old ? MAPPED_FROM : LARGE))
        return head_map(old, n_bytes);
    struct head *sized = mem_try_resize(old, n_bytes);
    if (sized)
        sized->is_mapped = false;
    return sized;
}

void *held_resize(void *old, size_t n_bytes, struct account *account)
{
    struct head *head = old ? held_head_of(old) : NULL;
    size_t had = head ? held_cost(head->n_bytes) : 0;

    if (n_bytes > SIZE_MAX / 4) {
        account_note_exhausted(account);
        return NULL;
    }
    size_t cost = held_cost(n_bytes);
    ASSERT(!head || (head->account == account && !head->is_kept));
    if (cost > had && account_charge(account, cost - had))
        return NULL;
    struct head *sized = head_resize(head, sizeof(*head) + n_bytes);
    if (!sized) {
        if (cost > had)
            account_release(account, cost - had);
        account_note_exhausted(account);
        return NULL;
    }
    if (cost < had)
        account_release(account, had - cost);
    if (!old) {
        sized->account = account_ref(account);
        sized->is_kept = false;
    }
    sized->n_bytes = n_bytes & (SIZE_MAX >> 2);
    return sized + 1;
}

void *held_new(size_t n_bytes, struct account *account)
{
    void *block = held_resize(NULL, n_bytes, account);

    return block ? memset(block, 0, n_bytes) : NULL;
}

void *held_new_always(size_t n_bytes, struct account *account)
{
    struct head *head = mem_new(sizeof(*head) + n_bytes);

    account_charge_always(account, held_cost(n_bytes));
    head->account = account_ref(account);
    head->n_bytes = n_bytes & (SIZE_MAX >> 2);
    return head + 1;
}

char *held_copy(const void *bytes, size_t n_bytes, struct account *account)
{
    char *copy = n_bytes < SIZE_MAX ? held_resize(NULL, n_bytes + 1, account) : NULL;

    if (!copy)
        return NULL;
    if (n_bytes)
        memcpy(copy, bytes, n_bytes);
    copy[n_bytes] = '\0';
    return copy;
}

void held_keep(void *block)
{
    struct head *head = block ? held_head_of(block) : NULL;

    if (!head || head->is_kept)
        return;
    head->is_kept = true;
    account_mark_kept(head->account, held_cost(head->n_bytes));
}

bool held_move(void *block, struct account *account)
{
    struct head *head = held_head_of(block);
    struct account *before = head->account;
    size_t cost = held_cost(head->n_bytes);

    ASSERT(!head->is_kept);
    if (account_charge(account, cost) != ACCOUNT_OK)
        return false;
    head->account = account_ref(account);
    account_release(before, cost);
    account_unref(before);
    return true;
}

static void head_free(struct head *head)
{
    size_t n_bytes = sizeof(*head) + head->n_bytes;

    if (!head->is_mapped)
        mem_free(head);
    else if (n_bytes < LARGE)
        mem_unmap(head, n_bytes);
    else
        mem_unmap_aside(head, n_bytes);
}

void *held_free(void *block)
{
    if (!block)
        return NULL;
    struct head *head = held_head_of(block);
    struct account *account = head->account;
    size_t cost = held_cost(head->n_bytes);
    if (head->is_kept)
        account_mark_used(account, cost);
    head_free(head);
    account_release(account, cost);
    account_unref(account);
    return NULL;
}

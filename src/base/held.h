/* held: memory held for somebody. Each block carries its charge: who asks for one names the account
 * that pays, and freeing the block returns the charge. NULL when the account refuses or memory is
 * exhausted: the caller turns it into a named outcome.
 *
 *   | account | n_bytes | the block ............. |
 *
 * A leaf's blocks are made by the one thread that charges it; blocks are freed by any. Not to be
 * freed by mem_free. */
#pragma once
#include <stddef.h>

#include "base/account.h"
#include "base/assert.h"

/* zeroed */
MUST_CHECK NONNULL(2) void *held_new(size_t n_bytes, struct account *account);
/* The same, never refused by the account, which is over its cap rather: for the record of something
 * that has been charged for and can no longer be refused. Not a leaf's. */
NONNULL(2) void *held_new_always(size_t n_bytes, struct account *account);
/* As realloc: on NULL the old block is untouched. old may be NULL, else it was charged to this
 * account. What is added is not zeroed. */
MUST_CHECK NONNULL(3) void *held_resize(void *old, size_t n_bytes, struct account *account);
/* NUL-terminated */
MUST_CHECK NONNULL(3) char *held_copy(const void *bytes, size_t n_bytes, struct account *account);
/* Its charge counts as kept from now on, not as under way: what stays as long as its owner. Not to
 * be resized after that. */
void held_keep(void *block); /* takes NULL */
/* Another account pays for it from now on, which was charged elsewhere so far. False: that refuses;
 * nothing has changed. Not of a block that is kept. */
MUST_CHECK NONNULL(1, 2) bool held_move(void *block, struct account *account);
void *held_free(void *block);     /* takes NULL; returns NULL */
size_t held_cost(size_t n_bytes); /* what a block of so many bytes is charged */

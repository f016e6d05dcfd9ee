/* login_token: what a reported token is good for. Hub loop. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/slice.h"

struct login;
struct refusal;
struct token;

enum { LOGIN_LIFE_S = 3600 };
/* A token of the same person for one workspace, which is there or is made for who enters it. No
 * permission that the presented token or ownership does not give; a child does not outlive itself
 * (D-10). The caller frees *ret_token and wipes it. *life_s is cut to what is given. */
MUST_CHECK bool login_mint(struct login *l, const struct token *presented, struct slice workspace,
                           int64_t *life_s, char **ret_token, struct refusal *r);

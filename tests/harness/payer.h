/* payer: an account for tests in which nobody's bytes are looked at. One a process; never freed. */
#pragma once
#include "base/account.h"

static inline struct account *payer(void)
{
    static struct account *account;

    if (!account)
        account = account_new(NULL, ACCOUNT_OWN, 0);
    return account;
}

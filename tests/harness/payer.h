/* payer: an account for tests in which nobody's bytes are looked at. One a process; never freed.
 * Any thread. */
#pragma once
#include <pthread.h>

#include "base/account.h"

static struct account *payer_account;

static inline void payer_make(void)
{
    payer_account = account_new(NULL, ACCOUNT_OWN, 0);
}

static inline struct account *payer(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, payer_make);
    return payer_account;
}

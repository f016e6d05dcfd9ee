/* token_keys: time that is never behind what it was. */
#include "auth/token_keys.h"

#include "base/clock.h"

int64_t token_now_ms(const struct token_keys *keys)
{
    int64_t wall = clock_wall_ms(),
            run = keys->since_wall_ms + (int64_t)(clock_mono_ms() - keys->since_ms);

    return keys->since_ms && run > wall ? run : wall;
}

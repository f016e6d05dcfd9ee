#include "server/check_command.h"

#include <string.h>

#include "config/config.h"
#include "store/store.h"

int check_command(const struct config *config, FILE *out, FILE *err)
{
    char error[STORE_ERROR_MAX] = "";
    struct store_redis_options redis = {.uri = config->store, .timeout_ms = (uint32_t)config->redis_timeout_ms};

    if (strcmp(config->store, "sqlite") != 0 && store_try_redis(&redis, error) != STORE_OK) {
        fprintf(err, "hyphad: check: %s\n", error);
        return CONFIG_EXIT_FAILED;
    }
    fputs("ok\n", out);
    return CONFIG_EXIT_OK;
}

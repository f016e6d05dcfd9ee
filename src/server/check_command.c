#include "server/check_command.h"

#include "config/config.h"
#include "store/store.h"

int check_command(const struct config *config, FILE *out, FILE *err)
{
    char error[STORE_ERROR_MAX] = "";
    const struct store_options store = {.where = config->store,
                                        .timeout_ms = (uint32_t)config->redis_timeout_ms};

    if (store_try(&store, error) != STORE_OK) {
        fprintf(err, "hyphad: check: %s\n", error);
        return CONFIG_EXIT_FAILED;
    }
    fputs("ok\n", out);
    return CONFIG_EXIT_OK;
}

/* server_info: the login service is found by an address that never changes. */
#include "peer/server_info.h"

#include "base/buf.h"
#include "version.h"
#include "wire/mp.h"

void server_info_add(struct mp_open *config, const struct server_info *info)
{
    SCRATCH_BUF(login, 0);

    mp_key_text(config, "server_id", info->server_id);
    mp_key_text(config, "hypha_version", HYPHA_PROTOCOL_VERSION);
    mp_key_text(config, "public_base_url", info->public_base_url);
    mp_key_text(config, "local_base_url", info->local_base_url);
    mp_key_text(config, "auth0_client_id", info->auth0_client_id);
    mp_key_text(config, "auth0_domain", info->auth0_domain);
    mp_key_text(config, "auth0_audience", info->auth0_audience);
    mp_key_text(config, "auth0_issuer", info->auth0_issuer);
    buf_add_fmt(&login, "%s/public/services/hypha-login", info->public_base_url);
    mp_key(config, "login_service_url");
    mp_add_str(config->buf, buf_slice(&login));
}

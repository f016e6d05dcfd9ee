/* server_info: what the server tells about itself, in `default`'s config and to pages. */
#pragma once

struct mp_open;

struct server_info {                    /* const after start; any thread */
    const char *server_id, *manager_id; /* manager-<server id> */
    const char *public_base_url, *local_base_url;
    /* "" when unset */
    const char *auth0_client_id, *auth0_domain, *auth0_audience, *auth0_issuer;
};

/* Its pairs, as clients read them in the config of `default`, into an open map. */
void server_info_add(struct mp_open *config, const struct server_info *info);

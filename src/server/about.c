/* about: the versions are those of the headers this was compiled with. */
#include "server/about.h"

#include "version.h"

const char *about_text(void)
{
    return "commit " HYPHAD_COMMIT ", " HYPHAD_COMPILER "\n"
           "speaks the protocol of hypha " HYPHA_PROTOCOL_VERSION "\n"
           "libraries: libuv, libcurl, llhttp, mbedTLS, jansson, libjwt, SQLite, libyaml, zlib\n"
           "rooms: base config wire loop net router http store auth registry ws peer rpc api manager server";
}

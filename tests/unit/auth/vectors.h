/* vectors: an RSA key and what it signed, made with OpenSSL by way of Python: the library that
 * checks them did not make them. */
#pragma once

#define VECTOR_N                                                                                   \
    "vZkBKvm6OlfYkJwlhd4LrIob-NpfG0WgexiUgCjhDf-"                                                  \
    "FiuDvcaxku7UxJrirlLoAcOgTAKO2J1ZjpbUVZ7Lf7mgNUan1HMTzZ_Sx"                                    \
    "fd3yyHfp-QnNyDS7wR_zJNCi_0S784V7kzr7tnMVsO79Po7rX-"                                           \
    "ZXHjFUeK95b2im9VLu7mo0ZBZXixpvg8fo8Hx6oqWQdtPGbmHA"                                           \
    "ba3hYgjYXHRxUfUjGK0tSoOvv27WDOIzOAtq9jWb08NmzU_eTU-OwvVXR0K5xmec7JZdwWG54vhlaCRuSs-M__x_"     \
    "IfGUjXIxaHeT"                                                                                 \
    "_gpNrjiGZGXzTblZTsHOF9WkxBWSQKaHC6yibG4sWw"

#define VECTOR_SMALL_N                                                                             \
    "tqNywq0CGw0OvUZP46J2nWAUA8inymUG1xg8A1usONHFaCQugiGYzYqRM8p0rhltHuqjQBLw1PdPIWMmPB3nH_"       \
    "FPi4qeA68TR7Tk"                                                                               \
    "zObt6zdD8qmxwNSTU0L3lL2iaW5thFfhZ4zBLcJDGvdXDbAxxbAtZ_lCoNZjZPm-nXgZkVc"

/* of ann by https://issuer.test/, until the year 2100 */
#define VECTOR_TOKEN                                                                               \
    "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImsxIn0."                                     \
    "eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0LyIsImF1"                                                 \
    "ZCI6Imh0dHBzOi8vYW11bi1haS5ldS5hdXRoMC5jb20vYXBpL3YyLyIsInN1YiI6ImFubiIsImV4cCI6NDEwMjQ0NDgw" \
    "MCwic2Nv"                                                                                     \
    "cGUiOiJvcGVuaWQiLCJodHRwczovL2FtdW4uYWkvcm9sZXMiOlsiZWRpdG9yIl19.Nj6-"                        \
    "9POsX9a6LwLFbPdgRRhp0SWr455UqVy"                                                              \
    "WCfVWO0hT6sAT_ObgLcumUIGFQgP2rx9C1Mb0BA0I7ec5TBJOxd4pWEbyV7Ildq8oRm3yRccF48O9brIhB_"          \
    "MEeqFu4B1QLxsXsjN"                                                                            \
    "W2lDicWXi6P1aqsKGIG_A1VSKYkIYEvvL_W79nQGxEETCvfKTnTxpY-iNHd_sJe_"                             \
    "7N2dNTCvEcL3WjtViqcUSkgzq7NqwSnqwVb7"                                                         \
    "KUSOT4ou6gK1JvTI2RtYJ_44JLCZ6Zoejq5Nz-DyaUtW747LQmMCF0l1fy8Rm7hpO854irkdbdxbZMwNkNDP53-_GkL-" \
    "IDrHqYCy"                                                                                     \
    "fM58wOQ"

/* the same with a header member that must be understood */
#define VECTOR_CRITICAL                                                                            \
    "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImsxIiwiY3JpdCI6WyJiNjQiXX0."                 \
    "eyJpc3MiOiJodHRwczovL2lz"                                                                     \
    "c3Vlci50ZXN0LyIsImF1ZCI6Imh0dHBzOi8vYW11bi1haS5ldS5hdXRoMC5jb20vYXBpL3YyLyIsInN1YiI6ImFubiIs" \
    "ImV4cCI6"                                                                                     \
    "NDEwMjQ0NDgwMCwic2NvcGUiOiJvcGVuaWQiLCJodHRwczovL2FtdW4uYWkvcm9sZXMiOlsiZWRpdG9yIl19."        \
    "MTxqaOhfye3uUy7"                                                                              \
    "9U0qlGIoKo8D9wdL_oVefFlKbA0COvCuHWtObAvhG-sqY6wLY_XpoYHcPXnXPpMJ0Kv-"                         \
    "xxUz0fnCKqqCxGrustPltcNzEDVotvk3"                                                             \
    "q-sD7ku6nJdN82L59OGrkcQzofWKsl0h4aA9GLuk04iNUNTPBTMVyGSrUeKX3p8t_BRM-"                        \
    "TugbWiudne3JJpUftPK9cf4OLlp5yi6"                                                              \
    "5qpzVc8ebc5d1AkD9qv5a-eu259fqu-a38hOMexbggk1224VXR1OFwXvMJZK-2wj6AfkTAidIbNsDV-"              \
    "tk1RUKX2Fk1hOMLTNoNoX"                                                                        \
    "rEaqN3XGCQO3OMUCt4r4GB7Sm2w"

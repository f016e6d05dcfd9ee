/* about: what `hyphad --version` says beyond the version: commit, compiler, libraries, rooms built in. */
#pragma once

const char *about_text(void);       /* constant */

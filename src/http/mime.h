/* mime: the media type of a file by the end of its name. Pure. */
#pragma once
#include "base/slice.h"

/* application/octet-stream when it says nothing */
const char *mime_of(struct slice name);

/* serializable: asked once, when a record is made, so that no listing has to expect bytes, NaN, or
 * keys that are no texts. */
#include "manager/serializable.h"

#include "base/buf.h"
#include "wire/json.h"
#include "wire/mp.h"

bool is_serializable(struct slice record, unsigned max_depth)
{
    struct slice rest = record, value;
    SCRATCH_BUF(json, 0);

    if (mp_take(&rest, max_depth, &value) != MP_OK)
        return false;
    return json_from_mp(value, &json) == JSON_OK;
}

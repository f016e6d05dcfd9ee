/* event_rule: the names of the hub's own events pass first; then what looks like a workspace
 * must be the caller's own. */
#include "manager/event_rule.h"

#include "peer/events.h"

bool event_type_check(struct slice type, struct slice workspace, struct refusal *r)
{
    struct slice named, rest;

    if (type.len > EVENT_TYPE_MAX || slice_has_byte(type, '\0'))
        return refuse(r, "ValueError", "An event type has at most %d bytes and no NUL",
                      EVENT_TYPE_MAX);
    if (event_is_announced(type))
        return true;
    if (slice_cut(type, '/', &named, &rest)) {
        if (slice_eq(named, workspace))
            return true;
        return refuse(r, "ValueError",
                      "Subscription to event '" SLICE_FMT
                      "' is forbidden. Event workspace '" SLICE_FMT "' does "
                      "not match your workspace '" SLICE_FMT
                      "'. Clients can only subscribe to events within their own workspace "
                      "or system events.",
                      SLICE_ARG(type), SLICE_ARG(named), SLICE_ARG(workspace));
    }
    if (!slice_starts(type, "ws-") || slice_eq(type, workspace))
        return true;
    return refuse(r, "ValueError",
                  "Subscription to event '" SLICE_FMT
                  "' is forbidden as it contains workspace identifiers. "
                  "Clients can only subscribe to events within their own workspace (" SLICE_FMT
                  ") or system events.",
                  SLICE_ARG(type), SLICE_ARG(workspace));
}

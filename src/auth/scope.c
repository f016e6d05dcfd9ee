/* scope: the claim is one string that old and new servers of both kinds read, so its grammar is
 * fixed: items between single blanks, a grant, a binding, or anything else. What would read back as
 * something else is never written: a workspace or an extra with a blank in it would be a grant
 * after the next parse, wherever it came from (a request, an identity provider's id).
 *
 * A list that is read may be long: who writes it chooses how many grants it has. Once read it is
 * searched in order. */
#include "auth/scope.h"

#include "base/memory.h"

static char *copy_slice(struct slice s)
{
    return mem_copy(s.ptr, s.len);
}

static void scope_replace(char **text, struct slice with)
{
    mem_free(*text);
    *text = copy_slice(with);
}

void scope_deinit(struct scope *s)
{
    mem_free(s->current_workspace);
    mem_free(s->client_id);
    for (size_t i = 0; i < s->n_grants; i++)
        mem_free(s->grants[i].workspace);
    mem_free(s->grants);
    for (size_t i = 0; i < s->n_extras; i++)
        mem_free(s->extras[i]);
    mem_free(s->extras);
    *s = (struct scope){0};
}

/* The array doubles, so that many in a row are copied a few times; scope_copy() makes the same
 * room. */
static size_t scope_room_for(size_t n)
{
    size_t room = 1;

    while (room < n)
        room *= 2;
    return room;
}

void scope_copy(const struct scope *s, struct scope *ret)
{
    *ret = (struct scope){
        .has_extras = s->has_extras, .n_grants = s->n_grants, .n_extras = s->n_extras};
    if (s->current_workspace)
        ret->current_workspace = copy_slice(slice_of(s->current_workspace));
    if (s->client_id)
        ret->client_id = copy_slice(slice_of(s->client_id));
    if (s->n_grants)
        ret->grants = mem_new(scope_room_for(s->n_grants) * sizeof(*s->grants));
    for (size_t i = 0; i < s->n_grants; i++) {
        ret->grants[i].workspace = copy_slice(slice_of(s->grants[i].workspace));
        ret->grants[i].permission = s->grants[i].permission;
    }
    if (s->n_extras)
        ret->extras = mem_new(s->n_extras * sizeof(*s->extras));
    for (size_t i = 0; i < s->n_extras; i++)
        ret->extras[i] = copy_slice(slice_of(s->extras[i]));
}

/* One more place in an owned array. */
static void *scope_grow(void *array, size_t n, size_t item_bytes)
{
    return mem_resize(array, (n + 1) * item_bytes);
}

static void scope_strengthen(struct grant *g, enum permission p)
{
    if (g->permission < p)
        g->permission = p;
}

static struct grant *append_grant(struct scope *s, struct slice workspace, enum permission p)
{
    size_t room = scope_room_for(s->n_grants + 1);

    if (room != scope_room_for(s->n_grants) || !s->grants)
        s->grants = mem_resize(s->grants, room * sizeof(*s->grants));
    s->grants[s->n_grants] = (struct grant){copy_slice(workspace), p};
    return &s->grants[s->n_grants++];
}

void scope_grants_begin(struct scope_grants *g, struct scope *s)
{
    g->scope = s;
    map_init(&g->places);
    ASSERT(!s->n_grants);
}

void scope_grants_add(struct scope_grants *g, struct slice workspace, enum permission p)
{
    /* from 1 on: the array moves as it grows */
    uintptr_t place = (uintptr_t)map_find(&g->places, workspace);

    if (place) {
        scope_strengthen(&g->scope->grants[place - 1], p);
        return;
    }
    const struct grant *added = append_grant(g->scope, workspace, p);
    (void)map_put(&g->places, slice_of(added->workspace), (void *)(uintptr_t)g->scope->n_grants);
}

void scope_grants_end(struct scope_grants *g)
{
    map_deinit(&g->places);
}

void scope_grant_slice(struct scope *s, struct slice workspace, enum permission p)
{
    for (size_t i = 0; i < s->n_grants; i++) {
        struct grant *g = &s->grants[i];
        if (slice_is(workspace, g->workspace)) {
            scope_strengthen(g, p);
            return;
        }
    }
    (void)append_grant(s, workspace, p);
}

void scope_grant(struct scope *s, const char *workspace, enum permission p)
{
    scope_grant_slice(s, slice_of(workspace), p);
}

void scope_add_extra(struct scope *s, struct slice extra)
{
    s->extras = scope_grow(s->extras, s->n_extras, sizeof(*s->extras));
    s->extras[s->n_extras++] = copy_slice(extra);
    s->has_extras = true;
}

static bool parse_grant(struct scope_grants *g, struct slice item)
{
    struct slice workspace, letter;
    enum permission p;

    if (!slice_cut(item, '#', &workspace, &letter) || workspace.len == 0 ||
        !permission_from_letter(letter, &p))
        return false;
    scope_grants_add(g, workspace, p);
    return true;
}

static bool parse_item(struct scope_grants *g, struct slice item)
{
    struct scope *s = g->scope;

    if (slice_starts(item, "ws:"))
        return parse_grant(g, slice_from(item, 3));
    if (slice_starts(item, "cid:")) {
        scope_replace(&s->client_id, slice_from(item, 4));
        return item.len > 4;
    }
    if (slice_starts(item, "wid:")) {
        scope_replace(&s->current_workspace, slice_from(item, 4));
        return item.len > 4;
    }
    scope_add_extra(s, item);
    return true;
}

int scope_parse(struct slice text, struct scope *ret)
{
    struct slice rest = text;
    struct scope_grants grants;
    bool is_sound = true;

    *ret = (struct scope){.has_extras = true};
    if (slice_has_byte(text, '\0'))
        return SCOPE_BAD;
    scope_grants_begin(&grants, ret);
    while (is_sound && rest.len) {
        struct slice item = rest, tail = {0};
        /* no blank: the rest is the last item */
        (void)slice_cut(rest, ' ', &item, &tail);
        rest = tail;
        is_sound = !item.len || parse_item(&grants, item);
    }
    scope_grants_end(&grants);
    if (!is_sound)
        scope_deinit(ret);
    return is_sound ? SCOPE_OK : SCOPE_BAD;
}

static bool is_one_word(struct slice text)
{
    return text.len > 0 && !slice_has_byte(text, ' ') && !slice_has_byte(text, '\0');
}

bool scope_workspace_is_writable(struct slice workspace)
{
    return is_one_word(workspace) && !slice_has_byte(workspace, '#');
}

static bool scope_is_plain(struct slice extra)
{
    return is_one_word(extra) && !slice_starts(extra, "ws:") && !slice_starts(extra, "cid:") &&
           !slice_starts(extra, "wid:");
}

/* One more item, or a failed buffer. */
static void scope_add_item(struct buf *out, bool is_sound, const char *prefix, const char *text,
                           const char *suffix)
{
    if (!is_sound)
        out->is_failed = true;
    if (out->len)
        buf_add_byte(out, ' ');
    buf_add_text(out, prefix);
    buf_add_text(out, text);
    buf_add_text(out, suffix);
}

static void scope_add_grant(struct buf *out, const struct grant *g)
{
    scope_add_item(out, scope_workspace_is_writable(slice_of(g->workspace)), "ws:", g->workspace,
                   "#");
    buf_add_text(out, permission_letter(g->permission));
}

void scope_format(const struct scope *s, struct buf *out)
{
    for (size_t i = 0; i < s->n_grants; i++) {
        if (s->grants[i].permission != PERMISSION_NONE)
            scope_add_grant(out, &s->grants[i]);
    }
    if (s->client_id)
        scope_add_item(out, is_one_word(slice_of(s->client_id)), "cid:", s->client_id, "");
    if (s->current_workspace)
        scope_add_item(out, is_one_word(slice_of(s->current_workspace)),
                       "wid:", s->current_workspace, "");
    for (size_t i = 0; i < s->n_extras; i++)
        scope_add_item(out, scope_is_plain(slice_of(s->extras[i])), "", s->extras[i], "");
}

static bool is_extra_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_.~%*/|+=-", c));
}

bool scope_extra_is_valid(struct slice extra)
{
    struct slice first = extra, rest = {0};
    bool segment_is_empty = true;

    for (size_t i = 0; i < extra.len; i++) {
        bool is_colon = extra.ptr[i] == ':';
        if (is_colon ? segment_is_empty : !is_extra_byte(extra.ptr[i]))
            return false;
        segment_is_empty = is_colon;
    }
    (void)slice_cut(extra, ':', &first, &rest);
    return !segment_is_empty && !slice_is(first, "ws") && !slice_is(first, "wid") &&
           !slice_is(first, "cid");
}

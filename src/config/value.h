/* value: the grammar of values. Words in, the typed field out. The config room's own. */
#pragma once
#include "base/buf.h"
#include "config/config.h"
#include "config/option.h"
#include "config/rule.h"

struct value_refusal {
    const char *text;    /* the word that is wrong */
    const char *want;    /* what it should be; or */
    const char *message; /* the whole complaint, exit 78 */
};

/* Reads the words for the option. True: the field is written (unless NULL) and *words replaced
 * by their normal form. False: *ret_refusal says why. An empty text or list leaves the field
 * zero: unset. */
bool value_read(const struct option *o, struct config_list *words, struct arena *arena,
                const char *base_dir, void *field, struct value_refusal *ret_refusal);
/* true 1 yes y on, false 0 no n off */
bool value_read_flag(struct slice text, bool *ret_on);
void value_want(const struct option *o, struct buf *out); /* "an integer 0..65535" */
/* The words as an operator would type them in a variable: joined by the separator of the kind. */
void value_join(const struct option *o, const struct config_list *words, struct buf *out);
/* Cuts one text into words: at white space, at line ends (LINES) or at commas. */
void value_split(const struct option *o, struct slice text, struct arena *arena,
                 struct config_list *ret_words);
/* Writes the field from words that value_read returned before: no rule is asked, nothing is
 * looked at again. */
void value_restore(const struct option *o, struct config_list *words, struct arena *arena,
                   void *field);

/*
 * jansson's settings in a guest, in the place of those that its configure script makes: no locale,
 * one thread, nesting that a small stack bears.
 */
#ifndef JANSSON_CONFIG_H
#define JANSSON_CONFIG_H

#include "runtime/priced/limits.h"

#define JSON_INLINE               inline
#define JSON_INTEGER_IS_LONG_LONG 1
#define JSON_HAVE_LOCALECONV      0
#define JSON_HAVE_ATOMIC_BUILTINS 0
#define JSON_HAVE_SYNC_BUILTINS   0
#define JSON_PARSER_MAX_DEPTH     PRICED_JSON_DEPTH

#endif

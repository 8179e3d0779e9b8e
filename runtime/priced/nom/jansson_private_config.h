/* jansson's private settings in a guest: musl has what they ask for. */
#ifndef JANSSON_PRIVATE_CONFIG_H
#define JANSSON_PRIVATE_CONFIG_H

#define HAVE_STDINT_H           1
#define INITIAL_HASHTABLE_ORDER 3

#endif

/* What both of memcached's protocols make of a reply. Private to this folder. */
#ifndef LOAD_MEMCACHED_CHECK_H
#define LOAD_MEMCACHED_CHECK_H

#include "workloads/load/keys.h"
#include "workloads/load/protocol.h"

/* Writes shared->why, and returns `verdict`. */
__attribute__((format(printf, 4, 5))) enum load_verdict
memcached_say(struct load_shared *shared, enum load_verdict verdict,
              const struct load_request *request, const char *format, ...);

/* A get's value of so many bytes begins under that key: LOAD_MORE, and its bytes are to be given to
 * memcached_value; or a verdict. */
enum load_verdict memcached_hit(struct load_shared *shared, const struct load_request *request,
                                struct memcached_reply *reply, const char *key, size_t key_bytes,
                                uint64_t value_bytes);
/* Takes what of the n bytes belongs to the value. LOAD_GOOD: it is whole; LOAD_MORE, LOAD_WRONG. */
enum load_verdict memcached_value(struct load_shared *shared, const struct load_request *request,
                                  struct memcached_reply *reply, const char *bytes, size_t n,
                                  size_t *used);
/* A get or delete says that there is no such key. */
enum load_verdict memcached_miss(struct load_shared *shared, const struct load_request *request);
/* A delete says that the key was there. */
enum load_verdict memcached_deleted(struct load_shared *shared, const struct load_request *request);

/* Part of a request that is written from some byte on, into a buffer that may be short. */
struct memcached_writer {
    uint64_t skip; /* bytes before the first that is written */
    char *to;
    size_t room, bytes; /* left, written */
};
void memcached_put(struct memcached_writer *w, const char *bytes, size_t n);
void memcached_put_value(struct memcached_writer *w, const struct load_keys *keys,
                         const struct load_request *request);

#endif

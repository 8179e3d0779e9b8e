/*
 * A trial's result owns its serial log and its histogram; nothing else of a trial is on the heap.
 */
#include "record/trial.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void trial_clear(struct trial *t) {
    free(t->result.serial_log);
    free(t->result.latency);
    t->result.serial_log = NULL;
    t->result.latency = NULL;
}

const char *trial_traffic_text(const struct trial_traffic *t, char text[TRIAL_TRAFFIC_TEXT_BYTES]) {
    static const char memcached[] = "memcached-";

    if (strncmp(t->protocol, memcached, strlen(memcached)) == 0)
        snprintf(text, TRIAL_TRAFFIC_TEXT_BYTES,
                 "memcached %s, %g %% gets, %u keys of %u bytes, values of %u bytes, %u request%s "
                 "at once",
                 t->protocol + strlen(memcached), 100 * t->get_ratio, t->keys, t->key_bytes,
                 t->value_bytes, t->pipeline, t->pipeline == 1 ? "" : "s");
    else if (strcmp(t->protocol, "netpipe") == 0)
        snprintf(text, TRIAL_TRAFFIC_TEXT_BYTES, "NetPIPE, messages of %u bytes%s",
                 t->message_bytes, t->bidirectional ? ", both ways at once" : "");
    else
        snprintf(text, TRIAL_TRAFFIC_TEXT_BYTES, "HTTP, requests for %s", t->path);
    return text;
}

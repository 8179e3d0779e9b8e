/*
 * A trial's result owns its serial log and its histogram; nothing else of a trial is on the heap.
 */
#include "record/trial.h"
#include <stdlib.h>

void trial_clear(struct trial *t) {
    free(t->result.serial_log);
    free(t->result.latency);
    t->result.serial_log = NULL;
    t->result.latency = NULL;
}

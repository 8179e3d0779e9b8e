/* What jansson's hashtable_seed.c does, without asking a system for entropy: priced_json_start
 * gives the seed. */
#include <jansson.h>
#include <stdint.h>

extern volatile uint32_t hashtable_seed;
volatile uint32_t hashtable_seed;

void json_object_seed(size_t seed) {
    if (hashtable_seed == 0)
        hashtable_seed = (uint32_t)(seed ? seed : 1);
}

/* Mistakes with memory, one for each number that is its argument, for the address sanitizer. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int table[4] = {1, 2, 3, 4};

static void *in_thread(void *text) {
    return strcpy(malloc(3), text);
}

int main(int argc, char **argv) {
    volatile int number = atoi(argv[argc - 1]);
    char *volatile heap = malloc(10);
    char local[8];
    pthread_t thread;
    strcpy(local, "local");
    switch (number) {
    case 1: /* ours */
        heap[number + 9] = 1;
        break;
    case 2: /* the C library's */
        snprintf(heap, 20, "%s and %d", "more than ten", number);
        break;
    case 3:
        return table[number + 1];
    case 4:
        local[number + 4] = 1;
        break;
    case 5:
        free(heap);
        return heap[0];
    case 6: /* a leak */
        heap = NULL;
        return 0;
    case 7: /* on a stack of its own */
        pthread_create(&thread, NULL, in_thread, argv[0]);
        pthread_join(thread, NULL);
        break;
    }
    free(heap);
    puts(local);
    return 0;
}

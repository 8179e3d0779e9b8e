/* Thread-local variables that two files of one program share (local.c, local_part.c). */
#ifndef LOCAL_H
#define LOCAL_H

extern __thread long shared;
extern _Thread_local char text[4096]; /* 0 */

long add_to_shared(long n);
/* Of a variable that only local_part.c sees; it is 40 in the beginning. */
long next_hidden(void);

#endif

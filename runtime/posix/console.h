/* The program's first three descriptors. */
#ifndef POSIX_CONSOLE_H
#define POSIX_CONSOLE_H

/* 0, or -1: one of them is taken. */
int posix_console_start(void);
/* Prints what lacks its newline. */
void posix_console_end(void);

#endif

/*
 * Doubly linked rings: a list is its head, and a member is in one list at a time by each of its
 * links. A zeroed link is in none.
 */
#ifndef POSIX_LIST_H
#define POSIX_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct posix_link {
    struct posix_link *next, *before;
};

/* What a link is the member of. */
#define POSIX_OF(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))
/* The initial value of a list. */
#define POSIX_LIST(head)                                                                           \
    { &(head), &(head) }

static inline void posix_list_init(struct posix_link *head) {
    head->next = head->before = head;
}

static inline bool posix_list_empty(const struct posix_link *head) {
    return head->next == head;
}

static inline bool posix_linked(const struct posix_link *link) {
    return link->next != NULL;
}

/* As the last one; before the head's next, as the first one. */
static inline void posix_list_append(struct posix_link *head, struct posix_link *link) {
    link->next = head;
    link->before = head->before;
    head->before->next = link;
    head->before = link;
}

static inline void posix_list_remove(struct posix_link *link) {
    if (!posix_linked(link))
        return;
    link->before->next = link->next;
    link->next->before = link->before;
    link->next = link->before = NULL;
}

/* All of `from`, in their order, to the end of `to`. */
static inline void posix_list_move(struct posix_link *to, struct posix_link *from) {
    if (posix_list_empty(from))
        return;
    from->next->before = to->before;
    to->before->next = from->next;
    from->before->next = to;
    to->before = from->before;
    posix_list_init(from);
}

#endif

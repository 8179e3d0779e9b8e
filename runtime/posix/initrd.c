/*
 * What is in the tree from the start. A file packed with the app goes before one of ours of the
 * same name.
 */
#include "runtime/platform/platform.h"
#include "runtime/posix/node.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define READ_ONLY (S_IFREG | 0555)
#define DIRECTORY (S_IFDIR | 0555)
#define DEVICE    (S_IFCHR | 0666)
#define TEMPORARY (S_IFDIR | 01777)
#define BAD_NAME  1

static const struct text {
    const char *path, *text;
} texts[] = {
    {"etc/passwd", "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n"},
    {"etc/group", "root:x:0:\nnogroup:x:65534:\n"},
    {"etc/hosts", "127.0.0.1\tlocalhost\n"},
};

static const struct device {
    const char *path;
    const struct posix_kind *kind;
} devices[] = {
    {"dev/null", &posix_null_kind},
    {"dev/zero", &posix_zero_kind},
    {"dev/random", &posix_random_kind},
    {"dev/urandom", &posix_random_kind},
    {"dev/tty", NULL}, /* there is none */
};

/* 0 and *out, or -ENOMEM; BAD_NAME for a path that cannot be, or is taken. */
static int add(const char *path, uint32_t mode, struct posix_node **out) {
    struct posix_node *at = posix_tree_root(), *next;
    for (;;) {
        path += strspn(path, "/");
        size_t bytes = strcspn(path, "/");
        bool last = path[bytes] == '\0';
        if (bytes == 0 || bytes > POSIX_NAME_BYTES_MAX || (bytes == 2 && !memcmp(path, "..", 2)))
            return BAD_NAME;
        bool here = bytes == 1 && path[0] == '.';
        next = here ? at : posix_node_child(at, path, bytes);
        if (next && (last || !S_ISDIR(next->mode)))
            return BAD_NAME;
        if (!next && !(next = posix_node_add(at, path, bytes, last ? mode : DIRECTORY)))
            return -ENOMEM;
        if (last) {
            *out = next;
            return 0;
        }
        at = next;
        path += bytes;
    }
}

static int add_file(const char *path, const void *data, size_t bytes) {
    struct posix_node *n;
    int error = add(path, READ_ONLY, &n);
    if (error == 0) {
        n->data = data;
        n->bytes = bytes;
    }
    return error < 0 ? error : 0;
}

static int add_packed(void) {
    const void *data;
    const char *path;
    size_t bytes;
    for (size_t i = 0; (path = plat_file_next(i, &data, &bytes)) != NULL; i++)
        if (add_file(path, data, bytes) != 0)
            return -ENOMEM;
    return 0;
}

static int add_ours(void) {
    struct posix_node *n;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (add_file(texts[i].path, texts[i].text, strlen(texts[i].text)) != 0)
            return -ENOMEM;
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        int error = add(devices[i].path, DEVICE, &n);
        if (error < 0)
            return error;
        if (error == 0)
            n->device = devices[i].kind;
    }
    return 0;
}

/* /tmp comes first, so that nothing that is packed takes its place. */
int posix_initrd_start(void) {
    struct posix_node *tmp;
    if (posix_tree_start() != 0 || add("tmp", TEMPORARY, &tmp) != 0 || add_packed() != 0 ||
        add_ours() != 0)
        return -ENOMEM;
    tmp->writable = true;
    return 0;
}

/*
 * The OSv guest: a kernel and an image of the user's, in which /nhttpd is the app on its sockets
 * and /initrd.cpio holds the files it serves (docs/baselines.md). The image is never written: what
 * the guest writes goes with it.
 */
#include "profiler/internal.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The first bytes of a file of the user's. 0, or -1 with why. */
static int read_start(const char *option, const char *path, char bytes[4], char *why,
                      size_t why_bytes) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, bytes, 4);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return profiler_fail(why, why_bytes, "%s %s: %s", option, path, strerror(error));
    if (n < 4)
        return profiler_fail(why, why_bytes, "%s %s: the file is empty", option, path);
    return 0;
}

static int check(const struct profiler_paths *paths, const char **format, char *why,
                 size_t why_bytes) {
    char start[4];
    if (!paths->osv_kernel[0] || !paths->osv_image[0])
        return profiler_fail(why, why_bytes,
                             "no image: give --kernel FILE and --image FILE of an OSv with the "
                             "app (docs/baselines.md tells how to make them)");
    if (read_start("--kernel", paths->osv_kernel, start, why, why_bytes) != 0)
        return -1;
    if (memcmp(start, ELFMAG, SELFMAG) != 0)
        return profiler_fail(why, why_bytes,
                             "--kernel %s: not an ELF file; OSv's is loader-stripped.elf",
                             paths->osv_kernel);
    if (read_start("--image", paths->osv_image, start, why, why_bytes) != 0)
        return -1;
    *format = memcmp(start, "QFI\xfb", 4) == 0 ? "qcow2" : "raw";
    return 0;
}

int profiler_osv_find(const struct profiler_paths *paths, char guest_kernel[TRIAL_TEXT_BYTES],
                      char *detail, size_t detail_bytes) {
    const char *format;
    guest_kernel[0] = '\0';
    if (check(paths, &format, detail, detail_bytes) != 0)
        return -1;
    size_t n = strlen(paths->osv_kernel), most = TRIAL_TEXT_BYTES - sizeof "OSv ";
    /* Of a long path the end tells more. */
    snprintf(guest_kernel, TRIAL_TEXT_BYTES, "OSv %s",
             paths->osv_kernel + (n > most ? n - most : 0));
    snprintf(detail, detail_bytes, "%s, %s image", guest_kernel, format);
    return 0;
}

int profiler_osv_compose(const struct profiler_paths *paths, const struct trial_settings *s,
                         struct profiler_guest *guest, char *why, size_t why_bytes) {
    bool tap = profiler_network_is_tap(s->network);
    const char *ip = tap ? PROFILER_GUEST_IP : PROFILER_USER_IP, *format;
    char words[256];
    size_t n = 0;
    if (check(paths, &format, why, why_bytes) != 0)
        return -1;
    profiler_baseline_words(s, ip, "/initrd.cpio", words, sizeof words);
    snprintf(guest->kernel, sizeof guest->kernel, "%s", paths->osv_kernel);
    for (const char *c = paths->osv_image; *c; c++) { /* QEMU reads "," as the end of a name */
        if (n + 2 >= sizeof guest->image)
            return profiler_fail(why, why_bytes, "--image %s: the path is too long",
                                 paths->osv_image);
        guest->image[n++] = *c;
        if (*c == ',')
            guest->image[n++] = *c;
    }
    guest->image[n] = '\0';
    snprintf(guest->image_format, sizeof guest->image_format, "%s", format);
    snprintf(guest->append, sizeof guest->append,
             "--ip=eth0,%s," PROFILER_NETMASK " --defaultgw=%s /%s %s", ip,
             tap ? PROFILER_HOST_IP : PROFILER_USER_GATEWAY, s->app, words);
    return 0;
}

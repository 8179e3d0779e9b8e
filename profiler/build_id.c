/*
 * Reads the GNU build id of an ELF file, to say exactly which program a trial measured. The file is
 * data, not trusted: every offset and size is checked against what was read before it is followed.
 */
#include "profiler/internal.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUILD_ID_BYTES_MAX 31 /* two digits each and a NUL in 64 */

/* True if [offset, offset + bytes) lies in a file of `size` bytes. */
static bool within(uint64_t offset, uint64_t bytes, uint64_t size) {
    return offset <= size && bytes <= size - offset;
}

/* Looks through one block of notes. */
static bool find_in_notes(const unsigned char *notes, uint64_t size, char id[64]) {
    uint64_t at = 0;

    while (within(at, sizeof(Elf64_Nhdr), size)) {
        Elf64_Nhdr note;
        memcpy(&note, notes + at, sizeof note);
        uint64_t name = at + sizeof note;
        uint64_t data = name + (((uint64_t)note.n_namesz + 3) & ~3ull);
        if (!within(data, note.n_descsz, size))
            return false;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            memcmp(notes + name, "GNU", 4) == 0 && note.n_descsz > 0 &&
            note.n_descsz <= BUILD_ID_BYTES_MAX) {
            for (uint32_t i = 0; i < note.n_descsz; i++)
                snprintf(id + 2 * i, 3, "%02x", notes[data + i]);
            return true;
        }
        at = data + (((uint64_t)note.n_descsz + 3) & ~3ull);
    }
    return false;
}

/* Notes are found by program header, or by section where no segment covers them. */
static int find(const unsigned char *file, uint64_t size, char id[64]) {
    Elf64_Ehdr header;

    if (size < sizeof header)
        return -ENOEXEC;
    memcpy(&header, file, sizeof header);
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_ident[EI_DATA] != ELFDATA2LSB)
        return -ENOEXEC;
    for (uint64_t i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        if (!within(header.e_phoff, (i + 1) * sizeof segment, size))
            return -ENOEXEC;
        memcpy(&segment, file + header.e_phoff + i * sizeof segment, sizeof segment);
        if (segment.p_type != PT_NOTE)
            continue;
        if (!within(segment.p_offset, segment.p_filesz, size))
            return -ENOEXEC;
        if (find_in_notes(file + segment.p_offset, segment.p_filesz, id))
            return 0;
    }
    for (uint64_t i = 0; i < header.e_shnum; i++) {
        Elf64_Shdr section;
        if (!within(header.e_shoff, (i + 1) * sizeof section, size))
            return -ENOEXEC;
        memcpy(&section, file + header.e_shoff + i * sizeof section, sizeof section);
        if (section.sh_type != SHT_NOTE)
            continue;
        if (!within(section.sh_offset, section.sh_size, size))
            return -ENOEXEC;
        if (find_in_notes(file + section.sh_offset, section.sh_size, id))
            return 0;
    }
    return -ENOENT;
}

int profiler_build_id(const char *path, char id[64]) {
    struct stat status;
    int result = -ENOEXEC;

    id[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
        size_t size = (size_t)status.st_size;
        void *file = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (file == MAP_FAILED) {
            result = -errno;
        } else {
            result = find(file, size, id);
            munmap(file, size);
        }
    }
    close(fd);
    return result;
}

/*
 * A file layer between the server and the disk, preloaded into the real binary.
 *
 * - Everything written to a file in DISK_FOLDER also goes to its shadow in DISK_SHADOW, but only when the
 *   file is synced. After a kill the shadows are what a machine without power would have kept.
 * - While the file DISK_FULL exists, whatever would make a file longer fails with ENOSPC.
 * - While the file DISK_BROKEN exists, a sync fails with EIO and keeps nothing.
 *
 * SQLite's index of the log (-shm) is mapped memory that it rebuilds, so it has no shadow.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 16
#define FDS 65536
#define CHUNK 65536

struct range {
    off_t from, to;
};

struct file {
    char name[NAME_MAX + 1];
    int shadow; /* -1 where the file has none */
    struct range *dirty;
    size_t count, room;
};

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static struct file files[FILES];
static int file_count;
static unsigned char file_of[FDS]; /* 0 is none, else its place in files plus one */

static const char *folder(void) { return getenv("DISK_FOLDER"); }

static int flag(const char *name) {
    const char *path = getenv(name);
    return path && access(path, F_OK) == 0;
}

#define REAL(result, name, ...)                                                                    \
    static result (*real)(__VA_ARGS__);                                                            \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, name)

static ssize_t real_pwrite(int fd, const void *bytes, size_t count, off_t at) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t);
    return real(fd, bytes, count, at);
}

static void die(const char *what) {
    fprintf(stderr, "file layer: %s: %s\n", what, strerror(errno));
    abort();
}

static void shadow_path(char *path, const char *name) {
    snprintf(path, PATH_MAX, "%s/%s", getenv("DISK_SHADOW"), name);
}

/* Keeps a range of a file as it is now. */
static void keep(int from, int to, off_t at, off_t end) {
    char bytes[CHUNK];
    while (at < end) {
        size_t want = end - at < CHUNK ? end - at : CHUNK;
        ssize_t got = pread(from, bytes, want, at);
        if (got < 0) die("pread");
        if (got == 0) return; /* it was cut meanwhile */
        if (real_pwrite(to, bytes, got, at) != got) die("pwrite of a shadow");
        at += got;
    }
}

static int ends_with(const char *name, const char *end) {
    size_t length = strlen(name), tail = strlen(end);
    return length >= tail && strcmp(name + length - tail, end) == 0;
}

/* Remembers an opened file; a shadow is made where there is none, and keeps what the file has. */
static void opened(int fd, const char *path) {
    const char *in = folder();
    if (fd < 0 || fd >= FDS || !in) return;
    char full[PATH_MAX];
    if (!realpath(path, full)) return;
    size_t length = strlen(in);
    if (strncmp(full, in, length) != 0 || full[length] != '/' || strchr(full + length + 1, '/')) return;
    const char *name = full + length + 1;
    struct stat about;
    if (fstat(fd, &about) || !S_ISREG(about.st_mode)) return;
    pthread_mutex_lock(&guard);
    int index = 0;
    while (index < file_count && strcmp(files[index].name, name)) index++;
    if (index == file_count) {
        if (file_count == FILES) { errno = EMFILE; die("too many files"); }
        file_count++;
        strcpy(files[index].name, name);
        files[index].shadow = -1;
    }
    struct file *file = &files[index];
    if (file->shadow < 0 && !ends_with(name, "-shm")) {
        char shadow[PATH_MAX];
        shadow_path(shadow, name);
        int is_new = access(shadow, F_OK) != 0;
        REAL(int, "open64", const char *, int, ...);
        file->shadow = real(shadow, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (file->shadow < 0) die("open of a shadow");
        if (is_new) keep(fd, file->shadow, 0, about.st_size);
    }
    file_of[fd] = index + 1;
    pthread_mutex_unlock(&guard);
}

static struct file *file_at(int fd) {
    return fd >= 0 && fd < FDS && file_of[fd] ? &files[file_of[fd] - 1] : NULL;
}

static void soiled(struct file *file, off_t from, off_t to) {
    pthread_mutex_lock(&guard);
    struct range *last = file->count ? &file->dirty[file->count - 1] : NULL;
    if (last && last->to == from) {
        last->to = to;
    } else {
        if (file->count == file->room) {
            file->room = file->room ? 2 * file->room : 64;
            file->dirty = realloc(file->dirty, file->room * sizeof *file->dirty);
            if (!file->dirty) die("realloc");
        }
        file->dirty[file->count++] = (struct range){from, to};
    }
    pthread_mutex_unlock(&guard);
}

/* Says whether a change up to `end` needs room that the disk has no more. */
static int has_no_room(int fd, off_t end) {
    struct stat about;
    if (!flag("DISK_FULL") || fstat(fd, &about) || end <= about.st_size) return 0;
    errno = ENOSPC;
    return 1;
}

static int synced(int fd, int (*sync)(int)) {
    struct file *file = file_at(fd);
    if (!file || file->shadow < 0) return sync(fd);
    if (flag("DISK_BROKEN")) {
        errno = EIO;
        return -1;
    }
    pthread_mutex_lock(&guard);
    for (size_t index = 0; index < file->count; index++)
        keep(fd, file->shadow, file->dirty[index].from, file->dirty[index].to);
    file->count = 0;
    struct stat about;
    REAL(int, "ftruncate64", int, off_t);
    if (fstat(fd, &about) || real(file->shadow, about.st_size)) die("ftruncate of a shadow");
    pthread_mutex_unlock(&guard);
    return sync(fd);
}

int fsync(int fd) {
    REAL(int, "fsync", int);
    return synced(fd, real);
}

int fdatasync(int fd) {
    REAL(int, "fdatasync", int);
    return synced(fd, real);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at) {
    struct file *file = file_at(fd);
    if (!file) return real_pwrite(fd, bytes, count, at);
    if (has_no_room(fd, at + (off_t)count)) return -1;
    ssize_t written = real_pwrite(fd, bytes, count, at);
    if (written > 0) soiled(file, at, at + written);
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return pwrite64(fd, bytes, count, at); }

ssize_t write(int fd, const void *bytes, size_t count) {
    REAL(ssize_t, "write", int, const void *, size_t);
    struct file *file = file_at(fd);
    if (!file) return real(fd, bytes, count);
    off_t at = lseek(fd, 0, SEEK_CUR);
    if (has_no_room(fd, at + (off_t)count)) return -1;
    ssize_t written = real(fd, bytes, count);
    if (written > 0) soiled(file, at, at + written);
    return written;
}

int ftruncate64(int fd, off_t size) {
    REAL(int, "ftruncate64", int, off_t);
    if (file_at(fd) && has_no_room(fd, size)) return -1;
    return real(fd, size);
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int opened_at(int (*open)(const char *, int, ...), const char *path, int flags, va_list more) {
    int fd = open(path, flags, flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0);
    if ((flags & O_ACCMODE) != O_RDONLY) opened(fd, path);
    return fd;
}

int open64(const char *path, int flags, ...) {
    REAL(int, "open64", const char *, int, ...);
    va_list more;
    va_start(more, flags);
    int fd = opened_at(real, path, flags, more);
    va_end(more);
    return fd;
}

int open(const char *path, int flags, ...) {
    REAL(int, "open", const char *, int, ...);
    va_list more;
    va_start(more, flags);
    int fd = opened_at(real, path, flags, more);
    va_end(more);
    return fd;
}

int close(int fd) {
    REAL(int, "close", int);
    if (fd >= 0 && fd < FDS) file_of[fd] = 0;
    return real(fd);
}

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    pthread_mutex_lock(&guard);
    for (int index = 0; index < file_count; index++) {
        struct file *file = &files[index];
        if (strcmp(file->name, name) || file->shadow < 0) continue;
        char shadow[PATH_MAX];
        shadow_path(shadow, name);
        real(shadow);
        close(file->shadow);
        file->shadow = -1;
        file->count = 0;
    }
    pthread_mutex_unlock(&guard);
    return real(path);
}

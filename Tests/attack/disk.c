// A disk that fails on command and can lose its power, to be preloaded into the daemon.
//
// What a file has on the *disk* is kept apart, in the folder `durable` of $RELAYCAST_DISK: a write
// gets there only by an fsync(2) or fdatasync(2) that succeeds. One that fails loses what it should
// have written for good, as Linux does: the pages stay in memory, marked clean, and a later fsync
// that succeeds does not bring them. So that folder is what a power failure would leave.
//
// The file `fault` in $RELAYCAST_DISK says what fails as long as it is there:
//
//     fsync ERRNO            every fsync
//     write ERRNO BYTES      every write beyond so many further bytes of this process
//
// Only files called relaycast.sqlite3… are concerned.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 1024, PATH_BYTES_MAX = 512 };

// A write, or with `bytes` NULL a truncation to `offset`, that no fsync has confirmed.
struct change {
    struct change *next;
    off_t offset;
    size_t count;
    char *bytes;
};

static struct {
    char name[128];
    struct change *first, *last;
} files[DESCRIPTORS_MAX];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

// Bytes that may still be written under the present `write` fault; -1 without one.
static long allowance = -1;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static const char *base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int concerns(const char *path) {
    return strncmp(base(path), "relaycast.sqlite3", 17) == 0;
}

static int is_tracked(int fd) {
    return fd >= 0 && fd < DESCRIPTORS_MAX && files[fd].name[0] != 0;
}

static void path_of(char *path, const char *folder, const char *name) {
    snprintf(path, PATH_BYTES_MAX, "%s/%s%s", getenv("RELAYCAST_DISK"), folder, name);
}

// Whether `operation` is to fail; with its error and, for writes, how many bytes still may.
static int fails(const char *operation, int *error, long *bytes) {
    char path[PATH_BYTES_MAX], wanted[16] = "";
    path_of(path, "", "fault");
    FILE *fault = fopen(path, "r");
    *error = 0;
    *bytes = 0;
    if (fault == NULL) {
        allowance = -1;
        return 0;
    }
    int read = fscanf(fault, "%15s %d %ld", wanted, error, bytes);
    fclose(fault);
    return read >= 2 && strcmp(wanted, operation) == 0;
}

static void remember(int fd, off_t offset, const void *bytes, size_t count) {
    struct change *change = calloc(1, sizeof *change);
    change->offset = offset;
    change->count = count;
    if (bytes != NULL) change->bytes = memcpy(malloc(count + 1), bytes, count);
    if (files[fd].last) files[fd].last->next = change;
    else files[fd].first = change;
    files[fd].last = change;
}

// Forgets the changes of a file; those that reach the disk are written there before.
static void settle(int fd, int reaches_the_disk) {
    char path[PATH_BYTES_MAX];
    path_of(path, "durable/", files[fd].name);
    int disk = reaches_the_disk ? REAL(open64)(path, O_WRONLY | O_CREAT, 0600) : -1;
    while (files[fd].first) {
        struct change *change = files[fd].first;
        files[fd].first = change->next;
        if (disk >= 0 && change->bytes == NULL) {
            if (REAL(ftruncate64)(disk, change->offset) != 0) abort();
        } else if (disk >= 0) {
            ssize_t written = REAL(pwrite64)(disk, change->bytes, change->count, change->offset);
            if (written != (ssize_t)change->count) abort();
        }
        free(change->bytes);
        free(change);
    }
    files[fd].last = NULL;
    if (disk >= 0) REAL(close)(disk);
}

static int opened(int fd, const char *path) {
    if (fd >= 0 && fd < DESCRIPTORS_MAX && concerns(path)) {
        pthread_mutex_lock(&lock);
        snprintf(files[fd].name, sizeof files[fd].name, "%s", base(path));
        pthread_mutex_unlock(&lock);
    }
    return fd;
}

#define OPEN(name)                                                  \
    int name(const char *path, int flags, ...) {                    \
        va_list more;                                               \
        va_start(more, flags);                                      \
        mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;   \
        va_end(more);                                               \
        return opened(REAL(name)(path, flags, mode), path);         \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    pthread_mutex_lock(&lock);
    if (is_tracked(fd)) {
        // What was not confirmed may or may not come to the disk; here it does not.
        settle(fd, 0);
        files[fd].name[0] = 0;
    }
    pthread_mutex_unlock(&lock);
    return REAL(close)(fd);
}

int unlink(const char *path) {
    int status = REAL(unlink)(path);
    if (status == 0 && concerns(path)) {
        char durable[PATH_BYTES_MAX];
        path_of(durable, "durable/", base(path));
        REAL(unlink)(durable);
    }
    return status;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    int error;
    long limit;
    if (!is_tracked(fd)) return REAL(pwrite64)(fd, bytes, count, offset);
    pthread_mutex_lock(&lock);
    if (fails("write", &error, &limit)) {
        if (allowance < 0) allowance = limit;
        if ((long)count > allowance) count = allowance;
        allowance -= count;
        if (count == 0) {
            pthread_mutex_unlock(&lock);
            errno = error;
            return -1;
        }
    }
    ssize_t written = REAL(pwrite64)(fd, bytes, count, offset);
    if (written > 0) remember(fd, offset, bytes, written);
    pthread_mutex_unlock(&lock);
    return written;
}

int ftruncate64(int fd, off64_t length) {
    int status = REAL(ftruncate64)(fd, length);
    pthread_mutex_lock(&lock);
    if (status == 0 && is_tracked(fd)) remember(fd, length, NULL, 0);
    pthread_mutex_unlock(&lock);
    return status;
}

static int flush(int fd, int (*real)(int)) {
    int error;
    long unused;
    if (!is_tracked(fd)) return real(fd);
    pthread_mutex_lock(&lock);
    int refused = fails("fsync", &error, &unused);
    int status = refused ? -1 : real(fd);
    settle(fd, status == 0);
    pthread_mutex_unlock(&lock);
    if (refused) errno = error;
    return status;
}

int fsync(int fd) { return flush(fd, REAL(fsync)); }
int fdatasync(int fd) { return flush(fd, REAL(fdatasync)); }

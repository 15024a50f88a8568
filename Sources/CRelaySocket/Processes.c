#define _GNU_SOURCE
#include "CRelaySocket.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Linux 6.3; vm.memfd_noexec = 2 asks for it.
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

enum { INPUT, OUTPUT, OUTPUT_END, ERRORS, ERRORS_END, DESCRIPTORS };

// Descriptors 0 to 2 are free where the daemon was started without them; what is moved to 0 to 2 of
// the child must not be there yet.
static int above_standard(int fd)
{
    if (fd < 0)
        return -errno;
    if (fd > STDERR_FILENO)
        return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int error = errno;
    close(fd);
    return moved < 0 ? -error : moved;
}

// A file in memory, so that the child reads when it likes to, and may end without reading.
static int open_input(const uint8_t *bytes, size_t length)
{
    int fd = memfd_create("datagram", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("datagram", MFD_CLOEXEC);
    fd = above_standard(fd);
    if (fd < 0)
        return fd;
    size_t written = 0;
    while (written < length) {
        ssize_t count = pwrite(fd, bytes + written, length - written, (off_t)written);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            int error = errno;
            close(fd);
            return -error;
        }
        written += (size_t)count;
    }
    return fd;
}

// A pipe whose reading end does not block.
static int open_pipe(int *ends)
{
    int made[2];
    if (pipe2(made, O_CLOEXEC) != 0)
        return -errno;
    ends[0] = above_standard(made[0]);
    ends[1] = above_standard(made[1]);
    if (ends[0] < 0)
        return ends[0];
    if (ends[1] < 0)
        return ends[1];
    return fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 ? 0 : -errno;
}

static int prepare(posix_spawnattr_t *attributes, posix_spawn_file_actions_t *actions,
                   const int *descriptors)
{
    sigset_t every, none;
    sigfillset(&every);
    sigemptyset(&none);
    posix_spawnattr_setpgroup(attributes, 0);
    posix_spawnattr_setsigdefault(attributes, &every);
    posix_spawnattr_setsigmask(attributes, &none);
    int error = posix_spawnattr_setflags(
        attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    if (!error)
        error = posix_spawn_file_actions_addchdir_np(actions, "/");
    if (!error)
        error = posix_spawn_file_actions_adddup2(actions, descriptors[INPUT], STDIN_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(actions, descriptors[OUTPUT_END], STDOUT_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(actions, descriptors[ERRORS_END], STDERR_FILENO);
    // Libraries may have opened some that are not closed by execve(2).
    if (!error)
        error = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
    return -error;
}

static int spawn(char *const *arguments, char *const *environment, const int *descriptors,
                 pid_t *pid)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    int error = posix_spawnattr_init(&attributes);
    if (error)
        return -error;
    error = posix_spawn_file_actions_init(&actions);
    if (error) {
        posix_spawnattr_destroy(&attributes);
        return -error;
    }
    int result = prepare(&attributes, &actions, descriptors);
    if (result == 0)
        result = -posix_spawn(pid, arguments[0], &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return result;
}

// Points at `count` strings that stand one after another; NULL comes last.
static char *point_at(char *strings, char **pointers, int count)
{
    for (int index = 0; index < count; index++) {
        pointers[index] = strings;
        strings += strlen(strings) + 1;
    }
    pointers[count] = NULL;
    return strings;
}

static void close_all(const int *descriptors)
{
    for (int index = 0; index < DESCRIPTORS; index++)
        if (descriptors[index] >= 0)
            close(descriptors[index]);
}

int relay_process_start(const char *strings, int argument_count, int environment_count,
                        const uint8_t *input, size_t length, relay_process *process)
{
    char *arguments[RELAY_ARGUMENTS_MAX + 1], *environment[RELAY_ENVIRONMENT_MAX + 1];
    if (argument_count < 1 || argument_count > RELAY_ARGUMENTS_MAX || environment_count < 0
        || environment_count > RELAY_ENVIRONMENT_MAX)
        return -E2BIG;
    // posix_spawn(3) takes pointers to what it does not write.
    point_at(point_at((char *)strings, arguments, argument_count), environment, environment_count);

    int descriptors[DESCRIPTORS] = {-1, -1, -1, -1, -1};
    descriptors[INPUT] = open_input(input, length);
    int result = descriptors[INPUT];
    if (result >= 0)
        result = open_pipe(&descriptors[OUTPUT]);
    if (result >= 0)
        result = open_pipe(&descriptors[ERRORS]);
    pid_t pid = 0;
    if (result >= 0)
        result = spawn(arguments, environment, descriptors, &pid);
    if (result < 0) {
        close_all(descriptors);
        return result;
    }
    close(descriptors[INPUT]);
    close(descriptors[OUTPUT_END]);
    close(descriptors[ERRORS_END]);

    // Not pidfd_open(2) itself, which came with glibc 2.36.
    int end = (int)syscall(SYS_pidfd_open, pid, 0);
    if (end < 0) {
        int error = errno;
        close(descriptors[OUTPUT]);
        close(descriptors[ERRORS]);
        kill(-pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        return -error;
    }
    *process = (relay_process){
        .pid = pid, .end = end, .output = descriptors[OUTPUT], .errors = descriptors[ERRORS]};
    return 0;
}

int relay_process_signal(int pid, int signal)
{
    // Never 0 or -1, which stand for our own group and for everybody.
    if (pid <= 1)
        return -ESRCH;
    return kill(-pid, signal) == 0 ? 0 : -errno;
}

int relay_process_reap(int pid)
{
    int status;
    pid_t result;
    do
        result = waitpid(pid, &status, WNOHANG);
    while (result < 0 && errno == EINTR);
    if (result < 0)
        return -errno;
    if (result == 0)
        return -EAGAIN;
    return WIFSIGNALED(status) ? RELAY_BY_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

int64_t relay_read(int fd, uint8_t *bytes, size_t capacity)
{
    ssize_t count;
    do
        count = read(fd, bytes, capacity);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

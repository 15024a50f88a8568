#define _GNU_SOURCE
#include "CRelaySocket.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

int relay_epoll_create(void)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int control(int epoll, int operation, int fd, uint64_t token, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u64 = token};
    return epoll_ctl(epoll, operation, fd, &event) == 0 ? 0 : -errno;
}

int relay_epoll_add(int epoll, int fd, uint64_t token)
{
    return control(epoll, EPOLL_CTL_ADD, fd, token, EPOLLIN);
}

int relay_epoll_modify(int epoll, int fd, uint64_t token, int readable, int writable,
                       int once)
{
    uint32_t events = readable ? EPOLLIN : 0;
    if (writable)
        events |= EPOLLOUT;
    if (once)
        events |= EPOLLONESHOT;
    return control(epoll, EPOLL_CTL_MOD, fd, token, events);
}

int relay_epoll_remove(int epoll, int fd)
{
    return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL) == 0 ? 0 : -errno;
}

// epoll_pwait2 came with Linux 5.11; without it a wait takes up to a millisecond longer.
static int wait(int epoll, struct epoll_event *ready, int64_t timeout_nanoseconds)
{
    struct timespec timeout = {.tv_sec = timeout_nanoseconds / 1000000000,
                               .tv_nsec = timeout_nanoseconds % 1000000000};
    int is_endless = timeout_nanoseconds < 0;
    int count = epoll_pwait2(epoll, ready, RELAY_EVENTS_MAX, is_endless ? NULL : &timeout, NULL);
    if (count >= 0 || errno != ENOSYS)
        return count;
    int64_t milliseconds = is_endless ? -1 : (timeout_nanoseconds + 999999) / 1000000;
    if (milliseconds > INT_MAX)
        milliseconds = INT_MAX;
    return epoll_wait(epoll, ready, RELAY_EVENTS_MAX, (int)milliseconds);
}

int relay_epoll_wait(int epoll, relay_event *events, int64_t timeout_nanoseconds)
{
    struct epoll_event ready[RELAY_EVENTS_MAX];
    int count;
    do
        count = wait(epoll, ready, timeout_nanoseconds);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    for (int index = 0; index < count; index++) {
        events[index].token = ready[index].data.u64;
        events[index].readable = (ready[index].events & EPOLLIN) != 0;
        events[index].writable = (ready[index].events & EPOLLOUT) != 0;
        events[index].failed = (ready[index].events & (EPOLLERR | EPOLLHUP)) != 0;
    }
    return count;
}

void relay_wait_exactly(void)
{
    prctl(PR_SET_TIMERSLACK, 1);
}

int relay_eventfd_create(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

void relay_eventfd_signal(int fd)
{
    uint64_t one = 1;
    ssize_t written;
    do
        written = write(fd, &one, sizeof one);
    while (written < 0 && errno == EINTR);
}

void relay_eventfd_drain(int fd)
{
    uint64_t count;
    ssize_t taken;
    do
        taken = read(fd, &count, sizeof count);
    while (taken < 0 && errno == EINTR);
}

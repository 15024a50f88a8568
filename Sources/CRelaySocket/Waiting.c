#define _GNU_SOURCE
#include "CRelaySocket.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int relay_epoll_create(void)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int control(int epoll, int operation, int fd, uint64_t token, int writable)
{
    struct epoll_event event = {.events = EPOLLIN | (writable ? EPOLLOUT : 0), .data.u64 = token};
    return epoll_ctl(epoll, operation, fd, &event) == 0 ? 0 : -errno;
}

int relay_epoll_add(int epoll, int fd, uint64_t token)
{
    return control(epoll, EPOLL_CTL_ADD, fd, token, 0);
}

int relay_epoll_modify(int epoll, int fd, uint64_t token, int writable)
{
    return control(epoll, EPOLL_CTL_MOD, fd, token, writable);
}

int relay_epoll_remove(int epoll, int fd)
{
    return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL) == 0 ? 0 : -errno;
}

int relay_epoll_wait(int epoll, relay_event *events, int timeout_milliseconds)
{
    struct epoll_event ready[RELAY_EVENTS_MAX];
    int count;
    do
        count = epoll_wait(epoll, ready, RELAY_EVENTS_MAX, timeout_milliseconds);
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

#include "CRelaySocket.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static int is_one_of(unsigned long inode, const int *descriptors, int count)
{
    for (int index = 0; index < count; index++) {
        struct stat status;
        if (fstat(descriptors[index], &status) == 0 && status.st_ino == inode)
            return 1;
    }
    return 0;
}

int relay_count_port_holders(int family, uint16_t port, const int *besides, int count)
{
    FILE *file = fopen(family == 4 ? "/proc/self/net/udp" : "/proc/self/net/udp6", "re");
    if (!file)
        return -errno;
    int holders = 0;
    char line[512];
    while (fgets(line, sizeof line, file)) {
        unsigned bound;
        unsigned long inode;
        // sl, local and remote address, state, queues, timer, retransmissions, user, time-out, inode
        int found = sscanf(line,
                           " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%*x %*x %*x:%*x %*x:%*x %*x %*u %*d %lu",
                           &bound, &inode);
        if (found == 2 && bound == port && !is_one_of(inode, besides, count))
            holders++;
    }
    fclose(file);
    return holders;
}

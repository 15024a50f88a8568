#define _GNU_SOURCE
#include "CBenchReference.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX 1024
#define HEADER_NAME_BYTES_MAX 128
#define HEADER_VALUE_BYTES_MAX 1024

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **request)
{
    (void)url;
    (void)method;
    (void)version;
    (void)upload;
    // The library calls twice: when the headers are there, and when the request is.
    if (*request == NULL) {
        *request = context;
        return MHD_YES;
    }
    *upload_bytes = 0;
    return MHD_queue_response(connection, MHD_HTTP_OK, context);
}

static int add_headers(struct MHD_Response *response, const char *lines)
{
    while (*lines != '\0') {
        const char *colon = strchr(lines, ':');
        const char *end = strchrnul(lines, '\n');
        if (colon == NULL || colon > end)
            return -EINVAL;
        char name[HEADER_NAME_BYTES_MAX], value[HEADER_VALUE_BYTES_MAX];
        const char *start = colon + 1 + strspn(colon + 1, " ");
        if ((size_t)(colon - lines) >= sizeof name || (size_t)(end - start) >= sizeof value)
            return -E2BIG;
        snprintf(name, sizeof name, "%.*s", (int)(colon - lines), lines);
        snprintf(value, sizeof value, "%.*s", (int)(end - start), start);
        if (MHD_add_response_header(response, name, value) != MHD_YES)
            return -EINVAL;
        lines = *end == '\0' ? end : end + 1;
    }
    return 0;
}

static void wait_for_the_end(sigset_t *signals)
{
    int signal;
    printf("{\"listening\":true}\n");
    fflush(stdout);
    sigwait(signals, &signal);
}

int bench_serve(uint16_t port, const char *headers, const uint8_t *body, size_t length)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(length, (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return -ENOMEM;
    int result = add_headers(response, headers);

    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (result == 0) {
        struct MHD_Daemon *daemon = MHD_start_daemon(
            MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC,
            port, NULL, NULL, answer, response,
            MHD_OPTION_SOCK_ADDR, &address,
            MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
            MHD_OPTION_END);
        if (daemon != NULL) {
            wait_for_the_end(&signals);
            MHD_stop_daemon(daemon);
        } else {
            result = errno != 0 ? -errno : -EADDRINUSE;
        }
    }
    MHD_destroy_response(response);
    return result;
}

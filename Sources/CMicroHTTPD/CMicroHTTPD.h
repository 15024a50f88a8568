// libmicrohttpd as a module, with fixed-argument wrappers for its variadic calls,
// which Swift cannot import, and with what Glibc's module hides of the sockets underneath.
#ifndef RELAYCAST_CMICROHTTPD_H
#define RELAYCAST_CMICROHTTPD_H

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "TLS.h"

/// What relaycast_mhd_start needs: a listening socket, limits, and the callbacks, which all get
/// `context` as their first argument and run on the daemon's one thread.
struct relaycast_mhd_options {
    int listening_descriptor;
    unsigned int connections_max;
    unsigned int connections_per_address_max;
    unsigned int inactivity_timeout_seconds;
    size_t connection_memory_bytes;
    void *context;
    MHD_NotifyConnectionCallback connection_changed;
    void *(*request_began)(void *, const char *, struct MHD_Connection *);
    MHD_AccessHandlerCallback request_continued;
    MHD_RequestCompletedCallback request_ended;
    MHD_LogCallback logged;
    /// NULL: no TLS.
    gnutls_certificate_retrieve_function3 *certificate_wanted;
};

/// Wraps MHD_start_daemon, which is variadic. Poll mode, because the epoll mode stalls when a
/// multiple of 128 connections is ready at once. NULL on failure, with the reason in errno.
static inline struct MHD_Daemon *
relaycast_mhd_start(const struct relaycast_mhd_options *options)
{
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)options->certificate_wanted},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)RELAYCAST_TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    int has_tls = options->certificate_wanted != NULL;
    return MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC
            | MHD_USE_ERROR_LOG | (has_tls ? MHD_USE_TLS : 0),
        0, NULL, NULL, options->request_continued, options->context,
        MHD_OPTION_EXTERNAL_LOGGER, options->logged, options->context,
        MHD_OPTION_LISTEN_SOCKET, options->listening_descriptor,
        MHD_OPTION_CONNECTION_LIMIT, options->connections_max,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, options->connections_per_address_max,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, options->connection_memory_bytes,
        MHD_OPTION_CONNECTION_TIMEOUT, options->inactivity_timeout_seconds,
        MHD_OPTION_NOTIFY_CONNECTION, options->connection_changed, options->context,
        MHD_OPTION_URI_LOG_CALLBACK, options->request_began, options->context,
        MHD_OPTION_NOTIFY_COMPLETED, options->request_ended, options->context,
        MHD_OPTION_ARRAY, has_tls ? tls : tls + 2,
        MHD_OPTION_END);
}

/// Wraps MHD_get_connection_info (variadic): the descriptor of the connection's socket.
static inline int relaycast_mhd_descriptor(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

/// Wraps MHD_get_connection_info (variadic): what connection_changed stored for the connection.
static inline void *relaycast_mhd_context(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
        ->socket_context;
}

/// Wraps MHD_set_connection_option (variadic): the connection is not closed for inactivity.
static inline void relaycast_mhd_forget_timeout(struct MHD_Connection *connection)
{
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
}

/// A response of unknown length that `reader` is asked for; a wrapper because MHD_SIZE_UNKNOWN is
/// a macro with a cast, which Swift does not import. A buffer of 4 KiB is used for HTTP/1.0 only.
static inline struct MHD_Response *
relaycast_mhd_stream_response(MHD_ContentReaderCallback reader, void *context,
                              MHD_ContentReaderFreeCallback freed)
{
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, reader, context, freed);
}

/// Wraps MHD_set_response_options (variadic): not chunked, and the connection is closed after it.
static inline void relaycast_mhd_send_unchunked(struct MHD_Response *response)
{
    MHD_set_response_options(response, MHD_RF_HTTP_VERSION_1_0_ONLY, MHD_RO_END);
}

/// MHD_CONTENT_READER_END_OF_STREAM and MHD_CONTENT_READER_END_WITH_ERROR, macros with casts.
static const ssize_t relaycast_mhd_end_of_stream = MHD_CONTENT_READER_END_OF_STREAM;
static const ssize_t relaycast_mhd_end_with_error = MHD_CONTENT_READER_END_WITH_ERROR;

/// Asks poll(2) at once whether the other side has closed, or the connection is broken: POLLRDHUP
/// needs _GNU_SOURCE.
static inline int relaycast_has_hung_up(int descriptor)
{
    struct pollfd one = {descriptor, 0x2000 /* POLLRDHUP */, 0};
    return poll(&one, 1, 0) == 1;
}

/// CLOCK_MONOTONIC in nanoseconds; a wrapper because Swift would need a pointer for the result.
static inline uint64_t relaycast_monotonic_nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/// The other end of a socket: an address, or the credentials of a unix socket's client.
struct relaycast_peer {
    int is_unix;
    uint16_t port;
    int32_t process_id;
    uint32_t user_id;
    uint32_t group_id;
    char address[INET6_ADDRSTRLEN];
};

/// Asks getpeername(2), and SO_PEERCRED of unix(7), whose struct ucred Glibc's module hides.
/// `address` is empty when the kernel does not say.
static inline struct relaycast_peer relaycast_peer_of(int descriptor)
{
    struct relaycast_peer peer;
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    memset(&peer, 0, sizeof peer);
    if (getpeername(descriptor, (struct sockaddr *)&address, &length) != 0)
        return peer;
    if (address.ss_family == AF_INET) {
        const struct sockaddr_in *internet = (const struct sockaddr_in *)&address;
        inet_ntop(AF_INET, &internet->sin_addr, peer.address, sizeof peer.address);
        peer.port = ntohs(internet->sin_port);
    } else if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *internet = (const struct sockaddr_in6 *)&address;
        inet_ntop(AF_INET6, &internet->sin6_addr, peer.address, sizeof peer.address);
        peer.port = ntohs(internet->sin6_port);
    } else if (address.ss_family == AF_UNIX) {
        struct { int32_t pid; uint32_t uid, gid; } credentials = {0, 0, 0};
        socklen_t size = sizeof credentials;
        peer.is_unix = 1;
        getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size);
        peer.process_id = credentials.pid;
        peer.user_id = credentials.uid;
        peer.group_id = credentials.gid;
    }
    return peer;
}

/// A SHA-256 digest (FIPS 180-4) as four words in the order of the digest's bytes, so that Swift
/// gets it by value; `is_made` is 0 when GnuTLS refused, which it has no reason to.
struct relaycast_digest {
    uint64_t words[4];
    int is_made;
};

/// The digest of `count` bytes, by the GnuTLS that libmicrohttpd brings.
static inline struct relaycast_digest relaycast_sha256(const void *bytes, size_t count)
{
    struct relaycast_digest digest;
    memset(&digest, 0, sizeof digest);
    digest.is_made = gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, count, digest.words) == 0;
    return digest;
}

/// `EADDRINUSE` for 98; glibc 2.32's strerrorname_np, which needs _GNU_SOURCE. NULL if unknown.
extern const char *strerrorname_np(int code);

#endif

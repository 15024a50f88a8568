// What a TLS listener shows to clients and asks of them, in GnuTLS. In C, because GnuTLS wants
// arrays of structs that own what they point at, which Swift could only spell in unsafe code.
#ifndef RELAYCAST_TLS_H
#define RELAYCAST_TLS_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/// Most certificates in a chain, the server's or a client's.
#define RELAYCAST_TLS_CHAIN_MAX 16

/// TLS 1.2 and 1.3 with forward secrecy and authenticated encryption only.
#define RELAYCAST_TLS_PRIORITIES \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA" \
    ":-CIPHER-ALL:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:-MAC-ALL:+AEAD:%SERVER_PRECEDENCE"

/// A certificate chain with its key, and whose certificates clients must have.
struct relaycast_tls {
    gnutls_pcert_st chain[RELAYCAST_TLS_CHAIN_MAX];
    unsigned int chain_count;
    gnutls_privkey_t key;
    /// NULL: clients are not asked for a certificate.
    gnutls_x509_trust_list_t authorities;
};

/// What is wrong with the settings of a relaycast_tls.
enum relaycast_tls_fault {
    relaycast_tls_sound,
    relaycast_tls_chain_unreadable,
    relaycast_tls_not_yet_valid,
    relaycast_tls_expired,
    relaycast_tls_key_unreadable,
    relaycast_tls_key_of_another,
    relaycast_tls_authorities_unreadable
};

/// The outcome of relaycast_tls_load: what GnuTLS said, and for a certificate out of its time,
/// since or until when, as RFC 3339 has it.
struct relaycast_tls_result {
    enum relaycast_tls_fault fault;
    int code;
    char time[32];
};

/// Frees what relaycast_tls_load made.
static inline void relaycast_tls_free(struct relaycast_tls *tls)
{
    for (unsigned int i = 0; i < tls->chain_count; i++)
        gnutls_pcert_deinit(&tls->chain[i]);
    if (tls->key != NULL)
        gnutls_privkey_deinit(tls->key);
    if (tls->authorities != NULL)
        gnutls_x509_trust_list_deinit(tls->authorities, 1);
    free(tls);
}

static inline void relaycast_tls_note_time(struct relaycast_tls_result *result, time_t when)
{
    struct tm parts;
    if (gmtime_r(&when, &parts) == NULL
        || strftime(result->time, sizeof result->time, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        result->time[0] = '\0';
}

/// Whether every certificate of the chain is valid now.
static inline int relaycast_tls_check_time(const gnutls_x509_crt_t *certificates, unsigned int count,
                                           struct relaycast_tls_result *result)
{
    time_t now = time(NULL);
    for (unsigned int i = 0; i < count; i++) {
        time_t from = gnutls_x509_crt_get_activation_time(certificates[i]);
        time_t until = gnutls_x509_crt_get_expiration_time(certificates[i]);
        if (from > now || until < now) {
            result->fault = from > now ? relaycast_tls_not_yet_valid : relaycast_tls_expired;
            relaycast_tls_note_time(result, from > now ? from : until);
            return 0;
        }
    }
    return 1;
}

/// Whether `key` is the private half of what the certificate certifies.
static inline int relaycast_tls_is_key_of(gnutls_privkey_t key, gnutls_x509_crt_t certificate)
{
    unsigned char ours[64], theirs[64];
    size_t ours_size = sizeof ours, theirs_size = sizeof theirs;
    gnutls_pubkey_t public_half;
    int same;
    if (gnutls_pubkey_init(&public_half) < 0)
        return 0;
    same = gnutls_pubkey_import_privkey(public_half, key, 0, 0) >= 0
        && gnutls_pubkey_get_key_id(public_half, 0, ours, &ours_size) >= 0
        && gnutls_x509_crt_get_key_id(certificate, 0, theirs, &theirs_size) >= 0
        && ours_size == theirs_size && memcmp(ours, theirs, ours_size) == 0;
    gnutls_pubkey_deinit(public_half);
    return same;
}

/// Reads the chain, and holds key and clock against it.
static inline void relaycast_tls_load_chain(struct relaycast_tls *tls, const gnutls_datum_t *chain,
                                            const gnutls_datum_t *key,
                                            struct relaycast_tls_result *result)
{
    gnutls_x509_crt_t certificates[RELAYCAST_TLS_CHAIN_MAX];
    unsigned int count = RELAYCAST_TLS_CHAIN_MAX;
    result->fault = relaycast_tls_chain_unreadable;
    result->code = gnutls_x509_crt_list_import(
        certificates, &count, chain, GNUTLS_X509_FMT_PEM,
        GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED | GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
    if (result->code < 0)
        return;
    count = (unsigned int)result->code;
    if (relaycast_tls_check_time(certificates, count, result)) {
        result->fault = relaycast_tls_key_unreadable;
        result->code = gnutls_privkey_init(&tls->key);
        if (result->code >= 0)
            result->code = gnutls_privkey_import_x509_raw(tls->key, key, GNUTLS_X509_FMT_PEM,
                                                          NULL, 0);
        if (result->code >= 0) {
            result->fault = relaycast_tls_key_of_another;
            if (relaycast_tls_is_key_of(tls->key, certificates[0])) {
                result->fault = relaycast_tls_chain_unreadable;
                tls->chain_count = count;
                result->code = gnutls_pcert_import_x509_list(tls->chain, certificates,
                                                             &tls->chain_count, 0);
                if (result->code >= 0)
                    result->fault = relaycast_tls_sound;
                else
                    tls->chain_count = 0;
            }
        }
    }
    for (unsigned int i = 0; i < count; i++)
        gnutls_x509_crt_deinit(certificates[i]);
}

/// Reads PEM; `authorities` without data asks clients for nothing. NULL with the fault in `result`.
static inline struct relaycast_tls *relaycast_tls_load(const gnutls_datum_t *chain,
                                                       const gnutls_datum_t *key,
                                                       const gnutls_datum_t *authorities,
                                                       struct relaycast_tls_result *result)
{
    struct relaycast_tls *tls = (struct relaycast_tls *)calloc(1, sizeof *tls);
    memset(result, 0, sizeof *result);
    if (tls == NULL)
        abort();
    relaycast_tls_load_chain(tls, chain, key, result);
    if (result->fault == relaycast_tls_sound && authorities->data != NULL) {
        result->fault = relaycast_tls_authorities_unreadable;
        result->code = gnutls_x509_trust_list_init(&tls->authorities, 0);
        if (result->code >= 0)
            result->code = gnutls_x509_trust_list_add_trust_mem(
                tls->authorities, authorities, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
        if (result->code > 0)
            result->fault = relaycast_tls_sound;
    }
    if (result->fault == relaycast_tls_sound)
        return tls;
    relaycast_tls_free(tls);
    return NULL;
}

/// The first certificate of the chain; an array in a struct is a tuple in Swift.
static inline gnutls_pcert_st *relaycast_tls_first(struct relaycast_tls *tls)
{
    return tls->chain;
}

/// Copies the subject as RFC 4514 has it; fails where there is no room.
static inline int relaycast_tls_copy_subject(gnutls_x509_crt_t certificate, char *subject,
                                             size_t subject_size)
{
    gnutls_datum_t name;
    int result = gnutls_x509_crt_get_dn3(certificate, &name, 0);
    if (result < 0)
        return result;
    if (name.size < subject_size) {
        memcpy(subject, name.data, name.size);
        subject[name.size] = '\0';
    } else {
        result = GNUTLS_E_SHORT_MEMORY_BUFFER;
    }
    gnutls_free(name.data);
    return result;
}

/// Verifies the client's chain against the authorities: signatures, time, strength (112 bits), and
/// that it may be used by a client. Writes the subject as RFC 4514 has it.
///
/// Returns 0, or a GnuTLS error, on which the handshake fails.
static inline int relaycast_tls_verify(const struct relaycast_tls *tls, gnutls_session_t session,
                                       char *subject, size_t subject_size)
{
    gnutls_x509_crt_t certificates[RELAYCAST_TLS_CHAIN_MAX];
    gnutls_typed_vdata_st purpose
        = {GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT, 0};
    unsigned int peer_count = 0, count = 0, status = ~0u;
    const gnutls_datum_t *peers = gnutls_certificate_get_peers(session, &peer_count);
    int result = 0;
    if (peers == NULL || peer_count == 0 || peer_count > RELAYCAST_TLS_CHAIN_MAX
        || gnutls_certificate_type_get(session) != GNUTLS_CRT_X509)
        return GNUTLS_E_CERTIFICATE_ERROR;
    while (result >= 0 && count < peer_count) {
        result = gnutls_x509_crt_init(&certificates[count]);
        if (result < 0)
            break;
        result = gnutls_x509_crt_import(certificates[count], &peers[count], GNUTLS_X509_FMT_DER);
        count++;
    }
    if (result >= 0)
        result = gnutls_x509_trust_list_verify_crt2(
            tls->authorities, certificates, count, &purpose, 1,
            GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM), &status, NULL);
    if (result >= 0 && status != 0)
        result = GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
    if (result >= 0)
        result = relaycast_tls_copy_subject(certificates[0], subject, subject_size);
    for (unsigned int i = 0; i < count; i++)
        gnutls_x509_crt_deinit(certificates[i]);
    return result < 0 ? result : 0;
}

#endif

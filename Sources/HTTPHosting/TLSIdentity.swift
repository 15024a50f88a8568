import CMicroHTTPD

/// Settings that were read and found sound, as GnuTLS wants them.
///
/// Connections keep the identity that they began with, so that it can be changed for new ones.
@safe final class TLSIdentity: Sendable {
    // Safe because what it points at is not changed after `init`, and freed when nobody has a
    // reference any more.
    private nonisolated(unsafe) let loaded: UnsafeMutablePointer<relaycast_tls>

    /// Reads `settings` and holds them against the clock.
    init(_ settings: TLSSettings) throws(ListenerError) {
        var result = relaycast_tls_result()
        // Safe because the bytes are only read during the call.
        let loaded = unsafe settings.certificateChain.withDatum { chain in
            unsafe settings.privateKey.withDatum { key in
                unsafe (settings.clientAuthorities ?? []).withDatum { authorities in
                    unsafe relaycast_tls_load(chain, key, authorities, &result)
                }
            }
        }
        guard let loaded = unsafe loaded else { throw ListenerError(result) }
        unsafe self.loaded = unsafe loaded
        if settings.clientAuthorities?.isEmpty == true {
            throw ListenerError(
                operation: "gnutls_x509_trust_list_add_trust_mem",
                sentence: "There is no authority among the certificates of client authorities."
            )
        }
    }

    deinit { unsafe relaycast_tls_free(loaded) }

    /// Whether clients must have a certificate.
    var asksClients: Bool { unsafe loaded.pointee.authorities != nil }

    /// The certificates shown to clients, and how many; valid for as long as the identity.
    var chain: (first: UnsafeMutablePointer<gnutls_pcert_st>, count: UInt32) {
        unsafe (relaycast_tls_first(loaded), loaded.pointee.chain_count)
    }

    /// The key that proves them; valid for as long as the identity.
    var key: gnutls_privkey_t? { unsafe loaded.pointee.key }

    /// The subject of the client's certificate; nil where it is not what the settings want.
    func verifiedSubject(_ session: gnutls_session_t) -> String? {
        var subject = [CChar](repeating: 0, count: 1024)
        let code = unsafe subject.withUnsafeMutableBufferPointer { room in
            unsafe relaycast_tls_verify(loaded, session, room.baseAddress, room.count)
        }
        guard code == 0 else { return nil }
        let text = subject.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: text, as: UTF8.self)
    }
}

extension ListenerError {
    fileprivate init(_ result: relaycast_tls_result) {
        let time = unsafe withUnsafeBytes(of: result.time) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        let code = result.code
        let reason = unsafe String(cString: gnutls_strerror(code))
        errno =
            code < 0 ? unsafe gnutls_strerror_name(code).map { unsafe String(cString: $0) } : nil
        switch result.fault {
        case relaycast_tls_not_yet_valid:
            operation = "gnutls_x509_crt_get_activation_time"
            sentence = "A certificate of the chain is not valid before \(time); check the clock."
        case relaycast_tls_expired:
            operation = "gnutls_x509_crt_get_expiration_time"
            sentence = "A certificate of the chain expired at \(time); renew it."
        case relaycast_tls_key_unreadable:
            operation = "gnutls_privkey_import_x509_raw"
            sentence =
                "The private key cannot be read, it must be PEM without a password: \(reason)"
        case relaycast_tls_key_of_another:
            operation = "gnutls_pubkey_get_key_id"
            sentence = "The private key is not that of the first certificate in the chain."
        case relaycast_tls_authorities_unreadable:
            operation = "gnutls_x509_trust_list_add_trust_mem"
            sentence = "The client authorities cannot be read, they must be PEM: \(reason)"
        default:
            operation = "gnutls_x509_crt_list_import"
            sentence =
                "The certificate chain cannot be read, it must be PEM, the server's own "
                + "certificate first: \(reason)"
        }
    }
}

extension [UInt8] {
    /// Lends the bytes as GnuTLS takes them; an empty array has no data.
    fileprivate func withDatum<Result>(
        _ body: (UnsafePointer<gnutls_datum_t>) -> Result
    ) -> Result {
        // Safe because GnuTLS does not write to what it imports, and the bytes outlive `body`.
        unsafe withUnsafeBufferPointer { bytes in
            let data = isEmpty ? nil : unsafe UnsafeMutablePointer(mutating: bytes.baseAddress)
            var datum = unsafe gnutls_datum_t(data: data, size: UInt32(clamping: count))
            return unsafe withUnsafePointer(to: &datum) { unsafe body($0) }
        }
    }
}

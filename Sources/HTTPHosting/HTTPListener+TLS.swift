import CMicroHTTPD
import Glibc

// Safe because the library sets a session's pointer to its connection, whose context was retained
// before the handshake and is released after the session's end; and an identity outlives the
// connections that hold it.

extension HTTPListener {
    /// Shows another certificate, and asks clients for what `settings` say, from the next
    /// connection on; others stay as they are.
    ///
    /// - Throws: what is wrong with `settings`; then the present ones stay.
    package func reloadTLS(_ settings: TLSSettings) throws(ListenerError) {
        guard configuration.tls != nil else {
            throw ListenerError(
                operation: "reloadTLS",
                sentence: "The listener on \(configuration.address) does not speak TLS."
            )
        }
        let identity = try TLSIdentity(settings)
        self.identity.withLock { $0 = identity }
    }

    /// Where it listens as clients are told it: `https://127.0.0.1:8443`; nil unless started.
    package var url: String? {
        boundAddress.map { $0.url(isTLS: configuration.tls != nil) }
    }
}

/// A client has said hello: GnuTLS wants a certificate to show it.
func certificateWanted(
    session: gnutls_session_t?,
    wanted: UnsafePointer<gnutls_cert_retr_st>?,
    chain: UnsafeMutablePointer<UnsafeMutablePointer<gnutls_pcert_st>?>?,
    chainCount: UnsafeMutablePointer<UInt32>?,
    responses: UnsafeMutablePointer<UnsafeMutablePointer<gnutls_ocsp_data_st>?>?,
    responseCount: UnsafeMutablePointer<UInt32>?,
    key: UnsafeMutablePointer<gnutls_privkey_t?>?,
    flags: UnsafeMutablePointer<UInt32>?
) -> Int32 {
    guard let session = unsafe session, let chain = unsafe chain, let key = unsafe key,
        let identity = unsafe connectionContext(session)?.identity
    else { return GNUTLS_E_INTERNAL_ERROR }
    unsafe chain.pointee = identity.chain.first
    unsafe chainCount?.pointee = identity.chain.count
    unsafe key.pointee = unsafe identity.key
    unsafe responses?.pointee = nil
    unsafe responseCount?.pointee = 0
    // GnuTLS frees none of it.
    unsafe flags?.pointee = 0
    if identity.asksClients {
        unsafe gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE)
        unsafe gnutls_session_set_verify_function(session, certificateArrived)
    }
    return 0
}

/// A client has shown a certificate; anything but 0 fails the handshake.
private func certificateArrived(session: gnutls_session_t?) -> Int32 {
    guard let session = unsafe session, let connection = unsafe connectionContext(session),
        let subject = unsafe connection.identity?.verifiedSubject(session)
    else { return GNUTLS_E_CERTIFICATE_ERROR }
    connection.peer.clientCertificateSubject = subject
    return 0
}

private func connectionContext(_ session: gnutls_session_t) -> ConnectionContext? {
    guard let connection = unsafe gnutls_session_get_ptr(session),
        let stored = unsafe relaycast_mhd_context(OpaquePointer(connection))
    else { return nil }
    return unsafe Unmanaged<ConnectionContext>.fromOpaque(stored).takeUnretainedValue()
}

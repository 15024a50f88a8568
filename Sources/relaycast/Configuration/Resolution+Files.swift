import ControlPlane

extension Resolution {
    /// Reads the files that the settings name, and holds the settings against each other.
    mutating func finish() {
        guard problems.isEmpty else { return }
        readTokens()
        readCertificates()
        checkHandlers()
        checkListening()
        checkTrust()
        for fault in configuration.options.configuredSessionFaults() {
            add(fault, to: origins["sessions"])
        }
    }

    // MARK: - Files

    private mutating func readTokens() {
        guard let path = configuration.tokensFile else { return }
        guard
            let file = read(
                path,
                of: "tokensFile",
                { file throws(OperatorFile.Failure) in
                    try file.refuseOtherWriters()
                }
            )
        else { return }
        if file.permissions & 0o004 != 0 {
            warn("everybody can read \(path), which says who may do what: chmod o-r")
        }
        let origin = Origin.file(path: path, key: nil)
        do {
            configuration.options.authority.keyring = try Keyring(
                decoding: JSONParser.parse(file.bytes)
            )
        } catch let failure as JSONParser.Failure {
            refuse(origin, failure.sentence(in: file.bytes))
        } catch let faults as DocumentFaults {
            for fault in faults.faults { add(fault, to: origin) }
        } catch {
            refuse(origin, "\(error)")
        }
    }

    private mutating func readCertificates() {
        let (certificate, key) = (configuration.tlsCertificate, configuration.tlsKey)
        let pairs = [
            ("tlsCertificate", certificate, "tlsKey", key),
            ("tlsKey", key, "tlsCertificate", certificate),
            ("tlsClientCA", configuration.tlsClientCA, "tlsCertificate", certificate),
        ]
        for (name, path, other, otherPath) in pairs where path != nil && otherPath == nil {
            refuse(origins[name], "\"\(path ?? "")\" needs \(other) as well")
        }
        guard let certificate, let key else { return }
        let certificateBytes = readPEM(certificate, of: "tlsCertificate")
        let keyBytes = readPEM(key, of: "tlsKey", isSecret: true)
        let clientCABytes = configuration.tlsClientCA.flatMap { readPEM($0, of: "tlsClientCA") }
        guard let certificateBytes, let keyBytes, problems.isEmpty else { return }
        let settings = TLSSettings(
            certificateChain: certificateBytes,
            privateKey: keyBytes,
            clientAuthorities: clientCABytes
        )
        if let sentence = settings.refusal {
            refuse(
                origins["tlsCertificate"],
                "\"\(certificate)\" cannot be served with: \(sentence)"
            )
        }
        configuration.options.tls = settings
    }

    /// Every handler's command must be there, or its first datagram would find out.
    private mutating func checkHandlers() {
        for (name, handler) in configuration.options.handlers.sorted(by: { $0.key < $1.key }) {
            guard let path = handler.arguments.first,
                let reason = OperatorProgram.refusal(path: path)
            else { continue }
            refuse(origins["handlers"], "/\(name)/argv/0: \"\(path)\" \(reason)")
        }
    }

    private mutating func readPEM(
        _ path: String,
        of key: String,
        isSecret: Bool = false
    ) -> [UInt8]? {
        read(path, of: key) { file throws(OperatorFile.Failure) in
            try file.refuseOtherWriters()
            if isSecret && file.permissions & 0o007 != 0 {
                throw OperatorFile.Failure(reason: "can be read by everybody: chmod o-rwx")
            }
            guard String(decoding: file.bytes, as: UTF8.self).contains("-----BEGIN ") else {
                throw OperatorFile.Failure(reason: "is not in PEM, which has -----BEGIN")
            }
        }?.bytes
    }

    /// The file that a setting names; nil after a problem.
    private mutating func read(
        _ path: String,
        of key: String,
        _ check: (OperatorFile) throws(OperatorFile.Failure) -> Void
    ) -> OperatorFile? {
        do throws(OperatorFile.Failure) {
            let file = try OperatorFile(path: path)
            try check(file)
            return file
        } catch {
            refuse(origins[key], "\"\(path)\" \(error.reason)")
            return nil
        }
    }

    // MARK: - One setting against another

    /// Beyond loopback there must be tokens, and TLS or somebody who does it.
    mutating func checkListening() {
        let options = configuration.options
        if options.listen.isEmpty && options.unixSocket == nil {
            refuse(
                origins["listen"] ?? .flag("--listen"),
                "there is nothing to serve on: no unix socket"
            )
        }
        var missing: [String] = []
        if configuration.tokensFile == nil { missing.append("tokensFile") }
        if configuration.tlsCertificate == nil && !configuration.isBehindProxy {
            missing.append("tlsCertificate and tlsKey (or behindProxy, if a proxy does TLS)")
        }
        guard !missing.isEmpty else { return }
        for address in options.listen where !address.isLocal {
            refuse(
                origins["listen"],
                "\"\(Words.describe(address))\" is not on the loopback interface, so whoever "
                    + "reaches it must be known and must not be overheard: set "
                    + missing.joined(separator: ", and ")
                    + ", or listen on 127.0.0.1, [::1] or a unix socket"
            )
        }
    }

    /// Behind a proxy no address says who somebody is.
    mutating func checkTrust() {
        guard configuration.isBehindProxy else { return }
        if configuration.tokensFile == nil {
            refuse(
                origins["behindProxy"],
                "\"true\" needs tokensFile: all that the proxy lets through comes from the "
                    + "proxy's address, so only tokens tell callers apart"
            )
        }
        let trusts = [
            ("trustLoopback", configuration.options.authority.trustsLoopback),
            ("trustUnixSocket", configuration.options.authority.trustsUnixSocket),
        ]
        for (key, isSet) in trusts where isSet {
            refuse(
                origins[key],
                "\"true\" is impossible with behindProxy: what the proxy lets through would "
                    + "need no token"
            )
        }
    }
}

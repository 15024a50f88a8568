import ControlPlane

extension Setting {
    /// The settings that say whom the daemon believes, and how connections are kept secret.
    static let authority = [
        tokensFile, trustLoopback, trustUnixSocket, tlsCertificate, tlsKey, tlsClientCA,
        behindProxy,
    ]

    private static let tokensFile = file(
        "tokensFile",
        "--tokens-file",
        "file that says whose tokens may do what",
        \.tokensFile
    )

    private static let tlsCertificate = file(
        "tlsCertificate",
        "--tls-certificate",
        "file with the server's certificate and those that lead to its root",
        \.tlsCertificate
    )

    private static let tlsKey = file(
        "tlsKey",
        "--tls-key",
        "file with the key of the certificate",
        \.tlsKey
    )

    private static let tlsClientCA = file(
        "tlsClientCA",
        "--tls-client-ca",
        "file with the certificates of which one must have signed each client's",
        \.tlsClientCA
    )

    private static let trustLoopback = boolean(
        "trustLoopback",
        "--trust-loopback",
        "with a tokens file: whether loopback addresses may do everything without a token",
        \.options.authority.trustsLoopback,
        isReloaded: true
    )

    private static let trustUnixSocket = boolean(
        "trustUnixSocket",
        "--trust-unix-socket",
        "with a tokens file: whether the unix socket may do everything without a token",
        \.options.authority.trustsUnixSocket,
        isReloaded: true
    )

    private static let behindProxy = boolean(
        "behindProxy",
        "--behind-proxy",
        "whether a proxy does TLS for all who are not on this host",
        \.isBehindProxy,
        isReloaded: false
    )

    private static func file(
        _ key: String,
        _ flag: String,
        _ summary: String,
        _ keyPath: WritableKeyPath<DaemonConfiguration, String?> & Sendable
    ) -> Setting {
        Setting(
            key: key,
            flag: flag,
            form: .text,
            valueName: "FILE",
            summary: summary,
            allowed: "the path of a file of up to 1 MiB",
            apply: { (values, configuration) throws(Refusal) in
                configuration[keyPath: keyPath] = try Words.path(values, bytesMax: 4000)
            },
            describe: { $0[keyPath: keyPath] ?? "none" },
            isReloaded: true
        )
    }

    private static func boolean(
        _ key: String,
        _ flag: String,
        _ summary: String,
        _ keyPath: WritableKeyPath<DaemonConfiguration, Bool> & Sendable,
        isReloaded: Bool
    ) -> Setting {
        Setting(
            key: key,
            flag: flag,
            form: .boolean,
            valueName: "BOOLEAN",
            summary: summary,
            allowed: "true or false",
            apply: { (values, configuration) throws(Refusal) in
                configuration[keyPath: keyPath] = try Words.boolean(values)
            },
            describe: { "\($0[keyPath: keyPath])" },
            isReloaded: isReloaded
        )
    }
}

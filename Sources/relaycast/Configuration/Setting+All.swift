import ControlPlane
import Logging

extension Setting {
    /// Every setting, in the order in which people are told of them.
    static let all =
        [listen, unixSocket, dataDirectory]
        + authority + [allowedHosts, allowedOrigins, relays, logLevel, logFormat]
        + ServiceLimits.all.map(Setting.init(limit:))

    private static let listen = Setting(
        key: "listen",
        flag: "--listen",
        form: .list,
        valueName: "ADDRESS:PORT",
        summary: "IP address and TCP port to serve on; repeatable; port 0: any free one",
        allowed: "127.x.x.x:PORT, [::1]:PORT or none; with tokens and TLS any ADDRESS:PORT",
        apply: { (values, configuration) throws(Refusal) in
            configuration.options.listen = try Words.listenAddresses(values)
        },
        describe: { configuration in
            Words.joined(configuration.options.listen.map(Words.describe))
        }
    )

    private static let unixSocket = Setting(
        key: "unixSocket",
        flag: "--unix-socket",
        form: .text,
        valueName: "PATH",
        summary: "unix socket to serve on as well",
        allowed: "a path of 1 to 107 bytes",
        apply: { (values, configuration) throws(Refusal) in
            configuration.options.unixSocket = try Words.path(values, bytesMax: 107)
        },
        describe: { $0.options.unixSocket ?? "none" }
    )

    private static let dataDirectory = Setting(
        key: "dataDirectory",
        flag: "--data-directory",
        form: .text,
        valueName: "DIR",
        summary: "directory of the database, made if missing",
        allowed: "a path of 1 to 4000 bytes, relative to the working directory or absolute",
        apply: { (values, configuration) throws(Refusal) in
            configuration.options.dataDirectory = try Words.path(values, bytesMax: 4000)
        },
        describe: { $0.options.dataDirectory }
    )

    private static let allowedHosts = Setting(
        key: "allowedHosts",
        flag: "--allowed-host",
        form: .list,
        valueName: "NAME",
        summary: "further name accepted in the Host field; repeatable",
        allowed: "a host name without a port",
        apply: { (values, configuration) throws(Refusal) in
            configuration.options.allowedHosts = try Words.hostNames(values)
        },
        describe: { Words.joined($0.options.allowedHosts.sorted()) }
    )

    private static let allowedOrigins = Setting(
        key: "allowedOrigins",
        flag: "--allowed-origin",
        form: .list,
        valueName: "ORIGIN",
        summary: "origin of web pages that may use the API from elsewhere; repeatable",
        allowed: "an origin such as https://dashboard.example:8443",
        apply: { (values, configuration) throws(Refusal) in
            configuration.options.allowedOrigins = try Words.origins(values)
        },
        describe: { Words.joined($0.options.allowedOrigins.sorted()) }
    )

    private static let relays = Setting(
        key: "relays",
        flag: "--relay",
        form: .list,
        valueName: "ADDRESS",
        summary: "address of another relay between the same networks; repeatable",
        allowed: "up to \(ServiceOptions.relaysMax) IP addresses of hosts",
        apply: { (values, configuration) throws(Refusal) in
            configuration.options.relays = try Words.hostAddresses(
                values,
                countMax: ServiceOptions.relaysMax
            )
        },
        describe: { Words.joined($0.options.relays.map { "\($0)" }.sorted()) },
        isReloaded: true
    )

    private static let logLevel = Setting(
        key: "logLevel",
        flag: "--log-level",
        form: .text,
        valueName: "LEVEL",
        summary: "least severe events to log",
        allowed: Words.alternatives(Logger.Level.self),
        apply: { (values, configuration) throws(Refusal) in
            configuration.logLevel = try Words.choice(values)
        },
        describe: { $0.logLevel.rawValue }
    )

    private static let logFormat = Setting(
        key: "logFormat",
        flag: "--log-format",
        form: .text,
        valueName: "FORMAT",
        summary: "how a line of the log looks",
        allowed: Words.alternatives(LogFormat.self),
        apply: { (values, configuration) throws(Refusal) in
            configuration.logFormat = try Words.choice(values)
        },
        describe: { $0.logFormat.rawValue }
    )

    private init(limit: ServiceLimits.Limit) {
        self.init(
            key: limit.name,
            flag: "--" + limit.name.words.joined(separator: "-"),
            form: .integer,
            valueName: "N",
            summary: limit.summary,
            allowed: "an integer from \(limit.range.lowerBound) to \(limit.range.upperBound)",
            apply: { (values, configuration) throws(Refusal) in
                configuration.options.limits[keyPath: limit.keyPath] =
                    try Words.integer(values, in: limit.range)
            },
            describe: { "\($0.options.limits[keyPath: limit.keyPath])" }
        )
    }
}

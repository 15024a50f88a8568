// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "relaycast",
    products: [
        .executable(name: "relaycast", targets: ["relaycast"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        // Nouns and their rules.
        .target(name: "RelayModel", swiftSettings: strict),

        // The data plane.
        .target(name: "CRelaySocket", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .target(
            name: "RelayEngine",
            dependencies: ["RelayModel", "CRelaySocket"],
            // Functions that return spans of their arenas.
            swiftSettings: strict + [.enableExperimentalFeature("Lifetimes")]
        ),

        // Definitions on disk.
        .systemLibrary(
            name: "CSQLite",
            path: "Sources/SessionStore/CSQLite",
            pkgConfig: "sqlite3",
            providers: [.apt(["libsqlite3-dev"])]
        ),
        .target(
            name: "SessionStore",
            dependencies: [
                "RelayModel", "CSQLite", .product(name: "GRDB", package: "GRDB.swift"),
            ],
            exclude: ["CSQLite"],
            swiftSettings: strict
        ),

        // Files that the daemon serves.
        .target(
            name: "CAssets",
            cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror", "-Wno-c23-extensions"])]
        ),

        // libmicrohttpd as Swift.
        .systemLibrary(
            name: "CMicroHTTPD",
            pkgConfig: "libmicrohttpd",
            providers: [.apt(["libmicrohttpd-dev", "libgnutls28-dev"])]
        ),
        .target(
            name: "HTTPHosting",
            dependencies: [
                "CMicroHTTPD", .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: strict
        ),

        // The API.
        .target(
            name: "ControlPlane",
            dependencies: [
                "RelayModel", "RelayEngine", "SessionStore", "HTTPHosting", "CAssets",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "relaycast",
            dependencies: [
                "ControlPlane",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),

        // What scripts/bench runs; no part of the daemon.
        .target(
            name: "CBenchReference",
            dependencies: ["CMicroHTTPD"],
            cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]
        ),
        .executableTarget(
            name: "relaycast-bench",
            dependencies: [
                "CBenchReference", "RelayEngine", "RelayModel",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),

        .testTarget(name: "RelayModelTests", dependencies: ["RelayModel"], swiftSettings: strict),
        .testTarget(
            name: "RelayEngineTests",
            dependencies: ["RelayEngine"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "SessionStoreTests",
            dependencies: ["SessionStore", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: strict
        ),
        .testTarget(
            name: "HTTPHostingTests",
            dependencies: ["HTTPHosting"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ControlPlaneTests",
            dependencies: [
                "ControlPlane", "RelayModel", "RelayEngine", "SessionStore", "HTTPHosting",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "RelaycastTests",
            dependencies: [
                "relaycast", "ControlPlane",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu17
)

// scripts/fuzz builds this apart from the rest and links it with libFuzzer's main function.
if Context.environment["RELAYCAST_FUZZING"] != nil {
    package.products.append(
        .library(name: "RelaycastFuzzing", type: .static, targets: ["RelaycastFuzzing"])
    )
    package.targets.append(
        .target(
            name: "RelaycastFuzzing",
            dependencies: ["ControlPlane", "HTTPHosting", "RelayModel"],
            path: "Tests/Fuzzing"
        )
    )
}

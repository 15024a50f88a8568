import CAssets
import HTTPHosting

/// A file that is embedded in the executable.
enum EmbeddedFile {
    /// openapi.yaml, byte for byte.
    // Safe because the bytes are constants of the executable, and `Content` copies them.
    static let contract = unsafe content(of: relaycast_contract())

    private static func content(of asset: relaycast_asset) -> Content {
        unsafe Content(Array(UnsafeBufferPointer(start: asset.bytes, count: asset.length)))
    }
}

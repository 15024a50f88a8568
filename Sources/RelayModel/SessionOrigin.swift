/// Where a session's definition comes from, and so who may change it.
package enum SessionOrigin: String, Sendable, CaseIterable {
    /// A client of the API.
    case api
    /// The `sessions` section of the configuration file: read-only over the API.
    case configuration
}

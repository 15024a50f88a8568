import CMicroHTTPD

/// A connection of the library that can be put to sleep.
///
/// Using a connection after its end is undefined. So whoever keeps one uses it only from the
/// connection's own callbacks, or while it is suspended: then it can neither end nor go on.
@safe struct LibraryConnection: Sendable {
    // Safe because of the rule above, which `RequestsInProgress` and `ResponseStream` keep.
    private nonisolated(unsafe) let pointer: OpaquePointer

    /// The library's connection.
    init(_ pointer: OpaquePointer) {
        unsafe self.pointer = unsafe pointer
    }

    /// Takes the connection out of the library's loop; from its own callback only, and not twice.
    func suspend() {
        unsafe MHD_suspend_connection(pointer)
    }

    /// Puts a suspended connection back; from any thread.
    func resume() {
        unsafe MHD_resume_connection(pointer)
    }
}

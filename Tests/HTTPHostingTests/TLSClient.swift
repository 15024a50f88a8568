import Glibc

@testable import HTTPHosting

/// Connects to `listener` through `openssl s_client`, which speaks TLS for the client returned.
///
/// - Parameters:
///   - authority: whose servers to trust.
///   - name: whose certificate to show, if any.
func connectTLS(
    _ listener: HTTPListener,
    _ certificates: TestCertificates,
    trusting authority: String = "ca",
    as name: String? = nil,
    options: [String] = []
) throws -> TestClient {
    guard case .tcp(let host, let port) = listener.boundAddress else {
        throw TestFailure("The listener has no address.")
    }
    var arguments = [
        "openssl", "s_client", "-quiet", "-no_ign_eof", "-verify_return_error",
        "-connect", "\(host):\(port)", "-servername", "localhost",
        "-verify_hostname", "localhost", "-CAfile", "\(certificates.folder)/\(authority).crt",
    ]
    if let name {
        arguments += ["-cert", "\(certificates.folder)/\(name).crt"]
        arguments += ["-key", "\(certificates.folder)/\(name).key"]
    }
    var pair: [Int32] = [0, 0]
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    // Safe because the array has room for two.
    guard unsafe socketpair(AF_UNIX, type, 0, &pair) == 0 else {
        throw TestFailure("socketpair: \(errno)")
    }
    defer { close(pair[1]) }
    let client = TestClient(connected: pair[0])
    client.helper = TestProcess(id: try spawn(arguments + options, input: pair[1]))
    return client
}

/// A process that ends with the last reference to it.
final class TestProcess {
    private let id: pid_t

    /// Takes over a child.
    init(id: pid_t) { self.id = id }

    deinit {
        kill(id, SIGKILL)
        var status: Int32 = 0
        // Safe because the status outlives the call.
        unsafe waitpid(id, &status, 0)
    }
}

/// Runs a program whose standard input and output are `input`, and whose errors nobody reads.
private func spawn(_ arguments: [String], input: Int32) throws -> pid_t {
    // Safe because actions and strings are valid during the calls, and are freed after them.
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_adddup2(&actions, input, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, input, 1)
    unsafe posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    var words = unsafe arguments.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe words.indices { unsafe free(words[index]) } }
    var processID = pid_t()
    guard unsafe posix_spawnp(&processID, arguments[0], &actions, nil, &words, environ) == 0 else {
        throw TestFailure("posix_spawnp: \(arguments[0])")
    }
    return processID
}

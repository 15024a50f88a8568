import ArgumentParser
import ControlPlane

/// `relaycast make-token`: a new secret, and what the tokens file says of it.
struct MakeToken: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "make-token",
        abstract: "Print a new secret, and the entry for the tokens file.",
        discussion: """
            The first line on standard output is the secret: give it to whoever is to use the API, \
            and keep it nowhere else. The second line is the entry for "tokens" in the tokens \
            file, which has only the secret's SHA-256. A running daemon reads the file again on \
            SIGHUP.
            """
    )

    @Option(help: "the name that logs show")
    var id: String

    @Option(
        name: .customLong("scope"),
        help: ArgumentHelp(
            "what the bearer may do; repeatable: "
                + Scope.allCases.map(\.rawValue).joined(separator: ", "),
            valueName: "scope"
        )
    )
    var scopes: [String]

    @Option(help: "only sessions with these labels, such as env=prod,team")
    var selector: String?

    @Option(
        help: ArgumentHelp(
            "when it ends to be valid, such as 2027-01-31T00:00:00Z",
            valueName: "time"
        )
    )
    var expiresAt: String?

    @Option(help: ArgumentHelp("most requests a second", valueName: "n"))
    var requestsPerSecond: Int?

    func run() throws {
        do throws(DocumentFaults) {
            let token = try NewToken(
                id: id,
                scopes: scopes,
                selector: selector,
                expiresAt: expiresAt,
                requestsPerSecond: requestsPerSecond
            )
            StandardOutput.write("\(token.secret)\n\(token.entry)\n")
        } catch {
            let sentences = error.faults.map { fault in
                "\(fault.pointer.replacing("/tokens/0/", with: "")) \(fault.detail)"
            }
            throw ValidationError(sentences.joined(separator: "\n"))
        }
    }
}

import RelayModel

extension JSONValue {
    /// Reads the section `handlers` of the configuration file; throws every fault with its pointer.
    ///
    /// Whether the commands are there is for whoever can look.
    package func handlers() throws(DocumentFaults) -> [HandlerName: Handler] {
        try document { reader in
            let names = reader.members.keys.sorted()
            if names.count > Handler.handlersMax {
                reader.invalid(names[0], "and others: at most \(Handler.handlersMax) handlers")
                for name in names { _ = reader.take(name) }
            }
            var handlers: [HandlerName: Handler] = [:]
            for text in names where reader.has(text) {
                guard let name = HandlerName(text) else {
                    _ = reader.take(text)
                    reader.invalid(text, "is not the name of a handler: \(HandlerName.rule)")
                    continue
                }
                handlers[name] = reader.handler(text)
            }
            return handlers
        }
    }
}

extension ObjectReader {
    fileprivate mutating func handler(_ key: String) -> Handler? {
        guard var reader = object(key) else { return nil }
        if !reader.has("argv") { reader.add(.missingField, "argv", "name the command") }
        let arguments = reader.list(
            "argv",
            "1 to \(Handler.argumentBytesMax) bytes without NUL",
            count: 1...Handler.argumentsMax
        ) { text in
            let isFit = text.utf8.count <= Handler.argumentBytesMax && !text.utf8.contains(0)
            return isFit ? text : nil
        }
        let timeoutSeconds = reader.integer("timeoutSeconds", in: Handler.timeoutSecondsRange)
        let concurrencyMax = reader.integer("concurrencyMax", in: Handler.concurrencyRange)
        let output = reader.word("output", Handler.Output.self)
        let environment = reader.word("environment", Handler.Environment.self)
        if let first = arguments?.first, !first.hasPrefix("/") {
            reader.invalid("argv", "must begin with the absolute path of a command, not \(first)")
        }
        reader.finish()
        append(reader.faults)
        guard let arguments else { return nil }
        return Handler(
            arguments,
            timeoutSeconds: timeoutSeconds ?? Handler.timeoutSecondsDefault,
            concurrencyMax: concurrencyMax ?? Handler.concurrencyDefault,
            output: output ?? .lines,
            environment: environment ?? .relaycast
        )
    }
}

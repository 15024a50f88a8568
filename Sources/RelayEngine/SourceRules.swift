import RelayModel

/// Which source addresses are let in: those that are allowed, all where none are listed, and not
/// denied.
struct SourceRules {
    private let allow: [CIDRBlock]
    private let deny: [CIDRBlock]

    init(allow: [CIDRBlock], deny: [CIDRBlock]) {
        self.allow = allow
        self.deny = deny
    }

    @inline(__always)
    func admit(_ source: IPAddress) -> Bool {
        for block in deny where block.contains(source) { return false }
        return allow.isEmpty || allow.contains { $0.contains(source) }
    }
}

/// A definition in one place for all that hold it: what is asked of a session, and what runs.
package final class SharedDefinition: Sendable {
    package let value: SessionDefinition

    package init(_ value: SessionDefinition) { self.value = value }
}

// Members of objects, under keys that are literals and under those that are not.

extension JSONWriter {
    /// Writes a member whose value is a string.
    package mutating func member(_ name: StaticString, _ text: String) {
        key(name)
        value(text)
    }

    /// Writes a member whose value is a string.
    @_disfavoredOverload
    package mutating func member(_ name: String, _ text: String) {
        key(name)
        value(text)
    }

    /// Writes a member whose value is an integer.
    package mutating func member(_ name: StaticString, _ number: Int) {
        key(name)
        value(number)
    }

    /// Writes a member whose value is an integer.
    @_disfavoredOverload
    package mutating func member(_ name: String, _ number: Int) {
        key(name)
        value(number)
    }

    /// Writes a member whose value is an integer.
    @_disfavoredOverload
    package mutating func member(_ name: String, _ number: UInt64) {
        key(name)
        value(number)
    }

    /// Writes a member whose value is an integer of another size.
    package mutating func member(_ name: StaticString, _ number: some FixedWidthInteger) {
        key(name)
        value(number)
    }

    /// Writes a member whose value is an integer of another size.
    @_disfavoredOverload
    package mutating func member(_ name: String, _ number: some FixedWidthInteger) {
        key(name)
        value(number)
    }

    /// Writes a member whose value is a finite number.
    package mutating func member(_ name: StaticString, _ number: Double) {
        key(name)
        value(number)
    }

    /// Writes a member whose value is a finite number.
    @_disfavoredOverload
    package mutating func member(_ name: String, _ number: Double) {
        key(name)
        value(number)
    }

    /// Writes a member whose value is true or false.
    package mutating func member(_ name: StaticString, _ flag: Bool) {
        key(name)
        value(flag)
    }

    /// Writes a member whose value is true or false.
    @_disfavoredOverload
    package mutating func member(_ name: String, _ flag: Bool) {
        key(name)
        value(flag)
    }

    /// Writes a member whose value is a string of ASCII characters that need no escapes.
    package mutating func member(_ name: StaticString, plain ascii: Span<UInt8>) {
        key(name)
        value(plain: ascii)
    }
}

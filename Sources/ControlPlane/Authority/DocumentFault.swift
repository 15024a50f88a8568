/// Something wrong with a document that the operator wrote.
package struct DocumentFault: Hashable, Sendable {
    /// Where, as a JSON pointer (RFC 6901); empty for the whole document.
    package let pointer: String
    /// What is wrong with it, and what to do.
    package let detail: String
}

/// Everything that is wrong with a document.
package struct DocumentFaults: Error, Equatable {
    /// At least one, in the order of the document as far as its members have one.
    package let faults: [DocumentFault]

    init(_ faults: [ObjectReader.Fault]) {
        self.faults = faults.map { DocumentFault(pointer: $0.pointer, detail: $0.detail) }
    }
}

extension JSONValue {
    /// Reads a value that must be an object with `read`, and throws all that is wrong with it.
    func document<Value>(
        _ read: (inout ObjectReader) -> Value
    ) throws(DocumentFaults) -> Value {
        guard case .object(let members) = self else {
            throw DocumentFaults([
                .init(
                    code: .invalidField,
                    pointer: "",
                    detail: "must be an object, not \(typeName)"
                )
            ])
        }
        var reader = ObjectReader(members)
        let value = read(&reader)
        reader.finish()
        guard reader.faults.isEmpty else { throw DocumentFaults(reader.faults) }
        return value
    }
}

extension ObjectReader {
    /// Reads a list of objects, each with `read`; an absent one is empty.
    mutating func objects<Value>(
        _ key: String,
        countMax: Int,
        _ read: (inout ObjectReader) -> Value?
    ) -> [Value] {
        guard let value = take(key) else { return [] }
        guard case .array(let elements) = value else {
            invalid(key, "must be an array, not \(value.typeName)")
            return []
        }
        guard elements.count <= countMax else {
            invalid(key, "must have at most \(countMax) elements")
            return []
        }
        var values: [Value] = []
        for (index, element) in elements.enumerated() {
            let place = "\(pointer(to: key))/\(index)"
            guard case .object(let members) = element else {
                append([
                    Fault(
                        code: .invalidField,
                        pointer: place,
                        detail: "must be an object, not \(element.typeName)"
                    )
                ])
                continue
            }
            var reader = ObjectReader(members, at: place)
            let value = read(&reader)
            reader.finish()
            append(reader.faults)
            if let value, reader.faults.isEmpty { values.append(value) }
        }
        return values
    }
}

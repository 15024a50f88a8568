import HTTPTypes

/// Why a request was not served, as problem details (RFC 9457).
///
/// This is the one place that turns errors into responses.
package struct Problem: Error, Sendable, Equatable {
    /// The HTTP status.
    package var status: HTTPResponse.Status

    /// What a program looks at, in kebab case; also the end of `type`.
    package var code: String

    /// The same sentence for every problem of this code.
    package var title: String

    /// What happened this time.
    package var detail: String

    /// Which parts of the request were at fault; left out when empty.
    package var errors: [FieldError]

    /// The name of the error the system gave, such as `EADDRINUSE`.
    package var errno: String?

    /// Further members of the object.
    package var extensions: [Extension]

    /// Further response fields, such as `Retry-After` or `Allow`.
    package var fields: HTTPFields

    /// One part of the request that was at fault.
    package struct FieldError: Sendable, Equatable {
        /// Where in the body, as a JSON pointer (RFC 6901).
        package var pointer: String

        /// What is wrong with it.
        package var detail: String

        /// A fault at `pointer`.
        package init(pointer: String, detail: String) {
            self.pointer = pointer
            self.detail = detail
        }
    }

    /// One further member: a name, and its value as JSON.
    package struct Extension: Sendable, Equatable {
        /// The member's name, in camel case.
        package var name: String

        /// The member's value, already JSON.
        package var json: [UInt8]

        /// A member whose value is an integer.
        package static func integer(_ name: String, _ value: Int) -> Extension {
            json(name) { $0.value(value) }
        }

        /// A member whose value is a string.
        package static func string(_ name: String, _ value: String) -> Extension {
            json(name) { $0.value(value) }
        }

        /// A member whose value is what `write` appends.
        package static func json(
            _ name: String,
            _ write: (inout JSONWriter) -> Void
        ) -> Extension {
            var writer = JSONWriter()
            write(&writer)
            return Extension(name: name, json: writer.bytes)
        }
    }

    /// A problem; see the properties.
    package init(
        status: HTTPResponse.Status,
        code: String,
        title: String,
        detail: String,
        errors: [FieldError] = [],
        errno: String? = nil,
        extensions: [Extension] = [],
        fields: HTTPFields = [:]
    ) {
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = errors
        self.errno = errno
        self.extensions = extensions
        self.fields = fields
    }
}

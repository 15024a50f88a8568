import HTTPTypes

typealias HTTPStatus = HTTPResponse.Status

import Testing

@testable import ControlPlane

/// Which format an Accept field gets.
@Suite struct MetricsFormatTests {
    /// What Prometheus 2.42 sends.
    private static let prometheus =
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
        + "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"

    /// What Prometheus 3 sends, in the order of its preference.
    private static let prometheus3 =
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        + "application/openmetrics-text;version=0.0.1;q=0.5,"
        + "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,"
        + "*/*;q=0.2"

    @Test(arguments: [
        prometheus, prometheus3, "application/openmetrics-text",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        "Application/OpenMetrics-Text;Version=\"1.0.0\"", "application/*",
        "application/*, text/*;q=0.9",
        "application/openmetrics-text, */*",
        "text/plain;q=0.999, application/openmetrics-text;q=1.000",
        "text/plain;q=0, */*", "text/html, application/openmetrics-text;q=0.001",
        "application/json;x=\"a,text/plain\", application/openmetrics-text",
        "application/openmetrics-text;q=0, application/openmetrics-text;version=1.0.0",
        ", , application/openmetrics-text\t;\tq=0.5",
        "application/openmetrics-text;version=1.0.0, text/plain",
    ])
    func openMetricsIsGivenWhereItIsPreferred(accept: String) {
        #expect(MetricsFormat(accept: accept) == .openMetrics)
    }

    @Test(arguments: [
        nil, "", "*/*", "text/*", "text/plain", "text/plain; version=0.0.4; charset=utf-8",
        "text/*, application/*", "text/plain, application/openmetrics-text",
        "application/openmetrics-text;q=0.5, text/plain;q=0.501",
        "application/openmetrics-text;q=0.5, */*", "application/openmetrics-text;version=0.0.1",
        // Neither is admitted: the default all the same.
        "application/json", "text/plain;q=0, application/openmetrics-text;q=0", "*/*;q=0",
        "text/plain;version=1.0.0",
        // Ill-formed alternatives do not count.
        "application/openmetrics-text;q=2", "application/openmetrics-text;q=1.001",
        "application/openmetrics-text;q=0.1234", "application/openmetrics-text;q=-1",
        "application/openmetrics-text;q=", "application", "application/", "/openmetrics-text",
        "application/openmetrics-text/x", "*/openmetrics-text", "\"",
        "application/openmetrics-text\"",
        ";q=1", "=,;/", "\"application/openmetrics-text\"",
    ])
    func textIsGivenOtherwise(accept: String?) {
        #expect(MetricsFormat(accept: accept) == .text)
    }

    @Test func aRangeKeepsItsVersionAndItsWeight() throws {
        let ranges = MediaRange.list("a/B;version=2;q=0.25 , c/*;Q=1.0;version=\"x;,y\"")
        try #require(ranges.count == 2)
        #expect(ranges[0].type == "a" && ranges[0].subtype == "b")
        #expect(ranges[0].version == "2" && ranges[0].weight == 250)
        #expect(ranges[1].subtype == "*" && ranges[1].version == "x;,y")
        #expect(ranges[1].weight == 1000)
    }
}

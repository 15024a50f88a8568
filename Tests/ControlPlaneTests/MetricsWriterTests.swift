import Testing

@testable import ControlPlane

/// What stands in an exposition, byte for byte.
@Suite struct MetricsWriterTests {
    private static let counter = MetricFamily(
        "a_bytes",
        .counter,
        unit: "bytes",
        help: "A \\ \"b\"\nc"
    )

    private func written(
        _ format: MetricsFormat,
        _ write: (inout MetricsWriter) -> Void
    ) -> String {
        var writer = MetricsWriter(format)
        write(&writer)
        writer.end()
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test func theTextFormatNamesACounterByItsSamples() {
        let text = written(.text) { writer in
            writer.begin(Self.counter)
            writer.sample(.integer(7))
        }
        #expect(
            text == """
                # HELP a_bytes_total A \\\\ "b"\\nc
                # TYPE a_bytes_total counter
                a_bytes_total 7

                """
        )
    }

    @Test func openMetricsNamesItsFamilyItsUnitAndTheEnd() {
        let text = written(.openMetrics) { writer in
            writer.begin(Self.counter)
            writer.sample(.integer(7))
        }
        #expect(
            text == """
                # HELP a_bytes A \\\\ \\"b\\"\\nc
                # TYPE a_bytes counter
                # UNIT a_bytes bytes
                a_bytes_total 7
                # EOF

                """
        )
    }

    @Test func anInfoIsAGaugeInTheTextFormat() {
        let info = MetricFamily("a", .info, help: "b")
        func write(_ writer: inout MetricsWriter) {
            writer.begin(info)
            writer.sample(.integer(1), ["version": "2"])
        }
        #expect(
            written(.text, write)
                == "# HELP a_info b\n# TYPE a_info gauge\na_info{version=\"2\"} 1\n"
        )
        #expect(
            written(.openMetrics, write)
                == "# HELP a b\n# TYPE a info\na_info{version=\"2\"} 1\n# EOF\n"
        )
    }

    @Test(arguments: MetricsFormat.allCases) func aFamilyWithoutSamplesIsLeftOut(
        format: MetricsFormat
    ) {
        let text = written(format) { $0.begin(Self.counter) }
        #expect(text == (format == .text ? "" : "# EOF\n"))
    }

    @Test(arguments: MetricsFormat.allCases) func labelsAreEscaped(format: MetricsFormat) {
        let text = written(format) { writer in
            writer.begin(MetricFamily("a", .gauge, help: "b"))
            writer.sample(.integer(0), ["c": "\\ \" \n ü", "d": ""])
        }
        #expect(text.contains("\na{c=\"\\\\ \\\" \\n ü\",d=\"\"} 0\n"))
    }

    @Test(
        arguments: [
            (.integer(0), "0"), (.integer(.max), "18446744073709551615"),
            (.integer(9_007_199_254_740_993), "9007199254740993"), (.nanoseconds(0), "0.0"),
            (.nanoseconds(1), "0.000000001"), (.nanoseconds(1_500_000_000), "1.5"),
            (.nanoseconds(1_795_377_347_123_456_789), "1795377347.123456789"),
            (.nanoseconds(.max), "18446744073.709551615"), (.number(0.1), "0.1"),
            (.number(-2), "-2.0"),
        ] as [(MetricValue, String)]
    )
    func numbersAreExact(value: MetricValue, text: String) {
        let line = written(.text) { writer in
            writer.begin(MetricFamily("a", .gauge, help: "b"))
            writer.sample(value)
        }
        #expect(line.hasSuffix("\na \(text)\n"))
    }

    @Test func aHistogramAddsUpItsBuckets() {
        let values = HistogramValues(
            bounds: [10_000, 1_000_000_000],
            counts: [1, 0, 2],
            sumNanoseconds: 5_000_005_000
        )
        let text = written(.text) { writer in
            writer.begin(MetricFamily("a_seconds", .histogram, unit: "seconds", help: "b"))
            writer.histogram(values, MetricsWriter.labels(["c": "d"]))
        }
        #expect(
            text == """
                # HELP a_seconds b
                # TYPE a_seconds histogram
                a_seconds_bucket{c="d",le="1e-05"} 1
                a_seconds_bucket{c="d",le="1.0"} 1
                a_seconds_bucket{c="d",le="+Inf"} 3
                a_seconds_sum{c="d"} 5.000005
                a_seconds_count{c="d"} 3

                """
        )
    }

    @Test func aDurationOnABoundIsBelowIt() {
        let histogram = Histogram(bounds: [10, 20])
        for duration: UInt64 in [0, 10, 11, 20, 21, .max / 2] {
            histogram.record(nanoseconds: duration)
        }
        #expect(histogram.values().counts == [2, 2, 2])
        #expect(histogram.values().sumNanoseconds == 62 + UInt64.max / 2)
    }

    @Test func everyMetricHasANameOfItsOwnAndAHelpWithoutAFullStop() {
        let names = Metric.all.map(\.family.name)
        #expect(Set(names).count == names.count)
        for family in Metric.all.map(\.family) {
            #expect(!family.help.isEmpty && family.help.last != ".")
            #expect(
                family.name.utf8.allSatisfy { $0 == UInt8(ascii: "_") || (97...122).contains($0) }
            )
            #expect(!family.name.hasSuffix("_total") && !family.name.hasSuffix("_info"))
        }
    }
}

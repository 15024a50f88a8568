import Foundation
import Logging
import Testing

@testable import relaycast

/// What a line of the log looks like, whatever is in it.
@Suite struct LogLineTests {
    @Test func aTextLineHasTimeLevelMessageAndSortedPairs() {
        let line = LogLine(
            time: Date(timeIntervalSince1970: 1_764_000_000.1239),
            level: .info,
            message: "request done",
            metadata: ["status": "201", "path": "/v1/sessions", "detail": "it is done", "a": ""]
        )
        #expect(
            line.rendered(as: .text)
                == "2025-11-24T16:00:00.123Z info     request done a=\"\" "
                + "detail=\"it is done\" path=/v1/sessions status=201\n"
        )
    }

    @Test func aJSONLineIsOneObjectWithNestedMetadata() throws {
        let line = LogLine(
            time: Date(timeIntervalSince1970: 0),
            level: .error,
            message: #"say "hi" \"#,
            metadata: ["list": ["a", .dictionary(["b": "c"])]]
        )
        #expect(
            line.rendered(as: .json)
                == #"{"time":"1970-01-01T00:00:00.000Z","level":"error","#
                + #""message":"say \"hi\" \\","list":["a",{"b":"c"}]}"# + "\n"
        )
    }

    @Test(arguments: LogFormat.allCases)
    func nothingInItCanForgeALineOrSteerATerminal(format: LogFormat) throws {
        let hostile = "a\nb\r\u{1B}[2Jc\u{2028}\u{85}\0\"\\ d"
        let line = LogLine(
            time: Date(),
            level: .warning,
            message: hostile,
            metadata: ["key": .string(hostile)]
        )
        .rendered(as: format)
        #expect(line.hasSuffix("\n"))
        let controls = line.dropLast().unicodeScalars.filter {
            $0.properties.generalCategory == .control || $0 == "\u{2028}"
        }
        #expect(controls.isEmpty)
        if format == .json {
            let object = try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
            #expect(object["message"] == hostile)
            #expect(object["key"] == hostile)
        }
    }

}

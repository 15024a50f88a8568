import Glibc
import Testing

@testable import relaycast

/// Signals, each test in a child process. There raise(3) stands for the signal from outside:
/// it goes to the calling thread, as only the main thread's mask is Relaycast's in a test.
@Suite struct SignalsTests {
    @Test func blockedSignalsWaitUntilTheyAreAskedFor() async {
        await #expect(processExitsWith: .exitCode(3)) {
            Signals.block()
            for signal in [SIGPIPE, SIGHUP, SIGINT] {
                raise(signal)
            }
            var hangUps = 0
            let name = Signals.waitForTermination { hangUps += 1 }
            // SIGHUP has the lower number, so the kernel hands it out first.
            exit(name == "SIGINT" && hangUps == 1 ? 3 : 1)
        }
    }

    @Test func aSecondTerminationEndsTheProcessAtOnce() async {
        await #expect(processExitsWith: .signal(SIGTERM)) {
            Signals.block()
            raise(SIGINT)
            _ = Signals.waitForTermination {}
            Signals.unblockTermination()
            raise(SIGTERM)
            exit(3)
        }
    }
}

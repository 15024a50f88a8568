import Foundation
import Glibc
import RelayEngine

/// What the kernel says of this process (proc(5)).
struct ProcessReading: Sendable {
    /// User and system time.
    let cpuNanoseconds: UInt64
    let residentMemoryBytes: UInt64
    let virtualMemoryBytes: UInt64
    /// nil where they cannot be counted.
    let openDescriptors: UInt64?
    /// Soft RLIMIT_NOFILE.
    let descriptorsMax: UInt64
    /// Since 1970.
    let startNanoseconds: UInt64

    /// Since 1970; read once, because it needs all of /proc/stat.
    private static let bootSeconds: UInt64? = {
        let lines = text("/proc/stat")?.split(separator: "\n") ?? []
        let line = lines.first { $0.hasPrefix("btime ") }
        return line.flatMap { UInt64($0.dropFirst(6)) }
    }()

    /// What is true now; nil without /proc.
    init?() {
        guard let text = Self.text("/proc/self/stat"), let end = text.lastIndex(of: ")"),
            let boot = Self.bootSeconds
        else { return nil }
        // Fields are numbered from 1 in proc(5); the third follows the command in parentheses.
        let fields = text[text.index(after: end)...].split(separator: " ")
        func field(_ number: Int) -> UInt64? {
            number - 3 < fields.count ? UInt64(fields[number - 3]) : nil
        }
        guard let user = field(14), let system = field(15), let start = field(22),
            let virtualBytes = field(23), let residentPages = field(24)
        else { return nil }
        let nanosecondsATick = 1_000_000_000 / UInt64(max(sysconf(Int32(_SC_CLK_TCK)), 1))
        cpuNanoseconds = (user + system) * nanosecondsATick
        residentMemoryBytes = residentPages * UInt64(max(sysconf(Int32(_SC_PAGESIZE)), 1))
        virtualMemoryBytes = virtualBytes
        openDescriptors = Self.countDescriptors()
        descriptorsMax = UInt64(HostNetwork.descriptorLimit)
        startNanoseconds = boot * 1_000_000_000 + start * nanosecondsATick
    }

    /// Since Linux 6.2 the folder's size is their number (proc_pid_fd(5)); before, it is 0 and its
    /// entries are counted, one of which is the folder itself.
    private static func countDescriptors() -> UInt64? {
        let folder = "/proc/self/fd"
        let attributes = try? FileManager.default.attributesOfItem(atPath: folder)
        if let size = attributes?[.size] as? UInt64, size > 0 { return size }
        let entries = try? FileManager.default.contentsOfDirectory(atPath: folder)
        return entries.map { UInt64(max($0.count - 1, 0)) }
    }

    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
}

import Foundation
import Glibc

/// A file that the operator wrote, whole in memory.
///
/// Safe because open(2) only reads the path, fstat(2) only writes the one local structure it is
/// lent, and strerror(3)'s text is copied at once.
struct OperatorFile {
    /// What is in it.
    let bytes: [UInt8]
    /// Who may do what with it: the lower twelve bits of st_mode (inode(7)).
    let permissions: UInt32

    /// Why a file cannot be used, as the rest of a sentence that begins with its path.
    struct Failure: Error {
        let reason: String
    }

    /// Most bytes of a file, so that a wrong path such as /dev/zero is no endless read.
    static let bytesMax = 1_048_576

    /// Reads a file with at most `bytesMax` bytes.
    init(path: String) throws(Failure) {
        // Not waiting: the open(2) of a FIFO without a writer would never return.
        let descriptor = unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Failure(reason: "cannot be read: \(unsafe String(cString: strerror(errno)))")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(reason: "is no regular file")
        }
        let data: Data
        do {
            data = try handle.read(upToCount: Self.bytesMax + 1) ?? Data()
        } catch {
            throw Failure(reason: "cannot be read: \(Self.reason(for: error))")
        }
        guard data.count <= Self.bytesMax else {
            throw Failure(reason: "has more than \(Self.bytesMax) bytes")
        }
        bytes = [UInt8](data)
        permissions = status.st_mode & 0o7777
    }

    /// Refuses a file that people besides the owner could have written.
    func refuseOtherWriters() throws(Failure) {
        guard permissions & 0o022 != 0 else { return }
        throw Failure(reason: "can be written by others than its owner: chmod go-w")
    }

    /// What errno said, without the error around it.
    private static func reason(for error: any Error) -> String {
        let underlying = (error as? CocoaError)?.underlying ?? error
        return (underlying as NSError).localizedFailureReason ?? underlying.localizedDescription
    }
}

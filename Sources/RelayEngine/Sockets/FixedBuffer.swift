import CRelaySocket

/// A block of elements whose number never changes, aligned to a cache line.
///
/// For what is read or written for each datagram: an element costs a comparison with the count, and
/// no check for exclusive access or sharing, as a variable array would have.
@safe struct FixedBuffer<Element>: ~Copyable {
    let count: Int
    /// nil when there are none.
    private let elements: UnsafeMutablePointer<Element>?

    /// No elements, and no memory.
    init() {
        count = 0
        unsafe elements = nil
    }

    /// `count` elements, at least 1.
    init(repeating element: Element, count: Int) {
        self.count = count
        // Safe because the block has room for all elements, which are initialized until deinit.
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: count * MemoryLayout<Element>.stride,
            alignment: 64
        )
        let elements = unsafe memory.bindMemory(to: Element.self, capacity: count)
        unsafe elements.initialize(repeating: element, count: count)
        unsafe self.elements = unsafe elements
    }

    deinit {
        // Safe because nothing borrowed from a noncopyable value outlives it.
        guard let elements = unsafe elements else { return }
        unsafe elements.deinitialize(count: count)
        unsafe elements.deallocate()
    }

    /// Has the processor fetch the cache line of an element that will be wanted, without waiting.
    @inline(__always)
    func prefetch(_ index: Int) {
        precondition(index >= 0 && index < count)
        // Safe because the index is below the count, and nothing is read.
        unsafe relay_prefetch(elements.unsafelyUnwrapped + index)
    }

    subscript(index: Int) -> Element {
        @inline(__always) get {
            precondition(index >= 0 && index < count)
            // Safe because the index is below the count.
            return unsafe elements.unsafelyUnwrapped[index]
        }
        @inline(__always) nonmutating set {
            precondition(index >= 0 && index < count)
            // Safe because the index is below the count.
            unsafe elements.unsafelyUnwrapped[index] = newValue
        }
    }
}

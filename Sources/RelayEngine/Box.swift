/// A value in memory of its own, for what few sessions or targets have: without it, they hold a word.
final class Box<Value: ~Copyable> {
    var value: Value

    init(_ value: consuming Value) { self.value = value }
}

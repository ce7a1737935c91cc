/// A value that most have none of, kept apart so that who may have one stays small.
@propertyWrapper
struct Boxed<Value: Hashable & Sendable>: Hashable, Sendable {
    /// Empty or one element: an array is what copies share.
    private(set) var cell: [Value]

    init(wrappedValue: Value?) { cell = wrappedValue.map { [$0] } ?? [] }

    var wrappedValue: Value? {
        get { cell.first }
        set { cell = newValue.map { [$0] } ?? [] }
    }
}

internal import Glibc

/// Owns one file descriptor and closes it once.
struct OwnedDescriptor: ~Copyable {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    deinit { close(number) }

    /// Gives the descriptor up to someone who closes it.
    consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }
}

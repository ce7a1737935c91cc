internal import Glibc

/// Why something that the kernel was asked for could not be done: the call that failed, the kernel's number for it, and what was wanted.
public struct KernelFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The system call, the library's function or the program.
    public let call: String
    /// The kernel's `errno`; 0 where the failure has none, as when a program complains.
    public let code: Int32
    /// What was wanted, or the program's own words.
    public let words: String

    public init(call: String, code: Int32, words: String = "") {
        self.call = call
        self.code = code
        self.words = words
    }

    /// A sentence without a final stop.
    public var description: String {
        let reason = code == 0 ? "" : errorWords(code)
        return [call, reason, words].filter { !$0.isEmpty }.joined(separator: ": ")
    }

    /// The failure that `errno` tells of now.
    package static func last(_ call: String, _ words: String = "") -> KernelFailure {
        KernelFailure(call: call, code: errno, words: words)
    }
}

/// The C library's words for an error number.
package func errorWords(_ code: Int32) -> String {
    guard let text = unsafe strerror(code) else { return "error \(code)" }
    return unsafe String(cString: text)
}

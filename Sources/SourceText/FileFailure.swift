/// A system call on a file that failed.
public struct FileFailure: Error, Hashable, Sendable {
    /// The call, such as `open`.
    public let call: String
    /// The value of `errno` after it; 0 where the limit of this program ended the work.
    public let code: Int32
    /// The path as the user gave it; `-` for standard input.
    public let path: String

    public init(call: String, code: Int32, path: String) {
        self.call = call
        self.code = code
        self.path = path
    }
}

internal import CNetfilter
internal import Glibc
public import KernelLink

/// One of the system's tools, run to its end in the calling thread's namespace.
public enum ChildProcess {
    /// What a program left behind.
    public struct Result: Hashable, Sendable {
        /// The exit status; 128 + the signal's number where one ended it.
        public var status: Int32
        public var output: [UInt8]
        public var errors: [UInt8]

        public var outputText: String { String(decoding: output, as: UTF8.self) }
        public var errorText: String { String(decoding: errors, as: UTF8.self) }
    }

    /// Runs `words[0]`, looked for in `PATH`, with `input` as its standard input. After `seconds` it is killed.
    ///
    /// All three streams are files in memory: however much is written, nobody waits for a reader.
    public static func run(
        _ words: [String], input: [UInt8] = [], seconds: Int32 = 60
    ) throws(LabFailure) -> Result {
        let name = words.first ?? ""
        let input = try MemoryFile(input), output = try MemoryFile([]), errors = try MemoryFile([])
        let process = try start(words, [input.descriptor, output.descriptor, errors.descriptor])
        let handle = scratch_process(process)
        let isOver = handle >= 0 && wait(for: handle, seconds: seconds)
        if handle >= 0 { close(handle) }
        if !isOver { kill(process, SIGKILL) }
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { throw .last("waitpid", name) }
        }
        guard isOver else { throw LabFailure(call: name, code: ETIMEDOUT, words: "after \(seconds) s") }
        let signal = status & 0x7f
        return Result(
            status: signal == 0 ? status >> 8 & 0xff : 128 + signal, output: try output.bytes(),
            errors: try errors.bytes())
    }

    /// The same for a program whose failure is the caller's: its own complaint is the failure's words.
    @discardableResult
    public static func check(_ words: [String], input: String = "") throws(LabFailure) -> String {
        let result = try run(words, input: Array(input.utf8))
        guard result.status == 0 else {
            let complaint = result.errors.isEmpty ? result.outputText : result.errorText
            throw LabFailure(call: words.joined(separator: " "), code: 0, words: complaint)
        }
        return result.outputText
    }

    private static func start(_ words: [String], _ streams: [Int32]) throws(LabFailure) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for (number, stream) in streams.enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, stream, Int32(number))
        }
        var arguments = unsafe words.map { unsafe strdup($0) } + [nil]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        var process: pid_t = 0
        let code = unsafe posix_spawnp(&process, words.first ?? "", &actions, nil, &arguments, environ)
        guard code == 0 else {
            let reason = code == ENOENT ? "not installed" : ""
            throw LabFailure(call: words.first ?? "posix_spawn", code: code, words: reason)
        }
        return process
    }

    private static func wait(for handle: Int32, seconds: Int32) -> Bool {
        var waited = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
        while true {
            let count = unsafe poll(&waited, 1, seconds * 1000)
            if count >= 0 { return count == 1 }
            guard errno == EINTR else { return false }
        }
    }
}

/// A file without a name, in memory.
private struct MemoryFile: ~Copyable {
    let descriptor: Int32

    init(_ bytes: [UInt8]) throws(LabFailure) {
        descriptor = unsafe scratch_memory_file("stream")
        guard descriptor >= 0 else { throw .last("memfd_create") }
        var offset = 0
        while offset < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe pwrite(descriptor, $0.baseAddress?.advanced(by: offset), $0.count - offset, off_t(offset))
            }
            guard count > 0 else { throw .last("write", "a program's input") }
            offset += count
        }
    }

    deinit { close(descriptor) }

    func bytes() throws(LabFailure) -> [UInt8] {
        let size = Int(lseek(descriptor, 0, SEEK_END))
        guard size > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: size)
        let count = unsafe pread(descriptor, &bytes, size, 0)
        guard count >= 0 else { throw .last("read", "a program's output") }
        bytes.removeLast(size - count)
        return bytes
    }
}

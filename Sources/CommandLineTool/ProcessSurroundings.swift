internal import Dispatch
internal import SourceText

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

extension Surroundings {
    /// Those of this process.
    public static func process() -> Surroundings {
        var surroundings = Surroundings(
            writeOutput: { (bytes) throws(FileFailure) in
                let code = writeAll(bytes, to: 1)
                if code != 0 { throw FileFailure(call: "write", code: code, path: "-") }
            },
            writeError: { _ = writeAll($0, to: 2) },
            readInput: { (limit) throws(FileFailure) in try readFile("-", limit: limit) },
            openFile: { (path) throws(FileFailure) in try openPieces(path) },
            writeFile: { (path, bytes) throws(FileFailure) in try writeWholeFile(path, bytes) },
            now: { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 })
        for name in ["NO_COLOR", "TERM", "COLUMNS"] {
            if let value = unsafe getenv(name) { surroundings.environment[name] = unsafe String(cString: value) }
        }
        surroundings.makeDirectory = { (path) throws(FileFailure) in try makeEmptyDirectory(path) }
        surroundings.createFile = { (path, bytes) throws(FileFailure) in
            try writeWholeFile(path, bytes, how: O_EXCL)
        }
        surroundings.calendarTime = { time(nil) }
        surroundings.fullPath = resolvedPath
        surroundings.programDirectory = currentProgramDirectory()
        // Whoever ends this process ends it by a signal.
        surroundings.waitForEnd = { while true { pause() } }
        surroundings.hostName = currentHostName()
        surroundings.timeStamp = currentTimeStamp
        surroundings.outputIsTerminal = isatty(1) == 1
        surroundings.errorIsTerminal = isatty(2) == 1
        var size = winsize()
        if unsafe ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 {
            surroundings.terminalWidth = Int(size.ws_col)
        } else {
            surroundings.terminalWidth = surroundings.environment["COLUMNS"].flatMap { Int($0) } ?? 80
        }
        surroundings.threadCount = usableProcessorCount()
        surroundings.concurrently = { count, body in
            DispatchQueue.concurrentPerform(iterations: count, execute: body)
        }
        surroundings.keep = { _ = unsafe Unmanaged.passRetained($0) }
        surroundings.afterOneSecond = { body in
            DispatchQueue.global().asyncAfter(deadline: .now() + 1, execute: body)
        }
        return surroundings
    }
}

/// Processors that this process may run on: `taskset` and containers leave it some.
private func usableProcessorCount() -> Int {
    if let status = try? readFile("/proc/self/status", limit: 1 << 16) {
        // A mask in hexadecimal, with commas.
        for line in status.split(separator: UInt8(ascii: "\n")) where line.starts(with: "Cpus_allowed:".utf8) {
            let digits = String(decoding: line.dropFirst(13), as: UTF8.self).compactMap { $0.hexDigitValue }
            let count = digits.reduce(0) { $0 + $1.nonzeroBitCount }
            if count > 0 { return count }
        }
    }
    return max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
}

/// Ends this process with `status`.
public func exitProcess(_ status: Int32) -> Never { exit(status) }

/// Writes all of `bytes`; the error's number where that fails.
private func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
    var start = 0
    while start < bytes.count {
        let count = unsafe bytes.withUnsafeBytes { buffer in
            unsafe write(descriptor, buffer.baseAddress?.advanced(by: start), buffer.count - start)
        }
        if count < 0 {
            if errno == EINTR { continue }
            return errno
        }
        start += count
    }
    return 0
}

/// A new directory, or one that is there and empty; EEXIST for any other.
private func makeEmptyDirectory(_ path: String) throws(FileFailure) {
    if unsafe mkdir(path, 0o755) == 0 { return }
    let code = errno
    guard code == EEXIST, try fileKind(path, followsLinks: true) == .directory,
        try directoryEntries(path, limit: 1 << 20).isEmpty
    else { throw FileFailure(call: "mkdir", code: code, path: path) }
}

private func resolvedPath(_ path: String) -> String? {
    guard let found = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(found) }
    return unsafe String(cString: found)
}

private func currentHostName() -> String {
    var name = [CChar](repeating: 0, count: 256)
    guard unsafe gethostname(&name, name.count - 1) == 0 else { return "" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// The directory of the file that this process runs, behind all links.
private func currentProgramDirectory() -> String {
    var path = [CChar](repeating: 0, count: 4096)
    let count = unsafe readlink("/proc/self/exe", &path, path.count)
    guard count > 0, count < path.count else { return "" }
    let text = String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return text.lastIndex(of: "/").map { String(text[..<$0]) } ?? ""
}

private func currentTimeStamp() -> String {
    var now = time(nil)
    var parts = unsafe tm()
    guard unsafe gmtime_r(&now, &parts) != nil else { return "0" }
    func two(_ number: Int32) -> String { (number < 10 ? "0" : "") + "\(number)" }
    let day = unsafe "\(parts.tm_year + 1900)" + two(parts.tm_mon + 1) + two(parts.tm_mday)
    return unsafe day + "T" + two(parts.tm_hour) + two(parts.tm_min) + two(parts.tm_sec) + "Z"
}

private func writeWholeFile(_ path: String, _ bytes: [UInt8], how: Int32 = O_TRUNC) throws(FileFailure) {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | how | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileFailure(call: "open", code: errno, path: path) }
    defer { close(descriptor) }
    let code = writeAll(bytes, to: descriptor)
    if code != 0 { throw FileFailure(call: "write", code: code, path: path) }
}

/// A file, or standard input, in pieces of up to 64 KiB.
private func openPieces(_ path: String) throws(FileFailure) -> ByteSource {
    let descriptor = path == "-" ? 0 : unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileFailure(call: "open", code: errno, path: path) }
    return { () throws(FileFailure) in
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe piece.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw FileFailure(call: "read", code: errno, path: path)
            }
            if count == 0, path != "-" { close(descriptor) }
            return Array(piece.prefix(count))
        }
    }
}

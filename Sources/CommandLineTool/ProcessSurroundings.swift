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
        surroundings.outputIsTerminal = isatty(1) == 1
        surroundings.errorIsTerminal = isatty(2) == 1
        var size = winsize()
        if unsafe ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 {
            surroundings.terminalWidth = Int(size.ws_col)
        } else {
            surroundings.terminalWidth = surroundings.environment["COLUMNS"].flatMap { Int($0) } ?? 80
        }
        surroundings.afterOneSecond = { body in
            DispatchQueue.global().asyncAfter(deadline: .now() + 1, execute: body)
        }
        return surroundings
    }
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

private func writeWholeFile(_ path: String, _ bytes: [UInt8]) throws(FileFailure) {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
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

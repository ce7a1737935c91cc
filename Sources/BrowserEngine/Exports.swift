internal import Answers
internal import Pages
internal import Snapshot
internal import SourceText

// The engine as a page calls it. A text goes in by `hookline_room` and one of the functions below; what comes out lies
// at `hookline_answer`, as many bytes as the function returned: with the highest bit set, they say what is wrong.

/// The node that was loaded, the text that was put in, and the last answer. A page has one thread.
private nonisolated(unsafe) var session: PageSession?
private nonisolated(unsafe) var input: UnsafeMutableBufferPointer<UInt8>?
private nonisolated(unsafe) var answer: UnsafeMutableBufferPointer<UInt8>?

/// The engine's mark, by which the command line knows it.
@c(hookline_mark) @_expose(wasm, "hookline_mark")
public func mark() -> UInt32 { give(Array(engineMark.utf8), isFailure: false) }

/// Room for a text of `count` bytes, in the place of the last one.
@c(hookline_room) @_expose(wasm, "hookline_room")
public func room(_ count: Int) -> UnsafeMutablePointer<UInt8>? {
    unsafe input?.deallocate()
    let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(count, 1))
    unsafe input = unsafe UnsafeMutableBufferPointer(rebasing: buffer[..<max(count, 0)])
    return buffer.baseAddress
}

/// Where the last answer lies.
@c(hookline_answer) @_expose(wasm, "hookline_answer")
public func lastAnswer() -> UnsafeMutablePointer<UInt8>? { unsafe answer?.baseAddress }

/// Takes the files of a node as `packed` writes them, the name of the node first as a file without a path.
@c(hookline_load) @_expose(wasm, "hookline_load")
public func load() -> UInt32 {
    unsafe session = nil
    var files = unpackedFiles(taken())
    var name: String?
    if let first = files.first, first.path.isEmpty {
        if !first.bytes.isEmpty { name = String(decoding: first.bytes, as: UTF8.self) }
        files.removeFirst()
    }
    do {
        unsafe session = try PageSession(files: files, name: name)
        return give([], isFailure: false)
    } catch {
        return give(Array(error.description.utf8), isFailure: true)
    }
}

/// Lines of `--packets` to lines of JSON.
@c(hookline_packets) @_expose(wasm, "hookline_packets")
public func packets() -> UInt32 {
    let lines = taken()
    guard var own = unsafe session else { return noNode() }
    unsafe session = nil
    let result = own.packets(lines)
    unsafe session = own
    return give(result, isFailure: false)
}

/// The words of a `hookline trace`, a zero byte behind each, to its answer.
@c(hookline_trace) @_expose(wasm, "hookline_trace")
public func trace() -> UInt32 {
    let words = texts(taken())
    guard var own = unsafe session else { return noNode() }
    do {
        return give(try own.trace(words), isFailure: false)
    } catch {
        return give(Array(error.message.utf8), isFailure: true)
    }
}

/// The page's sections.
@c(hookline_sections) @_expose(wasm, "hookline_sections")
public func sections() -> UInt32 {
    guard let own = unsafe session else { return noNode() }
    return give(own.sections(canFold: true), isFailure: false)
}

/// The rules of a chain from one on.
@c(hookline_rules) @_expose(wasm, "hookline_rules")
public func rules(_ chain: Int, _ start: Int) -> UInt32 {
    guard let own = unsafe session else { return noNode() }
    return give(own.rules(ofChain: chain, from: start), isFailure: false)
}

/// A chain without its rules.
@c(hookline_chain) @_expose(wasm, "hookline_chain")
public func chain(_ index: Int) -> UInt32 {
    guard let own = unsafe session else { return noNode() }
    return give(own.chain(index), isFailure: false)
}

@c(hookline_search) @_expose(wasm, "hookline_search")
public func search() -> UInt32 {
    let words = String(decoding: taken(), as: UTF8.self)
    guard let own = unsafe session else { return noNode() }
    return give(own.search(words), isFailure: false)
}

/// The section of findings. Not among what every engine exports: the empty page's has it by its own link, a report brings
/// its findings along and has a smaller engine (Tools/embedded).
@c(hookline_findings)
public func findings() -> UInt32 {
    guard let own = unsafe session else { return noNode() }
    return give(own.findings(), isFailure: false)
}

// MARK: Bytes in and out

private func taken() -> [UInt8] { unsafe input.map { unsafe Array($0) } ?? [] }

private func texts(_ bytes: [UInt8]) -> [String] {
    bytes.split(separator: 0, omittingEmptySubsequences: false).dropLast().map { String(decoding: $0, as: UTF8.self) }
}

private func noNode() -> UInt32 { give(Array("no node is loaded".utf8), isFailure: true) }

private func give(_ bytes: [UInt8], isFailure: Bool) -> UInt32 {
    unsafe answer?.deallocate()
    let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(bytes.count, 1))
    _ = unsafe buffer.initialize(from: bytes)
    unsafe answer = buffer
    return UInt32(truncatingIfNeeded: bytes.count) | (isFailure ? 0x8000_0000 : 0)
}

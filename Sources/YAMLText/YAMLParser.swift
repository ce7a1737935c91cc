internal import CYAML
internal import SourceText

/// Reads the documents of one part of a stream, of which there is one unless `...` ends it early.
func parseYAML(
    _ text: Span<UInt8>, from offset: Int, _ limits: YAMLLimits, _ documents: inout [YAMLDocument]
) {
    unsafe text.withUnsafeBufferPointer { bytes in
        guard let base = bytes.baseAddress, let parser = unsafe YAMLParser(base, count: bytes.count) else {
            return
        }
        var offsets = ByteOffsets(base: offset)
        while true {
            var tree = TreeBuilder(limits: limits)
            do throws(YAMLFailure) {
                guard try build(parser, &tree, &offsets, text) else { return }
                documents.append(YAMLDocument(value: tree.root, failure: nil))
            } catch {
                documents.append(YAMLDocument(value: tree.partialRoot(), failure: error))
                return
            }
        }
    }
}

/// Builds the next document; `false` at the end of the stream.
private func build(
    _ parser: borrowing YAMLParser, _ tree: inout TreeBuilder, _ offsets: inout ByteOffsets, _ text: Span<UInt8>
) throws(YAMLFailure) -> Bool {
    while true {
        let event: YAMLEvent
        do throws(ParserStop) {
            event = try parser.next()
        } catch {
            switch error {
            case .memory: throw YAMLFailure(.outOfMemory, at: offsets.base)
            case .syntax(let words, let character):
                throw YAMLFailure(.syntax(words), at: offsets.byte(of: character, text))
            case .bytes(let words, let byte): throw YAMLFailure(.syntax(words), at: offsets.base + byte)
            }
        }
        let start = offsets.byte(of: event.start, text)
        let end = max(start, offsets.byte(of: event.end, text))
        switch event.kind {
        case .streamEnd: return false
        case .documentEnd: return true
        case .other: continue
        case .alias(let name): try tree.add(alias: name, start: start, end: end)
        case .scalar(let scalar): try tree.add(scalar, start: start, end: end)
        case .open(let isMapping, let anchor): try tree.open(isMapping: isMapping, anchor: anchor, at: start)
        case .close(let hasBracket): try tree.close(at: hasBracket ? end : nil)
        }
    }
}

/// Byte offsets of libyaml's marks, which count characters.
private struct ByteOffsets {
    let base: Int
    private var character = 0
    private var byte = 0

    init(base: Int) {
        self.base = base
    }

    mutating func byte(of target: Int, _ text: Span<UInt8>) -> Int {
        // Marks grow but for those of the ends of blocks; then steps back are few.
        while character > target, byte > 0 {
            byte -= 1
            while byte > 0, text[byte] & 0xc0 == 0x80 { byte -= 1 }
            character -= 1
        }
        while character < target, byte < text.count {
            byte += 1
            while byte < text.count, text[byte] & 0xc0 == 0x80 { byte += 1 }
            character += 1
        }
        return base + byte
    }
}

/// An event, copied out of libyaml.
private struct YAMLEvent {
    enum Kind {
        case streamEnd, documentEnd, other
        case alias(String)
        case scalar(YAMLScalar)
        case open(isMapping: Bool, anchor: String?)
        /// Whether a bracket ends it.
        case close(hasBracket: Bool)
    }

    let kind: Kind
    /// In characters.
    let start: Int
    let end: Int
}

private enum ParserStop: Error {
    case memory
    case syntax(String, character: Int)
    case bytes(String, byte: Int)
}

/// Owns one parser of libyaml over bytes that its maker lends.
@safe private struct YAMLParser: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>

    /// `nil` without memory. The bytes must outlive it.
    init?(_ bytes: UnsafePointer<UInt8>, count: Int) {
        unsafe parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        guard unsafe yaml_parser_initialize(parser) == 1 else {
            unsafe parser.deallocate()
            return nil
        }
        unsafe yaml_parser_set_input_string(parser, bytes, count)
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    }

    deinit {
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
    }

    func next() throws(ParserStop) -> YAMLEvent {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw stop }
        defer { unsafe yaml_event_delete(&event) }
        let kind: YAMLEvent.Kind
        switch unsafe event.type {
        case YAML_STREAM_END_EVENT, YAML_NO_EVENT: kind = .streamEnd
        case YAML_DOCUMENT_END_EVENT: kind = .documentEnd
        case YAML_ALIAS_EVENT: kind = .alias(unsafe text(event.data.alias.anchor) ?? "")
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            kind = .scalar(
                YAMLScalar(
                    text: unsafe String(decoding: bytes, as: UTF8.self),
                    isPlain: unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE && scalar.plain_implicit == 1,
                    anchor: unsafe text(scalar.anchor)))
        case YAML_SEQUENCE_START_EVENT:
            kind = .open(isMapping: false, anchor: unsafe text(event.data.sequence_start.anchor))
        case YAML_MAPPING_START_EVENT:
            kind = .open(isMapping: true, anchor: unsafe text(event.data.mapping_start.anchor))
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
            // A block ends at the next thing, which is no part of it; a bracket is one character.
            kind = .close(hasBracket: unsafe event.end_mark.index > event.start_mark.index)
        default: kind = .other
        }
        return unsafe YAMLEvent(kind: kind, start: event.start_mark.index, end: event.end_mark.index)
    }

    private func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        guard let pointer = unsafe pointer else { return nil }
        return unsafe String(cString: pointer)
    }

    /// Why the last call failed.
    private var stop: ParserStop {
        let words = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "it can't be read"
        switch unsafe parser.pointee.error {
        case YAML_MEMORY_ERROR: return .memory
        case YAML_READER_ERROR: return .bytes(words, byte: unsafe parser.pointee.problem_offset)
        default: return .syntax(words, character: unsafe parser.pointee.problem_mark.index)
        }
    }
}

internal import HostText
internal import Reports
internal import Snapshot
internal import SourceText
internal import YAMLText

/// The node's files as the engine of a page reads them: it has no reader of YAML, so files that hold objects in YAML
/// and nothing else are JSON there. All others are as they are, in the same order.
func pageFiles(_ node: NodeState) -> [SourceFile] {
    node.files.enumerated().map { index, file in
        let own = node.inputs.filter { Int($0.place.file.index) == index }
        let start = file.bytes.first { $0 > 0x20 }
        guard !own.isEmpty, own.allSatisfy({ $0.kind == .kubernetes }), start != UInt8(ascii: "{"),
            start != UInt8(ascii: "[")
        else { return file }
        return SourceFile(path: file.path, bytes: objectsAsJSON(file.bytes))
    }
}

/// The documents of a YAML text as one list of objects.
private func objectsAsJSON(_ bytes: [UInt8]) -> [UInt8] {
    var json = JSONWriter(OutputBuffer())
    json.beginObject()
    json.member("apiVersion", "v1")
    json.member("kind", "List")
    json.key("items")
    json.beginArray()
    for document in readYAML(bytes.span, in: 0..<bytes.count) {
        if let value = document.value { write(value, into: &json) }
    }
    json.endArray()
    json.endObject()
    json.endLine()
    return json.output.gathered
}

private func write(_ value: JSONValue, into json: inout JSONWriter) {
    switch value.kind {
    case .null: json.null()
    case .boolean(let boolean): json.boolean(boolean)
    case .number(let number): json.number(number.text)
    case .string(let string): json.string(string)
    case .array(let values):
        json.beginArray()
        for value in values { write(value, into: &json) }
        json.endArray()
    case .object(let members):
        json.beginObject()
        for member in members {
            json.key(text: member.key)
            write(member.value, into: &json)
        }
        json.endObject()
    }
}

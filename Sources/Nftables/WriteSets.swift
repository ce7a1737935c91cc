internal import NetTypes
internal import RuleModel
internal import SourceText

extension Writer {
    mutating func write(_ set: NativeSet) {
        put(set.isMap ? "\tmap " : "\tset ")
        putName(set.name)
        put(" {\n\t\t")
        if set.typeOf != .empty {
            put("typeof ")
            put(set.typeOf)
        } else {
            put("type ")
            put(typeText(set.key))
            if set.isMap { put(" : \(valueText(set))") }
        }
        put("\n")
        if set.prefersMemory { line("policy memory", 2) }
        var flags: [String] = []
        if set.flags.contains(.constant) { flags.append("constant") }
        if set.flags.contains(.interval) { flags.append("interval") }
        if set.flags.contains(.timeout), set.timeout == nil { flags.append("timeout") }
        if set.flags.contains(.dynamic) { flags.append("dynamic") }
        if !flags.isEmpty { line("flags " + flags.joined(separator: ","), 2) }
        if let timeout = set.timeout { line("timeout \(timeText(timeout))", 2) }
        if let interval = set.garbageInterval { line("gc-interval \(timeText(interval))", 2) }
        if let size = set.size { line("size \(size)", 2) }
        if set.flags.contains(.autoMerge) { line("auto-merge", 2) }
        for state in set.states {
            put("\t\t")
            write(state)
            put("\n")
        }
        if set.comment != .empty { comment(set.comment, 2) }
        if set.elements.count > 0 || set.catchAll != nil {
            put("\t\telements = ")
            elements(of: set)
            put("\n")
        }
        put("\t}\n")
    }

    private func typeText(_ types: [DataType]) -> String {
        var text = ""
        for type in types { text += (text.isEmpty ? "" : " . ") + type.name }
        return text
    }

    private func valueText(_ set: NativeSet) -> String {
        var isInterval = false
        for index in 0..<set.elements.count {
            if case .range = set.elements.value(index) { isInterval = true }
        }
        let lead = isInterval ? "interval " : ""
        return switch set.value {
        case .none: ""
        case .verdict: "verdict"
        case .data(let type, _): lead + type.name
        case .concatenation(let types): lead + typeText(types)
        case .object(let kind): kind.name
        }
    }

    /// `{ a, b : c }`
    mutating func elements(of set: NativeSet) {
        put("{ ")
        for index in 0..<set.elements.count {
            if index > 0 { put(", ") }
            element(index, of: set)
        }
        if let data = set.catchAll {
            if set.elements.count > 0 { put(", ") }
            put("*")
            if set.isMap {
                put(" : ")
                write(data, of: set)
            }
        }
        put(" }")
    }

    /// `a`, `b : c`
    mutating func element(_ index: Int, of set: NativeSet) {
        put(keyText(set.elements.low(index), set.elements.high(index), set.key, set.elements.widths))
        if let extra = set.elements.extra(index) { write(extra) }
        if set.isMap {
            put(" : ")
            write(set.elements.value(index), of: set)
        }
    }

    /// A set by name, or written out where it has none of its own.
    mutating func reference(_ name: Symbol) {
        if let set = sets[name], set.flags.contains(.anonymous) { return elements(of: set) }
        put("@")
        putName(name)
    }

    private mutating func write(_ extra: NativeElements.Extra) {
        if let counter = extra.counter {
            put(" " + (settings.hasCounters ? "counter " + counterText(counter) : "counter"))
        }
        for state in extra.states {
            put(" ")
            write(state)
        }
        if let timeout = extra.timeout { put(" timeout \(timeText(timeout))") }
        if settings.hasCounters, let expires = extra.expires { put(" expires \(timeText(expires))") }
        if extra.comment != .empty {
            put(" comment ")
            putQuoted(extra.comment)
        }
    }

    private func keyText(
        _ low: ArraySlice<UInt8>, _ high: ArraySlice<UInt8>, _ types: [DataType], _ widths: [Int]
    ) -> String {
        var text = ""
        var start = 0
        for (type, width) in zip(types, widths) {
            if start > 0 { text += " . " }
            let first = Array(low.dropFirst(start).prefix(width))
            let last = Array(high.dropFirst(start).prefix(width))
            // What is left of a connection has 32 bits, unlike other times.
            let bits = type.bits > 0 ? min(type.bits, width * 8) : width * 8
            if first == last {
                text += flagText(Literal(first, type, bits: bits))
            } else {
                text += rangeText(Literal(first, type, bits: bits), Literal(last, type, bits: bits))
            }
            start += width
        }
        return text
    }

    private mutating func write(_ data: NativeElements.Data, of set: NativeSet) {
        switch data {
        case .none: put("continue")
        case .verdict(let verdict): write(verdict)
        case .object(let name): putQuoted(name)
        case .literal(let bytes): put(dataText(bytes, bytes, set.value))
        case .range(let low, let high): put(dataText(low, high, set.value))
        }
    }

    private func dataText(_ low: [UInt8], _ high: [UInt8], _ value: NativeSet.Value) -> String {
        switch value {
        case .data(let type, let bits):
            return keyText(low[...], high[...], [type], [Reader.width(type, bits: bits)])
        case .concatenation(let types):
            return keyText(low[...], high[...], types, types.map { Reader.width($0, bits: $0.bits) })
        case .none, .verdict, .object: return ""
        }
    }

    mutating func write(_ verdict: NativeVerdict) {
        switch verdict {
        case .accept: put("accept")
        case .drop: put("drop")
        case .continue: put("continue")
        case .return: put("return")
        case .jump(let chain):
            put("jump ")
            putName(chain)
        case .goto(let chain):
            put("goto ")
            putName(chain)
        case .queue(let number): put("queue to \(number)")
        }
    }
}

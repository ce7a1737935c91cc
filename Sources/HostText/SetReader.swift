import NetTypes
import RuleModel
import SourceText

/// Builds sets line by line.
struct SetReader {
    /// The set at hand, in `host.sets`.
    private var current: Int?
    private(set) var isInMembers = false
    private var sawMembers = false
    private var announced: Int?
    /// Sets that this listing made; what was there before is replaced.
    private var own: Set<Symbol> = []

    init() {}

    // MARK: save

    /// `create NAME TYPE options…`
    mutating func createLine(
        _ text: Span<UInt8>, _ words: inout Words, _ cursor: LineCursor, _ reading: inout HostReading
    ) {
        guard let name = words.next(), let type = words.next() else {
            reading.tell(.warning, "bad-set-line", "`create` wants a name and a type", at: cursor.place)
            current = nil
            return
        }
        begin(reading.name(text, name), cursor, &reading)
        setType(text, type, cursor, &reading)
        header(text, &words, cursor, &reading)
    }

    /// `add NAME ELEMENT options…`
    mutating func addLine(
        _ text: Span<UInt8>, _ words: inout Words, _ cursor: LineCursor, _ reading: inout HostReading
    ) {
        guard let name = words.next() else {
            reading.tell(.warning, "bad-set-line", "`add` wants a set and an element", at: cursor.place)
            return
        }
        let symbol = reading.name(text, name)
        if current == nil || current.map({ reading.host.sets[$0].name != symbol }) == true {
            current = reading.setIndexes[symbol]
        }
        guard current != nil else {
            reading.tell(
                .warning, "set-not-created", "set '\(text.quote(name))' is not created in this listing",
                at: cursor.place(name))
            return
        }
        memberLine(text, &words, cursor, &reading)
    }

    mutating func flush(_ name: Symbol, _ reading: inout HostReading) {
        guard let index = reading.setIndexes[name] else { return }
        reading.host.sets[index].elements.removeAll()
    }

    // MARK: list

    mutating func begin(_ name: Symbol, _ cursor: LineCursor, _ reading: inout HostReading) {
        let set = AddressSet(name: name, type: .unknown, place: cursor.place)
        if let known = reading.setIndexes[name] {
            if own.contains(name) {
                reading.tell(
                    .warning, "set-twice", "set '\(reading.names.text(name))' is created twice", at: cursor.place)
            } else {
                reading.tell(
                    .note, "set-twice",
                    "set '\(reading.names.text(name))' was in an earlier listing too; this one counts", at: cursor.place
                )
            }
            reading.host.sets[known] = set
            current = known
        } else {
            current = reading.host.sets.count
            reading.setIndexes[name] = reading.host.sets.count
            reading.host.sets.append(set)
        }
        own.insert(name)
        announced = nil
        sawMembers = false
        isInMembers = false
    }

    mutating func announce(_ count: Int?) { announced = count }

    mutating func startMembers() {
        isInMembers = true
        sawMembers = true
    }

    mutating func endMembers() { isInMembers = false }

    /// A listing without members (`ipset list -t`), or with fewer than it says, is not the whole set.
    mutating func finishListed(_ reading: inout HostReading) {
        guard let current else { return }
        let count = reading.host.sets[current].elements.count
        let isShort = announced.map { $0 > count } ?? false
        if !sawMembers ? announced != 0 : isShort {
            reading.host.sets[current].isIncomplete = true
            let name = reading.names.text(reading.host.sets[current].name)
            let lack = announced.map { "\(count) of \($0) elements" } ?? "no elements"
            reading.tell(
                .warning, "set-incomplete", "the listing of set '\(name)' holds \(lack)",
                at: reading.host.sets[current].place)
        }
        self.current = nil
    }

    // MARK: both

    /// Marks the set at hand as perhaps lacking elements.
    mutating func spoil(_ reading: inout HostReading) {
        if let current { reading.host.sets[current].isIncomplete = true }
    }

    mutating func setType(
        _ text: Span<UInt8>, _ word: Range<Int>, _ cursor: LineCursor, _ reading: inout HostReading
    ) {
        guard let current else { return }
        let name = text.text(word)
        // Earlier names: iphash, nethash, … of ipset 4; setlist.
        for type in SetType.allCases where type.name == name {
            reading.host.sets[current].type = type
            switch type {
            case .bitmapPort, .listSet, .hashMAC: break
            default: reading.host.sets[current].version = .v4
            }
            return
        }
        reading.host.sets[current].isIncomplete = true
        reading.tell(.warning, "unknown-set-type", "set type '\(name)' is not known", at: cursor.place(word))
    }

    /// The options of a set: `family inet hashsize 1024 maxelem 65536 timeout 0 …`.
    mutating func header(
        _ text: Span<UInt8>, _ words: inout Words, _ cursor: LineCursor, _ reading: inout HostReading
    ) {
        guard let current else { return }
        var sizes: [UInt8] = []
        func keep(_ range: Range<Int>) {
            if !sizes.isEmpty { sizes.append(UInt8(ascii: " ")) }
            for index in range { sizes.append(text[index]) }
        }
        while let key = words.next() {
            if text.has(key, "counters") {
                reading.host.sets[current].hasCounters = true
            } else if text.has(key, "comment") {
                reading.host.sets[current].hasComment = true
            } else if text.has(key, "skbinfo") {
                reading.host.sets[current].hasSkbInfo = true
            } else if text.has(key, "forceadd") || text.has(key, "-exist") || text.has(key, "-!") {
                keep(key)
            } else if let value = words.next() {
                if readOption(text, key, value, &reading.host.sets[current]) { continue }
                if isSize(text, key) {
                    keep(key.lowerBound..<value.upperBound)
                } else {
                    reading.tell(
                        .warning, "unknown-set-option",
                        "'\(text.quote(key.lowerBound..<value.upperBound))' of a set is not understood",
                        at: cursor.place(key.lowerBound..<value.upperBound))
                    reading.host.sets[current].isIncomplete = true
                    keep(key.lowerBound..<value.upperBound)
                }
            } else {
                reading.host.sets[current].isIncomplete = true
                reading.tell(
                    .warning, "unknown-set-option", "'\(text.quote(key))' of a set is not understood",
                    at: cursor.place(key))
            }
        }
        reading.host.sets[current].creationText = reading.names.intern(sizes.span)
    }

    private func isSize(_ text: Span<UInt8>, _ key: Range<Int>) -> Bool {
        for word: StaticString in [
            "hashsize", "maxelem", "bucketsize", "initval", "size", "probes", "resize", "gc", "elements", "references",
        ] where text.has(key, word) {
            return true
        }
        return false
    }

    /// An option with a value that matching hangs on; `false` where it is none or can't be read.
    private func readOption(
        _ text: Span<UInt8>, _ key: Range<Int>, _ value: Range<Int>, _ set: inout AddressSet
    ) -> Bool {
        if text.has(key, "family") {
            guard text.has(value, "inet") || text.has(value, "inet6") else { return false }
            set.version = text.has(value, "inet6") ? .v6 : .v4
        } else if text.has(key, "timeout") {
            guard text.decimal32(value) != nil else { return false }
            set.hasTimeout = true
            set.defaultTimeout = text.decimal32(value)
        } else if text.has(key, "range") {
            return readRange(text, value, &set)
        } else if text.has(key, "netmask") {
            let bits = (set.version ?? .v4).addressBits
            guard let length = text.number(value, limit: UInt64(bits)) else { return false }
            set.netmask = UInt8(length)
        } else if text.has(key, "bitmask") {
            guard let mask = IPAddress(text, value) else { return false }
            if let length = AddressMask(mask, mask: mask).prefixLength {
                set.netmask = length
            } else {
                set.bitmask = mask
            }
        } else if text.has(key, "markmask") {
            guard let mask = text.number(value) else { return false }
            set.markMask = UInt32(truncatingIfNeeded: mask)
        } else {
            return false
        }
        return true
    }

    private func readRange(_ text: Span<UInt8>, _ value: Range<Int>, _ set: inout AddressSet) -> Bool {
        if let prefix = IPPrefix(text, value), set.type != .bitmapPort {
            set.addressRange = AddressRange(prefix.address, prefix.last)
            return true
        }
        guard let dash = text.firstIndex(of: UInt8(ascii: "-"), in: value) else { return false }
        let low = value.lowerBound..<dash
        let high = dash + 1..<value.upperBound
        if set.type == .bitmapPort {
            guard let first = text.decimal16(low), let last = text.decimal16(high) else { return false }
            set.portRange = PortRange(first, last)
        } else {
            guard let first = IPAddress(text, low), let last = IPAddress(text, high) else { return false }
            set.addressRange = AddressRange(first, last)
        }
        return true
    }

    /// An element, at the next word.
    mutating func memberLine(
        _ text: Span<UInt8>, _ words: inout Words, _ cursor: LineCursor, _ reading: inout HostReading
    ) {
        guard let current else { return }
        do throws(SetElementFailure) {
            let elements = try readSetElement(
                text, &words, cursor.range, set: SetShape(reading.host.sets[current]), place: cursor.place,
                names: &reading.names)
            if reading.host.sets[current].elements.capacity == 0, let announced {
                reading.host.sets[current].elements.reserveCapacity(min(announced, 1 << 20))
            }
            reading.host.sets[current].elements += elements
        } catch {
            reading.host.sets[current].isIncomplete = true
            let name = reading.names.text(reading.host.sets[current].name)
            reading.tell(
                .warning, "bad-set-element", "'\(text.quote(error.range))' is no \(error.expected) for set '\(name)'",
                at: cursor.place(error.range))
        }
    }
}

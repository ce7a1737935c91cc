import NetTypes
import RuleModel
import SourceText

/// What makes something that decides one and the same: its interface, or else the file that speaks of it.
struct DeciderKey: Hashable {
    let kind: OtherDecider.Kind
    let interface: Symbol?
    let file: FileID?
}

extension HostReading {
    /// Adds what decides about packets too: once for an interface, once for a file where there is none.
    mutating func addDecider(
        _ kind: OtherDecider.Kind, _ text: Span<UInt8>, _ evidence: Range<Int>, interface: Symbol? = nil,
        at place: Place
    ) {
        let key = DeciderKey(kind: kind, interface: interface, file: interface == nil ? place.file : nil)
        guard knownDeciders.insert(key).inserted else { return }
        host.otherDeciders.append(
            OtherDecider(kind, evidence: text.quote(text.trimmed(evidence)), interface: interface, place: place))
    }
}

/// Recognises in `tc qdisc show` and `tc filter show` what may drop or change packets. Shaping alone is no decision.
func readTrafficControl(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard let first = words.next() else { continue }
        var interface: Symbol?
        var isBPF = false
        for position in 0..<words.count {
            guard let word = words[position] else { continue }
            if text.has(word, "dev"), let name = words[position + 1] { interface = reading.name(text, name) }
            if text.has(word, "bpf") || text.has(word, "direct-action") { isBPF = true }
        }
        if text.has(first, "qdisc") {
            guard let kind = words.next(), text.has(kind, "clsact") || text.has(kind, "ingress") else { continue }
            reading.addDecider(.trafficControl, text, cursor.range, interface: interface, at: cursor.place)
        } else if text.has(first, "filter") {
            let kind: OtherDecider.Kind = isBPF ? .bpf : .trafficControl
            reading.addDecider(kind, text, cursor.range, interface: interface, at: cursor.place)
        }
    }
}

/// Recognises policies in `ip xfrm policy`: packets they match are transformed or blocked.
func readTransformPolicies(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var policy: (range: Range<Int>, place: Place)?
    var words = Words()
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard let first = words.next() else { continue }
        if text.has(first, "in:") || text.has(first, "fwd:") || text.has(first, "out:") {
            // Of `ip xfrm policy getdefault`: what no policy is for.
            guard let action = words.next(), text.has(action, "block") else { continue }
            reading.addDecider(.xfrm, text, cursor.range, at: cursor.place)
        } else if text.has(first, "src") {
            policy = (cursor.range, cursor.place)
        } else if text.has(first, "dir"), let direction = words.next() {
            // Per-socket policies (`socket in`) are not listed with `dir`.
            guard let found = policy,
                text.has(direction, "in") || text.has(direction, "out") || text.has(direction, "fwd")
            else { continue }
            reading.addDecider(.xfrm, text, found.range, at: found.place)
            policy = nil
        }
    }
}

/// Recognises bridges in `ovs-vsctl show`: OpenFlow rules decide in them.
func readOpenVSwitch(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard let first = words.next(), text.has(first, "Bridge"), var name = words.next() else { continue }
        if name.count > 2, text[name.lowerBound] == UInt8(ascii: "\"") {
            name = name.lowerBound + 1..<name.upperBound - 1
        }
        let symbol = reading.name(text, name)
        reading.addDecider(.openVSwitch, text, cursor.range, interface: symbol, at: cursor.place)
    }
}

/// Recognises programs in `bpftool net`, which devices run before the rules see a packet: `eth0(2) tcx/ingress …`.
func readAttachedPrograms(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard let first = words.next(), words.count > 1,
            let open = text.firstIndex(of: UInt8(ascii: "("), in: first), open > first.lowerBound,
            text[first.upperBound - 1] == UInt8(ascii: ")")
        else { continue }
        let interface = reading.name(text, first.lowerBound..<open)
        reading.addDecider(.bpf, text, cursor.range, interface: interface, at: cursor.place)
    }
}

internal import NetTypes
internal import RuleModel
internal import SourceText

// Matches on addresses, interfaces and how a packet came.
// Source of every layout: include/uapi/linux/netfilter/xt_NAME.h, Linux 6.18.
extension XtablesData {
    /// `struct xt_addrtype_info`, and `_v1` with flags.
    func addressType() -> Match? {
        guard fits(revision == 0 ? 12 : 8) else { return nil }
        let flags = revision == 0 ? (word(4) != 0 ? 1 : 0) | (word(8) != 0 ? 2 : 0) : word(4)
        guard flags & ~0x0f == 0, (half(0) | half(2)) & ~0x0fff == 0 else { return nil }
        var match = AddressTypeMatch()
        if half(0) != 0 { match.source = negatable(AddressTypes(rawValue: half(0)), flags & 1 != 0) }
        if half(2) != 0 { match.destination = negatable(AddressTypes(rawValue: half(2)), flags & 2 != 0) }
        match.limitsToInInterface = flags & 4 != 0
        match.limitsToOutInterface = flags & 8 != 0
        guard match.source != nil || match.destination != nil else { return nil }
        return .addressType(match)
    }

    /// `struct xt_iprange_mtinfo`
    func addressRange() -> Match? {
        let flags = byte(64)
        guard fits(65), flags & ~0x33 == 0, flags & 3 != 0 else { return nil }
        var match = AddressRangeMatch()
        if flags & 1 != 0 {
            match.source = negatable(AddressRange(address(0), address(16)), flags & 0x10 != 0)
        }
        if flags & 2 != 0 {
            match.destination = negatable(AddressRange(address(32), address(48)), flags & 0x20 != 0)
        }
        return .addressRange(match)
    }

    /// `struct xt_rpfilter_info`
    func reversePath() -> Match? {
        let flags = byte(0)
        guard fits(1), flags & ~0x0f == 0 else { return nil }
        var match = ReversePathMatch()
        match.isLoose = flags & 1 != 0
        match.usesMark = flags & 2 != 0
        match.acceptsLocal = flags & 4 != 0
        match.isInverted = flags & 8 != 0
        return .reversePath(match)
    }

    /// `struct xt_physdev_info`: names, each with a mask of the bytes that count.
    func physicalDevice(_ names: inout NameTable) -> Match? {
        let flags = byte(65)
        let inverted = byte(64)
        guard fits(66), flags & ~0x1f == 0, flags != 0 else { return nil }
        var match = PhysicalDeviceMatch()
        if flags & 0x01 != 0 {
            guard let device = maskedInterface(0, &names) else { return nil }
            match.inDevice = negatable(device, inverted & 0x01 != 0)
        }
        if flags & 0x02 != 0 {
            guard let device = maskedInterface(32, &names) else { return nil }
            match.outDevice = negatable(device, inverted & 0x02 != 0)
        }
        if flags & 0x04 != 0 { match.isBridged = negatable(true, inverted & 0x04 != 0) }
        if flags & 0x08 != 0 { match.isIn = negatable(true, inverted & 0x08 != 0) }
        if flags & 0x10 != 0 { match.isOut = negatable(true, inverted & 0x10 != 0) }
        return .physicalDevice(match)
    }

    /// A name of 16 bytes and its mask: of a whole name the zero behind it counts too, of the beginning of one not,
    /// which iptables keeps with its `+`.
    private func maskedInterface(_ offset: Int, _ names: inout NameTable) -> InterfacePattern? {
        let name = text(offset, 16)
        let mask = array(offset + 16, 16)
        guard let counted = mask.firstIndex(of: 0) else {
            return name.count >= 15 ? InterfacePattern(name: names.intern(Array(name).span), isPrefix: false) : nil
        }
        guard mask[..<counted].allSatisfy({ $0 == 0xff }), mask[counted...].allSatisfy({ $0 == 0 }) else { return nil }
        if counted == name.count + 1 {
            return InterfacePattern(name: names.intern(Array(name).span), isPrefix: false)
        }
        guard counted + 1 == name.count, name.last == UInt8(ascii: "+") else { return nil }
        return InterfacePattern(name: names.intern(Array(name.dropLast()).span), isPrefix: true)
    }

    /// `struct xt_devgroup_info`
    func deviceGroup() -> Match? {
        let flags = word(0)
        guard fits(20), flags & ~0x0f == 0, flags & 5 != 0 else { return nil }
        var match = DeviceGroupMatch()
        if flags & 1 != 0 { match.source = negatable(MaskedWord(word(4), mask: word(8)), flags & 2 != 0) }
        if flags & 4 != 0 { match.destination = negatable(MaskedWord(word(12), mask: word(16)), flags & 8 != 0) }
        return .deviceGroup(match)
    }

    /// `struct xt_mac_info`
    func hardwareSource() -> Match? {
        guard fits(12) else { return nil }
        return .mac(negatable(hardwareAddress(0), word(8) != 0))
    }

    /// `struct xt_pkttype_info`
    func packetType() -> Match? {
        guard fits(8), let number = UInt8(exactly: word(0)), let type = PacketType(rawValue: number) else { return nil }
        return .packetType(negatable(type, word(4) != 0))
    }

    /// `struct xt_realm_info`
    func realm() -> Match? {
        guard let test = markTest() else { return nil }
        return .realm(test)
    }

    // MARK: Sets

    /// `struct xt_set_info_match_v1` (revisions 1 and 2), `_v3` and `_v4`, which align their counters otherwise.
    func set(_ sets: SetNames) -> Match? {
        guard fits(revision < 3 ? 4 : 48), let name = setName(0, sets), let directions = directions(0) else {
            return nil
        }
        let own = byte(3)
        var match = SetMatch()
        match.name = negatable(name, own & 1 != 0)
        match.directions = directions
        if revision < 3 {
            match.returnsNoMatch = own & 0x80 != 0
            return .set(match)
        }
        let flags = word(40)
        guard flags & ~0xb8 == 0 else { return nil }
        match.updatesCounters = flags & 0x08 == 0
        match.updatesSubcounters = flags & 0x10 == 0
        match.returnsNoMatch = flags & 0x80 != 0
        let isNew = revision > 3
        guard let packets = counterTest(value: isNew ? 8 : 16, operation: isNew ? 16 : 8),
            let bytes = counterTest(value: isNew ? 24 : 32, operation: isNew ? 32 : 24)
        else { return nil }
        match.packets = packets
        match.bytes = bytes
        return .set(match)
    }

    /// `IPSET_COUNTER_…`; the outer `nil` is an operation that is not known.
    private func counterTest(value: Int, operation: Int) -> SetMatch.CounterTest?? {
        let operations: [SetMatch.CounterTest.Comparison] = [.equal, .notEqual, .less, .greater]
        let number = Int(byte(operation))
        if number == 0 { return .some(nil) }
        return number <= 4 ? SetMatch.CounterTest(operations[number - 1], long(value)) : nil
    }

    /// The name of the set that a `struct xt_set_info` points to.
    func setName(_ offset: Int, _ sets: SetNames) -> Symbol? { sets[half(offset)] }

    /// The directions of a `struct xt_set_info`: a bit for each dimension, from 1.
    func directions(_ offset: Int) -> [Bool]? {
        let count = byte(offset + 2)
        guard (1...6).contains(count) else { return nil }
        return (1...count).map { byte(offset + 3) & 1 << $0 != 0 }
    }

    // MARK: IPsec

    /// `struct xt_policy_info`: four elements of 76 bytes, flags and how many count.
    func policy() -> Match? {
        let flags = half(304)
        let count = half(306)
        guard fits(308), flags & ~0x0f == 0, count <= 4, flags & 3 == 1 || flags & 3 == 2 else { return nil }
        var match = PolicyMatch()
        match.isOut = flags & 2 != 0
        match.wantsIPsec = flags & 4 == 0
        match.isStrict = flags & 8 != 0
        for index in 0..<Int(count) {
            guard let element = policyElement(index * 76) else { return nil }
            match.elements.append(element)
        }
        return .policy(match)
    }

    private func policyElement(_ start: Int) -> PolicyMatch.Element? {
        /// `struct xt_policy_spec`: bit fields of which options there are, and one of their senses behind it.
        func option<Value>(_ field: UInt8, _ value: Value) -> Negatable<Value>? {
            isSet(start + 74, field: field) ? Negatable(value, isNegated: isSet(start + 75, field: field)) : nil
        }
        var element = PolicyMatch.Element()
        guard let source = addressMask(start, mask: start + 16),
            let destination = addressMask(start + 32, mask: start + 48)
        else { return nil }
        element.tunnelSource = option(0, source)
        element.tunnelDestination = option(1, destination)
        element.protocol = option(2, ProtocolTest(IPProtocol(byte(start + 72))))
        element.isTunnel = option(3, byte(start + 73) == 1)
        // iptables writes and shows it in the machine's order.
        element.spi = option(4, word(start + 64))
        element.requestID = option(5, word(start + 68))
        return element
    }
}

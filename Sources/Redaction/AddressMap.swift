import NetTypes

/// Maps addresses, so that what holds between them still does: which prefix one is in, which range, whether it is the
/// broadcast address of its subnet, and of which kind it is.
struct AddressMap {
    private var v4: PrefixMap
    private var v6: PrefixMap
    private var mac: PrefixMap

    init(key: RedactionKey) {
        v4 = PrefixMap(width: 32, domain: 4, key: key)
        v6 = PrefixMap(width: 128, domain: 6, key: key)
        mac = PrefixMap(width: 48, domain: 48, key: key)
        // Kinds of addresses (RFC 6890): each stays in its own, and there keeps its prefix.
        for text in [
            "10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "192.0.0.0/24", "192.0.2.0/24",
            "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "192.88.99.0/24", "224.0.0.0/4", "fe80::/64",
            "fc00::/8", "fd00::/8", "2000::/3", "2001:db8::/32", "2001::/32", "2002::/16", "64:ff9b::/96",
        ] {
            if let prefix = IPPrefix(text) { keepPlace(of: prefix) }
        }
        // And those that stand for nobody's host: this network, loopback, link-local, known groups, reserved ones.
        for text in [
            "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/24", "240.0.0.0/4", "::/96", "ff02::/112",
            "ff02::1:0/112",
            "ff05::/112", "ff05::1:0/112",
        ] {
            if let prefix = IPPrefix(text) {
                keepPlace(of: prefix)
                freeze(prefix)
            }
        }
        // Flags and scope of a group.
        for head in 0..<UInt128(256) { v6.keep(0xff << 120 | head << 112, from: 0, to: 16) }
        // Those of nobody, of everybody, of Calico's devices, of groups and of bridges' own protocols.
        for value: UInt128 in [0, 0xffff_ffff_ffff, 0xeeee_eeee_eeee] { mac.keep(value, from: 0, to: 48) }
        mac.keep(0x0100_5e00_0000, from: 0, to: 24)
        mac.keep(0x3333_0000_0000, from: 0, to: 16)
        mac.keep(0x0180_c200_0000, from: 0, to: 24)
        mac.freeze(0x0180_c200_0000, length: 24)
        // Whether one is of a group, and whether it was given by hand.
        for head in 0..<UInt128(128) { mac.keep(head << 41, from: 6, to: 8) }
    }

    private mutating func keepPlace(of prefix: IPPrefix) {
        switch prefix.address.version {
        case .v4: v4.keep(prefix.address.number, from: 0, to: Int(prefix.length))
        case .v6: v6.keep(prefix.address.number, from: 0, to: Int(prefix.length))
        }
    }

    // MARK: what shall hold beyond prefixes

    /// A host's part is taken over from one prefix into another (NETMAP), so it stays in both.
    mutating func freeze(_ prefix: IPPrefix) {
        switch prefix.address.version {
        case .v4: v4.freeze(prefix.address.number, length: Int(prefix.length))
        case .v6: v6.freeze(prefix.address.number, length: Int(prefix.length))
        }
    }

    /// The first and the last address of a subnet stay that.
    mutating func keepEnds(_ prefix: IPPrefix) {
        switch prefix.address.version {
        case .v4: v4.keepEnds(prefix.address.number, length: Int(prefix.length))
        case .v6: v6.keepEnds(prefix.address.number, length: Int(prefix.length))
        }
    }

    mutating func keepRange(_ first: IPAddress, _ last: IPAddress) {
        guard first.version == last.version, first < last else { return }
        switch first.version {
        case .v4: v4.keepRange(first.number, last.number)
        case .v6: v6.keepRange(first.number, last.number)
        }
    }

    // MARK: mapping

    func map(_ address: IPAddress) -> IPAddress {
        switch address.version {
        case .v4: return IPAddress(v4: UInt32(truncatingIfNeeded: v4.map(address.number)))
        case .v6:
            // IPv4 within IPv6: ::ffff:0:0/96 and 64:ff9b::/96.
            if address.high == 0 && address.low >> 32 == 0xffff
                || address.high == 0x0064_ff9b_0000_0000
                    && address.low >> 32 == 0
            {
                let inner = map(IPAddress(v4: UInt32(truncatingIfNeeded: address.low)))
                return IPAddress(v6High: address.high, low: (address.low >> 32) << 32 | inner.low)
            }
            let result = v6.map(address.number)
            let high = UInt64(truncatingIfNeeded: result >> 64)
            // An address that was made of a MAC stays made of it.
            if address.low >> 24 & 0xffff == 0xfffe, address.high >> 56 != 0xff {
                let middle = UInt128(address.low ^ 1 << 57)
                let mapped = mac.map((middle >> 40) << 24 | middle & 0xff_ffff)
                let low = UInt64(truncatingIfNeeded: (mapped >> 24) << 40 | 0xff_fe00_0000 | mapped & 0xff_ffff)
                return IPAddress(v6High: high, low: low ^ 1 << 57)
            }
            return IPAddress(v6High: high, low: UInt64(truncatingIfNeeded: result))
        }
    }

    /// A prefix of which the host's part is all zeros.
    func map(_ prefix: IPPrefix) -> IPPrefix {
        switch prefix.address.version {
        case .v4:
            let mapped = IPAddress(v4: UInt32(truncatingIfNeeded: v4.map(prefix.address.number)))
            return IPPrefix(mapped, length: prefix.length)
        case .v6:
            if prefix.length > 64 { return IPPrefix(map(prefix.address), length: prefix.length) }
            let mapped = v6.map(prefix.address.number)
            return IPPrefix(
                IPAddress(v6High: UInt64(truncatingIfNeeded: mapped >> 64), low: UInt64(truncatingIfNeeded: mapped)),
                length: prefix.length)
        }
    }

    func map(_ address: MACAddress) -> MACAddress {
        MACAddress(bits: UInt64(truncatingIfNeeded: mac.map(UInt128(address.bits))))
    }
}

extension IPAddress {
    var number: UInt128 { UInt128(high) << 64 | UInt128(low) }
}

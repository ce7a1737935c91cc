internal import CNetfilter
internal import Glibc
internal import NetlinkBytes
public import RuleModel
internal import SourceText

extension HostDump {
    /// Reads the state of the calling thread's network namespace. What can't be read is told in the result.
    ///
    /// Nothing that is not loaded is loaded for it: without ip_set there are no sets, without nf_conntrack no
    /// connections.
    public static func read(_ parts: KernelParts = KernelParts()) -> HostDump {
        var dump = HostDump()
        dump.readRoutes()
        dump.readNetfilter(parts)
        dump.settings = readSettings(&dump.unread)
        dump.tableNames = readTableNames()
        dump.readOthers(parts)
        (dump.hostName, dump.kernelRelease) = readNames()
        return dump
    }

    private mutating func note(_ what: String, _ failure: KernelFailure) {
        unread.append(Unread(what: what, why: failure.description))
    }

    /// Runs `ask`; `nil` where it fails, and says so.
    private mutating func read(
        _ what: String, _ ask: () throws(KernelFailure) -> [[UInt8]]
    ) -> [[UInt8]]? {
        do throws(KernelFailure) {
            return try ask()
        } catch {
            note(what, error)
            return nil
        }
    }

    // MARK: rtnetlink

    private mutating func readRoutes() {
        // Sizes of ifinfomsg, ifaddrmsg, rtmsg, fib_rule_hdr, nhmsg and ndmsg.
        links = read("links") { () throws(KernelFailure) in try ask(Int(RTM_GETLINK), AF_UNSPEC, header: 16) }
        addresses = read("addresses") { () throws(KernelFailure) in
            try ask(Int(RTM_GETADDR), AF_UNSPEC, header: 8)
        }
        routesV4 = read("routes") { () throws(KernelFailure) in try ask(Int(RTM_GETROUTE), AF_INET, header: 12) }
        routesV6 = read("IPv6 routes") { () throws(KernelFailure) in
            try ask(Int(RTM_GETROUTE), AF_INET6, header: 12)
        }
        rulesV4 = read("policy rules") { () throws(KernelFailure) in try ask(Int(RTM_GETRULE), AF_INET, header: 12) }
        rulesV6 = read("IPv6 policy rules") { () throws(KernelFailure) in
            try ask(Int(RTM_GETRULE), AF_INET6, header: 12)
        }
        neighbours = read("neighbours") { () throws(KernelFailure) in
            try ask(Int(RTM_GETNEIGH), AF_UNSPEC, header: 12)
        }
        addressLabels = read("labels of IPv6 addresses") { () throws(KernelFailure) in
            do throws(KernelFailure) {
                // RTM_GETADDRLABEL
                return try ask(74, AF_INET6, header: 12)
            } catch {
                guard error.code == EOPNOTSUPP || error.code == EINVAL else { throw error }
                return []
            }
        }
        forwardingEntries = read("the bridges' forwarding entries") { () throws(KernelFailure) in
            try ask(Int(RTM_GETNEIGH), PF_BRIDGE, header: 12)
        }
        nextHops = read("next hop objects") { () throws(KernelFailure) in
            do throws(KernelFailure) {
                // RTM_GETNEXTHOP, since Linux 5.3.
                return try ask(106, AF_UNSPEC, header: 8)
            } catch {
                guard error.code == EOPNOTSUPP || error.code == EINVAL else { throw error }
                return []
            }
        }
    }

    // MARK: what else is there

    private mutating func readOthers(_ parts: KernelParts) {
        attempt("listening sockets") { (dump) throws(KernelFailure) in
            let found = try readSockets(parts)
            dump.sockets = found
            dump.socketOwners = readSocketOwners(Set(found.compactMap(\.inode)).subtracting([0]))
            // Those of UDP may be the kernel's own, as that of a VXLAN device: they have no process.
            let streams = Set(found.filter { $0.protocolNumber == 6 }.compactMap(\.inode))
            dump.tellSocketsWithout(owners: streams.count { dump.socketOwners[$0] == nil })
        }
        attempt("traffic control") { (dump) throws(KernelFailure) in try dump.readTrafficControl() }
        attempt("programs of BPF at devices") { (dump) throws(KernelFailure) in try dump.readPrograms() }
        attempt("IPsec policies") { (dump) throws(KernelFailure) in try dump.readTransformPolicies() }
        attempt("virtual services of IPVS") { (dump) throws(KernelFailure) in try dump.readVirtualServices() }
    }

    private mutating func tellSocketsWithout(owners count: Int) {
        let isByLine = (sockets ?? []).contains(where: \.isLine)
        if isByLine {
            unread.append(
                Unread(
                    what: "the interfaces that sockets are bound to",
                    why: "tcp_diag and udp_diag are not loaded, and nothing is loaded for reading"))
        }
        if count > 0 {
            unread.append(
                Unread(
                    what: "the processes of \(count) listening socket\(count == 1 ? "" : "s")",
                    why: "they may not be looked into, or are not seen from this PID namespace"))
        }
    }

    private mutating func attempt(_ what: String, _ body: (inout HostDump) throws(KernelFailure) -> Void) {
        do throws(KernelFailure) {
            try body(&self)
        } catch {
            note(what, error)
        }
    }

    // MARK: netfilter

    private mutating func readNetfilter(_ parts: KernelParts) {
        sets = read("ipsets") { () throws(KernelFailure) in
            if isKnownAbsent("ip_set") { return [] }
            // IPSET_CMD_LIST with IPSET_ATTR_PROTOCOL. All that is asked for is in 6, which each kernel from 2.6.39 on
            // takes for a listing. Source: `ip_set_dump` of net/netfilter/ipset/ip_set_core.c, Linux 6.18.
            var request = NetlinkRequest(subsystem: Int(NFNL_SUBSYS_IPSET), message: 7, family: UInt8(AF_INET))
            request.put(1, [6])
            var socket = try NetlinkSocket(.netfilter)
            return try socket.dump(request, "ipsets")
        }
        if !parts.has(.connections), !isKnownAbsent("nf_conntrack") {
            attempt("connections") { (dump) throws(KernelFailure) in dump.connectionText = try readConnectionText() }
            return
        }
        connections = read("connections") { () throws(KernelFailure) in
            if isKnownAbsent("nf_conntrack") { return [] }
            // Of a large table the answer comes faster than it is read, and the kernel waits.
            var socket = try NetlinkSocket(.netfilter)
            let request = NetlinkRequest(
                subsystem: Int(NFNL_SUBSYS_CTNETLINK), message: Int(IPCTNL_MSG_CT_GET.rawValue))
            return try socket.dump(request, "connections")
        }
    }
}

/// What the kernel tells of connections without nf_conntrack_netlink.
private func readConnectionText() throws(KernelFailure) -> [UInt8] {
    do throws(FileFailure) {
        return try readFile("/proc/thread-self/net/nf_conntrack", limit: 1 << 30)
    } catch {
        throw KernelFailure(
            call: error.call, code: error.code, words: "\(error.path), and nf_conntrack_netlink is not loaded")
    }
}

/// What `hostname` and `uname -r` print.
private func readNames() -> (host: String, release: String) {
    var names = utsname()
    guard unsafe uname(&names) == 0 else { return ("", "") }
    func text<Field>(_ field: Field) -> String {
        unsafe withUnsafeBytes(of: field) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
    return (text(names.nodename), text(names.release))
}

extension HostDump.Socket {
    fileprivate var isLine: Bool {
        switch form {
        case .line: true
        case .message: false
        }
    }

    /// The number by which a process's descriptor names it.
    fileprivate var inode: UInt32? {
        switch form {
        case .message(let bytes):
            // struct inet_diag_msg
            return bytes.count >= 72 ? bytes.span.native(UInt32.self, at: 68) : nil
        case .line(let line):
            let words = line.split(separator: UInt8(ascii: " "))
            return words.count > 9 ? UInt32(String(decoding: words[9], as: UTF8.self)) : nil
        }
    }
}

/// All things of one kind and family, or of every family; the request is `header` bytes of zeros behind the family.
private func ask(_ type: Int, _ family: Int32, header: Int) throws(KernelFailure) -> [[UInt8]] {
    let family = UInt8(truncatingIfNeeded: family)
    let request = NetlinkRequest(type: type, header: [family] + [UInt8](repeating: 0, count: header - 1))
    var socket = try NetlinkSocket(.route)
    let payloads = try socket.dump(request)
    // A kernel that has not this family answers with what it has of the others.
    return family == 0 ? payloads : payloads.filter { $0.first == family }
}

/// Whether a module is surely neither loaded nor built in. Both of those that are asked for have parameters, which
/// /sys/module shows of what is built in too.
private func isKnownAbsent(_ module: String) -> Bool {
    guard unsafe access("/sys/module/kernel", F_OK) == 0 else { return false }
    return unsafe access("/sys/module/" + module, F_OK) != 0
}

/// The files below /proc/sys/net that rules, routes and connections hang on, in the order of their names.
private func readSettings(_ unread: inout [HostDump.Unread]) -> [HostDump.Setting]? {
    var settings: [HostDump.Setting] = []
    for root in ["net/bridge", "net/ipv4", "net/ipv6", "net/netfilter"] { walk(root, 0, &settings) }
    if settings.isEmpty {
        unread.append(HostDump.Unread(what: "settings", why: "there is nothing to be read in /proc/sys/net"))
        return nil
    }
    return settings
}

private func walk(_ path: String, _ depth: Int, _ settings: inout [HostDump.Setting]) {
    // Files that can only be written, or that no answer hangs on, fail or are left out.
    guard depth < 4, let names = try? directoryEntries("/proc/sys/" + path, limit: 1 << 20) else { return }
    // Nor is what is secret, by the names that the kernel gives it: tcp_fastopen_key, stable_secret.
    for name in names
    where name != "neigh" && name != "route" && !name.hasSuffix("_key") && !name.contains("secret") {
        let inner = path + "/" + name
        if let value = readSetting("/proc/sys/" + inner) {
            settings.append(HostDump.Setting(path: inner, value: value))
        } else {
            walk(inner, depth + 1, &settings)
        }
    }
}

/// In one piece: of many settings the kernel tells nothing to a second read. Observed on Linux 6.18.
private func readSetting(_ path: String) -> [UInt8]? {
    // Thousands of them are short.
    for size in [1 << 10, 1 << 16] {
        guard let value = try? readStart(path, count: size) else { return nil }
        if value.count < size { return value }
    }
    return nil
}

/// Names out of iproute2's files: the first `rt_tables` that is there, and all of `rt_tables.d`.
private func readTableNames() -> [HostDump.TableName] {
    let folders = ["/usr/lib/iproute2", "/usr/share/iproute2", "/etc/iproute2"]
    var texts: [[UInt8]] = []
    for folder in folders.reversed() where texts.isEmpty {
        if let text = try? readFile(folder + "/rt_tables", limit: 1 << 20) { texts.append(text) }
    }
    for folder in folders {
        guard let names = try? directoryEntries(folder + "/rt_tables.d", limit: 10_000) else { continue }
        for name in names where name.hasSuffix(".conf") {
            if let text = try? readFile(folder + "/rt_tables.d/" + name, limit: 1 << 20) { texts.append(text) }
        }
    }
    var found: [HostDump.TableName] = []
    for text in texts {
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let words = String(decoding: line, as: UTF8.self).split { $0 == " " || $0 == "\t" || $0 == "#" }
            guard words.count > 1, line.first != UInt8(ascii: "#") else { continue }
            let digits = words[0].hasPrefix("0x") ? UInt32(words[0].dropFirst(2), radix: 16) : UInt32(words[0])
            if let digits { found.append(HostDump.TableName(number: digits, name: String(words[1]))) }
        }
    }
    return found
}

import NetTypes
public import RuleModel
import SourceText

/// One text of a snapshot: what a tool would print.
public struct ToolText: Hashable, Sendable {
    /// A file's name.
    public var name: String
    public var bytes: [UInt8]

    /// A text that begins with a line that says what it is, so that it is known even where nothing follows.
    public init(name: String, command: String, body: [UInt8]) {
        self.name = name
        bytes = Array((writtenMark + "`\(command)`\n").utf8) + body
    }

    public init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }
}

/// What the first line of a text begins with that this program wrote in another's form.
let writtenMark = "# Written by hookline as "

/// Writes what the kernel said of a host as its tools would print it. What could not be read has no text.
public func writeToolTexts(_ dump: HostDump) -> [ToolText] {
    let links = LinkNames(dump.links ?? [])
    let tables = TableWords(dump.tableNames)
    var texts: [ToolText] = []
    func add(_ name: String, _ command: String, _ body: [UInt8]?) {
        if let body { texts.append(ToolText(name: name, command: command, body: body)) }
    }
    if dump.links != nil {
        let command = dump.addresses == nil ? "ip -d link" : "ip -d addr"
        add("ip-addr.txt", command, writeAddresses(dump, links, tables))
    }
    add("ip-route.txt", "ip route show table all", dump.routesV4.map { writeRoutes($0, .v4, links, tables) })
    add("ip6-route.txt", "ip -6 route show table all", dump.routesV6.map { writeRoutes($0, .v6, links, tables) })
    add("ip-nexthop.txt", "ip nexthop", dump.nextHops.map { writeNextHops($0, links) })
    add("ip-rule.txt", "ip rule", dump.rulesV4.map { writePolicyRules($0, .v4, tables) })
    add("ip6-rule.txt", "ip -6 rule", dump.rulesV6.map { writePolicyRules($0, .v6, tables) })
    add("ip-addrlabel.txt", "ip addrlabel", dump.addressLabels.map { writeAddressLabels($0, links) })
    add("ip-neigh.txt", "ip neigh", dump.neighbours.map { writeNeighbours($0, links) })
    add("bridge-fdb.txt", "bridge fdb", dump.forwardingEntries.map { writeForwardingEntries($0, links) })
    add("conntrack.txt", "conntrack -L", dump.connectionText ?? dump.connections.map { writeConnections($0) })
    add("ss.txt", "ss -lntup", dump.sockets.map { writeSockets(dump, $0, links) })
    if let disciplines = dump.disciplines {
        add("tc.txt", "tc qdisc show", writeTrafficControl(disciplines, dump.filters ?? [], links))
    }
    add("bpf.txt", "bpftool net", dump.programs.isEmpty ? nil : writePrograms(dump.programs, links))
    add(
        "ip-xfrm-policy.txt", "ip xfrm policy",
        dump.transformPolicies.map {
            writeTransformPolicies($0, defaults: dump.transformDefaults ?? [])
        })
    add("ipvsadm.txt", "ipvsadm -Ln", dump.virtualServices.map { writeVirtualServices($0) })
    if !dump.hostName.isEmpty { add("hostname.txt", "hostname", Array((dump.hostName + "\n").utf8)) }
    if !dump.kernelRelease.isEmpty { add("uname.txt", "uname -r", Array((dump.kernelRelease + "\n").utf8)) }
    add("sysctl.txt", "sysctl -a", dump.settings.map { writeSettings($0) })
    if let sets = dump.sets {
        var names = NameTable()
        let lifted = liftAddressSets(sets, names: &names)
        add("ipset-save.txt", "ipset save", Array(writeIpsetSave(lifted, names: names, hasSizes: true).utf8))
    }
    if let text = tables.text { texts.append(ToolText(name: "rt_tables.txt", bytes: Array(text.utf8))) }
    return texts
}

/// `net.ipv4.ip_forward = 1`; a value of several lines is several lines, as with `sysctl -a`.
private func writeSettings(_ settings: [HostDump.Setting]) -> [UInt8] {
    var lines = LineWriter()
    for setting in settings {
        var key = ""
        // Dots within a part and slashes between them change places.
        for character in setting.path.unicodeScalars {
            switch character {
            case "/": key += "."
            case ".": key += "/"
            default: key.unicodeScalars.append(character)
            }
        }
        for line in setting.value.split(separator: UInt8(ascii: "\n")) {
            lines.add(key + " = ")
            lines.add(Array(line))
            lines.endLine()
        }
    }
    return lines.bytes
}

import SourceText

/// The output of one command, as far as this module knows it.
public enum ListingKind: UInt8, Hashable, Sendable, CaseIterable {
    case iptablesSave, iptablesRules, iptablesList
    case nftText, nftJSON
    /// Which tables of nf_tables there are, in the kernel's order.
    case nftTables
    /// Tables of iptables-legacy that are there and could not be read, as this program tells them.
    case unreadRules
    case setSave, setList, setXML
    case addresses, addressLines, addressesBrief, linksBrief, addressesJSON
    case routes, routesJSON
    case nextHops
    case policyRules, policyRulesJSON
    case neighbours, neighboursJSON
    /// By which IPv6 chooses sources.
    case addressLabels
    case routeTable, routeTableV6
    case ifconfig
    case tunnels
    case sysctl
    case connections, connectionsProc
    case sockets, netstat
    case trafficControl
    case transformPolicies
    case openVSwitch
    case virtualServers, virtualServerRules
    case tableNames
    case bridgeForwarding
    /// Programs of BPF that devices run.
    case attachedPrograms
    case hostName, kernelRelease
    /// What could not be read when a snapshot was made, as this program and `Tools/capture.sh` tell it.
    case captureNotes
    /// Objects of Kubernetes' or Calico's, as YAML or JSON.
    case kubernetes
    /// What `calicoctl` and the BGP daemon say of a node.
    case nodeStatus, birdProtocols, birdRoutes, addressUsage
    /// What `kubectl exec` said in place of a command's output.
    case failedCommand
    /// `[]` of `ip -j`: nothing, of whatever kind.
    case emptyJSON
    /// JSON of some other program.
    case otherJSON

    /// The command that writes it, for a person.
    public var name: String {
        switch self {
        case .iptablesSave: "iptables-save"
        case .iptablesRules: "iptables -S"
        case .iptablesList: "iptables -L"
        case .nftText: "nft list ruleset"
        case .nftJSON: "nft -j list ruleset"
        case .nftTables: "nft list tables"
        case .unreadRules: "rules that could not be read"
        case .setSave: "ipset save"
        case .setList: "ipset list"
        case .setXML: "ipset list -o xml"
        case .addresses: "ip addr or ip link"
        case .addressLines: "ip -o addr"
        case .addressesBrief: "ip -br addr"
        case .linksBrief: "ip -br link"
        case .addressesJSON: "ip -j addr or ip -j link"
        case .routes: "ip route"
        case .routesJSON: "ip -j route"
        case .nextHops: "ip nexthop"
        case .policyRules: "ip rule"
        case .policyRulesJSON: "ip -j rule"
        case .neighbours: "ip neigh"
        case .neighboursJSON: "ip -j neigh"
        case .addressLabels: "ip addrlabel"
        case .routeTable: "route -n"
        case .routeTableV6: "route -n -A inet6"
        case .ifconfig: "ifconfig"
        case .tunnels: "ip tunnel"
        case .sysctl: "sysctl -a"
        case .connections: "conntrack -L"
        case .connectionsProc: "nf_conntrack"
        case .sockets: "ss -lntup"
        case .netstat: "netstat -lntup"
        case .trafficControl: "tc qdisc or tc filter"
        case .transformPolicies: "ip xfrm policy"
        case .openVSwitch: "ovs-vsctl show"
        case .virtualServers: "ipvsadm -Ln"
        case .virtualServerRules: "ipvsadm -Sn"
        case .tableNames: "rt_tables"
        case .bridgeForwarding: "bridge fdb"
        case .attachedPrograms: "bpftool net"
        case .hostName: "hostname"
        case .kernelRelease: "uname -r"
        case .captureNotes: "notes of the capture"
        case .kubernetes: "kubectl or calicoctl objects"
        case .nodeStatus: "calicoctl node status"
        case .birdProtocols: "birdcl show protocols"
        case .birdRoutes: "birdcl show route"
        case .addressUsage: "calicoctl ipam show"
        case .failedCommand: "a command that failed"
        case .emptyJSON: "an empty JSON list"
        case .otherJSON: "JSON"
        }
    }

    /// Whether this version reads it. What it does not read is told.
    public var isRead: Bool {
        switch self {
        case .iptablesList, .setXML, .otherJSON, .unreadRules: false
        default: true
        }
    }
}

/// What the command line or the name of a file says about a listing, where the listing itself does not.
public struct ListingHint: Hashable, Sendable {
    /// 4 or 6, from `-4`, `-6`, `ip6tables`, `ipv6_route`.
    public var isV6: Bool?
    /// Whether it was said outright, by a command line.
    public var isCommand = false
    /// The one routing table it shows, from `table 100`.
    public var table: String?
    public var isAllTables = false
    public var isLegacy = false
    public var isNFTables = false
    /// Whether elements of sets are left out (`nft -t`).
    public var isTerse = false
    /// Whether all addresses of all links are shown, as this program says of its own texts: then there are no others.
    public var isWholeAddresses = false
    public init() {}

    /// From a command line such as `ip -6 route show table 100`, or a path such as `node/ip_-6_route_table_all`.
    public init(_ text: Span<UInt8>, _ range: Range<Int>, isCommand: Bool) {
        self.isCommand = isCommand
        var words: [String] = []
        /// How many of them are of folders. `node-6` and `t1` say nothing of what is below.
        var folderWords = 0
        var word = ""
        for index in range {
            if text[index] == UInt8(ascii: "/"), !isCommand {
                if !word.isEmpty { words.append(word) }
                word = ""
                folderWords = words.count
                continue
            }
            let byte = text[index] | (text[index] >= 0x41 && text[index] <= 0x5a ? 0x20 : 0)
            if isDigit(byte) || (byte >= 0x61 && byte <= 0x7a) {
                word.unicodeScalars.append(Unicode.Scalar(byte))
            } else if !word.isEmpty {
                words.append(word)
                word = ""
            }
        }
        if !word.isEmpty { words.append(word) }
        var position = 0
        while position < words.count {
            let word = words[position]
            position += 1
            if position <= folderWords, word.utf8.count == 1 || word == "table" { continue }
            switch word {
            case "6", "inet6", "ipv6", "ip6", "v6", "route6", "rule6", "ip6tables": isV6 = true
            case "4", "ipv4", "ip4", "v4": isV6 = isV6 ?? false
            case "legacy": isLegacy = true
            case "nft": isNFTables = true
            case "terse": isTerse = true
            // A file's name may have a `t` for other reasons.
            case "t" where isNFTables && isCommand: isTerse = true
            case "table", "t":
                // A file's name has `t` for other reasons too.
                guard position < words.count, isCommand || word.utf8.count > 1 else { continue }
                if words[position] == "all" { isAllTables = true } else { table = words[position] }
                position += 1
            default: break
            }
        }
        if table == "main" || table == "txt" { table = nil }
        // A command without -6 is about IPv4; `ip route show table all` lists IPv6 too, but last.
        if isCommand { isV6 = isV6 ?? false }
    }
}

/// The output of one command within a file.
public struct Listing: Hashable, Sendable {
    public var kind: ListingKind
    public var excerpt: Excerpt
    public var hint: ListingHint

    public init(kind: ListingKind, excerpt: Excerpt, hint: ListingHint) {
        self.kind = kind
        self.excerpt = excerpt
        self.hint = hint
    }
}

internal import SourceText

// The keys that each object has: another one may change what it means.
// Source: nftables src/json.c, 1.0.6, and libnftables-json(5) of 1.1.
extension JSONWords {
    /// Fails where the object has a key that is not one of these.
    func check(_ object: JSONValue, has keys: [String]) throws(NftFailure) {
        for member in object.object ?? [] where !keys.contains(member.key) {
            throw NftFailure(
                "unknown-key", "'\(member.key)' is not known here",
                at: place(of: JSONValue(.null, start: member.keyStart, end: member.keyEnd)))
        }
    }

    static func keys(ofExpression kind: String) -> [String] {
        switch kind {
        case "payload": ["base", "offset", "len", "tunnel", "protocol", "field"]
        case "meta": ["key"]
        case "ct": ["key", "dir", "family"]
        case "rt": ["key", "family"]
        case "fib": ["flags", "result"]
        case "socket": ["key", "level"]
        case "osf": ["key", "ttl"]
        case "ipsec": ["key", "dir", "spnum", "family"]
        case "numgen": ["mode", "mod", "offset"]
        case "jhash": ["expr", "mod", "seed", "offset"]
        case "symhash": ["mod", "offset"]
        case "exthdr": ["name", "field", "offset"]
        case "tcp option", "ip option", "sctp chunk", "dccp option":
            ["name", "field", "base", "offset", "len", "type"]
        case "prefix": ["addr", "len"]
        case "map": ["key", "data"]
        case "elem": ["val", "timeout", "expires", "comment", "counter", "limit", "quota", "last", "ct count"]
        default: []
        }
    }

    /// `nil` where the statement's own reader tells.
    static func keys(ofStatement kind: String) -> [String]? {
        switch kind {
        case "match": ["op", "left", "right"]
        case "vmap": ["key", "data"]
        case "mangle": ["key", "value"]
        case "jump", "goto": ["target"]
        case "counter": ["packets", "bytes", "map"]
        case "limit": ["rate", "rate_unit", "per", "burst", "burst_unit", "inv", "map"]
        case "quota": ["val", "val_unit", "used", "used_unit", "inv", "map"]
        case "synproxy": ["mss", "wscale", "flags", "map"]
        case "last": ["used"]
        case "ct count": ["val", "inv"]
        case "snat", "dnat", "masquerade", "redirect": ["addr", "port", "family", "flags", "type_flags"]
        case "dup", "fwd", "tproxy": ["addr", "port", "dev", "family"]
        case "reject": ["type", "expr"]
        case "log": ["prefix", "group", "snaplen", "queue-threshold", "level", "flags"]
        case "queue": ["num", "flags"]
        case "set", "map": ["op", "elem", "data", "set", "map", "stmt"]
        case "meter": ["key", "stmt", "size", "name"]
        case "flow": ["op", "flowtable"]
        case "xt": ["type", "name"]
        case "accept", "drop", "continue", "return", "notrack": []
        default: nil
        }
    }

    /// Beside family, table, name and handle; `nil` of one that is not known.
    static func keys(ofObject kind: String) -> [String]? {
        switch kind {
        case "table": ["flags", "comment"]
        case "chain": ["type", "hook", "prio", "policy", "dev", "comment"]
        case "rule": ["chain", "index", "comment", "expr"]
        case "set", "map":
            [
                "type", "map", "flags", "size", "timeout", "gc-interval", "policy", "auto-merge", "stmt", "comment",
                "elem",
            ]
        case "element": ["elem"]
        case "flowtable": ["hook", "prio", "dev", "flags"]
        case "counter": ["packets", "bytes", "comment"]
        case "quota": ["bytes", "used", "inv", "comment"]
        case "limit": ["rate", "rate_unit", "per", "burst", "burst_unit", "inv", "comment"]
        case "synproxy": ["mss", "wscale", "flags", "comment"]
        case "ct helper": ["type", "protocol", "l3proto", "comment"]
        case "ct timeout": ["protocol", "l3proto", "policy", "comment"]
        case "ct expectation": ["protocol", "l3proto", "dport", "timeout", "size", "comment"]
        case "secmark": ["context", "comment"]
        case "metainfo": ["version", "release_name", "json_schema_version"]
        default: nil
        }
    }

    /// Tells of keys that objects don't have; what else is in them is read.
    mutating func checkObject(_ kind: String, _ object: JSONValue) {
        guard let keys = Self.keys(ofObject: kind) else { return }
        do throws(NftFailure) {
            try check(object, has: keys + ["family", "table", "name", "handle"])
        } catch {
            problems.append(error)
        }
    }
}

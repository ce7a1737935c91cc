internal import HeaderSpace
internal import NetTypes
internal import SourceText

/// Packets that a policy speaks of.
public indirect enum PolicySet: Hashable, Sendable {
    /// Those that meet every constraint of one mapping.
    case packets(PacketConstraints)
    case anyOf([PolicySet])
    case except(PolicySet, PolicySet)
    /// A set with a name, by its place in `CheckPolicy.sets`.
    case named(Int)
}

/// What one mapping says of packets.
public struct PacketConstraints: Hashable, Sendable {
    public var query: PacketQuery
    /// Of the mapping, in bytes.
    public var offset: Int
}

/// Reads the constraints of a mapping: the options of `find`, each with a value or a list of alternatives.
func readConstraints(_ members: [JSONMember], at offset: Int) throws(PolicyFailure) -> PolicySet {
    var query = PacketQuery()
    let keys = PacketQuery.Key.allCases.filter { $0 != .outInterface }
    for member in members {
        if member.key == "ip" {
            switch member.value.number?.unsigned {
            case 4: query.version = .v4
            case 6: query.version = .v6
            case _: throw PolicyFailure("'ip' is 4 or 6", at: member.value.start)
            }
            continue
        }
        guard let key = keys.first(where: { $0.rawValue == member.key }) else {
            throw PolicyFailure(
                unknownKey(member.key, "a set of packets", keys.map { $0.rawValue } + ["ip", "except"]),
                at: member.keyStart)
        }
        for value in member.value.array ?? [member.value] {
            let words = try text(value, "'\(member.key)'")
            do throws(PacketFailure) {
                try query.add(key, words)
            } catch {
                throw PolicyFailure(error.message, at: value.start)
            }
        }
    }
    return .packets(PacketConstraints(query: query, offset: offset))
}

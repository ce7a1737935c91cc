import HeaderSpace
import NetTypes
import SourceText
import Testing

/// Addresses in classes by what reaches what.
@Suite struct MatrixTests {
    private func prefix(_ space: PacketSpace, _ field: PacketField, _ text: String) -> PacketSet {
        guard let prefix = IPPrefix(text) else { return .none }
        return space.packets(field, in: AddressRange(prefix.address, prefix.last))
    }

    private func pair(_ space: PacketSpace, _ from: String, _ to: String) -> PacketSet {
        space.and(prefix(space, .source, from), prefix(space, .destination, to))
    }

    private func number(_ matrix: ReachMatrix, of text: String) -> Int? {
        guard let address = IPAddress(text) else { return nil }
        return matrix.classes.firstIndex { $0.addresses.contains { $0.contains(address) } }
    }

    private func reaches(_ matrix: ReachMatrix, _ from: String, _ to: String) -> Bool? {
        guard let from = number(matrix, of: from), let to = number(matrix, of: to) else { return nil }
        return matrix.reaches[matrix.classes[from].sourceGroup].contains(matrix.classes[to].destinationGroup)
    }

    @Test func addressesThatSendAndTakeAlikeAreOneClass() {
        let space = PacketSpace(.v4, interfaces: [nil], free: [])
        // Clients reach both servers; servers reach one another.
        let set = space.union([
            pair(space, "10.1.0.0/16", "10.2.0.1/32"), pair(space, "10.1.0.0/16", "10.2.0.2/32"),
            pair(space, "10.2.0.0/30", "10.2.0.0/30"),
        ])
        let matrix = space.matrix(surely: set, possibly: set)
        #expect(matrix.classes.count == 4, "clients, servers, the rest of the servers' net, all others")
        #expect(number(matrix, of: "10.2.0.1") == number(matrix, of: "10.2.0.2"))
        #expect(reaches(matrix, "10.1.7.7", "10.2.0.2") == true)
        #expect(reaches(matrix, "10.1.7.7", "10.2.0.3") == false)
        #expect(reaches(matrix, "10.2.0.1", "10.1.7.7") == false)
        #expect(reaches(matrix, "10.2.0.1", "10.2.0.3") == true)
        #expect(matrix.mayReach.allSatisfy { $0.isEmpty })
    }

    /// What single packets say and what the classes say is one thing.
    @Test func classesSayWhatTheSetSays() {
        var numbers = SeededNumbers(seed: 5)
        for _ in 0..<20 {
            let space = PacketSpace(.v4, interfaces: [nil], free: [])
            var sets: [PacketSet] = []
            for _ in 0..<12 {
                func some() -> (UInt128, UInt128) {
                    let length = UInt128(numbers.next() % 6) + 26
                    let mask: UInt128 = 0xffff_ffff << (32 - length) & 0xffff_ffff
                    return (UInt128(numbers.next() % 256) & mask, mask)
                }
                let (from, to) = (some(), some())
                sets.append(
                    space.and(
                        space.packets(.source, from.0, mask: from.1), space.packets(.destination, to.0, mask: to.1)))
            }
            let sure = space.union(Array(sets.prefix(6)))
            let maybe = space.or(sure, space.union(sets))
            let matrix = space.matrix(surely: sure, possibly: maybe)
            for _ in 0..<200 {
                let (a, b) = (numbers.next() % 256, numbers.next() % 256)
                let packet = space.and(space.packets(.source, UInt128(a)), space.packets(.destination, UInt128(b)))
                func own(_ value: UInt64) -> ReachMatrix.AddressClass? {
                    matrix.classes.first { $0.addresses.contains { $0.contains(IPAddress(v4: UInt32(value))) } }
                }
                guard let from = own(a), let to = own(b) else {
                    Issue.record("an address in no class")
                    continue
                }
                let isSure = matrix.reaches[from.sourceGroup].contains(to.destinationGroup)
                let isMaybe = matrix.mayReach[from.sourceGroup].contains(to.destinationGroup)
                #expect(isSure == space.isSubset(packet, of: sure))
                #expect((isSure || isMaybe) == space.isSubset(packet, of: maybe))
            }
        }
    }
}

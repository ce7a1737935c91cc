import HostText
import RuleModel
import SourceText
import Testing

/// The line above a text that this program wrote.
@Suite struct WrittenTextTests {
    @Test func nothingBelowItIsNone() {
        #expect(Read("# Written by hookline as `ipset save`\n").host.knowsSets)
        #expect(Read("# Written by hookline as `conntrack -L`\n").host.connections == [])
        #expect(Read("# Written by hookline as `ip neigh`\n").host.knowsNeighbours)
        let routes = Read("# Written by hookline as `ip -6 route show table all`\n")
        #expect(routes.host.routesKnownV6 == .allTables && routes.host.routesKnownV4 == .none)
        let text = Read("# Written by hookline as `ip route show table all`\n").host
        #expect(text.routesKnownV4 == .allTables && text.routesKnownV6 == .none)
    }

    @Test func oneTextMayFollowAnother() {
        let read = Read(
            "# Written by hookline as `ip neigh`\n10.0.0.1 dev a PERMANENT\n# Written by hookline as `ipset save`\ncreate s hash:ip family inet\n"
        )
        #expect(read.kinds == [.neighbours, .setSave])
        #expect(read.host.neighbours.count == 1 && read.host.sets.count == 1)
        #expect(read.complaints == [])
    }

    @Test func otherWordsAreNone() {
        #expect(Read("# Written by hookline as `rm -rf`\n").kinds == [])
        #expect(Read("# Written by hookline as `ip neigh\n").kinds == [])
    }

    @Test func tablesOfNftAreOneListing() {
        let read = Read("# Written by hookline as `nft list tables`\ntable ip filter\ntable inet f\n")
        #expect(read.kinds == [.nftTables])
    }

    /// `ip route` tells the hops of an object too, unless the kernel is told not to (nexthop_compat_mode 0).
    @Test func hopsOfAnObjectCountOnce() {
        let objects = "id 2 group 3/4,5\nid 3 via 10.0.0.3 dev a\nid 4 via 10.0.0.4 dev a\n\n"
        let hops = "\tnexthop via 10.0.0.3 dev a weight 1\n\tnexthop via 10.0.0.4 dev a weight 5\n"
        let told = Read(objects + "10.1.0.0/16 nhid 2\n" + hops)
        #expect(told.host.routes.map { $0.nextHops.map(\.weight) } == [[1, 5]])
        let routes = "10.1.0.0/16 nhid 2\n10.2.0.0/16 nhid 3 proto static\n10.3.0.0/16 nhid 3 via 10.0.0.3 dev a\n"
        let named = Read(objects + routes)
        #expect(named.host.routes.map { $0.nextHops.map(\.weight) } == [[1, 5], [1], [1]])
    }
}

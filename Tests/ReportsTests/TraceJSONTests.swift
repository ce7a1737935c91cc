import NetTypes
import PacketPath
import PathModel
import Reports
import SourceText
import Testing

@Suite struct TraceJSONTests {
    private func steps(_ value: JSONValue) -> [JSONValue] { value["steps"]?.array ?? [] }

    @Test func aResultOfVersionOne() throws {
        var world = try World(filter("-A INPUT -j A", "-A A -p tcp -m tcp --dport 22 -j DROP", chains: ["A"]))
        var answer = world.answer(try World.packet())
        answer.identifier = .string("x\"y")
        let value = try world.json(answer)
        #expect(value.object?.first?.key == "hookline")
        #expect(value["hookline"]?.number?.unsigned == 1)
        #expect(value["id"]?.string == "x\"y")
        #expect(value["outcome"]?.string == "dropped")
        #expect(value["reason"]?.string == "rule")
        #expect(value["clientSees"]?.string == "timeout")
        let steps = steps(value)
        let decided = try #require(value["decidedBy"]?.number?.unsigned)
        let rule = steps[Int(decided)]
        #expect(rule["kind"]?.string == "rule")
        #expect(rule["family"]?.string == "ip")
        #expect(rule["backend"]?.string == "nf_tables")
        #expect(rule["hook"]?.string == "input")
        #expect(rule["table"]?.string == "filter")
        #expect(rule["chain"]?.string == "A")
        #expect(rule["rule"]?.number?.unsigned == 1)
        #expect(rule["file"]?.string == "rules")
        #expect(rule["line"]?.number?.unsigned == 7)
        #expect(rule["text"]?.string == "-A A -p tcp -m tcp --dport 22 -j DROP")
        #expect(rule["verdict"]?.string == "drop")
        let jump = steps[Int(decided) - 1]
        #expect(jump["verdict"]?.string == "jump")
        #expect(jump["target"]?.string == "A")
        let out = try #require(value["out"])
        for key in ["source", "destination", "protocol", "sourcePort", "destinationPort", "ttl", "dscp", "mark"] {
            #expect(out[key] != nil, "\(key)")
        }
        for key in ["assumptions", "branches", "acceptedBy"] { #expect(value[key]?.array != nil, "\(key)") }
    }

    @Test func translationsNameTheirRuleAndChangesTheirValue() throws {
        var world = try World(
            filter()
                + "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j MARK --set-xmark 0x7/0xff\n-A PREROUTING -p tcp -j DNAT --to-destination 10.1.0.9:53\nCOMMIT\n"
        )
        let value = try world.json(world.answer(try World.packet()))
        #expect(value["outcome"]?.string == "forwarded")
        #expect(value["out"]?["interface"]?.string == "eth1")
        let all = steps(value)
        let nat = try #require(all.first { $0["kind"]?.string == "nat" })
        #expect(nat["type"]?.string == "dnat")
        #expect(nat["destination"]?.string == "10.1.0.9")
        #expect(nat["destinationPort"]?.number?.unsigned == 53)
        let by = try #require(nat["by"]?.number?.unsigned)
        #expect(all[Int(by)]["text"]?.string?.hasSuffix("-j DNAT --to-destination 10.1.0.9:53") == true)
        let mark = try #require(all.first { $0["set"] != nil })
        #expect(mark["set"]?["mark"]?.number?.unsigned == 7)
        #expect(mark["verdict"]?.string == "continue")
        let routing = try #require(all.first { $0["kind"]?.string == "routing" })
        #expect(routing["interface"]?.string == "eth1")
        #expect(routing["table"]?.string == "main")
        #expect(routing["route"]?.string?.hasPrefix("10.1.0.0/24 dev eth1") == true)
    }

    @Test func indexesCountOverTheWholeWay() throws {
        var world = try World(
            filter(
                "-A INPUT -p tcp", "-A INPUT -m statistic --mode random --probability 0.50000000000 -j DROP",
                "-A INPUT -j ACCEPT"))
        let value = try world.json(world.answer(try World.packet()))
        #expect(value["outcome"]?.string == "undecided")
        #expect(value["decidedBy"] == nil)
        let common = steps(value)
        let branches = try #require(value["branches"]?.array)
        #expect(branches.count == 2)
        for branch in branches {
            let all = common + steps(branch)
            let index = try #require(branch["decidedBy"]?.number?.unsigned)
            let verdict = all[Int(index)]["verdict"]?.string
            #expect(verdict == (branch["outcome"]?.string == "dropped" ? "drop" : "accept"))
            #expect(branch["probability"]?.number?.text == "0.5")
            #expect(branch["assumption"]?["name"]?.string == "statistic@filter/INPUT:2")
            #expect(branch["assumption"]?["value"]?.string != nil)
            #expect(branch["assumption"]?["text"]?.string != nil)
        }
    }

    @Test func whatElseDecidesLeavesTheOutcomeOpen() throws {
        var world = try World(filter("-A INPUT -j DROP"))
        var answer = world.answer(try World.packet())
        answer.otherDeciders = [.init(name: "ipvs", text: "IPVS takes packets", place: .none)]
        let value = try world.json(answer)
        #expect(value["outcome"]?.string == "undecided")
        #expect(value["reason"]?.string == "unknown-rule")
        let branches = try #require(value["branches"]?.array)
        #expect(branches.map { $0["outcome"]?.string } == ["dropped", "undecided"])
        #expect(branches[0]["assumption"]?["name"]?.string == "ipvs")
        #expect(branches[0]["assumption"]?["value"]?.string == "pass")
        let index = try #require(branches[0]["decidedBy"]?.number?.unsigned)
        #expect(steps(value)[Int(index)]["verdict"]?.string == "drop")
        #expect(value["otherDeciders"]?.array?.first?["name"]?.string == "ipvs")
    }

    @Test func theReplyIsAResultOfItsOwn() throws {
        var world = try World(filter("-A OUTPUT -p tcp -j DROP"))
        let value = try world.json(world.answer(try World.packet()) { $0.traceReply = true })
        #expect(value["outcome"]?.string == "delivered")
        let reply = try #require(value["reply"])
        #expect(reply["outcome"]?.string == "dropped")
        let index = try #require(reply["decidedBy"]?.number?.unsigned)
        #expect(steps(reply)[Int(index)]["chain"]?.string == "OUTPUT")
        #expect(value["clientSees"]?.string == "timeout")
    }

    @Test func aKnownConnectionNamesItsEntry() throws {
        let state =
            World.network
            + "# conntrack -L\ntcp      6 431999 ESTABLISHED src=198.51.100.7 dst=192.0.2.1 sport=40000 dport=22 src=10.1.0.9 dst=198.51.100.7 sport=2222 dport=40000 [ASSURED] mark=0 use=1\n"
        var world = try World(filter("-A INPUT -m conntrack --ctstate INVALID -j DROP"), state)
        var packet = try World.packet()
        packet.tcpFlags = .ack
        let value = try world.json(world.answer(packet))
        let nat = try #require(steps(value).first { $0["kind"]?.string == "nat" })
        #expect(nat["by"] == nil)
        #expect(nat["entry"]?["reply"]?["source"]?.string == "10.1.0.9")
        #expect(nat["entry"]?["file"]?.string == "state")
    }

    /// Ways beyond the bound are one branch, which tells how they may end.
    @Test func whatWasNotFollowedTellsHowItMayEnd() throws {
        let rules =
            ["-A INPUT -m string --string a --algo bm -j MARK --set-mark 0x1"]
            + (1...4).map {
                "-A INPUT -m string --string b\($0) --algo bm -j MARK --set-xmark 0x\(1 << $0)/0x\(1 << $0)"
            }
        var world = try World(
            filter(
                rules[0], rules[1], rules[2], rules[3], "-A INPUT -m mark --mark 0x2 -j DROP",
                "-A INPUT -m mark --mark 0x4 -j REJECT"))
        let answer = world.answer(try World.packet()) { $0.maximumLeaves = 3 }
        let json = try world.json(answer)
        #expect(json["reason"]?.string == "too-many-branches")
        let branches = json["branches"]?.array ?? []
        let possible = branches.compactMap { $0["possible"]?.array?.map { $0.string ?? "" } }
        #expect(possible == [["delivered", "dropped", "rejected"]])
        #expect(world.text(answer).contains("It may be delivered, dropped or rejected."))
    }
}

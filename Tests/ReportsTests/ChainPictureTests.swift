import Annotations
import PathModel
import RuleModel
import Testing

@testable import Reports

/// The picture of these rules.
private func picture(_ rules: String, _ change: (inout ChainPictureSettings) -> Void = { _ in }) throws -> ChainPicture
{
    var settings = ChainPictureSettings()
    change(&settings)
    return ChainPicture(AnnotatedRuleset(try World(rules).model.linked), settings)
}

extension ChainPicture {
    fileprivate var names: [String] { nodes.map(\.name) }

    /// `INPUT -> ONE (2)`, sorted.
    fileprivate var arrows: [String] {
        edges.map { "\(nodes[$0.from].name) \($0.isGoto ? "=>" : "->") \(nodes[$0.to].name) (\($0.ruleCount))" }
            .sorted()
    }

    fileprivate func node(_ name: String) -> Node? { nodes.first { $0.name == name } }
}

private let allTables =
    "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
    + "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
    + "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n"

/// Chains of six services, as kube-proxy writes them.
private let services: String = {
    var chains: [String] = []
    var rules = ["-A INPUT -j KUBE-SERVICES"]
    for letter in ["A", "B", "C", "D", "E", "F"] {
        let hash = String(repeating: letter, count: 16)
        chains += ["KUBE-SVC-\(hash)", "KUBE-SEP-\(hash)"]
        rules += ["-A KUBE-SERVICES -d 10.96.0.1/32 -j KUBE-SVC-\(hash)", "-A KUBE-SVC-\(hash) -j KUBE-SEP-\(hash)"]
    }
    var text = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\n"
    for chain in chains { text += ":\(chain) - [0:0]\n" }
    for rule in rules { text += rule + "\n" }
    return text + "COMMIT\n"
}()

@Suite struct ChainPictureTests {
    @Test func tablesStandInTheOrderOfTheirPriorities() throws {
        let made = try picture(allTables)
        #expect(made.bands.map(\.title) == ["ip raw", "ip nat", "ip filter"])
    }

    @Test func baseChainsStandInTheOrderOfTheirHooksAndTellTheirTurn() throws {
        let made = try picture(allTables)
        let nat = try #require(made.bands.first { $0.title == "ip nat" })
        #expect(nat.nodes.map { made.nodes[$0].name } == ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"])
        let turns = nat.nodes.map { index -> ChainPicture.Turn? in
            guard case .base(let base) = made.nodes[index].standing else { return nil }
            return base.turn
        }
        #expect(turns.map { $0?.place } == [2, 2, 2, 1])
        #expect(turns.map { $0?.count } == [2, 2, 3, 1])
    }

    @Test func hooksStandInTheOrderInWhichAPacketComesToThem() throws {
        let made = try picture(allTables)
        let way = try #require(made.ways.first)
        #expect(made.ways.count == 1 && way.layer == .ip)
        #expect(way.passing.map(\.name) == ["prerouting", "routing", "forward", "postrouting"])
        #expect(way.local.map(\.name) == ["input", "this host", "output"])
        #expect(way.passing.map(\.lines) == [["raw → nat"], [], ["filter"], ["nat"]])
        #expect(way.local.map(\.lines) == [["filter → nat"], [], ["raw → nat → filter"]])
        #expect((way.passing + way.local).filter(\.isShown).count == 5)
    }

    @Test func hooksOfWhichNoChainIsShownStayInTheWay() throws {
        let made = try picture(allTables) { $0.tables = ["filter"] }
        let way = try #require(made.ways.first)
        #expect(way.passing.map(\.lines) == [["2 chains not shown"], [], ["filter"], ["1 chain not shown"]])
        #expect(way.local.map(\.lines) == [["filter", "1 chain not shown"], [], ["filter", "2 chains not shown"]])
        #expect(way.passing.map(\.isShown) == [false, false, true, false])
        let none = try picture("*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n")
        #expect(none.ways.first?.passing.map(\.lines) == [["no chain"], [], ["no chain"], ["no chain"]])
        // Without a base chain there is no hook to come from.
        #expect(try picture(filter("-A ONE -j TWO", chains: ["ONE", "TWO"])) { $0.chains = ["TWO"] }.ways == [])
    }

    @Test func packetsOfEachVersionHaveTheirTables() throws {
        let native = """
            table ip nat { chain pre { type nat hook prerouting priority -100; } }
            table inet fw {
                chain early { type filter hook prerouting priority -300; }
                chain late { type filter hook prerouting priority 0; }
                chain in { type filter hook input priority 0; }
            }

            """
        let way = try #require(try picture(native).ways.first)
        #expect(way.passing[0].lines == ["IPv4: fw → nat → fw", "IPv6: fw"])
        #expect(way.local[0].lines == ["fw"])
    }

    @Test func devicesAndBridgesHaveHooksOfTheirOwn() throws {
        let native = """
            table netdev edge {
                chain in { type filter hook ingress device eth0 priority 0; }
                chain out { type filter hook egress device eth0 priority 0; }
            }
            table bridge b { chain fwd { type filter hook forward priority 0; } }
            table bridge later {
                chain last { type filter hook forward priority 1; }
                chain first { type filter hook forward priority 0; }
            }
            table arp a { chain in { type filter hook input priority 0; } }

            """
        let ways = try picture(native).ways
        #expect(ways.map(\.layer) == [.ip, .bridge, .arp])
        #expect(
            ways[0].passing.map(\.name) == ["ingress", "prerouting", "routing", "forward", "postrouting", "egress"])
        #expect(ways[0].passing.map(\.isShown) == [true, false, false, false, false, true])
        #expect(ways[1].passing.map(\.name) == ["prerouting", "bridging", "forward", "postrouting"])
        #expect(ways[1].passing[2].lines == ["later → b → later"])
        #expect(ways[2].passing == [] && ways[2].local.map(\.name) == ["input", "this host", "output"])
    }

    @Test func jumpsAreMergedAndCounted() throws {
        let made = try picture(
            filter(
                "-A INPUT -s 10.0.0.1/32 -j ONE", "-A INPUT -s 10.0.0.2/32 -j ONE", "-A INPUT -g TWO",
                chains: ["ONE", "TWO"]))
        #expect(made.arrows == ["INPUT -> ONE (2)", "INPUT => TWO (1)"])
    }

    @Test func whatIsWrongIsToldApart() throws {
        let made = try picture(
            filter("-A INPUT -j A", "-A A -j B", "-A B -j A", "-A INPUT -j GONE", chains: ["A", "B", "LONELY"]))
        #expect(made.node("LONELY")?.standing == .unreferenced)
        #expect(made.node("GONE")?.standing == .missing)
        #expect(made.node("GONE")?.chains == [])
        #expect(made.edges.filter(\.isLoop).count == 2)
        #expect(
            made.notes == [
                "filter/INPUT:2 jumps to 'GONE', which is not in the table",
                "a loop, which the kernel refuses: A -> B -> A",
            ])
    }

    @Test func sharesAreToldWhereAllIsCounted() throws {
        let counted =
            "*filter\n:INPUT DROP [10:1000]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:ONE - [0:0]\n"
            + "[90:9000] -A INPUT -p tcp -j ACCEPT\n[7:70] -A INPUT -j ONE\n[3:30] -A ONE -j REJECT\nCOMMIT\n"
        let made = try picture(counted)
        let input = try #require(made.node("INPUT"))
        #expect(input.decided == ChainPicture.Decided(accepted: 90, dropped: 10))
        #expect(made.node("ONE")?.decided == ChainPicture.Decided(dropped: 3))
        #expect(made.edges.map(\.packetCount) == [7])
        // The rules of this one are not counted, only the policy is.
        let uncounted = filter("-A INPUT -p tcp -j ACCEPT").replacing(
            ":INPUT ACCEPT [0:0]", with: ":INPUT DROP [10:1000]")
        #expect(try picture(uncounted).node("INPUT")?.decided == nil)
    }

    @Test func likeChainsBecomeOneNode() throws {
        let made = try picture(services)
        #expect(made.names == ["INPUT", "FORWARD", "OUTPUT", "KUBE-SERVICES", "KUBE-SVC-", "KUBE-SEP-"])
        #expect(made.node("KUBE-SVC-")?.chains.count == 6)
        #expect(made.node("KUBE-SVC-")?.ruleCount == 6)
        #expect(made.node("KUBE-SVC-")?.owner == .kubeProxy)
        #expect(
            made.arrows == [
                "INPUT -> KUBE-SERVICES (1)", "KUBE-SERVICES -> KUBE-SVC- (6)", "KUBE-SVC- -> KUBE-SEP- (6)",
            ])
    }

    @Test func howManyMakeAFamilyCanBeSaid() throws {
        #expect(try picture(services) { $0.foldsFrom = 7 }.nodes.count == 16)
        #expect(try picture(services) { $0.foldsFrom = nil }.nodes.count == 16)
        #expect(try picture(services) { $0.foldsFrom = 6 }.nodes.count == 6)
    }

    @Test func partsOfAChainBecomeOneNode() throws {
        let parts = ["log", "deny", "allow", "post"].map { "IN_home_\($0)" }
        let rules = ["-A INPUT -j IN_home"] + parts.map { "-A IN_home -j \($0)" }
        var text = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
        for chain in ["IN_home"] + parts { text += ":\(chain) - [0:0]\n" }
        text += rules.joined(separator: "\n") + "\nCOMMIT\n"
        let made = try picture(text)
        #expect(made.names == ["INPUT", "FORWARD", "OUTPUT", "IN_home", "IN_home_"])
        // Of a part that another chain leads to as well, nobody can say whose it is.
        let shared = text.replacing("COMMIT", with: "-A OUTPUT -j IN_home_log\nCOMMIT")
        #expect(try picture(shared).nodes.count == 8)
    }

    static let names: [(String, String?)] = [
        ("KUBE-SVC-ERIFXISQEP7F7OF4", "KUBE-SVC-"), ("KUBE-SVC-ABCDEFGHIJKLMNOP", "KUBE-SVC-"),
        ("cali-pi-_Jq5yT0vQbVnT1mUYbJ", "cali-pi-"), ("cali-tw-cali0123456789a", "cali-tw-"),
        ("endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80", "endpoint-"), ("f2b-sshd", nil), ("ufw-user-input", nil),
        ("KUBE-POSTROUTING", nil), ("DOCKER", nil), ("7", nil), ("", nil), ("zone_lan_input", nil),
    ]

    @Test("the stem of a name is what its likes share", arguments: names)
    func stems(_ name: String, _ stem: String?) { #expect(nameStem(name) == stem) }
}

@Suite struct ChainPictureCutTests {
    private let rules =
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:ONE - [0:0]\n:TWO - [0:0]\n"
        + ":THREE - [0:0]\n:DOCKER-USER - [0:0]\n:LONELY - [0:0]\n"
        + "-A INPUT -j ONE\n-A FORWARD -j TWO\n-A ONE -j THREE\n-A TWO -j THREE\n-A FORWARD -j DOCKER-USER\nCOMMIT\n"
        + "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n"

    private func names(_ change: (inout ChainPictureSettings) -> Void) throws -> [String] {
        try picture(rules, change).names.sorted()
    }

    @Test func byHook() throws {
        #expect(try names { $0.hooks = [.input] } == ["INPUT", "INPUT", "ONE", "THREE"])
    }

    @Test func byTable() throws {
        #expect(try names { $0.tables = ["nat"] } == ["INPUT", "OUTPUT", "POSTROUTING", "PREROUTING"])
        #expect(try names { $0.tables = ["ip nat"] }.count == 4)
        #expect(try names { $0.tables = ["ip6 nat"] } == [])
    }

    @Test func byChain() throws {
        #expect(try names { $0.chains = ["TWO"] } == ["FORWARD", "THREE", "TWO"])
        #expect(try names { $0.chains = ["THREE"] } == ["FORWARD", "INPUT", "ONE", "THREE", "TWO"])
        #expect(
            try names {
                $0.chains = ["THREE"]
                $0.hooks = [.input]
            } == ["INPUT", "ONE", "THREE"])
    }

    @Test func byDepth() throws {
        let made = try picture(rules) {
            $0.hooks = [.input]
            $0.tables = ["filter"]
            $0.depth = 1
        }
        #expect(made.names == ["INPUT", "ONE"])
        #expect(made.node("ONE")?.hiddenCount == 1)
        #expect(made.extent == "2 of 12 chains are shown, as was asked for")
        #expect(
            try names {
                $0.chains = ["FORWARD"]
                $0.depth = 0
            } == ["FORWARD"])
    }

    @Test func byOwner() throws {
        #expect(try names { $0.owners = [.maker(.docker)] } == ["DOCKER-USER", "FORWARD"])
        #expect(try names { $0.owners = [.unknown] }.contains("LONELY"))
        #expect(try names { $0.owners = [.unknown] }.contains("DOCKER-USER") == false)
    }
}

import Annotations
import Testing

@Suite struct CalicoMarksTests {
    private func meanings(_ rules: Annotated, _ bits: UInt32) -> [String] {
        rules.rules.meanings(ofMark: bits).map { "\($0.maker.name): \($0.text)" }
    }

    /// 0x40000 is a scratch bit up to v3.29, and says "denied" from v3.30 on: the mask that is cleared tells.
    @Test func theMaskThatIsClearedTellsTheBits() throws {
        let old = try Annotated(fixture: CalicoFixtures.version("v3.29"))
        let new = try Annotated(fixture: CalicoFixtures.version("v3.31"))
        #expect(
            meanings(old, 0x4_0000) == [
                "Calico: in raw: the packet comes from a workload; in policies: the conditions so far hold"
            ])
        #expect(meanings(new, 0x4_0000) == ["Calico: a policy denied the packet"])
        #expect(
            meanings(new, 0x3_0000) == [
                "Calico: policy accepted the packet, or it passed FORWARD",
                "Calico: a policy passed the packet on to the next tier or the profiles",
            ])
        #expect(meanings(new, 0x80) == [])
    }

    @Test func olderAndConfiguredMasksAreRead() throws {
        let rules = try Annotated(
            """
            *filter
            :FORWARD ACCEPT [0:0]
            :cali-FORWARD - [0:0]
            -A FORWARD -j cali-FORWARD
            -A cali-FORWARD -j MARK --set-xmark 0x0/0xe000000
            COMMIT

            """)
        #expect(meanings(rules, 0x100_0000) == ["Calico: policy accepted the packet, or it passed FORWARD"])
        #expect(meanings(rules, 0x1_0000) == [])
    }

    @Test func endpointsAndWireGuardHaveTheirBits() throws {
        let ipvs = try Annotated(fixture: CalicoFixtures.version("v3.31-ipvs"))
        #expect(
            meanings(ipvs, 0x8000_0000) == [
                "Calico: the number of the endpoint that the packet comes from (kube-proxy in ipvs mode)"
            ])
        let options = try Annotated(fixture: CalicoFixtures.options[0])
        #expect(
            meanings(options, 0x20_0000) == [
                "Calico: the packet did not come by WireGuard, or WireGuard itself sent it"
            ])
        #expect(try Annotated(fixture: CalicoFixtures.options[2]).rules.meanings(ofMark: 0x20_0000).count == 1)
    }

    @Test func marksOfTwoMakersAreTold() throws {
        let node = try Annotated(fixture: CalicoFixtures.node)
        #expect(meanings(node, 0x4000) == ["kube-proxy: the packet is to be masqueraded"])
        #expect(node.rules.markClashes.isEmpty)
        let both = try Annotated(
            """
            *filter
            :FORWARD ACCEPT [0:0]
            :KUBE-ROUTER-FORWARD - [0:0]
            :cali-FORWARD - [0:0]
            -A FORWARD -j cali-FORWARD
            -A cali-FORWARD -j MARK --set-xmark 0x0/0xe0000
            COMMIT

            """)
        let clashes = both.rules.markClashes.map { "\($0.first.maker.name) \($0.second.maker.name)" }
        #expect(clashes == ["Calico kube-router", "Calico kube-router"])
    }
}

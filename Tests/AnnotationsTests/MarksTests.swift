import Testing

@testable import Annotations

@Suite struct MarksTests {
    /// The foreign marks of a Calico node, each with its source in the maker's file.
    @Test(
        arguments: [
            (Maker.kubeProxy, 0x4000, 0x4000), (.kubelet, 0x8000, 0x8000), (.portmap, 0x2000, 0x2000),
            (.netavark, 0x2000, 0x2000), (.kubeRouter, 0x1_0000, 0x1_0000), (.kubeRouter, 0x2_0000, 0x2_0000),
            (.tailscale, 0x4_0000, 0xff_0000), (.tailscale, 0x8_0000, 0xff_0000), (.cilium, 0x200, 0xf00),
            (.cilium, 0xc00, 0xf00), (.istio, 0x539, 0xfff), (.istio, 0x111, 0xfff), (.awsVPC, 0x80, 0x80),
            (.weave, 0x4_0000, 0x4_0000),
        ] as [(Maker, UInt32, UInt32)])
    func marksOfMakers(_ maker: Maker, _ value: UInt32, _ mask: UInt32) {
        let meaning = OtherMakers.marks(of: maker).first { $0.value == value && $0.mask == mask }
        #expect(meaning?.maker == maker)
    }

    @Test func eachMakerTellsItsOwnMarks() {
        for maker in Maker.allCases {
            for meaning in OtherMakers.marks(of: maker) {
                #expect(meaning.maker == maker)
                #expect(meaning.value & ~meaning.mask == 0)
                #expect(!meaning.text.isEmpty)
            }
        }
    }

    @Test func onlyMarksOfMakersThatAreThereAreTold() {
        let there: Set = ["KUBE-MARK-MASQ", "ts-forward", "DOCKER"]
        let found = OtherMakers.marks { there.contains($0) }
        #expect(found.map(\.maker) == [.kubeProxy, .tailscale, .tailscale])
        for maker in Maker.allCases where !OtherMakers.marks(of: maker).isEmpty {
            #expect(OtherMakers.marks { _ in true }.contains { $0.maker == maker })
        }
    }
}

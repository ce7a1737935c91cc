// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

/// Targets that wrap C say so: `unsafe` must be spelled at each use.
let audited: [SwiftSetting] = strict + [.strictMemorySafety()]

func module(_ name: String, _ imports: [String], _ settings: [SwiftSetting] = strict) -> Target {
    .target(name: name, dependencies: imports.map { .init(stringLiteral: $0) }, swiftSettings: settings)
}

func tests(_ name: String, _ imports: [String], resources: [Resource] = [], exclude: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: imports.map { .init(stringLiteral: $0) }, exclude: exclude, resources: resources,
        swiftSettings: strict)
}

let package = Package(
    name: "hookline",
    products: [.executable(name: "hookline", targets: ["hookline"])],
    targets: [
        .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        .systemLibrary(name: "CGraphviz", pkgConfig: "libgvc", providers: [.apt(["libgraphviz-dev"])]),
        .systemLibrary(name: "CNetfilter", pkgConfig: "libmnl", providers: [.apt(["libmnl-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CPcap", pkgConfig: "libpcap", providers: [.apt(["libpcap-dev"])]),
        .systemLibrary(
            name: "CMicroHTTPD", pkgConfig: "libmicrohttpd", providers: [.apt(["libmicrohttpd-dev"])]),
        module("SourceText", [], audited),
        module("NetTypes", []),
        module("NetlinkBytes", ["NetTypes"]),
        module("RuleModel", ["SourceText", "NetTypes"]),
        module("PacketCapture", ["SourceText", "NetTypes"]),
        module("CaptureFilter", ["CPcap"], audited),
        module("ArchiveFile", ["SourceText", "CArchive"], audited),
        module("YAMLText", ["SourceText", "CYAML"], audited),
        module("GraphLayout", ["CGraphviz"], audited),
        module("Server", ["SourceText", "CMicroHTTPD"], audited),
        module("IptablesText", ["SourceText", "NetTypes", "RuleModel"]),
        module("Nftables", ["SourceText", "NetTypes", "RuleModel"]),
        module("KernelLink", ["SourceText", "NetlinkBytes", "RuleModel", "CNetfilter"], audited),
        module("HostText", ["SourceText", "NetTypes", "NetlinkBytes", "RuleModel"]),
        module("KubernetesText", ["SourceText", "NetTypes", "RuleModel"]),
        module("ChainGraph", ["SourceText", "NetTypes", "RuleModel"]),
        module(
            "Snapshot",
            [
                "SourceText", "NetTypes", "RuleModel", "ArchiveFile", "YAMLText", "IptablesText", "Nftables",
                "HostText",
                "KubernetesText",
            ]),
        module("Redaction", ["SourceText", "NetTypes", "HostText"]),
        module("PathModel", ["SourceText", "NetTypes", "RuleModel", "ChainGraph"]),
        module("Annotations", ["SourceText", "NetTypes", "RuleModel", "ChainGraph"]),
        module("PacketPath", ["SourceText", "NetTypes", "RuleModel", "ChainGraph", "PathModel"]),
        module("HeaderSpace", ["SourceText", "NetTypes", "RuleModel", "ChainGraph", "PathModel", "PacketPath"]),
        module(
            "Questions",
            [
                "SourceText", "NetTypes", "RuleModel", "ChainGraph", "Annotations", "PathModel", "PacketPath",
                "HeaderSpace", "PacketCapture",
            ]),
        module(
            "Reports",
            [
                "SourceText", "NetTypes", "RuleModel", "IptablesText", "Nftables", "ChainGraph", "Annotations",
                "PathModel",
                "PacketPath", "HeaderSpace",
                "Questions", "PacketCapture",
            ]),
        module(
            "Answers",
            [
                "SourceText", "NetTypes", "RuleModel", "PacketCapture", "HostText", "ChainGraph", "Snapshot",
                "Annotations", "PathModel", "PacketPath", "Questions", "Reports",
            ]),
        .target(
            name: "Pages",
            dependencies: [
                "SourceText", "ChainGraph", "Snapshot", "Annotations", "PathModel", "Questions", "Reports", "Answers",
            ],
            resources: [.embedInCode("page.js"), .embedInCode("page.css")], swiftSettings: strict),
        module("BrowserEngine", ["SourceText", "Snapshot", "Answers", "Pages"], audited),
        module(
            "KernelLab",
            [
                "SourceText", "NetTypes", "RuleModel", "IptablesText", "Nftables", "HostText", "ChainGraph", "Snapshot",
                "PathModel", "PacketPath", "HeaderSpace", "NetlinkBytes", "KernelLink", "CNetfilter",
            ], audited),
        module(
            "CommandLineTool",
            [
                "SourceText", "Nftables", "NetTypes", "RuleModel", "IptablesText", "HostText", "ChainGraph", "Snapshot",
                "Annotations", "PathModel",
                "PacketPath", "HeaderSpace", "Questions", "KernelLink", "KernelLab", "Reports", "ArchiveFile",
                "Redaction", "YAMLText", "GraphLayout", "PacketCapture", "CaptureFilter", "Answers", "Pages", "Server",
            ], audited),
        tests("SourceTextTests", ["SourceText"]),
        tests("NetTypesTests", ["NetTypes"]),
        tests("YAMLTextTests", ["SourceText", "YAMLText"]),
        tests("PacketCaptureTests", ["SourceText", "NetTypes", "PacketCapture", "CaptureFilter", "CPcap"]),
        tests("KubernetesTextTests", ["SourceText", "NetTypes", "RuleModel", "YAMLText", "KubernetesText"]),
        tests("ArchiveFileTests", ["ArchiveFile", "CArchive"]),
        tests("GraphLayoutTests", ["GraphLayout"]),
        tests("NftablesTests", ["SourceText", "NetTypes", "RuleModel", "Nftables"], exclude: ["Fixtures"]),
        tests(
            "KernelLinkTests",
            ["SourceText", "NetTypes", "RuleModel", "IptablesText", "Nftables", "KernelLink", "KernelLab"],
            exclude: ["Fixtures"]),
        tests(
            "HostTextTests", ["SourceText", "NetTypes", "RuleModel", "HostText", "KernelLink", "KernelLab"],
            exclude: ["Fixtures"]),
        tests(
            "SnapshotTests",
            ["SourceText", "NetTypes", "RuleModel", "ArchiveFile", "HostText", "IptablesText", "Snapshot"]),
        tests(
            "AnnotationsTests",
            ["SourceText", "NetTypes", "RuleModel", "ChainGraph", "Annotations", "Snapshot"], exclude: ["Fixtures"]),
        tests("PagesTests", ["SourceText", "Snapshot", "Answers", "Pages"]),
        tests("ArchitectureTests", []),
        tests("HeaderSpaceTests", ["SourceText", "NetTypes", "HeaderSpace"]),
        tests(
            "AgreementTests",
            [
                "SourceText", "NetTypes", "RuleModel", "ChainGraph", "Snapshot", "PathModel", "PacketPath",
                "HeaderSpace", "KernelLab",
            ],
            exclude: ["Native"]),
        tests(
            "CommandLineToolTests",
            [
                "SourceText", "NetTypes", "ArchiveFile", "RuleModel", "HostText", "Snapshot", "PathModel", "KernelLab",
                "Reports", "Answers", "Pages", "Server", "CommandLineTool",
            ]),
        tests("RedactionTests", ["SourceText", "NetTypes", "HostText", "Snapshot", "Redaction", "CommandLineTool"]),
        tests("GoldenTests", ["SourceText", "CommandLineTool"], exclude: ["Expected"]),
        tests(
            "ReportsTests",
            [
                "SourceText", "NetTypes", "RuleModel", "ChainGraph", "Annotations", "Snapshot", "PathModel",
                "PacketPath", "Reports",
            ]),
        tests(
            "QuestionsTests",
            [
                "SourceText", "NetTypes", "RuleModel", "ChainGraph", "Snapshot", "Annotations", "PathModel",
                "PacketPath", "HeaderSpace", "Questions",
            ]),
        tests(
            "ChainGraphTests", ["SourceText", "NetTypes", "RuleModel", "IptablesText", "ChainGraph", "Snapshot"]),
        tests("PathModelTests", ["SourceText", "NetTypes", "RuleModel", "ChainGraph", "PathModel", "Snapshot"]),
        tests(
            "PacketPathTests",
            ["SourceText", "NetTypes", "RuleModel", "ChainGraph", "PathModel", "PacketPath", "Nftables", "Snapshot"],
            exclude: ["Fixtures"]),
        tests(
            "KernelLabTests",
            [
                "SourceText", "NetTypes", "RuleModel", "IptablesText", "HostText", "ChainGraph", "Snapshot",
                "PathModel", "PacketPath", "NetlinkBytes", "KernelLink", "KernelLab",
            ]),
        .executableTarget(name: "hookline", dependencies: ["CommandLineTool"], swiftSettings: strict),
        .executableTarget(name: "kernel-compare", dependencies: ["KernelLab"], swiftSettings: strict),
        tests(
            "IptablesTextTests", ["IptablesText", "RuleModel", "NetTypes", "SourceText"], exclude: ["Fixtures"]),
    ],
    swiftLanguageModes: [.v6]
)

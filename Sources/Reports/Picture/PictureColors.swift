internal import Annotations

/// A colour of nodes, by the name of its class: hues of Okabe and Ito's, which colour-blind people can tell apart.
enum PictureHue: String, CaseIterable {
    case blue, orange, green, sky, purple, yellow, none

    /// Chains of makers that are often on one host have different ones.
    init(_ maker: Maker?) {
        self =
            switch maker {
            case .kubeProxy, .neutron: .blue
            case .calico, .kubeRouter, .firewalld, .ufw, .awsVPC: .orange
            case .flannel, .cniBridge, .weave: .green
            case .docker, .netavark, .openwrt: .sky
            case .portmap, .ipMasqAgent, .istio, .tailscale, .fail2ban: .purple
            case .kubelet, .cilium, .libvirt: .yellow
            case nil: .none
            }
    }

    /// What nodes are filled and framed with on white, and on black.
    var colors: (fill: String, line: String, darkFill: String, darkLine: String) {
        switch self {
        case .blue: ("#dcebf7", "#0072b2", "#0f2f47", "#56a5dc")
        case .orange: ("#fdf0d5", "#b87a00", "#3f2e0a", "#e69f00")
        case .green: ("#d9f2e8", "#00795a", "#0b3528", "#2fbf94")
        case .sky: ("#e0f3fd", "#2a86b8", "#0e3448", "#7cc8f0")
        case .purple: ("#f7e3ee", "#a84f80", "#402036", "#dd94b8")
        case .yellow: ("#fbf8cf", "#8a8100", "#38350c", "#e3d83e")
        case .none: ("#ffffff", "#6e7781", "#1c2128", "#8b949e")
        }
    }
}

/// Colours of a picture that are no maker's, on white; the style sheet has what they become on black.
enum PictureColor {
    static let paper = "#ffffff"
    static let ink = "#1b1f24"
    static let quiet = "#57606a"
    static let faint = "#9aa4af"
    static let band = "#f6f8fa"
    static let bandLine = "#c9d1d9"
    static let way = "#3b6ea5"
    static let bad = "#b3400a"
    static let badFill = "#fde4d8"
    static let good = "#00694e"
    static let goodFill = "#d9f2e8"
    static let doubtful = "#7a5c00"
    static let doubtfulFill = "#fdf0d5"
    static let changed = "#a84f80"
}

/// The style sheet of a picture: what its attributes say, and other colours where the reader's screen is dark.
///
/// Its selectors reach into `class="picture"` alone, so that it can stand in a page too.
public func pictureStyle() -> String {
    var light = ""
    var dark = ""
    var rules = ""
    for hue in PictureHue.allCases {
        let colors = hue.colors
        light += "--\(hue.rawValue)-fill:\(colors.fill);--\(hue.rawValue)-line:\(colors.line);"
        dark += "--\(hue.rawValue)-fill:\(colors.darkFill);--\(hue.rawValue)-line:\(colors.darkLine);"
        rules += ".picture .\(hue.rawValue) :is(path,polygon):not([fill=none]){fill:var(--\(hue.rawValue)-fill)}\n"
        rules += ".picture .\(hue.rawValue) :is(path,polygon){stroke:var(--\(hue.rawValue)-line)}\n"
    }
    let shared = [
        ("paper", PictureColor.paper, "#0d1117"), ("ink", PictureColor.ink, "#e6edf3"),
        ("quiet", PictureColor.quiet, "#a2acb6"), ("faint", PictureColor.faint, "#6e7781"),
        ("band", PictureColor.band, "#151b23"), ("band-line", PictureColor.bandLine, "#3d444d"),
        ("way", PictureColor.way, "#79b8ff"), ("bad", PictureColor.bad, "#ff9d6e"),
        ("bad-fill", PictureColor.badFill, "#4a1e0b"), ("good", PictureColor.good, "#2fbf94"),
        ("good-fill", PictureColor.goodFill, "#0b3528"), ("doubtful", PictureColor.doubtful, "#e3b341"),
        ("doubtful-fill", PictureColor.doubtfulFill, "#3f2e0a"), ("changed", PictureColor.changed, "#dd94b8"),
    ]
    for (name, onWhite, onBlack) in shared {
        light += "--\(name):\(onWhite);"
        dark += "--\(name):\(onBlack);"
    }
    var style = ".picture{\(light)}\n"
    style += "@media screen and (prefers-color-scheme:dark){.picture{\(dark)}}\n"
    style += ".picture>polygon{fill:var(--paper)}\n.picture text{fill:var(--ink)}\n"
    for (name, onWhite) in [
        ("quiet", PictureColor.quiet), ("bad", PictureColor.bad), ("good", PictureColor.good),
        ("doubtful", PictureColor.doubtful), ("changed", PictureColor.changed),
    ] {
        style += ".picture text[fill=\"\(onWhite)\"]{fill:var(--\(name))}\n"
    }
    style += ".picture .band :is(path,polygon){fill:var(--band);stroke:var(--band-line)}\n"
    style += rules
    style += ".picture .edge path{stroke:var(--quiet)}\n"
    style += ".picture .edge polygon{fill:var(--quiet);stroke:var(--quiet)}\n"
    for (name, color) in [("way", "way"), ("unused", "faint"), ("wrong", "bad"), ("open", "doubtful")] {
        style += ".picture .edge.\(name) path{stroke:var(--\(color))}\n"
        style += ".picture .edge.\(name) polygon{fill:var(--\(color));stroke:var(--\(color))}\n"
    }
    style += ".picture .drops :is(path,polygon),.picture .missing :is(path,polygon){stroke:var(--bad)}\n"
    style += ".picture .missing :is(path,polygon):not([fill=none]){fill:var(--bad-fill)}\n"
    for (name, fill, line) in [
        ("packet", "paper", "way"), ("hook", "paper", "way"), ("delivered", "good-fill", "good"),
        ("lost", "bad-fill", "bad"), ("unsettled", "doubtful-fill", "doubtful"),
    ] {
        style += ".picture .\(name) :is(path,polygon){fill:var(--\(fill));stroke:var(--\(line))}\n"
    }
    style += ".picture .between :is(path,polygon,ellipse){stroke:var(--faint)}\n"
    style += ".picture a:hover text,.picture a:focus text{text-decoration:underline}\n"
    return style
}

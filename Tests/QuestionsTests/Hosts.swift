import NetTypes
import PathModel
import RuleModel
import Snapshot
import SourceText

/// A host out of listings as text.
func host(_ texts: String..., sourceLocation: String = "") throws -> HostModel {
    let files = texts.enumerated().map { SourceFile(path: "input-\($0.offset)", text: $0.element) }
    let node = try readSnapshot(files: files)
    return HostModel(node.ruleset, node.host, names: node.names)
}

let noRules = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"

let addresses = """
    1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
        link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
        inet 127.0.0.1/8 scope host lo
           valid_lft forever preferred_lft forever
    2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP group default qlen 1000
        link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
        inet 192.0.2.1/24 brd 192.0.2.255 scope global eth0
           valid_lft forever preferred_lft forever
        inet6 2001:db8::1/64 scope global
           valid_lft forever preferred_lft forever
    3: eth1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP group default qlen 1000
        link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff
        inet 10.1.0.1/24 brd 10.1.0.255 scope global eth1
           valid_lft forever preferred_lft forever

    """

let routes = """
    default via 192.0.2.254 dev eth0
    10.1.0.0/24 dev eth1 proto kernel scope link src 10.1.0.1
    192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.1
    203.0.113.0/24 via 10.1.0.9 dev eth1

    """

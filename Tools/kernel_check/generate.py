"""Random nodes: interfaces, routes, rule sets and packets, drawn from small pools so that packets hit.

The same seed gives the same node. Chains form no loops, and every rule is one that iptables-nft 1.8.9 loads: a target
or match stands only where its table and its hooks allow it.
"""

import random

from . import packets

HOSTS = {
    4: ["10.0.0.5", "10.0.0.6", "10.0.1.5", "10.0.1.6", "10.0.2.5", "10.0.2.200", "203.0.113.5", "203.0.113.9", "198.51.100.7"],
    6: ["fd00:0:0:1::5", "fd00:0:0:1::6", "fd00:0:0:2::5", "fd00:0:0:3::5", "2001:db8:ffff::5", "2001:db8:ffff::9"],
}
NETS = {
    4: ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24", "10.0.0.0/16", "203.0.113.0/24", "10.0.2.128/25", "0.0.0.0/1"],
    6: ["fd00:0:0:1::/64", "fd00:0:0:2::/64", "fd00:0:0:3::/64", "fd00::/16", "2001:db8:ffff::/64", "::/1"],
}
PORTS = [22, 53, 80, 443, 1000, 8080, 40000, 40001]
MARKS = ["0x1", "0x2", "0x3/0x3", "0x1/0x1", "0x10/0xf0", "0x0/0x1", "0x0"]
NAMES = ["eth0", "eth1", "lan0", "lan1"]
HOOKS = {
    "raw": ["PREROUTING", "OUTPUT"],
    "mangle": ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
    "nat": ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
    "filter": ["INPUT", "FORWARD", "OUTPUT"],
    "security": ["INPUT", "FORWARD", "OUTPUT"],
}
REJECTS = {
    4: ["icmp-port-unreachable", "icmp-net-unreachable", "icmp-host-prohibited", "icmp-admin-prohibited"],
    6: ["icmp6-port-unreachable", "icmp6-adm-prohibited", "icmp6-no-route", "icmp6-addr-unreachable"],
}


class Node:
    """A random node: the files of its folder, and packets to send."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.files = {}
        self._interfaces()
        self._routes()
        self._sets()
        for version, name in ((4, "iptables-save.txt"), (6, "ip6tables-save.txt")):
            self.files[name] = Rules(self, version).text()

    def chance(self, percent):
        return self.random.random() * 100 < percent

    def pick(self, choices):
        return self.random.choice(choices)

    def _interfaces(self):
        self.names = NAMES[: self.random.randint(2, 4)]
        self.own = {4: [], 6: []}
        #: (name, address) pairs by version: where a host of that network arrives.
        self.networks = []
        lines = ["1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000",
                 "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00",
                 "    inet 127.0.0.1/8 scope host lo", "    inet6 ::1/128 scope host "]
        for number, name in enumerate(self.names):
            lines.append(f"{number + 2}: {name}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc pfifo_fast state UP "
                         "group default qlen 1000")
            lines.append(f"    link/ether 02:00:00:00:01:{number:02x} brd ff:ff:ff:ff:ff:ff")
            if number < 3:
                addresses = [f"10.0.{number}.1/24"] + [f"10.0.{number}.2/24"] * self.chance(30)
                addresses6 = [f"fd00:0:0:{number + 1}::1/64"] + [f"fd00:0:0:{number + 1}::2/64"] * self.chance(30)
            else:
                addresses, addresses6 = ["192.0.2.1/24"], ["2001:db8:0:1::1/64"]
            for address in addresses:
                brd = address.rsplit(".", 1)[0] + ".255"
                lines.append(f"    inet {address} brd {brd} scope global {name}")
                self.own[4].append(address.split("/")[0])
            for address in addresses6:
                lines.append(f"    inet6 {address} scope global ")
                self.own[6].append(address.split("/")[0])
            self.networks.append((name, addresses[0], addresses6[0]))
        self.files["ip-addr.txt"] = "\n".join(lines) + "\n"
        settings = {"net.ipv4.ip_forward": 0 if self.chance(4) else 1, "net.ipv6.conf.all.forwarding": 0 if self.chance(4) else 1}
        settings["net.ipv4.conf.all.rp_filter"] = self.pick([0, 0, 0, 0, 1, 2])
        for name in self.names:
            if self.chance(10):
                settings[f"net.ipv4.conf.{name}.rp_filter"] = self.pick([0, 1, 2])
        self.files["sysctl.txt"] = "".join(f"{key} = {value}\n" for key, value in settings.items())

    def _routes(self):
        last = self.networks[-1]
        gateway, gateway6 = last[1].rsplit(".", 1)[0] + ".254", last[2].rsplit("::", 1)[0] + "::fe"
        routes = []
        if self.chance(85):
            routes += [f"default via {gateway} dev {last[0]}", f"default via {gateway6} dev {last[0]} metric 1024 pref medium"]
        if self.chance(30):
            kind = self.pick(["blackhole", "unreachable", "prohibit"])
            routes += [f"{kind} 198.51.100.0/24", f"{kind} 2001:db8:ffff::9 dev lo metric 1024 pref medium"]
        if self.chance(30):
            first = self.networks[0]
            via, via6 = first[1].rsplit(".", 1)[0] + ".253", first[2].rsplit("::", 1)[0] + "::fd"
            routes += [f"203.0.113.0/28 via {via} dev {first[0]}", f"2001:db8:ffff::/120 via {via6} dev {first[0]} metric 1024 pref medium"]
        rules, rules6 = ["0:\tfrom all lookup local"], ["0:\tfrom all lookup local"]
        if self.chance(40):
            other = self.networks[self.random.randrange(len(self.networks))]
            via, via6 = other[1].rsplit(".", 1)[0] + ".252", other[2].rsplit("::", 1)[0] + "::fc"
            routes += [f"default via {via} dev {other[0]} table 100", f"default via {via6} dev {other[0]} table 100 metric 1024 pref medium"]
            which = self.pick(["from all fwmark 0x1/0x1", "from all fwmark 0x2", f"from all iif {self.names[0]}", "from all tos 0x10"])
            rules.append(f"100:\t{which} lookup 100")
            if "tos" not in which:
                rules6.append(f"100:\t{which} lookup 100")
        rules += ["32766:\tfrom all lookup main", "32767:\tfrom all lookup default"]
        rules6 += ["32766:\tfrom all lookup main"]
        self.files["ip-route.txt"] = "".join(route + "\n" for route in routes)
        self.files["ip-rule.txt"] = "".join(rule + "\n" for rule in rules)
        self.files["ip6-rule.txt"] = "".join(rule + "\n" for rule in rules6)

    def _sets(self):
        lines = []
        for version, family in ((4, "inet"), (6, "inet6")):
            hosts = self.random.sample(HOSTS[version], 3)
            lines += [f"create hosts{version} hash:ip family {family}"] + [f"add hosts{version} {host}" for host in hosts]
            lines.append(f"create nets{version} hash:net family {family}")
            lines += [f"add nets{version} {net}" for net in self.random.sample(NETS[version][:4], 2)]
            lines.append(f"add nets{version} {self.pick(HOSTS[version])} nomatch")
            lines.append(f"create pairs{version} hash:ip,port family {family}")
            for host in self.random.sample(HOSTS[version], 3):
                lines.append(f"add pairs{version} {host},{self.pick(['tcp', 'udp'])}:{self.pick(PORTS)}")
        self.files["ipset-save.txt"] = "".join(line + "\n" for line in lines)

    def packet(self):
        """(packet, interface or None for the host's own, mark)."""
        version = 4 if self.chance(65) else 6
        own, hosts = self.own[version], HOSTS[version]
        arrives, source = None, self.pick(own)
        destination = self.pick(hosts + own) if self.chance(70) else self.pick(own)
        if self.chance(70):
            name, network, network6 = self.pick(self.networks)
            base = (network if version == 4 else network6).split("/")[0]
            near = [host for host in hosts if host.rsplit(".:"[version == 6], 1)[0] == base.rsplit(".:"[version == 6], 1)[0]]
            arrives, source = name, self.pick(near or hosts) if self.chance(85) else self.pick(hosts)
        elif self.chance(10):
            source = destination = self.pick(own)
        if arrives is not None and destination == source:
            # A connection with itself, from the wire: both of its directions are one.
            destination = self.pick(own)
        kind = self.pick([packets.TCP] * 5 + [packets.UDP] * 3 + [packets.ICMP] * 2 + [packets.SCTP])
        flags, icmp = 2, None
        if kind == packets.TCP and self.chance(35):
            flags = self.pick([16, 18, 4, 20, 17, 1, 24, 0, 3, 41])
        if kind == packets.ICMP:
            icmp = self.pick([8, 8, 8, 0, 13, 3, 11] if version == 4 else [128, 128, 128, 129, 1, 3])
            kind = packets.ICMP if version == 4 else packets.ICMPV6
        ports = kind in packets.PORTS
        source_port, destination_port = self.random.sample(PORTS, 2)
        address = lambda words: packets.ipaddress.ip_address(words)
        packet = packets.Packet(
            address(source), address(destination), kind, source_port if ports else None,
            destination_port if ports else None, flags, icmp, 0,
            self.pick([1, 2, 63, 255]) if self.chance(8) else 64, self.pick([4, 46]) if self.chance(8) else 0,
            self.pick([100, 500]) if self.chance(10) else None,
        )
        return packet, arrives, int(self.pick(["1", "2", "16"])) if self.chance(8) else 0


class Rules:
    """One random dump of `iptables-save` or `ip6tables-save`."""

    def __init__(self, node, version):
        self.node, self.version = node, version
        self.pick, self.chance = node.pick, node.chance

    def text(self):
        lines = []
        for table in HOOKS:
            if table == "security" and not self.chance(15) or table != "filter" and self.chance(20):
                continue
            lines += self._table(table)
        return "\n".join(lines) + "\n"

    def _table(self, table):
        random = self.node.random
        hooks = HOOKS[table]
        # In nat a chain of ours belongs to one hook: its targets are valid there only.
        count = random.randint(0, 6)
        chains = [(f"{table[0].upper()}{number}", self.pick(hooks) if table == "nat" else None) for number in range(count)]
        lines = [f"*{table}"]
        for hook in hooks:
            policy = "DROP" if table in ("filter", "mangle") and self.chance(10) else "ACCEPT"
            lines.append(f":{hook} {policy} [0:0]")
        lines += [f":{name} - [0:0]" for name, _ in chains]
        for hook in hooks:
            for _ in range(random.choice([0, 1, 2, 3, 4, 6])):
                lines.append(self._rule(table, hook, hook, [c for c, h in chains if h in (None, hook)]))
        for number, (name, hook) in enumerate(chains):
            later = [c for c, h in chains[number + 1 :] if h == hook]
            for _ in range(random.randint(0, 5)):
                lines.append(self._rule(table, name, hook, later))
        return lines + ["COMMIT"]

    def _rule(self, table, chain, hook, later):
        protocol = self.pick([None, None, "tcp", "tcp", "udp", "icmp", "sctp", "all"])
        target = self._target(table, hook, later, protocol)
        if any(word in target for word in ("--to-ports", "tcp-reset")) or "]:" in target or ":8" in target.split("--to-")[-1]:
            protocol = protocol if protocol in ("tcp", "udp") else "tcp"
        if "tcp-reset" in target:
            protocol = "tcp"
        words = [f"-A {chain}"] + self._matches(table, chain, hook, protocol)
        return " ".join(words + ([target] if target else []))

    def _matches(self, table, chain, hook, protocol):
        words = []
        not_ = lambda: "! " if self.chance(20) else ""
        version = self.version
        places = HOSTS[version] + NETS[version] + self.node.own[version]
        if self.chance(30):
            words.append(f"{not_()}-s {self.pick(places)}")
        if self.chance(30):
            words.append(f"{not_()}-d {self.pick(places)}")
        interfaces = self.node.names + ["eth+", "lan+", "e+", "lo"]
        if self.chance(15) and chain not in ("OUTPUT", "POSTROUTING"):
            words.append(f"{not_()}-i {self.pick(interfaces)}")
        if self.chance(15) and chain not in ("PREROUTING", "INPUT"):
            words.append(f"{not_()}-o {self.pick(interfaces)}")
        if protocol and protocol != "all":
            name = "ipv6-icmp" if protocol == "icmp" and version == 6 else protocol
            words.append(f"-p {name}" if not (self.chance(5) and protocol == "icmp") else f"-p {name}")
            words += self._protocol(protocol, not_)
        choices = ["mark", "conntrack", "addrtype", "ttl", "length", "dscp", "tos", "iprange", "pkttype", "set", "connmark", "comment", "mac"]
        if hook == "PREROUTING" and table in ("raw", "mangle") and chain == hook:
            choices += ["rpfilter"] * 2
        for kind in self.node.random.sample(choices, self.pick([0, 0, 0, 1, 1, 2])):
            words.append(self._match(kind, table, chain, hook, not_, protocol))
        return [word for word in words if word]

    def _protocol(self, protocol, not_):
        random, pick = self.node.random, self.pick
        if protocol == "icmp":
            if not self.chance(50):
                return []
            if self.version == 4:
                return [f"-m icmp {not_()}--icmp-type {pick(['8', '0', '3', '11', '13', '3/1', 'echo-request'])}"]
            return [f"-m icmp6 {not_()}--icmpv6-type {pick(['128', '129', '1', '3', '1/0'])}"]
        words = []
        if self.chance(40):
            low, high = sorted(random.sample(PORTS, 2))
            ports = pick([str(pick(PORTS)), f"{low}:{high}", f"{low}:", f":{high}"])
            words.append(f"-m {protocol} {not_()}--{pick(['dport', 'dport', 'sport'])} {ports}")
        elif self.chance(30):
            some = [str(port) for port in random.sample(PORTS, 3)]
            low, high = sorted(random.sample(PORTS, 2))
            words.append(f"-m multiport {not_()}--{pick(['dports', 'sports', 'ports'])} {','.join(some)},{low}:{high}")
        if protocol == "tcp" and self.chance(20):
            words.append(f"-m tcp {not_()}--tcp-flags {pick(['FIN,SYN,RST,ACK SYN', 'ALL NONE', 'SYN,ACK SYN,ACK', 'RST RST', 'SYN SYN'])}")
        return words

    def _match(self, kind, table, chain, hook, not_, protocol):
        pick, version = self.pick, self.version
        states = ["NEW", "ESTABLISHED", "RELATED,ESTABLISHED", "INVALID", "UNTRACKED", "DNAT", "SNAT", "NEW,INVALID"]
        if kind == "mark":
            return f"-m mark {not_()}--mark {pick(MARKS)}"
        if kind == "connmark":
            return f"-m connmark {not_()}--mark {pick(MARKS)}"
        if kind == "conntrack":
            if self.chance(75):
                return f"-m conntrack {not_()}--ctstate {pick(states)}"
            return "-m conntrack " + pick([
                f"{not_()}--ctorigsrc {pick(HOSTS[version])}", f"{not_()}--ctorigdst {pick(HOSTS[version] + NETS[version])}",
                f"--ctorigdstport {pick(PORTS)}", "--ctdir ORIGINAL", "--ctdir REPLY", f"{not_()}--ctreplsrc {pick(NETS[version])}",
                f"{not_()}--ctproto 6", f"{not_()}--ctstatus {pick(['NONE', 'CONFIRMED', 'SEEN_REPLY', 'ASSURED'])}",
            ])
        if kind == "addrtype":
            side = pick(["src", "dst"])
            types = ["LOCAL", "UNICAST", "LOCAL,UNICAST", "UNREACHABLE", "MULTICAST"]
            # xt_addrtype refuses these for IPv6.
            types = pick(types + ["BLACKHOLE", "PROHIBIT", "BROADCAST"] * (version == 4))
            limit = ""
            if self.chance(20) and hook in ("PREROUTING", "INPUT") and chain == hook:
                limit = " --limit-iface-in"
            if self.chance(20) and hook in ("POSTROUTING", "OUTPUT") and chain == hook:
                limit = " --limit-iface-out"
            return f"-m addrtype {not_()}--{side}-type {types}{limit}"
        if kind == "ttl":
            name, module = ("ttl", "ttl") if version == 4 else ("hl", "hl")
            return f"-m {module} " + pick([f"--{name}-eq {pick([1, 63, 64])}", f"--{name}-lt 64", f"--{name}-gt 62", f"! --{name}-eq 64"])
        if kind == "length":
            return f"-m length {not_()}--length {pick(['0:60', '40', '28', '100', '41:499', '60:'])}"
        if kind == "dscp":
            return f"-m dscp {not_()}--dscp {pick(['0x04', '0x2e', '0x00'])}"
        if kind == "tos":
            return f"-m tos {not_()}--tos {pick(['0x10/0xff', '0x10/0x3f', '0x00/0xff'])}"
        if kind == "iprange":
            low, high = sorted(self.node.random.sample(HOSTS[version], 2), key=lambda a: int(packets.ipaddress.ip_address(a)))
            return f"-m iprange {not_()}--{pick(['src', 'dst'])}-range {low}-{high}"
        if kind == "pkttype":
            return f"-m pkttype {not_()}--pkt-type {pick(['unicast', 'broadcast', 'multicast'])}"
        if kind == "set":
            name, flags = pick([("hosts", "src"), ("hosts", "dst"), ("nets", "src"), ("nets", "dst"), ("pairs", "src,src"), ("pairs", "dst,dst"), ("pairs", "src,dst")])
            return f"-m set {not_()}--match-set {name}{version} {flags}"
        if kind == "mac":
            if hook in ("PREROUTING", "INPUT", "FORWARD") and chain == hook:
                return f"-m mac {not_()}--mac-source {pick(['02:00:00:00:00:fd', '02:00:00:00:00:11'])}"
            return ""
        if kind == "rpfilter":
            return "-m rpfilter" + " --loose" * self.chance(30) + " --validmark" * self.chance(30) + " --invert" * self.chance(40)
        return f'-m comment --comment "rule {self.node.random.randrange(1000)}"'

    def _target(self, table, hook, later, protocol):
        pick, version = self.pick, self.version
        choices = ["ACCEPT", "RETURN", "none", "MARK", "CONNMARK"]
        if table != "nat":
            choices += ["DROP"]
        if later:
            choices += ["jump"] * 4 + ["goto"]
        if table == "raw":
            choices += ["CT"]
        if table == "filter":
            choices += ["REJECT"]
        if table == "mangle":
            choices += ["TTL", "DSCP", "TOS"] + ["CLASSIFY"] * (hook in ("FORWARD", "OUTPUT", "POSTROUTING"))
        if table == "nat":
            choices += {"PREROUTING": ["DNAT"] * 4 + ["REDIRECT"] * 2 + ["NETMAP"], "OUTPUT": ["DNAT"] * 4 + ["REDIRECT"] * 2 + ["NETMAP"],
                        "INPUT": ["SNAT"] * 2, "POSTROUTING": ["SNAT"] * 3 + ["MASQUERADE"] * 4 + ["NETMAP"]}[hook]
        kind = pick(choices)
        hosts, own = HOSTS[version], self.node.own[version]
        bracket = (lambda address: f"[{address}]") if version == 6 else str
        if kind == "none":
            return ""
        if kind == "jump":
            return f"-j {pick(later)}"
        if kind == "goto":
            return f"-g {pick(later)}"
        if kind == "MARK":
            return "-j MARK --set-xmark " + pick(["0x1/0xffffffff", "0x2/0x3", "0x0/0x1", "0x10/0xf0", "0x1/0x0"])
        if kind == "CONNMARK":
            return "-j CONNMARK " + pick(["--set-xmark 0x1/0xffffffff", "--set-xmark 0x2/0x3", "--save-mark --nfmask 0xff --ctmask 0xff", "--restore-mark --nfmask 0xf --ctmask 0xf"])
        if kind == "CT":
            return "-j CT --notrack"
        if kind == "REJECT":
            return "-j REJECT --reject-with " + pick(REJECTS[version] + ["tcp-reset"])
        if kind == "TTL":
            return ("-j TTL --ttl-" if version == 4 else "-j HL --hl-") + pick(["set 64", "dec 1", "inc 3", "set 9"])
        if kind == "DSCP":
            return "-j DSCP --set-dscp " + pick(["0x04", "0x2e", "0x00"])
        if kind == "TOS":
            return "-j TOS --set-tos " + pick(["0x10/0xff", "0x10/0x3f", "0x00/0xff", "0x02/0x03"])
        if kind == "CLASSIFY":
            return "-j CLASSIFY --set-class 1:10"
        if kind == "DNAT":
            to = pick(hosts + own)
            return "-j DNAT --to-destination " + (f"{bracket(to)}:8080" if self.chance(40) else to)
        if kind == "SNAT":
            to = pick(own + hosts[:2])
            return "-j SNAT --to-source " + (f"{bracket(to)}:8443" if self.chance(20) else to)
        if kind == "NETMAP":
            return "-j NETMAP --to " + pick(NETS[version][:3])
        if kind == "REDIRECT":
            return "-j REDIRECT" + (f" --to-ports {pick([3128, 80])}" if self.chance(60) else "")
        return f"-j {kind}"

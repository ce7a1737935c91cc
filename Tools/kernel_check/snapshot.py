"""What a folder in the form of `Rulesets/` holds, as far as a scratch namespace is made from it."""

import ipaddress
import os
import re
from dataclasses import dataclass, field

FILES = {
    "rules4": "iptables-save.txt", "rules6": "ip6tables-save.txt", "sets": "ipset-save.txt", "nft": "nft-ruleset.txt",
    "addresses": "ip-addr.txt", "links": "ip-link.txt", "routes": "ip-route.txt", "rules": "ip-rule.txt",
    "rules_six": "ip6-rule.txt", "neighbours": "ip-neigh.txt", "fdb": "bridge-fdb.txt", "sysctls": "sysctl.txt",
    "connections": "conntrack.txt",
}
ADDRESS = re.compile(r"(?<![\w.:])((?:\d{1,3}\.){3}\d{1,3}|(?=[0-9a-fA-F:]*:[0-9a-fA-F:]*:)[0-9a-fA-F:]{3,39})(?![\w:])")


@dataclass
class Address:
    address: object
    length: int
    peer: str = ""
    broadcast: str = ""
    scope: str = "global"
    flags: tuple = ()
    label: str = ""


@dataclass
class Link:
    index: int
    name: str
    flags: tuple
    mtu: int
    kind: str = "ether"
    hardware: str = ""
    master: str = ""
    #: What `ip -d link` tells of a kind that the scratch namespace makes for real, word by word.
    details: str = ""
    #: A bridge port that may send frames back where they came from.
    hairpin: bool = False
    addresses: list = field(default_factory=list)

    @property
    def up(self):
        return "UP" in self.flags

    @property
    def carrier(self):
        return "NO-CARRIER" not in self.flags


@dataclass
class Rule:
    """A rule line of an iptables dump: its place in the chain and its words."""

    text: str
    line: int


class Snapshot:
    def __init__(self, folder):
        self.folder = folder
        self.texts = {}
        for key, name in FILES.items():
            path = os.path.join(folder, name)
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as file:
                    self.texts[key] = file.read()
        self.links = read_links(self.texts.get("links", ""), self.texts.get("addresses", ""))
        self.rules = {"ip": read_rules(self.texts.get("rules4", "")), "ip6": read_rules(self.texts.get("rules6", ""))}

    def text(self, key):
        return self.texts.get(key, "")

    def lines(self, key):
        return [line for line in self.text(key).splitlines() if line.strip()]

    def own_addresses(self):
        return {address.address for link in self.links for address in link.addresses}

    def hardware_of(self, address, link):
        """The link address of a neighbour as `ip neigh` tells it, else None."""
        for line in self.lines("neighbours"):
            words = line.split()
            if words[0] == str(address) and "lladdr" in words and words[words.index("dev") + 1] == link:
                return words[words.index("lladdr") + 1]
        return None

    def port_of(self, hardware, bridge):
        """The port of `bridge` behind which its forwarding table has this link address, else None."""
        for line in self.lines("fdb"):
            words = line.split()
            if words[0] == hardware and "master" in words and words[words.index("master") + 1] == bridge:
                return words[words.index("dev") + 1]
        return None

    def rule_text(self, family, table, chain, number):
        rule = self.rules.get(family, {}).get((table, chain, number))
        return rule.text if rule else ""

    def mentioned_addresses(self):
        """Every address that a packet could be sent on to: gateways, peers of tunnels, targets of NAT."""
        found = set()
        for line in self.lines("routes"):
            found.update(re.findall(r"\bvia (?:inet6? )?(\S+)", line))
        for line in self.lines("fdb"):
            found.update(re.findall(r"\bdst (\S+)", line))
        for line in self.lines("neighbours"):
            found.add(line.split()[0])
        for family in ("rules4", "rules6"):
            for line in self.lines(family):
                for words in re.findall(r"--(?:to-destination|to-source|gateway) (\S+)", line):
                    found.update(ADDRESS.findall(words.replace("[", " ").replace("]", " ").replace("-", " ")))
        for line in self.lines("connections"):
            found.update(re.findall(r"\b(?:src|dst)=(\S+)", line))
        return {address for address in map(to_address, found) if address is not None}


def to_address(words):
    try:
        return ipaddress.ip_address(words)
    except ValueError:
        return None


def read_links(links, addresses):
    """The interfaces of `ip link` and `ip addr`, in order of their index."""
    found = {}
    for source in (links, addresses):
        link = None
        for line in source.splitlines():
            head = re.match(r"(\d+): ([^:@\s]+)(?:@\S+)?: <([^>]*)>(.*)", line)
            if head:
                index, name, flags, rest = int(head[1]), head[2], tuple(head[3].split(",")), head[4]
                mtu = re.search(r"\bmtu (\d+)", rest)
                link = found.get(index) or Link(index, name, flags, int(mtu[1]) if mtu else 1500)
                found[index] = link
                master = re.search(r"\bmaster (\S+)", rest)
                if master:
                    link.master = master[1]
                continue
            words = line.split()
            if link is None or not words:
                continue
            if words[0].startswith("link/"):
                link.kind = words[0][5:]
                link.hardware = words[1] if len(words) > 1 and ":" in words[1] else ""
            elif words[0] in ("inet", "inet6"):
                address = read_address(words)
                if address is not None and address not in link.addresses:
                    link.addresses.append(address)
            elif words[0] in ("vxlan", "bridge") and source is links:
                link.details = line.strip()
            elif words[0] == "bridge_slave" and "hairpin on" in line:
                link.hairpin = True
    return [found[index] for index in sorted(found)]


def read_address(words):
    own, _, length = words[1].partition("/")
    peer = ""
    if "peer" in words:
        peer = words[words.index("peer") + 1]
        length = peer.partition("/")[2]
    address = to_address(own)
    if address is None:
        return None
    default = 32 if address.version == 4 else 128
    flags = tuple(word for word in words if word in ("noprefixroute", "secondary", "deprecated", "home", "nodad"))
    label = words[-1] if words[0] == "inet" and ":" in words[-1] else ""
    return Address(
        address, int(length or default), peer,
        words[words.index("brd") + 1] if "brd" in words else "",
        words[words.index("scope") + 1] if "scope" in words else "global", flags, label,
    )


def read_rules(dump):
    """(table, chain, number) → Rule, for every `-A` line."""
    rules, counts, table = {}, {}, "filter"
    for line, words in enumerate(dump.splitlines(), 1):
        words = re.sub(r"^\[\d+:\d+\] ", "", words.strip())
        if words.startswith("*"):
            table = words[1:]
        elif words.startswith("-A "):
            chain = words.split()[1]
            counts[table, chain] = counts.get((table, chain), 0) + 1
            rules[table, chain, counts[table, chain]] = Rule(words, line)
    return rules

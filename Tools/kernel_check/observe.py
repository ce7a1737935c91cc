"""Sends one packet into the scratch namespace and says what the kernel did with it."""

import errno
import ipaddress
import os
import select
import socket
import struct
from dataclasses import dataclass, field, replace

from . import legacy, netlink, packets
from .scratch import NEIGHBOUR, PROBE, Scratch, connection_command, run

IPV6_HDRINCL, IP_FREEBIND, IPV6_FREEBIND, SO_MARK, IPV6_TCLASS = 36, 15, 78, 36, 67
SOURCE_HARDWARE = bytes.fromhex("0200000000fd")
STATES = {1: "invalid", 2: "established", 4: "related", 8: "new", 64: "untracked"}
#: How long to wait for a frame that is on its way when `write` has returned: none usually is.
PATIENCE = 0.05


@dataclass
class Step:
    """A rule that matched, in the kernel's order."""

    layer: int
    family: str
    hook: str
    table: str
    chain: str
    number: int
    verdict: str
    target: str = ""

    def __str__(self):
        outer = "outer " * self.layer
        target = f" {self.target}" if self.target else ""
        return f"{outer}{self.hook} {self.family} {self.table} {self.chain} {self.number}: {self.verdict}{target}"


@dataclass
class Answer:
    """A packet that the kernel sent because of ours: an ICMP error or a reset, and what became of it."""

    words: str
    outcome: str


@dataclass
class Observation:
    steps: list = field(default_factory=list)
    #: (layer, family, hook, table, chain, verdict) of each base chain that ended by its policy.
    policies: list = field(default_factory=list)
    outcome: str = ""
    #: The rule (a Step) or the policy that dropped it, or where it was last seen.
    reason: object = ""
    interface: str = ""
    #: The interface that the packet itself left by where a tunnel carries it on.
    inner_interface: str = ""
    packet: object = None
    outer: object = None
    mark: int = 0
    #: The conntrack state when the first chain behind conntrack looked, "" where the kernel does not tell.
    state: str = ""
    answers: list = field(default_factory=list)
    #: With iptables-legacy: rules and policies by counter, in place of `steps`.
    counts: dict = None


def mac_bytes(words):
    return bytes.fromhex(words.replace(":", ""))


class Laboratory:
    """A scratch namespace with its sockets: packets go in, observations come out."""

    def __init__(self, scratch: Scratch):
        self.scratch = scratch
        self.control = netlink.open_socket()
        self.trace = netlink.TraceSocket()
        self.chains = netlink.read_chains(self.control)
        self.tag = 0
        self.entry_mark = None
        self.tunnel_ports = set()
        self.tunnels = {}
        for link in scratch.snapshot.links:
            words = link.details.split()
            if words[:1] == ["vxlan"] and link.name not in scratch.taps:
                self.tunnels[link.name] = words
                self.tunnel_ports.add(int(words[words.index("dstport") + 1]) if "dstport" in words else 8472)
        self.entries = bool(scratch.snapshot.lines("connections"))
        families = [family for family, key in (("ip", "rules4"), ("ip6", "rules6")) if scratch.snapshot.text(key)]
        self.counters = legacy.Counters(families) if scratch.backend == "legacy" else None
        self.forget()

    # Setting up

    def forget(self):
        """Back to the connections of the snapshot."""
        try:
            netlink.flush_conntrack(self.control)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
        if self.entries:
            self.scratch._connections()

    def make_entry(self, packet):
        """An established connection whose first packets went the way of this one."""
        name = packets.PROTOCOL_NAMES.get(packet.protocol)
        if name is None:
            return False
        ends = f"src={packet.source} dst={packet.destination}"
        back = f"src={packet.destination} dst={packet.source}"
        if packet.protocol in (packets.ICMP, packets.ICMPV6):
            line = f"{name} 1 30 {ends} type={packet.icmp_type} code=0 id=1 {back} type=0 code=0 id=1"
        else:
            line = f"{name} 6 600 ESTABLISHED {ends} sport={packet.source_port} dport={packet.destination_port} "
            line += f"{back} sport={packet.destination_port} dport={packet.source_port} [ASSURED]"
        return run(connection_command(line), check=False).returncode == 0

    def set_entry_mark(self, mark):
        """Packets that arrive from outside have this mark; None: whatever they come with."""
        if mark == self.entry_mark:
            return
        self.entry_mark = mark
        chain = f"inet {PROBE} prerouting_first"
        extra = f'add rule {chain} iifname != "lo" meta mark set {mark}\n' if mark is not None else ""
        run(["nft", "-f", "-"], f"flush chain {chain}\nadd rule {chain} meta nftrace set 1\n{extra}")

    def hold_resets(self, hold):
        """Keeps the host's own resets from going out: nothing listens here, and a reset would end the connection."""
        chain = f"inet {PROBE} output_first"
        # The kernel's own have no identification; ours always do.
        extra = "".join(f"insert rule {chain} tcp flags & rst == rst {own} drop\n" for own in ("ip id 0", "ip6 flowlabel 0"))
        extra = extra if hold else ""
        run(["nft", "-f", "-"], f"flush chain {chain}\nadd rule {chain} meta nftrace set 1\n{extra}")

    def next_tag(self):
        self.tag = self.tag % 65000 + 1
        return self.tag

    def route_source(self, destination, mark=0):
        """The source address that the routes choose; None: no route."""
        six = destination.version == 6
        with socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                if mark:
                    probe.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
                probe.connect((str(destination), 9))
                return ipaddress.ip_address(probe.getsockname()[0])
            except OSError:
                return None

    def arrival(self, source):
        """The interface by which the routes lead to `source`."""
        words = run(["ip", "route", "get", str(source)], check=False).stdout.split()
        return words[words.index("dev") + 1] if "dev" in words else None

    # Sending

    def _write(self, name, data):
        """Puts IP bytes on an interface as if they came from outside."""
        tap = name
        if name in self.tunnels:
            return self._write_tunnel(name, data)
        if name not in self.scratch.taps:
            tap = self._bridge_port(name, data)
        # By the bridge's name: a frame for the host itself.
        if tap not in self.scratch.plain:
            data = self._frame(name, data)
        os.write(self.scratch.taps[tap], data)

    def _bridge_port(self, name, data):
        """The port of a bridge by which a packet of this source comes, the first one where nothing tells."""
        source = packets.parse(data)[0].source
        snapshot = self.scratch.snapshot
        ports = [port for port, master in self.scratch.ports.items() if master == name and port in self.scratch.taps]
        if not ports:
            raise OSError(errno.ENODEV, f"{name} can't be written to")
        known = snapshot.port_of(self.mac or snapshot.hardware_of(source, name), name)
        return known if known in ports else ports[0]

    def _write_tunnel(self, name, data):
        """Wraps IP bytes for a VXLAN device, as its peer would, and puts them on the device below."""
        words = self.tunnels[name]
        values = {key: words[words.index(key) + 1] for key in ("id", "local", "dev", "dstport") if key in words}
        peers = [line.split() for line in self.scratch.snapshot.lines("fdb") if f"dev {name} dst " in line]
        if "local" not in values or not peers:
            raise OSError(errno.ENODEV, f"nothing tells the peers of {name}")
        local, peer = ipaddress.ip_address(values["local"]), ipaddress.ip_address(peers[0][peers[0].index("dst") + 1])
        below = values.get("dev") or self.arrival(peer)
        payload = struct.pack(">II", 0x08000000, int(values["id"]) << 8) + self._frame(name, data)
        length = (28 if local.version == 4 else 48) + len(payload)
        outer = packets.build(
            packets.Packet(peer, local, packets.UDP, 50000, int(values.get("dstport", 8472)), length=length)
        )
        outer = outer[: -len(payload)] + payload
        # Without a checksum, as VXLAN over IPv4 goes.
        place = 26 if local.version == 4 else 46
        self._write(below, outer[:place] + b"\0\0" + outer[place + 2 :])

    def _frame(self, name, data):
        version = data[0] >> 4
        destination = data[16:20] if version == 4 else data[24:40]
        address = ipaddress.ip_address(destination)
        bridge = self.scratch.ports.get(name)
        to = mac_bytes(self.scratch.hardware[bridge or name])
        if bridge and self.scratch.snapshot.hardware_of(address, bridge):
            # On a port, a frame for a known neighbour is for that neighbour and not for the host.
            to = mac_bytes(self.scratch.snapshot.hardware_of(address, bridge))
        if version == 4:
            broadcast = any(str(address) == a.broadcast for link in self.scratch.snapshot.links for a in link.addresses)
            if broadcast or destination == b"\xff" * 4:
                to = b"\xff" * 6
            elif address.is_multicast:
                to = b"\x01\0\x5e" + bytes([destination[1] & 0x7F]) + destination[2:]
        elif address.is_multicast:
            to = b"\x33\x33" + destination[12:]
        origin = packets.parse(data)[0].source
        known = self.mac or self.scratch.snapshot.hardware_of(origin, bridge or name)
        source = mac_bytes(known) if known else SOURCE_HARDWARE
        return to + source + (b"\x08\0" if version == 4 else b"\x86\xdd") + data

    def _send_local(self, packet, mark):
        """Sends as the host itself would; returns the error number, 0 for none."""
        six = packet.family == 6
        with socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            if mark:
                raw.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            try:
                if six:
                    raw.setsockopt(socket.IPPROTO_IPV6, IPV6_HDRINCL, 1)
                    raw.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
                    raw.setsockopt(socket.IPPROTO_IPV6, IPV6_TCLASS, packet.dscp << 2)
                else:
                    raw.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
                    raw.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, packet.dscp << 2)
                raw.bind((str(packet.source), 0))
                raw.sendto(packets.build(packet), (str(packet.destination), 0))
            except OSError as error:
                return error.errno
        return 0

    def _frames(self):
        """(interface, packet, rest, IP bytes) of everything that left, ARP answered on the way."""
        found, again = [], True
        while again:
            again = False
            for name, tap in self.scratch.taps.items():
                while True:
                    try:
                        data = os.read(tap, 65536)
                    except OSError:
                        break
                    if name in self.scratch.plain:
                        found.append((name, data))
                    elif data[12:14] == b"\x08\x06":
                        again = self._answer_arp(name, tap, data) or again
                    elif data[12:14] in (b"\x08\0", b"\x86\xdd"):
                        found.append((name, data[14:]))
                        again = self._tell_neighbour(name, data[14:]) or again
        return found

    def _tell_neighbour(self, name, data):
        """The same for IPv6, past the rules: a packet that waits for the neighbour leaves at once."""
        if len(data) < 64 or data[6] != packets.ICMPV6 or data[40] != 135:
            return False
        asked = ipaddress.IPv6Address(data[48:64])
        if asked in self.scratch.snapshot.own_addresses():
            return False
        link = self.scratch.ports.get(name, name)
        words = ["ip", "neigh", "replace", str(asked), "lladdr", NEIGHBOUR, "dev", link, "nud", "permanent"]
        return run(words, check=False).returncode == 0

    def _answer_arp(self, name, tap, data):
        """Every neighbour that the host asks for is there."""
        if len(data) < 42 or data[20:22] != b"\0\1":
            return False
        if ipaddress.IPv4Address(data[38:42]) in self.scratch.snapshot.own_addresses():
            return False
        neighbour = bytes.fromhex("0200000000fe")
        os.write(tap, data[6:12] + neighbour + data[12:20] + b"\0\2" + neighbour + data[38:42] + data[22:32])
        return True

    # Asking

    def send(self, packet, arrives, mark=0, mac="", wrapped=False):
        """Sends `packet` by interface `arrives` (None: from the host) and observes it.

        `wrapped`: of a packet that comes by a tunnel the outer one is observed too.
        """
        self.wrapped = wrapped
        packet = replace(packet, tag=self.next_tag())
        self.mac = mac
        if arrives is None and packet.source.is_unspecified:
            source = self.route_source(packet.destination, mark)
            if source is None:
                return Observation(outcome="unroutable", reason="no source address", packet=packet)
            packet = replace(packet, source=source)
        # What a tunnel unpacks keeps the mark of the outer packet: the question's counts, 0 by default.
        self.set_entry_mark(mark if arrives is not None and (mark or arrives in self.tunnels) else None)
        self._frames()
        self.trace.read()
        if self.counters:
            self.counters.since()
        error = 0
        if arrives is None:
            error = self._send_local(packet, mark)
        else:
            self._write(arrives, packets.build(packet))
        events, frames = self._collect(packet)
        return self._judge(packet, arrives, error, events, frames)

    def _collect(self, packet):
        events, frames = self.trace.read(), self._frames()
        events += self.trace.read()
        last = [event for event in events if event.table == PROBE and event.chain == "postrouting_last" and event.network]
        if last and not frames and self.scratch.indexes.get(last[-1].out_index) != "lo":
            select.select(list(self.scratch.taps.values()), [], [], PATIENCE)
            frames = self._frames()
            events += self.trace.read()
        return events, frames

    def _is_ours(self, packet, header):
        found = packets.parse(header)
        if found is None:
            return False
        seen = found[0]
        return seen.family == packet.family and seen.tag == packet.tag and seen.protocol == packet.protocol

    def _judge(self, packet, arrives, error, events, frames):
        seen = Observation(packet=packet)
        ours, outer, others = self._sort(packet, events)
        if arrives in self.tunnels:
            if not ours:
                raise OSError(errno.ENETUNREACH, f"the tunnel packet for {arrives} did not come through")
            first = events.index(ours[0][0])
            if self.wrapped:
                for event, hook in outer:
                    if events.index(event) < first:
                        self._note(seen, 0, event, hook)
                seen.state = ""
            outer = [(event, hook) for event, hook in outer if events.index(event) > first]
        for event, hook in ours:
            self._note(seen, 0, event, hook)
        for event, hook in outer:
            self._note(seen, 1, event, hook)
        for name, data in frames:
            found = packets.parse(data)
            if found is None:
                continue
            left, rest = found
            if self._is_ours(packet, data) and packets.describe_answer(left) == packets.describe_answer(packet):
                seen.interface, seen.packet = self.scratch.ports.get(name, name), left
            elif left.protocol == packets.UDP and left.destination_port in self.tunnel_ports and len(rest) > 42:
                if self._is_ours(packet, rest[22:]):
                    inner = packets.parse(rest[22:])[0]
                    seen.interface, seen.packet, seen.outer = self.scratch.ports.get(name, name), inner, left
        self._conclude(seen, packet, arrives, error, ours, outer)
        self._answers(seen, packet, others, frames)
        if self.counters:
            seen.counts = self.counters.since()
            if seen.outcome == "gone":
                legacy.conclude(seen, self.scratch.snapshot)
        return seen

    def _sort(self, packet, events):
        """Events of our packet, of the tunnel packet around it, and of others, each with its hook."""
        hooks, kinds, bins = {}, {}, {"ours": [], "outer": [], "other": []}
        for event in events:
            base = self.chains.bases.get((event.family, event.table, event.chain))
            if base is not None:
                hooks[event.identity] = base[0]
            if event.network:
                kinds[event.identity] = self._kind(packet, event)
            bins[kinds.get(event.identity, "other")].append((event, hooks.get(event.identity, "?")))
        return bins["ours"], bins["outer"], bins["other"]

    def _kind(self, packet, event):
        header = event.network + event.transport
        if self._is_ours(packet, header):
            seen = packets.parse(header)[0]
            if packets.describe_answer(seen) == packets.describe_answer(packet) and seen.icmp_type == packet.icmp_type:
                return "ours"
        found = packets.parse(header)
        if found and found[0].protocol == packets.UDP and found[0].destination_port in self.tunnel_ports:
            return "outer"
        return "other"

    def _note(self, seen, layer, event, hook):
        if not seen.state and event.state is not None and layer == 0:
            seen.state = STATES.get(event.state, "")
        if event.table == PROBE:
            return
        if event.kind == netlink.TRACE_RULE and event.handle:
            number = self.chains.numbers.get((event.family, event.table, event.chain, event.handle), 0)
            seen.steps.append(
                Step(layer, event.family, hook, event.table, event.chain, number, event.verdict, event.target)
            )
        elif event.kind == netlink.TRACE_POLICY:
            seen.policies.append((layer, event.family, hook, event.table, event.chain, event.policy or event.verdict))

    def _conclude(self, seen, packet, arrives, error, ours, outer):
        if not ours:
            seen.outcome = "unroutable" if error in ROUTE_ERRORS else "unseen"
            seen.reason = os.strerror(error) if error else "no hook saw it"
            return
        events = outer or ours
        last, hook = events[-1]
        # Only the first event of a chain tells the interfaces and the headers.
        devices = [event for event, _ in events if event.network][-1]
        leaving = [event for event, _ in ours if event.chain == "postrouting_last" and event.network]
        if leaving:
            seen.inner_interface = self.scratch.indexes.get(leaving[-1].out_index, "")
        seen.mark = last.mark
        if not seen.interface or not outer:
            header = [event for event, _ in ours if event.network][-1]
            parsed = packets.parse(header.network + header.transport)
            if parsed and not seen.interface:
                seen.packet = parsed[0]
        station = last.chain if last.table == PROBE else ""
        if last.verdict == "drop" and last.kind == netlink.TRACE_RULE:
            seen.outcome, seen.reason = "dropped", seen.steps[-1]
            words = self.scratch.snapshot.rule_text(last.family, last.table, last.chain, seen.steps[-1].number)
            if " -j REJECT" in words:
                seen.outcome = "rejected"
        elif "drop" in (last.policy, last.verdict) and last.kind == netlink.TRACE_POLICY:
            seen.outcome, seen.reason = "dropped", f"policy of {last.table} {last.chain}"
        elif last.verdict == "queue":
            seen.outcome, seen.reason = "queued", seen.steps[-1]
        elif station == "input_last":
            seen.outcome = "delivered"
            seen.interface = self.scratch.indexes.get(devices.in_index, "")
        elif station == "postrouting_last" and seen.interface:
            seen.outcome = "sent" if arrives is None else "forwarded"
        elif station == "postrouting_last":
            name = self.scratch.indexes.get(devices.out_index, "")
            seen.outcome, seen.reason = "sent" if arrives is None else "forwarded", f"but nothing left {name}"
            seen.interface = name
        else:
            seen.outcome, seen.reason = "gone", f"after {hook}"

    def _answers(self, seen, packet, others, frames):
        """Errors and resets that the kernel sent because of the packet."""
        groups = {}
        for event, hook in others:
            groups.setdefault(event.identity, []).append((event, hook))
        for events in groups.values():
            headers = [event for event, _ in events if event.network]
            found = packets.parse(headers[-1].network + headers[-1].transport) if headers else None
            words = packets.describe_answer(found[0]) if found else None
            if words is None:
                continue
            last = events[-1][0]
            if last.verdict == "drop" or last.policy == "drop":
                number = self.chains.numbers.get((last.family, last.table, last.chain, last.handle), "policy")
                outcome = f"dropped by {last.table} {last.chain} {number}"
            elif last.chain == "input_last":
                outcome = "delivered here"
                # Its way out over lo was told as a packet of its own.
                seen.answers = [answer for answer in seen.answers if answer.words != words]
            else:
                outcome = f"left by {self.scratch.indexes.get(headers[-1].out_index, '?')} to {found[0].destination}"
            seen.answers.append(Answer(words, outcome))


ROUTE_ERRORS = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL, errno.ENETDOWN)

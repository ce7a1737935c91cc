"""Random nodes against the kernel: run, compare, keep what disagrees as a folder, and make it smaller."""

import json
import os
import re
import shutil
import tempfile
import time
from dataclasses import replace

from . import compare, packets, report, run
from .generate import Node
from .netlink import LostEvents
from .observe import Laboratory
from .questions import CannotSend
from .scratch import CannotBuild, Scratch, enter, write_setting
from .scratch import run as command
from .snapshot import Snapshot

PACKETS = 40
FLOW = "flow.jsonl"
FLAG_NAMES = list(packets.FLAGS.items())


def main(options, root):
    started = time.monotonic()
    totals = [0, 0, 0, 0]
    kept = []
    try:
        compare.program(root)
    except compare.NoAnswer as why:
        if not options.kernel_only:
            print(why)
            return 1
    for index in range(options.count):
        seed = options.seed * 1000003 + index
        folder = tempfile.mkdtemp(prefix="kernel-check-")
        try:
            flows = index % 2 == 1
            counts = run.in_child(lambda: one(seed, flows, folder, options, root), options.timeout)
            totals = [a + b for a, b in zip(totals, counts + [0] * (4 - len(counts)))]
            if counts[1]:
                kept.append(keep(folder, options, root, seed, flows))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if len(kept) >= 10:
            print(f"ten nodes disagree, stopped after {index + 1}")
            break
    seconds = time.monotonic() - started
    print(
        f"seed {options.seed}: {sum(totals[:3])} packets in {seconds:.1f} s: {totals[0]} agree ({totals[3]} of them by one "
        f"of several answers), {totals[1]} DISAGREE, {totals[2]} skipped"
    )
    for path in kept:
        print(f"Tools/kernel-check {path}")
    return 1 if totals[1] else 0


def one(seed, flows, folder, options, root):
    """Makes the node of a seed in `folder`, asks, compares; four counts."""
    node = Node(seed)
    for name, words in node.files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(words)
    try:
        enter()
        laboratory = make(folder, options.backend)
    except CannotBuild as error:
        print(f"seed {seed}: not loaded: {error}")
        return [0, 0, 1]
    record(folder, options.backend)
    asked = Sender(laboratory, flows)
    sent = []
    while len(sent) < PACKETS:
        sent += asked.conversation(node) if flows else [asked.send(*node.packet())]
    sent = [entry for entry in sent if entry is not None]
    if options.kernel_only:
        for packet, arrives, mark, seen in sent:
            print("\n    ".join(report.kernel(laboratory, None, seen)))
        return [len(sent), 0, 0]
    return judge(folder, sent, laboratory, flows, root, f"seed {seed}")


def make(folder, backend):
    snapshot = Snapshot(folder)
    everyone = [packets.ipaddress.ip_address(a) for version in (4, 6) for a in re.findall(
        r"\b(?:\d+\.){3}\d+\b" if version == 4 else r"\b(?:fd00|2001)[0-9a-f:]*::[0-9a-f]+\b",
        " ".join(snapshot.texts.values()),
    )]
    from .generate import HOSTS

    everyone += [packets.ipaddress.ip_address(a) for hosts in HOSTS.values() for a in hosts]
    scratch = Scratch(snapshot, backend, everyone)
    for line in scratch.left_out:
        print(f"{folder}: not made: {line}")
    # The host's own answers would be packets of the same connections.
    write_setting("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1")
    write_setting("/proc/sys/net/ipv6/icmp/echo_ignore_all", "1")
    # Its resets are told by the label that they do not have.
    write_setting("/proc/sys/net/ipv6/auto_flowlabels", "0")
    laboratory = Laboratory(scratch)
    laboratory.hold_resets(True)
    return laboratory


def record(folder, backend):
    """What the generator wrote in short, as the tools print it."""
    for name, words in (
        ("ip-addr.txt", ["ip", "addr"]), ("ip-route.txt", ["ip", "route", "show", "table", "all"]), ("ip-rule.txt", ["ip", "rule"]),
        ("ip6-rule.txt", ["ip", "-6", "rule"]), ("iptables-save.txt", [f"iptables-{backend}-save"]),
        ("ip6tables-save.txt", [f"ip6tables-{backend}-save"]), ("ipset-save.txt", ["ipset", "save"]),
    ):
        text = command(words).stdout
        if text.strip():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
    with open(os.path.join(folder, "conntrack.txt"), "w", encoding="utf-8") as file:
        file.write("conntrack v1.4.7 (conntrack-tools): 0 flow entries have been shown.\n")
    with open(os.path.join(folder, "sysctl.txt"), encoding="utf-8") as file:
        names = {line.split(" ")[0] for line in file}
    links = [line.split(":")[1].strip().split("@")[0] for line in command(["ip", "-o", "link"]).stdout.splitlines()]
    names |= {f"net.ipv4.conf.{link}.{key}" for link in [*links, "all"] for key in ("forwarding", "rp_filter", "src_valid_mark")}
    names |= {f"net.ipv6.conf.{link}.forwarding" for link in [*links, "all"]}
    text = command(["sysctl", *sorted(names)], check=False).stdout
    with open(os.path.join(folder, "sysctl.txt"), "w", encoding="utf-8") as file:
        file.write(text)


class Sender:
    """Sends packets one for one, or as conversations that share one table of connections."""

    def __init__(self, laboratory, flows):
        self.laboratory, self.flows = laboratory, flows

    def send(self, packet, arrives, mark):
        try:
            if not self.flows:
                self.laboratory.forget()
            return packet, arrives, mark, self.laboratory.send(packet, arrives, mark)
        except (LostEvents, CannotSend, OSError) as why:
            print(f"skipped: {packet}: {why}")
            return None

    def conversation(self, node):
        """A packet, mostly its answer, and sometimes more of the same."""
        packet, arrives, mark = node.packet()
        while packets.is_error(packet) or packet.icmp_type == 13:
            # What an error is about is in no entry and in no question; timestamps the host answers by itself.
            packet, arrives, mark = node.packet()
        first = self.send(packet, arrives, mark)
        sent = [first]
        while first is not None and node.chance(70) and len(sent) < 6:
            packet, arrives, _, seen = sent[-1]
            if seen.outcome not in ("forwarded", "sent", "delivered") or packet.protocol == packets.SCTP or seen.outer:
                break
            if node.chance(60):
                back = None if seen.outcome == "delivered" else seen.inner_interface
                following = self.send(seen.packet.reply(), back, 0)
            else:
                again = replace(packet, tag=0)
                if packet.protocol == packets.TCP and packet.flags & 0x17 == 2:
                    again = replace(again, flags=16, sequence=1001, acknowledgement=5001)
                following = self.send(again, arrives, 0)
            if following is None:
                break
            sent.append(following)
        return sent


def to_json(packet, arrives, mark):
    """The packet as a line of `--packets`."""
    words = {
        "in": arrives, "source": str(packet.source), "destination": str(packet.destination), "protocol": packet.protocol,
        "ttl": packet.ttl, "dscp": packet.dscp, "mark": mark,
    }
    if arrives is not None:
        words["mac"] = "02:00:00:00:00:fd"
    if packet.source_port is not None:
        words.update(sourcePort=packet.source_port, destinationPort=packet.destination_port)
    if packet.protocol == packets.TCP:
        words["tcpFlags"] = ",".join(name for name, bit in FLAG_NAMES if packet.flags & bit) or "none"
    if packet.icmp_type is not None:
        words.update(icmpType=packet.icmp_type, icmpCode=packet.icmp_code)
    if packet.length is not None or packet.protocol == packets.SCTP:
        # An SCTP packet has a chunk; the headers alone would be none.
        words["length"] = packet.length or len(packets.build(packet))
    return words


def from_json(line):
    """(packet, interface, mark) of such a line; the numbers of TCP ride along under names hookline does not read."""
    words = json.loads(line)
    flags = sum(packets.FLAGS[name] for name in words.get("tcpFlags", "syn").split(",") if name != "none")
    address = packets.ipaddress.ip_address
    packet = packets.Packet(
        address(words["source"]), address(words["destination"]), words["protocol"], words.get("sourcePort"),
        words.get("destinationPort"), flags, words.get("icmpType"), words.get("icmpCode", 0), words["ttl"], words["dscp"],
        words.get("length"), 0, *words.get("numbers", [None, None]),
    )
    return packet, words["in"], words["mark"]


def judge(folder, sent, laboratory, flows, root, title):
    """Compares hookline's answers with what was seen; writes the packets that disagree into the folder."""
    lines = [json.dumps(to_json(packet, arrives, mark)) for packet, arrives, mark, _ in sent]
    try:
        answers = compare.hookline_packets(folder, lines, root, flows)
    except compare.NoAnswer as why:
        print(f"{title}: hookline gives no answers: {why}")
        answers = [{"outcome": "none"}] * len(lines)
    counts, wrong = [0, 0, 0, 0], []
    for number, (answer, (packet, arrives, mark, seen)) in enumerate(zip(answers, sent)):
        found = compare.differences(answer, seen, laboratory)
        counts[1 if found else 0] += 1
        if not found:
            counts[3] += compare.is_open(answer)
            continue
        wrong.append(number)
        if len(wrong) <= 2:
            way = f"in {arrives}" if arrives else "from the host"
            print(f"{title}: packet {number + 1}, {way}{f' mark {mark}' if mark else ''}: {packet}: DISAGREES")
            for line in found + ["kernel:"] + report.kernel(laboratory, None, seen) + ["hookline:"] + report.answer(answer):
                print(f"    {line}")
    # Of a flow what came before is needed too; else one packet tells it.
    chosen = range(wrong[0] + 1) if wrong and flows else wrong[:1]
    with open(os.path.join(folder, FLOW), "w", encoding="utf-8") as file:
        for number in chosen:
            packet, arrives, mark, _ = sent[number]
            words = to_json(packet, arrives, mark)
            if packet.sequence is not None:
                words["numbers"] = [packet.sequence, packet.acknowledgement]
            file.write(json.dumps(words) + "\n")
    return counts


def check_flow(folder, root, options, quiet=False):
    """Sends the packets of a folder's flow.jsonl one after another and compares; four counts."""
    with open(os.path.join(folder, FLOW), encoding="utf-8") as file:
        asked = [from_json(line) for line in file if line.strip()]
    try:
        enter()
        laboratory = make(folder, options.backend)
    except CannotBuild as error:
        print(f"{folder}: SKIPPED: {error}")
        return [0, 0, len(asked)]
    sender = Sender(laboratory, True)
    sent = [entry for entry in (sender.send(*packet) for packet in asked) if entry is not None]
    return judge_again(folder, sent, laboratory, root, quiet)


def judge_again(folder, sent, laboratory, root, quiet):
    lines = [json.dumps(to_json(packet, arrives, mark)) for packet, arrives, mark, _ in sent]
    answers = compare.hookline_packets(folder, lines, root, True)
    counts = [0, 0, 0, 0]
    for number, (answer, (packet, arrives, mark, seen)) in enumerate(zip(answers, sent)):
        found = compare.differences(answer, seen, laboratory)
        counts[1 if found else 0] += 1
        if not quiet:
            way = f"in {arrives}" if arrives else "from the host"
            print(f"{folder}/packet-{number + 1}: {way}: {packet}: " + ("DISAGREES" if found else "agrees"))
            if found:
                for line in found + ["kernel:"] + report.kernel(laboratory, None, seen) + ["hookline:"] + report.answer(answer):
                    print(f"    {line}")
    return counts


def keep(folder, options, root, seed, flows):
    """Moves a scenario that disagrees to where it stays, made as small as it goes."""
    path = os.path.join(options.keep, f"seed-{seed}")
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(folder, path)
    tries = shrink(path, root, options)
    with open(os.path.join(path, "README.md"), "w", encoding="utf-8") as file:
        kind = "in a flow" if flows else "alone"
        file.write(f"# Random node {seed}\n\nThe last packet of `{FLOW}` ({kind}) went another way than hookline said. Made\n"
                   f"by `Tools/kernel-check --seed {options.seed}`; {tries} tries made it smaller.\n")
    return path


def shrink(path, root, options):
    """Takes rules and packets away while the scenario still disagrees; returns the number of tries."""
    def disagrees():
        counts = run.in_child(lambda: check_flow(path, root, options, quiet=True), options.timeout)
        # Three counts: the check itself failed, which is another trouble.
        return len(counts) == 4 and counts[1] > 0

    tries = 0
    if not options.tries or not disagrees():
        return tries
    for name in (FLOW, "iptables-save.txt", "ip6tables-save.txt", "ip-rule.txt", "ip6-rule.txt"):
        file = os.path.join(path, name)
        if not os.path.exists(file):
            continue
        size = 8
        while size and tries < options.tries:
            changed, position = False, 0
            while tries < options.tries:
                with open(file, encoding="utf-8") as source:
                    lines = source.readlines()
                removable = [n for n, line in enumerate(lines) if removable_line(name, line)]
                if name == FLOW:
                    removable = removable[:-1]
                some = removable[position : position + size]
                if not some:
                    break
                with open(file, "w", encoding="utf-8") as out:
                    out.writelines(line for n, line in enumerate(lines) if n not in some)
                tries += 1
                if disagrees():
                    changed = True
                else:
                    position += size
                    with open(file, "w", encoding="utf-8") as out:
                        out.writelines(lines)
            if not changed or size > 1:
                size //= 2
    return tries


def removable_line(name, line):
    if name == FLOW:
        return True
    if name.endswith("-save.txt"):
        return line.startswith("-A ")
    return line.startswith("100:")

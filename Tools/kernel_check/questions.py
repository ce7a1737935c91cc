"""`questions.txt`: one question a line, `NAME: arguments of hookline trace without the snapshot`.

A question becomes a packet here by the rules of the command line (defaults included); what can't be sent as one
concrete packet is told why not.
"""

import ipaddress
import re
import shlex
from dataclasses import dataclass, field

from . import packets

VALUED = {
    "--in", "--from", "--to", "--proto", "--sport", "--dport", "--tcp-flags", "--icmp-type", "--icmp-code", "--mark",
    "--ttl", "--dscp", "--length", "--state", "--ct-mark", "--uid", "--mac", "--assume", "--detail", "--color",
    "--expect", "--packet",
}
PLAIN = {"--round-trip", "--json", "--strict"}
ICMP_TYPES = {
    "echo-request": (8, 128), "ping": (8, 128), "echo-reply": (0, 129), "pong": (0, 129),
    "destination-unreachable": (3, 1), "time-exceeded": (11, 3), "packet-too-big": (None, 2),
    "timestamp-request": (13, None), "router-solicitation": (10, 133), "router-advertisement": (9, 134),
    "neighbour-solicitation": (None, 135), "neighbor-solicitation": (None, 135),
    "neighbour-advertisement": (None, 136), "neighbor-advertisement": (None, 136),
}


class CannotSend(Exception):
    """Why a question is no concrete packet."""


@dataclass
class Question:
    name: str
    arguments: list
    line: int
    packet: object = None
    #: The interface it arrives on; None: generated on the host; "": to be found in the routes.
    arrives: str = ""
    mark: int = 0
    state: str = ""
    mac: str = ""
    round_trip: bool = False
    #: The source was left to the routes.
    chooses_source: bool = False
    assumptions: list = field(default_factory=list)


def read(text):
    """The questions of a file, each with its line; raises ValueError for a line that is none."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, colon, rest = line.partition(":")
        if not colon or not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name.strip()):
            raise ValueError(f"questions.txt:{number}: no `NAME: arguments`")
        found.append(Question(name.strip(), shlex.split(rest), number))
    return found


def split_end(words):
    """(address word, port or None, protocol or "") of `ADDRESS[:PORT][/PROTOCOL]`."""
    words, _, protocol = words.partition("/")
    port = None
    bracketed = re.fullmatch(r"\[([^\]]+)\](?::(\d+))?", words)
    if bracketed:
        words, port = bracketed[1], bracketed[2]
    elif words.count(":") == 1:
        words, _, port = words.partition(":")
    return words, int(port) if port else None, protocol


def resolve(question, own_addresses):
    """Fills the packet in from the arguments; raises CannotSend."""
    options = {}
    words = iter(question.arguments)
    for word in words:
        key, equals, value = word.partition("=")
        if key in PLAIN:
            options[key] = True
        elif key in VALUED:
            value = value if equals else next(words, None)
            if value is None:
                raise CannotSend(f"{key} without a value")
            if key == "--assume":
                question.assumptions.append(value)
            options[key] = value
        else:
            raise CannotSend(f"{word} is not known here")
    for key in ("--packet", "--uid", "--ct-mark"):
        if key in options:
            raise CannotSend(f"{key} can't be sent")
    question.round_trip = "--round-trip" in options
    question.mark = int(options.get("--mark", "0"), 0)
    question.state = options.get("--state", "").lower()
    question.mac = options.get("--mac", "")
    if "--from" not in options and "--to" not in options:
        raise CannotSend("neither --from nor --to")
    source, source_port, source_protocol = split_end(options.get("--from", "host"))
    destination, destination_port, destination_protocol = split_end(options.get("--to", "host"))
    if destination_port is None and source_port is not None and "--from" in options and "--to" not in options:
        raise CannotSend("no destination")
    if "--in" in options:
        question.arrives = options["--in"]
    elif source == "host" or packets_address(source) in own_addresses:
        question.arrives = None
    else:
        question.arrives = ""
    target = packets_address(destination)
    if target is None:
        raise CannotSend(f"no address in --to {destination}")
    origin = packets_address(source)
    if origin is None:
        if source != "host" or question.arrives is not None:
            raise CannotSend(f"no address in --from {source}")
        question.chooses_source = True
        origin = ipaddress.ip_address("0.0.0.0" if target.version == 4 else "::")
    source_port = int(options.get("--sport", source_port or 0)) or None
    destination_port = int(options.get("--dport", destination_port or 0)) or None
    protocol = protocol_number(options.get("--proto") or destination_protocol or source_protocol, target.version)
    if protocol is None:
        if source_port or destination_port:
            protocol = packets.TCP
        else:
            protocol = packets.ICMP if target.version == 4 else packets.ICMPV6
    if protocol in packets.PORTS:
        source_port = source_port or 40000
        if destination_port is None:
            raise CannotSend("no destination port")
    else:
        source_port = destination_port = None
    flags = 2
    if "--tcp-flags" in options:
        names = [name for name in options["--tcp-flags"].lower().split(",") if name and name != "none"]
        flags = sum(packets.FLAGS[name] for name in names)
    kind = None
    if protocol in (packets.ICMP, packets.ICMPV6):
        word = options.get("--icmp-type", "echo-request")
        kind = int(word) if word.isdigit() else ICMP_TYPES.get(word, (None, None))[protocol == packets.ICMPV6]
        if kind is None:
            raise CannotSend(f"--icmp-type {word} is not known here")
    question.packet = packets.Packet(
        origin, target, protocol, source_port, destination_port, flags, kind, int(options.get("--icmp-code", "0")),
        int(options.get("--ttl", "64")), int(options.get("--dscp", "0"), 0),
        int(options["--length"]) if "--length" in options else None,
    )


def packets_address(words):
    try:
        return ipaddress.ip_address(words)
    except ValueError:
        return None


def protocol_number(words, version):
    if not words:
        return None
    if words.isdigit():
        return int(words)
    number = packets.PROTOCOLS.get(words.lower())
    if number is None:
        raise CannotSend(f"protocol {words} is not known here")
    return packets.ICMPV6 if number == packets.ICMP and version == 6 else number


def mentioned_addresses(questions):
    """Every address that the questions name, for neighbours."""
    found = set()
    for question in questions:
        for word in question.arguments:
            address = packets_address(split_end(word)[0]) if not word.startswith("--") else None
            if address is not None:
                found.add(address)
    return found

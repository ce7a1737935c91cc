"""The kernel's own words over netlink: trace events, chains, rule handles, and flushing conntrack.

Only the few messages that the comparison needs, read in process: no `nft monitor`, no waiting for output.
Constants: include/uapi/linux/netfilter/nf_tables.h and nfnetlink.h of Linux 6.18.
"""

import errno
import os
import socket
import struct
from dataclasses import dataclass, field

NETLINK_NETFILTER = 12
SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP = 1
SO_RCVBUFFORCE = 33
NFNLGRP_NFTRACE = 9

SUBSYSTEM_CONNTRACK = 1
SUBSYSTEM_NFTABLES = 10
MESSAGE_CONNTRACK_DELETE = 2
MESSAGE_NEW_CHAIN, MESSAGE_GET_CHAIN = 3, 4
MESSAGE_NEW_RULE, MESSAGE_GET_RULE = 6, 7
MESSAGE_TRACE = 17

FLAG_REQUEST, FLAG_ACK, FLAG_DUMP = 1, 4, 0x300
TYPE_ERROR, TYPE_DONE = 2, 3

FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
HOOKS = ("prerouting", "input", "forward", "output", "postrouting")
VERDICTS = {-1: "continue", -2: "break", -3: "jump", -4: "goto", -5: "return", 0: "drop", 1: "accept", 2: "stolen", 3: "queue"}
TRACE_POLICY, TRACE_RETURN, TRACE_RULE = 1, 2, 3


def attributes(data):
    """The attributes of one message or one nest, by number; the last of a number wins."""
    found = {}
    offset = 0
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def text(data):
    return data.rstrip(b"\0").decode("utf-8", "replace")


def big(data):
    return int.from_bytes(data, "big")


def messages(data):
    """(type, flags, payload) of every message in one read."""
    offset = 0
    while offset + 16 <= len(data):
        length, kind, flags, _, _ = struct.unpack_from("=IHHII", data, offset)
        if length < 16:
            break
        yield kind, flags, data[offset + 16 : offset + length]
        offset += (length + 3) & ~3


def open_socket():
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
    link.bind((0, 0))
    return link


def request(link, subsystem, kind, flags, family=0, payload=b""):
    """Sends one request and returns the payloads of its answers; raises OSError for the kernel's error."""
    body = struct.pack("=BBH", family, 0, 0) + payload
    header = struct.pack("=IHHII", 16 + len(body), subsystem << 8 | kind, flags | FLAG_REQUEST, 1, 0)
    link.send(header + body)
    answers = []
    while True:
        for answer, _, data in messages(link.recv(1 << 20)):
            if answer == TYPE_DONE:
                return answers
            if answer == TYPE_ERROR:
                code = struct.unpack_from("=i", data)[0]
                if code:
                    raise OSError(-code, os.strerror(-code))
                return answers
            answers.append(data)


@dataclass
class Chains:
    """Where rules and chains stand: what trace events name by handle."""

    #: (family, table, chain, handle) → rule number, from 1.
    numbers: dict = field(default_factory=dict)
    #: (family, table, chain) → (hook, priority, policy), for base chains only.
    bases: dict = field(default_factory=dict)


def read_chains(link):
    """Base chains and the order of rules, as the kernel holds them now."""
    chains = Chains()
    for data in request(link, SUBSYSTEM_NFTABLES, MESSAGE_GET_CHAIN, FLAG_DUMP):
        family = FAMILIES.get(data[0], str(data[0]))
        found = attributes(data[4:])
        if 4 not in found:
            continue
        hook = attributes(found[4])
        priority = struct.unpack(">i", hook[2])[0]
        policy = VERDICTS.get(big(found[5]), "?") if 5 in found else ""
        number = big(hook[1])
        chains.bases[family, text(found[1]), text(found[3])] = (
            HOOKS[number] if family != "netdev" and number < 5 else "ingress",
            priority,
            policy,
        )
    counts = {}
    for data in request(link, SUBSYSTEM_NFTABLES, MESSAGE_GET_RULE, FLAG_DUMP):
        family = FAMILIES.get(data[0], str(data[0]))
        found = attributes(data[4:])
        chain = (family, text(found[1]), text(found[2]))
        counts[chain] = counts.get(chain, 0) + 1
        chains.numbers[chain + (big(found[3]),)] = counts[chain]
    return chains


def flush_conntrack(link):
    """Forgets every connection of this namespace."""
    request(link, SUBSYSTEM_CONNTRACK, MESSAGE_CONNTRACK_DELETE, FLAG_ACK)


@dataclass
class TraceEvent:
    """One line of what `nft monitor trace` would print."""

    identity: int
    kind: int
    family: str
    table: str
    chain: str
    handle: int
    verdict: str
    target: str
    policy: str
    mark: int
    in_index: int
    out_index: int
    #: `iif` and `oif` as far as the event told them: names are looked up by the reader.
    network: bytes
    transport: bytes
    #: The packet's conntrack state bits (Linux 6.16 and later), None where it has none or the kernel is silent.
    state: int


def parse_trace(data):
    found = attributes(data[4:])
    code = None
    target = ""
    if 5 in found:
        verdict = attributes(found[5])
        code = struct.unpack(">i", verdict[1])[0]
        if 2 in verdict:
            target = text(verdict[2])
    name = ""
    if code is not None:
        name = VERDICTS.get(code) or VERDICTS.get(code & 0xFF, "?")
    return TraceEvent(
        identity=big(found.get(6, b"\0")),
        kind=big(found.get(4, b"\0")),
        family=FAMILIES.get(data[0], str(data[0])),
        table=text(found.get(1, b"")),
        chain=text(found.get(2, b"")),
        handle=big(found[3]) if 3 in found else 0,
        verdict=name,
        target=target,
        policy=VERDICTS.get(big(found[16]), "?") if 16 in found else "",
        mark=big(found[14]) if 14 in found else 0,
        in_index=big(found[10]) if 10 in found else 0,
        out_index=big(found[12]) if 12 in found else 0,
        network=found.get(8, b""),
        transport=found.get(9, b""),
        state=big(found[21]) if 21 in found else None,
    )


class LostEvents(Exception):
    """The kernel threw trace events away: nothing can be said of this packet."""


class TraceSocket:
    """Subscribed to the trace of this network namespace."""

    def __init__(self):
        self.link = open_socket()
        for option in (SO_RCVBUFFORCE, socket.SO_RCVBUF):
            try:
                self.link.setsockopt(socket.SOL_SOCKET, option, 64 << 20)
                break
            except OSError:
                continue
        self.link.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTRACE)
        self.link.setblocking(False)

    def read(self):
        """All events that wait, in the order the kernel sent them."""
        events = []
        while True:
            try:
                data = self.link.recv(1 << 18)
            except BlockingIOError:
                return events
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    raise LostEvents() from error
                raise
            for kind, _, payload in messages(data):
                if kind == SUBSYSTEM_NFTABLES << 8 | MESSAGE_TRACE:
                    events.append(parse_trace(payload))

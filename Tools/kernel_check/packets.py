"""Packets as bytes: made from a question, and read from what left."""

import ipaddress
import struct
from dataclasses import dataclass, replace

PROTOCOLS = {
    "icmp": 1, "igmp": 2, "ipip": 4, "ipencap": 4, "ipv4": 4, "tcp": 6, "udp": 17, "dccp": 33, "ipv6": 41, "gre": 47,
    "esp": 50, "ah": 51, "icmpv6": 58, "icmp6": 58, "ipv6-icmp": 58, "ospf": 89, "sctp": 132, "udplite": 136,
}
PROTOCOL_NAMES = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp"}
FLAGS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ece": 64, "cwr": 128}
ICMP, TCP, UDP, ICMPV6, SCTP = 1, 6, 17, 58, 132
PORTS = (TCP, UDP, SCTP, 33, 136)


@dataclass(frozen=True)
class Packet:
    """One packet, by the fields that a question can give. Ports are None where the protocol has none."""

    source: object
    destination: object
    protocol: int
    source_port: int = None
    destination_port: int = None
    flags: int = 2
    icmp_type: int = None
    icmp_code: int = 0
    ttl: int = 64
    dscp: int = 0
    #: Whole length in bytes, from the IP header on; None: the headers alone.
    length: int = None
    #: IP identification (v4) or flow label (v6): by it the packet is known again.
    tag: int = 0
    #: TCP's sequence and acknowledgement numbers; None: those of a first packet.
    sequence: int = None
    acknowledgement: int = None

    @property
    def family(self):
        return self.source.version

    def reply(self, **changes):
        """What the other side answers: addresses and ports turned round, flags and types as a server sends them."""
        back = replace(
            self, source=self.destination, destination=self.source,
            source_port=self.destination_port, destination_port=self.source_port, ttl=64, length=None,
        )
        if self.protocol == TCP:
            # One byte of sequence for SYN and none for data: both sides stay within their windows.
            first = self.flags & 0x17 == 2
            back = replace(
                back, flags=18 if first else 16 if self.flags == 18 else self.flags, sequence=5000 if first else 5001, acknowledgement=1001
            )
        elif self.protocol in (ICMP, ICMPV6) and self.icmp_type in (8, 128):
            back = replace(back, icmp_type=0 if self.icmp_type == 8 else 129)
        return replace(back, **changes)

    def __str__(self):
        def end(address, port):
            if port is None:
                return str(address)
            return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"

        name = PROTOCOL_NAMES.get(self.protocol, f"protocol {self.protocol}")
        extra = ""
        if self.protocol == TCP:
            extra = " " + (",".join(n for n, bit in FLAGS.items() if self.flags & bit) or "no flags")
        elif self.icmp_type is not None:
            extra = f" type {self.icmp_type}/{self.icmp_code}"
        source, destination = end(self.source, self.source_port), end(self.destination, self.destination_port)
        return f"{source} → {destination} {name}{extra} ttl {self.ttl}" + (f" dscp {self.dscp}" if self.dscp else "")


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def _transport(packet, size):
    """The transport header and padding: `size` bytes in all where that is given."""
    kind = packet.protocol
    ports = (packet.source_port or 0, packet.destination_port or 0)
    if kind == TCP:
        first = packet.sequence if packet.sequence is not None else 1000
        last = packet.acknowledgement if packet.acknowledgement is not None else 1000
        last = last if packet.flags & 16 else 0
        body = struct.pack(">HHIIBBHHH", *ports, first, last, 5 << 4, packet.flags, 8192, 0, 0)
        place = 16
    elif kind == UDP:
        body, place = struct.pack(">HHHH", *ports, 8, 0), 6
    elif kind in (ICMP, ICMPV6):
        body, place = struct.pack(">BBHHH", packet.icmp_type, packet.icmp_code, 0, 1, 1), 2
    elif kind == SCTP:
        # An INIT chunk, which the padding lengthens: conntrack drops what has bytes of no chunk.
        chunk = max(20, (size or 0) - 12)
        body, place = struct.pack(">HHII", *ports, 0, 0) + struct.pack(">BBHIIHHI", 1, 0, chunk, 1, 65536, 1, 1, 1), None
    else:
        body, place = b"", None
    if size is not None and size > len(body):
        body += bytes(size - len(body))
    if kind == UDP:
        body = body[:4] + struct.pack(">H", len(body)) + body[6:]
    if kind == SCTP:
        return body[:8] + struct.pack("<I", crc32c(body)) + body[12:]
    if place is None:
        return body
    pseudo = b""
    if kind != ICMP:
        pseudo = packet.source.packed + packet.destination.packed
        pseudo += struct.pack(">IHBB", len(body), 0, 0, kind)
    total = checksum(pseudo + body)
    if kind == UDP and total == 0:
        total = 0xFFFF
    return body[:place] + struct.pack(">H", total) + body[place + 2 :]


def build(packet):
    """The packet from its IP header on."""
    header = 20 if packet.family == 4 else 40
    body = _transport(packet, None if packet.length is None else max(packet.length - header, 0))
    if packet.family == 4:
        fields = struct.pack(
            ">BBHHHBBH4s4s", 0x45, packet.dscp << 2, 20 + len(body), packet.tag, 0, packet.ttl, packet.protocol, 0,
            packet.source.packed, packet.destination.packed,
        )
        return fields[:10] + struct.pack(">H", checksum(fields)) + fields[12:] + body
    first = 6 << 28 | packet.dscp << 22 | packet.tag
    return struct.pack(
        ">IHBB16s16s", first, len(body), packet.protocol, packet.ttl, packet.source.packed, packet.destination.packed
    ) + body


def parse(data):
    """(packet, bytes after its transport header) of IP bytes, or None for what is not IP. Short ones lose ports."""
    if len(data) < 20:
        return None
    version = data[0] >> 4
    if version == 4:
        _, tos, length, tag, fragment, ttl, kind = struct.unpack_from(">BBHHHBB", data)
        source, destination = ipaddress.IPv4Address(data[12:16]), ipaddress.IPv4Address(data[16:20])
        body = data[(data[0] & 15) * 4 :] if not fragment & 0x1FFF else b""
    elif version == 6 and len(data) >= 40:
        first, length, kind, ttl = struct.unpack_from(">IHBB", data)
        tos, tag = first >> 20 & 0xFF, first & 0xFFFFF
        source, destination = ipaddress.IPv6Address(data[8:24]), ipaddress.IPv6Address(data[24:40])
        body, length = data[40:], length + 40
    else:
        return None
    packet = Packet(source, destination, kind, ttl=ttl, dscp=tos >> 2, length=length, tag=tag, flags=0)
    if kind in PORTS and len(body) >= 4:
        ports = struct.unpack_from(">HH", body)
        packet = replace(packet, source_port=ports[0], destination_port=ports[1])
        if kind == TCP and len(body) >= 14:
            return replace(packet, flags=body[13]), body[20:]
    elif kind in (ICMP, ICMPV6) and len(body) >= 2:
        packet = replace(packet, icmp_type=body[0], icmp_code=body[1])
    return packet, body[8:]


def is_error(packet):
    """An ICMP error, which nothing answers."""
    if packet.protocol == ICMP:
        return packet.icmp_type not in (0, 8, 13, 14, 15, 16, 17, 18)
    return packet.protocol == ICMPV6 and packet.icmp_type < 128


def describe_answer(packet):
    """The word for an answer that a kernel gives: `rst`, `icmp 3/1`; None for anything else."""
    if packet.protocol == TCP and packet.flags & 4:
        return "rst"
    if packet.protocol == ICMP and packet.icmp_type in (3, 5, 11, 12):
        return f"icmp {packet.icmp_type}/{packet.icmp_code}"
    if packet.protocol == ICMPV6 and packet.icmp_type in (1, 2, 3, 4, 137):
        return f"icmpv6 {packet.icmp_type}/{packet.icmp_code}"
    return None

"""An MPEG transport stream (ISO/IEC 13818-1) that is the same each time it is made."""

import random

PACKET_BYTES, PCR_PID = 188, 0x100
_PAT_PID, _PMT_PID = 0, 0x1000
_STUFFING = b"\xff"


def transport_stream(packets, bits_per_second):
    """A stream of so many packets: tables every 100, a PCR every 20, and noise for a picture."""
    noise = random.Random(4)
    counters = dict.fromkeys((_PAT_PID, _PMT_PID, PCR_PID), 0)
    stream = bytearray()
    for number in range(packets):
        if number % 100 == 0:
            pid, body = _PAT_PID, _section(0, b"\x00\x01" + _reference(_PMT_PID))
        elif number % 100 == 1:
            # Stream type 2: MPEG-2 video.
            program = _reference(PCR_PID) + b"\xf0\x00\x02" + _reference(PCR_PID) + b"\xf0\x00"
            pid, body = _PMT_PID, _section(2, program)
        else:
            pid, body = PCR_PID, noise.randbytes(184)
        clock = number * PACKET_BYTES * 8 * 27_000_000 // bits_per_second
        stream += _packet(pid, counters[pid], body, clock if number % 20 == 2 else None)
        counters[pid] = (counters[pid] + 1) % 16
    return bytes(stream)


def _packet(pid, counter, body, clock):
    starts = 0x40 if pid != PCR_PID else 0
    adaptation = b"" if clock is None else b"\x07\x10" + _clock_reference(clock)
    control = (0x30 if adaptation else 0x10) | counter
    packet = bytes([0x47, starts | pid >> 8, pid & 0xFF, control]) + adaptation + body
    return packet[:PACKET_BYTES].ljust(PACKET_BYTES, _STUFFING)


def _clock_reference(clock):
    base, extension = clock // 300 % (1 << 33), clock % 300
    return (base << 15 | 0x3F << 9 | extension).to_bytes(6, "big")


def _reference(pid):
    return (0xE000 | pid).to_bytes(2, "big")


def _section(table, body):
    length = 5 + len(body) + 4
    section = bytes([table]) + (0xB000 | length).to_bytes(2, "big") + b"\x00\x01\xc1\x00\x00" + body
    return b"\x00" + section + _checksum(section).to_bytes(4, "big")


def _checksum(section):
    remainder = 0xFFFFFFFF
    for byte in section:
        remainder ^= byte << 24
        for _ in range(8):
            carry = remainder & 0x80000000
            remainder = (remainder << 1 & 0xFFFFFFFF) ^ (0x04C11DB7 if carry else 0)
    return remainder

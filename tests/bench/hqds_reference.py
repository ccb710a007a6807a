#!/usr/bin/env python3
"""Reads hqds the straightforward way, and says how long that takes: what debugfs_bench is compared with.

hqds_reference.py [FILE]: without FILE a text of the shape that debugfs_bench generates.
"""
import re
import sys
import time

SLOT = re.compile(r" +(?:Inst (\d+), +(HIQ on MEC|CP) .*|SDMA Engine (\d+), RLC (\d+))")


def registers(first, words):
    rows, row, last = [], [], None
    for address, word in zip(first, words):
        if last is None or last + 4 != address or len(row) == 8:
            row = []
            rows.append((address, row))
        row.append(f"{word:08x}")
        last = address
    return "".join(f"    {address:08x}: {' '.join(row)}\n" for address, row in rows)


def generate():
    """8 nodes of 4 XCCs and 8 SDMA engines."""
    offsets = [*range(0x130, 0x143), *range(0x158, 0x15E), *range(0x15F, 0x166), *range(0x170, 0x17C)]
    text = ""
    for node in range(2, 10):
        text += f"Node {node}, gpu_id f7bc:\n"
        for xcc in range(4):
            addresses = [(0x2000 + 0x8000 * xcc + 0x1245 + i) * 4 for i in range(56)]
            text += f"   Inst {xcc}, HIQ on MEC 2 Pipe 0 Queue 0\n" + registers(addresses, [0] * 56)
            for pipe in range(4):
                for queue in range(2, 8):
                    text += f" Inst {xcc},  CP Pipe {pipe}, Queue {queue}\n"
                    text += registers(addresses, [0, 0, int(pipe == 0 and queue == 2)] + [0] * 53)
        for engine in range(8):
            for rlc in range(8):
                base = 0x1260 + 0x10000 * engine + 0x58 * rlc
                text += f"  SDMA Engine {engine}, RLC {rlc}\n"
                text += registers([(base + offset) * 4 for offset in offsets], [0] * 44)
    return text


def parse(text):
    slots, gpu = [], None
    for line in text.splitlines():
        if line.startswith("Node "):
            gpu = line.split("gpu_id ")[1].rstrip(":")
        elif line.startswith("    "):
            slots[-1]["registers"] += [int(word, 16) for word in line.split(": ")[1].split()]
        else:
            slots.append({"gpu": gpu, "title": SLOT.fullmatch(line).groups(), "registers": []})
    return slots


def main():
    text = open(sys.argv[1], encoding="ascii").read() if len(sys.argv) > 1 else generate()
    times = []
    for _ in range(20):
        begin = time.process_time()
        slots = parse(text)
        times.append(time.process_time() - begin)
    active = sum(slot["title"][1] == "CP" and slot["registers"][2] & 1 for slot in slots)
    print(f"{len(text)} bytes, {len(slots)} slots, {active} active: "
          f"CPU time median {sorted(times)[len(times) // 2] * 1e3:.1f} ms, best {min(times) * 1e3:.1f} ms")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: BSD-2-Clause
"""Initiators side by side on one target, in one run: `lunar bench`, libiscsi (bench/load.c), libiscsi's own iscsi-perf,
and QEMU's block layer (qemu-img bench). Each says how many commands there were; what they cost is what the kernel says
of their processor time."""
import json
import os
import re
import shutil
import statistics
import subprocess

# As in bench/run. Some initiators have no options for some of these.
WORKLOADS = [
    ("read 4k qd1", "file", {"depth": 1}),
    ("write 4k qd1", "file", {"depth": 1, "write": 1}),
    ("read 4k qd32", "file", {"depth": 32}),
    ("write 4k qd32", "file", {"depth": 32, "write": 1}),
    ("read 4k qd32 memory", "memory", {"depth": 32}),
    ("write 4k qd32 memory", "memory", {"depth": 32, "write": 1}),
    ("read 4k 8x16", "file", {"connections": 8, "depth": 16}),
    ("write 4k 8x16", "file", {"connections": 8, "depth": 16, "write": 1}),
    ("read 4k qd32 digest", "file", {"depth": 32, "digest": 1}),
    ("read 64k seq", "memory", {"depth": 8, "size": 64 << 10, "sequential": 1}),
    ("read 128k seq", "file", {"depth": 8, "size": 128 << 10, "sequential": 1}),
    ("write 128k seq", "file", {"depth": 8, "size": 128 << 10, "sequential": 1, "write": 1}),
    ("read 1M seq", "file", {"depth": 4, "size": 1 << 20, "sequential": 1}),
    ("read 1M seq memory", "memory", {"depth": 4, "size": 1 << 20, "sequential": 1}),
    ("write 1M seq memory", "memory", {"depth": 4, "size": 1 << 20, "sequential": 1, "write": 1}),
]
WARMUP = 0.2
STANDARD = {"connections": 1, "size": 4096, "write": 0, "sequential": 0, "digest": 0}


class Lunar:
    name = "lunar"

    def __init__(self, build):
        self.program = os.path.join(build, "lunar")

    def argv(self, url, o, seconds):
        rw = ("" if o["sequential"] else "rand") + ("write" if o["write"] else "read")
        return [self.program, "bench", url + ("?header_digest=crc32c" if o["digest"] else ""), "--rw", rw,
                "--bs", str(o["size"]), "--iodepth", str(o["depth"]), "--numjobs", str(o["connections"]),
                "--runtime", str(seconds), "--ramp_time", str(WARMUP), "--json", *(["--write"] if o["write"] else [])]

    def read(self, out, o, seconds):
        job = json.loads(out)["jobs"][0]["write" if o["write"] else "read"]
        return {"iops": job["iops"], "ios": job["iops"] * (seconds + WARMUP),
                "p50_us": job["clat_ns"]["percentile"]["50.000000"] / 1e3}


class Libiscsi:
    name = "libiscsi"

    def __init__(self, build):
        self.program = os.path.join(build, "bench", "load")

    def argv(self, url, o, seconds):
        return [self.program, url, f"seconds={seconds}", f"warmup={WARMUP}", *(f"{k}={v}" for k, v in o.items())]

    def read(self, out, o, seconds):
        result = json.loads(out)
        return {"iops": result["iops"], "ios": result["iops"] * (seconds + WARMUP), "p50_us": result["p50_us"]}


class IscsiPerf:
    name = "iscsi-perf"

    def __init__(self, build):
        self.program = shutil.which("iscsi-perf")

    def argv(self, url, o, seconds):
        if o["write"] or o["digest"] or o["connections"] > 1:
            return None
        return [self.program, "-m", str(o["depth"]), "-b", str(o["size"] // 512), "-t", str(max(1, round(seconds))),
                *([] if o["sequential"] else ["-r"]), url]

    def read(self, out, o, seconds):
        # "iops average 12345 (48 MB/s)", with control characters before it
        iops = int(re.findall(r"iops average (\d+)", out)[-1])
        return {"iops": iops, "ios": iops * max(1, round(seconds)), "p50_us": None}


class Qemu:
    """Its places are one behind the other; so many commands, which take about as long as the others have."""
    name = "qemu"

    def __init__(self, build):
        self.program = shutil.which("qemu-img")
        self.count = {}

    def argv(self, url, o, seconds):
        if o["digest"] or o["connections"] > 1:
            return None
        count = self.count.get(str(o), 500)
        return [self.program, "bench", "-t", "none", "-f", "raw", "-c", str(count), "-d",
                str(o["depth"]), "-s", str(o["size"]), *(["-w"] if o["write"] else []), url]

    def read(self, out, o, seconds):
        count = self.count.get(str(o), 500)
        iops = count / float(re.search(r"Run completed in ([\d.]+) seconds", out)[1])
        first = str(o) not in self.count
        self.count[str(o)] = max(500, int(iops * seconds))
        # The first run is to find out how many.
        return None if first else {"iops": iops, "ios": count, "p50_us": None}


def measure(client, url, what, seconds, pin):
    o = {**STANDARD, **what}
    argv = client.argv(url, o, seconds)
    if not argv:
        return None
    child = subprocess.Popen(pin(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, errors="replace")
    out = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    try:
        result = client.read(out, o, seconds)
    except (ValueError, IndexError, TypeError, KeyError):
        print(f"bench: {client.name}: no result: {' '.join(out.split())[:200]}")
        return None
    if result:
        result["cpu_us"] = (usage.ru_utime + usage.ru_stime) * 1e6 / max(result["ios"], 1)
    return result


def median(results):
    results = [r for r in results if r]
    if not results:
        return None
    return {key: statistics.median(r[key] for r in results) if results[0][key] is not None else None
            for key in results[0]}


def clients(build):
    return [c for c in (Lunar(build), Libiscsi(build), IscsiPerf(build), Qemu(build))
            if c.program and os.path.exists(c.program)]


def fill(build, url):
    """No holes: QEMU asks where they are, and does not read them."""
    subprocess.run([os.path.join(build, "lunar"), "bench", url, "--write", "--rw", "write", "--bs", "1M", "--runtime", "0",
                    "--iodepth", "4"], check=True, stdout=subprocess.DEVNULL)


def run(urls, build, wanted, rounds, seconds, pin):
    table = {}
    fill(build, urls["memory"])
    them = clients(build)
    for name, store, what in wanted:
        results = {c.name: [] for c in them}
        for i in range(rounds + 1):
            for c in them:
                # The first round is only for who has to find out how much there is to do.
                if i or isinstance(c, Qemu):
                    results[c.name].append(measure(c, urls[store], what, seconds, pin))
        table[name] = {c: median(r) for c, r in results.items()}
        print(".", end="", flush=True)
    return table


def show(table):
    def ratio(row, other, key, inverse=False):
        a, b = row.get("lunar"), row.get(other)
        if not a or not b or not a[key] or not b[key]:
            return "-"
        return f"{b[key] / a[key] if inverse else a[key] / b[key]:.2f}"

    print(f"\n{'':22}{'lunar':>10}{'CPU/IO':>10}{'p50':>9}   IOPS of ours to theirs, and those of a second of processor\n"
          f"{'':41}   {'libiscsi':>16}{'iscsi-perf':>16}{'qemu':>16}")
    for name, row in table.items():
        ours = row["lunar"]
        line = f"{name:22}{ours['iops']:>10.0f}{ours['cpu_us']:>7.1f} us{ours['p50_us']:>6.0f} us"
        for other in ("libiscsi", "iscsi-perf", "qemu"):
            line += f"{ratio(row, other, 'iops'):>9}{ratio(row, other, 'cpu_us', True):>7}"
        print(line)

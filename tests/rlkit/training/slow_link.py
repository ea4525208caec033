"""Two nodes of Ray with a slow link between them, on one machine; run in a network namespace of its own.

    unshare OPTIONS python slow_link.py MILLISECONDS MBIT PRIVATE COMMAND ...

Each node has a network namespace. All that one sends to the other goes through this process, by two TUN devices, which
delays each packet by MILLISECONDS and lets MBIT per second through in each direction. The command runs on the head
node, which has no CPU to give out; the other has two, and sees an empty folder in the place of PRIVATE.
"""

import fcntl
import heapq
import os
import select
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

OPTIONS = ["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
HERE, THERE = "10.77.0.1", "10.77.0.2"
ADDRESS = f"{HERE}:6379"  # of the head node
QUEUE = 1000  # packets that wait in each direction; further ones are dropped
SET_INTERFACE = 0x400454CA  # TUNSETIFF of ioctl(2)
TUN_WITHOUT_HEADER = 0x1001  # IFF_TUN, IFF_NO_PI


def unavailable():
    """Why there can be no slow link here; empty where there can."""
    code = f"import os; os.open('/dev/net/tun', {os.O_RDWR}); os.execvp('ip', ['ip', 'link', 'set', 'lo', 'up'])"
    try:
        done = subprocess.run(
            ["unshare", *OPTIONS, sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
    except OSError as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["unshare failed"])[-1]


def open_tun(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, SET_INTERFACE, struct.pack("16sH", name.encode(), TUN_WITHOUT_HEADER))
    return device


def relay(devices, delay, bytes_per_second):
    """Pass packets from each device to the other, for ever."""
    waiting, number = [], 0  # (time, number, target, packet)
    free, queued = dict.fromkeys(devices, 0.0), dict.fromkeys(devices, 0)
    while True:
        timeout = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        readable, _, _ = select.select(devices, [], [], timeout)
        now = time.monotonic()
        for source in readable:
            target = devices[1 - devices.index(source)]
            packet = os.read(source, 65536)
            if queued[target] < QUEUE:
                free[target] = max(now, free[target]) + len(packet) / bytes_per_second
                queued[target], number = queued[target] + 1, number + 1
                heapq.heappush(waiting, (free[target] + delay, number, target, packet))
        while waiting and waiting[0][0] <= now:
            _, _, target, packet = heapq.heappop(waiting)
            queued[target] -= 1
            os.write(target, packet)


def call(*command):
    subprocess.run(command, check=True, stdout=sys.stderr)


def main():
    milliseconds, mbit, private, *command = sys.argv[1:]
    devices = [open_tun("here"), open_tun("there")]
    call("ip", "link", "set", "lo", "up")
    holder = subprocess.Popen(["unshare", "--net", "--mount", "sleep", "infinity"])
    while Path(f"/proc/{holder.pid}/ns/mnt").readlink() == Path("/proc/self/ns/mnt").readlink():
        time.sleep(0.01)
    there = ["nsenter", f"--net=/proc/{holder.pid}/ns/net", f"--mount=/proc/{holder.pid}/ns/mnt"]
    call("ip", "link", "set", "there", "netns", str(holder.pid))
    for place, name, own, other in (([], "here", HERE, THERE), (there, "there", THERE, HERE)):
        call(*place, "ip", "address", "add", own, "peer", other, "dev", name)
        call(*place, "ip", "link", "set", name, "up")
    call(*there, "ip", "link", "set", "lo", "up")
    link = (devices, float(milliseconds) / 1000, float(mbit) * 125_000)
    threading.Thread(target=relay, args=link, daemon=True).start()
    call(*there, "mount", "-t", "tmpfs", "none", private)
    ray = [sys.executable, "-P", "-m", "ray.scripts.scripts", "start", "--object-store-memory", str(80 * 2**20)]
    head = ["--head", "--node-ip-address", HERE, "--port", "6379", "--num-cpus", "0", "--include-dashboard", "false"]
    call(*ray, *head, "--temp-dir", os.environ["RAY_TMPDIR"])
    call(*there, *ray, "--address", ADDRESS, "--node-ip-address", THERE, "--num-cpus", "2")
    sys.exit(subprocess.run(command, check=False).returncode)  # its end ends all that is in the namespace


if __name__ == "__main__":
    main()

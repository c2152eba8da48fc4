"""What the operating system knows of a process."""

import platform
import re
from pathlib import Path


def peak_mib(pid: int) -> float:
    """The most memory a process has had resident since it started, in MiB (VmHWM)."""
    return _mib(pid, "VmHWM")


def resident_mib(pid: int) -> float:
    """The memory a process has resident now, in MiB (VmRSS)."""
    return _mib(pid, "VmRSS")


def machine_described() -> str:
    """Processor and number of cores, for figures that mean nothing without."""
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    cores = len(re.findall(r"^processor\s*:", Path("/proc/cpuinfo").read_text(), re.MULTILINE))
    return f"{cores} cores of {found[1] if found else platform.machine()}, {platform.system()} {platform.release()}"


def _mib(pid: int, field: str) -> float:
    found = re.search(rf"^{field}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024

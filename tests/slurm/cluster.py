"""A real SLURM on this machine: munged, slurmctld and slurmd in a folder of their own, with two stand-in GPUs.

`python tests/slurm/cluster.py start FOLDER` starts it and prints the line to export; `stop FOLDER` ends it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

DEFAULT_CONF = Path("/etc/slurm/slurm.conf")
DAEMONS = ("munged", "slurmctld", "slurmd")
MISSING = "no SLURM here: `make test-slurm` installs slurm-wlm and munge with apt when run as root"

# What differs from SLURM's defaults, and why.
CONF = """\
ClusterName=standin
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld_port}
SlurmdPort={d_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A requeued job waits for its old credential to expire: 5 s instead of 120 s.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
JobRequeue=1
KillWait=5
MinJobAge=600
DefMemPerCPU=500
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0,bf_interval=1,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# The node may claim more cores than it has: jobs of these tests mostly wait.
SlurmdParameters=config_overrides
# A preempted job gets the signal it asked for (USR2), and GraceTime to save.
SlurmctldParameters=preempt_send_user_signal
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
AccountingStorageType=accounting_storage/none
# Without cgroups memory is polled every 3 s, and a step above its request is killed.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=3
JobAcctGatherParams=OverMemoryKill
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=64 CoresPerSocket=64 RealMemory=256000 Gres=gpu:2 State=UNKNOWN
NodeName=bare NodeAddr=127.0.0.1 Port={other_port} CPUs=1 State=DOWN Reason="no GPU, for the bad inputs"
PartitionName=cpu Nodes={host} Default=YES PriorityTier=1
PartitionName=gpu Nodes={host} PriorityTier=10 GraceTime=60
PartitionName=high Nodes={host} PriorityTier=20 PreemptMode=OFF
PartitionName=bare Nodes=bare
"""


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Cluster:
    """munged, slurmctld and slurmd of one folder; `environment` points SLURM's commands at them."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder).absolute()
        self.host = socket.gethostname().split(".")[0]
        self.environment = {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self) -> None:
        """Write the configuration and start the daemons; returns when the node is idle."""
        lacking = [name for name in DAEMONS if not shutil.which(name)]
        if lacking:
            raise RuntimeError(f"{MISSING} (lacking: {', '.join(lacking)})")
        if os.getuid():
            raise RuntimeError("the stand-in cluster needs root, for its GPU devices and slurmd")
        for name in ("state", "spool"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        ports = {name: free_port() for name in ("ctld_port", "d_port", "other_port")}
        (self.folder / "slurm.conf").write_text(CONF.format(host=self.host, folder=self.folder, **ports))
        devices = []
        for i in range(2):
            device = self.folder / f"fakegpu{i}"
            if not device.exists():  # SLURM sets CUDA_VISIBLE_DEVICES only for character devices
                os.mknod(device, 0o20666, os.makedev(1, 3))
            devices.append(f"NodeName={self.host} Name=gpu File={device}\n")
        (self.folder / "gres.conf").write_text("".join(devices))
        # Some programs clear SLURM's variables and look here; a SLURM that this machine has already is left alone.
        if not DEFAULT_CONF.exists():
            DEFAULT_CONF.parent.mkdir(exist_ok=True)
            DEFAULT_CONF.unlink(missing_ok=True)
            DEFAULT_CONF.symlink_to(self.folder / "slurm.conf")
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        at = {"key-file": key, "socket": self.folder / "munge.socket", "log-file": self.folder / "munged.log",
              "pid-file": self.folder / "munged.pid", "seed-file": self.folder / "munge.seed"}  # fmt: skip
        subprocess.run(["munged", "--force", *(f"--{k}={v}" for k, v in at.items())], check=True, capture_output=True)
        self.start_controller()
        self.run("slurmd", "-N", self.host)
        self.wait_for(lambda: "idle" in self.run("sinfo", "-h", "-p", "cpu", "-o", "%T"), "the node to be idle")

    def start_controller(self) -> None:
        self.run("slurmctld")

    def stop_controller(self) -> None:
        """Stop slurmctld alone, as for a restart of the head node; jobs run on."""
        self._end("slurmctld", signal.SIGTERM)

    def stop(self) -> None:
        """Cancel every job and end the daemons, by their pid files."""
        self.run("scancel", "--user=root", check=False)
        # Jobs end KillWait after their TERM, as long as slurmd is there to do it.
        self.wait_for(lambda: not self.run("squeue", "-h", "-t", "R,CG", check=False), "the jobs to end")
        for name in ("slurmd", "slurmctld", "munged"):
            self._end(name, signal.SIGTERM)
        if DEFAULT_CONF.is_symlink() and DEFAULT_CONF.readlink() == self.folder / "slurm.conf":
            DEFAULT_CONF.unlink()

    def _end(self, name: str, number: signal.Signals) -> None:
        path = self.folder / f"{name}.pid"
        if not path.exists():
            return
        pid = int(path.read_text())
        try:
            os.kill(pid, number)
            self.wait_for(lambda: not Path(f"/proc/{pid}").exists(), f"{name} to end")
        except ProcessLookupError:
            pass
        path.unlink(missing_ok=True)

    def run(self, *command: str, check: bool = True) -> str:
        """Output of a SLURM command on this cluster."""
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | self.environment)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def submissions(self) -> list[str]:
        """One line for each batch job that slurmctld was ever given: what sbatch really did."""
        log = (self.folder / "slurmctld.log").read_text()
        return [line for line in log.splitlines() if "_slurm_rpc_submit_batch_job: JobId=" in line]

    @staticmethod
    def wait_for(condition, what: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"waited {seconds:.0f} s for {what}")
            time.sleep(0.2)


if __name__ == "__main__":
    action, folder = sys.argv[1:]
    cluster = Cluster(Path(folder))
    getattr(cluster, action)()
    if action == "start":
        print(f"export SLURM_CONF={cluster.environment['SLURM_CONF']}")

"""A row lived through by the job of a real qemu-storage-daemon on the same images."""

from dataclasses import dataclass, field

from models.fault_matrix import ERROR, FAULT_AT, MIB, NO_POLICY, Good, Lasts, Row, in_7_2
from tests.faults.disks import IN_CHAIN, Disks, layers_of, told
from tests.faults.ours import ENOUGH
from tests.qsd import Message, Qsd

EVENTS = tuple(f"BLOCK_JOB_{name}" for name in ("ERROR", "READY", "COMPLETED", "CANCELLED"))
#: One request at a time, of one unit: what is in flight beside the one that fails is chance.
ONE_BY_ONE: dict[str, Message] = {
    "mirror": {"granularity": MIB, "buf_size": MIB},
    "backup": {"x_perf": {"max-workers": 1, "max-chunk": 64 * 1024}},
}
#: What is flushed to a real disk is not what these rows are about.
FAST: Message = {"cache": {"no-flush": True}}


@dataclass(frozen=True, slots=True)
class Told:
    """What QEMU shows of a row; `stops` are the job's io-statuses."""

    events: tuple[str, ...]
    error: str
    stops: tuple[str, ...]
    good: Good | str
    layers: tuple[str, ...]


def expected(row: Row) -> Told:
    """What the matrix says, with what is declared to differ."""
    modern = in_7_2(row)
    stops = (modern.io_status,) * len(modern.course.stops)
    return Told(modern.events, modern.error, stops, modern.course.good, layers_of(modern))


@dataclass
class Theirs:
    """One job of a daemon, whose nodes are gone again when it is over."""

    disks: Disks
    daemon: Qsd
    nodes: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)

    def live(self) -> Told:
        """Make the images, start the job, stand by until it is over."""
        self.disks.create()
        nodes = self._open()
        self._start(nodes)
        last = self._attend()
        self.daemon.wait_for_event("JOB_STATUS_CHANGE", id="j", status="null")
        for node in reversed(self.nodes):
            self.daemon.execute("blockdev-del", node_name=node)
        self.daemon.take_events()
        error, disks = last.get("error", ""), self.disks
        return Told(told(self.events), error, tuple(self.stops), disks.good(), disks.layers())

    def _attend(self) -> Message:
        """Do what is done for our jobs: resume once, complete, cancel; the last event's data."""
        while True:
            event = self.daemon.wait_for_event(*EVENTS)
            name, data = event["event"].removeprefix("BLOCK_JOB_"), event["data"]
            words = f" {data['operation']} {data['action']}" if name == ERROR else ""
            self.events.append(name + words)
            if name in ("COMPLETED", "CANCELLED"):
                return dict(data)
            if words.endswith(" stop"):
                self._stopped()
            elif name == "READY":
                self.daemon.execute("block-job-complete", device="j")
            elif words.endswith(" ignore") and len(self.events) == ENOUGH:
                self.daemon.execute("block-job-cancel", device="j", force=True)

    def _stopped(self) -> None:
        self.daemon.wait_for_event("JOB_STATUS_CHANGE", id="j", status="paused")
        (job,) = self.daemon.execute("query-block-jobs")
        self.stops.append(job["io-status"])
        if len(self.stops) == 1:
            self.daemon.execute("block-job-resume", device="j")
        else:
            self.daemon.execute("block-job-cancel", device="j", force=True)

    # -- the images

    def _open(self) -> dict[str, str]:
        """Open the images from the deepest up; the node to use for each."""
        nodes: dict[str, str] = {}
        below: str | None = None
        for name in reversed(self.disks.names):
            nodes[name] = below = self._node(name, self._backing(below))
        return nodes

    def _backing(self, below: str | None) -> Message:
        return {"backing": below} if self.disks.row.kind.name in IN_CHAIN and below else {}

    def _node(self, name: str, backing: Message) -> str:
        file = {"driver": "file", "filename": str(self.disks.path(name)), **FAST}
        node = {"driver": self.disks.format_of(name), "file": file, **backing}
        self._add(name, node)
        if name != self.disks.row.side.name:
            return name
        self._add("failing", {"driver": "blkdebug", "image": name, "inject-error": [self._fault()]})
        if self.disks.row.kind.name in IN_CHAIN:
            return "failing"
        self._add("guarded", {"driver": "raw", "file": "failing"})
        return "guarded"

    def _add(self, name: str, node: Message) -> None:
        named = {key.replace("-", "_"): value for key, value in node.items()}
        self.daemon.execute("blockdev-add", node_name=name, **named)
        self.nodes.append(name)

    def _fault(self) -> Message:
        row = self.disks.row
        return {
            "event": "none",
            "iotype": "read" if row.side.is_read else "write",
            "errno": row.errno,
            "sector": FAULT_AT // 512,
            "once": row.lasts is Lasts.ONCE,
        }

    # -- the job

    def _start(self, nodes: dict[str, str]) -> None:
        row = self.disks.row
        start = {"job_id": "j", "device": nodes[self.disks.names[0]]}
        if row.kind.name == "stream":
            start["device"] = nodes["top"]
            self.daemon.execute("block-stream", on_error=row.policy, **start)
        elif row.policy == NO_POLICY:
            named = {"top_node": nodes["top"], "base_node": nodes["base"]}
            self.daemon.execute("block-commit", **start, **named)
        else:
            on_error = {f"on_{row.side.name}_error": row.policy, "target": nodes["target"]}
            command = f"blockdev-{row.kind.name}"
            options = ONE_BY_ONE[row.kind.name]
            self.daemon.execute(command, sync="full", **start, **on_error, **options)

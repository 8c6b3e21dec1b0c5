"""A real Elasticsearch without a container: two Maven artefacts, a 40-line launcher, one process per node.

The jars are fetched once into ``var/`` by Maven and laid out as the server's home.  Nodes bind to loopback
only, take free ports and a temporary folder each, and are ended by the run that started them.
"""

import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path
from types import TracebackType

from tests.services import Absent, free_port, install, stop

HERE = Path(__file__).parent
KEPT = HERE.parents[1] / "var" / "test-servers"
PLUGIN = "transport-netty4"
HEAP = "512m"
START_SECONDS = 90


def version() -> str:
    """The server's version, as the pom beside this file says."""
    root = ET.parse(HERE / "pom.xml").getroot()
    found = root.find(".//{*}elasticsearch.version")
    assert found is not None
    assert found.text
    return found.text


def home() -> Path:
    """The server's home, laid out from its jars on the first call.  Raises :class:`Absent`."""
    if shutil.which("javac") is None or shutil.which("mvn") is None:
        install("default-jdk-headless", "maven")
    for program in ("java", "javac", "mvn"):
        if shutil.which(program) is None:
            raise Absent(
                f"Elasticsearch: no {program} here (Debian: apt-get install default-jdk-headless maven)"
            )
    made = KEPT / f"elasticsearch-{version()}"
    if not made.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix="building-", dir=KEPT))
        try:
            _lay_out(building)
            # Two runs may build at once; a whole folder appears by rename, and the second one is dropped.
            building.rename(made)
        except OSError:
            if not made.exists():
                raise
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return made


def _lay_out(target: Path) -> None:
    lib = target / "lib"
    fetched = subprocess.run(
        ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={lib}"],
        cwd=_copy_of_pom(target),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if fetched.returncode != 0:
        said = (fetched.stdout + fetched.stderr).strip().splitlines() or ["no message"]
        raise Absent(f"Elasticsearch: Maven cannot fetch the server: {said[0][:200]}")
    module = target / "modules" / PLUGIN
    for folder in (module, target / "config", target / "plugins"):
        folder.mkdir(parents=True)
    plugin = next(lib.glob(f"{PLUGIN}-*.jar"))
    with zipfile.ZipFile(plugin) as jar:
        inside = f"META-INF/es-plugins/{PLUGIN}"
        descriptor = jar.read(f"{inside}/plugin-descriptor.properties").decode()
        kept = [line for line in descriptor.splitlines() if not line.startswith("modulename=")]
        (module / "plugin-descriptor.properties").write_text("\n".join(kept) + "\n")
        (module / "entitlement-policy.yaml").write_bytes(jar.read(f"{inside}/entitlement-policy.yaml"))
    for jar_file in [plugin, *lib.glob("netty-*.jar")]:
        jar_file.rename(module / jar_file.name)


def _copy_of_pom(target: Path) -> Path:
    """Maven writes beside its pom: give it a copy, so that the work tree stays clean."""
    folder = target / "pom"
    folder.mkdir()
    shutil.copy(HERE / "pom.xml", folder)
    return folder


class Node:
    """One process of the server."""

    def __init__(self, folder: Path, name: str, http: int, transport: int, settings: dict[str, str]) -> None:
        self.name = name
        self.url = f"http://127.0.0.1:{http}"
        self.folder = folder / name
        self.folder.mkdir()
        laid_out = home()
        own = {
            "cluster.name": folder.name,
            "node.name": name,
            "network.host": "127.0.0.1",
            "http.port": str(http),
            "transport.port": str(transport),
            "path.data": str(self.folder / "data"),
            "path.logs": str(self.folder / "logs"),
            # A test machine's disk may be nearly full; that is not what the tests are about.
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            **settings,
        }
        self.log = self.folder / "output"
        with self.log.open("wb") as sink:
            self.process = subprocess.Popen(
                [
                    "java",
                    f"-Xms{HEAP}",
                    f"-Xmx{HEAP}",
                    "-cp",
                    f"{laid_out}/lib/*",
                    str(HERE / "Node.java"),
                    str(laid_out),
                    *(f"{key}={value}" for key, value in own.items()),
                ],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        """End the process as a power cut would."""
        self.process.kill()
        self.process.wait()


class Elasticsearch:
    """A running cluster: ``with Elasticsearch(nodes=3) as cluster: cluster.url``."""

    def __init__(self, nodes: int = 1) -> None:
        home()
        self.folder = Path(tempfile.mkdtemp(prefix=f"rongyi-es-{uuid.uuid4().hex[:6]}-"))
        self.size = nodes
        self.nodes: list[Node] = []

    @property
    def url(self) -> str:
        """The addresses of all nodes, comma-separated, as ``SEARCH_URL`` wants them."""
        return ",".join(node.url for node in self.nodes)

    def __enter__(self) -> "Elasticsearch":
        """Start the nodes and wait until they have found each other."""
        names = [f"n{number}" for number in range(1, self.size + 1)]
        transports = [free_port() for _ in names]
        if self.size == 1:
            settings = {"discovery.type": "single-node"}
        else:
            settings = {
                "discovery.seed_hosts": ",".join(f"127.0.0.1:{port}" for port in transports),
                "cluster.initial_master_nodes": ",".join(names),
            }
        try:
            for name, transport in zip(names, transports, strict=True):
                self.nodes.append(Node(self.folder, name, free_port(), transport, settings))
            self._wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the nodes by their process ids and remove their folder."""
        for node in self.nodes:
            stop(node.process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait(self) -> None:
        deadline = time.perf_counter() + START_SECONDS
        while time.perf_counter() < deadline:
            for node in self.nodes:
                if node.process.poll() is not None:
                    raise Absent(
                        f"Elasticsearch: {node.name} ended at once: {node.log.read_text()[-300:].strip()}"
                    )
            if all(self._joined(node) == self.size for node in self.nodes):
                return
            time.sleep(0.1)
        raise Absent(f"Elasticsearch: not up within {START_SECONDS} seconds")

    @staticmethod
    def _joined(node: Node) -> int:
        """How many nodes this node sees; 0 while it does not answer."""
        try:
            with urllib.request.urlopen(f"{node.url}/_cluster/health", timeout=5) as answer:
                return int(json.load(answer)["number_of_nodes"])
        except (urllib.error.URLError, OSError, ValueError, KeyError):
            return 0

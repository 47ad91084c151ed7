"""From an empty folder to a ready platform and back: the order in which everything starts and ends."""

from __future__ import annotations

import errno
import http.client
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chatsphere.config.env import Environment
from chatsphere.embedded import application, children_environment, leftovers, running, services
from chatsphere.embedded.children_environment import WILDCARDS, is_set, local_url
from chatsphere.embedded.data_folder import DataFolder
from chatsphere.embedded.errors import StackError
from chatsphere.embedded.leftovers import ChildRecord
from chatsphere.embedded.local_chat_model import LocalChatModel, local_chat_model
from chatsphere.embedded.merged_log import MergedLog
from chatsphere.embedded.postgres import PostgresServer
from chatsphere.embedded.redis import RedisServer
from chatsphere.embedded.runtime_folder import RuntimeFolder
from chatsphere.embedded.supervisor import StopRequested, Supervisor

DEFAULT_EMBEDDING_MODEL = "local:all-minilm-l6-v2-int8"
EMBEDDER_SOCKET_NAME = "embedder.sock"


@dataclass(frozen=True, slots=True)
class Options:
    """What ``chatsphere up`` was asked for."""

    host: str
    port: int
    data_dir: Path
    local_model: bool = False  # a chat model on this machine: ``model_file``, or the one that is installed
    model_file: Path | None = None

    @property
    def url(self) -> str:
        return local_url(self.host, self.port)


def run(options: Options, log: MergedLog, on_ready: Callable[[], None]) -> None:
    """Run the stack in the foreground until somebody asks it to stop; call it in the main thread.

    Raises StackError when it cannot start or go on. In each case all children have ended when it returns.
    """
    _check_port(options)
    model = local_chat_model(options.model_file) if options.local_model else None
    folder = DataFolder(options.data_dir)
    folder.open(options.url)
    runtime = RuntimeFolder(folder.runtime_record)
    try:
        ended = leftovers.end_leftovers(folder.children_file)
        runtime.remove()

        def write_records(records: Sequence[ChildRecord]) -> None:
            leftovers.write_records(folder.children_file, str(folder.path), records)

        with Supervisor(log, write_records, forget=folder.close) as supervisor:
            if ended:
                supervisor.say(f"An earlier run was killed; ended what it left behind: {', '.join(ended)}.")
            try:
                environ = model.environment(os.environ) if model else os.environ
                _Startup(options, folder, runtime, supervisor, environ, model).bring_up()
                on_ready()
                supervisor.run()
            except StopRequested:
                supervisor.say("Stopping; a second Ctrl-C hurries.")
        folder.children_file.unlink(missing_ok=True)
    finally:
        folder.environment_file.unlink(missing_ok=True)
        runtime.remove()
        folder.close()


class _Startup:
    """Starts what is needed, as early as it can start: servers and the embedder at once, Django while they come up."""

    def __init__(
        self,
        options: Options,
        folder: DataFolder,
        runtime: RuntimeFolder,
        supervisor: Supervisor,
        environ: Mapping[str, str],
        chat_model: LocalChatModel | None = None,
    ) -> None:
        self._options = options
        self._supervisor = supervisor
        self._environ = environ
        self._env = Environment(environ)
        self._embedding_model = self._env.text("EMBEDDING_MODEL", DEFAULT_EMBEDDING_MODEL, help="")
        self._web_concurrency = self._env.integer("WEB_CONCURRENCY", 1, low=1, high=128, help="")
        self._env.check()
        self._redis = None if is_set("REDIS_URL", environ) else RedisServer(folder.redis, runtime=runtime)
        self._postgres = (
            None
            if is_set("DATABASE_URL", environ)
            else PostgresServer(folder.postgres, secrets_file=folder.secrets_file, runtime=runtime)
        )
        # Asked now: when Django is loaded, this process's environment is the children's.
        self._has_own_embedder = is_set("EMBEDDER_SOCKET", environ)
        self._embedder_socket = runtime.socket_folder(folder.path, EMBEDDER_SOCKET_NAME) / EMBEDDER_SOCKET_NAME
        self._folder = folder
        self._chat_model = chat_model

    def bring_up(self) -> None:
        """Returns when ``/readyz`` answers 200."""
        provided = self._start_redis() | self._start_embedder() | self._make_cluster()
        self._start_chat_model(provided)
        environment = self._environment(provided)
        own = dict(self._environ)  # loading takes the environment over
        application.load(environment)
        running.note(self._folder, environment, own, application.settings_without_secrets())
        self._start_postgres()
        self._migrate()
        self._start_embedder_of_old_vectors(environment)
        self._supervisor.start(services.web(self._options.host, self._options.port, self._web_concurrency))
        self._supervisor.start(services.worker())
        self._supervisor.start(services.worker_default())
        self._supervisor.start(services.beat())
        self._wait_for_chat_model()
        self._wait_ready(environment)

    def _start_redis(self) -> dict[str, str]:
        if self._redis is None:
            return {}
        self._redis.prepare()
        self._supervisor.start(services.redis(self._redis))
        return {"REDIS_URL": self._redis.url}

    def _start_embedder(self) -> dict[str, str]:
        provided = {"EMBEDDER_SOCKET": str(self._embedder_socket)}
        if self._embedding_model.startswith("local:") and not self._has_own_embedder:
            self._run_embedder(self._environment(provided), self._embedding_model)
        return provided

    def _start_embedder_of_old_vectors(self, environment: Mapping[str, str]) -> None:
        """A deployment that moved to another model needs the local one until its chatbots are retrained."""
        if self._embedding_model.startswith("local:") or self._has_own_embedder:
            return
        for model in application.local_models_in_use()[:1]:
            self._supervisor.say(f"Chatbots still use {model}: its embedder runs until they are retrained.")
            self._run_embedder(environment, model)

    def _run_embedder(self, environment: Mapping[str, str], model: str) -> None:
        self._supervisor.start(services.embedder(environment, model, self._embedder_socket))

    def _start_chat_model(self, provided: Mapping[str, str]) -> None:
        if self._chat_model is not None:
            self._supervisor.start(services.chat_model(self._environment(provided), self._chat_model))

    def _wait_for_chat_model(self) -> None:
        if self._chat_model is not None:
            self._supervisor.wait_until(self._chat_model.is_ready, 300, "The local chat model did not become ready")

    def _make_cluster(self) -> dict[str, str]:
        """Begin to make the database's files, if there are none; this runs beside the loading of Django."""
        if self._postgres is None:
            return {}
        self._postgres.locate()
        if not self._postgres.has_cluster():
            self._supervisor.start(services.make_cluster(self._postgres))
        return {"DATABASE_URL": self._postgres.url}

    def _start_postgres(self) -> None:
        if self._postgres is None:
            return
        if not self._postgres.has_cluster():
            self._supervisor.finish("initdb", 120)
        pid = self._supervisor.start(services.postgres(self._postgres))
        server = self._postgres
        self._supervisor.wait_until(lambda: server.is_ready(pid), 600, "PostgreSQL did not accept connections")

    def _environment(self, provided: Mapping[str, str]) -> dict[str, str]:
        return children_environment.build(
            self._environ, self._folder, host=self._options.host, port=self._options.port, provided=provided
        )

    def _migrate(self) -> None:
        self._supervisor.start(services.migrate())
        self._supervisor.finish("migrate", 900)

    def _wait_ready(self, environment: Mapping[str, str]) -> None:
        host = environment["ALLOWED_HOSTS"].split(",")[0].strip().lstrip(".")
        answers: list[str] = []
        self._supervisor.wait_until(
            lambda: self._answers_ready(host, answers), 120, "The web process did not become ready"
        )

    def _answers_ready(self, host_header: str, answers: list[str]) -> bool:
        host = "localhost" if self._options.host in WILDCARDS else self._options.host
        connection = http.client.HTTPConnection(host, self._options.port, timeout=5)
        try:
            connection.request("GET", "/readyz", headers={"Host": host_header})
            answer = connection.getresponse()
            body = answer.read(500).decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        if answer.status != 200 and body not in answers:
            answers.append(body)
            self._supervisor.say(f"/readyz answers {answer.status}: {body}")
        return answer.status == 200


def _check_port(options: Options) -> None:
    host = options.host or "0.0.0.0"  # noqa: S104 - what an empty host means to the web server
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, options.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise StackError(_port_problem(options, error)) from error


def _port_problem(options: Options, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {options.port} on {options.host} is taken by another program; choose another one with --port."
    if error.errno == errno.EACCES:
        return f"Port {options.port} needs more rights than you have; choose one above 1023 with --port."
    reason = (error.strerror or str(error)).lower()
    return (
        f"ChatSphere cannot listen on {options.host} port {options.port} ({reason}); choose another --host or --port."
    )

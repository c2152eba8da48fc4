"""Something that must be done between two services of a stack: it runs once, and the next service waits for it."""

import threading
from collections.abc import Callable


class Preparing:
    """A service that is ready when its work is done and lives for ever after."""

    name = "preparation"
    pid: int | None = None

    def __init__(self, work: Callable[[threading.Event], None]) -> None:
        self._work = work
        self._stopping = threading.Event()
        self._done = threading.Event()
        self._failure: Exception | None = None
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether it works or has worked without failing."""
        return self._failure is None

    @property
    def ready(self) -> bool:
        """Whether the work is done."""
        return self._done.is_set()

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name=self.name)
        self._thread.start()

    def stop(self) -> None:
        """Tell the work to end early, and wait for it."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def why(self) -> str:
        """What went wrong."""
        return f"the preparation failed: {self._failure}"

    def _run(self) -> None:
        try:
            self._work(self._stopping)
            self._done.set()
            self._stopping.wait()  # processes that the work started live as long as this thread
        except Exception as failure:  # told by `why`, in the thread that supervises
            self._failure = failure

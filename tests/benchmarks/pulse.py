"""A napari viewer whose window's pulse is taken: how long did its thread not answer at most?

``pulse.py PORT`` says a line when programs can send. Each line on the standard input has it say
the longest gap in seconds since the last one; ``add`` first lets napari itself make a layer.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from typing import Any, Final

from streaming_core.fleet.display import has_display
from streaming_core.fleet.host import Host, ViewerOptions, run_viewer

BEAT_MS: Final = 2
SIDE: Final = 1024


def main() -> int:
    """Serve until the standard input ends."""
    import numpy as np
    from napari import Viewer
    from qtpy.QtCore import Qt, QTimer

    from napari_plugin import adapter
    from napari_plugin.__main__ import serve

    class Felt(adapter.NapariAdapter):
        def __init__(self, viewer: Viewer) -> None:
            super().__init__(viewer)
            self._beat_at = time.perf_counter()
            self._gaps: list[float] = []
            self._words: list[str] = []
            self._pulse = QTimer()
            self._pulse.setTimerType(Qt.TimerType.PreciseTimer)
            self._pulse.setInterval(BEAT_MS)
            self._pulse.timeout.connect(self._beat)

        def serve(self, host: Host) -> None:
            super().serve(host)
            self._pulse.start()
            threading.Thread(target=self._listen, daemon=True).start()
            say("ready")

        def close(self) -> None:
            self._pulse.stop()
            super().close()

        def _listen(self) -> None:
            for line in sys.stdin:
                self._words.append(line.strip())
            os.kill(os.getpid(), signal.SIGTERM)

        def _beat(self) -> None:
            now = time.perf_counter()
            self._gaps.append(now - self._beat_at)
            self._beat_at = now
            while self._words:
                if self._words.pop() == "add":
                    image: Any = np.zeros((SIDE, SIDE), np.uint16)
                    self.viewer.add_image(image, contrast_limits=(0, 65535))
                    self._words.append("tell")
                    return
                say(sorted(self._gaps)[-20:])
                self._gaps.clear()

    adapter.NapariAdapter = Felt  # type: ignore[assignment, misc]
    options = ViewerOptions("napari", int(sys.argv[1]), not has_display(), False, None)
    return serve(options)


def say(words: object) -> None:
    """Write a line at once."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(run_viewer(main))

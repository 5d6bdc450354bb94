"""A viewer kind of your own, which prints what arrives: ``python own_viewer.py 5800``."""

import sys
from queue import SimpleQueue

from streaming_core.fleet.host import Host
from streaming_core.protocol.catalog import Catalog
from streaming_core.stream.adapter import Arrival, copy_pixels


class Terminal:
    """A `ViewerAdapter`: the I/O thread calls `own`, `post` and `call`, and must not wait."""

    viewer_kind, engine, verbs = "terminal", "text", frozenset({"state", "quit"})
    keeps_mappings = paused = False

    def __init__(self):
        self.catalog, self.queue = Catalog(), SimpleQueue()
        self.post = self.call = self.queue.put
        self.own = lambda image, pixels: copy_pixels(pixels)
        self.gui_age = lambda: 0.0

    def run(self):
        """Show images and answer requests, in their order, until asked to quit."""
        while isinstance(item := self.queue.get(), Arrival) or item.verb == "state":
            if isinstance(item, Arrival):
                for key, inside, index in self.catalog.locate(item.image):
                    plane = item.pixels[index]
                    self.catalog.put(item.image, key, inside, plane)
                    print(key.title(), inside, f"mean {plane.mean():.1f}", flush=True)
                item.shown()
            else:
                item.reply({"groups": self.catalog.state(), "memory": {}, "paused": False})
        item.reply({})


host = Host(terminal := Terminal(), int(sys.argv[1]))  # from now on connect() finds it
terminal.run()
host.close()

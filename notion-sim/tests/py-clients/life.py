"""Lives of Python clients: `NOTION_SIM_URL=… NOTION_SIM_TOKEN=… python life.py`."""

import os

import sdk
import ultimate

for client in (sdk, ultimate):
    client.live(os.environ["NOTION_SIM_URL"], os.environ["NOTION_SIM_TOKEN"])
    print(f"ok {client.__name__}")

#!/usr/bin/env python3
"""One command for each source of a build's compile_commands.json, to standard output: the libraries' own, where images, the
simulation and the fuzz targets compile the same file a dozen times more. For clang-tidy, which would look at it as often."""
import json
import os
import sys

commands = {}
for entry in json.load(open(os.path.join(sys.argv[1], "compile_commands.json"), encoding="utf-8")):
    source = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
    room = os.path.relpath(source, os.path.dirname(os.path.abspath(sys.argv[1]))).split(os.sep)[0]
    own = entry.get("output", "").split(os.sep)[0] == room
    if own or source not in commands:
        commands[source] = entry
json.dump(list(commands.values()), sys.stdout, indent=1)

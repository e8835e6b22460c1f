#!/bin/sh
# First process of every stand-in: the real image's command and arguments mean
# nothing to it.
exec python3 -I -S /usr/local/lib/quorate/standin.py

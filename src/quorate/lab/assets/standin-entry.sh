#!/bin/sh
# First process of every stand-in: the real image's command and arguments mean
# nothing to it.
case "${STANDIN_IMAGE:-}" in
*gitlab-[ce]e:*) gitlab-ctl reconfigure ;; # GitLab's image configures itself before it serves
esac
exec python3 -I -S /usr/local/lib/quorate/standin.py

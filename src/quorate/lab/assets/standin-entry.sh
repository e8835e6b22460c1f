#!/bin/sh
# First process of every stand-in: the real image's command and arguments mean
# nothing to it.
case "${STANDIN_IMAGE:-}" in
*gitlab-[ce]e:*) # GitLab's image configures itself before it serves; all of it starts then
    gitlab-ctl reconfigure
    gitlab-ctl start
    ;;
esac
exec python3 -I -S /usr/local/lib/quorate/standin.py
